package local

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/ligase-bio/ligase/internal/follow"
	"github.com/ligase-bio/ligase/internal/runs"
)

// outbox gathers observations until the sink takes them. Engine.mu guards it.
//
// Of a task only the latest status is kept while it waits: what a batch is
// not asked to write costs nothing, and while a sink is away the outbox grows
// with the tasks, not with what they say. Everything else keeps its order.
//
// It is not a [follow.Outbox]: a run's counts are made when a batch goes and
// not at every change, and what waited on the quay moves over in one step with
// what else Engine.mu guards.
type outbox struct {
	pending []runs.Observation
	latest  map[taskKey]int   // where a task's status stands in pending
	touched map[*run]struct{} // runs whose counts may have changed
	alarm                     // for the next batch
}

func newOutbox() outbox {
	return outbox{latest: map[taskKey]int{}, touched: map[*run]struct{}{}, alarm: newAlarm()}
}

// tell puts an observation of a run into the outbox.
func (e *Engine) tell(r *run, o runs.Observation, within time.Duration) {
	o.RunID, o.Generation, o.Time = r.job.ID, r.job.Generation, e.options.Now()
	if e.options.Sync && e.quay.holds(o) {
		e.quay.add(o, r.job.Folder, within)
		return
	}
	e.out.add(o)
	e.out.within(within)
}

// event tells of something that happened to a run.
func (e *Engine) event(r *run, v runs.Event) {
	v.Time = e.options.Now()
	e.tell(r, runs.Observation{Event: &v}, follow.Soon)
}

func (b *outbox) add(o runs.Observation) {
	if o.Task != nil {
		key := taskKey{o.RunID, o.Task.Node, o.Task.Index}
		if i, waits := b.latest[key]; waits {
			b.pending[i] = o
			return
		}
		b.latest[key] = len(b.pending)
	}
	b.pending = append(b.pending, o)
}

// touch has a run's counts sent with the next batch.
func (b *outbox) touch(r *run) {
	if r.over || r.account == nil {
		return
	}
	b.touched[r] = struct{}{}
	b.within(follow.Soon)
}

func (b *outbox) forget(r *run) { delete(b.touched, r) }

// collect empties the outbox, adding the counts of the runs that were touched.
func (e *Engine) collect() []runs.Observation {
	e.mu.Lock()
	defer e.mu.Unlock()
	b := &e.out
	touched := make([]*run, 0, len(b.touched))
	for r := range b.touched {
		touched = append(touched, r)
	}
	slices.SortFunc(touched, func(x, y *run) int { return cmp.Compare(x.seq, y.seq) })
	for _, r := range touched {
		progress := r.account.Progress(len(r.running))
		o := runs.Observation{RunID: r.job.ID, Generation: r.job.Generation, Time: e.options.Now(), Progress: &progress}
		if waiting := e.waiting(r); waiting != r.waiting {
			r.waiting = waiting
			o.Waiting = &waiting
		}
		b.add(o)
	}
	batch := b.pending
	b.pending = nil
	b.off()
	clear(b.latest)
	clear(b.touched)
	return batch
}

// waiting says why nothing of a run moves, or "".
func (e *Engine) waiting(r *run) string {
	switch {
	case len(r.running) > 0 || r.suspended:
		return "" // of the latter the one who asked for it knows why
	case r.ready > 0:
		return e.slots.waiting(r.lanes[0].class.need)
	case len(r.resting) > 0:
		return fmt.Sprintf("waiting to try %s again", follow.Count(len(r.resting), "failed task"))
	}
	return ""
}

// deliver hands observations to the sink until ctx ends, and returns what the
// sink had not taken by then. Meanwhile tasks go on: what they do is safe in
// the run folder.
func (e *Engine) deliver(ctx context.Context, sink runs.Sink) (left []runs.Observation) {
	e.whenDue(ctx, &e.out.alarm, func() bool {
		left = follow.Send(ctx, sink, e.collect(), e.log)
		return len(left) > 0
	})
	return left
}

// flush gives the sink a last chance to take what is left. What it does not
// take is lost to it for now: the next engine finds it in the run folders.
func (e *Engine) flush(ctx context.Context, sink runs.Sink, left []runs.Observation) {
	ctx, cancel := context.WithTimeout(ctx, 700*time.Millisecond)
	defer cancel()
	left = append(left, e.collect()...)
	if left = follow.Send(ctx, sink, left, e.log); len(left) > 0 {
		e.log.Warn("the last observations could not be recorded; they are found again in the run folders", "observations", len(left))
	}
}
