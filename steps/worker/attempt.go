package worker

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/ligase-bio/ligase/internal/plain"
	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/uris"
)

// An attempt is one call of Execute.
//
// Its private folder: in/ the staged inputs, work/ what $(work) names and
// where the command runs, tmp/ its TMPDIR and HOME, attempt.json while it
// runs, log.0 … what it prints.
type attempt struct {
	worker  *Worker
	task    *Task
	hooks   *Hooks
	run     uris.RunFolder
	folder  string
	began   time.Time // for durations
	started time.Time // for people
	timings steps.Timings

	staged map[string]*stagedInput
	log    *attemptLog
	watch  *watcher

	process     *process
	noting      sync.Mutex
	over        bool // nothing is noted any more; under noting
	noted       bool // attempt.json is there; under noting
	forgotten   bool // no process is left that knows the folder
	ending      ending
	memoryLimit int64
	ended       bool         // the census must not look any more; under its lock
	peak        atomic.Int64 // bytes of the largest process that the census saw
	overMemory  atomic.Int64 // bytes that it had when it was ended for that
	oomBefore   atomic.Int64 // oomKills when the census began to look
}

func (a *attempt) work() string { return filepath.Join(a.folder, "work") }

func (a *attempt) timeout() time.Duration {
	if t := a.task.Implementation.Timeout; t > 0 {
		return t
	}
	return steps.DefaultTimeout
}

func (a *attempt) execute(ctx context.Context) (*steps.Result, *steps.Failure) {
	if err := a.worker.folders.take(a.folder); err != nil {
		a.worker.folders.keep(a.folder)
		failure := a.describe(storageFailure("The attempt's private folder could not be made", err))
		a.recordFailure(ctx, failure)
		return nil, failure
	}
	a.log = &attemptLog{folder: a.folder, segment: max(a.worker.options.MaxLog/2, 1)}
	result, failure := a.try(ctx)
	if failure != nil {
		a.describe(failure)
		a.recordFailure(ctx, failure)
	}
	a.leave(failure != nil && a.worker.options.KeepWork || failure == nil && a.worker.options.KeepDone)
	return result, failure
}

// leave gives the private folder back, or keeps it for a person to look at.
func (a *attempt) leave(keep bool) {
	if keep {
		a.worker.folders.keep(a.folder)
		return
	}
	// Of a folder that nothing was written to, nothing needs to be removed.
	if a.noted {
		syscall.Unlink(filepath.Join(a.folder, attemptFileName))
	}
	if err := a.worker.folders.give(a.folder, a.forgotten); err != nil {
		a.worker.options.Log.Warn("private folder not removed", "folder", a.folder, "err", err)
	}
}

func (a *attempt) try(ctx context.Context) (*steps.Result, *steps.Failure) {
	if ctx.Err() != nil {
		return nil, canceled(ctx)
	}
	w, impl := a.worker, &a.task.Implementation
	var err error
	if a.watch, err = w.patterns.watcher(impl, a.hooks.Progress); err != nil {
		return nil, fail(steps.FailImage, "The implementation %q of %s cannot be used: %v.", impl.Name, a.task.Step, err)
	}
	if f := a.stage(ctx); f != nil {
		return nil, f
	}
	argv, f := a.argv()
	if f != nil {
		return nil, f
	}
	path, f := a.program(argv[0])
	if f != nil {
		return nil, f
	}
	argv[0] = path
	if a.hooks.Command != nil {
		a.hooks.Command(argv)
	}
	a.timings.Stage = time.Since(a.began).Seconds()

	began := time.Now()
	if f := a.runCommand(ctx, argv); f != nil {
		return nil, f
	}
	a.timings.Run = time.Since(began).Seconds()
	if f := a.judge(ctx); f != nil {
		return nil, f
	}
	outputs, f := a.collect()
	if f != nil {
		return nil, a.blame(f)
	}
	began = time.Now()
	return a.commit(ctx, outputs, began)
}

// describe completes a failure with what it is a failure of.
func (a *attempt) describe(f *steps.Failure) *steps.Failure {
	f.Node, f.Index, f.Attempt = a.task.Node, a.task.Index, a.task.Attempt
	if a.log != nil && len(a.log.tail) > 0 {
		f.LogTail = plain.Snippet(a.log.tail)
		// The line that says why may have been printed long before the end.
		if line := a.watch.found().line; line != "" && !strings.Contains(f.LogTail, line) {
			const gap = "\n[…]\n"
			tail := f.LogTail
			for len(line)+len(gap)+len(tail) > plain.SnippetBytes {
				_, after, more := strings.Cut(tail, "\n")
				if !more {
					break
				}
				tail = after
			}
			f.LogTail = line + gap + tail
		}
	}
	return f
}

// canceled is the failure of an attempt whose context has ended.
func canceled(ctx context.Context) *steps.Failure {
	cause := context.Cause(ctx)
	var why *steps.Failure
	switch {
	case errors.As(cause, &why):
		f := *why
		if f.Hint == "" {
			f.Hint, f.Retryable = prospects(f.Code)
		}
		return &f
	case errors.Is(cause, context.DeadlineExceeded):
		return fail(steps.FailDeadline, "The time given to the attempt was over.")
	}
	return fail(steps.FailCanceled, "The attempt was cancelled.")
}

// firstLook is when the census begins to look at an attempt.
const firstLook = 200 * time.Millisecond

// runCommand runs the command to its end, and the end of all that it started.
func (a *attempt) runCommand(ctx context.Context, argv []string) *steps.Failure {
	w := a.worker
	remaining := a.timeout() - time.Since(a.began)
	if remaining <= 0 {
		return a.overdue()
	}
	r, out, err := outputPipe()
	if err != nil {
		return fail(steps.FailUnknown, "No pipe for the command's output: %v.", err)
	}
	defer r.Close()
	pid, err := w.spawner.start(argv, a.environment(), a.work(), out)
	syscall.Close(out)
	if err != nil {
		return a.notStarted(argv[0], err)
	}
	a.process = &process{pid: pid, grace: w.options.Grace}
	if !w.options.Unlimited {
		a.memoryLimit = a.task.Implementation.Resources.Memory
	}

	stopWatching := context.AfterFunc(ctx, func() { a.process.stop(stoppedByContext) })
	deadline := time.AfterFunc(remaining, func() { a.process.stop(stoppedByDeadline) })
	look := time.AfterFunc(firstLook, func() {
		a.note()
		w.census.add(a)
	})
	pumped := make(chan struct{})
	go func() {
		defer close(pumped)
		buf := w.buffers.Get().(*[pumpBuffer]byte)
		defer w.buffers.Put(buf)
		pump(r, buf[:], a.log, w.options.Echo, a.watch)
	}()
	if !marksAreFound {
		a.note()
	}
	if a.hooks.Started != nil {
		if err = a.hooks.Started(pid); err != nil {
			a.process.stop(stoppedByEngine)
		}
	}

	a.ending = a.process.wait()
	stopWatching()
	deadline.Stop()
	look.Stop()
	a.noting.Lock()
	a.over = true
	a.noting.Unlock()
	left, alone := w.census.stragglers(a)
	endProcs(left, w.options.Grace)
	w.census.remove(a)
	a.forgotten = alone && len(left) == 0
	r.SetReadDeadline(time.Now().Add(drain))
	<-pumped
	if a.log.err != nil {
		w.options.Log.Warn("log of an attempt is cut", "folder", a.folder, "err", a.log.err)
	}
	if a.ending.cause == stoppedByEngine {
		return fail(steps.FailUnknown, "The engine ended the attempt as it started: %v.", err)
	}
	return nil
}

// note writes attempt.json. A command that ends within the first look leaves
// none: its processes are found by their mark.
func (a *attempt) note() {
	a.noting.Lock()
	defer a.noting.Unlock()
	if a.over {
		return
	}
	file := attemptFile{PID: a.process.pid, Start: startTime(a.process.pid), BootID: a.worker.boot}
	if err := writeAttemptFile(a.folder, file); err != nil {
		a.worker.options.Log.Warn("attempt not noted", "folder", a.folder, "err", err)
		return
	}
	a.noted = true
}

func (a *attempt) overdue() *steps.Failure {
	return fail(steps.FailDeadline, "The command was not done within its timeout of %s and was ended.", a.timeout())
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

// notStarted says why a command could not be executed.
func (a *attempt) notStarted(path string, err error) *steps.Failure {
	switch {
	case errors.Is(err, syscall.E2BIG):
		f := fail(steps.FailInput, "The command line is longer than the system allows.")
		f.Hint = "Give fewer or shorter values; a step that takes many files can take them as a folder."
		return f
	case errors.Is(err, syscall.EINVAL):
		return fail(steps.FailInput, "A value holds a NUL character, which no command can be given.")
	case errors.Is(err, syscall.EAGAIN), errors.Is(err, syscall.ENOMEM), errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return fail(steps.FailUnknown, "The system has no room for another process: %v.", err)
	case errors.Is(err, syscall.ENOENT):
		return fail(steps.FailImage, "The command %s could not be started: it, or the interpreter that its first line names, is not there.", path)
	case errors.Is(err, syscall.ENOEXEC):
		return fail(steps.FailImage, "The command %s could not be started: it is neither a program for this machine nor a script with a #! line.", path)
	}
	return fail(steps.FailImage, "The command %s could not be started: %v.", path, err)
}

// judge says what the end of the command itself means, whatever it left.
func (a *attempt) judge(ctx context.Context) *steps.Failure {
	e := a.ending
	var f *steps.Failure
	switch {
	case e.cause == stoppedByContext, e.cause == notStopped && e.exit != 0 && toldWith(ctx, e.exit):
		return canceled(ctx)
	case e.cause == stoppedByDeadline:
		f = a.overdue()
	case e.cause == stoppedByMemory:
		f = fail(steps.FailOOM, "The command had %s of memory, more than the %s that its implementation asks for, and was ended.",
			mebibytes(a.overMemory.Load()), mebibytes(a.memoryLimit))
	case e.exit == 0:
		return nil
	case a.watch.found().code != "":
		f = a.blame(fail(steps.FailExit, "The command ended with exit code %d.", e.exit))
	case e.exit == 128+int(syscall.SIGKILL):
		f = a.killed()
	case e.signal == syscall.SIGTERM, e.signal == syscall.SIGINT, e.signal == syscall.SIGHUP:
		f = fail(steps.FailUnknown, "The command was ended from outside (%v).", e.signal)
	case e.signal != 0:
		f = fail(steps.FailExit, "The command crashed (%v).", e.signal)
	default:
		f = fail(steps.FailExit, "The command ended with exit code %d.", e.exit)
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
		return fail(steps.FailOOM, "The kernel killed the command because memory ran out.")
	}
	return fail(steps.FailUnknown, "The command was killed from outside (SIGKILL).")
}

// blame gives a failure the class that the log tells, where it tells one.
func (a *attempt) blame(f *steps.Failure) *steps.Failure {
	found := a.watch.found()
	if found.code == "" {
		return f
	}
	why := fmt.Sprintf("Its log says why (class %s).", found.code)
	switch found.code {
	case steps.FailOOM:
		why = "Its log says that memory ran out."
	case steps.FailGPUOOM:
		why = "Its log says that GPU memory ran out."
	case steps.FailStorage:
		why = "Its log says that the disk is full."
	}
	blamed := fail(found.code, "%s %s", f.Message, why)
	if found.code == steps.FailStorage {
		blamed.Hint = "Free some disk space where the step runs, then retry the run."
	}
	if a.process != nil && a.ending.cause == notStopped {
		blamed.ExitCode = &a.ending.exit
	}
	return blamed
}

func mebibytes(n int64) string { return fmt.Sprintf("%d MiB", (n+1<<20-1)>>20) }
