package local

import (
	"context"

	"github.com/ligase-bio/ligase/internal/runs"
)

var (
	_ runs.Suspender = (*Engine)(nil)
	_ runs.Suspender = (*Remote)(nil)
)

// Suspend implements runs.Suspender. Attempts that are running may end and
// commit; what is ready, or becomes so, is parked.
func (e *Engine) Suspend(_ context.Context, id runs.ID, hold runs.Hold) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if r := e.runs[id]; r != nil {
		e.suspend(r, hold.Suspended)
	}
	return nil
}

func (e *Engine) suspend(r *run, suspended bool) {
	if r.suspended == suspended {
		return
	}
	r.suspended = suspended
	if suspended {
		for _, l := range r.lanes {
			r.parked = append(r.parked, l.tasks...)
		}
		e.queue.remove(r)
	} else {
		for _, t := range r.parked {
			e.queue.push(t)
		}
		r.parked = nil
	}
	e.out.touch(r)
	e.dispatch() // what it kept others from is free, or it can go on
}

// enqueue makes a task wait for its turn, or for its run to be resumed.
func (e *Engine) enqueue(t *task) {
	if t.run.suspended {
		t.run.parked = append(t.run.parked, t)
		return
	}
	e.queue.push(t)
}

// Suspend makes sure that an engine process is there; it takes the intent from
// the store. To hold a run none is needed: without an engine nothing starts.
func (m *Remote) Suspend(ctx context.Context, _ runs.ID, hold runs.Hold) error {
	if hold.Suspended {
		return nil
	}
	return m.Ensure(ctx)
}
