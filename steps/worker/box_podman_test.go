//go:build podman && linux

package worker_test

import (
	"bufio"
	"context"
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ligase-bio/ligase/e2e/podman/site"
	"github.com/ligase-bio/ligase/internal/container"
	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/steps/worker"
)

// boxed is a lab whose tasks run in the image of the tests' podman.
func boxed(t *testing.T, host *container.Host, change func(*worker.Options)) *lab {
	t.Helper()
	return newLab(t, func(o *worker.Options) {
		o.Containers = host
		if change != nil {
			change(o)
		}
	})
}

func (l *lab) boxedTask(script string, args ...string) worker.Task {
	task := l.task(script, args...)
	task.Implementation.Image = site.Image
	task.Implementation.Timeout = time.Minute
	return task
}

// TestInContainers runs as whoever runs the tests, and when that is root, as a
// user without rights, too.
func TestInContainers(t *testing.T) {
	if site.Outer(t) {
		t.Run("as a user", func(t *testing.T) { site.AsUser(t, "TestInContainers") })
	}
	s := site.New(t)
	for _, e := range s.Env {
		name, value, _ := strings.Cut(e, "=")
		t.Setenv(name, value)
	}
	boxTests(t, s, container.NewHost(container.Options{Use: container.Podman, NoPull: true}))
}

// TestInDocker is the same with docker, whose containers are a daemon's.
func TestInDocker(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("a docker daemon takes root")
	}
	s := site.NewDocker(t)
	for _, e := range s.Env {
		name, value, _ := strings.Cut(e, "=")
		t.Setenv(name, value)
	}
	boxTests(t, s, container.NewHost(container.Options{Use: container.Docker, NoPull: true}))
}

func boxTests(t *testing.T, s *site.Site, host *container.Host) {
	for name, test := range map[string]func(*testing.T, *site.Site, *container.Host){
		"what it is given":        boxGiven,
		"volumes":                 boxVolumes,
		"arguments":               boxArguments,
		"files are the caller's":  boxFiles,
		"endings":                 boxEndings,
		"not started":             boxNotStarted,
		"timeout":                 boxTimeout,
		"grace":                   boxGrace,
		"cancelled":               boxCancelled,
		"daemons":                 boxDaemons,
		"memory":                  boxMemory,
		"disk":                    boxDisk,
		"a flood of log":          boxFlood,
		"progress":                boxProgress,
		"its client is killed":    boxClientKilled,
		"usage":                   boxUsage,
		"this program is no tool": boxSelf,
		"leftovers":               boxLeftovers,
	} {
		t.Run(name, func(t *testing.T) {
			test(t, s, host)
			if left := s.Left(); len(left) > 0 {
				t.Errorf("left behind:\n%s", strings.Join(left, "\n"))
			}
		})
	}
}

func boxGiven(t *testing.T, s *site.Site, host *container.Host) {
	l := boxed(t, host, nil)
	task := l.boxedTask(`
echo "user $(id -u):$(id -g)"
grep -E '^(CapEff|CapBnd|NoNewPrivs|Seccomp):' /proc/self/status
env | sort
echo "$WITH"
touch /x 2>/dev/null && echo 'the image can be written'
touch /volume/x # it is the image that says so, and it goes with the container
touch "$1" 2>/dev/null && echo 'the input can be written'
cat "$1"
touch /tmp/y /var/tmp/y "$TMPDIR/y" && echo 'tmp can be written'
[ "$PWD" = "$2" ] && echo 'at work'
ls /sys/class/net
ls "$(dirname "$2")" | tr '\n' ' '`, "$(inputs.note)", "$(work)")
	task.Inputs = []worker.Input{{Port: note("note"), Items: []worker.Item{l.put("note.txt", "the note\n")}}}
	task.Implementation.Env = map[string]string{"WITH": "a b\n'c'"}
	l.must(task, &worker.Hooks{Env: map[string]string{"GRANTED": "yes", "CUDA_VISIBLE_DEVICES": ""}})
	log := l.log(task)
	for _, want := range []string{
		fmt.Sprintf("user %d:%d\n", os.Getuid(), os.Getgid()),
		"NoNewPrivs:\t1", "Seccomp:\t2", "CapEff:\t0000000000000000", // of the bounding set keep-id leaves what nobody can use
		"FROM_IMAGE=yes", "LANG=C.UTF-8", "TZ=UTC", "\na b\n'c'\n", "GRANTED=yes", "CUDA_VISIBLE_DEVICES=\n", "USER=ligase", "NVIDIA_VISIBLE_DEVICES=void",
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n",
		"the note\n", "tmp can be written", "at work", "\nlo\n", "\nin tmp work ",
	} {
		if !strings.Contains(log, want) {
			t.Errorf("no %q in\n%s", want, log)
		}
	}
	for _, bad := range []string{"can be written\n", s.Dir} {
		if strings.Contains(strings.ReplaceAll(log, "tmp can be written\n", ""), bad) {
			t.Errorf("%q in\n%s", bad, log)
		}
	}
}

// What a user gives arrives as it is, whatever it looks like to podman, the
// runtime, a shell or CSV.
func boxVolumes(t *testing.T, s *site.Site, _ *container.Host) {
	weights := filepath.Join(t.TempDir(), "weights")
	if err := os.MkdirAll(filepath.Join(weights, "sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(weights, "model.pt"), []byte("numbers"), 0o644); err != nil {
		t.Fatal(err)
	}
	host := func(o container.Options) *container.Host {
		o.Use, o.NoPull = container.Use(s.Program), true
		return container.NewHost(o)
	}
	work := func(l *lab) worker.Task {
		task := l.boxedTask(`cat /weights/tool/model.pt; touch /weights/tool/y 2>/dev/null && echo 'it can be written'; ls /weights/tool | tr '\n' ' '`)
		task.Implementation.Volumes = []steps.Volume{{Name: "tool-weights", At: "/weights/tool", Files: []string{"model.pt"}}}
		return task
	}
	for name, o := range map[string]container.Options{
		"by its name":        {Volumes: map[string]string{"tool-weights": weights}},
		"by a mount":         {Mounts: []container.Mount{{Source: weights, Target: "/weights/tool", ReadOnly: true}}},
		"in a mount's place": {Mounts: []container.Mount{{Source: "/etc", Target: "/weights/tool", ReadOnly: true}}, Volumes: map[string]string{"tool-weights": weights}},
	} {
		l := boxed(t, host(o), nil)
		task := work(l)
		l.must(task, nil)
		if log := l.log(task); log != "numbersmodel.pt sub " {
			t.Errorf("%s: %q", name, log)
		}
	}
	l := boxed(t, host(container.Options{}), nil)
	l.wants(work(l), steps.FailImage, "Nothing says which folder here is that.")
	l = boxed(t, host(container.Options{Volumes: map[string]string{"tool-weights": filepath.Join(weights, "sub")}}), nil)
	l.wants(work(l), steps.FailImage, "has no model.pt.")
	l = boxed(t, host(container.Options{Volumes: map[string]string{"tool-weights": filepath.Join(weights, "gone")}}), nil)
	l.wants(work(l), steps.FailImage, "There is no folder")
}

func boxArguments(t *testing.T, s *site.Site, host *container.Host) {
	l := boxed(t, host, nil)
	hostile := []string{"--rm", "-v/:/host", "--", "", " ", "$$(id)", "`id`", "$HOME", "a\nb", `"`, `'`, `\`, "a,b=c", "{{.ID}}", "é→", strings.Repeat("x", 100_000), "*", "%s"}
	task := l.boxedTask(`for a; do printf %s "$a" | base64 -w0; echo; done >o.txt`, hostile...)
	task.Outputs = []steps.Port{note("o")}
	task.Implementation.Collect = map[string]string{"o": "o.txt"}
	r := l.must(task, nil)
	got := strings.Split(l.read(r.Outputs["o"][0].URI), "\n")
	for i, want := range hostile {
		text, err := base64.StdEncoding.DecodeString(got[i])
		if want = strings.ReplaceAll(want, "$$(", "$("); err != nil || string(text) != want {
			t.Errorf("%.100q, want %.100q", text, want)
		}
	}
	if len(got) != len(hostile)+1 {
		t.Errorf("%d arguments, want %d", len(got)-1, len(hostile))
	}
}

func boxFiles(t *testing.T, s *site.Site, host *container.Host) {
	l := boxed(t, host, func(o *worker.Options) { o.KeepWork = true })
	task := l.boxedTask(`mkdir d && echo x >d/o.txt && chmod 700 d && exit 1`)
	if _, f := l.Execute(context.Background(), task, nil); f == nil || f.Code != steps.FailExit {
		t.Fatalf("%+v", f)
	}
	dir := filepath.Join(l.Folder(task.RunID, "node", "", 1), "work", "d")
	for _, path := range []string{dir, filepath.Join(dir, "o.txt")} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if own := info.Sys().(*syscall.Stat_t); int(own.Uid) != os.Getuid() || int(own.Gid) != os.Getgid() {
			t.Errorf("%s belongs to %d:%d", path, own.Uid, own.Gid)
		}
	}
}

func boxEndings(t *testing.T, s *site.Site, host *container.Host) {
	for _, c := range []struct {
		name, script string
		code         steps.FailureCode
		message      string
		exit         int
	}{
		{"exit code", `echo out; echo err >&2; exit 7`, steps.FailExit, "exit code 7", 7},
		{"like podman's own", `exit 125`, steps.FailExit, "exit code 125", 125},
		{"like a shell's", `no-such-tool`, steps.FailExit, "exit code 127", 127},
		{"crash", `kill -SEGV $$`, steps.FailExit, "crashed (segmentation fault)", 139},
		{"killed", `kill -KILL $$`, steps.FailUnknown, "killed from outside", 137},
		{"its log", `echo 'torch.OutOfMemoryError: CUDA out of memory.'; exit 1`, steps.FailGPUOOM, "GPU memory ran out", 1},
		{"its own pattern", `echo 'E42: node lost'; exit 9`, steps.FailPreempted, `Its log says why (class preempted): "E42: node lost".`, 9},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := boxed(t, host, nil)
			task := l.boxedTask(c.script)
			task.Implementation.Failures = []steps.LogPattern{{Pattern: `^E\d+`, Code: steps.FailPreempted}}
			f := l.wants(task, c.code, c.message)
			if f.ExitCode == nil || *f.ExitCode != c.exit {
				t.Errorf("exit code %v, want %d", f.ExitCode, c.exit)
			}
		})
	}
}

func boxNotStarted(t *testing.T, s *site.Site, host *container.Host) {
	l := boxed(t, host, nil)
	for _, c := range []struct {
		image         string
		argv          []string
		message, hint string
	}{
		{site.Image, []string{"no-such-tool"}, "no-such-tool", s.Program + " run --rm --network=none --entrypoint= " + site.Image + " no-such-tool"},
		{site.Image, []string{"/etc"}, "/etc", s.Program + " run"},
		{"localhost/ligase-test/absent:1", []string{"true"}, "The image localhost/ligase-test/absent:1 is not on this machine", s.Program + " pull localhost/ligase-test/absent:1"},
	} {
		task := l.boxedTask("")
		task.Implementation.Image = c.image
		task.Implementation.Command = nil
		for _, a := range c.argv {
			task.Implementation.Command = append(task.Implementation.Command, steps.Arg{Templates: []string{a}})
		}
		if f := l.wants(task, steps.FailImage, c.message); !strings.Contains(f.Hint, c.hint) {
			t.Errorf("hint %q", f.Hint)
		}
	}
	// Where images may be pulled, what the registry said is told.
	l = boxed(t, host, func(o *worker.Options) {
		o.Containers = container.NewHost(container.Options{Use: container.Use(s.Program)})
	})
	task := l.boxedTask("true")
	task.Implementation.Image = "127.0.0.1:9/ligase-test/absent:1"
	var told []string
	_, f := l.Execute(context.Background(), task, &worker.Hooks{Progress: func(_ float64, line string) { told = append(told, line) }})
	if f == nil || f.Code != steps.FailImage || !strings.Contains(f.Message, "could not be pulled") || !strings.Contains(f.Message, "refused") || !strings.Contains(f.Hint, s.Program+" pull 127.0.0.1:9/ligase-test/absent:1") {
		t.Errorf("%+v", f)
	}
	if all := strings.Join(told, "\n"); !strings.Contains(all, "pulling the image: "+s.Program+" pull 127.0.0.1:9/ligase-test/absent:1\npulling the image: ") {
		t.Errorf("told %q", all)
	}
	if !strings.Contains(l.log(task), s.Program+" pull 127.0.0.1:9/ligase-test/absent:1\n") {
		t.Errorf("log %q", l.log(task))
	}
	l.clean()
}

func boxTimeout(t *testing.T, s *site.Site, host *container.Host) {
	for name, script := range map[string]string{
		"sleeps":          `sleep 600`,
		"ignores SIGTERM": `trap '' TERM; while :; do sleep 0.1; done`,
		"stops itself":    `kill -STOP $$; sleep 600`,
		"with children":   `sleep 600 & (trap '' TERM; sleep 601) & wait`,
		"in a session":    `setsid sleep 600 & setsid sh -c 'trap "" TERM; while :; do sleep 1; done' & wait`,
	} {
		t.Run(name, func(t *testing.T) {
			l := boxed(t, host, nil)
			task := l.boxedTask(script)
			task.Implementation.Timeout = 2 * time.Second
			if f := l.wants(task, steps.FailDeadline, "not done within its timeout of 2s"); f.ExitCode != nil {
				t.Error("an exit code of a command that never ended by itself")
			}
		})
	}
}

func boxGrace(t *testing.T, s *site.Site, host *container.Host) {
	l := boxed(t, host, func(o *worker.Options) { o.Grace = 20 * time.Second })
	task := l.boxedTask(`n=0; trap 'n=$((n+1)); echo told; sleep 0.5; echo "bye $n"; exit 0' TERM; echo ready; while :; do sleep 0.05; done`)
	task.Implementation.Timeout = 4 * time.Second
	f := l.wants(task, steps.FailDeadline, "")
	if f.LogTail != "ready\ntold\nbye 1" {
		t.Errorf("log %q", f.LogTail)
	}
}

// Whenever it is cancelled, nothing is left.
func boxCancelled(t *testing.T, s *site.Site, host *container.Host) {
	l := boxed(t, host, nil)
	for i, after := range []time.Duration{0, 50 * time.Millisecond, 200 * time.Millisecond, 350 * time.Millisecond, 500 * time.Millisecond, 700 * time.Millisecond, 900 * time.Millisecond, 3 * time.Second} {
		ctx, cancel := context.WithCancel(context.Background())
		task := l.boxedTask(`trap '' TERM; echo ready; while :; do sleep 0.1; done`)
		task.Index = task.Index.Child(i)
		time.AfterFunc(after, cancel)
		r, f := l.Execute(ctx, task, nil)
		if r != nil || f == nil || f.Code != steps.FailCanceled {
			t.Errorf("after %s: %+v", after, f)
		}
		l.clean()
		if left := s.Left(); len(left) > 0 {
			t.Errorf("cancelled after %s, left behind:\n%s", after, strings.Join(left, "\n"))
		}
	}
}

func boxDaemons(t *testing.T, s *site.Site, host *container.Host) {
	l := boxed(t, host, nil)
	nap := fmt.Sprintf("6%d.%d", os.Getpid(), time.Now().UnixNano())
	task := l.boxedTask(strings.ReplaceAll(`sleep N & nohup sleep N >/dev/null 2>&1 & setsid sleep N & setsid sh -c 'trap "" TERM; setsid env -i sleep N' & sleep 0.6; echo x >o.txt`, "N", nap))
	task.Outputs = []steps.Port{note("o")}
	task.Implementation.Collect = map[string]string{"o": "o.txt"}
	l.must(task, nil)
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, f := range files {
		if b, err := os.ReadFile(f); err == nil && strings.Contains(string(b), nap) {
			t.Errorf("still there: %q", b)
		}
	}
}

func boxMemory(t *testing.T, s *site.Site, host *container.Host) {
	program, err := host.Program(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, script := range map[string]string{
		"itself":            `exec tail /dev/zero`,
		"a child":           `tail /dev/zero; echo "the child ended with $?"; sleep 1; exit 1`,
		"in shared memory":  `head -c 300000000 /dev/zero >/dev/shm/x; sleep 1; exit 1`,
		"slowly, in pieces": `for i in 1 2 3 4; do head -c 30000000 /dev/zero | tail -c 30000000 | (sleep 20; cat >/dev/null) & sleep 0.3; done; wait; exit 1`,
	} {
		t.Run(name, func(t *testing.T) {
			if name == "in shared memory" && !program.Memory {
				t.Skip("without a cgroup for memory nobody counts what is in /dev/shm")
			}
			l := boxed(t, host, nil)
			task := l.boxedTask(script)
			task.Implementation.Resources.Memory = 64 << 20
			l.wants(task, steps.FailOOM, "64 MiB")
		})
	}
	l := boxed(t, host, nil)
	task := l.boxedTask(`head -c 20000000 /dev/zero | tail -c 20000000 >/dev/null; head -c 40000000 /dev/zero >/dev/shm/x`)
	task.Implementation.Resources.Memory = 256 << 20
	l.must(task, nil)
}

func boxDisk(t *testing.T, _ *site.Site, host *container.Host) {
	l := boxed(t, host, nil)
	task := l.boxedTask("trap '' TERM; "+hoard, "$(work)")
	task.Implementation.Resources.Disk = 64 << 20
	began := time.Now()
	l.wants(task, steps.FailDisk, "more than the 64 MiB of disk that its implementation asks for, and was ended.")
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("it took %s", took)
	}
}

func boxFlood(t *testing.T, s *site.Site, host *container.Host) {
	const most = 1 << 20
	l := boxed(t, host, func(o *worker.Options) { o.MaxLog = most })
	task := l.boxedTask(`echo begin; yes 'a line of the flood that says nothing' | head -c 50000000; echo; echo 'CUDA out of memory'; yes 'more of it' | head -c 3000000; echo; echo end; exit 1`)
	f := l.wants(task, steps.FailGPUOOM, "")
	log := l.log(task)
	if !strings.HasPrefix(log, "begin\na line") || !strings.HasSuffix(log, "\nend\n") || strings.Count(log, "were left out here") != 1 || len(log) > most+200 {
		t.Errorf("log of %d bytes: %.60q … %q", len(log), log, log[max(0, len(log)-60):])
	}
	if !strings.HasSuffix(f.LogTail, "\nend") {
		t.Errorf("log tail %q", f.LogTail)
	}
}

func boxProgress(t *testing.T, s *site.Site, host *container.Host) {
	l := boxed(t, host, nil)
	task := l.boxedTask(`printf 'step 1/4\r'; sleep 0.15; printf 'step 2/4\n'; sleep 0.15; printf 'step 4/4\n'`)
	task.Implementation.Progress = `step (?P<done>\d+)/(?P<total>\d+)`
	var got []string
	l.must(task, &worker.Hooks{Progress: func(f float64, line string) { got = append(got, fmt.Sprintf("%g %s", f, line)) }})
	if want := "0.25 step 1/4|0.5 step 2/4|1 step 4/4"; strings.Join(got, "|") != want {
		t.Errorf("%q", got)
	}
}

// A client that somebody kills takes its container with it, at whatever point
// of its life.
func boxClientKilled(t *testing.T, s *site.Site, host *container.Host) {
	l := boxed(t, host, nil)
	for i, after := range []time.Duration{0, 50 * time.Millisecond, 150 * time.Millisecond, 300 * time.Millisecond, 500 * time.Millisecond, 2 * time.Second} {
		task := l.boxedTask(`trap '' TERM; while :; do sleep 0.1; done`)
		task.Index = task.Index.Child(i)
		_, f := l.Execute(context.Background(), task, &worker.Hooks{Started: func(pid int) error {
			time.AfterFunc(after, func() { syscall.Kill(-pid, syscall.SIGKILL) })
			return nil
		}})
		if f == nil || f.Code != steps.FailUnknown && f.Code != steps.FailImage {
			t.Errorf("after %s: %+v", after, f)
		}
		l.clean()
		if left := s.Left(); len(left) > 0 {
			t.Errorf("killed after %s, left behind:\n%s", after, strings.Join(left, "\n"))
		}
	}
}

func boxUsage(t *testing.T, s *site.Site, host *container.Host) {
	if s.Program == "docker" {
		t.Skip("what docker's containers use only its daemon could tell")
	}
	l := boxed(t, host, nil)
	r := l.must(l.boxedTask(`head -c 30000000 /dev/zero | tail -c 30000000 | (sleep 6; cat >/dev/null); i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done; sleep 0.6`), nil)
	if r.Usage.CPUSeconds <= 0.05 || r.Usage.CPUSeconds > 30 || r.Usage.PeakMemory < 20<<20 || r.Usage.PeakMemory > 100<<20 {
		t.Errorf("%+v", r.Usage)
	}
}

// A command that is this program needs no image.
func boxSelf(t *testing.T, s *site.Site, host *container.Host) {
	l := boxed(t, host, nil) // whose own program is /bin/echo
	task := l.task("")
	task.Implementation.Image = "localhost/ligase-test/absent:1"
	task.Implementation.Command = []steps.Arg{{Templates: []string{"ligase"}}, {Templates: []string{"hello"}}}
	l.must(task, nil)
	if got := l.log(task); got != "hello\n" {
		t.Errorf("log %q", got)
	}
}

// The containers of an engine that was killed are found and removed by the
// next; those of another work folder are left alone.
func boxLeftovers(t *testing.T, s *site.Site, host *container.Host) {
	victim := func() (dir string) {
		dir = t.TempDir()
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), victimVariable+"="+dir, victimBox+"="+s.Program, victimImage+"="+site.Image)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if line, err := bufio.NewReader(out).ReadString('\n'); err != nil {
			t.Fatalf("%q %v", line, err)
		}
		cmd.Process.Kill()
		cmd.Wait()
		return dir
	}
	mine, other := victim(), victim()
	if n := len(s.Containers()); n != 2 {
		t.Fatalf("%d containers are left: the test proves nothing", n)
	}
	for i, dir := range []string{mine, other} {
		l := boxed(t, host, func(o *worker.Options) { o.WorkDir = dir })
		if n, err := l.EndLeftovers(); err != nil || n < 1 {
			t.Errorf("ended %d: %v", n, err)
		}
		if n := len(s.Containers()); n != 1-i {
			t.Errorf("%d containers are left: %q\n%s", n, s.Containers(), l.notes)
		}
		if entries, _ := os.ReadDir(dir); len(entries) > 0 {
			t.Errorf("folders are left: %v", entries)
		}
	}
}
