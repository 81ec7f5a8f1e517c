// Package worker executes one attempt of one step: it stages the inputs into a
// private folder, runs the command, checks that it did what the step promises,
// uploads the outputs and commits.
//
// Nothing that a command says about itself is believed. Exit code 0 proves
// nothing, an output counts when it is there, is a regular file inside the
// work folder, and passes its type's check. The commit record is written last
// and only if absent, so that however often a task runs, it commits once.
//
// Linux is the home of this package. On macOS a command's memory is not
// limited and of what it leaves behind only its process group is found.
package worker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/ligase-bio/ligase/internal/container"
	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/uris"
)

// Options configure a Worker.
type Options struct {
	Store    *uris.Store   // required
	WorkDir  string        // attempts' private folders are made below it; required
	Self     string        // what the command "ligase" means, a path or a name on PATH; empty: os.Executable
	Adapters string        // what "ligase adapt" means, a path; empty: Self
	Path     string        // PATH for commands; empty: the process's own
	Version  string        // of this program, for the commit record
	MaxLog   int64         // bytes of log kept per attempt: the first and the last halves; 0: 8 MiB
	Grace    time.Duration // between SIGTERM and SIGKILL; 0: 5 s
	KeepWork bool          // leave the private folder of failed attempts
	KeepDone bool          // leave that of attempts that succeeded
	// Unlimited lets commands have more memory and disk than their
	// implementation asks for. Without it, one that grows over
	// resources.memory is ended with class oom (Linux only), and one that
	// writes more than resources.disk with class disk, as on a cluster.
	Unlimited bool
	// LeastFree is how many bytes of the work folder's file system have to be
	// free: when they are fewer, the command that has written the most is ended
	// with class disk. 0: a twentieth of it, at most 2 GiB; negative: none.
	LeastFree int64
	// Env is what commands find in their environment besides what the worker
	// and the implementation put there, which is over it: in a container the
	// image's own variables. Nothing of the process's environment gets to a
	// command by itself.
	Env map[string]string
	// Apart keeps commands from looking into processes other than their own:
	// in a pod, those of their user have credentials in their environment.
	// Linux with Landlock only; elsewhere the log says that it is not so.
	Apart bool
	// Echo is given what commands print, as it comes and with secrets blotted
	// out; nil: nobody is. What it does not take is lost to it.
	Echo io.Writer
	// Containers is where commands whose implementation has an image run; nil:
	// as processes, like all others. In a pod the image is there already.
	Containers *container.Host
	Now        func() time.Time // nil: time.Now
	Log        *slog.Logger     // nil discards
}

// Worker executes tasks. It is safe for concurrent use. A worker keeps one
// thread for as long as the program lives, from which commands are started.
type Worker struct {
	options  Options
	boot     string
	oomSeen  int64 // oomKills when the worker began
	folders  folders
	spawner  spawner
	census   *census
	disk     *diskWatch
	patterns patterns
	pulls    turns     // of images, by name
	buffers  sync.Pool // of *[pumpBuffer]byte
}

// New returns a worker.
func New(o Options) (*Worker, error) {
	if o.Store == nil || o.WorkDir == "" {
		return nil, errors.New("a worker needs a store, types and a work folder")
	}
	var err error
	if o.WorkDir, err = filepath.Abs(o.WorkDir); err != nil {
		return nil, fmt.Errorf("work folder: %w", err)
	}
	if o.Self == "" {
		if o.Self, err = os.Executable(); err != nil {
			return nil, fmt.Errorf("path of this program: %w", err)
		}
	}
	if o.Path == "" {
		o.Path = os.Getenv("PATH")
	}
	if o.MaxLog <= 0 {
		o.MaxLog = 8 << 20
	}
	if o.Grace <= 0 {
		o.Grace = 5 * time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, err
	}
	return &Worker{
		options: o,
		boot:    bootID(),
		folders: folders{root: o.WorkDir},
		oomSeen: oomKills(),
		spawner: spawner{null: null, apart: o.Apart, log: o.Log},
		census:  newCensus(),
		disk:    newDiskWatch(o.WorkDir, o.LeastFree),
		buffers: sync.Pool{New: func() any { return new([pumpBuffer]byte) }},
	}, nil
}

// Hooks let an engine watch an attempt. All are optional.
type Hooks struct {
	// Command is told what is about to run, as it was rendered: argv, of
	// which the first is the program's path.
	Command func(argv []string)
	// Started is called with the process group once the command runs. What it
	// returns ends the attempt.
	Started func(pid int) error
	// Progress is told what the implementation's progress pattern finds in
	// the log, at most ten times a second. It must not block: the command's
	// output waits for it.
	Progress func(fraction float64, line string)
	// Env is added to the command's environment: what the engine granted.
	Env map[string]string
	// GPUs are what a container is given of them. Commands that are processes
	// know them by Env.
	GPUs []container.GPU
}

// Execute runs one attempt and commits. It returns the commit record (its
// own, or the one that was there before) or why there is none. Ending ctx
// ends the command's whole process group; when the cause of that
// ([context.Cause]) is a *steps.Failure, its class and message are taken over:
// so an engine says "preempted" instead of "canceled".
//
// The timeout of the implementation bounds staging and running together, but
// never interrupts the upload of what was made.
func (w *Worker) Execute(ctx context.Context, t Task, h *Hooks) (*steps.Result, *steps.Failure) {
	if h == nil {
		h = &Hooks{}
	}
	a := &attempt{
		worker:  w,
		task:    &t,
		hooks:   h,
		run:     uris.Layout{Root: t.Root}.Run(t.RunID),
		began:   time.Now(),
		started: w.options.Now().UTC(),
	}
	if f := t.check(); f != nil {
		return nil, a.describe(f)
	}
	a.folder = w.Folder(t.RunID, t.Node, t.Index, t.Attempt)
	if t.Attempt > 1 {
		// The attempt before may have committed after it was given up.
		if r, err := a.committed(ctx); err == nil {
			return r, nil
		}
	}
	return a.execute(ctx)
}

// Folder is the private folder of an attempt. It is there from the beginning
// of the attempt to its end (or for good, with KeepWork and when it failed),
// for all processes to see.
func (w *Worker) Folder(runID, node string, index uris.Index, attempt int) string {
	return filepath.Join(w.options.WorkDir, runID, node, string(index), "attempt-"+strconv.Itoa(attempt))
}

// LogOf opens an attempt's log: the live file while it runs, else what was
// uploaded; problem.ErrNotFound when there is neither. At the end of a live
// log Read returns io.EOF, and reading on later gives what came since.
func (w *Worker) LogOf(ctx context.Context, f uris.RunFolder, node string, index uris.Index, attempt int) (io.ReadCloser, error) {
	folder := w.Folder(f.RunID, node, index, attempt)
	if _, err := os.Lstat(folder); err == nil {
		return &liveLog{folder: folder}, nil
	}
	r, err := w.options.Store.Open(ctx, f.Log(node, index, attempt))
	if errors.Is(err, problem.ErrNotFound) {
		return nil, fmt.Errorf("attempt %d of %s has no log: it has not started, or it printed nothing: %w", attempt, node, problem.ErrNotFound)
	}
	return r, err
}
