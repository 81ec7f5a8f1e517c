package argo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"
	wfclient "github.com/argoproj/argo-workflows/v3/pkg/client/clientset/versioned/typed/workflow/v1alpha1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	coreclient "k8s.io/client-go/kubernetes/typed/core/v1"

	"github.com/ligase-bio/ligase/dag"
	"github.com/ligase-bio/ligase/internal/argo/templates"
	"github.com/ligase-bio/ligase/internal/follow"
	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/internal/tasks"
	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/uris"
)

func (e *Engine) workflows() wfclient.WorkflowInterface {
	return e.clients.argo.ArgoprojV1alpha1().Workflows(e.options.Namespace)
}

func (e *Engine) pods() coreclient.PodInterface {
	return e.clients.kube.CoreV1().Pods(e.options.Namespace)
}

// establish sees to it that the cluster has the Workflow of a run, and finds
// out what has become of it so far. On an error nothing is known, and it can
// be tried again. Until the run is established all of it is this call's, but for
// what [Engine.take], [Engine.left] and [Engine.missed] note.
func (e *Engine) establish(ctx context.Context, r *run) error {
	if r.Fresh && r.Generation <= 1 {
		return e.create(ctx, r)
	}
	s, err := e.get(ctx, r.name)
	if err != nil {
		return err
	}
	if err := e.survey(ctx, r); err != nil || r.refused != nil {
		return err
	}
	if s != nil {
		return e.adopt(r, s)
	}
	return e.begun(ctx, r)
}

// survey finds out what the run's folder knows.
func (e *Engine) survey(ctx context.Context, r *run) error {
	past, err := tasks.TakeSurvey(ctx, e.options.Blobs, r.Folder)
	if f := (*steps.Failure)(nil); errors.As(err, &f) {
		r.refused = f
		return nil
	}
	if err != nil {
		return fmt.Errorf("%w: what %s has done so far cannot be looked up: %w", problem.ErrUnavailable, r.ID, err)
	}
	r.past = past
	if r.Generation <= 1 {
		return nil
	}
	// Attempts of earlier tries of the run keep their numbers.
	r.before = maps.Clone(past.Attempts)
	for t, n := range past.Attempts {
		for ; n > 0; n-- {
			c, err := e.claimOf(ctx, r, t, n)
			if err != nil {
				return fmt.Errorf("%w: what %s has done so far cannot be looked up: %w", problem.ErrUnavailable, r.ID, err)
			}
			if c == nil || c.Workflow != r.name {
				break
			}
		}
		r.before[t] = n
	}
	return nil
}

// begun decides about a run that has neither Workflow nor end on record: it
// was never started, or its Workflow was deleted.
func (e *Engine) begun(ctx context.Context, r *run) error {
	if r.allCommitted() {
		return nil
	}
	worked := r.Generation <= 1 && len(r.past.Committed) > 0
	for t, n := range r.past.Attempts {
		worked = worked || n > r.before[t]
	}
	if !worked {
		return e.create(ctx, r)
	}
	r.gone = fmt.Sprintf("The Workflow %s is not there any more, and how it ended is not on record: it was deleted before anybody saw its end.", r.name)
	return nil
}

// allCommitted reports whether the commit records alone make the run done.
func (r *run) allCommitted() bool {
	if len(r.past.Committed) == 0 {
		return false
	}
	account, ready := follow.Open(r.Job, time.Now, func(runs.Observation) {})
	for len(ready) > 0 {
		result := r.past.Committed[ready[0]]
		if result == nil {
			return false
		}
		ready = append(ready[1:], account.Succeed(ready[0], result)...)
	}
	return account.Done() && !account.Aborted()
}

// adopt takes up a Workflow that is there.
func (e *Engine) adopt(r *run, s *sighting) error {
	if err := r.claims(s.owner); err != nil {
		return err
	}
	r.uid, r.seen = s.uid, s
	r.sent = intentOf(s)
	r.heed(s)
	r.known = e.options.Now()
	return nil
}

// create makes the Workflow. One that is there already, also because an
// earlier call took effect after all, is adopted if it is this run's.
func (e *Engine) create(ctx context.Context, r *run) error {
	f, err := e.templates.check(ctx, r.Plan.Compiled, e.options)
	if err != nil {
		return err
	}
	if f != nil {
		r.refused = f
		return nil
	}
	wf, err := e.workflowOf(ctx, r)
	if err != nil {
		return err
	}
	call, cancel := context.WithTimeout(ctx, e.options.CallTimeout)
	created, err := e.workflows().Create(call, wf, metav1.CreateOptions{FieldManager: managedBy})
	cancel()
	switch {
	case err == nil:
		s, err := seen(created)
		if err != nil {
			return err
		}
		r.uid, r.seen, r.sent = s.uid, s, intentOf(s)
		return nil
	case permanent(err):
		r.refused = failure(steps.FailUnknown, nil, "This is likely a defect of ligase, or of an admission policy of the cluster.", false,
			"The API server does not take the Workflow %s: %v.", r.name, err)
		return nil
	case apierrors.IsForbidden(err), apierrors.IsUnauthorized(err), apierrors.IsTooManyRequests(err):
		return unavailable("creating the Workflow "+r.name, err)
	case ctx.Err() != nil:
		return ctx.Err()
	}
	// It is there, or the call may have taken effect without our learning it.
	s, again := e.get(ctx, r.name)
	if again != nil || s == nil {
		return unavailable("creating the Workflow "+r.name, err)
	}
	fresh := r.Fresh && !apierrors.IsAlreadyExists(err)
	if err := e.adopt(r, s); err != nil {
		return err
	}
	if fresh {
		r.known = time.Time{} // this call's: nobody has told of it
	}
	return nil
}

// workflowOf is the Workflow of a run: a reference to a template, and
// arguments. Nothing else, so that templateReferencing: Strict takes it.
func (e *Engine) workflowOf(ctx context.Context, r *run) (*wfv1.Workflow, error) {
	compiled := r.Plan.Compiled
	template, err := templates.NameOf(compiled)
	if err != nil {
		return nil, err
	}
	base, ok := strings.CutSuffix(r.Folder.URI.String(), "/runs/"+r.Folder.RunID)
	root, err := uris.Parse(base)
	if !ok || err != nil {
		return nil, fmt.Errorf("%s is not the folder of a run below a root", r.Folder.URI)
	}
	arguments, err := e.argumentsOf(ctx, r, root)
	if err != nil {
		return nil, err
	}
	wf := &wfv1.Workflow{
		ObjectMeta: metav1.ObjectMeta{
			Name: r.name, Namespace: e.options.Namespace,
			Labels: map[string]string{
				labelManagedBy:  managedBy,
				labelRunID:      string(r.ID),
				labelTenant:     labelValue(r.Tenant),
				labelTool:       labelValue(compiled.Tool.Name),
				labelGeneration: strconv.Itoa(max(r.Generation, 1)),
			},
			Annotations: map[string]string{
				annotationDigest:      r.Digest,
				annotationTenant:      r.Tenant,
				annotationVersion:     e.options.Version,
				annotationToolVersion: compiled.Tool.Version,
				annotationRoot:        root.String(),
			},
		},
		Spec: wfv1.WorkflowSpec{
			WorkflowTemplateRef: &wfv1.WorkflowTemplateRef{Name: template},
			Arguments:           wfv1.Arguments{Parameters: arguments},
		},
	}
	if r.Trace != "" {
		wf.Annotations[annotationTrace] = r.Trace
	}
	if word := holdText(r.hold); word != "" {
		wf.Annotations[annotationHold] = word
		wf.Spec.Suspend = &r.hold.Suspended
	}
	return wf, nil
}

// argumentsOf are the arguments of a run's Workflow. What does not fit into
// one is put into the run's folder.
func (e *Engine) argumentsOf(ctx context.Context, r *run, root uris.URI) ([]wfv1.Parameter, error) {
	call, object, err := tasks.CallOf(r.Plan, string(r.ID), root).Argument()
	if err != nil {
		return nil, fmt.Errorf("the arguments of %s: %w", r.ID, err)
	}
	if object != nil {
		if err := e.keepCall(ctx, r, object); err != nil {
			return nil, err
		}
	}
	names := templates.ArgumentsOf(r.Plan.Compiled)
	arguments := []wfv1.Parameter{parameter(templates.TaskParameter, call)}
	for _, port := range slices.Sorted(maps.Keys(names.Count)) {
		arguments = append(arguments, parameter(names.Count[port], strconv.Itoa(len(r.Plan.Inputs[port]))))
	}
	skipped, err := skips(r, names)
	return append(arguments, skipped...), err
}

func parameter(name, value string) wfv1.Parameter {
	return wfv1.Parameter{Name: name, Value: wfv1.AnyStringPtr(value)}
}

// keepCall writes call.json; the one of an earlier try says the same.
func (e *Engine) keepCall(ctx context.Context, r *run, object []byte) error {
	at := r.Folder.Call()
	err := e.options.Blobs.PutIfAbsent(ctx, at, object)
	if errors.Is(err, problem.ErrExists) {
		earlier, err := e.options.Blobs.ReadAll(ctx, at, int64(len(object))+1)
		if err == nil && !bytes.Equal(earlier, object) {
			return fmt.Errorf("%w: %s holds other arguments than those of %s", problem.ErrConflict, at, r.ID)
		}
		return err
	}
	if err != nil {
		return fmt.Errorf("%w: the arguments of %s cannot be kept: %w", problem.ErrUnavailable, r.ID, err)
	}
	return nil
}

// skips are the arguments that keep Argo from running what has committed, and
// say how many items it gave and what of it was filtered.
func skips(r *run, names templates.Arguments) ([]wfv1.Parameter, error) {
	indexes := map[string][]uris.Index{}
	reuse := map[string]map[uris.Index]templates.Reused{}
	left := map[dag.Task]bool{}
	for t, result := range r.past.Committed {
		indexes[t.Node] = append(indexes[t.Node], t.Index)
		left[t] = result.Filtered != nil
		if names.Reuse[t.Node] == "" {
			continue
		}
		if reuse[t.Node] == nil {
			reuse[t.Node] = map[uris.Index]templates.Reused{}
		}
		reused, err := templates.ReuseOf(r.Plan.Compiled.StepOf(t.Node), result)
		if err != nil {
			return nil, err
		}
		reuse[t.Node][t.Index] = reused
	}
	var arguments []wfv1.Parameter
	for _, node := range slices.Sorted(maps.Keys(indexes)) {
		slices.SortFunc(indexes[node], uris.Index.Compare)
		list := make([]string, len(indexes[node]))
		for i, index := range indexes[node] {
			list[i] = templates.Skipped(index, left[dag.Task{Node: node, Index: index}])
		}
		text, err := json.Marshal(list)
		if err != nil {
			return nil, err
		}
		arguments = append(arguments, parameter(names.Skip[node], string(text)))
		if reuse[node] == nil {
			continue
		}
		counts, err := json.Marshal(reuse[node])
		if err != nil {
			return nil, err
		}
		arguments = append(arguments, parameter(names.Reuse[node], string(counts)))
	}
	return arguments, nil
}
