package worker_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/steps/worker"
)

// program runs ligase-worker with a task on its standard input.
func (l *lab) program(task worker.Task, env ...string) *exec.Cmd {
	l.t.Helper()
	b, err := json.Marshal(task)
	if err != nil {
		l.t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], "--task", "-")
	cmd.Stdin = bytes.NewReader(b)
	cmd.Env = append([]string{programVariable + "=1", "PATH=" + os.Getenv("PATH"), "LIGASE_WORK=" + l.work,
		fmt.Sprintf(`LIGASE_STORE={"roots":[{"uri":%q,"write":true}]}`, l.root.String())}, env...)
	return cmd
}

func TestProgram(t *testing.T) {
	l := newLab(t, nil)
	task := l.task(`cat "$1" >o.txt; printf %s "$2" >>o.txt`, "$(inputs.x)", "$(params.hostile)")
	item := l.put("x", "given ")
	item.Index = "4"
	task.Index = "4"
	task.Inputs = []worker.Input{{Port: note("x"), Items: []worker.Item{item}}}
	task.Params = map[string]steps.Value{"hostile": value(t, "{{workflow.name}} \"'\n$(work)"), "n": value(t, 2.0)}
	task.Outputs = []steps.Port{note("o")}
	task.Implementation.Collect = map[string]string{"o": "o.txt"}
	var first []byte
	for range 2 { // the second time it finds the commit
		out, err := l.program(task).Output()
		if err != nil {
			t.Fatalf("%v: %s", err, err.(*exec.ExitError).Stderr)
		}
		var r steps.Result
		if err := json.Unmarshal(out, &r); err != nil {
			t.Fatal(err)
		}
		if got := l.read(r.Outputs["o"][0].URI); got != "given {{workflow.name}} \"'\n$(work)" {
			t.Errorf("%q", got)
		}
		if first != nil && !bytes.Equal(first, out) {
			t.Errorf("two results:\n%s\n%s", first, out)
		}
		first = out
	}

	bad := l.task(`exit 3`)
	cmd := l.program(bad)
	out, err := cmd.Output()
	var f steps.Failure
	if json.Unmarshal(out, &f); f.Code != steps.FailExit || f.ExitCode == nil || *f.ExitCode != 3 {
		t.Errorf("%s %v", out, err)
	}
	if got := cmd.ProcessState.ExitCode(); worker.CodeOf(got) != steps.FailExit {
		t.Errorf("exit code %d", got)
	}
	l.clean()
}

func TestProgramIsTold(t *testing.T) {
	l := newLab(t, nil)
	started := filepath.Join(l.dir, "started")
	cmd := l.program(l.task(`setsid sleep 60 & touch "$1"; sleep 60`, started))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if _, err := os.Stat(started); err == nil {
			break
		}
	}
	cmd.Process.Signal(syscall.SIGTERM)
	cmd.Wait()
	if got := cmd.ProcessState.ExitCode(); worker.CodeOf(got) != steps.FailPreempted {
		t.Errorf("exit code %d", got)
	}
	l.clean()
}

func TestProgramUsage(t *testing.T) {
	l := newLab(t, nil)
	good := l.task(`true`)
	for _, c := range []struct {
		name string
		cmd  *exec.Cmd
		says string
	}{
		{"no task", func() *exec.Cmd { c := l.program(good); c.Args = c.Args[:1]; return c }(), "give it with --task FILE or in LIGASE_TASK"},
		{"not JSON", func() *exec.Cmd { c := l.program(good); c.Stdin = strings.NewReader("x"); return c }(), "the task:"},
		{"unknown field", func() *exec.Cmd { c := l.program(good); c.Stdin = strings.NewReader(`{"image":"x"}`); return c }(), `unknown field "image"`},
		{"two tasks", func() *exec.Cmd { c := l.program(good); c.Stdin = strings.NewReader(`{} {}`); return c }(), "something follows"},
		{"no store", l.program(good, "LIGASE_STORE="), "LIGASE_STORE"},
		{"no roots", l.program(good, "LIGASE_STORE={}"), "needs at least one root"},
	} {
		out, _ := c.cmd.CombinedOutput()
		if c.cmd.ProcessState.ExitCode() != 2 || !strings.Contains(string(out), c.says) {
			t.Errorf("%s: exit code %d: %s", c.name, c.cmd.ProcessState.ExitCode(), out)
		}
	}
}
