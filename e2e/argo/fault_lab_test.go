//go:build cluster

package argo

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/ligase-bio/ligase/dag"
	"github.com/ligase-bio/ligase/e2e/argo/gateway"
	"github.com/ligase-bio/ligase/e2e/built"
	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/internal/tasks"
	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/uris"
)

// outage is how long what a test stops stays away.
var outage = flag.Duration("outage", 30*time.Second, "how long the controller and the store stay away in tests of faults; the full length is 2m, of which the store takes one")

func TestMain(m *testing.M) {
	gateway.Main() // which this program is, when a test starts it as one
	os.Exit(m.Run())
}

// definitions are the folders that the tests of faults take their tools from:
// the suite's, and those that go wrong.
func definitionFolders(t testing.TB) []string {
	t.Helper()
	var folders []string
	for _, folder := range []string{filepath.Join("..", "..", "internal", "runs", "runstest", "definitions"), "definitions"} {
		folders = append(folders, must(filepath.Abs(folder))(t))
	}
	return folders
}

// newFaultSite is a site with the tools that go wrong.
func newFaultSite(t testing.TB) *site {
	t.Helper()
	var definitions []fs.FS
	for _, folder := range definitionFolders(t) {
		definitions = append(definitions, os.DirFS(folder))
	}
	return newSite(t, definitions...)
}

// component does something to a component of the cluster.
func (s *site) component(t testing.TB, do, name string) {
	t.Helper()
	program := built.Program(t, "e2e/cluster")
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, do, name)
	cmd.Env = append(os.Environ(), s.cluster.Env()...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("cluster %s %s: %v\n%s", do, name, err, out)
	}
}

// stop takes a component away until back is called, or the test ends.
func (s *site) stop(t testing.TB, name string) (back func()) {
	t.Helper()
	if !s.cluster.Ours {
		t.Skipf("the %s of a cluster that `make cluster-up` did not bring up is left alone", name)
	}
	back = sync.OnceFunc(func() { s.component(t, "start", name) })
	t.Cleanup(back)
	s.component(t, "stop", name)
	return back
}

// claims are the pods that took the numbers of a task's attempts, in order.
func (s *site) claims(t testing.TB, r *replica, run runs.Run, task dag.Task) []string {
	t.Helper()
	folder := uris.Layout{Root: r.root}.Run(string(run.ID))
	last := must(tasks.LastAttempt(t.Context(), r.blobs, folder, task))(t)
	var pods []string
	for n := 1; n <= last; n++ {
		pods = append(pods, must(tasks.ReadStarted(t.Context(), r.blobs, folder, task, n))(t).Pod)
	}
	return pods
}

// object reads an object of the store as text.
func (r *replica) object(t testing.TB, u uris.URI) string {
	t.Helper()
	return string(must(r.blobs.ReadAll(t.Context(), u, 16<<20))(t))
}

// output reads what a run gave on a port that gives one.
func (r *replica) output(t testing.TB, sum runs.Summary, port string) string {
	t.Helper()
	list := sum.OutputURIs[port]
	if len(list.URIs) != 1 {
		t.Fatalf("%s gave %+v on %s, want one object", sum.RunID, list, port)
	}
	return r.object(t, list.URIs[0])
}

// is checks a run's end.
func is(t testing.TB, run runs.Run, state runs.State, code steps.FailureCode) {
	t.Helper()
	got := steps.FailureCode("")
	if run.Failure != nil {
		got = run.Failure.Code
	}
	if run.State != state || got != code {
		t.Fatalf("%s is %s with the class %q, want %s with %q: %+v", run.ID, run.State, got, state, code, run.Failure)
	}
}

// deleteWorkflow deletes a run's only Workflow as a careless user does, and
// waits until it is gone.
func (s *site) deleteWorkflow(t testing.TB, id runs.ID) {
	t.Helper()
	names := s.workflows(id)
	if len(names) != 1 {
		t.Fatalf("%s has the Workflows %q, want one", id, names)
	}
	s.kubectl("delete", "workflow", names[0], "--wait=true", "--timeout=50s")
}

// oneWorkflow checks that a run has exactly one Workflow.
func (s *site) oneWorkflow(t testing.TB, id runs.ID) {
	t.Helper()
	if names := s.workflows(id); len(names) != 1 {
		t.Errorf("%s has the Workflows %q, want exactly one", id, names)
	}
}

// podOf waits until a pod of a run is at work, also in Argo's eyes, and returns
// its name. One that is deleted before Argo has seen it run is made anew.
func (s *site) podOf(t testing.TB, id runs.ID, patience time.Duration) string {
	t.Helper()
	var last string
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		names := s.workflows(id)
		if len(names) != 1 {
			last = fmt.Sprintf("it has the Workflows %q", names)
			continue
		}
		wf := must(s.argo.ArgoprojV1alpha1().Workflows(s.namespace).Get(t.Context(), names[0], metav1.GetOptions{}))(t)
		if !slices.ContainsFunc(slices.Collect(maps.Values(wf.Status.Nodes)), func(n wfv1.NodeStatus) bool {
			return n.Type == wfv1.NodeTypePod && n.Phase == wfv1.NodeRunning
		}) {
			last = "Argo has seen no pod of it run"
			continue
		}
		pods := must(s.kube.CoreV1().Pods(s.namespace).List(t.Context(), metav1.ListOptions{
			LabelSelector: "workflows.argoproj.io/workflow=" + names[0], FieldSelector: "status.phase=Running",
		}))(t)
		if len(pods.Items) > 0 {
			return pods.Items[0].Name
		}
		last = "no pod of it runs"
	}
	t.Fatalf("%s is not at work after %s: %s", id, patience, last)
	return ""
}

// history watches a run and complains when it goes backwards: out of an end,
// or from running to pending. The returned function ends that.
func (r *replica) history(t testing.TB, id runs.ID) (end func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var watching sync.WaitGroup
	watching.Go(func() {
		rank := func(s runs.State) int {
			switch {
			case s.Terminal():
				return 2
			case s == runs.Running:
				return 1
			}
			return 0
		}
		var last runs.Run
		for ctx.Err() == nil {
			now, err := r.Get(ctx, tenant, id)
			switch {
			case ctx.Err() != nil:
				return
			case err != nil:
				t.Errorf("the status of %s: %v", id, err)
			case last.ID != "" && (rank(now.State) < rank(last.State) || last.State.Terminal() && now.State != last.State):
				t.Errorf("%s was %s and then %s", id, last.State, now.State)
			case now.Progress.Done < last.Progress.Done:
				t.Errorf("%s had done %d tasks and then %d", id, last.Progress.Done, now.Progress.Done)
			}
			last = now
			time.Sleep(20 * time.Millisecond)
		}
	})
	end = sync.OnceFunc(func() { cancel(); watching.Wait() })
	t.Cleanup(end)
	return end
}

// asJSON is how summaries are compared.
func asJSON(t testing.TB, v any) string {
	t.Helper()
	return string(must(json.MarshalIndent(v, "", "  "))(t))
}
