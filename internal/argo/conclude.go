package argo

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"

	"github.com/ligase-bio/ligase/dag"
	"github.com/ligase-bio/ligase/internal/follow"
	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/internal/tasks"
	"github.com/ligase-bio/ligase/steps"
)

// conclude ends a run of which nothing more will happen and everything is
// known.
func (e *Engine) conclude(r *run) {
	if !r.ended() && !(r.seen == nil && r.account.Done()) || r.reading > 0 {
		return
	}
	if e.lookOnceMore(r) {
		return
	}
	if !r.account.Aborted() && !r.account.Done() && !r.cancelled {
		r.account.Doom(r.unfinished())
	}
	for _, t := range r.out {
		if !t.dropped {
			e.drop(r, t)
		}
	}
	state, failure := r.account.End()
	if r.cancelled && (r.account.Aborted() || !r.account.Done()) {
		// A cancel that came when all was done changes nothing.
		state, failure = runs.Cancelled, nil
	}
	e.end(r, state, failure, r.account.Progress(0))
}

// lookOnceMore looks in the store for what tasks came to that were at work
// when their Workflow ended: they may have committed since they were last
// seen. It reports whether there is anything to wait for.
func (e *Engine) lookOnceMore(r *run) bool {
	blind := r.gone != "" || r.seen != nil && r.seen.offloaded
	for _, t := range r.out {
		if t.looked || t.dropped && !blind || len(t.attempts) == 0 && !blind {
			continue
		}
		t.looked = true
		r.reading++
		e.background(func(ctx context.Context) {
			var v verdict
			err := e.patiently(ctx, r, func() (err error) {
				v, err = e.leftBehind(ctx, r, t, blind)
				return err
			})
			e.mu.Lock()
			defer e.mu.Unlock()
			r.reading--
			if err != nil || r.over {
				return
			}
			t.result = v.result
			t.failure = v.fatal
			e.look(r)
		})
	}
	return r.reading > 0
}

// leftBehind is what a task's folder says that it came to. Where there are no
// nodes to say so, a failure after which no other attempt was to follow is one
// of the task.
func (e *Engine) leftBehind(ctx context.Context, r *run, t *task, blind bool) (verdict, error) {
	result, err := tasks.ReadResult(ctx, e.options.Blobs, r.Folder, t.Task)
	var damaged *steps.Failure
	if errors.As(err, &damaged) {
		return verdict{fatal: damaged}, nil
	}
	if err != nil || result != nil || !blind {
		return verdict{result: result}, err
	}
	last, err := tasks.LastAttempt(ctx, e.options.Blobs, r.Folder, t.Task)
	if err != nil || last <= r.before[t.Task] {
		return verdict{}, err
	}
	f, err := tasks.ReadFailure(ctx, e.options.Blobs, r.Folder, t.Task, last)
	if err != nil || f == nil || f.Code == steps.FailPreempted || f.Code == steps.FailCanceled {
		return verdict{}, err
	}
	tries := last - r.before[t.Task]
	again := t.impl != nil && tries <= t.impl.Retries.Limit
	if again {
		for _, code := range t.impl.Retries.On {
			if code == f.Code {
				return verdict{}, nil
			}
		}
	}
	f.Node, f.Index, f.Attempt = t.Node, t.Index, last
	return verdict{fatal: f}, nil
}

// unfinished is why a run ended before all of its tasks had.
func (r *run) unfinished() *steps.Failure {
	const resume = "Retry the run: it goes on from what has committed."
	if r.gone != "" {
		return failure(steps.FailUnknown, nil, resume+" Workflows of runs that have not ended should be left alone.", true, "%s", r.gone)
	}
	s := r.seen
	said := strings.TrimRight(s.message, ". ")
	switch {
	case s.shutdown != "":
		return failure(steps.FailCanceled, nil, resume, true, "The Workflow %s was ended by somebody else (shutdown: %s).", r.name, s.shutdown)
	case strings.Contains(said, "deadline"):
		return failure(steps.FailDeadline, nil, hintDeadline, false, "The Workflow %s took longer than it may: %s.", r.name, said)
	case s.phase == wfv1.WorkflowSucceeded:
		return failure(steps.FailUnknown, nil, "Render and apply the tool's templates again (`ligase render`), and retry the run.", true,
			"The Workflow %s ended, but not all tasks of the run have run: its template is not the one of this tool.", r.name)
	case said == "":
		if said = s.complaint(); said == "" {
			said = "it does not say why"
		}
	}
	return failure(steps.FailUnknown, nil, resume, true, "The Workflow %s ended as %s: %s.", r.name, strings.ToLower(string(s.phase)), said)
}

// complaint is what is said of the first pod, in the order of nodes, that ended
// badly, though its task may well have committed.
func (s *sighting) complaint() string {
	tasks := slices.SortedFunc(maps.Keys(s.tasks), func(a, b dag.Task) int {
		return cmp.Or(strings.Compare(a.Node, b.Node), a.Index.Compare(b.Index))
	})
	for _, t := range tasks {
		pods := s.tasks[t].pods
		if n := len(pods); n > 0 && pods[n-1].phase.FailedOrError() && pods[n-1].message != "" {
			return fmt.Sprintf("of the pod of %s it says %q", t.Node, strings.TrimRight(pods[n-1].message, ". "))
		}
	}
	return ""
}

// end tells of a run's end and forgets it.
func (e *Engine) end(r *run, state runs.State, failure *steps.Failure, progress runs.Progress) {
	if r.waiting != "" {
		none := ""
		e.tell(r, runs.Observation{Waiting: &none}, follow.Soon)
	}
	o := runs.Observation{State: state, Progress: &progress}
	if state == runs.Failed {
		o.Failure = failure
	}
	e.tell(r, o, follow.AtOnce)
	e.forget(r)
}

// intent is what a Workflow is told to do.
type intent struct {
	suspended bool
	shutdown  string
	hold      string // see holdText
}

// intentOf is what a Workflow has been told to do.
func intentOf(s *sighting) intent {
	return intent{s.suspended, s.shutdown, holdText(s.hold)}
}

// intent is what the Workflow of a run is to do. The first failure that was
// not allowed lets what runs end, and nothing new start; Argo would start the
// items of other lanes.
func (r *run) intent() intent {
	want := intent{hold: holdText(r.hold)}
	switch {
	case r.cancelled:
		want.shutdown = string(wfv1.ShutdownStrategyTerminate)
	case r.account.Aborted():
		for _, t := range r.out {
			if t.running() {
				want.suspended = true
				return want
			}
		}
		want.shutdown = string(wfv1.ShutdownStrategyStop)
	case want.hold == "":
		want.suspended = r.sent.suspended // nobody asked ligase: it is left as somebody else has put it
	default:
		want.suspended = r.hold.Suspended
	}
	return want
}

// enforce tells the Workflow of a run what it is to do, when that is not what
// it was told last.
func (e *Engine) enforce(r *run) {
	want := r.intent()
	if want == r.sent || r.sending || r.ended() || r.seen == nil || r.sent.shutdown == string(wfv1.ShutdownStrategyTerminate) {
		return
	}
	r.sending = true
	e.background(func(ctx context.Context) {
		err := e.instruct(ctx, r.name, r.uid, want)
		if err != nil && ctx.Err() == nil {
			e.log.Warn("a Workflow could not be told what to do; trying again", "workflow", r.name, "error", err)
			_ = follow.Sleep(ctx, 2*time.Second)
		}
		e.mu.Lock()
		defer e.mu.Unlock()
		r.sending = false
		if err == nil {
			r.sent = want
		}
		e.look(r)
	})
}

// instruct patches a Workflow of ours; one that is gone needs nothing.
func (e *Engine) instruct(ctx context.Context, name string, uid types.UID, want intent) error {
	// Not "suspend": null: Argo would keep to what it merged into the
	// Workflow's stored spec before.
	spec := map[string]any{"suspend": want.suspended}
	if want.shutdown != "" {
		spec["shutdown"] = want.shutdown
	}
	meta := map[string]any{"uid": uid}
	if want.hold != "" {
		meta["annotations"] = map[string]string{annotationHold: want.hold}
	}
	patch, err := json.Marshal(map[string]any{"metadata": meta, "spec": spec})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, e.options.CallTimeout)
	defer cancel()
	_, err = e.workflows().Patch(ctx, name, types.MergePatchType, patch, metav1.PatchOptions{FieldManager: managedBy})
	switch {
	case err == nil, apierrors.IsNotFound(err), apierrors.IsConflict(err): // a conflict: the UID is another's
		return nil
	}
	return unavailable("changing the Workflow "+name, err)
}

// terminate ends every Workflow of a run.
func (e *Engine) terminate(ctx context.Context, id runs.ID) error {
	ctx, cancel := context.WithTimeout(ctx, e.options.CallTimeout)
	defer cancel()
	list, err := e.workflows().List(ctx, metav1.ListOptions{LabelSelector: unfinished + "," + labelRunID + "=" + string(id)})
	if err != nil {
		return unavailable("finding the Workflows of "+string(id), err)
	}
	for i := range list.Items {
		wf := &list.Items[i]
		if err := e.instruct(ctx, wf.Name, wf.UID, intent{shutdown: string(wfv1.ShutdownStrategyTerminate)}); err != nil {
			return err
		}
	}
	return nil
}
