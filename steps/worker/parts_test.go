package worker_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/steps/worker"
)

// argv is a command as it stands in a definition.
func argv(elements ...string) []steps.Arg {
	var args []steps.Arg
	for _, e := range elements {
		args = append(args, steps.Arg{Templates: []string{e}})
	}
	return args
}

// script is a shell script as a command.
func script(text string, args ...string) []steps.Arg {
	return argv(append([]string{"sh", "-c", strings.ReplaceAll(text, "$(", "$$("), "sh"}, args...)...)
}

// program writes an executable script and returns its path.
func program(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// What prepares, the command and what finishes share the folder, the
// environment, the inputs and the log, in this order.
func TestParts(t *testing.T) {
	l := newLab(t, nil)
	task := l.task(`echo command; tr a-z A-Z <prepared.txt >"$1/made.txt"`, "$(work)")
	task.Implementation.Prepare = script(`echo preparing; cat "$1" >prepared.txt; echo "$2 $WORD" >>prepared.txt`, "$(inputs.a)", "$(params.word)")
	task.Implementation.Finish = append(script(`echo finishing; tail -n 1 made.txt >"$1/o.txt"; echo "$2" >>"$1/o.txt"; test "$#" = 2`, "$(work)", "$(params.word)"),
		steps.Arg{Group: true, Templates: []string{"--never", "$(params.unset)"}})
	task.Implementation.Env = map[string]string{"WORD": "there"}
	task.Implementation.Collect = map[string]string{"o": "o.txt"}
	task.Inputs = []worker.Input{{Port: note("a"), Items: []worker.Item{l.put("a.txt", "given\n")}}}
	task.Params = map[string]steps.Value{"word": value(t, "hello")}
	task.Outputs = []steps.Port{note("o")}
	r := l.must(task, nil)
	if got := l.read(r.Outputs["o"][0].URI); got != "HELLO THERE\nhello\n" {
		t.Errorf("the output is %q", got)
	}
	if got := l.log(task); got != "preparing\ncommand\nfinishing\n" {
		t.Errorf("the log is %q", got)
	}
}

func TestPartsEndTheAttempt(t *testing.T) {
	for _, c := range []struct {
		name                     string
		prepare, command, finish string
		code                     steps.FailureCode
		message                  string
		log                      string
	}{
		{"the preparation fails", `echo p; exit 7`, `echo c`, `echo f`, steps.FailExit, "The preparation of the command ended with exit code 7.", "p\n"},
		{"the command fails", `echo p`, `echo c; exit 8`, `echo f`, steps.FailExit, "The command ended with exit code 8.", "p\nc\n"},
		{"the finish fails", `echo p`, `echo c`, `echo f; exit 9`, steps.FailExit, "The finish of the command ended with exit code 9.", "p\nc\nf\n"},
		{"an exit code of another's is no word of ours", `echo p`, `echo c; exit 3`, `echo f`, steps.FailExit, "The command ended with exit code 3.", "p\nc\n"},
		{"the finish runs out of memory", `echo p`, `echo c`, `echo MemoryError; exit 1`, steps.FailOOM, "memory ran out", "p\nc\nMemoryError\n"},
		{"the preparation is killed", `kill -KILL $$`, `echo c`, `echo f`, steps.FailUnknown, "The preparation of the command was killed from outside", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, nil)
			task := l.task(c.command)
			task.Implementation.Prepare, task.Implementation.Finish = script(c.prepare), script(c.finish)
			l.wants(task, c.code, c.message)
			if c.log != "" && l.log(task) != c.log {
				t.Errorf("the log is %q, want %q", l.log(task), c.log)
			}
		})
	}
}

// The timeout is that of the attempt, not of each part.
func TestPartsShareTheTimeout(t *testing.T) {
	for _, late := range []string{"prepare", "finish"} {
		l := newLab(t, nil)
		task := l.task(`sleep 0.6`)
		task.Implementation.Prepare, task.Implementation.Finish = script(`sleep 0.6`), script(`sleep 60`)
		noun := "The finish of the command"
		if late == "prepare" {
			task.Implementation.Prepare, noun = script(`sleep 60`), "The preparation of the command"
		}
		task.Implementation.Timeout = 2 * time.Second
		began := time.Now()
		l.wants(task, steps.FailDeadline, noun+" was not done within its timeout of 2s")
		if took := time.Since(began); took < 1900*time.Millisecond || took > 10*time.Second {
			t.Errorf("it took %s", took)
		}
	}
}

func TestPartsAreWatched(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("memory is limited on Linux only")
	}
	l := newLab(t, nil)
	task := l.task(`sleep 0.4`) // long enough to be watched itself
	task.Implementation.Finish = script(`head -c 120000000 /dev/zero | tail | sleep 60`)
	task.Implementation.Resources.Memory = 64 << 20
	l.wants(task, steps.FailOOM, "The finish of the command had")

	task = l.task(`i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done`)
	alone := l.must(task, nil)
	task.Node, task.Implementation.Finish = "again", task.Implementation.Command
	both := l.must(task, nil)
	if both.Usage.CPUSeconds < 1.3*alone.Usage.CPUSeconds {
		t.Errorf("the command used %g s of CPU, it and its like %g", alone.Usage.CPUSeconds, both.Usage.CPUSeconds)
	}
}

// What the preparation leaves running is ended before the command runs.
func TestPartsLeaveNothingBehind(t *testing.T) {
	l := newLab(t, nil)
	task := l.task(`rm alive; sleep 0.4; test ! -e alive`)
	task.Implementation.Prepare = script(`setsid sh -c 'while :; do echo >alive; sleep 0.05; done' & sleep 0.2; test -e alive`)
	l.must(task, nil)
}

func TestPartsAreCancelled(t *testing.T) {
	l := newLab(t, nil)
	task := l.task(`true`)
	task.Implementation.Finish = script(`sleep 60`)
	ctx, cancel := context.WithCancel(t.Context())
	started := 0
	_, f := l.Execute(ctx, task, &worker.Hooks{Started: func(int) error {
		if started++; started == 2 {
			cancel()
		}
		return nil
	}})
	if f == nil || f.Code != steps.FailCanceled {
		t.Errorf("%+v", f)
	}
	l.clean()
}

// A program that is not there is missed before hours of work are done.
func TestPartsAreLookedAtFirst(t *testing.T) {
	l := newLab(t, nil)
	ran := filepath.Join(t.TempDir(), "ran")
	task := l.task(`touch "$1"`, ran)
	task.Implementation.Finish = argv("no-such-tool-at-all")
	l.wants(task, steps.FailImage, `"no-such-tool-at-all" was not found`)
	task.Implementation.Finish = argv("true", "$(params.gone)")
	l.wants(task, steps.FailImage, "the parameter gone is not set")
	if _, err := os.Stat(ran); err == nil {
		t.Error("the command ran all the same")
	}
}

// Exit code 3 of ligase's own commands says that they cannot work on what they
// were given: the inputs, or what the command made.
func TestOwnRefusals(t *testing.T) {
	self := program(t, `echo "$*: Line 3: It has no residues."; echo; exit 3`)
	for _, c := range []struct {
		name   string
		change func(*steps.Implementation)
		code   steps.FailureCode
		text   string
	}{
		{"prepare", func(i *steps.Implementation) { i.Prepare = argv("ligase", "adapt", "x") }, steps.FailInput,
			"The preparation of the command cannot work on what it was given: adapt x: Line 3: It has no residues."},
		{"command", func(i *steps.Implementation) { i.Command = argv("ligase", "baseline", "y") }, steps.FailInput,
			"The command cannot work on what it was given: baseline y: Line 3: It has no residues."},
		{"finish", func(i *steps.Implementation) { i.Finish = argv("ligase", "adapt", "z") }, steps.FailOutputContract,
			"The command ended with exit code 0, but what it made is not what it should be: adapt z: Line 3: It has no residues."},
		{"finish, and the log says why", func(i *steps.Implementation) {
			i.Command, i.Finish = script(`echo "E7: no memory on the device, skipping"`), argv("ligase", "adapt", "z")
			i.Failures = []steps.LogPattern{{Pattern: `^E7`, Code: steps.FailGPUOOM}}
		}, steps.FailGPUOOM, `Its log says that GPU memory ran out: "E7: no memory on the device, skipping".`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, func(o *worker.Options) { o.Self = self })
			task := l.task(`true`)
			c.change(&task.Implementation)
			if f := l.wants(task, c.code, c.text); f.ExitCode == nil || *f.ExitCode != 3 {
				t.Errorf("exit code %v", f.ExitCode)
			}
		})
	}
	t.Run("nothing said", func(t *testing.T) {
		l := newLab(t, func(o *worker.Options) { o.Self = program(t, "exit 3") })
		task := l.task("")
		task.Implementation.Command = argv("ligase", "x")
		l.wants(task, steps.FailInput, "it does not say why")
	})
}

func TestAdaptersMayBeAnothersProgram(t *testing.T) {
	l := newLab(t, func(o *worker.Options) {
		o.Self, o.Adapters = program(t, `echo "self $*"`), program(t, `echo "adapters $*"`)
	})
	task := l.task("")
	task.Implementation.Prepare = argv("ligase", "adapt", "x")
	task.Implementation.Command = argv("ligase", "baseline", "x")
	l.must(task, nil)
	if got, want := l.log(task), "adapters adapt x\nself baseline x\n"; got != want {
		t.Errorf("ran %q, want %q", got, want)
	}
}

// A log of several parts is kept whole, and within its cap.
func TestPartsFloodTheLog(t *testing.T) {
	l := newLab(t, func(o *worker.Options) { o.MaxLog = 4 << 10 })
	flood := func(word string) []steps.Arg {
		return script(fmt.Sprintf(`i=0; while [ $i -lt 400 ]; do echo "%s $i"; i=$((i+1)); done`, word))
	}
	task := l.task("")
	task.Implementation.Prepare, task.Implementation.Command, task.Implementation.Finish = flood("first"), flood("second"), flood("third")
	l.must(task, nil)
	got := l.log(task)
	if !strings.HasPrefix(got, "first 0\n") || !strings.HasSuffix(got, "third 399\n") || !strings.Contains(got, "were left out here") || len(got) > 5<<10 {
		t.Errorf("%d bytes: %.60q … %q", len(got), got, got[max(0, len(got)-60):])
	}
}
