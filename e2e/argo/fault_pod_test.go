//go:build cluster

package argo

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/ligase-bio/ligase/dag"
	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/uris"
)

// TestPodRunTwice runs a second pod of a task beside the first, as a cluster
// does that has lost sight of a machine. The second has to start while the first
// is at work, so no other test runs beside this one.
func TestPodRunTwice(t *testing.T) {
	s := newFaultSite(t)
	r := s.replica(t, nil, uris.URI{}, nil)
	run := r.submit(t, runs.SubmitRequest{Tool: "steady", Implementations: map[string]string{"steady": "fragile"}, Params: map[string]any{"seconds": 25}})
	first := s.podOf(t, run.ID, 2*time.Minute)
	task := dag.Task{Node: "steady"}
	for end := time.Now().Add(time.Minute); len(s.claims(t, r, run, task)) == 0; time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the first pod has claimed no attempt")
		}
	}

	pods := s.kube.CoreV1().Pods(s.namespace)
	twin := must(pods.Get(t.Context(), first, metav1.GetOptions{}))(t)
	twin.ObjectMeta = metav1.ObjectMeta{Name: first + "-again", Namespace: s.namespace}
	twin.Spec.NodeName = ""
	must(pods.Create(t.Context(), twin, metav1.CreateOptions{}))(t)

	ended, sum := r.end(t, run.ID, 3*time.Minute)
	is(t, ended, runs.Succeeded, "")
	folder := uris.Layout{Root: r.root}.Run(string(run.ID))
	record, output := r.object(t, folder.Result("steady", "")), r.output(t, sum, "out")
	if strings.TrimSpace(output) != first {
		t.Errorf("the run gave what %q made, want %s, which ended first", output, first)
	}

	var phase corev1.PodPhase
	for end := time.Now().Add(2 * time.Minute); phase != corev1.PodSucceeded && phase != corev1.PodFailed; time.Sleep(200 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("the second pod is %s", phase)
		}
		phase = must(pods.Get(t.Context(), twin.Name, metav1.GetOptions{}))(t).Status.Phase
	}
	if phase != corev1.PodSucceeded {
		t.Errorf("the late pod ended as %s: it did not take the record that was there for its own", phase)
	}
	if now := r.object(t, folder.Result("steady", "")); now != record {
		t.Errorf("the commit record was\n%s\nand is now\n%s", record, now)
	}
	if now := r.output(t, sum, "out"); now != output {
		t.Errorf("the output was %q and is now %q", output, now)
	}
	if got, want := s.claims(t, r, run, task), []string{first, twin.Name}; !slices.Equal(got, want) {
		t.Errorf("the attempts are of %q, want %q", got, want)
	}
	again, sumAgain := r.end(t, run.ID, time.Minute)
	is(t, again, runs.Succeeded, "")
	if asJSON(t, sum) != asJSON(t, sumAgain) {
		t.Errorf("the summary was\n%s\nand is now\n%s", asJSON(t, sum), asJSON(t, sumAgain))
	}
	s.oneWorkflow(t, run.ID)
}

// TestPodDeleted deletes the pod of a step that runs: at once, as when a machine
// is lost, and with time to end, as when a machine is drained.
func TestPodDeleted(t *testing.T) {
	t.Parallel()
	s := newFaultSite(t)
	r := s.replica(t, nil, uris.URI{}, nil)
	begin := func(t *testing.T, implementation string) (runs.Run, string) {
		t.Parallel()
		run := r.submit(t, runs.SubmitRequest{Tool: "steady", Implementations: map[string]string{"steady": implementation}, Params: map[string]any{"seconds": 10}})
		pod := s.podOf(t, run.ID, 2*time.Minute)
		// On a busy machine a pod can run for long before there is an attempt in it.
		for end := time.Now().Add(time.Minute); len(s.claims(t, r, run, dag.Task{Node: "steady"})) == 0; time.Sleep(100 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("the pod %s runs, and there is no attempt in it", pod)
			}
		}
		return run, pod
	}
	history := func(t *testing.T, run runs.Run) (told []string) {
		for _, e := range must(r.Events(t.Context(), tenant, run.ID, 0, 0))(t) {
			if e.Attempt > 0 || e.Kind == "finished" {
				told = append(told, fmt.Sprintf("%s %d", e.Kind, e.Attempt))
			}
		}
		return told
	}
	// Of a pod that is gone before Argo's supervisor in it has reported, Argo
	// makes another under its name, however often the step may be tried; of one
	// that came to report, the attempt has failed. Which of them a deletion gives
	// is a matter of moments.
	for name, how := range map[string][]string{
		"lost":    {"--grace-period=0", "--force"},
		"drained": nil,
	} {
		t.Run(name+", tried again", func(t *testing.T) {
			run, pod := begin(t, "patient")
			s.kubectl(append([]string{"delete", "pod", pod}, how...)...)
			ended, sum := r.end(t, run.ID, 3*time.Minute)
			is(t, ended, runs.Succeeded, "")
			claims := s.claims(t, r, run, dag.Task{Node: "steady"})
			if len(claims) != 2 || claims[0] != pod || strings.TrimSpace(r.output(t, sum, "out")) != claims[1] {
				t.Errorf("the attempts are of %q, and the output is of %q; want two, the first of %s and the second the output's", claims, r.output(t, sum, "out"), pod)
			}
			got := slices.DeleteFunc(history(t, run), func(told string) bool { return told == "attempt_failed 1" })
			if want := []string{"attempt_started 1", "retrying 1", "attempt_started 2", "finished 0"}; !slices.Equal(got, want) {
				t.Errorf("its history is %q, want %q", got, want)
			}
			s.oneWorkflow(t, run.ID)
		})
		t.Run(name+", not tried again", func(t *testing.T) {
			run, pod := begin(t, "fragile")
			s.kubectl(append([]string{"delete", "pod", pod}, how...)...)
			ended, _ := r.end(t, run.ID, 3*time.Minute)
			if ended.State == runs.Failed {
				is(t, ended, runs.Failed, steps.FailPreempted)
				if !ended.Failure.Retryable || ended.Failure.Node != "steady" {
					t.Errorf("%+v, want a failure of steady that says to retry", ended.Failure)
				}
				must(r.Retry(t.Context(), tenant, run.ID))(t)
				ended, _ = r.end(t, run.ID, 3*time.Minute)
			}
			is(t, ended, runs.Succeeded, "")
			if claims := s.claims(t, r, run, dag.Task{Node: "steady"}); len(claims) != 2 || claims[0] != pod {
				t.Errorf("the attempts are of %q, want two, the first of %s", claims, pod)
			}
		})
	}
}
