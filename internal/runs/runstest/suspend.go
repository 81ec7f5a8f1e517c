package runstest

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ligase-bio/ligase/internal/runs"
)

// testSuspendRun holds a run while its first step is at work: that one ends
// and commits, and the next one starts only once the run is resumed.
func testSuspendRun(t *testing.T, l *Lab) {
	held := l.Start(runs.SubmitRequest{Tool: "restful"})
	l.until(held.ID, runs.Running)
	for range 2 {
		run, err := l.Suspend(t.Context(), tenant, held.ID)
		if err != nil || !run.Suspended || !strings.Contains(run.Waiting, "suspended") {
			t.Fatalf("suspend: %+v, %v", run, err)
		}
	}
	l.untilTask(held.ID, "first", runs.Succeeded)
	const watched = 1500 * time.Millisecond // an engine that is not held starts the next within a fraction of it
	time.Sleep(watched)
	if ends := l.Ends(held.ID); !slices.Equal(startedOf(ends), []string{"first succeeded"}) {
		t.Errorf("while it is suspended: %q", ends)
	}
	sum, err := l.Summary(t.Context(), tenant, held.ID)
	if err != nil || sum.Status != runs.Running || !strings.Contains(sum.Waiting, "suspended") {
		t.Errorf("its summary: %s %q, %v", sum.Status, sum.Waiting, err)
	}
	if run, err := l.Resume(t.Context(), tenant, held.ID); err != nil || run.Suspended || strings.Contains(run.Waiting, "suspended") {
		t.Errorf("resume: %+v, %v", run, err)
	}
	run, _ := l.End(held.ID)
	if run.State != runs.Succeeded || !slices.Equal(l.Texts(held.ID, "out"), []string{"SLEPT\n"}) {
		t.Errorf("%s, and gave %q", run.State, l.Texts(held.ID, "out"))
	}
	if run, err := l.Suspend(t.Context(), tenant, held.ID); err != nil || run.Suspended || run.State != runs.Succeeded {
		t.Errorf("suspending what has ended: %+v, %v", run, err)
	}

	// A suspended run can be cancelled, and a retry is not suspended any more.
	ended := l.Start(runs.SubmitRequest{Tool: "slow"})
	l.until(ended.ID, runs.Running)
	if _, err := l.Suspend(t.Context(), tenant, ended.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Cancel(t.Context(), tenant, ended.ID); err != nil {
		t.Fatal(err)
	}
	if run, _ := l.End(ended.ID); run.State != runs.Cancelled {
		t.Errorf("cancelled while suspended, it is %s", run.State)
	}
	if run, err := l.Retry(t.Context(), tenant, ended.ID); err != nil || run.Suspended {
		t.Fatalf("retry: %+v, %v", run, err)
	}
	l.until(ended.ID, runs.Running)
	if _, err := l.Cancel(t.Context(), tenant, ended.ID); err != nil {
		t.Fatal(err)
	}
	l.End(ended.ID)
}

// startedOf leaves out of a listing of Ends the tasks that wait.
func startedOf(ends []string) []string {
	return slices.DeleteFunc(slices.Clone(ends), func(s string) bool { return strings.HasSuffix(s, string(runs.Pending)) })
}

// untilTask waits for a node's one task to be in a state.
func (l *Lab) untilTask(id runs.ID, node string, state runs.State) {
	l.t.Helper()
	for end := time.Now().Add(l.patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		page, err := l.Tasks(l.t.Context(), tenant, id, runs.TaskFilter{Node: node})
		if err != nil {
			l.t.Fatal(err)
		}
		if len(page.Tasks) == 1 && page.Tasks[0].State == state {
			return
		}
	}
	l.t.Fatalf("%s of %s is not %s", node, id, state)
}
