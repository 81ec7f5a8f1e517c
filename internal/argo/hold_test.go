package argo

import (
	"testing"
	"time"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"

	"github.com/ligase-bio/ligase/internal/runs"
)

// hold is a word that was said at a second.
func hold(suspended bool, at int) runs.Hold {
	return runs.Hold{Suspended: suspended, SuspendAsked: time.Date(2026, 3, 1, 12, 0, at, 5, time.UTC)}
}

// TestAWordOfAnotherProcessHolds has other processes suspend and resume a run's
// Workflow.
func TestAWordOfAnotherProcessHolds(t *testing.T) {
	l := newLab(t, nil)
	j := l.submit(l.job("say", nil))
	elsewhere := func(h runs.Hold) {
		l.control(j.Workflow, func(wf *wfv1.Workflow) {
			wf.Annotations[annotationHold], wf.Spec.Suspend = holdText(h), &h.Suspended
		})
	}
	heard := func(h runs.Hold) {
		t.Helper()
		l.waits("the word", func(o runs.Observation) bool { return o.Hold != nil && *o.Hold == h })
	}
	stands := func(h runs.Hold) {
		t.Helper()
		l.until(holdText(h), func() bool {
			wf := l.workflow(j.Workflow)
			return wf.Annotations[annotationHold] == holdText(h) && wf.Spec.Suspend != nil && *wf.Spec.Suspend == h.Suspended
		})
	}
	elsewhere(hold(true, 1))
	heard(hold(true, 1))

	// What came before it changes nothing, and what comes after it does.
	for _, h := range []runs.Hold{{}, hold(false, 0), hold(false, 2)} {
		if err := l.engine.Suspend(t.Context(), j.ID, h); err != nil {
			t.Fatal(err)
		}
		if h != hold(false, 2) {
			stands(hold(true, 1))
		}
	}
	stands(hold(false, 2))

	// A process that comes to know of the run, or has not heard, lets it be.
	elsewhere(hold(true, 3))
	heard(hold(true, 3))
	for _, before := range []runs.Hold{{}, hold(false, 2)} {
		l.restart(nil)
		j.Fresh, j.Hold = false, before
		l.submit(j)
		heard(hold(true, 3))
		stands(hold(true, 3))
	}
	// A word that was kept and had not reached the Workflow still does.
	l.restart(nil)
	j.Hold = hold(false, 4)
	l.submit(j)
	stands(hold(false, 4))
}

func TestWhatNobodyAskedForIsLeft(t *testing.T) {
	l := newLab(t, nil)
	j := l.submit(l.job("say", nil))
	byHand := true
	l.control(j.Workflow, func(wf *wfv1.Workflow) { wf.Spec.Suspend = &byHand })
	l.restart(nil)
	j.Fresh = false
	l.submit(j)
	l.control(j.Workflow, func(wf *wfv1.Workflow) { pod(wf, say, 0, wfv1.NodeRunning, "", -1) })
	l.waits("running", func(o runs.Observation) bool { return o.State == runs.Running })
	if wf := l.workflow(j.Workflow); wf.Spec.Suspend == nil || !*wf.Spec.Suspend {
		t.Error("a Workflow that somebody suspended by hand was resumed by a restart")
	}
	for _, text := range []string{"", "suspended", "held 2026-03-01T12:00:00Z", "suspended yesterday"} {
		if h := holdOf(text); h != (runs.Hold{}) {
			t.Errorf("%q is read as %+v", text, h)
		}
	}
}
