package argo

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/internal/tasks"
	"github.com/ligase-bio/ligase/steps"
)

func (l *lab) readLog(q runs.LogQuery) (string, error) {
	r, err := l.engine.Logs(l.Context(), q)
	if err != nil {
		return "", err
	}
	defer r.Close()
	text, err := io.ReadAll(r)
	return string(text), err
}

func TestLogsComeFromWhereTheyAre(t *testing.T) {
	l := newLab(t, nil)
	j := l.job("say", nil)
	q := runs.LogQuery{Folder: j.Folder, Node: "say"}
	expect := func(what, want string) {
		t.Helper()
		if _, err := l.readLog(q); !errors.Is(err, problem.ErrNotFound) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", what, err, want)
		}
	}
	expect("before it starts", "has not started")
	l.put(j.Folder.Started("say", "", 1), tasks.Started{}) // by hand, so that no pod is known
	expect("its pod is gone", "no longer available")
	q.Attempt = 2
	expect("an attempt that never was", "no attempt 2; the latest is 1")
	q.Attempt = 0

	l.begin(j, say, 1, 0)
	_ = l.kube.Tracker().Add(&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: podOfTask(j.Workflow, say, 0), Namespace: namespace}})
	if text, err := l.readLog(q); err != nil || text != "fake logs" { // client-go's fake says so
		t.Errorf("of the pod: %q, %v", text, err)
	}
	if _, err := l.blobs.Put(t.Context(), j.Folder.Log("say", "", 1), strings.NewReader("kept\n")); err != nil {
		t.Fatal(err)
	}
	if text, err := l.readLog(q); err != nil || text != "kept\n" {
		t.Errorf("of the store: %q, %v", text, err)
	}
}

func TestAnAttemptThatPrintedNothingHasAnEmptyLog(t *testing.T) {
	l := newLab(t, nil)
	j := l.job("say", nil)
	l.begin(j, say, 1, 0)
	l.fails(j, say, 1, steps.Failure{Code: steps.FailExit, Message: "It ended with exit code 1."})
	if text, err := l.readLog(runs.LogQuery{Folder: j.Folder, Node: "say"}); err != nil || text != "" {
		t.Errorf("%q, %v", text, err)
	}
}

func TestAPodsLogIsTheStepsWordsOnly(t *testing.T) {
	l := &podLog{start: true}
	var got strings.Builder
	for _, piece := range []string{
		"ligase-worker: staging\n", "folding\n", "a long line ", "that mentions ligase-worker: in the midst\n", "ligase-worker: cut ", "in two\n",
		"Error: exit status 3\n", "goes on\n", `time="2026-11-27T03:00:00.000Z" level=info msg="sub-process exited" argo=true error="<nil>"` + "\n", "done\n", "Error: exit status 28\n",
	} {
		l.left = nil
		l.take([]byte(piece))
		got.Write(l.left)
	}
	if want := "folding\na long line that mentions ligase-worker: in the midst\nError: exit status 3\ngoes on\ndone\n"; got.String() != want {
		t.Errorf("%q", got.String())
	}
}

func TestEventsAreThoseOfTheRunsPodsAndWorkflows(t *testing.T) {
	l := newLab(t, nil)
	j := l.submit(l.job("say", nil))
	l.control(j.Workflow, func(wf *wfv1.Workflow) { pod(wf, say, 0, wfv1.NodePending, "", -1) })
	l.until("the pod", func() bool { return len(l.engine.placesOf(j.ID)) > 0 })
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	add := func(i int, kind, name, reason string, count int32, first, last time.Time) {
		_ = l.kube.Tracker().Add(&corev1.Event{
			ObjectMeta:     metav1.ObjectMeta{Name: fmt.Sprintf("event-%d", i), Namespace: namespace},
			InvolvedObject: corev1.ObjectReference{Kind: kind, Name: name}, Reason: reason, Message: reason + " it is.\n", Count: count,
			FirstTimestamp: metav1.NewTime(first), LastTimestamp: metav1.NewTime(last),
		})
	}
	mine := podOfTask(j.Workflow, say, 0)
	add(1, "Pod", mine, "FailedScheduling", 7, at, at.Add(time.Minute))
	add(2, "Workflow", j.Workflow, "WorkflowRunning", 1, at.Add(-time.Second), at.Add(-time.Second))
	add(3, "Workflow", j.Workflow+"-g2", "WorkflowRunning", 1, at.Add(time.Hour), at.Add(time.Hour))
	add(4, "Pod", "other-main-1", "Killing", 1, at, at)
	add(5, "Pod", j.Workflow+"x-main-1", "Killing", 1, at, at)
	run := runs.Run{ID: j.ID, Workflow: j.Workflow, Generation: 2}
	got, err := l.engine.Events(t.Context(), run, 0)
	if err != nil {
		t.Fatal(err)
	}
	want := []runs.Event{
		{Time: at.Add(-time.Second), Kind: "WorkflowRunning", Message: "WorkflowRunning it is.", Source: "kubernetes", Object: "workflow/" + j.Workflow},
		{Time: at.Add(time.Minute), Node: "say", Kind: "FailedScheduling", Message: "FailedScheduling it is.", Source: "kubernetes", Object: "pod/" + mine, Count: 7, First: at},
		{Time: at.Add(time.Hour), Kind: "WorkflowRunning", Message: "WorkflowRunning it is.", Source: "kubernetes", Object: "workflow/" + j.Workflow + "-g2"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got, err := l.engine.Events(t.Context(), run, 1); err != nil || len(got) != 1 || got[0].Object != "workflow/"+j.Workflow+"-g2" {
		t.Errorf("the latest one: %+v, %v", got, err)
	}
}

func TestDiscoverFindsRunsAndNothingElse(t *testing.T) {
	l := newLab(t, nil)
	j := l.submit(l.job("say", nil))
	_ = l.argo.Tracker().Add(&wfv1.Workflow{ObjectMeta: metav1.ObjectMeta{Name: "by-hand", Namespace: namespace, Labels: map[string]string{labelManagedBy: managedBy}}})
	_ = l.argo.Tracker().Add(&wfv1.Workflow{ObjectMeta: metav1.ObjectMeta{Name: "a-stranger", Namespace: namespace, Labels: map[string]string{labelRunID: "run-000000000000"}}})
	var got []Found
	if err := l.engine.Discover(t.Context(), func(f Found) error { got = append(got, f); return nil }); err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 || got[0].ID != j.ID || got[0].Tenant != "lab" || got[0].Digest != j.Digest || got[0].Root != l.root || got[0].Workflow != j.Workflow || got[0].Generation != 1 {
		t.Errorf("%+v", got)
	}
}
