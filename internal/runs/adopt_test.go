package runs_test

import (
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ligase-bio/ligase/internal/local"
	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/internal/runs/runstest"
	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/steps/worker"
	"github.com/ligase-bio/ligase/uris"
)

// localLab runs plans for real.
func localLab(t *testing.T, b *bench) *runstest.Lab {
	return runstest.NewLab(t, runstest.Harness{
		NewEngine: func(t *testing.T, env runstest.Env) runs.Engine {
			w, err := worker.New(worker.Options{Store: env.Blobs, WorkDir: filepath.Join(env.Dir, "work"), Version: "test"})
			if err != nil {
				t.Fatal(err)
			}
			e, err := local.New(local.Options{Worker: w, Blobs: env.Blobs, DataDir: env.Dir, Slots: local.Slots{CPU: 4}})
			if err != nil {
				t.Fatal(err)
			}
			return e
		},
		OpenStore: func(*testing.T) runs.Store { return b.store() },
		Blobs:     func(*testing.T) (*uris.Store, uris.URI) { return b.blobs, b.root },
	})
}

// told is all that a service says of a run, apart from its history.
type told struct {
	Run     runs.Run
	Summary runs.Summary
	Tasks   []runs.TaskStatus
	Nodes   []runs.NodeStatus
	Outputs []runs.OutputRef
	Digest  string
}

func tellOf(t *testing.T, s *runs.Service, tenant string, id runs.ID) string {
	t.Helper()
	var all told
	var err error
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	all.Run, err = s.Get(t.Context(), tenant, id)
	check(err)
	all.Run.UpdatedAt = time.Time{}
	all.Summary, err = s.Summary(t.Context(), tenant, id)
	check(err)
	tasks, err := s.Tasks(t.Context(), tenant, id, runs.TaskFilter{Limit: 1000})
	check(err)
	all.Tasks = tasks.Tasks
	all.Nodes, err = s.Nodes(t.Context(), tenant, id)
	check(err)
	outputs, err := s.Outputs(t.Context(), tenant, id, "", "", 1000)
	check(err)
	all.Outputs = outputs.Outputs
	plan, err := s.PlanOf(t.Context(), tenant, id)
	check(err)
	all.Digest = plan.Digest()
	data, err := json.MarshalIndent(all, "", " ")
	check(err)
	return string(data)
}

// TestASummaryTellsAnEndThatAnotherReplicaHasTold: a caller that heard of the
// end from one replica asks another, whose own watch has not.
func TestASummaryTellsAnEndThatAnotherReplicaHasTold(t *testing.T) {
	b := newBench(t)
	first := b.service(b.store())
	b.reconcile(first)
	sub, err := first.Submit(t.Context(), call("k"))
	if err != nil {
		t.Fatal(err)
	}
	id := sub.Run.ID
	other := *b
	other.engine = newPuppet() // it sees nothing
	second := other.service(b.store())
	if sum, err := second.Summary(t.Context(), "t", id); err != nil || sum.Status.Terminal() {
		t.Fatalf("while it runs the other says %s, %v", sum.Status, err)
	}
	b.see(id, 1, runs.Observation{State: runs.Running}, runs.Observation{State: runs.Cancelled})
	for name, s := range map[string]*runs.Service{"the first": first, "the other": second} {
		if sum, err := s.Summary(t.Context(), "t", id); err != nil || sum.Status != runs.Cancelled {
			t.Errorf("when it has ended %s says %s, %v", name, sum.Status, err)
		}
	}
}

// startEnds starts runs that end in every way, and waits for them.
func startEnds(l *runstest.Lab) (ids []runs.ID) {
	for _, req := range []runs.SubmitRequest{
		{Tool: "chain", Labels: map[string]string{"project": "p"}},
		{Tool: "tolerant"},
		{Tool: "tolerant", Params: map[string]any{"word": "item"}},
		{Tool: "picky", Params: map[string]any{"word": "no"}, Inputs: map[string][]runs.InputValue{"in": {{Inline: []byte("no\n"), Name: "in.txt"}}}},
		{Tool: "nested"},
	} {
		ids = append(ids, l.Start(req).ID)
	}
	for _, id := range ids {
		l.End(id)
	}
	return ids
}

// TestAReplicaKnowsWhatAnotherHasRun asks a service that has never heard of
// the runs: it tells what the one that ran them tells.
func TestAReplicaKnowsWhatAnotherHasRun(t *testing.T) {
	b := newBench(t)
	l := localLab(t, b)
	ids := startEnds(l)
	replica := b.service(b.store())
	for _, id := range ids {
		if diff := cmp.Diff(tellOf(t, l.Service, "suite", id), tellOf(t, replica, "suite", id)); diff != "" {
			t.Errorf("%s: -first +replica\n%s", id, diff)
		}
	}
	if handed := b.engine.handed(); len(handed) != 0 {
		t.Errorf("what has ended was given to the engine: %v", handed)
	}
	// Each way of asking will do, as the first one.
	for name, ask := range map[string]func(s *runs.Service, id runs.ID) error{
		"summary": func(s *runs.Service, id runs.ID) error { _, err := s.Summary(t.Context(), "suite", id); return err },
		"tasks": func(s *runs.Service, id runs.ID) error {
			_, err := s.Tasks(t.Context(), "suite", id, runs.TaskFilter{})
			return err
		},
		"events": func(s *runs.Service, id runs.ID) error {
			_, err := s.Events(t.Context(), "suite", id, 0, 0)
			return err
		},
		"outputs": func(s *runs.Service, id runs.ID) error {
			_, err := s.Outputs(t.Context(), "suite", id, "", "", 0)
			return err
		},
		"cancel":  func(s *runs.Service, id runs.ID) error { _, err := s.Cancel(t.Context(), "suite", id); return err },
		"suspend": func(s *runs.Service, id runs.ID) error { _, err := s.Suspend(t.Context(), "suite", id); return err },
		"wait":    func(s *runs.Service, id runs.ID) error { _, err := s.Wait(t.Context(), "suite", id); return err },
	} {
		if err := ask(b.service(b.store()), ids[0]); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	again := b.service(b.store())
	run, err := again.Retry(t.Context(), "suite", ids[3])
	if err != nil || run.Generation != 2 || run.State != runs.Pending {
		t.Errorf("retry: %+v, %v", run, err)
	}
}

// TestAReplicaTakesUpARun finds a run that goes on, and follows its retry.
func TestAReplicaTakesUpARun(t *testing.T) {
	b := newBench(t)
	first := b.service(b.store())
	b.reconcile(first)
	sub, err := first.Submit(t.Context(), call("k"))
	if err != nil {
		t.Fatal(err)
	}
	id := sub.Run.ID
	other := *b
	other.engine = newPuppet()
	store := b.store()
	second := other.service(store)
	other.reconcile(second)

	_, unknown := second.Get(t.Context(), "t", runs.IDOf("t", "nothing"))
	_, foreign := second.Get(t.Context(), "u", id)
	if !errors.Is(unknown, problem.ErrNotFound) || !errors.Is(foreign, problem.ErrNotFound) ||
		strings.ReplaceAll(unknown.Error(), string(runs.IDOf("t", "nothing")), string(id)) != foreign.Error() {
		t.Errorf("unknown: %v; another tenant's: %v", unknown, foreign)
	}
	if active, err := store.Active(t.Context()); err != nil || len(active) != 0 {
		t.Errorf("another tenant's question has made a row: %+v, %v", active, err)
	}
	run, err := second.Get(t.Context(), "t", id)
	if err != nil || run.State != runs.Pending || run.RequestID != "k" || run.Labels["project"] != "p" || !run.CreatedAt.Equal(sub.Run.CreatedAt) {
		t.Fatalf("found: %+v, %v", run, err)
	}
	other.engine.mu.Lock()
	if len(other.engine.jobs) != 1 || other.engine.jobs[0].Fresh || other.engine.jobs[0].Plan.Digest() != run.Digest {
		t.Errorf("given to the engine: %+v", other.engine.jobs)
	}
	other.engine.mu.Unlock()

	failure := &steps.Failure{Code: steps.FailExit, Message: "It failed."}
	for _, see := range []func(runs.ID, int, ...runs.Observation){b.see, other.see} {
		see(id, 1, runs.Observation{State: runs.Running}, runs.Observation{State: runs.Failed, Failure: failure})
	}
	if _, err := first.Retry(t.Context(), "t", id); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the other one knows of the retry", func() bool {
		run, err := second.Get(t.Context(), "t", id)
		return err == nil && run.Generation == 2 && run.State == runs.Pending
	})
	eventually(t, "and its engine, too", func() bool { return other.engine.handed()[string(id)+"#2"] == 1 })

	// A third one finds the second generation at once.
	third := *b
	third.engine = newPuppet()
	again, err := third.service(b.store()).Submit(t.Context(), call("k"))
	if err != nil || again.Created || again.Run.Generation != 2 {
		t.Errorf("submitted again elsewhere: %+v, %v", again, err)
	}
}

// TestAnEndThatWasNotTold is a process killed between the record of an end and
// the row: the next one tells that end, and runs nothing again.
func TestAnEndThatWasNotTold(t *testing.T) {
	b := newBench(t)
	l := localLab(t, b)
	id := l.Start(runs.SubmitRequest{Tool: "picky", RequestID: "r", Params: map[string]any{"word": "no"},
		Inputs: map[string][]runs.InputValue{"in": {{Inline: []byte("no\n"), Name: "in.txt"}}}}).ID
	l.End(id)
	want := tellOf(t, l.Service, "suite", id)

	store := b.store()
	run, err := l.Get(t.Context(), "suite", id)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := l.PlanOf(t.Context(), "suite", id)
	if err != nil {
		t.Fatal(err)
	}
	run.State, run.Failure, run.Summary, run.Progress = runs.Pending, nil, nil, runs.Progress{}
	run.StartedAt, run.FinishedAt = time.Time{}, time.Time{}
	if _, _, err := store.Create(t.Context(), run, plan); err != nil {
		t.Fatal(err)
	}
	next := b.service(store)
	b.reconcile(next)
	if _, err := next.Wait(t.Context(), "suite", id); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, tellOf(t, next, "suite", id)); diff != "" {
		t.Errorf("-first +next\n%s", diff)
	}
	if handed := b.engine.handed(); len(handed) != 0 {
		t.Errorf("the engine was given %v", handed)
	}
}

// TestClaimsThatCannotBeAdopted leaves alone what it does not understand.
func TestClaimsThatCannotBeAdopted(t *testing.T) {
	b := newBench(t)
	first := b.service(b.store())
	sub, err := first.Submit(t.Context(), call("k"))
	if err != nil {
		t.Fatal(err)
	}
	id := sub.Run.ID
	meta, err := b.blobs.ReadAll(t.Context(), b.folder(id).Meta(), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		old, new string
		want     error
		says     string
	}{
		"a newer format":    {"ligase.run/v1", "ligase.run/v9", problem.ErrRefused, "v9"},
		"another run's":     {string(id), string(runs.IDOf("t", "other")), problem.ErrRefused, "another run"},
		"a changed plan":    {`"version":"1.0.0"`, `"version":"1.0.1"`, problem.ErrRefused, "plan"},
		"another engine's":  {`"engine":"puppet"`, `"engine":"argo"`, problem.ErrRefused, "argo"},
		"a piece of a file": {string(meta[len(meta)/2:]), "", problem.ErrNotFound, string(id)},
	} {
		text := strings.ReplaceAll(string(meta), tt.old, tt.new)
		if text == string(meta) {
			t.Fatalf("%s: nothing was changed", name)
		}
		if _, err := b.blobs.Put(t.Context(), b.folder(id).Meta(), strings.NewReader(text)); err != nil {
			t.Fatal(err)
		}
		if _, err := b.service(b.store()).Get(t.Context(), "u", id); !errors.Is(err, problem.ErrNotFound) || strings.Contains(err.Error(), "meta") {
			t.Errorf("%s, another tenant's: %v", name, err)
		}
		if _, err := b.service(b.store()).Get(t.Context(), "t", id); !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestACallThatWasCutShort is no run to anybody else, until it is made again:
// the input that it was to bring along is not there.
func TestACallThatWasCutShort(t *testing.T) {
	b := newBench(t)
	crash := errors.New("crash")
	first := b.service(b.store(), func(o *runs.Options) {
		o.SetFailpoint(func(point string) error {
			if point == "claimed" {
				return crash
			}
			return nil
		})
	})
	if _, err := first.Submit(t.Context(), call("k")); !errors.Is(err, crash) {
		t.Fatal(err)
	}
	id := runs.IDOf("t", "k")
	other := b.service(b.store())
	if _, err := other.Get(t.Context(), "t", id); !errors.Is(err, problem.ErrNotFound) {
		t.Errorf("asked for: %v", err)
	}
	if got, err := other.Reindex(t.Context(), nil); err != nil || got.Added != 0 || len(got.Left) != 1 {
		t.Errorf("looked for: %+v, %v", got, err)
	}
	if handed := b.engine.handed(); len(handed) != 0 {
		t.Errorf("the engine was given %v", handed)
	}
	if sub, err := b.service(b.store()).Submit(t.Context(), call("k")); err != nil || sub.Run.ID != id {
		t.Errorf("made again: %+v, %v", sub, err)
	}
	if got, err := other.Reindex(t.Context(), nil); err != nil || got.Added != 1 {
		t.Errorf("looked for again: %+v, %v", got, err)
	}
}
