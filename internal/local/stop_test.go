package local

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ligase-bio/ligase/internal/follow"
	"github.com/ligase-bio/ligase/internal/runs"
)

// sleeper is a script that tells its process and then sleeps.
func (l *lab) sleeper(name string) string {
	return fmt.Sprintf("echo $$ > %[1]s.tmp; mv %[1]s.tmp %[1]s; sleep 300", l.file(name))
}

func (l *lab) gone(name string) {
	l.Helper()
	pid, err := strconv.Atoi(strings.Join(l.lines(name), ""))
	if err != nil {
		l.Fatal(err)
	}
	for range 1000 {
		if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	l.Errorf("process %d lives on", pid)
}

func TestCancel(t *testing.T) {
	l := newLab(t, func(o *Options) { o.Backoff = follow.Backoff{Base: time.Hour, Max: time.Hour} })
	l.run()
	cancel := func(j runs.Job) {
		t.Helper()
		if err := l.engine.Cancel(context.Background(), j.ID); err != nil {
			t.Error(err)
		}
	}
	t.Run("running", func(t *testing.T) {
		j := l.submit(l.job(1, "twins", map[string]any{"left": l.sleeper("left"), "right": l.sleeper("right")}))
		l.appears("left")
		l.appears("right")
		cancel(j)
		cancel(j)
		l.ends(j, runs.Cancelled)
		l.gone("left")
		l.gone("right")
		for _, name := range []string{"left", "right"} {
			if s := l.record.last(j.ID)[name]; s.State != runs.Cancelled {
				t.Errorf("%s: %+v", name, s)
			}
		}
		cancel(j) // it has ended
		again := j
		again.Generation = 2
		l.submit(again)
		cancel(again)
		l.ends(again, runs.Cancelled)
	})
	t.Run("between attempts", func(t *testing.T) {
		j := l.submit(l.job(2, "script", map[string]any{"script": "exit 1"}))
		l.record.wait(t, "the retry", func(o runs.Observation) bool { return o.RunID == j.ID && o.Event != nil && o.Event.Kind == "retrying" })
		cancel(j)
		l.ends(j, runs.Cancelled)
		if s := l.record.last(j.ID)["script"]; s.State != runs.Cancelled {
			t.Errorf("the waiting task: %+v", s)
		}
	})
	t.Run("never heard of", func(t *testing.T) {
		if err := l.engine.Cancel(context.Background(), "run-000000000000"); err != nil {
			t.Error(err)
		}
	})
}

func TestCancelBeforeRun(t *testing.T) {
	l := newLab(t, nil)
	j := l.submit(l.job(1, "pair", nil))
	if err := l.engine.Cancel(context.Background(), j.ID); err != nil {
		t.Fatal(err)
	}
	l.run()
	l.ends(j, runs.Cancelled)
	if tasks := l.record.last(j.ID); len(tasks) != 0 {
		t.Errorf("tasks were started: %v", tasks)
	}
}

func TestStopAndGoOn(t *testing.T) {
	l := newLab(t, nil)
	l.run()
	ledger := l.file("ledger")
	// The first two items commit; then right sleeps, in its first attempt only.
	j := l.submit(l.job(1, "twins", map[string]any{
		"left":  "echo left >> " + ledger + "; echo l > note.txt",
		"right": inTurn(l.file("n"), l.sleeper("right"), "echo right >> "+ledger+"; echo r > note.txt"),
		"third": "cat \"$1\" > note.txt; echo third >> " + ledger,
	}))
	l.appears("right")
	l.record.wait(t, "left's commit", func(o runs.Observation) bool {
		return o.Task != nil && o.Task.Node == "left" && o.Task.State == runs.Succeeded
	})
	l.stop()
	l.gone("right")
	for _, o := range l.record.seen() {
		if o.State.Terminal() {
			t.Fatalf("stopping the engine ended the run: %+v", o)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(l.dir, workName, "run-*", "*", "attempt-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}

	l.open(nil)
	l.run()
	l.submit(j)
	l.ends(j, runs.Succeeded)
	if got := l.lines("ledger"); !slices.Equal(got, []string{"left", "right", "third"}) {
		t.Errorf("ran %v, want each once", got)
	}
	if s := l.record.last(j.ID)["right"]; s.Attempt != 2 {
		t.Errorf("the second attempt has the number %d", s.Attempt)
	}
	// What has committed is told again: the store may have lost it.
	if s := l.record.last(j.ID)["left"]; s.State != runs.Succeeded || s.Result == nil || s.Attempt != 1 {
		t.Errorf("left: %+v", s)
	}
	if got := l.record.events(j.ID, "recovered"); len(got) != 1 {
		t.Errorf("recovery was told %d times", len(got))
	}
}
