package argo

import (
	"context"
	"errors"

	"github.com/ligase-bio/ligase/dag"
	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/internal/tasks"
	"github.com/ligase-bio/ligase/uris"
)

// readClaim reads which pod took the number of an attempt; nil when none did.
func readClaim(ctx context.Context, store *uris.Store, f uris.RunFolder, t dag.Task, attempt int) (*tasks.Started, error) {
	s, err := tasks.ReadStarted(ctx, store, f, t, attempt)
	if errors.Is(err, problem.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &s, nil
}
