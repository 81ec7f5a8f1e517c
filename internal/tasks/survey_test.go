package tasks_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/ligase-bio/ligase/dag"
	"github.com/ligase-bio/ligase/internal/tasks"
	"github.com/ligase-bio/ligase/uris"
)

func TestSurvey(t *testing.T) {
	root, err := uris.FromPath(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	blobs, err := uris.NewStore(uris.Options{Roots: []uris.Root{{URI: root, Write: true}}})
	if err != nil {
		t.Fatal(err)
	}
	defer blobs.Close()
	f := uris.Layout{Root: root}.Run("run-000000000000")
	put := func(u uris.URI, text string) {
		t.Helper()
		if _, err := blobs.Put(t.Context(), u, strings.NewReader(text)); err != nil {
			t.Fatal(err)
		}
	}
	empty, err := tasks.TakeSurvey(t.Context(), blobs, f)
	if err != nil || len(empty.Committed)+len(empty.Attempts) != 0 {
		t.Errorf("a new run: %+v, %v", empty, err)
	}
	split, second, tenth := dag.Task{Node: "split"}, dag.Task{Node: "odd", Index: "2"}, dag.Task{Node: "odd", Index: "10"}
	put(f.Result("split", ""), `{"node": "split", "attempt": 3}`)
	put(f.Object("split", "", 1, "notes", 0, "txt"), "a port's folder is no index")
	put(f.Result("odd", "10"), `{"node": "odd", "index": "10", "attempt": 1}`)
	put(f.Object("odd", "2", 1, "even", -1, "txt"), "an object without a commit")
	put(f.Result("odd", "3"), `{"node": "od`)
	put(f.Log("odd", "2", 1), "")
	put(f.Failure("odd", "2", 2), `{"code": "exit", "message": "It failed."}`)
	put(f.Started("odd", "2", 3), "{}")
	put(f.Log("odd", "10", 4), "of a task that committed: does not matter")
	got, err := tasks.TakeSurvey(t.Context(), blobs, f)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Committed) != 2 || got.Committed[split].Attempt != 3 || got.Committed[tenth] == nil {
		t.Errorf("committed %v", got.Committed)
	}
	if want := []dag.Task{{Node: "odd", Index: "3"}}; !slices.Equal(got.Torn, want) {
		t.Errorf("torn %v, want %v", got.Torn, want)
	}
	if want := map[dag.Task]int{second: 3}; !maps.Equal(got.Attempts, want) {
		t.Errorf("attempts %v, want %v", got.Attempts, want)
	}
	if want := map[dag.Task][]int{second: {2}}; !maps.EqualFunc(got.Failures, want, slices.Equal) {
		t.Errorf("failures %v, want %v", got.Failures, want)
	}
	for attempt, want := range map[int]string{1: "", 2: "It failed.", 3: ""} {
		failure, err := tasks.ReadFailure(t.Context(), blobs, f, second, attempt)
		if err != nil || (failure != nil) != (want != "") || failure != nil && failure.Message != want {
			t.Errorf("failure of attempt %d: %v, %v", attempt, failure, err)
		}
	}

	put(f.Result("odd", "2"), `{"node": "odd", "index": "1"}`)
	if _, err := tasks.TakeSurvey(t.Context(), blobs, f); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("another task's record: %v", err)
	}
}
