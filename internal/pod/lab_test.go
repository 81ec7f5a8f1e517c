package pod_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ligase-bio/ligase/catalog"
	"github.com/ligase-bio/ligase/dag"
	"github.com/ligase-bio/ligase/internal/pod"
	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/internal/runs/runstest"
	"github.com/ligase-bio/ligase/internal/tasks"
	"github.com/ligase-bio/ligase/pipelines"
	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/uris"
)

// workerName makes the test program ligase-worker: it is told by its name, as
// its environment is what is tested.
const workerName = "ligase-worker"

func TestMain(m *testing.M) {
	// The worker finds itself by its path, which is the test program's.
	if filepath.Base(os.Args[0]) == workerName || len(os.Args) > 1 && os.Args[1] == "adapt" {
		os.Exit(pod.Program{Version: "test", Env: os.Environ(), Stdout: os.Stdout, Stderr: os.Stderr}.Main(os.Args[1:]))
	}
	os.Exit(m.Run())
}

// A cluster is a store, and pods that know of a run what a Workflow tells
// them: each is a process of its own with a home of its own.
type cluster struct {
	t       testing.TB
	catalog *catalog.Catalog
	dir     string
	root    uris.URI
	store   *uris.Store
	worker  string
	homes   *atomic.Int32
}

func newCluster(t testing.TB, c *catalog.Catalog) *cluster {
	t.Helper()
	k := &cluster{t: t, catalog: c, dir: t.TempDir(), homes: new(atomic.Int32)}
	var err error
	if k.root, err = uris.FromPath(filepath.Join(k.dir, "store")); err != nil {
		t.Fatal(err)
	}
	if k.store, err = uris.NewStore(uris.Options{Roots: []uris.Root{{URI: k.root, Write: true}}}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { k.store.Close() })
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	k.worker = filepath.Join(k.dir, workerName)
	if err := os.Symlink(self, k.worker); err != nil {
		t.Fatal(err)
	}
	return k
}

func suite(t testing.TB) *cluster { return newCluster(t, runstest.Catalog(t)) }

// put keeps a text outside of any run.
func (k *cluster) put(name, text string) pipelines.Input {
	k.t.Helper()
	u := k.root.Join("files", name)
	if _, err := k.store.Put(k.t.Context(), u, strings.NewReader(text)); err != nil {
		k.t.Fatal(err)
	}
	return pipelines.Input{URI: u}
}

func (k *cluster) read(u uris.URI) string {
	k.t.Helper()
	data, err := k.store.ReadAll(k.t.Context(), u, 1<<20)
	if err != nil {
		k.t.Fatal(err)
	}
	return string(data)
}

// A workflow is a run as its pods see it.
type workflow struct {
	*cluster
	plan                 *pipelines.Plan
	folder               uris.RunFolder
	call, pipeline, name string
	env                  []string // besides, for all pods
}

func (k *cluster) workflow(tool string, implementations map[string]string, args pipelines.Arguments) *workflow {
	k.t.Helper()
	compiled, err := k.catalog.Compile(tool, implementations)
	if err != nil {
		k.t.Fatal(err)
	}
	plan, err := compiled.Bind(args, k.catalog.Types())
	if err != nil {
		k.t.Fatal(err)
	}
	id := tasks.RunIDOf(fmt.Sprint(tool, k.homes.Add(1)))
	w := &workflow{cluster: k, plan: plan, folder: uris.Layout{Root: k.root}.Run(id), name: tool + id[len("run"):]}
	argument, object, err := tasks.CallOf(plan, id, k.root).Argument()
	if err != nil {
		k.t.Fatal(err)
	}
	if w.call = argument; object != nil {
		if err := k.store.PutIfAbsent(k.t.Context(), w.folder.Call(), object); err != nil {
			k.t.Fatal(err)
		}
	}
	if w.pipeline, err = tasks.EncodeCompiled(compiled); err != nil {
		k.t.Fatal(err)
	}
	return w
}

// A process is a pod: its command, and what it left.
type process struct {
	*exec.Cmd
	home           string
	stdout, stderr bytes.Buffer
}

// pod prepares the pod of a task.
func (w *workflow) pod(t dag.Task, env ...string) *process {
	w.t.Helper()
	node := w.plan.Compiled.Node(t.Node)
	step := w.catalog.Step(node.Step)
	text, err := tasks.EncodeStep(step, node.Implementation, w.catalog.Types())
	if err != nil {
		w.t.Fatal(err)
	}
	p := w.program()
	p.Env = append(p.Env, "LIGASE_STEP="+text, "LIGASE_NODE="+t.Node, "LIGASE_INDEX="+string(t.Index), "LIGASE_RETRY=0")
	p.Env = append(append(p.Env, w.env...), env...)
	return p
}

// program is ligase-worker with what is the same for all pods of a run.
func (w *workflow) program(args ...string) *process {
	w.t.Helper()
	p := &process{Cmd: exec.Command(w.worker, args...), home: filepath.Join(w.dir, "home-"+strconv.Itoa(int(w.homes.Add(1))))}
	if err := os.Mkdir(p.home, 0o755); err != nil {
		w.t.Fatal(err)
	}
	p.Stdout, p.Stderr = &p.stdout, &p.stderr
	p.Env = []string{
		"PATH=/usr/bin:/bin", "LIGASE_TASK=" + w.call, "LIGASE_PIPELINE=" + w.pipeline,
		"LIGASE_WORKFLOW=" + w.name, "LIGASE_WORKFLOW_UID=uid-of-" + w.name, "LIGASE_POD=" + w.name + "-" + filepath.Base(p.home), "LIGASE_HOST=node-1",
		"LIGASE_HOME=" + p.home, fmt.Sprintf(`LIGASE_STORE={"roots":[{"uri":%q,"write":true}]}`, w.root),
	}
	return p
}

// exit runs a pod to its end.
func (p *process) exit(t testing.TB) int {
	t.Helper()
	err := p.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return p.ProcessState.ExitCode()
}

// wants runs a pod and wants an exit code, and on its standard error a text.
func (p *process) wants(t testing.TB, code int, says string) {
	t.Helper()
	if got := p.exit(t); got != code || !strings.Contains(p.stderr.String(), says) {
		t.Errorf("exit code %d, want %d; it should say %q and says:\n%s", got, code, says, &p.stderr)
	}
	for line := range strings.Lines(p.stderr.String()) {
		if !strings.HasPrefix(line, "ligase-worker: ") {
			t.Errorf("a line of its own is not marked as one: %q", line)
		}
	}
}

// counts are what a pod has written for its template.
func (p *process) counts(t testing.TB) map[string]int {
	t.Helper()
	counts := map[string]int{}
	files, _ := filepath.Glob(filepath.Join(p.home, "out", "count-*"))
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		n, err := strconv.Atoi(string(text))
		if err != nil {
			t.Fatalf("%s: %q", file, text)
		}
		counts[strings.TrimPrefix(filepath.Base(file), "count-")] = n
	}
	return counts
}

// result is a task's commit record; nil when it has none.
func (w *workflow) result(t dag.Task) *steps.Result {
	w.t.Helper()
	r, err := tasks.ReadResult(w.t.Context(), w.store, w.folder, t)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

// failure is what an attempt of a task recorded; nil when it did not.
func (w *workflow) failure(t dag.Task, attempt int) *steps.Failure {
	w.t.Helper()
	f, err := tasks.ReadFailure(w.t.Context(), w.store, w.folder, t, attempt)
	if err != nil {
		w.t.Fatal(err)
	}
	return f
}

func (w *workflow) started(t dag.Task, attempt int) tasks.Started {
	w.t.Helper()
	s, err := tasks.ReadStarted(w.t.Context(), w.store, w.folder, t, attempt)
	if err != nil && !errors.Is(err, problem.ErrNotFound) {
		w.t.Fatal(err)
	}
	return s
}

// objects lists all that a run's folder holds, as name and content.
func (w *workflow) objects() map[string]string {
	w.t.Helper()
	all := map[string]string{}
	for o, err := range w.store.List(w.t.Context(), w.folder.URI, true) {
		if err != nil {
			w.t.Fatal(err)
		}
		rel, _ := w.folder.URI.Rel(o.URI)
		all[rel] = w.read(o.URI)
	}
	return all
}

// came is what a run came to, apart from names and times.
type came struct {
	State   string
	Outputs map[string][]string // texts by port
	Tasks   []string            // "node index state"
	Code    steps.FailureCode   // and what follows, of the failure that decides
	Node    string
	Exit    int // -1: none
	Log     string
}

// follow runs all the pods of a run, each when what it needs has ended, a few
// at a time, as the Workflow would; and those that the Workflow need not start,
// to see that they find out by themselves.
func (w *workflow) follow() came {
	w.t.Helper()
	frontier, change := w.plan.Compiled.Graph().NewFrontier(tasks.Given(w.plan))
	type ended struct {
		task dag.Task
		exit int
		pod  *process
	}
	out := came{State: "succeeded", Exit: -1}
	ends := make(chan ended)
	slots := make(chan struct{}, 4)
	for busy := 0; ; {
		for _, t := range change.Starved {
			p := w.pod(t)
			p.wants(w.t, 30, "has too little to work on")
			out.end(t, "failed")
			if f := w.failure(t, 1); f != nil && !w.plan.Compiled.Node(t.Node).ContinueOnFailure {
				out.fail(f)
			}
		}
		for _, t := range change.Skipped {
			p := w.pod(t)
			p.wants(w.t, 0, "has nothing to work on")
			for port, n := range p.counts(w.t) {
				if n != 0 {
					w.t.Errorf("%s was skipped and gave %d of %s", t, n, port)
				}
			}
			if w.result(t) != nil || w.started(t, 1).Attempt != 0 {
				w.t.Errorf("%s was skipped and left something", t)
			}
			out.end(t, "skipped")
		}
		for _, t := range change.Ready {
			busy++
			p := w.pod(t)
			go func() {
				slots <- struct{}{}
				defer func() { <-slots }()
				ends <- ended{t, p.exit(w.t), p}
			}()
		}
		if busy == 0 {
			break
		}
		e := <-ends
		busy--
		var err error
		if e.exit != 0 {
			out.end(e.task, "failed")
			f := w.failure(e.task, 1)
			if f == nil {
				w.t.Fatalf("%s failed with exit code %d and left no record:\n%s", e.task, e.exit, &e.pod.stderr)
			}
			if !w.plan.Compiled.Node(e.task.Node).ContinueOnFailure {
				out.fail(f)
			}
			change, err = frontier.Fail(e.task)
		} else {
			result := w.result(e.task)
			if result == nil {
				w.t.Fatalf("%s ended well without a commit:\n%s", e.task, &e.pod.stderr)
			}
			step := w.plan.Compiled.StepOf(e.task.Node)
			for port, n := range e.pod.counts(w.t) {
				if n != len(result.Outputs[port]) {
					w.t.Errorf("%s says that it gave %d of %s, and committed %d", e.task, n, port, len(result.Outputs[port]))
				}
			}
			out.end(e.task, "succeeded")
			_, counts, left := tasks.Keep(step, result)
			change, err = frontier.SucceedBut(e.task, counts, left)
		}
		if err != nil {
			w.t.Fatal(err)
		}
	}
	slices.Sort(out.Tasks)
	if out.State != "succeeded" {
		return out
	}
	for _, o := range w.plan.Compiled.Outputs {
		for _, s := range frontier.OutputSources(o.Port.Name) {
			if s.Failed {
				continue
			}
			if out.Outputs == nil {
				out.Outputs = map[string][]string{}
			}
			object := w.result(dag.Task{Node: s.From.Node, Index: s.Task}).Outputs[s.From.Port][max(s.Item, 0)]
			out.Outputs[o.Port.Name] = append(out.Outputs[o.Port.Name], w.read(object.URI))
		}
	}
	return out
}

func (c *came) end(t dag.Task, state string) {
	c.Tasks = append(c.Tasks, strings.Join(strings.Fields(fmt.Sprintf("%s %s %s", t.Node, t.Index, state)), " "))
}

func (c *came) fail(f *steps.Failure) {
	if c.State == "failed" {
		return
	}
	c.State, c.Code, c.Node, c.Log = "failed", f.Code, f.Node, f.LogTail
	if f.ExitCode != nil {
		c.Exit = *f.ExitCode
	}
}

// eventually waits for something to be so.
func eventually(t testing.TB, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(15 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if so() {
			return
		}
	}
	t.Fatalf("%s: it never came to that", what)
}

func encode(t testing.TB, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
