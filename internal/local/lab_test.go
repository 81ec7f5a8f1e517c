package local

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ligase-bio/ligase/internal/follow"
	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/internal/tasks"
	"github.com/ligase-bio/ligase/pipelines"
	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/steps/worker"
	"github.com/ligase-bio/ligase/uris"
)

// definitions are the steps and pipelines of the tests, one YAML document
// each, in a file with "---" between them. Commands are shell scripts: they are
// what a user's tools are to the engine.
type definitions struct {
	types     *steps.Types
	steps     map[string]*steps.Step
	pipelines map[string]*pipelines.Pipeline
}

func (d definitions) Step(name string) *steps.Step             { return d.steps[name] }
func (d definitions) Pipeline(name string) *pipelines.Pipeline { return d.pipelines[name] }
func (d definitions) Types() *steps.Types                      { return d.types }
func (d definitions) Names(k pipelines.Kind) []string {
	var names []string
	for n := range d.steps {
		if k == pipelines.KindStep {
			names = append(names, n)
		}
	}
	for n := range d.pipelines {
		if k == pipelines.KindPipeline {
			names = append(names, n)
		}
	}
	slices.Sort(names)
	return names
}

func loadDefinitions(path string) (definitions, error) {
	d := definitions{steps: map[string]*steps.Step{}, pipelines: map[string]*pipelines.Pipeline{}}
	text, err := os.ReadFile(path)
	if err != nil {
		return d, err
	}
	var all problem.Problems
	for i, doc := range strings.Split(string(text), "\n---\n") {
		file, data := fmt.Sprintf("%s#%d", filepath.Base(path), i), []byte(doc)
		switch {
		case strings.Contains(doc, "\nnodes:"):
			p, ps := pipelines.Parse(file, data)
			if all = append(all, ps...); p != nil {
				d.pipelines[p.Name] = p
			}
		case strings.Contains(doc, "\nimplementations:"):
			s, ps := steps.ParseStep(file, data)
			if all = append(all, ps...); s != nil {
				d.steps[s.Name] = s
			}
		default:
			list, ps := steps.ParseTypes(file, data)
			all = append(all, ps...)
			d.types, ps = steps.NewTypes(list)
			all = append(all, ps...)
		}
	}
	return d, all.Err()
}

// plan binds a pipeline's or a step's parameters, and its inputs to files.
func (d definitions) plan(name string, params map[string]any, inputs map[string][]uris.URI) (*pipelines.Plan, error) {
	var compiled *pipelines.Compiled
	var err error
	if p := d.pipelines[name]; p != nil {
		compiled, err = pipelines.Compile(p, d, nil)
	} else {
		compiled, err = pipelines.CompileStep(d.steps[name], d, nil)
	}
	if err != nil {
		return nil, err
	}
	args := pipelines.Arguments{Params: params, Inputs: map[string][]pipelines.Input{}}
	for port, list := range inputs {
		for _, u := range list {
			args.Inputs[port] = append(args.Inputs[port], pipelines.Input{URI: u, Type: "note", Format: "txt"})
		}
	}
	return compiled.Bind(args, d.types)
}

// lab is a data folder with an engine on it.
type lab struct {
	testing.TB
	definitions
	dir    string
	root   uris.URI
	blobs  *uris.Store
	worker *worker.Worker
	engine *Engine
	record *record
	stop   func() // ends Run and waits for it
}

func newLab(t testing.TB, change func(*Options)) *lab {
	t.Helper()
	d, err := loadDefinitions(filepath.Join("testdata", "definitions.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	l := &lab{TB: t, definitions: d, dir: t.TempDir()}
	l.open(change)
	return l
}

// open makes an engine on the lab's data folder; it does not run yet.
func (l *lab) open(change func(*Options)) {
	l.Helper()
	var err error
	if l.blobs, l.root, err = openStore(l.dir); err != nil {
		l.Fatal(err)
	}
	l.Cleanup(func() { l.blobs.Close() })
	if l.worker, err = newWorker(l.dir, l.blobs); err != nil {
		l.Fatal(err)
	}
	o := Options{
		Worker: l.worker, Blobs: l.blobs, DataDir: l.dir,
		Slots: Slots{CPU: 4, Memory: 1 << 30}, Backoff: follow.Backoff{Base: 10 * time.Millisecond},
	}
	if change != nil {
		change(&o)
	}
	if l.engine, err = New(o); err != nil {
		l.Fatal(err)
	}
	l.record = newRecord()
}

func openStore(dir string) (*uris.Store, uris.URI, error) {
	root, err := uris.FromPath(filepath.Join(dir, "store"))
	if err != nil {
		return nil, root, err
	}
	store, err := uris.NewStore(uris.Options{Roots: []uris.Root{{URI: root, Write: true}}})
	return store, root, err
}

func newWorker(dir string, store *uris.Store) (*worker.Worker, error) {
	return worker.New(worker.Options{
		Store: store, WorkDir: filepath.Join(dir, workName), Version: "test", Grace: time.Second,
	})
}

// run starts the engine's Run with the lab's record as its sink.
func (l *lab) run() { l.runInto(l.record.sink) }

func (l *lab) runInto(sink runs.Sink) {
	l.Helper()
	lock, err := Lock(l.dir)
	if err != nil {
		l.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- l.engine.Run(ctx, sink) }()
	l.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			l.Errorf("Run: %v", err)
		}
		if err := lock.Release(); err != nil {
			l.Error(err)
		}
	})
	l.Cleanup(l.stop)
}

// job makes a job of a pipeline; n tells runs apart.
func (l *lab) job(n int, name string, params map[string]any) runs.Job {
	l.Helper()
	return l.jobWith(n, name, params, nil)
}

func (l *lab) jobWith(n int, name string, params map[string]any, inputs map[string][]uris.URI) runs.Job {
	l.Helper()
	p, err := l.plan(name, params, inputs)
	if err != nil {
		l.Fatalf("%s: %v", name, err)
	}
	return jobOf(n, p, l.root)
}

func jobOf(n int, p *pipelines.Plan, root uris.URI) runs.Job {
	id := runs.ID(fmt.Sprintf("run-%012d", n))
	return runs.Job{
		ID: id, Tenant: "default", Generation: 1, Digest: p.Digest(), Plan: p,
		Folder: uris.Layout{Root: root}.Run(string(id)),
	}
}

func (l *lab) submit(j runs.Job) runs.Job {
	l.Helper()
	if err := l.engine.Submit(context.Background(), j); err != nil {
		l.Fatal(err)
	}
	return j
}

// ends waits for the end of a run and checks its state.
func (l *lab) ends(j runs.Job, want runs.State) runs.Observation {
	l.Helper()
	o := l.record.wait(l, "the end of "+string(j.ID), func(o runs.Observation) bool {
		return o.RunID == j.ID && o.Generation == j.Generation && o.State.Terminal()
	})
	if o.State != want {
		l.Fatalf("%s ended %s, want %s: %v", j.ID, o.State, want, o.Failure)
	}
	return o
}

// text reads the one object of an output.
func (l *lab) text(j runs.Job, node string, index uris.Index, port string) string {
	l.Helper()
	result, err := tasks.ReadResult(context.Background(), l.blobs, j.Folder, dagTask(node, index))
	if err != nil || result == nil {
		l.Fatalf("commit record of %s %s: %v, %v", node, index, result, err)
	}
	if len(result.Outputs[port]) != 1 {
		l.Fatalf("%s.%s has %d objects", node, port, len(result.Outputs[port]))
	}
	text, err := l.blobs.ReadAll(context.Background(), result.Outputs[port][0].URI, 1<<20)
	if err != nil {
		l.Fatal(err)
	}
	return string(text)
}

// file is a path in the lab that scripts are told as a parameter.
func (l *lab) file(name string) string { return filepath.Join(l.dir, name) }

// lines reads such a file.
func (l *lab) lines(name string) []string {
	l.Helper()
	text, err := os.ReadFile(l.file(name))
	if err != nil && !os.IsNotExist(err) {
		l.Fatal(err)
	}
	return strings.Fields(string(text))
}

// appears waits until a file is there.
func (l *lab) appears(name string) {
	l.Helper()
	for range 3000 {
		if _, err := os.Stat(l.file(name)); err == nil {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	l.Fatalf("%s never came", name)
}

func (l *lab) write(name, text string) uris.URI {
	l.Helper()
	u := l.root.Join("given", name)
	if _, err := l.blobs.Put(context.Background(), u, strings.NewReader(text)); err != nil {
		l.Fatal(err)
	}
	return u
}

func (l *lab) log(q runs.LogQuery) (string, error) {
	r, err := l.engine.Logs(context.Background(), q)
	if err != nil {
		return "", err
	}
	defer r.Close()
	text, err := io.ReadAll(r)
	return string(text), err
}

// record is a sink that remembers.
type record struct {
	mu  sync.Mutex
	all []runs.Observation
	new chan struct{} // closed when something comes
}

func newRecord() *record { return &record{new: make(chan struct{})} }

func (r *record) sink(_ context.Context, batch []runs.Observation) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, batch...)
	close(r.new)
	r.new = make(chan struct{})
	return nil
}

func (r *record) seen() []runs.Observation {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.all)
}

// wait returns the first observation that is wanted, whenever it comes.
func (r *record) wait(t testing.TB, what string, wanted func(runs.Observation) bool) runs.Observation {
	t.Helper()
	limit := time.After(30 * time.Second)
	for {
		r.mu.Lock()
		i, next := slices.IndexFunc(r.all, wanted), r.new
		var found runs.Observation
		if i >= 0 {
			found = r.all[i]
		}
		r.mu.Unlock()
		if i >= 0 {
			return found
		}
		select {
		case <-next:
		case <-limit:
			t.Fatalf("%s: nothing in %d observations", what, len(r.seen()))
		}
	}
}

// last is the latest status of each task of a run, as "node/index": status.
func (r *record) last(id runs.ID) map[string]runs.TaskStatus {
	tasks := map[string]runs.TaskStatus{}
	for _, o := range r.seen() {
		if o.RunID == id && o.Task != nil {
			tasks[dagTask(o.Task.Node, o.Task.Index).String()] = *o.Task
		}
	}
	return tasks
}

func (r *record) events(id runs.ID, kind string) []runs.Event {
	var events []runs.Event
	for _, o := range r.seen() {
		if o.RunID == id && o.Event != nil && o.Event.Kind == kind {
			events = append(events, *o.Event)
		}
	}
	return events
}
