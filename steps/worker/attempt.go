package worker

import (
	"context"
	"errors"
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
	excused time.Duration // since began, that the timeout does not count

	staged map[string]*stagedInput
	length int // of the input that the cost goes by; 0: not counted
	log    *attemptLog
	watch  *watcher

	cuts []string // folders of records that were cut out of outputs

	gpus *gpuWatch // nil: there are none to watch

	part        *part // of the work, that is being done
	process     *process
	box         *box   // of a command that runs in a container, while there is one
	pidFile     string // where the number of its first process is; "" for a command that is a process of ours
	first       int    // that number; under the lock of the census
	ownCgroup   bool   // what the kernel counts for memory, it counts for the container alone
	noting      sync.Mutex
	over        bool // nothing is noted any more; under noting
	noted       bool // attempt.json is there; under noting
	forgotten   bool // no process is left that knows the folder
	ending      ending
	cpu         time.Duration
	maxRSS      int64
	memoryLimit int64
	ended       bool         // the census must not look any more; under its lock
	peak        atomic.Int64 // bytes of the largest process that the census saw
	overMemory  atomic.Int64 // bytes that it had when it was ended for that
	cpuInside   atomic.Int64 // clock ticks that the census saw used in a container
	oomInside   atomic.Bool  // the kernel has killed a process of the container for memory
	oomBefore   atomic.Int64 // oomKills when the census began to look
	written     atomic.Int64 // bytes in its folder when it was ended for that
	diskFree    atomic.Int64 // bytes that were left on the disk then
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
	gone := a.unbox()
	if failure != nil {
		a.describe(failure)
		a.recordFailure(ctx, failure)
	}
	// A folder whose container could not be removed tells the next engine of it.
	a.leave(!gone || failure != nil && a.worker.options.KeepWork || failure == nil && a.worker.options.KeepDone)
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
	a.gpus = a.watchGPUs()
	defer a.gpus.stop()
	var err error
	if a.watch, err = w.patterns.watcher(impl, a.hooks.Progress); err != nil {
		return nil, fail(steps.FailImage, "The implementation %q of %s cannot be used: %v.", impl.Name, a.task.Step, err)
	}
	if f := a.stage(ctx); f != nil {
		return nil, f
	}
	parts, f := a.parts()
	if f != nil {
		return nil, f
	}
	if f := a.volumes(parts); f != nil {
		return nil, f
	}
	a.timings.Stage = time.Since(a.began).Seconds()

	began := time.Now()
	f = a.runParts(ctx, parts)
	a.timings.Run = time.Since(began).Seconds()
	if f != nil {
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
		if line := a.watch.found().line; line != "" && !strings.Contains(f.LogTail, strings.TrimPrefix(line, "…")) {
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

// ready makes ready what a part needs besides its files: the environment on
// this machine, or the container that it runs in.
func (a *attempt) ready(ctx context.Context) (launch, *steps.Failure) {
	a.pidFile = ""
	if a.part.boxed {
		return a.makeBox(ctx)
	}
	return launch{argv: a.part.argv, env: a.environment(), dir: a.work()}, nil
}

// firstLook is when the census begins to look at an attempt.
const firstLook = 200 * time.Millisecond

// runParts runs what there is to run, one after the other, as long as each
// ends well.
func (a *attempt) runParts(ctx context.Context, parts []part) *steps.Failure {
	defer a.log.close()
	a.forgotten = true
	for i := range parts {
		a.part = &parts[i]
		if a.hooks.Command != nil {
			a.hooks.Command(parts[i].argv)
		}
		l, f := a.ready(ctx)
		if f == nil {
			if parts[i].main {
				a.gpus.begin()
			}
			f = a.runCommand(ctx, l)
			if parts[i].main {
				a.gpus.stop()
			}
		}
		if f == nil {
			f = a.judge(ctx)
		}
		if f != nil {
			return f
		}
		if done := parts[i].done; done != nil {
			if f := done(); f != nil {
				return f
			}
		}
	}
	return nil
}

// runCommand runs a command to its end, and the end of all that it started.
func (a *attempt) runCommand(ctx context.Context, l launch) *steps.Failure {
	w := a.worker
	remaining := a.timeout() - (time.Since(a.began) - a.excused)
	if remaining <= 0 {
		return a.overdue()
	}
	r, out, err := outputPipe()
	if err != nil {
		return fail(steps.FailUnknown, "No pipe for the command's output: %v.", err)
	}
	defer r.Close()
	pid, err := w.spawner.start(l, out)
	syscall.Close(out)
	if err != nil {
		return a.notStarted(l.argv[0], err)
	}
	p := &process{pid: pid, grace: w.options.Grace, gentle: l.gentle}
	if b := a.box; b != nil {
		p.kill = func() { b.kill(w, p) }
		a.noteClient(pid)
	}
	a.process, a.over, a.ended = p, false, false
	a.overMemory.Store(0)
	a.oomBefore.Store(0)
	var diskLimit int64
	if !w.options.Unlimited {
		a.memoryLimit, diskLimit = a.task.Implementation.Resources.Memory, a.task.Implementation.Resources.Disk
	}

	stopWatching := context.AfterFunc(ctx, func() { p.stop(stoppedByContext) })
	deadline := time.AfterFunc(remaining, func() { p.stop(stoppedByDeadline) })
	looked := make(chan struct{})
	look := time.AfterFunc(firstLook, func() {
		defer close(looked)
		if a.pidFile == "" {
			a.note()
		}
		w.census.add(a)
		w.disk.add(a, p, diskLimit)
	})
	pumped := make(chan struct{})
	go func() {
		defer close(pumped)
		buf := w.buffers.Get().(*[pumpBuffer]byte)
		defer w.buffers.Put(buf)
		pump(r, buf[:], a.log, w.options.Echo, a.watch)
	}()
	if !marksAreFound && a.pidFile == "" {
		a.note()
	}
	if a.hooks.Started != nil {
		if err = a.hooks.Started(pid); err != nil {
			p.stop(stoppedByEngine)
		}
	}

	a.ending = p.wait()
	stopWatching()
	deadline.Stop()
	if !look.Stop() {
		<-looked // it must not take the next command for this one
	}
	w.disk.remove(a)
	if diskLimit > 0 && a.ending.cause == notStopped {
		// It may have written all of it between two looks.
		if written := writtenBelow(a.folder); written > diskLimit {
			a.written.Store(written)
			a.ending.cause = stoppedByDisk
		}
	}
	a.noting.Lock()
	a.over = true
	a.noting.Unlock()
	var unstarted *steps.Failure
	if a.box != nil {
		r.SetReadDeadline(time.Now().Add(drain))
		<-pumped
		unstarted = a.boxEnded()
		a.unbox()
	}
	left, alone := w.census.stragglers(a)
	endProcs(left, w.options.Grace)
	w.census.remove(a)
	a.forgotten = a.forgotten && alone && len(left) == 0 && a.pidFile == ""
	a.count()
	r.SetReadDeadline(time.Now().Add(drain))
	<-pumped
	if a.log.err != nil {
		w.options.Log.Warn("log of an attempt is cut", "folder", a.folder, "err", a.log.err)
	}
	if unstarted != nil {
		return unstarted
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
	return fail(steps.FailDeadline, "%s was not done within its timeout of %s and was ended.", a.part.noun, a.timeout())
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
