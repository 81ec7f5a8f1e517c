package argo

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/ligase-bio/ligase/internal/follow"
	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/steps"
)

// tally tells a run's counts, and why it does not move, where they changed.
func (e *Engine) tally(r *run) {
	running := 0
	for _, t := range r.out {
		if t.running() {
			running++
		}
	}
	if progress := r.account.Progress(running); progress != r.progress {
		r.progress = progress
		e.tell(r, runs.Observation{Progress: &progress}, follow.Soon)
	}
	for _, t := range r.out {
		e.tellPending(r, t)
	}
	waiting := e.waitingOf(r, running)
	if waiting != r.waiting {
		r.waiting = waiting
		e.tell(r, runs.Observation{Waiting: &waiting}, follow.Soon)
	}
}

// tellPending tells why a task's pod does not start.
func (e *Engine) tellPending(r *run, t *task) {
	a := t.last()
	if a == nil || !a.pod.pending() || t.dropped {
		return
	}
	if message := pendingProblem(a.why(), t.image()); message != t.message {
		t.message = message
		e.status(r, t, a, runs.Pending, message, follow.Soon)
	}
}

// slowStart is how long Argo may take to begin with a Workflow before that is
// worth telling, and slowNode how much longer for each node of its pipeline: it
// works all of them out before it says anything.
const (
	slowStart = 20 * time.Second
	slowNode  = 200 * time.Millisecond
)

// waitingOf says why nothing of a run moves, or "".
func (e *Engine) waitingOf(r *run, running int) string {
	if r.storeOff != "" {
		return "waiting for the store: " + r.storeOff
	}
	if running > 0 {
		return ""
	}
	if r.cancelled || r.hold.Suspended && len(r.out) > 0 && r.out[0].last() == nil {
		return "" // of what was asked for the service tells
	}
	failed := 0
	for _, t := range r.out {
		a := t.last()
		if a == nil || t.dropped {
			continue
		}
		if a.pod.pending() {
			if why := pendingProblem(a.why(), t.image()); why != "" {
				return "waiting: " + why
			}
		}
		if a.failure != nil {
			failed++
		}
	}
	switch {
	case failed > 0 && !r.account.Aborted():
		return "waiting to try " + follow.Count(failed, "failed task") + " again"
	case r.seen != nil && r.seen.phase == "" && !r.hold.Suspended && !r.seen.created.IsZero() && e.options.Now().Sub(r.seen.created) > slowStart+time.Duration(len(r.Plan.Compiled.Nodes))*slowNode:
		return "waiting: Argo's workflow controller has not taken it up; see that it runs and looks after the namespace " + e.options.Namespace
	case r.seen != nil && r.seen.phase == "Pending" && r.seen.message != "":
		return "waiting: " + r.seen.message
	case r.seen != nil && r.seen.offloaded:
		return "waiting for the end of its Workflow: Argo keeps its nodes in a database that ligase does not read"
	}
	return ""
}

// Waits of the engine itself.
const (
	inspectAfter = 8 * time.Second  // a pod that should have started is looked at
	inspectEvery = 10 * time.Second // and again
	askEvery     = 2 * time.Second  // for a Workflow that left the watch
)

// pass looks at what only time changes in a run. Engine.mu is held.
func (e *Engine) pass(r *run) {
	if r.over || !r.established || r.account == nil || r.ended() {
		return
	}
	now := e.options.Now()
	if r.left && now.Sub(r.asked) > askEvery || now.Sub(r.heard) > e.options.Resync && now.Sub(r.asked) > e.options.Resync {
		e.refresh(r)
	}
	doomed := false
	for _, t := range r.out {
		if a := t.last(); a != nil && a.pod.pending() && !t.dropped {
			doomed = e.waited(r, t, a, now) || doomed
		}
	}
	if doomed {
		e.look(r)
		return
	}
	e.tally(r)
}

// waited looks at a pod that has not started yet. It reports whether that ends
// the run.
func (e *Engine) waited(r *run, t *task, a *attempt, now time.Time) bool {
	why := a.why()
	if a.pod.name != "" && pendingProblem(a.pod.message, "") == "" && now.Sub(a.pod.began) > inspectAfter && now.Sub(a.inspected) > inspectEvery {
		a.inspected = now
		e.inspect(r, a, t.impl != nil && len(t.impl.Volumes) > 0)
	}
	claim := claimProblem(why)
	a.stuck = since(a.stuck, imageProblem(why) || claim != "", now)
	_, unfit := schedulingProblem(why)
	a.unfit = since(a.unfit, unfit, now)
	var f *steps.Failure
	switch {
	case r.account.Aborted():
		return false
	case !a.stuck.IsZero() && now.Sub(a.stuck) >= e.options.ImageWait && claim != "":
		said, _ := schedulingProblem(why)
		f = failure(steps.FailUnschedulable, nil, hintClaim, true, "The pod of %s cannot start, because there is no PersistentVolumeClaim %s.%s",
			t.Node, claim, sentence(said))
	case !a.stuck.IsZero() && now.Sub(a.stuck) >= e.options.ImageWait:
		f = failure(steps.FailImage, nil, hintImage, true, "The image %s of %s could not be pulled in %s: %s.",
			imageIn(why, t.image()), t.Node, e.options.ImageWait, why)
	case !a.unfit.IsZero() && e.options.ScheduleWait > 0 && now.Sub(a.unfit) >= e.options.ScheduleWait:
		f = failure(steps.FailUnschedulable, nil, "Ask for less (resources of the implementation), or add a machine that has it.", true,
			"The pod of %s fitted on no machine for %s: %s.", t.Node, e.options.ScheduleWait, pendingProblem(why, ""))
	default:
		return false
	}
	f.Node, f.Index, f.Attempt = t.Node, t.Index, a.number
	t.failure = f
	if r.Plan.Compiled.Node(t.Node).ContinueOnFailure {
		// Argo waits for the pod, and the engine may not delete it: no item
		// after this one would ever come to its end.
		r.account.Doom(f)
	}
	return true
}

// since is since when something is so.
func since(begun time.Time, so bool, now time.Time) time.Time {
	switch {
	case !so:
		return time.Time{}
	case begun.IsZero():
		return now
	}
	return begun
}

// inspect asks for a pod that does not start: of its init containers, which
// bring the worker, and of its volumes Argo says nothing.
func (e *Engine) inspect(r *run, a *attempt, volumes bool) {
	name, id := a.pod.name, a.pod.id
	e.background(func(ctx context.Context) {
		call, cancel := context.WithTimeout(ctx, e.options.CallTimeout)
		defer cancel()
		pod, err := e.pods().Get(call, name, metav1.GetOptions{})
		if err != nil {
			return
		}
		note := noteOf(pod)
		if note == "" && volumes && pod.Status.Phase == corev1.PodPending {
			note = e.mountProblem(call, name)
		}
		e.mu.Lock()
		defer e.mu.Unlock()
		if r.over || a.pod.id != id || !a.pod.pending() || note == a.note {
			return
		}
		a.note = note
		e.look(r)
	})
}

// noteOf is why a pod does not start, in the words that Argo uses of its main
// container.
func noteOf(pod *corev1.Pod) string {
	if pod.Status.Phase != corev1.PodPending {
		return ""
	}
	for _, c := range append(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses...) {
		if w := c.State.Waiting; w != nil && w.Reason != "PodInitializing" && w.Reason != "ContainerCreating" {
			if w.Message == "" {
				return w.Reason
			}
			return fmt.Sprintf("%s: %s", w.Reason, w.Message)
		}
	}
	return ""
}

// startOf is when an attempt began; zero when there is none.
func (e *Engine) startOf(a *attempt) time.Time {
	if a == nil {
		return time.Time{}
	}
	return a.pod.began
}

// endOf is when an attempt ended, or now.
func (e *Engine) endOf(a *attempt) time.Time {
	if a == nil || a.pod.ended.IsZero() {
		return e.options.Now()
	}
	return a.pod.ended
}
