package argo

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/argoproj/argo-workflows/v3/pkg/apis/workflow"
	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/ligase-bio/ligase/internal/follow"
)

// unfinished selects the Workflows of runs that Argo has not done with: what
// is watched does not grow with what has ever run. One that ends leaves the
// selection, which the watch tells as if it were deleted; one look says which.
const (
	// Argo's label of Workflows that are over: common.LabelKeyCompleted, whose
	// package would bring Argo's expression languages along.
	completed  = workflow.WorkflowFullName + "/completed"
	unfinished = ownedByLigase + "," + completed + "!=true"
)

// pageSize is how many Workflows one call lists: each may have a megabyte.
const pageSize = 100

// errExpired says that the API server no longer knows the version that was
// watched from.
var errExpired = errors.New("the watched version has expired")

// lasting is how long a watch lasts that is not a failure. Whatever ends
// sooner is taken up again at once, but not for ever so.
const lasting = 2 * time.Second

// watch follows the Workflows until ctx ends: lists them, watches from there,
// and lists again when the API server has forgotten the place. client-go's
// reflector does so too, but holds whole lists in memory, and after a time
// without API server waits for up to a minute.
func (e *Engine) watch(ctx context.Context) {
	pause := follow.Backoff{Base: 200 * time.Millisecond, Max: 5 * time.Second}
	version, failures := "", 0
	for ctx.Err() == nil {
		var err error
		if version == "" {
			version, err = e.list(ctx)
		}
		began := time.Now()
		if err == nil {
			version, err = e.watchFrom(ctx, version)
		}
		if time.Since(began) > lasting {
			failures = 0
		}
		switch {
		case ctx.Err() != nil:
			return
		case err == nil && failures == 0: // the API server ends every watch after a while
			failures++
			continue
		case err == nil:
		case errors.Is(err, errExpired):
			version = ""
			if failures == 0 {
				failures++
				continue
			}
		default:
			e.contact.notHeard()
			if failures == 0 {
				e.log.Warn("the cluster's Workflows cannot be watched; trying again", "error", err)
			}
		}
		failures++
		if follow.Sleep(ctx, pause.Wait(failures)) != nil {
			return
		}
	}
}

// list looks at every unfinished Workflow and returns the version to watch
// from.
func (e *Engine) list(ctx context.Context) (version string, err error) {
	began := e.options.Now()
	there := map[string]bool{}
	options := metav1.ListOptions{LabelSelector: unfinished, Limit: pageSize}
	for {
		call, cancel := context.WithTimeout(ctx, e.options.CallTimeout)
		page, err := e.workflows().List(call, options)
		cancel()
		if apierrors.IsResourceExpired(err) || apierrors.IsGone(err) {
			return "", errExpired // between two pages
		}
		if err != nil {
			return "", fmt.Errorf("listing Workflows: %w", err)
		}
		e.contact.heard()
		for i := range page.Items {
			there[page.Items[i].Name] = true
			e.sight(&page.Items[i])
		}
		if page.Continue == "" {
			e.missed(there, began)
			return page.ResourceVersion, nil
		}
		options.Continue = page.Continue
	}
}

// watchFrom follows changes after a version until the watch ends, and returns
// the version that it came to.
func (e *Engine) watchFrom(ctx context.Context, version string) (string, error) {
	limit := int64(240 + rand.IntN(120)) // seconds
	w, err := e.workflows().Watch(ctx, metav1.ListOptions{
		LabelSelector: unfinished, ResourceVersion: version, AllowWatchBookmarks: true, TimeoutSeconds: &limit,
	})
	if apierrors.IsResourceExpired(err) || apierrors.IsGone(err) {
		return version, errExpired
	}
	if err != nil {
		return version, fmt.Errorf("watching Workflows: %w", err)
	}
	defer w.Stop()
	e.contact.heard()
	for {
		var event watch.Event
		var more bool
		select {
		case <-ctx.Done():
			return version, nil
		case event, more = <-w.ResultChan():
		}
		if !more {
			return version, nil
		}
		if event.Type == watch.Error {
			err := apierrors.FromObject(event.Object)
			var status apierrors.APIStatus
			if apierrors.IsResourceExpired(err) || apierrors.IsGone(err) ||
				errors.As(err, &status) && status.Status().Code == http.StatusGone {
				return version, errExpired
			}
			return version, fmt.Errorf("watching Workflows: %w", err)
		}
		e.contact.heard()
		wf, ok := event.Object.(*wfv1.Workflow)
		if !ok {
			continue
		}
		version = wf.ResourceVersion
		switch event.Type {
		case watch.Added, watch.Modified:
			e.sight(wf)
		case watch.Deleted:
			e.left(wf.Name, wf.UID)
		}
	}
}

// sight takes in a Workflow as it is now.
func (e *Engine) sight(wf *wfv1.Workflow) {
	e.mu.Lock()
	followed := e.byName[wf.Name] != nil
	e.mu.Unlock()
	if !followed {
		return
	}
	s, err := seen(wf)
	if err != nil {
		e.log.Error("a Workflow cannot be followed", "workflow", wf.Name, "error", err)
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if r := e.byName[s.name]; r != nil {
		e.take(r, s)
	}
}

// left notes that a Workflow has ended or was deleted.
func (e *Engine) left(name string, uid types.UID) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if r := e.byName[name]; r != nil && (!r.established || r.uid == "" || r.uid == uid) {
		r.left = true
		r.departures++
		e.refresh(r)
	}
}

// missed notes which runs a list did not have that should have been on it.
func (e *Engine) missed(there map[string]bool, began time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for name, r := range e.byName {
		if !there[name] && (!r.established || !r.heard.After(began)) {
			r.left = true
			e.refresh(r)
		}
	}
}

// take has a run go by what was seen of its Workflow.
func (e *Engine) take(r *run, s *sighting) {
	switch {
	case r.over:
	case !r.established: // it is being submitted: nobody but that call touches it
		r.early = s
	case r.gone != "":
	case r.uid == "": // all had committed before there was a Workflow
		r.left = true
	case s.uid != r.uid:
		r.gone = fmt.Sprintf("The Workflow %s was deleted while it ran, and another has taken its name.", r.name)
		e.look(r)
	case r.seen != nil && r.seen.done && !s.done:
		// An old sighting: nothing that has ended begins again.
	default:
		r.seen, r.heard, r.left = s, e.options.Now(), false
		// Whoever terminates a Workflow cancels its run: another gateway that
		// was asked to, or somebody by hand. A run that failed is stopped.
		r.cancelled = r.cancelled || s.shutdown == string(wfv1.ShutdownStrategyTerminate)
		r.heed(s)
		e.look(r)
	}
}

// settle opens a run that has been established to what the watch says, and
// takes in what it said meanwhile.
func (e *Engine) settle(r *run) {
	r.established, r.heard = true, e.options.Now()
	switch s := r.early; {
	case s == nil, r.left: // it has left the watch since: the Workflow itself is looked at
	case s.uid == r.uid:
		e.take(r, s)
	default: // of that name there was or is another one
		r.left = true
	}
	r.early = nil
	e.look(r)
}

// refresh looks at one Workflow itself.
func (e *Engine) refresh(r *run) {
	if e.drive == nil || r.refreshing || r.over || !r.established || r.gone != "" {
		return
	}
	r.refreshing = true
	departures := r.departures
	e.background(func(ctx context.Context) {
		s, err := e.get(ctx, r.name)
		e.mu.Lock()
		defer e.mu.Unlock()
		r.refreshing = false
		r.asked = e.options.Now()
		switch {
		case r.over || ctx.Err() != nil:
		case err != nil:
			e.log.Debug("a Workflow could not be looked at; trying again", "workflow", r.name, "error", err)
		case s == nil:
			r.left = false
			if r.gone == "" {
				r.gone = fmt.Sprintf("The Workflow %s was deleted while it ran.", r.name)
			}
			e.look(r)
		default:
			e.take(r, s)
			if r.departures != departures && !s.done {
				r.left = true // it left while this look was under way
			}
		}
	})
}

// get looks at a Workflow; nil when there is none of that name.
func (e *Engine) get(ctx context.Context, name string) (*sighting, error) {
	ctx, cancel := context.WithTimeout(ctx, e.options.CallTimeout)
	defer cancel()
	wf, err := e.workflows().Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, unavailable("looking for the Workflow "+name, err)
	}
	return seen(wf)
}

// background runs work that ends with Run. Engine.mu is held.
func (e *Engine) background(work func(ctx context.Context)) {
	d := e.drive
	d.working.Go(func() { work(d.ctx) })
}
