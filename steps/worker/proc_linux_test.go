package worker

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

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
