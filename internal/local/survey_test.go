package local

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ligase-bio/ligase/dag"
	"github.com/ligase-bio/ligase/uris"
)

func TestAttemptsThatWereLeftBehind(t *testing.T) {
	dir := t.TempDir()
	for _, path := range []string{
		"run-a/fold/attempt-1/work", "run-a/fold/attempt-12", "run-a/fold/attempt-x", "run-a/score/3.10/attempt-2/in/attempt-9",
		"run-b/refine.fold/attempt-1", ".clean/7/attempt-5",
	} {
		if err := os.MkdirAll(filepath.Join(dir, path), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	got, err := leftAttempts(dir)
	want := map[taskKey]int{{"run-a", "fold", ""}: 12, {"run-a", "score", "3.10"}: 2, {"run-b", "refine.fold", ""}: 1}
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("got %v, %v", got, err)
	}
	if got, err := leftAttempts(filepath.Join(dir, "nowhere")); err != nil || len(got) != 0 {
		t.Errorf("where there is no folder: %v, %v", got, err)
	}
}

func TestSurvey(t *testing.T) {
	l := newLab(t, nil)
	f := l.job(1, "sieve", nil).Folder
	put := func(u uris.URI, text string) {
		t.Helper()
		if _, err := l.blobs.Put(context.Background(), u, strings.NewReader(text)); err != nil {
			t.Fatal(err)
		}
	}
	empty, err := takeSurvey(t.Context(), l.blobs, f)
	if err != nil || len(empty.committed)+len(empty.attempts) != 0 {
		t.Errorf("a new run: %+v, %v", empty, err)
	}
	put(f.Result("split", ""), `{"node": "split", "attempt": 3}`)
	put(f.Object("split", "", 1, "notes", 0, "txt"), "a port's folder is no index")
	put(f.Result("odd", "10"), `{"node": "odd", "index": "10", "attempt": 1}`)
	put(f.Object("odd", "2", 1, "even", -1, "txt"), "an object without a commit")
	put(f.Log("odd", "2", 1), "")
	put(f.Failure("odd", "2", 2), "{}")
	put(f.Log("odd", "10", 4), "of a task that committed: does not matter")
	got, err := takeSurvey(t.Context(), l.blobs, f)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.committed) != 2 || got.committed[dagTask("split", "")].Attempt != 3 || got.committed[dagTask("odd", "10")] == nil {
		t.Errorf("committed %v", got.committed)
	}
	if want := map[dag.Task]int{dagTask("odd", "2"): 2}; !maps.Equal(got.attempts, want) {
		t.Errorf("attempts %v, want %v", got.attempts, want)
	}
}
