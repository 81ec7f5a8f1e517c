//go:build cluster

package argo

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/ligase-bio/ligase/dag"
	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/internal/tasks"
	"github.com/ligase-bio/ligase/uris"
)

// relay is a run that is at work for longer than it takes to stop something.
func relay(request string) runs.SubmitRequest {
	return runs.SubmitRequest{Tool: "relay", RequestID: request, Params: map[string]any{"seconds": 8}}
}

// succeeded waits for the end of runs and checks that each came to its end as
// if nothing had happened, once.
func succeeded(t *testing.T, s *site, r *replica, ids ...runs.ID) {
	t.Helper()
	for _, id := range ids {
		run, sum := r.end(t, id, 5*time.Minute)
		is(t, run, runs.Succeeded, "")
		if sum.Waiting != "" || !sum.StaleSince.IsZero() {
			t.Errorf("%s has ended, and says that it waits (%q), stale since %s", id, sum.Waiting, sum.StaleSince)
		}
		for port := range sum.OutputURIs {
			if r.output(t, sum, port) == "" {
				t.Errorf("%s gave nothing on %s", id, port)
			}
		}
		finished := 0
		for _, e := range must(r.Events(t.Context(), tenant, id, 0, 0))(t) {
			if e.Kind == "finished" {
				finished++
			}
		}
		if finished != 1 {
			t.Errorf("the end of %s was told %d times", id, finished)
		}
		s.oneWorkflow(t, id)
	}
}

// TestControllerAway stops Argo's controller while a run is at work, and
// submits another one meanwhile.
func TestControllerAway(t *testing.T) {
	s := newFaultSite(t)
	r := s.replica(t, nil, uris.URI{}, nil)
	first := r.submit(t, relay("at work")).ID
	defer r.history(t, first)()
	s.podOf(t, first, 2*time.Minute)

	back := s.stop(t, "controller")
	away := time.Now()
	second := r.submit(t, relay("meanwhile")).ID
	defer r.history(t, second)()
	r.until(t, second, time.Minute, "waiting for the controller", func(run runs.Run) bool {
		return strings.Contains(run.Waiting, "Argo's workflow controller has not taken it up")
	})
	time.Sleep(max(0, *outage-time.Since(away)))
	if sum := must(r.Summary(t.Context(), tenant, first))(t); sum.Status != runs.Running {
		t.Errorf("%s, whose controller is away, is %s", first, sum.Status)
	}
	back()
	succeeded(t, s, r, first, second)
}

// TestAPIServerAway takes the API server away while a run is at work, and
// submits another one meanwhile.
func TestAPIServerAway(t *testing.T) {
	s := newFaultSite(t)
	r := s.replica(t, nil, uris.URI{}, nil)
	first := r.submit(t, relay("at work")).ID
	defer r.history(t, first)()
	s.podOf(t, first, 2*time.Minute)

	back := s.stop(t, "apiserver")
	away := time.Now()
	second := r.submit(t, relay("meanwhile")).ID
	defer r.history(t, second)()
	r.until(t, second, time.Minute, "waiting for the cluster", func(run runs.Run) bool {
		return strings.Contains(run.Waiting, "waiting: the argo engine does not take runs now")
	})
	var stale runs.Summary
	for end := time.Now().Add(time.Minute); stale.StaleSince.IsZero(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("what is known of a run is not marked as stale")
		}
		stale = must(r.Summary(t.Context(), tenant, first))(t)
	}
	if stale.Status != runs.Running || stale.StaleSince.Before(away.Add(-time.Minute)) || stale.StaleSince.After(time.Now()) {
		t.Errorf("%s is %s, stale since %s; want running, and since about %s", first, stale.Status, stale.StaleSince, away)
	}
	// No longer than it takes to be noticed: Argo's own informers wait for
	// longer and longer while there is no API server.
	back()
	defer s.settle(t)
	for end := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		sum := must(r.Summary(t.Context(), tenant, first))(t)
		if sum.StaleSince.IsZero() {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("a minute after the API server came back, %s is still stale since %s", first, sum.StaleSince)
		}
	}
	succeeded(t, s, r, first, second)
}

// settle waits until Argo's controller sees what is new again. Its informers
// wait for longer and longer while there is no API server, and until they have
// caught up it ends Workflows of templates that it has not seen.
func (s *site) settle(t *testing.T) {
	client := s.argo.ArgoprojV1alpha1()
	for i, end := 0, time.Now().Add(3*time.Minute); ; i++ {
		name := fmt.Sprintf("settled-%d", i)
		must(client.WorkflowTemplates(s.namespace).Create(t.Context(), &wfv1.WorkflowTemplate{
			ObjectMeta: metav1.ObjectMeta{Name: name},
			Spec: wfv1.WorkflowSpec{Entrypoint: "nothing", Templates: []wfv1.Template{{
				Name: "nothing", Suspend: &wfv1.SuspendTemplate{Duration: "0"},
			}}},
		}, metav1.CreateOptions{}))(t)
		must(client.Workflows(s.namespace).Create(t.Context(), &wfv1.Workflow{
			ObjectMeta: metav1.ObjectMeta{Name: name},
			Spec:       wfv1.WorkflowSpec{WorkflowTemplateRef: &wfv1.WorkflowTemplateRef{Name: name}},
		}, metav1.CreateOptions{}))(t)
		for range 10 {
			time.Sleep(500 * time.Millisecond)
			if must(client.Workflows(s.namespace).Get(t.Context(), name, metav1.GetOptions{}))(t).Status.Phase == wfv1.WorkflowSucceeded {
				return
			}
		}
		if time.Now().After(end) {
			t.Error("the controller has not come to itself since the API server was away")
			return
		}
	}
}

// TestStoreAway takes the store away when a task has committed and nobody has
// been told of it yet: its result cannot be read, the next task's inputs cannot
// be staged, and a task that runs cannot commit.
func TestStoreAway(t *testing.T) {
	s := newFaultSite(t)
	r := s.replica(t, nil, uris.URI{}, nil)
	id := r.submit(t, relay("at work")).ID
	defer r.history(t, id)()
	folder := uris.Layout{Root: r.root}.Run(string(id))
	for end := time.Now().Add(3 * time.Minute); ; time.Sleep(20 * time.Millisecond) {
		if must(tasks.ReadResult(t.Context(), r.blobs, folder, dag.Task{Node: "first"}))(t) != nil {
			break
		}
		if time.Now().After(end) {
			t.Fatal("the first task has not committed")
		}
	}
	back := s.stop(t, "s3")
	away := time.Now()
	r.until(t, id, time.Minute, "waiting for the store", func(run runs.Run) bool {
		return strings.Contains(run.Waiting, "waiting for the store")
	})
	if _, err := r.Submit(t.Context(), runs.SubmitRequest{Tenant: tenant, Tool: "tell", RequestID: "refused"}); err == nil {
		t.Error("a submit was acknowledged whose claim cannot have been written")
	} else if errors.Is(err, problem.ErrConflict) || problem.Of(err) != nil {
		t.Errorf("a submit without a store was refused as the caller's mistake: %v", err)
	}
	// Pods wait for a store for a minute and a half.
	time.Sleep(max(0, min(*outage, time.Minute)-time.Since(away)))
	back()
	succeeded(t, s, r, id)
	refused := must(r.Submit(t.Context(), runs.SubmitRequest{Tenant: tenant, Tool: "tell", RequestID: "refused"}))(t).Run.ID
	succeeded(t, s, r, refused)

	told := []string{}
	for _, e := range must(r.Events(t.Context(), tenant, id, 0, 0))(t) {
		if e.Kind == "attempt_failed" {
			told = append(told, e.Message)
		}
	}
	if slices.ContainsFunc(told, func(m string) bool { return !strings.Contains(m, "storage") }) {
		t.Errorf("attempts failed for other reasons than the store: %q", told)
	}
}
