package worker

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"unicode"

	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/uris"
)

// classes is the one table of what a class of failure means to programs and
// people. Exit codes stay clear of those of the shell (126 and more), of Go
// (2) and of sysexits (64 to 78); they never change.
var classes = [...]struct {
	code      steps.FailureCode
	exit      int
	retryable bool // the same call can succeed unchanged
	hint      string
}{
	{steps.FailOOM, 20, false, "Ask for more memory (resources.memory of the implementation), or give it less to do at once."},
	{steps.FailGPUOOM, 21, false, "Use a GPU with more memory, or give it less to do at once: a shorter sequence, a smaller batch."},
	{steps.FailPreempted, 22, true, "Nothing is wrong with the step: retry the run."},
	{steps.FailImage, 23, false, "Check that the tool is installed where the step runs and that the implementation's command names it."},
	{steps.FailUnschedulable, 24, true, "Ask for less (resources of the implementation), or add a machine that has it."},
	{steps.FailDeadline, 25, false, "Raise the implementation's timeout, or give it less to do."},
	{steps.FailOutputContract, 26, false, "Read the log: the tool did not do what the step promises. The step's collect patterns may be wrong."},
	{steps.FailInput, 27, false, "Mend the input and submit again."},
	{steps.FailExit, 28, false, "Read the log: the tool says there what it did not like."},
	{steps.FailStorage, 29, true, "Check that the store can be reached and is not full, then retry the run."},
	{steps.FailUpstream, 30, false, "Look at why the steps before it failed."},
	{steps.FailCanceled, 31, true, "Retry the run to go on where it was."},
	{steps.FailDisk, 33, false, "Ask for more disk (resources.disk of the implementation), or give it less to do at once."},
	{steps.FailUnknown, 32, true, "Retry the run; if it fails again, read the log."},
}

// ExitCode is the code with which ligase-worker ends after a failure of that
// class: 20 to 33, by a table that never changes.
func ExitCode(code steps.FailureCode) int {
	for _, c := range classes {
		if c.code == code {
			return c.exit
		}
	}
	return ExitCode(steps.FailUnknown)
}

// CodeOf is the class that an exit code of ligase-worker stands for. 0 is no
// failure and gives "". What the table does not have is unknown, but for 143:
// a worker that SIGTERM ended before it could handle it was preempted.
func CodeOf(exit int) steps.FailureCode {
	if exit == 0 {
		return ""
	}
	for _, c := range classes {
		if c.exit == exit {
			return c.code
		}
	}
	if exit == 128+int(syscall.SIGTERM) {
		return steps.FailPreempted
	}
	return steps.FailUnknown
}

// NewFailure makes a failure of a class, with the hint and the prospects that
// the class has. What is not fit for one line of a terminal is left out of the
// message.
func NewFailure(code steps.FailureCode, format string, args ...any) *steps.Failure {
	return fail(code, format, args...)
}

// fail makes a failure of a class, with the hint and the prospects of that
// class.
func fail(code steps.FailureCode, format string, args ...any) *steps.Failure {
	// Names of files in it are the command's: they may hold anything.
	f := &steps.Failure{Code: code, Message: clean(fmt.Sprintf(format, args...))}
	f.Hint, f.Retryable = prospects(code)
	return f
}

func prospects(code steps.FailureCode) (hint string, retryable bool) {
	for _, c := range classes {
		if c.code == code {
			return c.hint, c.retryable
		}
	}
	return "", false
}

// storageFailure says why the store, or the work folder, could not be used for
// what; the noun is in what, the error says the rest. Where there is no room is
// the class disk, whichever of them it was.
func storageFailure(what string, err error) *steps.Failure {
	f := fail(steps.FailStorage, "%s: %v.", what, err)
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		f.Code, f.Hint = steps.FailDisk, "The disk is full: free some space, then retry the run."
	}
	if errors.Is(err, problem.ErrRefused) {
		f.Retryable = false
		f.Hint = "Add the folder to the store's roots, or use one that is allowed."
	}
	return f
}

// clean is a message on one line, without what a terminal would act upon.
func clean(message string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			return '\uFFFD'
		}
		return r
	}, strings.ToValidUTF8(message, "\uFFFD"))
}

// inputFailure says why an input could not be staged from a store with that
// root.
func inputFailure(root uris.URI, port string, u uris.URI, err error) *steps.Failure {
	// A step that has committed does not run again: its record must go first.
	again := ""
	layout := uris.Layout{Root: root}
	if made, ok := layout.Object(u); ok {
		again = fmt.Sprintf(" A step made it: to have it made again, remove %s and retry the run.", layout.Run(made.RunID).Result(made.Node, made.Index))
	}
	switch {
	case errors.Is(err, problem.ErrNotFound):
		f := fail(steps.FailInput, "The input `%s` is not there any more: %s.", port, u)
		f.Hint = "Give a URI that exists." + again
		return f
	case errors.Is(err, uris.ErrDigest):
		f := fail(steps.FailInput, "The input `%s` (%s) is not what it was when the run was made: %v.", port, u, err)
		f.Hint = "The object was changed or is damaged." + again
		return f
	case errors.Is(err, problem.ErrRefused):
		f := fail(steps.FailInput, "The input `%s` may not be read: %v.", port, err)
		f.Hint = "Add its folder to the store's roots, or copy it to one that is allowed."
		return f
	}
	return storageFailure(fmt.Sprintf("The input `%s` could not be read", port), err)
}
