package worker

import (
	"context"
	"os"
	"time"

	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/uris"
)

// Staged is an input port's value on this machine.
type Staged struct {
	Paths    []string // of the items that are there, in index order
	Folder   string   // of a port that takes many
	Manifest string   // of a port that takes many
}

// Stage brings the inputs of a task into a folder, checked as [Worker.Execute]
// checks them, for what is run elsewhere. The folder is made if need be, and
// must be empty. A failure is recorded as one of the task's attempt.
func (w *Worker) Stage(ctx context.Context, t Task, folder string) (map[string]Staged, *steps.Failure) {
	a, f := w.elsewhere(&t, folder)
	if f == nil {
		f = a.stage(ctx)
	}
	if f == nil {
		f = a.convert(ctx)
	}
	if f != nil {
		a.describe(f)
		a.recordFailure(ctx, f)
		return nil, f
	}
	staged := make(map[string]Staged, len(a.staged))
	for name, s := range a.staged {
		staged[name] = Staged{Paths: s.paths, Folder: s.folder, Manifest: s.manifest}
	}
	return staged, nil
}

// Made is what was made elsewhere for a task.
type Made struct {
	// Outputs are the files, by port. They may lie anywhere that Commit can
	// read; what a folder holds cannot lead out of it.
	Outputs map[string]Place
	// Metrics is a file like the one that an implementation's Metrics names;
	// without a Folder there are none.
	Metrics Place

	Began time.Time     // when the attempt did
	Ran   time.Duration // how long what made it ran
}

// Place are files in a folder, by a pattern as an implementation's Collect has
// it.
type Place struct{ Folder, Pattern string }

// Commit checks what was made elsewhere for a task as Execute checks what a
// command made, and commits it. A failure is recorded as one of the task's
// attempt.
func (w *Worker) Commit(ctx context.Context, t Task, made Made) (*steps.Result, *steps.Failure) {
	t.Implementation.Metrics = made.Metrics.Pattern
	a, f := w.elsewhere(&t, "")
	if f == nil {
		// A clock that is ahead of this one must not make work take less than
		// no time.
		if now := w.options.Now(); !made.Began.IsZero() && made.Began.Before(now) {
			a.started = made.Began.UTC()
			a.began = a.began.Add(-now.Sub(made.Began))
		}
		a.timings.Run = made.Ran.Seconds()
		var result *steps.Result
		if result, f = a.commitMade(ctx, made); f == nil {
			return result, nil
		}
	}
	a.describe(f)
	a.recordFailure(ctx, f)
	return nil, f
}

func (a *attempt) commitMade(ctx context.Context, made Made) (*steps.Result, *steps.Failure) {
	defer a.dropCuts()
	c, counts, f := a.collectFrom(func(port *steps.Port) ([]output, *steps.Failure) {
		place := made.Outputs[port.Name]
		return a.findIn(place.Folder, place.Pattern, port)
	})
	if f != nil {
		return nil, f
	}
	if made.Metrics.Folder != "" {
		if f := a.measureIn(made.Metrics.Folder, c, counts); f != nil {
			return nil, f
		}
	}
	return a.commit(ctx, c, time.Now())
}

// elsewhere is an attempt whose command this worker does not run. It is there
// also when the task is not one, to describe that failure.
func (w *Worker) elsewhere(t *Task, folder string) (*attempt, *steps.Failure) {
	a := &attempt{
		worker: w, task: t, hooks: &Hooks{}, folder: folder,
		run:   uris.Layout{Root: t.Root}.Run(t.RunID),
		began: time.Now(), started: w.options.Now().UTC(),
	}
	if f := t.check(); f != nil {
		return a, f
	}
	if folder == "" {
		return a, nil
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return a, storageFailure("The folder for the inputs could not be made", err)
	}
	return a, nil
}
