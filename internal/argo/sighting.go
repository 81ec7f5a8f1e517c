package argo

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"
	"github.com/argoproj/argo-workflows/v3/workflow/packer"
	"k8s.io/apimachinery/pkg/types"

	"github.com/ligase-bio/ligase/dag"
	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/uris"
)

// podTemplate is the template of a step's pod in each step's WorkflowTemplate.
const podTemplate = "main"

// sighting is a Workflow as it was seen once, less all that the engine does
// not go by: a Workflow has some 50 KB of spec, of which nothing is kept.
type sighting struct {
	name      string
	uid       types.UID
	owner     ownership
	phase     wfv1.WorkflowPhase
	message   string
	done      bool   // nothing more will happen
	shutdown  string // how it was told to end, if it was
	suspended bool
	hold      runs.Hold // what ligase was asked last, whichever process of it
	offloaded bool      // its nodes are in Argo's database, which the engine cannot read
	created   time.Time
	tasks     map[dag.Task]*seenTask
}

// seenTask is what a Workflow says of one task.
type seenTask struct {
	over bool // no further attempt follows
	ok   bool // with over: it succeeded
	pods []seenPod
}

// seenPod is what a Workflow says of one pod, that is one attempt at most.
type seenPod struct {
	id       string // of the node
	name     string // of the pod; empty where there are several
	retry    int    // from 0
	phase    wfv1.NodePhase
	message  string
	exit     *int
	began    time.Time
	ended    time.Time
	fraction float64
	foreign  bool     // several pods, the middle ones of somebody else's template
	inside   []string // then: the names of them all
}

// running reports whether the pod's containers have started and not ended.
func (p *seenPod) running() bool { return p.phase == wfv1.NodeRunning }

// pending reports whether the pod is still to start.
func (p *seenPod) pending() bool { return p.phase == wfv1.NodePending || p.phase == "" }

// over reports whether the pod has ended.
func (p *seenPod) over() bool { return p.phase.Completed() }

// seen boils a Workflow down. It takes the Workflow over.
func seen(wf *wfv1.Workflow) (*sighting, error) {
	s := &sighting{
		name:      wf.Name,
		uid:       wf.UID,
		owner:     ownershipOf(wf),
		phase:     wf.Status.Phase,
		message:   wf.Status.Message,
		done:      wf.Status.Phase.Completed(),
		shutdown:  string(wf.Spec.Shutdown),
		suspended: wf.Spec.Suspend != nil && *wf.Spec.Suspend,
		hold:      holdOf(wf.Annotations[annotationHold]),
		created:   wf.CreationTimestamp.Time,
		tasks:     map[dag.Task]*seenTask{},
	}
	if err := packer.DecompressWorkflow(wf); err != nil {
		return nil, fmt.Errorf("the nodes of Workflow %s cannot be read: %w", wf.Name, err)
	}
	s.offloaded = len(wf.Status.Nodes) == 0 && wf.Status.OffloadNodeStatusVersion != ""
	// Of a task that may be tried again there is a node for all of it.
	for _, id := range slices.Sorted(maps.Keys(wf.Status.Nodes)) {
		node := wf.Status.Nodes[id]
		t, ours := taskOf(&node)
		if !ours || node.Type != wfv1.NodeTypeRetry {
			continue
		}
		whole := s.task(t)
		whole.over = node.Phase.Completed()
		whole.ok = node.Phase == wfv1.NodeSucceeded
	}
	for _, id := range slices.Sorted(maps.Keys(wf.Status.Nodes)) {
		node := wf.Status.Nodes[id]
		t, ours := taskOf(&node)
		if !ours || node.Type != wfv1.NodeTypePod {
			continue
		}
		if !s.done && node.Phase.FailedOrError() && !node.Phase.Fulfilled(node.TaskResultSynced) {
			// Argo waits for what the pod reports, and if the pod was deleted
			// makes it anew, under the same name.
			node.Phase = wfv1.NodeRunning
		}
		task := s.tasks[t]
		if task == nil { // it is not tried again
			task = s.task(t)
			task.over = node.Phase.Completed()
			task.ok = node.Phase == wfv1.NodeSucceeded
		}
		task.pods = append(task.pods, podOf(wf.Name, &node))
	}
	s.addForeign(wf)
	for _, t := range s.tasks {
		slices.SortFunc(t.pods, func(a, b seenPod) int {
			return cmp.Or(cmp.Compare(a.retry, b.retry), a.began.Compare(b.began), strings.Compare(a.id, b.id))
		})
	}
	return s, nil
}

// addForeign adds the tasks that a template of somebody else's does: such a
// task is a DAG, between whose first and last pod theirs stand. The whole
// counts as one pod without a name; which attempts there were, the store knows.
func (s *sighting) addForeign(wf *wfv1.Workflow) {
	for _, id := range slices.Sorted(maps.Keys(wf.Status.Nodes)) {
		node := wf.Status.Nodes[id]
		t, ours := taskOf(&node)
		if !ours || node.Type != wfv1.NodeTypeDAG {
			continue
		}
		task := s.task(t)
		task.over, task.ok = node.Phase.Completed(), node.Phase == wfv1.NodeSucceeded
		p := podOf(wf.Name, &node)
		p.name, p.retry, p.foreign = "", 0, true
		for _, inner := range slices.Sorted(maps.Keys(wf.Status.Nodes)) {
			n := wf.Status.Nodes[inner]
			if n.Type != wfv1.NodeTypePod || !partOf(&n, &node) {
				continue
			}
			p.inside = append(p.inside, podName(wf.Name, n.Name, templateOf(&n)))
			switch {
			case n.BoundaryID != node.ID: // deep in their template
			case n.Phase.FailedOrError() && strings.HasPrefix(n.DisplayName, foreignPrefix):
				failed := podOf(wf.Name, &n)
				p.message, p.exit = failed.message, failed.exit
			case n.Phase == wfv1.NodePending && p.running() && p.message == "":
				p.message = n.Message
			}
		}
		task.pods = append(task.pods, p)
	}
}

// foreignPrefix begins the names of the nodes that run somebody else's
// template.
const foreignPrefix = "theirs-"

func (s *sighting) task(t dag.Task) *seenTask {
	if s.tasks[t] == nil {
		s.tasks[t] = &seenTask{}
	}
	return s.tasks[t]
}

// templateOf is the name of the template that a node is of.
func templateOf(n *wfv1.NodeStatus) string {
	if n.TemplateRef != nil {
		return n.TemplateRef.Template
	}
	return n.TemplateName
}

// partOf reports whether a node is another one, or inside of it: a try of it, a
// task of its DAG, one of its steps. Argo names nodes by where they are.
func partOf(n, whole *wfv1.NodeStatus) bool {
	rest, ok := strings.CutPrefix(n.Name, whole.Name)
	return ok && (rest == "" || strings.ContainsRune("(.[", rune(rest[0])))
}

// taskOf is the task that a node of a Workflow is for, if any.
func taskOf(n *wfv1.NodeStatus) (dag.Task, bool) {
	if templateOf(n) != podTemplate || n.Inputs == nil {
		return dag.Task{}, false
	}
	var t dag.Task
	for _, p := range n.Inputs.Parameters {
		if p.Value == nil {
			continue
		}
		switch p.Name {
		case "node":
			t.Node = string(*p.Value)
		case "index":
			t.Index = uris.Index(*p.Value)
		}
	}
	return t, t.Node != ""
}

func podOf(workflow string, n *wfv1.NodeStatus) seenPod {
	p := seenPod{
		id: n.ID, name: podName(workflow, n.Name, podTemplate), retry: retryOf(n.Name),
		phase: n.Phase, message: n.Message, began: n.StartedAt.Time, ended: n.FinishedAt.Time,
	}
	if n.Outputs != nil && n.Outputs.ExitCode != nil {
		if code, err := strconv.Atoi(*n.Outputs.ExitCode); err == nil {
			p.exit = &code
		}
	}
	if strings.Contains(string(n.Progress), "/") && n.Progress.IsValid() {
		p.fraction = float64(n.Progress.N()) / float64(n.Progress.M())
	}
	return p
}

// retryOf reads the number that Argo gives a node that is a try of another
// one: "fold(2)". A node that is tried once only has none.
func retryOf(node string) int {
	rest, ok := strings.CutSuffix(node, ")")
	at := strings.LastIndexByte(rest, '(')
	if !ok || at < 0 {
		return 0
	}
	n, err := strconv.Atoi(rest[at+1:])
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// podName is the name that Argo gives to the pod of a node: that of the
// Workflow and of the template, and a hash of the node's name
// (workflow/util.GeneratePodName).
func podName(workflow, node, template string) string {
	if workflow == node {
		return workflow
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(node))
	hash := fmt.Sprint(h.Sum32())
	prefix := workflow
	if !strings.Contains(node, ".inline") {
		prefix += "-" + template
	}
	const most = 253 - 10 - 1 // of a name, less the longest hash and its dash
	if len(prefix) > most {
		prefix = prefix[:most]
	}
	return prefix + "-" + hash
}
