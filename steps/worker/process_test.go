package worker_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/steps/worker"
)

func TestEndings(t *testing.T) {
	for _, c := range []struct {
		name, script string
		code         steps.FailureCode
		message      string
		exit         int // -1: none
		tail         string
	}{
		{"exit code", `echo out; echo err >&2; exit 7`, steps.FailExit, "exit code 7", 7, "out\nerr"},
		{"crash", `kill -SEGV $$`, steps.FailExit, "crashed (segmentation fault)", 139, ""},
		{"killed", `kill -KILL $$`, steps.FailUnknown, "killed from outside", 137, ""},
		{"a child was killed", `sh -c 'kill -KILL $$'; exit $?`, steps.FailUnknown, "killed from outside", 137, ""},
		{"terminated", `kill -TERM $$`, steps.FailUnknown, "ended from outside", 143, ""},
		{"memory, by its log", `echo 'MemoryError: cannot do it'; exit 1`, steps.FailOOM, `ended with exit code 1. Its log says that memory ran out: "MemoryError: cannot do it".`, 1, "MemoryError: cannot do it"},
		{"GPU memory, by its log", `echo 'torch.OutOfMemoryError: CUDA out of memory.'; echo 'MemoryError'; exit 1`, steps.FailGPUOOM, `GPU memory ran out: "torch.OutOfMemoryError: CUDA out of memory."`, 1, "torch"},
		{"disk, by its log", `echo 'OSError: [Errno 28] No space left on device' >&2; exit 1`, steps.FailDisk, `disk is full: "OSError: [Errno 28] No space left on device".`, 1, "No space"},
		{"its own pattern", `echo 'MemoryError'; echo 'E42: node lost'; exit 9`, steps.FailPreempted, `exit code 9. Its log says why (class preempted): "E42: node lost".`, 9, "E42"},
		{"its own pattern, colours and secrets", `printf '\033[31mE42\033[0m\a at https://me:pa55word@lab/x\n'; exit 9`, steps.FailPreempted, `: "E42 at https://me:[redacted]@lab/x".`, 9, "E42"},
		{"its own pattern, long before the end", `echo 'E42: node lost'; seq 100; exit 9`, steps.FailPreempted, `: "E42: node lost".`, 9, "E42: node lost\n[…]\n"},
		{"its own pattern, endless", `printf 'E42: '; printf '%01000d\n' 0; exit 9`, steps.FailPreempted, `: "E42: ` + strings.Repeat("0", 295) + `…".`, 9, "E42: 000"},
		{"a sign far into a line", `printf 'x%.0s' $(seq 1000); echo ' then: MemoryError: no'; exit 9`, steps.FailOOM, `: "…` + strings.Repeat("x", 73) + ` then: MemoryError: no".`, 9, "then: MemoryError: no"},
		{"secrets and colours", `printf '\033[31mred\033[0m Authorization: Bearer abc.def token=s3cr3t-1 AKIAABCDEFGHIJKLMNOP\n'; printf '10%%\r20%%\r30%%\n'; exit 1`, steps.FailExit, "exit code 1", 1,
			"red Authorization: [redacted] token=[redacted] [redacted]\n30%"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, nil)
			task := l.task(c.script)
			task.Implementation.Failures = []steps.LogPattern{{Pattern: `^(\x1b\[31m)?E\d+`, Code: steps.FailPreempted}}
			f := l.wants(task, c.code, c.message)
			if f.ExitCode == nil || *f.ExitCode != c.exit {
				t.Errorf("exit code %v, want %d", f.ExitCode, c.exit)
			}
			if !strings.Contains(f.LogTail, c.tail) {
				t.Errorf("log tail %q, want …%q…", f.LogTail, c.tail)
			}
			if c.name == "secrets and colours" && strings.Contains(l.log(task), "s3cr3t") {
				t.Error("the log that was kept tells the secret")
			}
		})
	}
}

// Words in the log of a command that did its work fail nobody.
func TestLogIsNoVerdict(t *testing.T) {
	l := newLab(t, nil)
	task := l.task(`echo 'CUDA out of memory, retrying with a smaller batch'; echo x >o.txt`)
	task.Outputs = []steps.Port{note("o")}
	task.Implementation.Collect = map[string]string{"o": "o.txt"}
	l.must(task, nil)
}

func TestNotStarted(t *testing.T) {
	l := newLab(t, nil)
	dir := t.TempDir()
	script := filepath.Join(dir, "script")
	if err := os.WriteFile(script, []byte("#!/no/such/interpreter\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	junk := filepath.Join(dir, "junk")
	if err := os.WriteFile(junk, []byte("junk"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		argv    []string
		code    steps.FailureCode
		message string
	}{
		{[]string{"no-such-tool-at-all"}, steps.FailImage, `"no-such-tool-at-all" was not found`},
		{[]string{"./script"}, steps.FailImage, "was not found"},
		{[]string{script}, steps.FailImage, "interpreter"},
		{[]string{junk}, steps.FailImage, "neither a program for this machine"},
		{[]string{"/etc"}, steps.FailImage, "could not be started"},
		{[]string{"true", strings.Repeat("x", 3<<20)}, steps.FailInput, "longer than the system allows"},
		{[]string{"true", "a\x00b"}, steps.FailInput, "NUL"},
		{[]string{"true", "$(params.gone)"}, steps.FailImage, "the parameter gone is not set"},
		{nil, steps.FailImage, "has no command"},
	} {
		task := l.task("")
		task.Implementation.Command = nil
		for _, a := range c.argv {
			task.Implementation.Command = append(task.Implementation.Command, steps.Arg{Templates: []string{a}})
		}
		l.wants(task, c.code, c.message)
	}
}

func TestTimeout(t *testing.T) {
	for name, script := range map[string]string{
		"sleeps":            `sleep 60`,
		"ignores SIGTERM":   `trap '' TERM; while :; do sleep 60; done`,
		"stops itself":      `kill -STOP $$; sleep 60`,
		"with children":     `sleep 60 & (trap '' TERM; sleep 61) & wait`,
		"in another group":  `setsid sleep 60`,
		"another, stubborn": `setsid sh -c 'trap "" TERM; while :; do sleep 1; done' & wait`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, nil)
			task := l.task(script)
			task.Implementation.Timeout = 300 * time.Millisecond
			if f := l.wants(task, steps.FailDeadline, "not done within its timeout of 300ms"); f.ExitCode != nil {
				t.Error("an exit code of a command that never ended by itself")
			}
		})
	}
}

// SIGTERM lets a command say goodbye.
func TestGrace(t *testing.T) {
	l := newLab(t, func(o *worker.Options) { o.Grace = 5 * time.Second })
	task := l.task(`trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 0.05; done`)
	task.Implementation.Timeout = 400 * time.Millisecond
	f := l.wants(task, steps.FailDeadline, "")
	if !strings.HasPrefix(f.LogTail, "ready\n") || !strings.HasSuffix(f.LogTail, "\nbye") { // the shell may add "Terminated"
		t.Errorf("log %q", f.LogTail)
	}
}

// What a command leaves behind ends with it, and what it made counts.
func TestDaemons(t *testing.T) {
	for name, script := range map[string]string{
		"background":            `sleep 60 & echo x >o.txt`,
		"no hangup":             `nohup sleep 60 >/dev/null 2>&1 & echo x >o.txt`,
		"own session":           `setsid sleep 60 </dev/null >/dev/null 2>&1 & echo x >o.txt`,
		"own session, with log": `setsid sleep 60 & sleep 0.05; echo x >o.txt`,
		"stubborn":              `setsid sh -c 'trap "" TERM; while :; do sleep 1; done' & sleep 0.1; echo x >o.txt`,
		"twice removed":         `setsid sh -c 'setsid sleep 60 & sleep 0.02' >/dev/null 2>&1; echo x >o.txt`,
		"no environment":        `setsid env -i sleep 60 >/dev/null 2>&1 & sleep 0.6; echo x >o.txt`, // known from the census
	} {
		t.Run(name, func(t *testing.T) {
			if runtime.GOOS != "linux" && strings.Contains(script, "setsid") {
				t.Skip("only Linux finds what left its process group")
			}
			t.Parallel()
			l := newLab(t, nil)
			// Not 60 seconds but so many that nobody else has.
			nap := fmt.Sprintf("6%d.%d", os.Getpid(), time.Now().UnixNano())
			task := l.task(strings.ReplaceAll(script, "sleep 60", "sleep "+nap))
			task.Outputs = []steps.Port{note("o")}
			task.Implementation.Collect = map[string]string{"o": "o.txt"}
			l.must(task, nil)
			if out, err := exec.Command("pgrep", "-f", "sleep "+strings.ReplaceAll(nap, ".", "[.]")).Output(); err == nil {
				t.Errorf("still sleeping: %s", out)
			}
		})
	}
}

func TestCancel(t *testing.T) {
	l := newLab(t, nil)
	for i, c := range []struct {
		cause   error
		code    steps.FailureCode
		message string
	}{
		{nil, steps.FailCanceled, "The attempt was cancelled."},
		{&steps.Failure{Code: steps.FailPreempted, Message: "The machine is going down."}, steps.FailPreempted, "The machine is going down."},
	} {
		ctx, cancel := context.WithCancelCause(context.Background())
		task := l.task(`sleep 60 & sleep 60 & echo started; wait`)
		task.Index = task.Index.Child(i)
		r, f := l.Execute(ctx, task, &worker.Hooks{Started: func(int) error {
			time.AfterFunc(100*time.Millisecond, func() { cancel(c.cause) })
			return nil
		}})
		if r != nil || f == nil || f.Code != c.code || f.Message != c.message || !f.Retryable || f.ExitCode != nil {
			t.Errorf("%+v %+v", r, f)
		}
		l.clean()
		if !strings.Contains(l.log(task), "started") {
			t.Error("its log is lost")
		}
		if _, err := l.store.Stat(context.Background(), l.run().Failure("node", task.Index, 1)); err != nil {
			t.Error(err)
		}

		// Cancelled before it began, nothing runs.
		if _, f := l.Execute(ctx, l.task(`touch `+filepath.Join(l.dir, "ran")), nil); f == nil || f.Code != c.code {
			t.Errorf("%+v", f)
		}
	}
	if _, err := os.Stat(filepath.Join(l.dir, "ran")); err == nil {
		t.Error("a command ran")
	}
}

// A signal that is sent to every process ends the command itself, and that may
// be seen before the worker's own order to end.
func TestToldTogether(t *testing.T) {
	l := newLab(t, nil)
	preempted := &steps.Failure{Code: steps.FailPreempted, Message: "The pod was told to end."}
	for i, script := range []string{
		`kill -TERM $$`,
		`exit 143`, // as a shell ends whose command was ended so
	} {
		ctx, cancel := context.WithCancelCause(context.Background())
		task := l.task(script)
		task.Index = task.Index.Child(i)
		_, f := l.Execute(ctx, task, &worker.Hooks{Started: func(int) error {
			time.AfterFunc(100*time.Millisecond, func() { cancel(preempted) })
			return nil
		}})
		if f == nil || f.Code != steps.FailPreempted || f.Message != preempted.Message || !f.Retryable {
			t.Errorf("%s: %+v, want preempted", script, f)
		}
		cancel(nil)
		l.clean()
	}
}

func TestStartedRefuses(t *testing.T) {
	l := newLab(t, nil)
	_, f := l.Execute(context.Background(), l.task(`sleep 60`), &worker.Hooks{Started: func(int) error { return errors.New("not now") }})
	if f == nil || !strings.Contains(f.Message, "not now") {
		t.Errorf("%+v", f)
	}
	l.clean()
}

// Hundreds of megabytes of log cost neither memory nor disk, and its beginning
// and end are kept.
func TestLogFlood(t *testing.T) {
	const most = 1 << 20
	l := newLab(t, func(o *worker.Options) { o.MaxLog = most })
	task := l.task(`echo begin; yes 'a line of the flood that says nothing' | head -c 200000000; echo; echo 'CUDA out of memory'; yes 'more of it' | head -c 3000000; echo; echo end; exit 1`)
	var peak, disk atomic.Int64
	stop := make(chan struct{})
	runtime.GC()
	go func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond):
			}
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			peak.Store(max(peak.Load(), int64(m.HeapAlloc)))
			var size int64
			filepath.Walk(l.work, func(_ string, info os.FileInfo, err error) error {
				if err == nil && info.Mode().IsRegular() {
					size += info.Size()
				}
				return nil
			})
			disk.Store(max(disk.Load(), size))
		}
	}()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	f := l.wants(task, steps.FailGPUOOM, "")
	close(stop)
	if grown := peak.Load() - int64(before.HeapAlloc); grown > 32<<20 {
		t.Errorf("the heap grew by %d MiB", grown>>20)
	}
	if disk.Load() > 2*most {
		t.Errorf("the log took %d bytes of disk, of %d allowed", disk.Load(), most)
	}
	log := l.log(task)
	if !strings.HasPrefix(log, "begin\na line") || !strings.HasSuffix(log, "\nend\n") || strings.Count(log, "were left out here") != 1 {
		t.Errorf("log of %d bytes: %.60q … %q", len(log), log, log[max(0, len(log)-60):])
	}
	if len(log) > most+200 || len(log) < most-5000 {
		t.Errorf("%d bytes were kept of %d allowed", len(log), most)
	}
	if !strings.HasPrefix(f.LogTail, "CUDA out of memory\n[…]\nmore of it\n") || !strings.HasSuffix(f.LogTail, "\nend") || len(f.LogTail) > 2<<10 {
		t.Errorf("log tail %q", f.LogTail)
	}
}

// A line of 100 MB is a line.
func TestLongLine(t *testing.T) {
	l := newLab(t, func(o *worker.Options) { o.MaxLog = 1 << 20 })
	task := l.task(`head -c 100000000 /dev/zero | tr '\0' x; echo; echo end; exit 1`)
	f := l.wants(task, steps.FailExit, "")
	if !strings.HasSuffix(f.LogTail, "\nend") || len(f.LogTail) > 2<<10 {
		t.Errorf("log tail of %d bytes: %.80q", len(f.LogTail), f.LogTail)
	}
}

func TestProgress(t *testing.T) {
	l := newLab(t, nil)
	task := l.task(`printf 'loading\n'; printf 'step 1/4\r'; sleep 0.15; printf 'step 2/4\n'; sleep 0.15; printf '\033[1mstep 4/4\033[0m\n'; echo 'step 9/0'`)
	task.Implementation.Progress = `step (?P<done>\d+)/(?P<total>\d+)`
	var got []string
	l.must(task, &worker.Hooks{Progress: func(f float64, line string) { got = append(got, fmt.Sprintf("%g %s", f, line)) }})
	if want := "0.25 step 1/4|0.5 step 2/4|1 step 4/4"; strings.Join(got, "|") != want {
		t.Errorf("%q", got)
	}
}

// A log can be read while it grows, from the beginning, and to the end.
func TestLiveLog(t *testing.T) {
	l := newLab(t, func(o *worker.Options) { o.MaxLog = 4000 })
	gate := filepath.Join(l.dir, "gate")
	task := l.task(`echo one; while ! [ -e "$1" ]; do sleep 0.02; done; seq 1 3000; echo two; while ! [ -e "$1.2" ]; do sleep 0.02; done`, gate)
	if _, err := l.LogOf(context.Background(), l.run(), "node", "", 1); !errors.Is(err, problem.ErrNotFound) {
		t.Errorf("log of what has not started: %v", err)
	}
	done := make(chan *steps.Failure)
	started := make(chan struct{})
	go func() {
		_, f := l.Execute(context.Background(), task, &worker.Hooks{Started: func(int) error { close(started); return nil }})
		done <- f
	}()
	<-started
	r, err := l.LogOf(context.Background(), l.run(), "node", "", 1)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var seen strings.Builder
	until := func(text string) {
		t.Helper()
		for end := time.Now().Add(10 * time.Second); !strings.Contains(seen.String(), text); {
			if _, err := io.Copy(&seen, r); err != nil {
				t.Fatal(err)
			}
			if time.Now().After(end) {
				t.Fatalf("never saw %q in %q", text, seen.String())
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
	until("one\n")
	os.WriteFile(gate, nil, 0o600)
	until("two\n")
	if !strings.Contains(seen.String(), "a part was left out here") {
		t.Error("the reader was not told of what it missed")
	}
	os.WriteFile(gate+".2", nil, 0o600)
	if f := <-done; f != nil {
		t.Fatal(f)
	}
	if got := l.log(task); !strings.HasPrefix(got, "one\n1\n2\n") || !strings.HasSuffix(got, "\n2999\n3000\ntwo\n") {
		t.Errorf("%q", got)
	}
}

func TestMemoryLimit(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("memory is limited on Linux only")
	}
	// tail keeps what has no line end.
	const hog = `head -c 120000000 /dev/zero | tail >/dev/null & head -c 120000000 /dev/zero | tail | sleep 3; wait`
	l := newLab(t, nil)
	task := l.task(hog)
	task.Implementation.Resources.Memory = 64 << 20
	l.wants(task, steps.FailOOM, "more than the 64 MiB that its implementation asks for")

	l = newLab(t, func(o *worker.Options) { o.Unlimited = true })
	task = l.task(`head -c 120000000 /dev/zero | tail >/dev/null; sleep 0.3`)
	task.Implementation.Resources.Memory = 64 << 20
	if r := l.must(task, nil); r.Usage.PeakMemory <= task.Implementation.Resources.Memory {
		t.Errorf("peak memory %d", r.Usage.PeakMemory)
	}
}

func TestUsage(t *testing.T) {
	l := newLab(t, nil)
	r := l.must(l.task(`i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; sleep 0.3`), nil)
	if r.Usage.CPUSeconds <= 0 || r.Timings.Run < 0.3 {
		t.Errorf("%+v %+v", r.Usage, r.Timings)
	}
}

// What there was to do is written down, for those who ask what it will take.
func TestWork(t *testing.T) {
	l := newLab(t, nil)
	five, err := steps.NewValue(int64(5))
	if err != nil {
		t.Fatal(err)
	}
	task := l.task("cat $1 >/dev/null", "$(inputs.sequence)")
	task.Params = map[string]steps.Value{"models": five}
	task.Inputs = []worker.Input{{Port: steps.Port{Name: "sequence", Type: "sequence", Formats: []string{"fasta"}}, Items: []worker.Item{l.put("s.fasta", ">a\nMKLV\nEE\n")}}}
	if r := l.must(task, nil); r.Work != nil {
		t.Errorf("without a cost: %+v", r.Work)
	}
	for _, c := range []struct {
		cost steps.Cost
		want *steps.Work
	}{
		{steps.Cost{By: "sequence", Times: "models"}, &steps.Work{Length: 6, Times: 5}},
		{steps.Cost{By: "models"}, &steps.Work{Length: 5}},
		{steps.Cost{By: "other"}, nil},
	} {
		task.Node, task.Implementation.Cost = "node_"+c.cost.By, &c.cost
		if r := l.must(task, nil); !reflect.DeepEqual(r.Work, c.want) {
			t.Errorf("by %s: %+v, want %+v", c.cost.By, r.Work, c.want)
		}
	}
}

func TestKeepWork(t *testing.T) {
	l := newLab(t, func(o *worker.Options) { o.KeepWork = true })
	task := l.task(`echo half >o.txt; exit 1`)
	if _, f := l.Execute(context.Background(), task, nil); f == nil {
		t.Fatal("no failure")
	}
	if b, err := os.ReadFile(filepath.Join(l.Folder(task.RunID, "node", "", 1), "work", "o.txt")); string(b) != "half\n" {
		t.Error(err)
	}
}

// A step that is being tried out is looked at whatever came of it.
func TestKeepDone(t *testing.T) {
	l := newLab(t, func(o *worker.Options) { o.KeepDone = true })
	task := l.task(`echo "$1" >out.txt; echo more >beside.txt`, "$(work)")
	task.Outputs = []steps.Port{{Name: "out", Type: "note", Formats: []string{"txt"}}}
	task.Implementation.Collect = map[string]string{"out": "out.txt"}
	var argv []string
	if _, f := l.Execute(context.Background(), task, &worker.Hooks{Command: func(a []string) { argv = a }}); f != nil {
		t.Fatal(f)
	}
	folder := l.Folder(task.RunID, "node", "", 1)
	if b, err := os.ReadFile(filepath.Join(folder, "work", "beside.txt")); string(b) != "more\n" {
		t.Error(err)
	}
	if len(argv) != 5 || argv[4] != filepath.Join(folder, "work") || !filepath.IsAbs(argv[0]) {
		t.Errorf("told to run %q", argv)
	}
}
