//go:build cluster

package argo

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/uris"
)

// TestReplicas has three gateways with an index each, one store and one
// cluster, answer 64 callers who all make the same call.
func TestReplicas(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	first := s.replica(t, nil, uris.URI{}, nil)
	replicas := []*replica{first, s.replica(t, first.blobs, first.root, nil), s.replica(t, first.blobs, first.root, nil)}
	call := runs.SubmitRequest{
		Tenant: tenant, RequestID: "one key", Tool: "collect",
		Labels: map[string]string{"note": "once"},
	}
	const callers = 64
	var (
		ready, done sync.WaitGroup
		begin       = make(chan struct{})
		created     atomic.Int32
		answers     [callers]runs.Run
	)
	for i := range callers {
		ready.Add(1)
		done.Go(func() {
			ready.Done()
			<-begin
			made, err := replicas[i%len(replicas)].Submit(t.Context(), call)
			if err != nil {
				t.Errorf("caller %d: %v", i, err)
				return
			}
			if made.Created {
				created.Add(1)
			}
			answers[i] = made.Run
		})
	}
	ready.Wait()
	close(begin)
	done.Wait()
	if t.Failed() {
		return
	}
	if n := created.Load(); n != 1 {
		t.Errorf("%d callers were told that they had created the run, want 1", n)
	}
	for i, a := range answers {
		if w := answers[0]; a.ID != w.ID || a.Workflow != w.Workflow || a.Digest != w.Digest || !a.CreatedAt.Equal(w.CreatedAt) {
			t.Errorf("caller %d was given %s (%s, %s), and the first one %s (%s, %s)", i, a.ID, a.Workflow, a.CreatedAt, w.ID, w.Workflow, w.CreatedAt)
		}
	}
	id := answers[0].ID
	s.oneWorkflow(t, id)

	other := call
	other.Tool = "nested"
	for i, r := range replicas {
		if _, err := r.Submit(t.Context(), other); !errors.Is(err, problem.ErrConflict) {
			t.Errorf("other arguments under the same key at replica %d: %v, want a conflict", i, err)
		}
	}

	var summaries []string
	for i, r := range replicas {
		run, sum := r.end(t, id, 5*time.Minute)
		is(t, run, runs.Succeeded, "")
		if got := r.output(t, sum, "out"); got != "ITEM 1\nITEM 2\nITEM 3\n" {
			t.Errorf("replica %d says that the run gave %q", i, got)
		}
		summaries = append(summaries, asJSON(t, sum))
	}
	for i, sum := range summaries {
		if sum != summaries[0] {
			t.Errorf("replica %d tells\n%s\nand the first one\n%s", i, sum, summaries[0])
		}
	}
	s.oneWorkflow(t, id)
}
