package worker

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/ligase-bio/ligase/internal/plain"
	"github.com/ligase-bio/ligase/steps"
)

// judge says what the end of the command itself means, whatever it left.
func (a *attempt) judge(ctx context.Context) *steps.Failure {
	e, noun := a.ending, a.part.noun
	var f *steps.Failure
	switch {
	case e.cause == stoppedByContext, e.cause == notStopped && e.exit != 0 && toldWith(ctx, e.exit):
		return canceled(ctx)
	case e.cause == stoppedByDeadline:
		f = a.overdue()
	case e.cause == stoppedByMemory:
		f = fail(steps.FailOOM, "%s had %s of memory, more than the %s that its implementation asks for, and was ended.",
			noun, mebibytes(a.overMemory.Load()), mebibytes(a.memoryLimit))
	case e.cause == stoppedByDisk:
		ended := ", and was ended"
		if e.exit == 0 { // it was faster than anybody looked
			ended = ""
		}
		had := "had written " + mebibytes(a.written.Load())
		if given := writtenBelow(filepath.Join(a.folder, "in")); given >= 1<<20 {
			had = fmt.Sprintf("had %s on disk, %s of that its inputs", mebibytes(a.written.Load()), mebibytes(given))
		}
		f = fail(steps.FailDisk, "%s %s, more than the %s of disk that its implementation asks for%s.",
			noun, had, mebibytes(a.task.Implementation.Resources.Disk), ended)
	case e.cause == stoppedByFullDisk:
		f = fail(steps.FailDisk, "%s was ended before the disk was full: it had written %s, and %s were left.",
			noun, mebibytes(a.written.Load()), mebibytes(a.diskFree.Load()))
		f.Hint, f.Retryable = fmt.Sprintf("Free some space where %s is, or use a larger disk, then retry the run. If the step is to write less, say how much: resources.disk of the implementation.", a.worker.options.WorkDir), true
	case e.exit == 0:
		return nil
	case e.oom:
		f = fail(steps.FailOOM, "The kernel killed t%s or something that it started, because memory ran out.", noun[1:])
		if limit := a.memoryLimit; limit > 0 {
			f = fail(steps.FailOOM, "%s needed more than the %s of memory that its implementation asks for, and the kernel killed it or something that it started.", noun, mebibytes(limit))
		}
	case a.refused() && !a.part.last:
		f = fail(steps.FailInput, "%s cannot work on what it was given: %s", noun, a.lastWords())
	case a.watch.found().code != "":
		f = a.blame(fail(steps.FailExit, "%s ended with exit code %d.", noun, e.exit))
	case a.refused():
		f = fail(steps.FailOutputContract, "The command ended with exit code 0, but what it made is not what it should be: %s", a.lastWords())
	case e.exit == 128+int(syscall.SIGKILL):
		f = a.killed()
	case e.signal == syscall.SIGTERM, e.signal == syscall.SIGINT, e.signal == syscall.SIGHUP:
		f = fail(steps.FailUnknown, "%s was ended from outside (%v).", noun, e.signal)
	case e.signal != 0:
		f = fail(steps.FailExit, "%s crashed (%v).", noun, e.signal)
	default:
		f = fail(steps.FailExit, "%s ended with exit code %d.", noun, e.exit)
	}
	if e.cause == notStopped {
		f.ExitCode = &e.exit
	}
	return f
}

// killed tells the kernel's killing for memory from anybody else's SIGKILL.
func (a *attempt) killed() *steps.Failure {
	before := a.oomBefore.Load()
	if before == 0 {
		before = a.worker.oomSeen
	}
	if oomKills() > before {
		return fail(steps.FailOOM, "The kernel killed t%s because memory ran out.", a.part.noun[1:])
	}
	return fail(steps.FailUnknown, "%s was killed from outside (SIGKILL).", a.part.noun)
}

// blame gives a failure the class that the log tells, where it tells one.
func (a *attempt) blame(f *steps.Failure) *steps.Failure {
	found := a.watch.found()
	if found.code == "" {
		return f
	}
	why := fmt.Sprintf("why (class %s)", found.code)
	switch found.code {
	case steps.FailOOM:
		why = "that memory ran out"
	case steps.FailGPUOOM:
		why = "that GPU memory ran out"
	case steps.FailDisk:
		why = "that the disk is full"
	}
	blamed := fail(found.code, "%s Its log says %s: %s", f.Message, why, quoted(found.line))
	if found.code == steps.FailDisk {
		blamed.Hint, blamed.Retryable = "Free some disk space where the step runs, then retry the run.", true
	}
	if a.process != nil && a.ending.cause == notStopped {
		blamed.ExitCode = &a.ending.exit
	}
	return blamed
}

// together is how far apart one signal for all reaches this program and its
// command.
const together = 500 * time.Millisecond

// toldWith reports whether a command that ended badly was told to end together
// with this program. When a pod is to end, Argo's supervisor sends SIGTERM to
// every process there is, and a shutdown does so on a whole machine: then the
// command's end says nothing of the command. One that SIGTERM ended may well be
// seen here before that signal is.
func toldWith(ctx context.Context, exit int) bool {
	if exit != 128+int(syscall.SIGTERM) {
		return ctx.Err() != nil
	}
	select {
	case <-ctx.Done():
		return true
	case <-time.After(together):
		return false
	}
}

// exitRefused is the exit code with which ligase's own commands say that they
// cannot work on what they were given: of internal/cli, internal/baseline and
// internal/adapt alike.
const exitRefused = 3

// refused reports whether a command of ligase's own ended because of what it
// was given.
func (a *attempt) refused() bool {
	return a.part.own && a.ending.signal == 0 && a.ending.exit == exitRefused
}

// lastWords is the last line of the log, in which a command of ligase's own
// says why it ended.
func (a *attempt) lastWords() string {
	text := strings.TrimSpace(string(a.log.tail))
	line := plain.Line([]byte(text[1+strings.LastIndexByte(text, '\n'):]))
	if line == "" {
		return "it does not say why."
	}
	return sentence(errors.New(line))
}

// quoted is a line of the log as the end of a sentence about it. Its marks say
// that it is a program's word and not ours.
func quoted(line string) string {
	if runes := []rune(line); len(runes) > quotedRunes {
		line = string(runes[:quotedRunes]) + "…"
	}
	if strings.ContainsAny(line[max(len(line)-1, 0):], ".!?") {
		return `"` + line + `"`
	}
	return `"` + line + `".`
}

// quotedRunes is how much of a line is quoted.
const quotedRunes = 300

func mebibytes(n int64) string { return fmt.Sprintf("%d MiB", (n+1<<20-1)>>20) }
