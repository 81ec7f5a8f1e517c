package local

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/steps"
)

// TestWhatWasSpentBefore goes on with a run of which earlier engines have left
// attempts. Its task may be retried twice, when it fails with exit.
func TestWhatWasSpentBefore(t *testing.T) {
	exit := func(n int) *steps.Failure {
		return &steps.Failure{Code: steps.FailExit, Message: fmt.Sprintf("Failure %d.", n)}
	}
	stopped := &steps.Failure{Code: steps.FailPreempted, Message: "The engine stopped."}
	tests := []struct {
		name       string
		records    map[int]*steps.Failure // failure records in the run folder, by attempt
		left       int                    // the highest attempt that left a private folder
		generation int
		before     int // the attempts of the generation before, in its record; -1: none
		script     string
		want       runs.State
		attempt    int    // that the task ended with
		message    string // part of the failure's
	}{
		{"nothing", nil, 0, 1, -1, "exit 1", runs.Failed, 3, "exit"},
		{"one failure", map[int]*steps.Failure{1: exit(1)}, 0, 1, -1, "exit 1", runs.Failed, 3, "exit"},
		{"all of them", map[int]*steps.Failure{1: exit(1), 2: exit(2), 3: exit(3)}, 0, 1, -1, "true", runs.Failed, 3, "Failure 3."},
		{"one of a class that is not retried", map[int]*steps.Failure{1: {Code: steps.FailInput, Message: "No input."}}, 0, 1, -1, "true", runs.Failed, 1, "No input."},
		{"engines that stopped", map[int]*steps.Failure{1: stopped, 2: stopped, 3: stopped, 4: exit(4)}, 0, 1, -1, "exit 1", runs.Failed, 6, "exit"},
		{"engines that died", nil, 7, 1, -1, "true", runs.Succeeded, 8, ""},
		{"too many that died", nil, 8, 1, -1, "true", runs.Failed, 8, "died 8 times"},
		{"some of each", map[int]*steps.Failure{2: exit(2), 5: stopped}, 9, 1, -1, "true", runs.Succeeded, 10, ""},
		{"a retry of the run", map[int]*steps.Failure{1: exit(1), 2: exit(2), 3: exit(3)}, 0, 2, 3, "exit 1", runs.Failed, 6, "exit"},
		{"and its own failures", map[int]*steps.Failure{3: exit(3), 4: exit(4), 5: exit(5), 6: exit(6)}, 0, 2, 3, "true", runs.Failed, 6, "Failure 6."},
		{"and its own engines", nil, 12, 2, 3, "true", runs.Failed, 12, "died 9 times"},
		{"a retry of what nothing is known of", map[int]*steps.Failure{1: exit(1), 2: exit(2), 3: exit(3)}, 0, 2, -1, "true", runs.Succeeded, 4, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := newLab(t, nil)
			j := l.job(1, "script", map[string]any{"script": tt.script + `; echo hi > note.txt`})
			j.Generation = tt.generation
			put := func(at string, v any) {
				t.Helper()
				data, err := json.Marshal(v)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(at, data, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			for n, f := range tt.records {
				put(j.Folder.Failure("script", "", n).Path(), f)
			}
			if tt.left > 0 {
				if err := os.MkdirAll(filepath.Join(l.dir, workName, string(j.ID), "script", fmt.Sprintf("attempt-%d", tt.left)), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			if tt.before >= 0 {
				put(j.Folder.Final(tt.generation-1).Path(), runs.Final{
					Format: "ligase.final/v1", RunID: j.ID, Generation: tt.generation - 1, State: runs.Failed,
					Tasks: []runs.TaskStatus{{Node: "script", Attempt: tt.before, State: runs.Failed}},
				})
			}
			l.run()
			l.submit(j)
			end := l.ends(j, tt.want)
			task := l.record.wait(l, "the end of the task", func(o runs.Observation) bool { return o.Task != nil && o.Task.State == tt.want })
			if task.Task.Attempt != tt.attempt {
				t.Errorf("it ended with attempt %d, want %d", task.Task.Attempt, tt.attempt)
			}
			if tt.want == runs.Failed && (end.Failure == nil || !strings.Contains(end.Failure.Message, tt.message) || end.Failure.Node != "script") {
				t.Errorf("failure %+v does not say %q", end.Failure, tt.message)
			}
		})
	}
}
