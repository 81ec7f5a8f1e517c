package worker_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/ligase-bio/ligase/internal/container"
	"github.com/ligase-bio/ligase/steps/worker"
)

// victimVariable makes the test program execute an attempt that does not end,
// for a test to kill it.
const (
	victimVariable = "LIGASE_TEST_VICTIM"
	victimBox      = "LIGASE_TEST_VICTIM_CONTAINER" // what runs it in a container; empty: it is a process
	victimImage    = "LIGASE_TEST_VICTIM_IMAGE"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(victimVariable); dir != "" {
		victim(dir)
	}
	os.Exit(m.Run())
}

func victim(dir string) {
	t := &testing.T{}
	if use := os.Getenv(victimBox); use != "" {
		l := newLab(t, func(o *worker.Options) {
			o.WorkDir, o.Containers = dir, container.NewHost(container.Options{Use: container.Use(use), NoPull: true})
		})
		task := l.task(`trap '' TERM; setsid sleep 600 & while :; do sleep 0.1; done`)
		task.Implementation.Image, task.Implementation.Timeout = os.Getenv(victimImage), time.Hour
		l.Execute(context.Background(), task, &worker.Hooks{Started: func(int) error {
			time.AfterFunc(3*time.Second, func() { fmt.Println("ready") })
			return nil
		}})
		return
	}
	l := newLab(t, func(o *worker.Options) { o.WorkDir = dir })
	// The command itself dies with the engine; what it started does not.
	task := l.task(`sleep 60 & setsid sleep 60 & (trap '' TERM; sleep 60; sleep 60) & echo; wait`)
	l.Execute(context.Background(), task, &worker.Hooks{Started: func(int) error {
		time.AfterFunc(400*time.Millisecond, func() { fmt.Println("ready") })
		return nil
	}})
}

// What an engine that was killed left behind is found and ended by the next.
func TestEndLeftovers(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux finds what left its process group")
	}
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), victimVariable+"="+dir)
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
	if len(marked(dir)) < 3 {
		t.Fatalf("only %d processes are left: the test proves nothing", len(marked(dir)))
	}
	if files, _ := filepath.Glob(filepath.Join(dir, "*", "*", "*", "attempt.json")); len(files) != 1 {
		t.Errorf("attempt.json: %q", files)
	}

	l := newLab(t, func(o *worker.Options) { o.WorkDir = dir })
	n, err := l.EndLeftovers()
	if err != nil || n < 3 {
		t.Errorf("ended %d: %v", n, err)
	}
	if left := marked(dir); len(left) > 0 {
		t.Errorf("still there: %d", left)
	}
	if entries, _ := os.ReadDir(dir); len(entries) > 0 {
		t.Errorf("folders are left: %v", entries)
	}
	l.must(l.task(`true`), nil)
	if n, err := l.EndLeftovers(); n != 0 || err != nil {
		t.Errorf("ended %d more: %v", n, err)
	}
}
