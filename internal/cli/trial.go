package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/ligase-bio/ligase/dag"
	"github.com/ligase-bio/ligase/internal/container"
	"github.com/ligase-bio/ligase/internal/local"
	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/internal/sqlite"
	"github.com/ligase-bio/ligase/internal/tasks"
	"github.com/ligase-bio/ligase/pipelines"
	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/steps/worker"
	"github.com/ligase-bio/ligase/uris"
	"github.com/ligase-bio/ligase/uris/drivers"
)

// trialOptions are the flags of a trial.
type trialOptions struct {
	implementation string
	twice, keep    bool
}

// trial is a step that is tried out: one implementation, on one call's
// arguments, below a private folder that holds all of it.
type trial struct {
	step    *steps.Step
	impl    *steps.Implementation
	plan    *pipelines.Plan
	folder  string
	layout  uris.Layout
	blobs   *uris.Store
	worker  *worker.Worker
	task    worker.Task
	place   local.Place       // how its command runs
	granted map[string]string // what an engine would add to the environment
	gpus    []container.GPU   // and what it would give a container

	first  trialRun
	second *trialRun // with --twice
	// differences are what the second run gave otherwise, in sentences.
	differences []string
	also        []*steps.Failure // promises that were not kept, besides that which the first run's failure tells
	notes       problem.Problems // what is worth mending though the step does what it promises
	left        []leftFile
}

// trialRun is one attempt.
type trialRun struct {
	id       string
	commands [][]string    // that were run, as they were rendered
	result   *steps.Result // of an attempt that did well
	failure  *steps.Failure
	took     time.Duration
	progress progressSeen
	logBytes int64
	logLines int
}

// progressSeen is what came of the progress pattern.
type progressSeen struct {
	Reports int     `json:"reports"` // at most ten a second are told
	Last    float64 `json:"last"`    // 0 to 1
}

// sound reports whether the step did what it promises.
func (t *trial) sound() bool {
	return t.first.failure == nil && (t.second == nil || t.second.failure == nil && len(t.differences) == 0)
}

// tryOut runs a step on a call's arguments and says what came of it.
func (a *app) tryOut(ctx context.Context, step *steps.Step, pairs []string, call callFlags, o trialOptions) (err error) {
	folder, err := os.MkdirTemp("", "ligase-step-test-")
	if err != nil {
		return fmt.Errorf("%w: no private folder could be made: %w. Choose another place with TMPDIR", problem.ErrUnavailable, err)
	}
	if folder, err = filepath.EvalSymlinks(folder); err != nil {
		return err
	}
	defer func() {
		if !o.keep {
			if e := removeFolder(folder); err == nil && e != nil {
				err = e
			}
		}
	}()
	t := &trial{step: step, folder: folder}
	if err := a.prepare(ctx, t, pairs, call, o); err != nil {
		if o.keep {
			_ = removeFolder(folder) // nothing has run, so there is nothing to see
		}
		return err
	}
	defer t.blobs.Close()
	t.first = t.run(ctx, t.task.RunID)
	if o.twice && t.first.failure == nil {
		again := t.run(ctx, t.task.RunID+"-again")
		t.second = &again
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err := t.judge(ctx); err != nil {
		return err
	}
	if a.json {
		a.printJSON(t.json(o.keep))
	} else {
		a.printTrial(t)
		if o.keep {
			fmt.Fprintf(a.Out, "kept\n  %s  in/ and work/ of the command\n  %s  what was committed, and the log\n", t.attempt(&t.first), filepath.Join(folder, "store"))
		}
	}
	if !t.sound() {
		return exitError{code: ExitRunFailed}
	}
	return nil
}

// prepare checks the call and lays its inputs ready.
func (a *app) prepare(ctx context.Context, t *trial, pairs []string, call callFlags, o trialOptions) error {
	known := oneStep{a.catalogOrWarn(), t.step}
	chosen := map[string]string{}
	if o.implementation != "" {
		chosen[t.step.Name] = o.implementation
	}
	compiled, err := known.Compile(t.step.Name, chosen)
	if err != nil {
		return err
	}
	inputs, params, err := arguments(compiled, pairs, call.inputs, call.params)
	if err != nil {
		return err
	}
	root, err := uris.FromPath(filepath.Join(t.folder, "store"))
	if err != nil {
		return usagef("The folder %s cannot be used, because URIs are made of its path: %v Choose another place with TMPDIR.", t.folder, err)
	}
	t.layout = uris.Layout{Root: root}
	if t.blobs, err = uris.NewStore(a.trialRoots(root)); err != nil {
		return err
	}
	opened := false
	defer func() {
		if !opened {
			t.blobs.Close()
		}
	}()
	// What looks at a call's arguments wants to know runs. Here there are none.
	empty := filepath.Join(t.folder, "none")
	if err := os.Mkdir(empty, 0o700); err != nil {
		return err
	}
	none, err := sqlite.Open(filepath.Join(empty, "ligase.db"), sqlite.Options{})
	if err != nil {
		return err
	}
	defer os.RemoveAll(empty)
	defer none.Close()
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("this program's own path: %w", err)
	}
	engine, err := local.NewRemote(local.RemoteOptions{DataDir: t.folder, Self: self, Blobs: t.blobs})
	if err != nil {
		return err
	}
	service, err := runs.NewService(runs.Options{Store: none, Engine: engine, Blobs: t.blobs, Root: root, Catalog: known})
	if err != nil {
		return err
	}
	request := runs.SubmitRequest{Tenant: tenant, Tool: t.step.Name, Implementations: chosen, Inputs: inputs, Params: params}
	id, plan, err := service.Prepare(ctx, request)
	if err != nil {
		return err
	}
	t.plan = plan
	if t.task, err = t.taskOf(string(id)); err != nil {
		return err
	}
	t.impl = &t.task.Implementation
	t.grant()
	if err := a.placeTrial(ctx, t); err != nil {
		return err
	}
	t.worker, err = worker.New(worker.Options{
		Store: t.blobs, WorkDir: filepath.Join(t.folder, "work"),
		Self: self, Version: version, KeepWork: true, KeepDone: true, Containers: a.containers(),
	})
	opened = err == nil
	return err
}

// placeTrial finds out where the command runs: where an engine of this
// installation would have it. What keeps an engine from running an image keeps
// a trial from it, too, and so does a volume that is not there; how many GPUs
// and how much memory there are does not.
func (a *app) placeTrial(ctx context.Context, t *trial) error {
	program := t.impl.Command[0].Templates[0] // no reference can stand there
	here := local.NewHere(a.containers(), "")
	if a.containers().Contains(t.impl.Image, program) {
		anywhere := *t.impl
		anywhere.Resources.Memory, anywhere.Resources.GPU = 0, len(t.gpus)
		t.place = here.Of(ctx, &anywhere)
		return t.refused(t.place)
	}
	if t.impl.Image != "" && program != container.Self {
		t.note("image", problem.Unreachable, "Try it in there, too: without --containers never.", "What was run is what this machine has, not its image %s.", t.impl.Image)
	}
	return t.refused(here.Volumes(t.impl))
}

// refused says why there is no place for the command, as a run of it would.
func (t *trial) refused(p local.Place) error {
	if p.Runs() {
		return nil
	}
	var ps problem.Problems
	ps.Addf(t.impl.Pos, "implementations."+t.impl.Name, problem.NotAllowed, p.Fix, "The implementation %s of %s cannot run here. %s", t.impl.Name, t.step.Name, p.Why)
	return ps.Err()
}

// trialRoots are where a trial may read: its own folder, and what a run of
// this installation could.
func (a *app) trialRoots(own uris.URI) uris.Options {
	options := uris.Options{Openers: drivers.All(), Advice: a.advice()}
	if dataDir, err := a.dataDir(); err == nil {
		if said, err := a.storeOptions(dataDir); err == nil {
			options = said
		}
	}
	roots := []uris.Root{{URI: own, Write: true}}
	for _, r := range options.Roots {
		roots = append(roots, uris.Root{URI: r.URI})
	}
	options.Roots = roots
	return options
}

// taskOf is what the worker is given, made as an engine makes it.
func (t *trial) taskOf(id string) (worker.Task, error) {
	compiled := t.plan.Compiled
	node := &compiled.Nodes[0]
	step := compiled.StepOf(node.ID)
	trail, err := compiled.Graph().Trace(dag.Task{Node: node.ID}, tasks.Given(t.plan), func([]dag.Task) ([]dag.Outcome, error) { return nil, nil })
	if err != nil {
		return worker.Task{}, err
	}
	recipe := tasks.Node{
		ID: node.ID, Step: step, Implementation: step.Implementation(node.Implementation), Types: compiled.Types,
		Inputs: tasks.BoundInputs(node), Outputs: compiled.OutputsOf(node.ID), Params: t.plan.NodeParams(node.ID),
	}
	past := tasks.Past{RunID: id, Root: t.layout.Root, Given: t.plan.Inputs, Makers: t.plan.Makers}
	task, failure := past.Task(&recipe, "", 1, func(port string) []dag.Source { return trail.Sources[port] })
	if failure != nil {
		return worker.Task{}, failure
	}
	return task, nil
}

// grant gives the command the GPUs that it asks for, as the engine would.
func (t *trial) grant() {
	wanted := t.impl.Resources.GPU
	if wanted == 0 {
		return
	}
	devices := local.DetectSlots().GPUs
	if len(devices) < wanted {
		t.note("resources.gpu", problem.OutOfRange, "Try it where there are as many.", "It asks for %s, and this machine has %d: it was run with those.", counted(wanted, "GPU"), len(devices))
	}
	devices = devices[:min(wanted, len(devices))]
	var ids []string
	for _, d := range devices {
		ids = append(ids, d.ID)
	}
	t.granted = map[string]string{"CUDA_VISIBLE_DEVICES": strings.Join(ids, ",")}
	t.gpus = local.Given(devices)
}

// run makes one attempt.
func (t *trial) run(ctx context.Context, id string) trialRun {
	r := trialRun{id: id}
	task := t.task
	task.RunID = id
	began := time.Now()
	r.result, r.failure = t.worker.Execute(ctx, task, &worker.Hooks{
		Command: func(argv []string) { r.commands = append(r.commands, slices.Clone(argv)) },
		Progress: func(fraction float64, _ string) {
			r.progress.Reports++
			r.progress.Last = fraction
		},
		Env:  t.granted,
		GPUs: t.gpus,
	})
	r.took = time.Since(began)
	return r
}

// attempt is the private folder of an attempt.
func (t *trial) attempt(r *trialRun) string { return t.worker.Folder(r.id, t.task.Node, "", 1) }

// work is the folder that an attempt's command ran in.
func (t *trial) work(r *trialRun) string { return filepath.Join(t.attempt(r), "work") }

func (t *trial) note(path string, code problem.Code, fix, format string, args ...any) {
	t.notes.Addf(problem.Pos{}, path, code, fix, format, args...)
}

// removeFolder removes a private folder, also what a command made unwritable.
func removeFolder(folder string) error {
	if err := os.RemoveAll(folder); err == nil {
		return nil
	}
	_ = filepath.WalkDir(folder, func(path string, d os.DirEntry, _ error) error {
		if d != nil && d.IsDir() {
			_ = os.Chmod(path, 0o700) // what stays is told by the next removal
		}
		return nil
	})
	return os.RemoveAll(folder)
}
