package argo

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/ligase-bio/ligase/dag"
	"github.com/ligase-bio/ligase/internal/runs"
)

// eventSource is the Source of the events that come from the cluster.
const eventSource = "kubernetes"

// Events implements runs.EventLister: what Kubernetes keeps of a run's
// Workflows and pods, which is what happened in the last hour or so.
func (e *Engine) Events(ctx context.Context, run runs.Run, limit int) ([]runs.Event, error) {
	names := make([]string, max(run.Generation, 1))
	for i := range names {
		names[i] = nameOfTry(run.Workflow, i+1)
	}
	places := e.placesOf(run.ID)
	var list []runs.Event
	options := metav1.ListOptions{Limit: 500}
	for {
		call, cancel := context.WithTimeout(ctx, e.options.CallTimeout)
		page, err := e.clients.kube.CoreV1().Events(e.options.Namespace).List(call, options)
		cancel()
		if err != nil {
			return nil, unavailable("listing the cluster's events of "+string(run.ID), err)
		}
		for i := range page.Items {
			if about(&page.Items[i].InvolvedObject, names) {
				list = append(list, eventOf(&page.Items[i], places))
			}
		}
		if options.Continue = page.Continue; page.Continue == "" {
			break
		}
	}
	slices.SortStableFunc(list, func(a, b runs.Event) int {
		return cmp.Or(a.Time.Compare(b.Time), a.First.Compare(b.First), strings.Compare(a.Object, b.Object), strings.Compare(a.Kind, b.Kind))
	})
	if limit > 0 && len(list) > limit {
		list = list[len(list)-limit:] // the latest say most
	}
	return list, nil
}

// about reports whether an event is of one of these Workflows, or of a pod of
// theirs.
func about(o *corev1.ObjectReference, workflows []string) bool {
	switch o.Kind {
	case "Workflow":
		return slices.Contains(workflows, o.Name)
	case "Pod":
		return slices.ContainsFunc(workflows, func(name string) bool {
			return o.Name == name || strings.HasPrefix(o.Name, name+"-") // and its template, which may be somebody else's
		})
	}
	return false
}

// placesOf are the tasks of a run's pods, as far as the engine follows it.
func (e *Engine) placesOf(id runs.ID) map[string]dag.Task {
	e.mu.Lock()
	defer e.mu.Unlock()
	places := map[string]dag.Task{}
	r := e.runs[id]
	if r == nil || r.seen == nil {
		return places
	}
	for t := range maps.Keys(r.seen.tasks) {
		for _, p := range r.seen.tasks[t].pods {
			places[p.name] = t
			for _, name := range p.inside {
				places[name] = t
			}
		}
	}
	return places
}

func eventOf(v *corev1.Event, places map[string]dag.Task) runs.Event {
	t := places[v.InvolvedObject.Name]
	first, last, count := v.FirstTimestamp.Time, v.LastTimestamp.Time, int(v.Count)
	if v.Series != nil {
		last, count = v.Series.LastObservedTime.Time, int(v.Series.Count)
	}
	first = earliest(first, v.EventTime.Time, v.CreationTimestamp.Time)
	if last.IsZero() {
		last = first
	}
	out := runs.Event{
		Time: last.UTC(), Node: t.Node, Index: t.Index, Kind: v.Reason, Message: strings.TrimSpace(v.Message),
		Source: eventSource, Object: fmt.Sprintf("%s/%s", strings.ToLower(v.InvolvedObject.Kind), v.InvolvedObject.Name),
	}
	if count > 1 {
		out.Count, out.First = count, first.UTC()
	}
	return out
}

// earliest is the first of the times that are known.
func earliest(times ...time.Time) time.Time {
	var first time.Time
	for _, t := range times {
		if !t.IsZero() && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	return first
}

// mountProblems are what the kubelet and the attach controller say of a pod
// whose volumes do not come. A pod's status has no word of it.
var mountProblems = []string{"FailedMount", "FailedAttachVolume"}

// mountProblem is why a pod's volumes do not come, if that is the last that was
// said of it; "" when it is not, or nobody knows.
func (e *Engine) mountProblem(ctx context.Context, pod string) string {
	page, err := e.clients.kube.CoreV1().Events(e.options.Namespace).List(ctx, metav1.ListOptions{FieldSelector: "involvedObject.kind=Pod,involvedObject.name=" + pod})
	if err != nil {
		return ""
	}
	var last runs.Event
	for i := range page.Items {
		if said := eventOf(&page.Items[i], nil); page.Items[i].InvolvedObject.Name == pod && !said.Time.Before(last.Time) {
			last = said
		}
	}
	if !slices.Contains(mountProblems, last.Kind) {
		return ""
	}
	return last.Kind + ": " + last.Message
}
