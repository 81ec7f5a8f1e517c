//go:build cluster

package argo

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/ligase-bio/ligase/dag"
	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/steps/worker"
	"github.com/ligase-bio/ligase/uris"
)

// TestDiskAndVolumes holds resources.disk against what is done of it on a
// cluster: by the worker, which says what was too much and is tried again only
// for that class, and by the kubelet, which looks at what the worker does not
// see. As that takes a minute, volumes are tried meanwhile.
func TestDiskAndVolumes(t *testing.T) {
	t.Parallel()
	s := newFaultSite(t)
	r := s.replica(t, nil, uris.URI{}, nil)
	submit := func(implementation string) runs.Run {
		return r.submit(t, runs.SubmitRequest{Tool: "hoard", Implementations: map[string]string{"hoard": implementation}})
	}
	work, aside, within := submit("work"), submit("aside"), submit("within")
	refused := func(t *testing.T, id runs.ID, attempts int, said, log string) {
		t.Helper()
		run, _ := r.end(t, id, 4*time.Minute)
		is(t, run, runs.Failed, steps.FailDisk)
		f := run.Failure
		if f.ExitCode != nil || f.Retryable || f.Attempt != attempts || !strings.Contains(f.Message, said) || !strings.Contains(f.LogTail, log) || !strings.Contains(f.Hint, "resources.disk") {
			t.Errorf("%+v, want it to be of attempt %d and to say %q", f, attempts, said)
		}
		if claims := s.claims(t, r, run, dag.Task{Node: "hoard"}); len(claims) != attempts {
			t.Errorf("its attempts are of %q, want %d", claims, attempts)
		}
	}
	t.Run("volume", s.volume)
	t.Run("the worker", func(t *testing.T) {
		refused(t, work.ID, 2, "more than the 16 MiB of disk that its implementation asks for, and was ended.", "")
		pods := must(s.kube.CoreV1().Pods(s.namespace).List(t.Context(), metav1.ListOptions{LabelSelector: "workflows.argoproj.io/workflow=" + s.workflows(work.ID)[0]}))(t)
		for _, pod := range pods.Items {
			for _, c := range pod.Status.ContainerStatuses {
				if end := c.State.Terminated; c.Name == "main" && (end == nil || int(end.ExitCode) != worker.ExitCode(steps.FailDisk)) {
					t.Errorf("%s ended with %+v, want the exit code %d", pod.Name, end, worker.ExitCode(steps.FailDisk))
				}
			}
		}
		if len(pods.Items) != 2 {
			t.Errorf("%d pods", len(pods.Items))
		}
	})
	t.Run("the kubelet", func(t *testing.T) {
		refused(t, aside.ID, 1, "wrote more than its pod may and was ended. Kubernetes says: ", "begun")
	})
	t.Run("neither", func(t *testing.T) {
		run, _ := r.end(t, within.ID, 4*time.Minute)
		is(t, run, runs.Succeeded, "")
	})
}
