package worker

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// headless has this program end its first thread and go on with the others.
const headless = "LIGASE_TEST_HEADLESS"

func init() { // runs in the first thread
	if os.Getenv(headless) != "" {
		go func() {
			time.Sleep(time.Minute)
			os.Exit(0)
		}()
		syscall.Syscall(syscall.SYS_EXIT, 0, 0, 0)
	}
}

// started is a process with that environment, which ends with the test.
func started(t *testing.T, env []string, argv ...string) procID {
	t.Helper()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = env
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	return procID{pid: cmd.Process.Pid}
}

// A process that becomes one program after the other has its mark whenever it
// is asked for, though now and then it has no environment to read.
func TestMarkWhileAnotherProgramIsTaken(t *testing.T) {
	dir := t.TempDir()
	again := filepath.Join(dir, "again")
	if err := os.WriteFile(again, []byte("#!/bin/sh\nexec \"$0\"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	p := started(t, []string{"PATH=" + os.Getenv("PATH"), markVariable + "=" + dir}, again)
	bare := 0
	for end := time.Now().Add(time.Second); time.Now().Before(end); {
		if mark := p.mark(); mark != dir {
			bare++
		}
	}
	if bare > 0 {
		t.Errorf("asked for a second, it had no mark %d times", bare)
	}
}

// A process that was given no environment has none, and nobody waits for it.
func TestMarkOfNoEnvironment(t *testing.T) {
	p := started(t, []string{}, "sleep", "60")
	for _, settled := p.markNow(); !settled; _, settled = p.markNow() { // it is still taking its program
		time.Sleep(time.Millisecond)
	}
	if mark, settled := p.markNow(); mark != "" || !settled {
		t.Errorf("mark %q, settled %t", mark, settled)
	}
}

// A process whose first thread has ended looks like a zombie, and is none.
func TestFirstThreadThatHasEnded(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0])
	cmd.Env = []string{headless + "=1", markVariable + "=" + dir}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	p := procID{pid: cmd.Process.Pid}
	until(10*time.Second, func() bool {
		s, ok := readStat(p.pid)
		return !ok || s.state == 'Z'
	})
	if s, _ := readStat(p.pid); s.state != 'Z' || s.threads < 2 {
		t.Fatalf("its first thread has not ended: %+v", s)
	}
	if mark := p.mark(); mark != dir {
		t.Errorf("its mark is %q, want %q", mark, dir)
	}
	if p.start = startTime(p.pid); !p.alive() || !groupLives(p.pid) {
		t.Error("it is taken for dead")
	}
	endProcs([]procID{p}, 10*time.Second)
	if p.alive() || groupLives(p.pid) {
		t.Error("it was not ended")
	}
}
