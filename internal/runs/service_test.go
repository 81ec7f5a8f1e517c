package runs_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/internal/runs/runstest"
	"github.com/ligase-bio/ligase/internal/sqlite"
	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/uris"
)

// puppet is an engine that does what the test says.
type puppet struct {
	mu        sync.Mutex
	jobs      []runs.Job
	cancelled []runs.ID
	suspends  []bool // as it was told, of any run
	refuse    error  // of Submit
	sink      runs.Sink
	ready     chan struct{}
}

func newPuppet() *puppet { return &puppet{ready: make(chan struct{})} }

func (p *puppet) Name() string { return "puppet" }

func (p *puppet) Submit(_ context.Context, job runs.Job) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.refuse != nil {
		return p.refuse
	}
	p.jobs = append(p.jobs, job)
	return nil
}

func (p *puppet) Cancel(_ context.Context, id runs.ID) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cancelled = append(p.cancelled, id)
	return nil
}

func (p *puppet) Suspend(_ context.Context, _ runs.ID, hold runs.Hold) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.refuse != nil {
		return p.refuse
	}
	p.suspends = append(p.suspends, hold.Suspended)
	return nil
}

func (p *puppet) Run(ctx context.Context, sink runs.Sink) error {
	p.sink = sink
	close(p.ready)
	<-ctx.Done()
	return nil
}

func (p *puppet) Logs(context.Context, runs.LogQuery) (io.ReadCloser, error) {
	return nil, problem.ErrNotFound
}

func (p *puppet) set(refuse error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuse = refuse
}

// handed lists the distinct runs that were submitted, as "id#generation".
func (p *puppet) handed() map[string]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := map[string]int{}
	for _, j := range p.jobs {
		n[fmt.Sprintf("%s#%d", j.ID, j.Generation)]++
	}
	return n
}

// bench is where services are built.
type bench struct {
	t      *testing.T
	blobs  *uris.Store
	root   uris.URI
	engine *puppet
}

func newBench(t *testing.T) *bench {
	root, err := uris.FromPath(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	blobs, err := uris.NewStore(uris.Options{Roots: []uris.Root{{URI: root, Write: true}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = blobs.Close() })
	return &bench{t: t, blobs: blobs, root: root, engine: newPuppet()}
}

func (b *bench) store() *sqlite.Store {
	s, err := sqlite.Open(filepath.Join(b.t.TempDir(), "ligase.db"), sqlite.Options{})
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = s.Close() })
	return s
}

func (b *bench) service(store runs.Store, change ...func(*runs.Options)) *runs.Service {
	o := runs.Options{Store: store, Engine: b.engine, Blobs: b.blobs, Root: b.root, Catalog: runstest.Catalog(b.t)}
	for _, f := range change {
		f(&o)
	}
	s, err := runs.NewService(o)
	if err != nil {
		b.t.Fatal(err)
	}
	return s
}

// reconcile starts the loop until the test ends.
func (b *bench) reconcile(s *runs.Service) {
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Reconcile(ctx) }()
	<-b.engine.ready
	b.t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			b.t.Errorf("Reconcile: %v", err)
		}
	})
}

// eventually waits for what other goroutines bring about.
func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if f() {
			return
		}
	}
	t.Fatalf("it never came to be that %s", what)
}

func call(id string) runs.SubmitRequest {
	return runs.SubmitRequest{
		Tenant: "t", RequestID: id, Tool: "upper",
		Inputs: map[string][]runs.InputValue{"in": {{Inline: []byte("abc\r\n"), Name: "x.txt"}}},
		Labels: map[string]string{"project": "p"},
	}
}

func count(t *testing.T, s *runs.Service) int {
	t.Helper()
	page, err := s.List(t.Context(), runs.RunFilter{Tenant: "t", Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	return len(page.Runs)
}

// TestSubmitCutShort ends a submit at each point and makes the call again:
// there is one run, whole.
func TestSubmitCutShort(t *testing.T) {
	crash := errors.New("crash")
	for _, point := range []string{"claimed", "inputs", "row", "handed"} {
		t.Run(point, func(t *testing.T) {
			b := newBench(t)
			store := b.store()
			first := b.service(store, func(o *runs.Options) {
				o.SetFailpoint(func(p string) error {
					if p == point {
						return crash
					}
					return nil
				})
			})
			if _, err := first.Submit(t.Context(), call("k")); !errors.Is(err, crash) {
				t.Fatalf("error %v, want the crash", err)
			}
			second := b.service(store, func(o *runs.Options) { o.Clock = func() time.Time { return time.Now().Add(-time.Hour) } })
			got, err := second.Submit(t.Context(), call("k"))
			if err != nil {
				t.Fatal(err)
			}
			if n := count(t, second); n != 1 {
				t.Errorf("there are %d runs", n)
			}
			b.reconcile(second)
			want := fmt.Sprintf("%s#1", got.Run.ID)
			eventually(t, "the engine has the run", func() bool { return b.engine.handed()[want] > 0 })
			if handed := b.engine.handed(); len(handed) != 1 {
				t.Errorf("the engine was given %v", handed)
			}
			plan, err := second.PlanOf(t.Context(), "t", got.Run.ID)
			if err != nil {
				t.Fatal(err)
			}
			data, err := b.blobs.ReadAll(t.Context(), plan.Inputs["in"][0].URI, 100)
			if err != nil || string(data) != "abc\n" {
				t.Errorf("the input is %q, %v", data, err)
			}
		})
	}
}

func TestManyCallersOneKey(t *testing.T) {
	b := newBench(t)
	// Three replicas, each with a store of its own, share the folder.
	services := []*runs.Service{b.service(b.store()), b.service(b.store()), b.service(b.store())}
	var mu sync.Mutex
	ids := map[runs.ID]int{}
	created := 0
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			got, err := services[i%3].Submit(context.Background(), call("k"))
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			}
			ids[got.Run.ID]++
			if got.Created {
				created++
			}
		})
	}
	wg.Wait()
	if len(ids) != 1 || created != 1 {
		t.Errorf("runs %v, %d of them created", ids, created)
	}
	if handed := b.engine.handed(); len(handed) != 1 {
		t.Errorf("the engine was given %v", handed)
	}
	var runsOf []runs.Run
	for _, s := range services {
		page, err := s.List(t.Context(), runs.RunFilter{Tenant: "t"})
		if err != nil || len(page.Runs) != 1 {
			t.Fatalf("%d runs, %v", len(page.Runs), err)
		}
		runsOf = append(runsOf, page.Runs[0])
	}
	for _, r := range runsOf[1:] {
		if r.ID != runsOf[0].ID || !r.CreatedAt.Equal(runsOf[0].CreatedAt) || r.Workflow != runsOf[0].Workflow {
			t.Errorf("replicas disagree: %+v, %+v", r, runsOf[0])
		}
	}
}

func TestSameKeyOtherArguments(t *testing.T) {
	b := newBench(t)
	one, replica := b.service(b.store()), b.service(b.store())
	first, err := one.Submit(t.Context(), call("k"))
	if err != nil || !first.Created {
		t.Fatal(first, err)
	}
	again, err := one.Submit(t.Context(), call("k"))
	if err != nil || again.Created || again.Run.ID != first.Run.ID {
		t.Errorf("again: %+v, %v", again, err)
	}
	other := call("k")
	other.Inputs["in"] = []runs.InputValue{{Inline: []byte("xyz"), Name: "x.txt"}}
	plan, err := one.Plan(t.Context(), other)
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]*runs.Service{"the same": one, "a replica": replica} {
		_, err := s.Submit(t.Context(), other)
		if !errors.Is(err, problem.ErrConflict) || !strings.Contains(err.Error(), first.Run.Digest) || !strings.Contains(err.Error(), plan.Digest()) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := count(t, one) + count(t, replica); n != 1 {
		t.Errorf("there are %d runs", n)
	}
	stored, err := one.PlanOf(t.Context(), "t", first.Run.ID)
	if err != nil {
		t.Fatal(err)
	}
	if data, err := b.blobs.ReadAll(t.Context(), stored.Inputs["in"][0].URI, 100); err != nil || string(data) != "abc\n" {
		t.Errorf("the loser has touched the winner's input: %q, %v", data, err)
	}
}

// TestTornClaim finds what a loss of power can leave of a claim that was not
// flushed.
func TestTornClaim(t *testing.T) {
	for _, left := range []string{"", `{"format":"ligase.run/v1","run_`} {
		b := newBench(t)
		s := b.service(b.store())
		id := runs.IDOf("t", "k")
		if _, err := b.blobs.Put(t.Context(), uris.Layout{Root: b.root}.Run(string(id)).Meta(), strings.NewReader(left)); err != nil {
			t.Fatal(err)
		}
		sub, err := s.Submit(t.Context(), call("k"))
		if err != nil || sub.Run.ID != id {
			t.Fatalf("%q: %+v, %v", left, sub, err)
		}
		other := call("k")
		other.Inputs["in"] = []runs.InputValue{{Inline: []byte("xyz"), Name: "x.txt"}}
		if _, err := b.service(b.store()).Submit(t.Context(), other); !errors.Is(err, problem.ErrConflict) {
			t.Errorf("%q: the claim was not made anew: %v", left, err)
		}
	}
}

func TestPlanCreatesNothing(t *testing.T) {
	b := newBench(t)
	s := b.service(b.store())
	if _, err := s.Plan(t.Context(), call("")); err != nil {
		t.Fatal(err)
	}
	for o, err := range b.blobs.List(t.Context(), b.root, true) {
		t.Errorf("there is %v, %v", o.URI, err)
	}
	if n := count(t, s); n != 0 {
		t.Errorf("there are %d runs", n)
	}
}

func TestIDs(t *testing.T) {
	id := runs.IDOf("t", "k")
	if got, err := runs.ParseID(strings.ToUpper(string(id))); err != nil || got != id {
		t.Errorf("%s, %v", got, err)
	}
	if runs.IDOf("a", "bc") == runs.IDOf("ab", "c") {
		t.Error("tenant and request id run together")
	}
	for _, bad := range []string{"", "run-", "run-7k2m9c4x1p0", "run-7k2m9c4x1p0qq", "run-7k2m9c4x1p0u", "fun-7k2m9c4x1p0q", "run-../../../../"} {
		if _, err := runs.ParseID(bad); problem.Of(err) == nil {
			t.Errorf("%q: %v", bad, err)
		}
	}
	for _, tt := range []struct{ tool, implementation, want string }{
		{"fold", "baseline", "fold-baseline-7k2m9c4x1p0q"},
		{"design_and_fold", "", "design-and-fold-7k2m9c4x1p0q"},
		{strings.Repeat("a", 40), strings.Repeat("b", 40), strings.Repeat("a", 40) + "-" + strings.Repeat("b", 9) + "-7k2m9c4x1p0q"},
	} {
		if got := runs.WorkflowName(tt.tool, tt.implementation, "run-7k2m9c4x1p0q"); got != tt.want || len(got) > 63 {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
}

// commit makes a run of say (or what run says) that has committed out.
func (b *bench) commit(s *runs.Service, store runs.Store, req runs.SubmitRequest, node, port, typ, format, text string) uris.URI {
	b.t.Helper()
	sub, err := s.Submit(b.t.Context(), req)
	if err != nil {
		b.t.Fatal(err)
	}
	folder := uris.Layout{Root: b.root}.Run(string(sub.Run.ID))
	u := folder.Object(node, "", 1, port, -1, format)
	staged, err := b.blobs.Put(b.t.Context(), u, strings.NewReader(text))
	if err != nil {
		b.t.Fatal(err)
	}
	result := &steps.Result{Format: steps.ResultFormat, RunID: string(sub.Run.ID), Node: node, Attempt: 1,
		Outputs: map[string][]steps.Object{port: {{URI: u, Size: staged.Size, SHA256: staged.SHA256, Type: typ, Format: format}}}}
	now := time.Now()
	if err := store.Apply(b.t.Context(), []runs.Observation{
		{RunID: sub.Run.ID, Generation: 1, Time: now, Task: &runs.TaskStatus{Node: node, Attempt: 1, State: runs.Succeeded, Result: result}},
		{RunID: sub.Run.ID, Generation: 1, Time: now, State: runs.Succeeded, Summary: []byte("{}")},
	}); err != nil {
		b.t.Fatal(err)
	}
	return u
}

func TestInputsByURI(t *testing.T) {
	b := newBench(t)
	store := b.store()
	s := b.service(store)
	mine := b.commit(s, store, runs.SubmitRequest{Tenant: "t", RequestID: "mine", Tool: "say"}, "say", "out", "test.text", "txt", "5")
	theirs := b.commit(s, store, runs.SubmitRequest{Tenant: "other", RequestID: "theirs", Tool: "say"}, "say", "out", "test.text", "txt", "5")
	num := b.commit(s, store, runs.SubmitRequest{Tenant: "t", RequestID: "num", Tool: "number",
		Inputs: map[string][]runs.InputValue{"in": {{Inline: []byte("41"), Name: "x.num"}}}}, "number", "out", "test.number", "num", "42\n")
	upper := b.commit(s, store, runs.SubmitRequest{Tenant: "t", RequestID: "upper", Tool: "upper",
		Inputs: map[string][]runs.InputValue{"in": {{URI: num}}}}, "upper", "out", "test.text", "txt", "42\n")
	put := func(name, text string) uris.URI {
		u := b.root.Join("files", name)
		if _, err := b.blobs.Put(t.Context(), u, strings.NewReader(text)); err != nil {
			t.Fatal(err)
		}
		return u
	}
	uncommitted := uris.Layout{Root: b.root}.Run(string(runs.IDOf("t", "mine"))).Object("say", "", 2, "out", -1, "txt")
	if _, err := b.blobs.Put(t.Context(), uncommitted, strings.NewReader("late")); err != nil {
		t.Fatal(err)
	}

	bind := func(tool string, v runs.InputValue) error {
		_, err := s.Plan(t.Context(), runs.SubmitRequest{Tenant: "t", Tool: tool, Inputs: map[string][]runs.InputValue{"in": {v}}})
		return err
	}
	tests := []struct {
		name, tool string
		value      runs.InputValue
		code       problem.Code // empty: it is taken
		says       []string
	}{
		{"a run's", "upper", runs.InputValue{URI: mine}, "", nil},
		{"a kind of what is wanted", "upper", runs.InputValue{URI: num}, "", nil},
		{"a file", "upper", runs.InputValue{URI: put("a.txt", "a")}, "", nil},
		{"the wrong type", "number", runs.InputValue{URI: mine}, problem.TypeMismatch, []string{"`gather` takes it as `items`"}},
		{"the wrong type, made from the right one", "number", runs.InputValue{URI: upper}, problem.TypeMismatch,
			[]string{"fits: " + num.String()}},
		{"another tenant's", "upper", runs.InputValue{URI: theirs}, problem.NotAccessible, []string{"not found"}},
		{"not committed", "upper", runs.InputValue{URI: uncommitted}, problem.NotAccessible, []string{"not found"}},
		{"a run's log", "upper", runs.InputValue{URI: uris.Layout{Root: b.root}.Run(string(runs.IDOf("t", "mine"))).Meta()}, problem.NotAccessible, []string{"not found"}},
		{"absent", "upper", runs.InputValue{URI: b.root.Join("files", "none.txt")}, problem.NotAccessible, []string{"Check the URI"}},
		{"elsewhere", "upper", runs.InputValue{URI: uris.MustParse("file:///etc/passwd")}, problem.NotAllowed, nil},
		{"of no known type", "upper", runs.InputValue{URI: put("a.xyz", "a")}, problem.TypeMismatch, []string{"a.xyz", "txt"}},
		{"not what its name says", "number", runs.InputValue{URI: put("a.num", "four\n")}, problem.Invalid, []string{"number a line"}},
		{"too long", "number", runs.InputValue{URI: put("b.num", "1\n2\n3\n4\n")}, problem.OutOfRange, []string{"4", "at most 3"}},
		{"empty", "upper", runs.InputValue{URI: put("empty.txt", "")}, problem.Invalid, nil},
		{"inline", "number", runs.InputValue{Inline: []byte("\xef\xbb\xbf1\r\n2")}, "", nil},
		{"inline and too long", "number", runs.InputValue{Inline: []byte("1\n2\n3\n4")}, problem.OutOfRange, nil},
		{"inline and too large", "upper", runs.InputValue{Inline: make([]byte, 64<<20+1), Name: "x.txt"}, problem.TooLarge, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := bind(tt.tool, tt.value)
			if tt.code == "" {
				if err != nil {
					t.Errorf("refused: %v", err)
				}
				return
			}
			ps := problem.Of(err)
			if len(ps) != 1 || ps[0].Code != tt.code || !strings.HasPrefix(ps[0].Path, "inputs.in") {
				t.Fatalf("%#v, want one problem with inputs.in of code %s", err, tt.code)
			}
			for _, w := range tt.says {
				if !strings.Contains(ps[0].String(), w) {
					t.Errorf("%q does not say %q", ps[0], w)
				}
			}
		})
	}

	absent := uris.Layout{Root: b.root}.Run(string(runs.IDOf("t", "none"))).Object("say", "", 1, "out", -1, "txt")
	foreign, none := bind("upper", runs.InputValue{URI: theirs}), bind("upper", runs.InputValue{URI: absent})
	if a, b := strings.ReplaceAll(foreign.Error(), theirs.String(), "URI"), strings.ReplaceAll(none.Error(), absent.String(), "URI"); a != b {
		t.Errorf("another tenant's: %q, none: %q", a, b)
	}
}

func TestReconcileHandsOver(t *testing.T) {
	b := newBench(t)
	store := b.store()
	b.engine.set(fmt.Errorf("full: %w", problem.ErrUnavailable))
	s := b.service(store)
	sub, err := s.Submit(t.Context(), call("k"))
	if err != nil || sub.Run.State != runs.Pending {
		t.Fatalf("%+v, %v", sub, err)
	}
	b.reconcile(s)
	eventually(t, "the run says why it waits", func() bool {
		r, err := s.Get(t.Context(), "t", sub.Run.ID)
		return err == nil && strings.Contains(r.Waiting, "full")
	})
	b.engine.set(nil)
	eventually(t, "the engine has it", func() bool { return b.engine.handed()[string(sub.Run.ID)+"#1"] == 1 })

	// Another process submits to the same store, and has no engine.
	other := b.service(store, func(o *runs.Options) { o.Engine = newPuppet() })
	foreign, err := other.Submit(t.Context(), call("foreign"))
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the engine has the other process's run", func() bool { return b.engine.handed()[string(foreign.Run.ID)+"#1"] == 1 })
	if _, err := other.Cancel(t.Context(), "t", foreign.Run.ID); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the engine is told to cancel", func() bool {
		b.engine.mu.Lock()
		defer b.engine.mu.Unlock()
		return len(b.engine.cancelled) == 1 && b.engine.cancelled[0] == foreign.Run.ID
	})

	// The run fails, and is retried by the other process.
	failed := runs.Observation{RunID: sub.Run.ID, Generation: 1, Time: time.Now(), State: runs.Failed,
		Failure: &steps.Failure{Code: steps.FailExit, Message: "It failed.", Node: "upper"}}
	if err := b.engine.sink(t.Context(), []runs.Observation{failed}); err != nil {
		t.Fatal(err)
	}
	sum, err := other.Summary(t.Context(), "t", sub.Run.ID)
	if err != nil || sum.Error == nil || sum.Error.Hint == "" || sum.Status != runs.Failed {
		t.Errorf("%+v, %v", sum, err)
	}
	if _, err := other.Retry(t.Context(), "t", sub.Run.ID); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the engine has the next generation", func() bool { return b.engine.handed()[string(sub.Run.ID)+"#2"] == 1 })
	want := map[string]int{string(sub.Run.ID) + "#1": 1, string(sub.Run.ID) + "#2": 1, string(foreign.Run.ID) + "#1": 1}
	if diff := cmp.Diff(want, b.engine.handed()); diff != "" {
		t.Errorf("what the engine was given:\n%s", diff)
	}
}

func TestReconcileAfterRestart(t *testing.T) {
	b := newBench(t)
	store := b.store()
	before := b.service(store, func(o *runs.Options) { o.Engine = newPuppet() })
	submit := func(key string) runs.ID {
		sub, err := before.Submit(t.Context(), call(key))
		if err != nil {
			t.Fatal(err)
		}
		return sub.Run.ID
	}
	running, cancelledEarly, cancelledRunning, bare := submit("running"), submit("early"), submit("late"), submit("bare")
	if err := store.Apply(t.Context(), []runs.Observation{
		{RunID: running, Generation: 1, State: runs.Running, Time: time.Now()},
		{RunID: cancelledRunning, Generation: 1, State: runs.Running, Time: time.Now()},
		{RunID: bare, Generation: 1, State: runs.Succeeded, Time: time.Now()},
	}); err != nil {
		t.Fatal(err)
	}
	for _, id := range []runs.ID{cancelledEarly, cancelledRunning} {
		if _, err := before.Cancel(t.Context(), "t", id); err != nil {
			t.Fatal(err)
		}
	}
	s := b.service(store)
	b.reconcile(s)
	state := func(id runs.ID) runs.Run {
		r, err := s.Get(t.Context(), "t", id)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	eventually(t, "what ran is handed over", func() bool { return b.engine.handed()[string(running)+"#1"] == 1 })
	eventually(t, "what was cancelled before it started has ended", func() bool {
		r := state(cancelledEarly)
		return r.State == runs.Cancelled && r.Summary != nil
	})
	eventually(t, "what was cancelled while it ran is handed over and cancelled", func() bool {
		b.engine.mu.Lock()
		defer b.engine.mu.Unlock()
		return len(b.engine.cancelled) == 2 && b.engine.cancelled[1] == cancelledRunning
	})
	eventually(t, "the missing summary is written", func() bool { return state(bare).Summary != nil })
	if n := b.engine.handed()[string(cancelledEarly)+"#1"]; n != 0 {
		t.Error("a run that was cancelled before it started was started")
	}
}

func TestEngineConflictFailsTheRun(t *testing.T) {
	b := newBench(t)
	b.engine.set(fmt.Errorf("a foreign workflow of that name: %w", problem.ErrConflict))
	s := b.service(b.store())
	b.reconcile(s)
	sub, err := s.Submit(t.Context(), call("k"))
	if err != nil {
		t.Fatal(err)
	}
	run, err := s.Wait(t.Context(), "t", sub.Run.ID)
	if err != nil || run.State != runs.Failed || run.Failure == nil || !strings.Contains(run.Failure.Message, "foreign workflow") {
		t.Errorf("%+v, %v", run, err)
	}
}

// TestTheReconcilerLeavesARunToTheCallThatSubmitsIt: a call answers when the
// engine has its run, also when the reconciler sees the run in the store before
// the call has given it to the engine.
func TestTheReconcilerLeavesARunToTheCallThatSubmitsIt(t *testing.T) {
	b := newBench(t)
	var s *runs.Service
	var early int
	s = b.service(b.store(), func(o *runs.Options) {
		o.SetFailpoint(func(point string) error {
			if point == "row" {
				if err := s.Sweep(t.Context()); err != nil {
					t.Error(err)
				}
				early = len(b.engine.jobs)
			}
			return nil
		})
	})
	made, err := s.Submit(t.Context(), runs.SubmitRequest{Tenant: "lab", Tool: "say"})
	if err != nil {
		t.Fatal(err)
	}
	if early != 0 || len(b.engine.jobs) != 1 || b.engine.jobs[0].ID != made.Run.ID || !b.engine.jobs[0].Fresh {
		t.Errorf("the sweep handed over %d runs; the engine has %+v, want the call's as a fresh one", early, b.engine.jobs)
	}
}
