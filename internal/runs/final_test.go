package runs_test

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/uris"
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// see gives the engine's observations of a run's generation to the service.
func (b *bench) see(id runs.ID, generation int, list ...runs.Observation) {
	b.t.Helper()
	for i := range list {
		list[i].RunID, list[i].Generation = id, generation
		if list[i].Time.IsZero() {
			list[i].Time = noon
		}
	}
	if err := b.engine.sink(b.t.Context(), list); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) folder(id runs.ID) uris.RunFolder { return uris.Layout{Root: b.root}.Run(string(id)) }

// TestEndsAreRecordedInTheFolder has a run fail and then, retried, succeed:
// its folder tells of both.
func TestEndsAreRecordedInTheFolder(t *testing.T) {
	b := newBench(t)
	s := b.service(b.store())
	b.reconcile(s)
	sub, err := s.Submit(t.Context(), call("k"))
	if err != nil {
		t.Fatal(err)
	}
	id := sub.Run.ID
	if _, err := runs.ReadFinal(t.Context(), b.blobs, b.folder(id), 1); !errors.Is(err, problem.ErrNotFound) {
		t.Errorf("before its end: %v", err)
	}
	failure := &steps.Failure{Code: steps.FailExit, Message: "It failed.", Node: "upper", Attempt: 3}
	b.see(id, 1, runs.Observation{State: runs.Running, Time: noon.Add(-time.Minute)},
		runs.Observation{Task: &runs.TaskStatus{Node: "upper", Attempt: 3, State: runs.Failed, Failure: failure}},
		runs.Observation{State: runs.Failed, Failure: failure, Progress: &runs.Progress{Done: 1, Total: 1, Failed: 1}})
	run, err := s.Get(t.Context(), "t", id)
	if err != nil {
		t.Fatal(err)
	}
	got, err := runs.ReadFinal(t.Context(), b.blobs, b.folder(id), 1)
	if err != nil {
		t.Fatal(err)
	}
	want := &runs.Final{
		Format: "ligase.final/v1", RunID: id, Generation: 1, Digest: run.Digest, State: runs.Failed, Failure: failure,
		Progress: run.Progress, StartedAt: run.StartedAt, FinishedAt: run.FinishedAt, Summary: json.RawMessage(run.Summary),
		Tasks: []runs.TaskStatus{{Node: "upper", Attempt: 3, State: runs.Failed, Failure: failure}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}

	if _, err := s.Retry(t.Context(), "t", id); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the folder tells of the retry", func() bool {
		_, err := b.blobs.Stat(t.Context(), b.folder(id).Generation(2))
		return err == nil
	})
	b.see(id, 2, runs.Observation{State: runs.Running}, runs.Observation{State: runs.Succeeded, Time: noon.Add(time.Hour)})
	for generation, want := range map[int]runs.State{1: runs.Failed, 2: runs.Succeeded} {
		got, err := runs.ReadFinal(t.Context(), b.blobs, b.folder(id), generation)
		if err != nil || got.State != want || got.Generation != generation {
			t.Errorf("generation %d: %+v, %v", generation, got, err)
		}
	}
}

// TestTheFirstEndIsTold has two processes, each with an index of its own, see
// one run end differently.
func TestTheFirstEndIsTold(t *testing.T) {
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
	second := other.service(b.store())
	other.reconcile(second)
	if _, err := second.Submit(t.Context(), call("k")); err != nil {
		t.Fatal(err)
	}
	b.see(id, 1, runs.Observation{State: runs.Running}, runs.Observation{State: runs.Succeeded, Progress: &runs.Progress{Done: 1, Total: 1}})
	other.see(id, 1, runs.Observation{State: runs.Running}, runs.Observation{State: runs.Failed, Time: noon.Add(time.Minute),
		Failure: &steps.Failure{Code: steps.FailUnknown, Message: "The Workflow was deleted."}})
	for _, s := range []*runs.Service{first, second} {
		run, err := s.Get(t.Context(), "t", id)
		if err != nil || run.State != runs.Succeeded || run.Failure != nil || !run.FinishedAt.Equal(noon) || run.Progress.Done != 1 {
			t.Errorf("told: %+v, %v", run, err)
		}
	}
}

// TestAnEndWaitsForTheStore keeps the record of an end from being written for
// a while: the run is not told to have ended before, others are.
func TestAnEndWaitsForTheStore(t *testing.T) {
	b := newBench(t)
	s := b.service(b.store())
	b.reconcile(s)
	var ids []runs.ID
	for _, name := range []string{"kept", "other"} {
		sub, err := s.Submit(t.Context(), call(name))
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, sub.Run.ID)
	}
	blocked := b.folder(ids[0]).Final(1).Path() // a folder in its place
	if err := os.Mkdir(blocked, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		b.see(id, 1, runs.Observation{State: runs.Running}, runs.Observation{State: runs.Succeeded})
	}
	if run, err := s.Get(t.Context(), "t", ids[1]); err != nil || run.State != runs.Succeeded {
		t.Errorf("the other: %s, %v", run.State, err)
	}
	if run, err := s.Get(t.Context(), "t", ids[0]); err != nil || run.State != runs.Running || !strings.Contains(run.Waiting, "store") {
		t.Errorf("the one that is kept: %s %q, %v", run.State, run.Waiting, err)
	}
	if err := os.Remove(blocked); err != nil {
		t.Fatal(err)
	}
	eventually(t, "its end is told", func() bool {
		run, err := s.Get(t.Context(), "t", ids[0])
		return err == nil && run.State == runs.Succeeded && run.Waiting == ""
	})
	if _, err := runs.ReadFinal(t.Context(), b.blobs, b.folder(ids[0]), 1); err != nil {
		t.Error(err)
	}
}

// TestACutOffRecord is what a loss of power can leave.
func TestACutOffRecord(t *testing.T) {
	b := newBench(t)
	s := b.service(b.store())
	b.reconcile(s)
	sub, err := s.Submit(t.Context(), call("k"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.blobs.Put(t.Context(), b.folder(sub.Run.ID).Final(1), strings.NewReader(`{"format": "liga`)); err != nil {
		t.Fatal(err)
	}
	b.see(sub.Run.ID, 1, runs.Observation{State: runs.Running}, runs.Observation{State: runs.Succeeded})
	if run, err := s.Get(t.Context(), "t", sub.Run.ID); err != nil || run.State != runs.Succeeded {
		t.Errorf("told: %s, %v", run.State, err)
	}
	if final, err := runs.ReadFinal(t.Context(), b.blobs, b.folder(sub.Run.ID), 1); err != nil || final.State != runs.Succeeded {
		t.Errorf("kept: %+v, %v", final, err)
	}
}
