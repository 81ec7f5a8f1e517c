package local

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/ligase-bio/ligase/internal/runs"
)

// How long an observation may wait for others to share a batch with. A write
// to the store costs about as much as a short task, and on a small machine it
// takes a CPU from the tasks.
const (
	atOnce time.Duration = 0
	soon                 = 25 * time.Millisecond
	later                = 250 * time.Millisecond
)

// batchSize is the most observations that a sink is given at a time, so that
// its transactions stay short.
const batchSize = 1000

// outbox gathers observations until the sink takes them. Engine.mu guards it.
//
// Of a task only the latest status is kept while it waits: what a batch is
// not asked to write costs nothing, and while a sink is away the outbox grows
// with the tasks, not with what they say. Everything else keeps its order.
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
	e.tell(r, runs.Observation{Event: &v}, soon)
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
	if r.over || r.frontier == nil {
		return
	}
	b.touched[r] = struct{}{}
	b.within(soon)
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
		progress := r.progress()
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
		return fmt.Sprintf("waiting to try %s again", count(len(r.resting), "failed task"))
	}
	return ""
}

// deliver hands observations to the sink until ctx ends, and returns what the
// sink had not taken by then.
func (e *Engine) deliver(ctx context.Context, sink runs.Sink) (left []runs.Observation) {
	e.whenDue(ctx, &e.out.alarm, func() bool {
		left = e.send(ctx, sink, e.collect())
		return len(left) > 0
	})
	return left
}

// send gives the sink a batch, in pieces, again and again until it takes
// them. It returns what is left when ctx ends. Meanwhile tasks go on: what
// they do is safe in the run folder.
func (e *Engine) send(ctx context.Context, sink runs.Sink, batch []runs.Observation) []runs.Observation {
	backoff := Backoff{Base: 50 * time.Millisecond, Max: 5 * time.Second}
	for failures := 0; len(batch) > 0; {
		piece := batch[:min(len(batch), batchSize)]
		err := sink(ctx, piece)
		if err == nil {
			batch, failures = batch[len(piece):], 0
			continue
		}
		if ctx.Err() != nil {
			break
		}
		failures++
		wait := backoff.wait(failures, e.options.Rand())
		e.log.Warn("what happened could not be recorded; trying again", "observations", len(batch), "wait", wait, "err", err)
		select {
		case <-ctx.Done():
			return batch
		case <-time.After(wait):
		}
	}
	return batch
}

// flush gives the sink a last chance to take what is left. What it does not
// take is lost to it for now: the next engine finds it in the run folders.
func (e *Engine) flush(ctx context.Context, sink runs.Sink, left []runs.Observation) {
	ctx, cancel := context.WithTimeout(ctx, 700*time.Millisecond)
	defer cancel()
	left = append(left, e.collect()...)
	if left = e.send(ctx, sink, left); len(left) > 0 {
		e.log.Warn("the last observations could not be recorded; they are found again in the run folders", "observations", len(left))
	}
}
