package argo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"
	argofake "github.com/argoproj/argo-workflows/v3/pkg/client/clientset/versioned/fake"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	kubefake "k8s.io/client-go/kubernetes/fake"
	kubetesting "k8s.io/client-go/testing"

	"github.com/ligase-bio/ligase/catalog"
	"github.com/ligase-bio/ligase/dag"
	"github.com/ligase-bio/ligase/internal/argo/templates"
	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/internal/runs/runstest"
	"github.com/ligase-bio/ligase/internal/tasks"
	"github.com/ligase-bio/ligase/pipelines"
	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/uris"
)

const namespace = "science"

// lab is an engine on a cluster that does what the test says: the API server
// is client-go's fake, and the test is the controller and the pods.
type lab struct {
	testing.TB
	catalog *catalog.Catalog
	blobs   *uris.Store
	root    uris.URI
	argo    *argofake.Clientset
	kube    *kubefake.Clientset
	engine  *Engine
	record  *record
	stop    func()
	clock   *clock
	log     bytes.Buffer
}

// clock is a clock that goes on by itself and can be put forward.
type clock struct {
	mu    sync.Mutex
	ahead time.Duration
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.ahead)
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += d
}

func newLab(t testing.TB, change func(*Options)) *lab {
	t.Helper()
	l := &lab{TB: t, catalog: runstest.Catalog(t), argo: argofake.NewSimpleClientset(), kube: kubefake.NewClientset(), clock: &clock{}}
	var err error
	if l.root, err = uris.FromPath(t.TempDir()); err != nil {
		t.Fatal(err)
	}
	if l.blobs, err = uris.NewStore(uris.Options{Roots: []uris.Root{{URI: l.root, Write: true}}}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.blobs.Close() })
	// The fake gives neither UIDs nor times.
	l.argo.PrependReactor("create", "workflows", func(a kubetesting.Action) (bool, runtime.Object, error) {
		wf := give(a.(kubetesting.CreateAction).GetObject().(*wfv1.Workflow).DeepCopy(), "one")
		return true, wf, l.argo.Tracker().Create(wfv1.SchemeGroupVersion.WithResource("workflows"), wf.DeepCopy(), namespace)
	})
	l.restart(change)
	return l
}

// restart ends the engine, if there is one, and starts another on the same
// cluster and store.
func (l *lab) restart(change func(*Options)) {
	l.Helper()
	if l.stop != nil {
		l.stop()
	}
	o := Options{
		Namespace: namespace, Blobs: l.blobs, Version: "test", Now: l.clock.now, CallTimeout: 5 * time.Second,
		Log: slog.New(slog.NewTextHandler(&l.log, nil)),
	}
	if change != nil {
		change(&o)
	}
	o, err := o.withDefaults()
	if err != nil {
		l.Fatal(err)
	}
	l.engine = newEngine(o, clients{l.argo, l.kube})
	l.record = &record{changed: make(chan struct{})}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	l.argo.ClearActions()
	go func() { ended <- l.engine.Run(ctx, l.record.sink) }()
	l.stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				l.Errorf("Run: %v", err)
			}
		case <-time.After(10 * time.Second):
			l.Error("Run does not end")
		}
	})
	l.Cleanup(l.stop)
	// The fake tells a watch only what happens after it has begun.
	l.until("a watch", func() bool {
		return slices.ContainsFunc(l.argo.Actions(), func(a kubetesting.Action) bool { return a.GetVerb() == "watch" || a.GetVerb() == "list" })
	})
	time.Sleep(30 * time.Millisecond)
}

// job makes a job, with its templates in the cluster.
func (l *lab) job(tool string, params map[string]any) runs.Job {
	l.Helper()
	compiled, err := l.catalog.Compile(tool, nil)
	if err != nil {
		l.Fatal(err)
	}
	plan, err := compiled.Bind(pipelines.Arguments{Params: params}, l.catalog.Types())
	if err != nil {
		l.Fatal(err)
	}
	l.apply(compiled)
	const id = runs.ID("run-7k2m9c4x1p0q")
	return runs.Job{
		ID: id, Tenant: "lab", Generation: 1, Workflow: strings.ReplaceAll(tool, "_", "-") + "-7k2m9c4x1p0q",
		Digest: plan.Digest(), Plan: plan, Folder: uris.Layout{Root: l.root}.Run(string(id)), Trace: "4bf92f35", Fresh: true,
	}
}

// apply puts the templates of a tool into the cluster.
func (l *lab) apply(c *pipelines.Compiled) {
	l.Helper()
	all, err := templates.For(l.catalog, c.Tool.Name, nil, templates.Options{Namespace: namespace})
	if err != nil {
		l.Fatal(err)
	}
	for _, t := range all {
		_ = l.argo.Tracker().Add(t)
	}
}

// changeTemplate changes a WorkflowTemplate of the cluster by hand.
func (l *lab) changeTemplate(name string, change func(*wfv1.WorkflowTemplate)) {
	l.Helper()
	in := l.argo.ArgoprojV1alpha1().WorkflowTemplates(namespace)
	w, err := in.Get(context.Background(), name, metav1.GetOptions{})
	if err != nil {
		l.Fatal(err)
	}
	change(w)
	if _, err := in.Update(context.Background(), w, metav1.UpdateOptions{}); err != nil {
		l.Fatal(err)
	}
}

func (l *lab) submit(j runs.Job) runs.Job {
	l.Helper()
	if err := l.engine.Submit(context.Background(), j); err != nil {
		l.Fatal(err)
	}
	return j
}

// workflow is a run's Workflow as the cluster has it; nil when it has none.
func (l *lab) workflow(name string) *wfv1.Workflow {
	l.Helper()
	wf, err := l.argo.ArgoprojV1alpha1().Workflows(namespace).Get(context.Background(), name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		l.Fatal(err)
	}
	return wf
}

// control changes a Workflow as the controller does.
func (l *lab) control(name string, change func(*wfv1.Workflow)) {
	l.Helper()
	wf := l.workflow(name)
	if wf == nil {
		l.Fatalf("there is no Workflow %s", name)
	}
	if wf.Status.Nodes == nil {
		wf.Status.Nodes = wfv1.Nodes{}
	}
	change(wf)
	if _, err := l.argo.ArgoprojV1alpha1().Workflows(namespace).Update(context.Background(), wf, metav1.UpdateOptions{}); err != nil {
		l.Fatal(err)
	}
}

// pod has a Workflow show a pod, the try of that number, of a task that may be
// tried again.
func pod(wf *wfv1.Workflow, t dag.Task, retry int, phase wfv1.NodePhase, message string, exit int) {
	inputs := &wfv1.Inputs{Parameters: []wfv1.Parameter{
		{Name: "node", Value: wfv1.AnyStringPtr(t.Node)}, {Name: "index", Value: wfv1.AnyStringPtr(string(t.Index))},
	}}
	ref := &wfv1.TemplateRef{Name: t.Node, Template: podTemplate}
	whole := fmt.Sprintf("%s.%s%s", wf.Name, t.Node, t.Index)
	if _, there := wf.Status.Nodes[whole]; !there {
		wf.Status.Nodes[whole] = wfv1.NodeStatus{
			ID: whole, Name: whole, Type: wfv1.NodeTypeRetry, TemplateRef: ref, Inputs: inputs, Phase: wfv1.NodeRunning,
		}
	}
	name := fmt.Sprintf("%s(%d)", whole, retry)
	n := wfv1.NodeStatus{
		ID: name, Name: name, Type: wfv1.NodeTypePod, TemplateRef: ref, Inputs: inputs, Phase: phase, Message: message,
		StartedAt: metav1.Now(), Progress: "0/1",
	}
	if exit >= 0 {
		n.Outputs = &wfv1.Outputs{ExitCode: new(string)}
		*n.Outputs.ExitCode = fmt.Sprint(exit)
	}
	if phase.Completed() {
		n.FinishedAt = metav1.Now()
	}
	wf.Status.Nodes[name] = n
}

// over has a task be done with, one way or the other.
func over(wf *wfv1.Workflow, t dag.Task, phase wfv1.NodePhase) {
	whole := fmt.Sprintf("%s.%s%s", wf.Name, t.Node, t.Index)
	n := wf.Status.Nodes[whole]
	n.Phase = phase
	wf.Status.Nodes[whole] = n
}

// podOfTask is the name of such a pod.
func podOfTask(workflow string, t dag.Task, retry int) string {
	return podName(workflow, fmt.Sprintf("%s.%s%s(%d)", workflow, t.Node, t.Index, retry), podTemplate)
}

// commit has a task's pod commit.
func (l *lab) commit(j runs.Job, t dag.Task, attempt int, counts map[string]int) {
	l.Helper()
	step := j.Plan.Compiled.StepOf(t.Node)
	r := steps.Result{
		Format: steps.ResultFormat, RunID: string(j.ID), Node: t.Node, Index: t.Index, Attempt: attempt,
		Step: step.Name, Version: step.Version, Outputs: map[string][]steps.Object{}, StartedAt: time.Now(), FinishedAt: time.Now(),
	}
	for _, port := range step.Outputs {
		n := 1
		if port.Many {
			n = counts[port.Name]
		}
		for i := range n {
			r.Outputs[port.Name] = append(r.Outputs[port.Name], steps.Object{URI: j.Folder.Object(t.Node, t.Index, attempt, port.Name, i, "txt")})
		}
	}
	l.put(j.Folder.Result(t.Node, t.Index), r)
}

// begin has a task's pod claim an attempt.
func (l *lab) begin(j runs.Job, t dag.Task, attempt, retry int) {
	l.Helper()
	name := workflowName(j)
	l.put(j.Folder.Started(t.Node, t.Index, attempt), tasks.Started{Workflow: name, Pod: podOfTask(name, t, retry)})
}

// fails has a task's pod keep why it failed.
func (l *lab) fails(j runs.Job, t dag.Task, attempt int, f steps.Failure) {
	l.Helper()
	l.put(j.Folder.Failure(t.Node, t.Index, attempt), f)
}

func (l *lab) put(u uris.URI, v any) {
	l.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		l.Fatal(err)
	}
	if _, err := l.blobs.Put(context.Background(), u, bytes.NewReader(data)); err != nil {
		l.Fatal(err)
	}
}

// ends waits for the end of a run and checks its state.
func (l *lab) ends(j runs.Job, want runs.State) runs.Observation {
	l.Helper()
	o := l.waits("the end", func(o runs.Observation) bool { return o.Generation == j.Generation && o.State.Terminal() })
	if o.State != want {
		l.Fatalf("it ended %s, want %s: %v", o.State, want, o.Failure)
	}
	return o
}

// waits returns the first observation that is wanted, whenever it comes.
func (l *lab) waits(what string, wanted func(runs.Observation) bool) runs.Observation {
	l.Helper()
	limit := time.After(10 * time.Second)
	for {
		all, changed := l.record.seen()
		if i := slices.IndexFunc(all, wanted); i >= 0 {
			return all[i]
		}
		select {
		case <-changed:
		case <-limit:
			var lines []string
			for _, o := range all {
				data, _ := json.Marshal(o)
				lines = append(lines, string(data))
			}
			l.Fatalf("%s never came; there is:\n%s\n%s", what, strings.Join(lines, "\n"), l.log.String())
		}
	}
}

// says waits for a reason for waiting that holds a text.
func (l *lab) says(text string) {
	l.Helper()
	l.waits(text, func(o runs.Observation) bool { return o.Waiting != nil && strings.Contains(*o.Waiting, text) })
}

// events are the events of a kind so far, as "node attempt".
func (l *lab) events(kind string) []string {
	all, _ := l.record.seen()
	var list []string
	for _, o := range all {
		if o.Event != nil && o.Event.Kind == kind {
			list = append(list, strings.TrimSpace(fmt.Sprintf("%s%s %d", o.Event.Node, o.Event.Index, o.Event.Attempt)))
		}
	}
	return list
}

// last is the latest status of each task.
func (l *lab) last() map[string]runs.TaskStatus {
	all, _ := l.record.seen()
	found := map[string]runs.TaskStatus{}
	for _, o := range all {
		if o.Task != nil {
			found[dag.Task{Node: o.Task.Node, Index: o.Task.Index}.String()] = *o.Task
		}
	}
	return found
}

// until waits for something in the cluster to be so.
func (l *lab) until(what string, so func() bool) {
	l.Helper()
	for range 1000 {
		if so() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	l.Fatalf("%s never happened", what)
}

// record is a sink that remembers.
type record struct {
	mu      sync.Mutex
	all     []runs.Observation
	changed chan struct{}
}

func (r *record) sink(_ context.Context, batch []runs.Observation) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, batch...)
	close(r.changed)
	r.changed = make(chan struct{})
	return nil
}

func (r *record) seen() ([]runs.Observation, <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.all), r.changed
}

// give has the fake API server give a Workflow a UID, as a real one does.
func give(wf *wfv1.Workflow, uid string) *wfv1.Workflow {
	wf.UID = types.UID(uid)
	wf.CreationTimestamp = metav1.Now()
	return wf
}
