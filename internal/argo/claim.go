package argo

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/ligase-bio/ligase/dag"
	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/uris"
)

// claim is what a pod's worker writes of itself when it takes the number of
// an attempt (see package pod), as far as the engine goes by it.
type claim struct {
	Workflow string `json:"workflow"`
	Pod      string `json:"pod"`
}

// readClaim reads who took the number of an attempt; nil when nobody did.
func readClaim(ctx context.Context, store *uris.Store, f uris.RunFolder, t dag.Task, attempt int) (*claim, error) {
	data, err := store.ReadAll(ctx, f.Started(t.Node, t.Index, attempt), 64<<10)
	if errors.Is(err, problem.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var c claim
	if json.Unmarshal(data, &c) != nil {
		return nil, nil
	}
	return &c, nil
}
