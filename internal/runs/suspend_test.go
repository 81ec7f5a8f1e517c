package runs_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/internal/runs"
)

// TestSuspendIsCarriedOut holds runs before and after their engine has them:
// it is told so with the job, and later once for each change of mind.
func TestSuspendIsCarriedOut(t *testing.T) {
	b := newBench(t)
	b.engine.set(problem.ErrUnavailable)
	s := b.service(b.store())
	early, err := s.Submit(t.Context(), call("early"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Suspend(t.Context(), "t", early.Run.ID); err != nil {
		t.Fatal(err)
	}
	b.engine.set(nil)
	b.reconcile(s)
	eventually(t, "the engine has it", func() bool { return len(b.engine.handed()) == 1 })
	b.engine.mu.Lock()
	if !b.engine.jobs[0].Suspended || b.engine.jobs[0].Fresh {
		t.Errorf("handed over as %+v", b.engine.jobs[0])
	}
	b.engine.mu.Unlock()

	b.engine.set(problem.ErrUnavailable) // the intent waits for the engine
	if _, err := s.Resume(t.Context(), "t", early.Run.ID); err != nil {
		t.Fatal(err)
	}
	told := func() []bool {
		b.engine.mu.Lock()
		defer b.engine.mu.Unlock()
		return slices.Clone(b.engine.suspends)
	}
	time.Sleep(50 * time.Millisecond)
	b.engine.set(nil)
	eventually(t, "the engine lets it go on", func() bool { return slices.Equal(told(), []bool{false}) })
	if _, err := s.Suspend(t.Context(), "t", early.Run.ID); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the engine holds it again", func() bool { return slices.Equal(told(), []bool{false, true}) })

	late, err := s.Submit(t.Context(), call("late"))
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the engine has both", func() bool { return len(b.engine.handed()) == 2 })
	b.engine.mu.Lock()
	if job := b.engine.jobs[len(b.engine.jobs)-1]; job.ID != late.Run.ID || job.Suspended || !job.Fresh {
		t.Errorf("handed over as %+v", job)
	}
	b.engine.mu.Unlock()
	time.Sleep(100 * time.Millisecond) // some sweeps
	if got := told(); len(got) != 2 {
		t.Errorf("the engine was told %v", got)
	}
}

// TestSuspendedRunsNeedNoEngine is what lets an idle engine's process end.
func TestSuspendedRunsNeedNoEngine(t *testing.T) {
	b := newBench(t)
	s := b.service(b.store())
	sub, err := s.Submit(t.Context(), call("k"))
	if err != nil {
		t.Fatal(err)
	}
	busy := func(want bool) {
		t.Helper()
		if got, err := s.Busy(t.Context()); err != nil || got != want {
			t.Errorf("busy: %v, want %v; %v", got, want, err)
		}
	}
	busy(true)
	if _, err := s.Suspend(t.Context(), "t", sub.Run.ID); err != nil {
		t.Fatal(err)
	}
	busy(false)
	page, err := s.List(t.Context(), runs.RunFilter{Tenant: "t"})
	if err != nil || len(page.Runs) != 1 || !strings.Contains(page.Runs[0].Waiting, "suspended") {
		t.Errorf("listed as %+v, %v", page.Runs, err)
	}
	if _, err := s.Cancel(t.Context(), "t", sub.Run.ID); err != nil {
		t.Fatal(err)
	}
	busy(true)
}

// plainEngine can do no more than every engine must.
type plainEngine struct{ runs.Engine }

// clusterEngine has a cluster, which has not been heard of for a while.
type clusterEngine struct {
	*puppet
	since time.Time
}

func (clusterEngine) Events(_ context.Context, run runs.Run, limit int) ([]runs.Event, error) {
	return []runs.Event{{Kind: "FailedScheduling", Source: "kubernetes", Count: limit, Message: string(run.ID)}}, nil
}

func (c clusterEngine) StaleSince() time.Time { return c.since }

func TestWhatOnlySomeEnginesCanDo(t *testing.T) {
	b := newBench(t)
	store := b.store()
	plain := b.service(store, func(o *runs.Options) { o.Engine = plainEngine{b.engine} })
	sub, err := plain.Submit(t.Context(), call("k"))
	if err != nil {
		t.Fatal(err)
	}
	id := sub.Run.ID
	if _, err := plain.Suspend(t.Context(), "t", id); !errors.Is(err, problem.ErrRefused) {
		t.Errorf("suspend: %v", err)
	}
	if _, err := plain.ClusterEvents(t.Context(), "t", id, 0); !errors.Is(err, problem.ErrRefused) {
		t.Errorf("events: %v", err)
	}
	if sum, err := plain.Summary(t.Context(), "t", id); err != nil || !sum.StaleSince.IsZero() {
		t.Errorf("stale since %v, %v", sum.StaleSince, err)
	}

	since := time.Date(2026, 11, 20, 1, 2, 3, 0, time.UTC)
	cluster := b.service(store, func(o *runs.Options) { o.Engine = clusterEngine{b.engine, since} })
	events, err := cluster.ClusterEvents(t.Context(), "t", id, 7)
	if err != nil || len(events) != 1 || events[0].Count != 7 || events[0].Message != string(id) {
		t.Errorf("events: %+v, %v", events, err)
	}
	if _, err := cluster.ClusterEvents(t.Context(), "other", id, 7); !errors.Is(err, problem.ErrNotFound) {
		t.Errorf("another tenant's events: %v", err)
	}
	if sum, err := cluster.Summary(t.Context(), "t", id); err != nil || !sum.StaleSince.Equal(since) {
		t.Errorf("stale since %v, %v", sum.StaleSince, err)
	}
	if err := store.Apply(t.Context(), []runs.Observation{{RunID: id, Generation: 1, Time: since, State: runs.Failed}}); err != nil {
		t.Fatal(err)
	}
	if sum, err := cluster.Summary(t.Context(), "t", id); err != nil || !sum.StaleSince.IsZero() {
		t.Errorf("it has ended, and is stale since %v, %v", sum.StaleSince, err)
	}
}
