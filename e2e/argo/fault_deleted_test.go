//go:build cluster

package argo

import (
	"fmt"
	"strings"
	"testing"
	"time"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/uris"
)

// TestWorkflowDeletedWhileItRuns: the run ends, says so, and goes on from what
// it had when it is retried.
func TestWorkflowDeletedWhileItRuns(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	r := s.replica(t, nil, uris.URI{}, nil)
	run := r.submit(t, runs.SubmitRequest{Tool: "restful", Params: map[string]any{"seconds": 5}})
	r.until(t, run.ID, 2*time.Minute, "running", func(run runs.Run) bool { return run.State == runs.Running })
	s.deleteWorkflow(t, run.ID)
	ended, _ := r.end(t, run.ID, time.Minute)
	is(t, ended, runs.Failed, steps.FailUnknown)
	if !strings.Contains(ended.Failure.Message, "was deleted while it ran") || !ended.Failure.Retryable {
		t.Errorf("%+v, want it to say that the Workflow was deleted, and that a retry can help", ended.Failure)
	}
	must(r.Retry(t.Context(), tenant, run.ID))(t)
	again, sum := r.end(t, run.ID, 3*time.Minute)
	is(t, again, runs.Succeeded, "")
	if got := r.output(t, sum, "out"); got != "SLEPT\n" {
		t.Errorf("after the retry it gave %q", got)
	}
}

// TestWorkflowDeletedAfterSuccess: the result stays, for who saw it and for
// who did not, and nothing runs again.
func TestWorkflowDeletedAfterSuccess(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	r := s.replica(t, nil, uris.URI{}, nil)
	call := runs.SubmitRequest{Tenant: tenant, RequestID: "kept", Tool: "chain"}
	run := r.submit(t, call)
	ended, sum := r.end(t, run.ID, 3*time.Minute)
	is(t, ended, runs.Succeeded, "")
	s.deleteWorkflow(t, run.ID)
	s.sameResult(t, r, call, sum)
	s.sameResult(t, s.replica(t, r.blobs, r.root, nil), call, sum)
}

// TestWorkflowExpires: a TTL takes the Workflow away as soon as it has ended,
// while a gateway watches, and while none is there.
func TestWorkflowExpires(t *testing.T) {
	t.Parallel()
	s := newFaultSite(t)
	for _, name := range []string{"steady-fragile", "picky-shell"} {
		client := s.argo.ArgoprojV1alpha1().WorkflowTemplates(s.namespace)
		template := must(client.Get(t.Context(), name, metav1.GetOptions{}))(t)
		at := int32(0)
		template.Spec.TTLStrategy = &wfv1.TTLStrategy{SecondsAfterCompletion: &at}
		must(client.Update(t.Context(), template, metav1.UpdateOptions{}))(t)
	}
	call := runs.SubmitRequest{Tenant: tenant, Tool: "steady", Implementations: map[string]string{"steady": "fragile"}, Params: map[string]any{"seconds": 3}}

	t.Run("watched", func(t *testing.T) {
		t.Parallel()
		call := call
		call.RequestID = "watched"
		r := s.replica(t, nil, uris.URI{}, nil)
		run := r.submit(t, call)
		ended, sum := r.end(t, run.ID, 3*time.Minute)
		is(t, ended, runs.Succeeded, "")
		s.gone(t, run.ID)
		s.sameResult(t, r, call, sum)
		s.sameResult(t, s.replica(t, r.blobs, r.root, nil), call, sum)
	})
	t.Run("nobody watched", func(t *testing.T) {
		t.Parallel()
		call := call
		call.RequestID = "unwatched"
		r := s.replica(t, nil, uris.URI{}, nil)
		run := r.submit(t, call)
		r.stop()
		s.gone(t, run.ID)
		later := s.replica(t, r.blobs, r.root, nil)
		found := later.submit(t, call)
		ended, sum := later.end(t, found.ID, time.Minute)
		is(t, ended, runs.Succeeded, "")
		if found.ID != run.ID || later.output(t, sum, "out") == "" {
			t.Errorf("the call made again is %s, and was %s", found.ID, run.ID)
		}
		s.sameResult(t, later, call, sum)
	})
	t.Run("nobody saw it fail", func(t *testing.T) {
		t.Parallel()
		r := s.replica(t, nil, uris.URI{}, nil)
		call := runs.SubmitRequest{Tenant: tenant, RequestID: "failed", Tool: "picky", Params: map[string]any{"word": "no"},
			Inputs: map[string][]runs.InputValue{"in": {{URI: r.put(t, "no.txt", "no\n")}}}}
		run := r.submit(t, call)
		r.stop()
		s.gone(t, run.ID)
		later := s.replica(t, r.blobs, r.root, nil)
		later.submit(t, call)
		ended, _ := later.end(t, run.ID, time.Minute)
		if ended.State != runs.Failed || ended.Failure == nil || ended.Failure.Hint == "" {
			t.Errorf("it ended as %s, %+v; want failed, and what to do", ended.State, ended.Failure)
		}
		// The worker's own record of the failure is in the store.
		if f := ended.Failure; f != nil && (f.Code != steps.FailExit || f.ExitCode == nil || *f.ExitCode != 7 || !strings.Contains(f.LogTail, "giving up")) {
			t.Errorf("it says %+v, want the step's exit code and log", f)
		}
		if names := s.workflows(run.ID); len(names) > 0 {
			t.Errorf("it was run again, as %q", names)
		}
	})
}

// gone waits until a run's Workflow has come and gone. Argo's controller can
// miss that one with a TTL has ended, as it writes into its own cache before it
// is told (INFORMER_WRITE_BACK), and then looks again after 20 minutes only: a
// change of the Workflow has it look at once.
func (s *site) gone(t testing.TB, id runs.ID) {
	t.Helper()
	client := s.argo.ArgoprojV1alpha1().Workflows(s.namespace)
	for i, end := 0, time.Now().Add(3*time.Minute); ; i++ {
		names := s.workflows(id)
		if len(names) == 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("the Workflow of %s has not expired", id)
		}
		if wf, err := client.Get(t.Context(), names[0], metav1.GetOptions{}); err == nil && wf.Status.Phase.Completed() && time.Since(wf.Status.FinishedAt.Time) > 4*time.Second {
			nudge := fmt.Appendf(nil, `{"metadata":{"annotations":{"nudge":"%d"}}}`, i)
			if _, err := client.Patch(t.Context(), names[0], types.MergePatchType, nudge, metav1.PatchOptions{}); err != nil && !apierrors.IsNotFound(err) {
				t.Fatal(err)
			}
		}
		time.Sleep(500 * time.Millisecond)
	}
}

// sameResult checks that a call that has been made, and whose Workflow is
// gone, still has its result and starts nothing.
func (s *site) sameResult(t testing.TB, r *replica, call runs.SubmitRequest, want runs.Summary) {
	t.Helper()
	run := r.submit(t, call)
	ended, sum := r.end(t, run.ID, time.Minute)
	is(t, ended, runs.Succeeded, "")
	if got, want := asJSON(t, sum), asJSON(t, want); got != want {
		t.Errorf("the summary is\n%s\nand was\n%s", got, want)
	}
	for port := range want.OutputURIs {
		if r.output(t, sum, port) == "" {
			t.Errorf("nothing is left of %s", port)
		}
	}
	time.Sleep(3 * time.Second) // in which a second one would come
	if names := s.workflows(run.ID); len(names) > 0 {
		t.Errorf("it was run again, as %q", names)
	}
}

// put keeps a text outside of any run.
func (r *replica) put(t testing.TB, name, text string) uris.URI {
	t.Helper()
	u := r.root.Join("files", name)
	must(r.blobs.Put(t.Context(), u, strings.NewReader(text)))(t)
	return u
}
