package pod

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/ligase-bio/ligase/internal/adapt"
	"github.com/ligase-bio/ligase/internal/tasks"
	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/steps/worker"
	"github.com/ligase-bio/ligase/uris"
)

// Program is ligase-worker. Its configuration is the environment's, which what
// it runs cannot change.
type Program struct {
	Version string
	Openers map[string]uris.Opener // of the stores that it knows besides files
	Env     []string               // as os.Environ gives it
	Stdout  io.Writer              // gets what the step prints, as it comes
	Stderr  io.Writer              // gets what the program itself has to say
	Now     func() time.Time       // nil: time.Now
}

const (
	exitInternal = 1
	exitUsage    = 2
)

// Kubernetes gives a pod that it ends 30 seconds between SIGTERM and SIGKILL.
// The command has its grace twice, for itself and for what it started and left
// behind, the log and the record of the failure have their time, and when all
// of that was not enough, the exit code is to be the right one at least.
const (
	grace       = 5 * time.Second
	farewell    = 8 * time.Second
	lastMoment  = 27 * time.Second
	preparation = 3 * time.Minute // until the command starts, without its inputs
)

// Main runs the program with the arguments that follow its name, and returns
// the exit code: 0 when the task has committed, by this attempt or before, or
// has nothing to do; else the class of the failure by [worker.ExitCode].
func (p Program) Main(args []string) int {
	if p.Now == nil {
		p.Now = time.Now
	}
	flags := flag.NewFlagSet("ligase-worker", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	version := flags.Bool("version", false, "")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		p.help()
		return 0
	case err != nil:
		return p.usage("%v", err)
	case *version:
		fmt.Fprintln(p.Stdout, "ligase-worker", p.Version)
		return 0
	}
	args = flags.Args()
	switch {
	case len(args) == 0:
		return p.told(p.task)
	case args[0] == "install" && len(args) == 2:
		return p.install(args[1])
	case args[0] == "items" && len(args) == 3:
		return p.told(func(ctx context.Context) int { return p.items(ctx, args[1], args[2]) })
	case args[0] == "stage" && len(args) == 1:
		return p.told(p.stage)
	case args[0] == "collect" && len(args) == 1:
		return p.told(p.collect)
	case args[0] == "adapt":
		return adapt.Run(context.Background(), args[1:], p.Stdout, p.Stderr)
	case args[0] == "install" || args[0] == "items" || args[0] == "stage" || args[0] == "collect":
		return p.usage("%s takes other arguments", args[0])
	}
	return p.usage("%q is not known", args[0])
}

// told does something that SIGTERM and SIGINT end: whoever cancelled knows
// that it did, so to this program they mean that the pod was taken from it.
func (p Program) told(do func(ctx context.Context) int) int {
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	defer signal.Stop(signals)
	ended := make(chan int, 1)
	go func() { ended <- do(ctx) }()
	select {
	case code := <-ended:
		return code
	case s := <-signals:
		cancel(worker.NewFailure(steps.FailPreempted, "The pod was told to end (%v).", s))
	}
	select {
	case code := <-ended:
		return code
	case <-time.After(lastMoment):
		p.say("The pod is about to be killed; what is still going on is given up.")
		return worker.ExitCode(steps.FailPreempted)
	}
}

// task does the pod's task.
func (p Program) task(ctx context.Context) int {
	e, err := readEnvironment(p.Env)
	if err == nil {
		err = e.lacks("LIGASE_TASK", "LIGASE_PIPELINE", "LIGASE_STEP", "LIGASE_STORE", "LIGASE_NODE")
	}
	if err != nil {
		return p.usage("%v", err)
	}
	if err := hideEnvironment(); err != nil {
		p.say("Other processes of this container can read the environment of this one: %v.", err)
	}
	trustInstalled(e.Home)

	preparing, stop := context.WithTimeoutCause(ctx, preparation,
		worker.NewFailure(steps.FailStorage, "The store did not answer within %v.", preparation))
	defer stop()
	j, f := OpenJob(preparing, e, p.Openers, p.logger())
	if j != nil {
		defer j.Store.Close()
	}
	if f == nil {
		f = j.define(true)
	}
	if f != nil {
		return p.fail(ctx, j, f)
	}
	outputs := j.Node.Types.WithRecords(j.Node.Step.Outputs)
	// Argo collects the counts of a pod that failed, too.
	if f := writeCounts(e.Home, outputs, nil); f != nil {
		return p.fail(ctx, j, f)
	}
	result, f := j.Committed(preparing)
	if f != nil {
		return p.fail(ctx, j, f)
	}
	if result != nil {
		p.say("%s has committed already, in attempt %d; nothing was run.", j.Task, result.Attempt)
		return p.done(e.Home, outputs, result)
	}
	start, f := j.Start(preparing)
	if f != nil {
		return p.fail(ctx, j, f)
	}
	if why := start.Skipped; why != nil {
		p.say("%s has nothing to work on: %s failed, and was allowed to. %s", j.Task, why.Node, why.Message)
		return 0
	}
	if f := j.Claim(preparing, tasks.Started{StartedAt: p.Now().UTC()}); f != nil {
		return p.fail(ctx, j, f)
	}
	stop()
	start.Task.Attempt = j.Attempt
	result, f = p.execute(ctx, j, start.Task)
	if f != nil {
		p.tell(f)
		return worker.ExitCode(f.Code)
	}
	return p.done(e.Home, outputs, result)
}

// execute runs the worker, which records a failure by itself.
func (p Program) execute(ctx context.Context, j *Job, task worker.Task) (*steps.Result, *steps.Failure) {
	self, err := os.Executable()
	if err != nil {
		self = "ligase" // an image may have it
	}
	w, err := worker.New(worker.Options{
		Store: j.Store, WorkDir: filepath.Join(j.Env.Home, "work"), Version: p.Version,
		Self:     "ligase", // this program has no baselines; an image that has them has the program
		Adapters: self,     // the images of tools have neither
		Path:     j.Env.Path, Env: j.Env.image, Apart: true, Grace: grace, Echo: p.Stdout, Log: j.log,
	})
	if err != nil {
		f := worker.NewFailure(steps.FailUnknown, "The worker could not start: %v.", err)
		j.Fail(ctx, f, p.Now())
		return nil, f
	}
	progress := newProgress(j.Env.Progress)
	return w.Execute(ctx, task, &worker.Hooks{Progress: progress.report})
}

// done writes what came out for the template, and gives the exit code.
func (p Program) done(home string, outputs []steps.Port, result *steps.Result) int {
	if f := writeCounts(home, outputs, result); f != nil {
		// What has committed has not failed: the next try of the pod finds it.
		p.tell(f)
		return worker.ExitCode(f.Code)
	}
	return 0
}

// fail records why a job did not come to execute anything, and gives the exit
// code.
func (p Program) fail(ctx context.Context, j *Job, f *steps.Failure) int {
	if j != nil {
		j.Fail(ctx, f, p.Now())
	}
	p.tell(f)
	return worker.ExitCode(f.Code)
}

func (p Program) tell(f *steps.Failure) {
	p.say("%s", strings.TrimSpace(fmt.Sprintf("%s (%s) %s", f.Message, f.Code, f.Hint)))
}

func (p Program) say(format string, args ...any) {
	fmt.Fprintf(p.Stderr, "ligase-worker: "+format+"\n", args...)
}

func (p Program) usage(format string, args ...any) int {
	p.say(format+". See ligase-worker --help.", args...)
	return exitUsage
}

// logger writes what the packages below have to say, a line each.
func (p Program) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(prefixed{p.Stderr}, &slog.HandlerOptions{
		Level: slog.LevelDebug, // the store says there that it is away
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey || a.Key == slog.LevelKey {
				return slog.Attr{}
			}
			return a
		},
	}))
}

type prefixed struct{ w io.Writer }

func (p prefixed) Write(line []byte) (int, error) {
	if _, err := io.WriteString(p.w, "ligase-worker: "+string(line)); err != nil {
		return 0, err
	}
	return len(line), nil
}
