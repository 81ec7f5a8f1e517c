package local

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/ligase-bio/ligase/internal/container"
	"github.com/ligase-bio/ligase/internal/follow"
	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/steps/worker"
)

// dispatch starts what fits, in order.
func (e *Engine) dispatch() {
	if e.drive == nil || e.drive.stopping {
		return
	}
	for e.quay.commits < unsyncedMost {
		t := e.queue.pop(e.slots)
		if t == nil {
			return
		}
		e.start(t)
	}
}

// start begins the next attempt of a task.
func (e *Engine) start(t *task) {
	r := t.run
	t.attempt++
	t.began = e.options.Now()
	w, failure := r.past.Task(&t.node.recipe, t.index, t.attempt, r.sources(t.dag()))
	if failure != nil {
		e.advance(r, e.fail(t, failure), nil)
		e.settle(r)
		return
	}
	t.devices = e.slots.take(t.need())
	r.running[t] = struct{}{}
	e.hold(r, r.held.plus(t.need()))
	if !r.started {
		r.started = true
		e.tell(r, runs.Observation{State: runs.Running}, follow.AtOnce)
		e.event(r, runs.Event{Kind: "started"})
	}
	e.tell(r, runs.Observation{Task: &runs.TaskStatus{
		Node: t.node.id, Index: t.index, Attempt: t.attempt, State: runs.Running, StartedAt: t.began,
	}}, follow.Soon)
	e.event(r, runs.Event{Node: t.node.id, Index: t.index, Attempt: t.attempt, Kind: "attempt_started"})
	e.out.touch(r)

	d := e.drive
	ctx, cancel := context.WithCancel(d.ctx)
	t.cancel = cancel
	hooks := &worker.Hooks{
		Progress: func(fraction float64, line string) { e.progress(t, w.Attempt, fraction, line) },
		Env:      e.grant(t.devices),
		GPUs:     e.given(t.devices),
	}
	d.working.Go(func() {
		result, failure := e.options.Worker.Execute(ctx, w, hooks)
		cancel()
		e.ended(d, t, result, failure)
	})
}

// grant is what the environment tells a command of its GPUs. On a machine with
// GPUs a task that asked for none sees none: it would take memory from those
// that did.
func (e *Engine) grant(devices []string) map[string]string {
	if len(e.options.Slots.GPUs) == 0 {
		return nil
	}
	return map[string]string{"CUDA_VISIBLE_DEVICES": strings.Join(devices, ",")}
}

// given are the GPUs of a task as a container is given them.
func (e *Engine) given(devices []string) []container.GPU {
	var granted []container.GPU
	for _, g := range Given(e.options.Slots.GPUs) {
		if slices.Contains(devices, g.ID) {
			granted = append(granted, g)
		}
	}
	return granted
}

func (e *Engine) hold(r *run, held need) {
	r.held = held
	r.share = e.slots.share(held)
	e.queue.moved(r)
}

// progress takes in what a running attempt says of itself.
func (e *Engine) progress(t *task, attempt int, fraction float64, line string) {
	if math.IsNaN(fraction) {
		fraction = 0
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if _, out := t.run.running[t]; !out || t.attempt != attempt {
		return
	}
	e.tell(t.run, runs.Observation{Task: &runs.TaskStatus{
		Node: t.node.id, Index: t.index, Attempt: attempt, State: runs.Running,
		Message: line, Fraction: min(max(fraction, 0), 1), StartedAt: t.began,
	}}, follow.Later)
}

// ended takes in the end of an attempt.
func (e *Engine) ended(d *drive, t *task, result *steps.Result, failure *steps.Failure) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.drive != d {
		return // it outlasted its Run, which has forgotten it
	}
	r := t.run
	e.slots.give(t.need(), t.devices)
	t.devices = nil
	delete(r.running, t)
	e.hold(r, r.held.minus(t.need()))
	defer func() {
		e.settle(r)
		e.dispatch()
	}()

	if result != nil {
		e.advance(r, e.succeed(t, result), nil)
		return
	}
	if d.stopping {
		return // it did not fail: the engine did
	}
	t.failures++
	failure = placed(failure, t)
	e.event(r, runs.Event{Node: t.node.id, Index: t.index, Attempt: t.attempt, Kind: "attempt_failed", Message: failure.Error()})
	switch {
	case r.cancelled:
		e.tell(r, runs.Observation{Task: &runs.TaskStatus{
			Node: t.node.id, Index: t.index, Attempt: t.attempt, State: runs.Cancelled,
			Failure: failure, StartedAt: t.began, FinishedAt: e.options.Now(),
		}}, follow.Soon)
	case !r.account.Aborted() && triesAgain(t.node.impl.Retries, failure.Code, t.failures):
		if failure.Code == steps.FailGPUOOM {
			e.outgrow(t)
		}
		e.rest(t, failure)
	default:
		e.advance(r, e.fail(t, failure), nil)
	}
	e.out.touch(r)
}

// rest lets a task wait for its next attempt.
func (e *Engine) rest(t *task, failure *steps.Failure) {
	r, d := t.run, e.drive
	wait := e.options.Backoff.Wait(t.failures)
	message := fmt.Sprintf("Attempt %d of %d failed (%s); the next one starts in %s.",
		t.failures, t.node.impl.Retries.Limit+1, failure.Code, wait.Round(10*time.Millisecond))
	e.tell(r, runs.Observation{Task: &runs.TaskStatus{
		Node: t.node.id, Index: t.index, Attempt: t.attempt, State: runs.Pending,
		Message: message, Failure: failure, StartedAt: t.began,
	}}, follow.Soon)
	e.event(r, runs.Event{Node: t.node.id, Index: t.index, Attempt: t.attempt, Kind: "retrying", Message: message})
	r.resting[t] = time.AfterFunc(wait, func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		if _, rests := r.resting[t]; !rests || e.drive != d {
			return
		}
		delete(r.resting, t)
		e.enqueue(t)
		e.out.touch(r)
		e.dispatch()
	})
}
