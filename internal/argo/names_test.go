package argo

import (
	"slices"
	"strings"
	"testing"
	"time"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/ligase-bio/ligase/dag"
)

// TestPodNamesAreArgosOwn has names as Argo's GeneratePodName gives them (its
// package cannot be imported); on a cluster the logs of pods are found by them.
func TestPodNamesAreArgosOwn(t *testing.T) {
	for node, want := range map[string]string{
		"wf":                          "wf",
		"wf.fold(0)":                  "wf-main-1521814544",
		"wf.lane(0:0).fold(0:1.2)(3)": "wf-main-3444514890",
	} {
		if got := podName("wf", node, podTemplate); got != want {
			t.Errorf("%s: %s, and Argo says %s", node, got, want)
		}
	}
}

func TestALaterTryKeepsTheRunsIdInItsName(t *testing.T) {
	long := strings.Repeat("a", 49) + "-7k2m9c4x1p0q"
	for _, name := range []string{"fold-baseline-7k2m9c4x1p0q", long, long[1:], "x-" + strings.Repeat("y-", 24) + "-7k2m9c4x1p0q"} {
		seen := map[string]bool{}
		for _, generation := range []int{1, 2, 10, 123} {
			got := nameOfTry(name, generation)
			if seen[got] {
				t.Errorf("%s: %s twice", name, got)
			}
			seen[got] = true
			if errs := validation.IsDNS1123Label(got); len(errs) > 0 {
				t.Errorf("%s of try %d: %v", got, generation, errs)
			}
			if !strings.Contains(got, "-7k2m9c4x1p0q") || generation == 1 && got != name {
				t.Errorf("%s of try %d: %s", name, generation, got)
			}
		}
	}
}

func TestLabelsTakeAnyTenant(t *testing.T) {
	seen := map[string]bool{}
	for _, tenant := range []string{"", "a", "lab-1", "jo@example.org", "jo example.org", strings.Repeat("x", 64), "ü"} {
		got := labelValue(tenant)
		if errs := validation.IsValidLabelValue(got); len(errs) > 0 || got == "" || seen[got] {
			t.Errorf("%q: %q %v", tenant, got, errs)
		}
		seen[got] = true
	}
	if labelValue("lab-1") != "lab-1" {
		t.Error("a plain name cannot be read any more")
	}
}

// TestSeenTakesOnlyTasks has the kinds of nodes that a Workflow has besides.
func TestSeenTakesOnlyTasks(t *testing.T) {
	inputs := func(pairs ...string) *wfv1.Inputs {
		in := &wfv1.Inputs{}
		for i := 0; i < len(pairs); i += 2 {
			in.Parameters = append(in.Parameters, wfv1.Parameter{Name: pairs[i], Value: wfv1.AnyStringPtr(pairs[i+1])})
		}
		return in
	}
	main := &wfv1.TemplateRef{Name: "fold-x", Template: "main"}
	wf := &wfv1.Workflow{ObjectMeta: metav1.ObjectMeta{Name: "wf"}, Status: wfv1.WorkflowStatus{Nodes: wfv1.Nodes{
		"root":  {ID: "root", Name: "wf", Type: wfv1.NodeTypeDAG, TemplateName: "run"},
		"lane":  {ID: "lane", Name: "wf.lane(0)", Type: wfv1.NodeTypeDAG, TemplateName: "lane-1", Inputs: inputs("index", "0")},
		"whole": {ID: "whole", Name: "wf.fold", Type: wfv1.NodeTypeRetry, TemplateRef: main, Inputs: inputs("node", "fold", "index", "0"), Phase: wfv1.NodeSucceeded},
		"try1":  {ID: "try1", Name: "wf.fold(1)", Type: wfv1.NodeTypePod, TemplateRef: main, Inputs: inputs("node", "fold", "index", "0"), Phase: wfv1.NodeSucceeded, Progress: "3/4"},
		"try0":  {ID: "try0", Name: "wf.fold(0)", Type: wfv1.NodeTypePod, TemplateRef: main, Inputs: inputs("node", "fold", "index", "0"), Phase: wfv1.NodeFailed},
		"items": {ID: "items", Name: "wf.items", Type: wfv1.NodeTypePod, TemplateName: "items", Inputs: inputs("node", "fold", "index", "0")},
		"skip":  {ID: "skip", Name: "wf.rank", Type: wfv1.NodeTypeSkipped, TemplateRef: main, Inputs: inputs("node", "rank", "index", "")},
		"their": {ID: "their", Name: "wf.dock", Type: wfv1.NodeTypeDAG, TemplateRef: main, Inputs: inputs("node", "dock", "index", ""), Phase: wfv1.NodeFailed},
		"inner": {ID: "inner", Name: "wf.dock.theirs-0", DisplayName: "theirs-0", BoundaryID: "their", Type: wfv1.NodeTypePod, Phase: wfv1.NodeFailed, Message: "main: OOMKilled (exit code 137)"},
	}}}
	s, err := seen(wf)
	if err != nil {
		t.Fatal(err)
	}
	if len(s.tasks) != 2 {
		t.Fatalf("tasks: %v", s.tasks)
	}
	fold := s.tasks[dag.Task{Node: "fold", Index: "0"}]
	if fold == nil || !fold.over || !fold.ok || len(fold.pods) != 2 || fold.pods[0].id != "try0" || fold.pods[1].retry != 1 || fold.pods[1].fraction != 0.75 {
		t.Errorf("fold: %+v", fold)
	}
	dock := s.tasks[dag.Task{Node: "dock"}]
	if dock == nil || !dock.over || dock.ok || len(dock.pods) != 1 || !strings.Contains(dock.pods[0].message, "OOMKilled") {
		t.Errorf("dock: %+v", dock)
	}
}

// TestPodsOfATemplateOfOthers: whatever their template consists of, its pods are
// told from ours around it, and those of one attempt from those of another.
func TestPodsOfATemplateOfOthers(t *testing.T) {
	place := &wfv1.Inputs{Parameters: []wfv1.Parameter{
		{Name: "node", Value: wfv1.AnyStringPtr("dock")}, {Name: "index", Value: wfv1.AnyStringPtr("")},
	}}
	minute := func(m int) metav1.Time { return metav1.NewTime(time.Date(2026, 1, 1, 0, m, 0, 0, time.UTC)) }
	nodes := wfv1.Nodes{}
	add := func(name, display, boundary, template string, kind wfv1.NodeType, at int) {
		nodes[name] = wfv1.NodeStatus{ID: name, Name: name, DisplayName: display, BoundaryID: boundary, TemplateName: template, Type: kind, StartedAt: minute(at)}
	}
	nodes["wf.dock"] = wfv1.NodeStatus{ID: "wf.dock", Name: "wf.dock", Type: wfv1.NodeTypeDAG, TemplateName: "main", Inputs: place}
	add("wf.dock.stage-0", "stage-0", "wf.dock", "stage", wfv1.NodeTypePod, 1)
	add("wf.dock.theirs-0", "theirs-0", "wf.dock", "dock-all", wfv1.NodeTypeSteps, 2)
	add("wf.dock.theirs-0[0]", "[0]", "wf.dock.theirs-0", "", wfv1.NodeTypeStepGroup, 2)
	add("wf.dock.theirs-0[0].b", "b", "wf.dock.theirs-0", "pose", wfv1.NodeTypePod, 4)
	add("wf.dock.theirs-0[0].a", "a", "wf.dock.theirs-0", "pose", wfv1.NodeTypePod, 3)
	add("wf.dock.collect-0", "collect-0", "wf.dock", "collect", wfv1.NodeTypePod, 5)
	add("wf.dock.stage-1(0)", "stage-1(0)", "wf.dock", "stage", wfv1.NodeTypePod, 6)
	add("wf.dock.theirs-1", "theirs-1", "wf.dock", "dock-one", wfv1.NodeTypeRetry, 7)
	add("wf.dock.theirs-1(0)", "theirs-1(0)", "wf.dock", "dock-one", wfv1.NodeTypePod, 7)
	wf := &wfv1.Workflow{ObjectMeta: metav1.ObjectMeta{Name: "wf"}, Status: wfv1.WorkflowStatus{Nodes: nodes}}

	name := func(node string) string { return podName("wf", node, nodes[node].TemplateName) }
	dock := dag.Task{Node: "dock"}
	for stage, want := range map[string][]string{
		"wf.dock.stage-0":    {name("wf.dock.theirs-0[0].a"), name("wf.dock.theirs-0[0].b")},
		"wf.dock.stage-1(0)": {name("wf.dock.theirs-1(0)")},
	} {
		if got := theirPods(wf, dock, name(stage)); !slices.Equal(got, want) {
			t.Errorf("of what %s staged for: %q, want %q", stage, got, want)
		}
	}
	if got := theirPods(wf, dag.Task{Node: "other"}, name("wf.dock.stage-0")); got != nil {
		t.Errorf("of another task: %q", got)
	}
	s, err := seen(wf)
	if err != nil {
		t.Fatal(err)
	}
	if inside := s.tasks[dock].pods[0].inside; len(inside) != 6 || !slices.Contains(inside, name("wf.dock.theirs-0[0].a")) || !strings.HasPrefix(inside[0], "wf-") {
		t.Errorf("the task's pods are %q", inside)
	}
}

// TestAWorkflowThatLeftTheWatchWhileItWasSubmittedIsLookedAt: what the watch
// said before that must not make it forgotten that it left.
func TestAWorkflowThatLeftTheWatchWhileItWasSubmittedIsLookedAt(t *testing.T) {
	l := newLab(t, nil)
	e := newEngine(l.engine.options, l.engine.clients) // which nobody drives
	r, err := e.reserve(l.job("say", nil))
	if err != nil {
		t.Fatal(err)
	}
	e.take(r, &sighting{name: r.name, uid: "one"})
	e.left(r.name, "one")
	r.uid = "one" // as the API server answers
	e.settle(r)
	if !r.left || !r.established {
		t.Errorf("left %v, established %v; want both", r.left, r.established)
	}
}
