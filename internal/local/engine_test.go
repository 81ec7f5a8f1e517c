package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ligase-bio/ligase/dag"
	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/uris"
)

func dagTask(node string, index uris.Index) dag.Task { return dag.Task{Node: node, Index: index} }

func TestARunFromSubmitToEnd(t *testing.T) {
	l := newLab(t, nil)
	l.run()
	j := l.submit(l.job(1, "pair", nil))
	end := l.ends(j, runs.Succeeded)
	if got := l.text(j, "second", "", "note"); got != "hello\nworld\n" {
		t.Errorf("the last note is %q", got)
	}
	if end.Progress == nil || *end.Progress != (runs.Progress{Done: 2, Total: 2}) {
		t.Errorf("progress at the end: %+v", end.Progress)
	}
	for name, task := range l.record.last(j.ID) {
		if task.State != runs.Succeeded || task.Attempt != 1 || task.Result == nil || task.FinishedAt.Before(task.StartedAt) {
			t.Errorf("%s: %+v", name, task)
		}
	}
	seen := l.record.seen()
	states := []runs.State{}
	for _, o := range seen {
		if o.State != "" {
			states = append(states, o.State)
		}
		if o.RunID != j.ID || o.Generation != 1 || o.Time.IsZero() {
			t.Errorf("observation without its run: %+v", o)
		}
	}
	if !slices.Equal(states, []runs.State{runs.Running, runs.Succeeded}) || seen[len(seen)-1].State != runs.Succeeded {
		t.Errorf("states %v; the last observation is %+v", states, seen[len(seen)-1])
	}
	if n := l.engine.Active(); n != 0 {
		t.Errorf("%d runs are in hand after the end", n)
	}
}

func TestScatterSkipGather(t *testing.T) {
	l := newLab(t, nil)
	l.run()
	j := l.submit(l.job(1, "sieve", map[string]any{"items": 12, "fail": "[13579]", "ledger": l.file("ledger")}))
	end := l.ends(j, runs.Succeeded)
	got := l.text(j, "join", "", "note")
	// 1 3 5 7 9 failed; 11 did not, for the pattern is of one digit.
	want := strings.Repeat("\"failed\"\n", 5) + "even 0\nagain\neven 2\nagain\neven 4\nagain\neven 6\nagain\neven 8\nagain\neven 10\nagain\neven 11\nagain\n"
	if got != want {
		t.Errorf("joined:\n%s", got)
	}
	if want := (runs.Progress{Done: 26, Total: 26, Failed: 5, Skipped: 5}); *end.Progress != want {
		t.Errorf("progress %+v, want %+v", *end.Progress, want)
	}
	tasks := l.record.last(j.ID)
	if s := tasks["odd/3"]; s.State != runs.Failed || s.Failure.Code != steps.FailExit || !strings.Contains(s.Failure.LogTail, "no 3") {
		t.Errorf("odd/3: %+v", s)
	}
	if s := tasks["again/3"]; s.State != runs.Skipped || !strings.Contains(s.Message, "failed at odd") {
		t.Errorf("again/3: %+v", s)
	}
}

func TestInputsOfARun(t *testing.T) {
	l := newLab(t, nil)
	l.run()
	one := l.write("one.txt", "one\n")
	two := l.write("two.txt", "two\n")
	j := l.submit(l.jobWith(1, "join", nil, map[string][]uris.URI{"notes": {two, one}}))
	l.ends(j, runs.Succeeded)
	if got := l.text(j, "join", "", "note"); got != "two\none\n" {
		t.Errorf("joined %q", got)
	}
}

func TestGathersThatStarveFail(t *testing.T) {
	l := newLab(t, nil)
	l.run()
	j := l.submit(l.job(1, "sieve", map[string]any{"items": 2, "fail": "*"}))
	end := l.ends(j, runs.Failed)
	f := end.Failure
	if f == nil || f.Code != steps.FailUpstream || f.Node != "odd" || f.ExitCode == nil || f.LogTail == "" || !strings.Contains(f.Message, "2 items") || !strings.Contains(f.Message, "at odd") {
		t.Errorf("failure %+v", f)
	}
}

func TestARunWithoutAnyOutputFails(t *testing.T) {
	l := newLab(t, nil)
	l.run()
	end := l.ends(l.submit(l.job(1, "loose", nil)), runs.Failed)
	f := end.Failure
	if f == nil || f.Code != steps.FailUpstream || !strings.Contains(f.Message, "notes") {
		t.Errorf("failure %+v", f)
	}
	l.ends(l.submit(l.job(2, "loose", map[string]any{"fail": "1"})), runs.Succeeded)
}

// script is a step that does something else in each attempt: the scripts are
// separated by "then".
func inTurn(counter string, scripts ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "n=$(cat %[1]s 2>/dev/null || echo 0); echo $((n+1)) > %[1]s; case $n in ", counter)
	for i, s := range scripts {
		fmt.Fprintf(&b, "%d) %s;; ", i, s)
	}
	b.WriteString("esac")
	return b.String()
}

func TestRetriesByClass(t *testing.T) {
	l := newLab(t, nil)
	l.run()
	script := inTurn(l.file("n"), "exit 1", "exit 2", "echo done > note.txt")
	j := l.submit(l.job(1, "script", map[string]any{"script": script}))
	l.ends(j, runs.Succeeded)
	if got := l.record.last(j.ID)["script"].Attempt; got != 3 {
		t.Errorf("it succeeded in attempt %d, want 3", got)
	}
	if failed, again := l.record.events(j.ID, "attempt_failed"), l.record.events(j.ID, "retrying"); len(failed) != 2 || len(again) != 2 {
		t.Errorf("%d failures and %d retries were told", len(failed), len(again))
	}

	// The limit is two.
	j = l.submit(l.job(2, "script", map[string]any{"script": "exit 7"}))
	end := l.ends(j, runs.Failed)
	if f := end.Failure; f.Code != steps.FailExit || f.Attempt != 3 || *f.ExitCode != 7 {
		t.Errorf("failure %+v", f)
	}
	// A class that is not named is final at once.
	j = l.submit(l.job(3, "say", map[string]any{"words": "x"}))
	l.ends(j, runs.Succeeded)
	j = l.submit(l.job(4, "strict", map[string]any{"items": 2, "fail": "1"}))
	if f := l.ends(j, runs.Failed).Failure; f.Attempt != 1 || f.Index != "1" || f.Node != "odd" {
		t.Errorf("failure %+v", f)
	}
}

func TestTheFirstFailureEndsTheRunButNotItsSiblings(t *testing.T) {
	l := newLab(t, nil)
	l.run()
	j := l.submit(l.job(1, "twins", map[string]any{
		"left":  "kill -KILL $$", // a class that is not tried again
		"right": fmt.Sprintf("touch %s; while [ ! -e %s ]; do sleep 0.01; done; echo r > note.txt", l.file("started"), l.file("go")),
		"third": "touch " + l.file("third"),
	}))
	l.appears("started")
	l.record.wait(t, "left's failure", func(o runs.Observation) bool {
		return o.Task != nil && o.Task.Node == "left" && o.Task.State == runs.Failed
	})
	if err := os.WriteFile(l.file("go"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	end := l.ends(j, runs.Failed)
	if end.Failure.Node != "left" {
		t.Errorf("the run failed with %+v", end.Failure)
	}
	if s := l.record.last(j.ID)["right"]; s.State != runs.Succeeded {
		t.Errorf("the sibling that was running: %+v", s)
	}
	if _, err := os.Stat(l.file("third")); err == nil {
		t.Error("a task was started after the failure")
	}

	// A retry uses what the sibling committed.
	again := j
	again.Generation = 2
	if err := os.Remove(l.file("started")); err != nil {
		t.Fatal(err)
	}
	l.submit(again)
	l.ends(again, runs.Failed)
	if _, err := os.Stat(l.file("started")); err == nil {
		t.Error("a committed task ran again")
	}
	if f := l.record.last(j.ID)["left"]; f.Attempt != 2 {
		t.Errorf("the retry's attempt has the number %d", f.Attempt)
	}
}

func TestWhatDoesNotFitTheMachineFailsAtOnce(t *testing.T) {
	l := newLab(t, nil)
	l.run()
	f := l.ends(l.submit(l.job(1, "giant", nil)), runs.Failed).Failure
	if f.Code != steps.FailUnschedulable || !strings.Contains(f.Message, "needs 64 GPUs") || !strings.Contains(f.Message, "4 CPUs, 1 GiB of memory, no GPU") {
		t.Errorf("failure %+v", f)
	}
}

func TestGPUsAreGrantedOneByOne(t *testing.T) {
	l := newLab(t, func(o *Options) { o.Slots.GPUs = []GPU{{ID: "GPU-a"}, {ID: "GPU-b"}} })
	l.run()
	var jobs []runs.Job
	for i := range 4 {
		jobs = append(jobs, l.submit(l.job(i, "graphics", nil)))
	}
	none := l.submit(l.job(9, "no_graphics", nil))
	got := map[string]int{}
	for _, j := range jobs {
		l.ends(j, runs.Succeeded)
		got[strings.TrimSpace(l.text(j, "graphics", "", "note"))]++
	}
	if got["gpu=GPU-a"]+got["gpu=GPU-b"] != 4 || got["gpu=GPU-b"] == 0 {
		t.Errorf("devices %v", got)
	}
	l.ends(none, runs.Succeeded)
	if got := l.text(none, "no_graphics", "", "note"); got != "gpu=\n" {
		t.Errorf("a task without GPUs sees %q", got)
	}
}

// Of GPUs of several sizes a task gets the smallest that it is predicted to
// fit, and one of which nothing is predicted the largest.
func TestAGPUIsOfTheSizeThatIsPredicted(t *testing.T) {
	l := newLab(t, func(o *Options) {
		o.Slots.GPUs = []GPU{{ID: "GPU-medium", Memory: 40 << 30}, {ID: "GPU-large", Memory: 80 << 30}, {ID: "GPU-small", Memory: 16 << 30}}
	})
	l.run()
	got := func(j runs.Job, node string) string {
		l.ends(j, runs.Succeeded)
		return strings.TrimSpace(l.text(j, node, "", "note"))
	}
	for i, c := range []struct {
		size int
		want string
	}{{4, "gpu=GPU-small"}, {17, "gpu=GPU-medium"}, {60, "gpu=GPU-large"}, {95, "gpu=GPU-large"}} {
		if g := got(l.submit(l.job(i, "sized_graphics", map[string]any{"size": c.size})), "sized_graphics"); g != c.want {
			t.Errorf("%d GiB run with %s, want %s", c.size, g, c.want)
		}
	}
	if g := got(l.submit(l.job(9, "graphics", nil)), "graphics"); g != "gpu=GPU-large" {
		t.Errorf("of which nothing is predicted runs with %s", g)
	}
	// Many at once take what fits, and wait for that.
	var jobs []runs.Job
	for i := range 12 {
		jobs = append(jobs, l.submit(l.job(20+i, "sized_graphics", map[string]any{"size": []int{4, 17, 60}[i%3]})))
	}
	for i, j := range jobs {
		g := got(j, "sized_graphics")
		if i%3 == 2 && g != "gpu=GPU-large" || i%3 == 1 && g == "gpu=GPU-small" {
			t.Errorf("job %d, of %d GiB, ran with %s", i, []int{4, 17, 60}[i%3], g)
		}
	}
}

// What ran out of the memory of the GPU that it was predicted to fit gets the
// largest when it is tried again, by the engine or by a retry of the run.
func TestAGPUThatWasTooSmallIsNotTriedAgain(t *testing.T) {
	gpus := func(o *Options) {
		o.Slots.GPUs = []GPU{{ID: "GPU-small", Memory: 16 << 30}, {ID: "GPU-large", Memory: 80 << 30}}
	}
	l := newLab(t, gpus)
	l.run()
	j := l.submit(l.job(1, "tight_graphics", map[string]any{"size": 4}))
	l.ends(j, runs.Succeeded)
	if last := l.record.last(j.ID)["tight_graphics"]; last.Attempt != 2 {
		t.Errorf("it took %d attempts, want 2: the first with the small GPU", last.Attempt)
	}

	j = l.submit(l.job(2, "tight_graphics_once", map[string]any{"size": 4}))
	if f := l.ends(j, runs.Failed).Failure; f.Code != steps.FailGPUOOM {
		t.Errorf("failure %+v", f)
	}
	j.Generation = 2
	l.ends(l.submit(j), runs.Succeeded)
}

func TestSubmitIsIdempotent(t *testing.T) {
	l := newLab(t, nil)
	j := l.submit(l.job(1, "sieve", map[string]any{"items": 1, "fail": "x", "ledger": l.file("ledger")}))
	l.submit(j)
	l.run()
	l.submit(j)
	l.ends(j, runs.Succeeded)
	l.submit(j)
	other := j
	other.Digest = "another"
	if err := l.engine.Submit(context.Background(), other); !errors.Is(err, problem.ErrConflict) {
		t.Errorf("another plan after the end: %v", err)
	}
	// A run that comes later shows that nothing more came of the first.
	l.ends(l.submit(l.job(2, "pair", nil)), runs.Succeeded)
	if got := l.lines("ledger"); len(got) != 1 {
		t.Errorf("the step ran %d times", len(got))
	}
	ends := 0
	for _, o := range l.record.seen() {
		if o.RunID == j.ID && o.State.Terminal() {
			ends++
		}
	}
	if ends != 1 {
		t.Errorf("the end was told %d times", ends)
	}
}

func TestACommittedRunIsOnlyRead(t *testing.T) {
	l := newLab(t, nil)
	l.run()
	j := l.submit(l.job(1, "sieve", map[string]any{"items": 20, "fail": "x", "ledger": l.file("ledger")}))
	l.ends(j, runs.Succeeded)
	l.stop()
	l.open(nil)
	l.run()
	l.submit(j)
	end := l.ends(j, runs.Succeeded)
	if want := (runs.Progress{Done: 42, Total: 42}); *end.Progress != want {
		t.Errorf("progress %+v, want %+v", *end.Progress, want)
	}
	if got := l.lines("ledger"); len(got) != 20 {
		t.Errorf("20 tasks ran %d times", len(got))
	}
}

func TestDamagedCommitRecords(t *testing.T) {
	l := newLab(t, nil)
	l.run()
	damage := func(j runs.Job, text string) uris.URI {
		t.Helper()
		u := j.Folder.Result("first", "")
		if _, err := l.blobs.Put(context.Background(), u, strings.NewReader(text)); err != nil {
			t.Fatal(err)
		}
		return u
	}
	// What a loss of power can leave behind was never told to anybody.
	for n, torn := range []string{"", "{\"node\": \"fi", "\x00\x00\x00\x00"} {
		j := l.job(n, "pair", nil)
		damage(j, torn)
		l.submit(j)
		l.ends(j, runs.Succeeded)
		if got := l.text(j, "first", "", "note"); got != "hello\n" {
			t.Errorf("%q: the first note is %q", torn, got)
		}
		if got := l.record.events(j.ID, "recovered"); len(got) != 1 || !strings.Contains(got[0].Message, "cut off 1 commit record") {
			t.Errorf("%q: events %+v", torn, got)
		}
	}
	// A record of another task came some other way: somebody has to look.
	j := l.job(9, "pair", nil)
	u := damage(j, `{"node": "second"}`)
	l.submit(j)
	f := l.ends(j, runs.Failed).Failure
	if f.Code != steps.FailStorage || !strings.Contains(f.Message, u.String()) {
		t.Errorf("failure %+v", f)
	}
}

func TestASinkThatIsAwayLosesNothing(t *testing.T) {
	l := newLab(t, nil)
	var calls atomic.Int64
	back := make(chan struct{})
	l.runInto(func(ctx context.Context, batch []runs.Observation) error {
		calls.Add(1)
		select {
		case <-back:
			return l.record.sink(ctx, batch)
		default:
			return errors.New("the database is on holiday")
		}
	})
	// Tasks go on while nobody listens.
	j := l.submit(l.job(1, "strict", map[string]any{"items": 3, "fail": "x", "ledger": l.file("ledger")}))
	for len(l.lines("ledger")) < 3 || calls.Load() < 2 {
		time.Sleep(5 * time.Millisecond)
	}
	close(back)
	l.ends(j, runs.Succeeded)
	tasks := l.record.last(j.ID)
	if len(tasks) != 5 {
		t.Errorf("%d tasks were told, want 5", len(tasks))
	}
	for name, s := range tasks {
		if s.State != runs.Succeeded {
			t.Errorf("%s: %s", name, s.State)
		}
	}
}

func TestProgressOfATask(t *testing.T) {
	l := newLab(t, nil)
	l.run()
	j := l.submit(l.job(1, "script", map[string]any{
		"script": fmt.Sprintf("echo step 3/4; while [ ! -e %s ]; do sleep 0.01; done", l.file("go")),
	}))
	o := l.record.wait(t, "progress", func(o runs.Observation) bool { return o.Task != nil && o.Task.Fraction == 0.75 })
	if o.Task.State != runs.Running || o.Task.Message != "step 3/4" {
		t.Errorf("%+v", o.Task)
	}
	if err := os.WriteFile(l.file("go"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	l.ends(j, runs.Succeeded)
}

func TestWhyARunWaits(t *testing.T) {
	l := newLab(t, func(o *Options) { o.Slots.CPU = 1 })
	l.run()
	first := l.submit(l.job(1, "script", map[string]any{"script": l.sleeper("first")}))
	l.appears("first")
	second := l.submit(l.job(2, "pair", nil))
	o := l.record.wait(t, "a reason", func(o runs.Observation) bool { return o.RunID == second.ID && o.Waiting != nil })
	if *o.Waiting != "waiting for 1 CPU: 0 of 1 are free" {
		t.Errorf("%q", *o.Waiting)
	}
	if err := l.engine.Cancel(context.Background(), first.ID); err != nil {
		t.Fatal(err)
	}
	l.record.wait(t, "the reason's end", func(o runs.Observation) bool {
		return o.RunID == second.ID && o.Waiting != nil && *o.Waiting == ""
	})
	l.ends(second, runs.Succeeded)
}

func TestManyRunsAtOnce(t *testing.T) {
	l := newLab(t, nil)
	l.run()
	var jobs []runs.Job
	for i := range 30 {
		jobs = append(jobs, l.submit(l.job(i, "pair", map[string]any{"words": strconv.Itoa(i)})))
	}
	for i, j := range jobs {
		l.ends(j, runs.Succeeded)
		if got := l.text(j, "second", "", "note"); got != fmt.Sprintf("hello\n%d\n", i) {
			t.Errorf("%s: %q", j.ID, got)
		}
	}
}
