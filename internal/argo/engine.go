package argo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/ligase-bio/ligase/internal/follow"
	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/internal/runs"
)

// Engine runs plans as Workflows. It implements runs.Engine, runs.Suspender,
// runs.EventLister and runs.Lagger.
type Engine struct {
	options   Options
	log       *slog.Logger
	clients   clients
	templates *shelf
	out       *follow.Outbox
	contact   contact
	readers   chan struct{} // a slot for each read of the store

	mu     sync.Mutex // guards all below, and every run
	runs   map[runs.ID]*run
	byName map[string]*run
	drive  *drive // nil while Run is not running
}

// drive is one call of Run.
type drive struct {
	ctx     context.Context
	working sync.WaitGroup
}

// readersAtOnce bounds the reads of the store that are under way together, for
// all runs.
const readersAtOnce = 48

var (
	_ runs.Engine      = (*Engine)(nil)
	_ runs.Suspender   = (*Engine)(nil)
	_ runs.EventLister = (*Engine)(nil)
	_ runs.Lagger      = (*Engine)(nil)
)

// New returns an engine. Nothing is asked of the cluster yet.
func New(o Options) (*Engine, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	c, err := o.clients()
	if err != nil {
		return nil, err
	}
	return newEngine(o, c), nil
}

func newEngine(o Options, c clients) *Engine {
	return &Engine{
		options: o, log: o.Log, clients: c,
		templates: newShelf(c.argo, o.Namespace),
		out:       follow.NewOutbox(o.Log),
		contact:   contact{now: o.Now},
		readers:   make(chan struct{}, readersAtOnce),
		runs:      map[runs.ID]*run{},
		byName:    map[string]*run{},
	}
}

// Name is "argo".
func (e *Engine) Name() string { return Name }

// Submit implements runs.Engine. It returns once the cluster has the Workflow.
// What stands in the way for good (a template that is missing or of another
// version) ends the run with that reason; what passes is
// problem.ErrUnavailable.
func (e *Engine) Submit(ctx context.Context, job runs.Job) error {
	r, err := e.reserve(job)
	if r == nil || err != nil {
		return err
	}
	err = e.establish(ctx, r)
	e.mu.Lock()
	defer e.mu.Unlock()
	if err != nil {
		e.forget(r)
		return err
	}
	e.settle(r)
	return nil
}

// reserve makes a place for a job. It returns nil when the engine has it
// already.
func (e *Engine) reserve(job runs.Job) (*run, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	r := e.runs[job.ID]
	switch {
	case r == nil:
		r = newRun(job)
		e.runs[job.ID], e.byName[r.name] = r, r
		return r, nil
	case r.Digest != job.Digest:
		return nil, fmt.Errorf("run %s is already there with the plan %.12s, not %.12s: %w", job.ID, r.Digest, job.Digest, problem.ErrConflict)
	case !r.established:
		return nil, fmt.Errorf("run %s is being submitted by another call: %w", job.ID, problem.ErrUnavailable)
	case job.Generation > r.Generation:
		return nil, fmt.Errorf("run %s: generation %d has not ended yet: %w", job.ID, r.Generation, problem.ErrUnavailable)
	}
	e.hear(r, job.Hold)
	return nil, nil
}

// forget drops a run: it has ended, or was never started.
func (e *Engine) forget(r *run) {
	r.over = true
	if e.runs[r.ID] == r {
		delete(e.runs, r.ID)
	}
	if e.byName[r.name] == r {
		delete(e.byName, r.name)
	}
}

// Cancel implements runs.Engine: the Workflow is terminated, which gives each
// pod 30 seconds from SIGTERM to SIGKILL. The engine goes on trying while the
// cluster cannot be reached. What an engine that is gone has started of a run
// that this one does not know is found by its label.
func (e *Engine) Cancel(ctx context.Context, id runs.ID) error {
	e.mu.Lock()
	r := e.runs[id]
	if r != nil && !r.cancelled {
		r.cancelled = true
		e.look(r)
	}
	e.mu.Unlock()
	if r != nil {
		return nil
	}
	return e.terminate(ctx, id)
}

// Suspend implements runs.Suspender: Argo starts no pods of a Workflow that is
// suspended.
func (e *Engine) Suspend(_ context.Context, id runs.ID, hold runs.Hold) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if r := e.runs[id]; r != nil {
		e.hear(r, hold)
	}
	return nil
}

// hear takes the store's word on holding a run. Engine.mu is held.
func (e *Engine) hear(r *run, hold runs.Hold) {
	if hold.Later(r.hold) {
		r.hold, r.heldTold = hold, holdText(hold)
	}
	e.look(r)
}

// Run implements runs.Engine. It follows the Workflows of all runs by one
// watch until ctx ends. The Workflows go on then; submitted again to a later
// Run, they are taken up where they are.
func (e *Engine) Run(ctx context.Context, sink runs.Sink) error {
	following, stop := context.WithCancel(ctx)
	defer stop()
	d := &drive{ctx: following}
	e.mu.Lock()
	if e.drive != nil {
		e.mu.Unlock()
		return errors.New("argo engine: Run is already running")
	}
	e.drive = d
	for _, r := range e.runs {
		e.look(r)
	}
	e.mu.Unlock()

	var around sync.WaitGroup
	around.Go(func() { e.watch(following) })
	around.Go(func() { e.keepTime(following) })
	e.out.Deliver(ctx, sink)
	around.Wait()

	e.mu.Lock()
	e.drive = nil
	for _, r := range e.runs {
		r.over = true
	}
	clear(e.runs)
	clear(e.byName)
	e.mu.Unlock()
	d.working.Wait()
	e.contact.reset()
	return nil
}

// keepTime looks at what only time changes: pods that wait too long, runs
// that nothing was heard of.
func (e *Engine) keepTime(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		e.mu.Lock()
		for _, r := range e.runs {
			e.pass(r)
		}
		e.mu.Unlock()
	}
}

// Logs implements runs.Engine.
func (e *Engine) Logs(ctx context.Context, q runs.LogQuery) (io.ReadCloser, error) {
	return e.openLog(ctx, q)
}

// StaleSince implements runs.Lagger.
func (e *Engine) StaleSince() time.Time { return e.contact.staleSince() }
