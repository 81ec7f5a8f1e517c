package argo

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/ligase-bio/ligase/dag"
	"github.com/ligase-bio/ligase/internal/follow"
	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/steps"
)

// look brings a run up to what is known of it: whatever becomes known, this is
// called. Engine.mu is held.
func (e *Engine) look(r *run) {
	if r.over || !r.established || e.drive == nil {
		return
	}
	if r.account == nil {
		e.open(r)
	}
	e.observe(r)
	e.conclude(r)
	if !r.over {
		e.enforce(r)
		e.tellHold(r)
		e.tally(r)
	}
}

// open starts the account with what the run's folder knew.
func (e *Engine) open(r *run) {
	if n, left := len(r.past.Committed), len(r.past.Attempts); n > 0 || left > 0 {
		e.event(r, runs.Event{Kind: "recovered", Message: fmt.Sprintf("%s had committed; the run goes on from there.", follow.Count(n, "task"))})
	}
	account, ready := follow.Open(r.Job, e.options.Now, func(o runs.Observation) { e.tell(r, o, follow.Soon) })
	account.Recall(r.past.Attempts)
	r.account = account
	if r.refused != nil {
		account.Doom(r.refused)
	}
	e.begin(r, ready)
	if len(r.past.Committed) > 0 {
		// What has committed has also begun.
		e.start(r)
	}
	if r.left {
		e.refresh(r)
	}
}

// begin has the run wait for tasks that are ready, or takes their commit
// records where the run's folder had them.
func (e *Engine) begin(r *run, ready []dag.Task) {
	for len(ready) > 0 {
		t := ready[0]
		ready = ready[1:]
		if result := r.past.Committed[t]; result != nil {
			delete(r.past.Committed, t)
			ready = append(ready, r.account.Succeed(t, result)...)
			continue
		}
		node := r.Plan.Compiled.Node(t.Node)
		r.out = append(r.out, &task{Task: t, impl: r.Plan.Compiled.StepOf(t.Node).Implementation(node.Implementation)})
	}
}

// observe takes in what the Workflow says of the tasks that are out, and what
// follows from it, until nothing more does.
func (e *Engine) observe(r *run) {
	for i := 0; i < len(r.out); i++ { // it grows meanwhile
		t := r.out[i]
		var s *seenTask
		if r.seen != nil {
			s = r.seen.tasks[t.Task]
		}
		if s != nil && !t.dropped {
			for k := range s.pods {
				e.observePod(r, t, &s.pods[k])
			}
		}
		if ready, ended := e.decide(r, t, s); ended {
			r.out[i] = nil
			e.begin(r, ready)
		}
	}
	r.out = slices.DeleteFunc(r.out, func(t *task) bool { return t == nil })
}

// observePod takes in what the Workflow says of one pod of a task.
func (e *Engine) observePod(r *run, t *task, p *seenPod) {
	at := slices.IndexFunc(t.attempts, func(a *attempt) bool { return a.pod.id == p.id })
	if at < 0 {
		at = len(t.attempts)
		t.attempts = append(t.attempts, &attempt{
			number: max(r.before[t.Task]+at+1, p.retry+1),
			silent: !r.known.IsZero() && !p.began.IsZero() && p.began.Before(r.known),
		})
	}
	a := t.attempts[at]
	if a.pod.over() && !p.over() {
		return // an old sighting
	}
	if a.pod.message != p.message || !p.pending() {
		a.note = ""
	}
	if a.told && a.pod.running() && p.pending() {
		e.remade(r, t, a)
	}
	a.pod = *p
	if (p.running() || p.over()) && !a.told {
		a.told, t.message = true, ""
		e.start(r)
		if at > 0 {
			e.followed(r, t, t.attempts[at-1])
		}
		if !a.silent {
			e.event(r, runs.Event{Node: t.Node, Index: t.Index, Attempt: a.number, Kind: "attempt_started"})
		}
		e.status(r, t, a, runs.Running, "", follow.Soon)
	} else if p.running() && p.fraction != a.share {
		a.share = p.fraction
		e.status(r, t, a, runs.Running, "", follow.Later)
	}
	if p.over() && !a.read && !a.reading {
		e.read(r, t, a)
	}
}

// remade tells that the pod of an attempt was deleted and Argo makes it anew:
// another attempt, though to Argo it is still the same one.
func (e *Engine) remade(r *run, t *task, a *attempt) {
	message := fmt.Sprintf("The pod of %s went away while it ran; Argo starts it again.", t.Node)
	e.status(r, t, a, runs.Pending, message, follow.Soon)
	if !a.silent {
		e.event(r, runs.Event{Node: t.Node, Index: t.Index, Attempt: a.number, Kind: "retrying", Message: message})
	}
	a.told, a.silent, a.share, t.message = false, false, 0, message
	a.number++
}

// followed tells that another attempt has followed one whose failure could not
// be read before that one was there.
func (e *Engine) followed(r *run, t *task, a *attempt) {
	if !a.told || a.retold || a.silent {
		return
	}
	a.retold = true
	e.event(r, runs.Event{Node: t.Node, Index: t.Index, Attempt: a.number, Kind: "retrying", Message: fmt.Sprintf("Attempt %d failed; another one follows.", a.number)})
}

// start tells that the run runs, once.
func (e *Engine) start(r *run) {
	if r.started {
		return
	}
	r.started = true
	e.tell(r, runs.Observation{State: runs.Running}, follow.AtOnce)
	if r.known.IsZero() {
		e.event(r, runs.Event{Kind: "started"})
	}
}

// status tells how a task is that has not ended.
func (e *Engine) status(r *run, t *task, a *attempt, state runs.State, message string, within time.Duration) {
	s := &runs.TaskStatus{Node: t.Node, Index: t.Index, State: state, Message: message}
	if a != nil {
		s.Attempt, s.StartedAt, s.Failure = a.number, a.pod.began, a.failure
		if state == runs.Running {
			s.Fraction = a.pod.fraction
		}
		if state.Terminal() {
			s.FinishedAt = e.endOf(a)
		}
	}
	e.tell(r, runs.Observation{Task: s}, within)
}

// decide says whether a task has ended, and what can start because of it.
func (e *Engine) decide(r *run, t *task, s *seenTask) (ready []dag.Task, ended bool) {
	a := t.last()
	switch {
	case t.result != nil:
		return r.account.Succeed(t.Task, t.result), true
	case t.failure != nil:
		return r.account.Fail(t.Task, t.failure, e.startOf(a), e.endOf(a)), true
	case t.dropped, a == nil, a.failure == nil:
		return nil, false
	}
	// Its latest attempt has failed.
	stopped := a.failure.Code == steps.FailCanceled
	switch {
	case r.cancelled, stopped && (r.account.Aborted() || r.sent.shutdown != ""):
		e.drop(r, t)
		return nil, false
	case s != nil && s.over, r.ended(), r.account.Aborted():
		return r.account.Fail(t.Task, a.failure, e.startOf(a), e.endOf(a)), true
	case !a.retold && t.triesAgain(a.failure.Code):
		a.retold = true
		message := fmt.Sprintf("Attempt %d of %d failed (%s); another one follows.", len(t.attempts), t.impl.Retries.Limit+1, a.failure.Code)
		e.status(r, t, a, runs.Pending, message, follow.Soon)
		if !a.silent {
			e.event(r, runs.Event{Node: t.Node, Index: t.Index, Attempt: a.number, Kind: "retrying", Message: message})
		}
	}
	return nil, false
}

// triesAgain reports whether the template has Argo try the task again after a
// failure of that class.
func (t *task) triesAgain(code steps.FailureCode) bool {
	return t.impl != nil && len(t.attempts) <= t.impl.Retries.Limit && slices.Contains(t.impl.Retries.On, code)
}

// drop leaves a task that ends with its run.
func (e *Engine) drop(r *run, t *task) {
	t.dropped = true
	if a := t.last(); a != nil {
		if a.failure != nil {
			f := *a.failure
			a.failure = &f
			if r.cancelled {
				f.Code = steps.FailCanceled
			}
		}
		e.status(r, t, a, runs.Cancelled, "", follow.Soon)
	}
}

// tell gives an observation of a run to the outbox.
func (e *Engine) tell(r *run, o runs.Observation, within time.Duration) {
	o.RunID, o.Generation, o.Time = r.ID, r.Generation, e.options.Now()
	e.out.Tell(o, within)
}

// event tells of something that happened to a run.
func (e *Engine) event(r *run, v runs.Event) {
	v.Time = e.options.Now()
	e.tell(r, runs.Observation{Event: &v}, follow.Soon)
}

// read finds out what came of an attempt that has ended.
func (e *Engine) read(r *run, t *task, a *attempt) {
	a.reading = true
	r.reading++
	pod, number := a.pod, a.number
	e.background(func(ctx context.Context) {
		v, err := e.judge(ctx, r, t.Task, pod, number)
		e.mu.Lock()
		defer e.mu.Unlock()
		r.reading--
		a.reading = false
		if err != nil || r.over {
			return // Run has ended
		}
		a.read = true
		e.judged(r, t, a, v)
		e.look(r)
	})
}

// judged takes in what came of an attempt.
func (e *Engine) judged(r *run, t *task, a *attempt, v verdict) {
	switch {
	case v.result != nil:
		t.result = v.result
	case v.fatal != nil:
		t.failure = v.fatal
	case v.failure != nil:
		a.number = v.failure.Attempt
		a.failure = v.failure
		if !a.silent {
			e.event(r, runs.Event{Node: t.Node, Index: t.Index, Attempt: a.number, Kind: "attempt_failed", Message: a.failure.Error()})
		}
	}
}
