package local

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/internal/runs"
)

func TestLogs(t *testing.T) {
	l := newLab(t, nil)
	l.run()
	j := l.submit(l.job(1, "script", map[string]any{
		"script": inTurn(l.file("n"), "echo one; exit 1",
			fmt.Sprintf("echo two; while [ ! -e %s ]; do sleep 0.01; done; echo three", l.file("go"))),
	}))
	l.record.wait(t, "the second attempt", func(o runs.Observation) bool { return o.Task != nil && o.Task.Attempt == 2 })

	q := runs.LogQuery{Folder: j.Folder, Node: "script", Follow: true}
	followed := make(chan string, 1)
	go func() {
		text, err := l.log(q)
		if err != nil {
			text = err.Error()
		}
		followed <- text
	}()
	time.Sleep(50 * time.Millisecond)
	if err := os.WriteFile(l.file("go"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := <-followed; got != "two\nthree\n" {
		t.Errorf("followed %q", got)
	}
	l.ends(j, runs.Succeeded)
	for attempt, want := range map[int]string{0: "two\nthree\n", 1: "one\n", 2: "two\nthree\n"} {
		for _, follow := range []bool{false, true} {
			q.Attempt, q.Follow = attempt, follow
			if got, err := l.log(q); got != want || err != nil {
				t.Errorf("attempt %d, follow %v: %q, %v", attempt, follow, got, err)
			}
		}
	}
	for attempt, sentence := range map[int]string{3: "the latest is 2"} {
		q.Attempt = attempt
		if _, err := l.log(q); !errors.Is(err, problem.ErrNotFound) || !strings.Contains(err.Error(), sentence) {
			t.Errorf("attempt %d: %v", attempt, err)
		}
	}
	q = runs.LogQuery{Folder: j.Folder, Node: "nobody"}
	if _, err := l.log(q); !errors.Is(err, problem.ErrNotFound) || !strings.Contains(err.Error(), "not started") {
		t.Errorf("a task that is not there: %v", err)
	}
	// One that printed nothing has an empty log, not none.
	quiet := l.submit(l.job(2, "script", nil))
	l.ends(quiet, runs.Succeeded)
	if got, err := l.log(runs.LogQuery{Folder: quiet.Folder, Node: "script"}); got != "" || err != nil {
		t.Errorf("a silent task: %q, %v", got, err)
	}
}
