package local

import (
	"maps"
	"os"
	"path/filepath"
	"testing"
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
