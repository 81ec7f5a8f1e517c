package argo

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"

	"github.com/ligase-bio/ligase/dag"
	"github.com/ligase-bio/ligase/internal/runs"
)

// Argo ends no attempt whose pod was deleted before it could report: it makes
// the pod anew, and the run goes on.
func TestAPodThatArgoMakesAnewIsNoFailure(t *testing.T) {
	l := newLab(t, nil)
	j := l.submit(l.job("say", nil))
	say := dag.Task{Node: "say"}
	show := func(phase wfv1.NodePhase, message string) {
		l.control(j.Workflow, func(wf *wfv1.Workflow) {
			wf.Status.Phase = wfv1.WorkflowRunning
			pod(wf, say, 0, phase, message, -1)
			name := j.Workflow + ".say(0)"
			n := wf.Status.Nodes[name]
			synced := phase == wfv1.NodeSucceeded
			n.TaskResultSynced = &synced
			wf.Status.Nodes[name] = n
		})
	}
	l.begin(j, say, 1, 0)
	show(wfv1.NodeRunning, "")
	l.waits("the first attempt", func(o runs.Observation) bool { return o.Event != nil && o.Event.Kind == "attempt_started" })
	show(wfv1.NodeError, "pod deleted")
	show(wfv1.NodePending, "PodInitializing")
	l.waits("what became of its pod", func(o runs.Observation) bool {
		return o.Event != nil && o.Event.Kind == "retrying" && o.Event.Attempt == 1 && strings.Contains(o.Event.Message, "went away")
	})
	l.begin(j, say, 2, 0)
	show(wfv1.NodeRunning, "")
	l.commit(j, say, 2, nil)
	show(wfv1.NodeSucceeded, "")
	l.control(j.Workflow, func(wf *wfv1.Workflow) {
		over(wf, say, wfv1.NodeSucceeded)
		wf.Status.Phase = wfv1.WorkflowSucceeded
	})
	l.ends(j, runs.Succeeded)
	if failed := l.events("attempt_failed"); len(failed) > 0 {
		t.Errorf("it was told that %q failed", failed)
	}
	if got, want := l.events("attempt_started"), []string{"say 1", "say 2"}; !slices.Equal(got, want) {
		t.Errorf("the attempts that started are %q, want %q", got, want)
	}
	if last := l.last()["say"]; last.State != runs.Succeeded || last.Attempt != 2 {
		t.Errorf("its task ended %s in attempt %d, want succeeded in attempt 2", last.State, last.Attempt)
	}
}

// That another attempt follows is told also when that one is there before the
// failure of the first could be read.
func TestAnAttemptThatFollowsAtOnce(t *testing.T) {
	l := newLab(t, nil)
	j := l.submit(l.job("say", nil))
	say := dag.Task{Node: "say"}
	l.begin(j, say, 1, 0)
	l.control(j.Workflow, func(wf *wfv1.Workflow) {
		wf.Status.Phase = wfv1.WorkflowRunning
		pod(wf, say, 0, wfv1.NodeRunning, "", -1)
	})
	l.waits("the first attempt", func(o runs.Observation) bool { return o.Event != nil && o.Event.Kind == "attempt_started" })
	l.begin(j, say, 2, 1)
	l.control(j.Workflow, func(wf *wfv1.Workflow) {
		pod(wf, say, 0, wfv1.NodeFailed, "Error (exit code 22)", 22)
		pod(wf, say, 1, wfv1.NodeRunning, "", -1)
	})
	var told []string
	l.waits("the second attempt", func(o runs.Observation) bool {
		if o.Event == nil || o.Event.Attempt == 0 {
			return false
		}
		told = append(told, fmt.Sprintf("%s %d", o.Event.Kind, o.Event.Attempt))
		return o.Event.Kind == "attempt_started" && o.Event.Attempt == 2
	})
	l.commit(j, say, 2, nil)
	l.control(j.Workflow, func(wf *wfv1.Workflow) {
		pod(wf, say, 1, wfv1.NodeSucceeded, "", 0)
		over(wf, say, wfv1.NodeSucceeded)
		wf.Status.Phase = wfv1.WorkflowSucceeded
	})
	l.ends(j, runs.Succeeded)
	if got, want := l.events("retrying"), []string{"say 1"}; !slices.Equal(got, want) {
		t.Errorf("another attempt was told to follow %q, want %q; seen were %q", got, want, told)
	}
}

// A Workflow can end badly though each of its pods did its work, when Argo's
// supervisor in one could not report: what it says there is all there is.
func TestAWorkflowThatEndsForAPodThatCommittedSaysWhy(t *testing.T) {
	l := newLab(t, nil)
	j := l.submit(l.job("chain", nil))
	first := dag.Task{Node: "first"}
	l.begin(j, first, 1, 0)
	l.commit(j, first, 1, nil)
	l.control(j.Workflow, func(wf *wfv1.Workflow) {
		pod(wf, first, 0, wfv1.NodeError, "wait: Error (exit code 64): connection refused", 0)
		over(wf, first, wfv1.NodeError)
		wf.Status.Phase = wfv1.WorkflowError
	})
	o := l.ends(j, runs.Failed)
	for _, what := range []string{"ended as error", "first", "exit code 64"} {
		if !strings.Contains(o.Failure.Message, what) {
			t.Errorf("%q does not say %q", o.Failure.Message, what)
		}
	}
	if !o.Failure.Retryable {
		t.Error("it does not say that a retry can help")
	}
	if last := l.last()["first"]; last.State != runs.Succeeded {
		t.Errorf("the task that committed is %s", last.State)
	}
}
