package tasks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/ligase-bio/ligase/dag"
	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/uris"
)

// Started is the claim of an attempt's number, by the pod that makes it: what
// lies at [uris.RunFolder.Started].
type Started struct {
	RunID       string     `json:"run_id"`
	Node        string     `json:"node"`
	Index       uris.Index `json:"index,omitempty"`
	Attempt     int        `json:"attempt"` // from 1
	Workflow    string     `json:"workflow,omitempty"`
	WorkflowUID string     `json:"workflow_uid,omitempty"`
	Pod         string     `json:"pod,omitempty"`
	Host        string     `json:"host,omitempty"` // the cluster's node
	StartedAt   time.Time  `json:"started_at"`
	Retry       int        `json:"retry"` // how often the Workflow has retried the task, 0 at first
	// Template is the template of others that does the work, when the pod only
	// stages for it: what that prints, Argo has.
	Template string `json:"template,omitempty"`
}

// Claim takes the next number for an attempt of a task: the first that left no
// trace, and at least s.Retry+1. It returns the claim as it was written. Of
// any number of pods that claim at once, each gets a number of its own.
func Claim(ctx context.Context, store *uris.Store, f uris.RunFolder, s Started) (Started, error) {
	t := dag.Task{Node: s.Node, Index: s.Index}
	last, err := LastAttempt(ctx, store, f, t)
	if err != nil {
		return s, fmt.Errorf("the attempts of %s: %w", t, err)
	}
	for s.Attempt = max(last, s.Retry) + 1; ; s.Attempt++ {
		content, err := json.Marshal(s)
		if err != nil {
			return s, err
		}
		err = store.PutIfAbsent(ctx, f.Started(s.Node, s.Index, s.Attempt), content)
		if !errors.Is(err, problem.ErrExists) {
			return s, err
		}
	}
}

// ReadStarted reads who claimed an attempt; problem.ErrNotFound when nobody
// did.
func ReadStarted(ctx context.Context, store *uris.Store, f uris.RunFolder, t dag.Task, attempt int) (Started, error) {
	u := f.Started(t.Node, t.Index, attempt)
	data, err := store.ReadAll(ctx, u, 1<<20)
	if err != nil {
		return Started{}, err
	}
	var s Started
	if err := json.Unmarshal(data, &s); err != nil {
		return Started{}, fmt.Errorf("%s is damaged: %w", u, err)
	}
	return s, nil
}
