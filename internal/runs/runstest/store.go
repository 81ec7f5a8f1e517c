package runstest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/pipelines"
	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/uris"
)

// TestStore is the conformance suite of [runs.Store]. open gives a new, empty
// store whose plans are read with the types given; the suite closes nothing.
func TestStore(t *testing.T, open func(t *testing.T) runs.Store) {
	c := Catalog(t)
	plan := func(t *testing.T, text string) *pipelines.Plan {
		return Plan(t, c, "say", pipelines.Arguments{Params: map[string]any{"text": text}})
	}
	tests := []struct {
		name string
		run  func(t *testing.T, s *storeTest)
	}{
		{"create once", testCreate},
		{"create by many at once", testCreateConcurrently},
		{"plans", testPlans},
		{"tenants", testTenants},
		{"never backward", testMonotonic},
		{"tasks", testTasks},
		{"outputs", testOutputs},
		{"what tasks took", testSpent},
		{"list", testList},
		{"cancel", testCancel},
		{"suspend", testSuspend},
		{"retry", testRetry},
		{"events", testEvents},
		{"active", testActive},
		{"version", testVersion},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.run(t, &storeTest{Store: open(t), plan: plan})
		})
	}
}

type storeTest struct {
	runs.Store
	plan func(t *testing.T, text string) *pipelines.Plan
}

var epoch = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// newRun is a run as the service would submit it.
func (s *storeTest) newRun(t *testing.T, tenant, request string) (runs.Run, *pipelines.Plan) {
	plan := s.plan(t, request)
	return runs.Run{
		ID: runs.IDOf(tenant, request), Tenant: tenant, RequestID: request, Digest: plan.Digest(),
		Tool: plan.Compiled.Tool, Workflow: "say-shell-x", Engine: "local", Root: uris.MustParse("mem://bucket/root"),
		State: runs.Pending, Generation: 1, CreatedAt: epoch, UpdatedAt: epoch,
	}, plan
}

func (s *storeTest) create(t *testing.T, tenant, request string) runs.Run {
	t.Helper()
	run, plan := s.newRun(t, tenant, request)
	run, created, err := s.Create(t.Context(), run, plan)
	if err != nil || !created {
		t.Fatalf("Create: created %v, %v", created, err)
	}
	return run
}

func (s *storeTest) apply(t *testing.T, batch ...runs.Observation) {
	t.Helper()
	for i := range batch {
		if batch[i].Generation == 0 {
			batch[i].Generation = 1
		}
		if batch[i].Time.IsZero() {
			batch[i].Time = epoch.Add(time.Minute)
		}
	}
	if err := s.Apply(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
}

func (s *storeTest) get(t *testing.T, r runs.Run) runs.Run {
	t.Helper()
	got, err := s.Get(t.Context(), r.Tenant, r.ID)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func wantIs(t *testing.T, err, sentinel error) {
	t.Helper()
	if !errors.Is(err, sentinel) {
		t.Fatalf("error %v, want %v", err, sentinel)
	}
}

func testCreate(t *testing.T, s *storeTest) {
	run, plan := s.newRun(t, "a", "one")
	run.Labels = map[string]string{"project": "x"}
	first, created, err := s.Create(t.Context(), run, plan)
	if err != nil || !created {
		t.Fatalf("first: created %v, %v", created, err)
	}
	if diff := cmp.Diff(run, s.get(t, first), cmpopts.EquateEmpty(), cmp.Comparer(func(a, b uris.URI) bool { return a == b })); diff != "" {
		t.Errorf("what is read is not what was written:\n%s", diff)
	}
	again, created, err := s.Create(t.Context(), run, plan)
	if err != nil || created || again.ID != run.ID {
		t.Errorf("again: %v, created %v, %v", again.ID, created, err)
	}

	other := run
	otherPlan := s.plan(t, "something else")
	other.Digest = otherPlan.Digest()
	_, _, err = s.Create(t.Context(), other, otherPlan)
	wantIs(t, err, problem.ErrConflict)
	if !strings.Contains(err.Error(), run.Digest) || !strings.Contains(err.Error(), other.Digest) {
		t.Errorf("the conflict does not name both digests: %v", err)
	}
	if got := s.get(t, run); got.Digest != run.Digest {
		t.Error("the conflict has changed the run")
	}
	if got, err := s.ByRequest(t.Context(), "a", "one"); err != nil || got.ID != run.ID {
		t.Errorf("ByRequest: %v, %v", got.ID, err)
	}
}

func testCreateConcurrently(t *testing.T, s *storeTest) {
	const callers = 32
	var wg sync.WaitGroup
	var mu sync.Mutex
	made := 0
	for i := range callers {
		wg.Go(func() {
			run, plan := s.newRun(t, "a", fmt.Sprint("shared", i%2))
			_, created, err := s.Create(context.Background(), run, plan)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			}
			if created {
				made++
			}
		})
	}
	wg.Wait()
	if made != 2 {
		t.Errorf("%d runs were made of 2 requests", made)
	}
}

func testPlans(t *testing.T, s *storeTest) {
	for _, text := range []string{"one", "two"} {
		run := s.create(t, "a", text)
		plan, err := s.Plan(t.Context(), run.ID)
		if err != nil {
			t.Fatal(err)
		}
		if got := plan.Digest(); got != run.Digest {
			t.Errorf("the plan that is read has digest %s, the one written %s", got, run.Digest)
		}
		if got := plan.Params["text"].String(); got != text {
			t.Errorf("text is %q, want %q", got, text)
		}
	}
	_, err := s.Plan(t.Context(), runs.IDOf("a", "none"))
	wantIs(t, err, problem.ErrNotFound)
}

func testTenants(t *testing.T, s *storeTest) {
	run := s.create(t, "a", "one")
	absent := runs.IDOf("a", "none")
	_, foreign := s.Get(t.Context(), "b", run.ID)
	_, missing := s.Get(t.Context(), "b", absent)
	wantIs(t, foreign, problem.ErrNotFound)
	wantIs(t, missing, problem.ErrNotFound)
	if a, b := strings.ReplaceAll(foreign.Error(), string(run.ID), "ID"), strings.ReplaceAll(missing.Error(), string(absent), "ID"); a != b {
		t.Errorf("another tenant's run: %q, none: %q", a, b)
	}
	_, err := s.RequestCancel(t.Context(), "b", run.ID)
	wantIs(t, err, problem.ErrNotFound)
	_, err = s.Retry(t.Context(), "b", run.ID)
	wantIs(t, err, problem.ErrNotFound)
	_, err = s.ByRequest(t.Context(), "b", "one")
	wantIs(t, err, problem.ErrNotFound)
	for id, want := range map[runs.ID]bool{run.ID: true, absent: false} {
		if has, err := s.Has(t.Context(), id); err != nil || has != want {
			t.Errorf("has %s: %v, want %v; %v", id, has, want, err)
		}
	}
	s.create(t, "b", "one") // the same request id of another tenant is another run
	page, err := s.List(t.Context(), runs.RunFilter{Tenant: "b"})
	if err != nil || len(page.Runs) != 1 || page.Runs[0].Tenant != "b" {
		t.Errorf("list: %+v, %v", page.Runs, err)
	}
}

func testMonotonic(t *testing.T, s *storeTest) {
	run := s.create(t, "a", "one")
	waiting := "no CPU is free"
	s.apply(t,
		runs.Observation{RunID: run.ID, Waiting: &waiting},
		runs.Observation{RunID: run.ID, State: runs.Running, Time: epoch.Add(time.Second)},
		runs.Observation{RunID: run.ID, State: runs.Pending},
		runs.Observation{RunID: run.ID, Progress: &runs.Progress{Done: 1, Total: 2}},
		runs.Observation{RunID: runs.IDOf("a", "none"), State: runs.Running},
		runs.Observation{RunID: run.ID, Generation: 7, State: runs.Failed},
	)
	got := s.get(t, run)
	if got.State != runs.Running || !got.StartedAt.Equal(epoch.Add(time.Second)) || got.Waiting != waiting || got.Progress.Done != 1 {
		t.Fatalf("running: %+v", got)
	}
	s.apply(t, runs.Observation{RunID: run.ID, State: runs.Failed, Failure: &steps.Failure{Code: steps.FailExit, Message: "It failed."}, Summary: []byte(`{"x":1}`)})
	s.apply(t,
		runs.Observation{RunID: run.ID, State: runs.Succeeded},
		runs.Observation{RunID: run.ID, State: runs.Running},
		runs.Observation{RunID: run.ID, Progress: &runs.Progress{Done: 9}},
	)
	got = s.get(t, run)
	if got.State != runs.Failed || got.Failure == nil || got.Failure.Message != "It failed." || string(got.Summary) != `{"x":1}` || got.Waiting != "" || got.Progress.Done != 1 {
		t.Errorf("failed: %+v", got)
	}
}

func testTasks(t *testing.T, s *storeTest) {
	run := s.create(t, "a", "one")
	task := func(node string, ix uris.Index, attempt int, state runs.State) runs.Observation {
		return runs.Observation{RunID: run.ID, Task: &runs.TaskStatus{Node: node, Index: ix, Attempt: attempt, State: state}}
	}
	var batch []runs.Observation
	for i := range 12 {
		batch = append(batch, task("b", uris.Index("").Child(i), 1, runs.Running))
	}
	batch = append(batch, task("b", "1.0", 1, runs.Pending), task("a", "", 1, runs.Running),
		task("a", "", 2, runs.Running), task("a", "", 1, runs.Running), task("b", "3", 1, runs.Failed), task("b", "3", 2, runs.Running))
	s.apply(t, batch...)

	var got []string
	cursor := ""
	for pages := 0; ; pages++ {
		page, err := s.Tasks(t.Context(), run.ID, runs.TaskFilter{Limit: 5, Cursor: cursor})
		if err != nil {
			t.Fatal(err)
		}
		for _, task := range page.Tasks {
			got = append(got, fmt.Sprintf("%s %s #%d %s", task.Node, task.Index, task.Attempt, task.State))
		}
		if cursor = page.Next; cursor == "" {
			break
		}
		if pages > 10 {
			t.Fatal("the pages do not end")
		}
	}
	want := []string{"a  #2 running", "b 0 #1 running", "b 1 #1 running", "b 1.0 #1 pending", "b 2 #1 running", "b 3 #1 failed"}
	for i := 4; i < 12; i++ {
		want = append(want, fmt.Sprintf("b %d #1 running", i))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	page, err := s.Tasks(t.Context(), run.ID, runs.TaskFilter{Node: "b", States: []runs.State{runs.Failed, runs.Pending}})
	if err != nil || len(page.Tasks) != 2 {
		t.Errorf("filtered: %+v, %v", page.Tasks, err)
	}
	nodes, err := s.Nodes(t.Context(), run.ID)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]runs.NodeStatus{{Node: "a", Total: 1, Running: 1}, {Node: "b", Total: 13, Done: 1, Failed: 1, Running: 11}}, nodes); diff != "" {
		t.Error(diff)
	}
}

func object(u string) steps.Object {
	return steps.Object{URI: uris.MustParse(u), Size: 3, SHA256: strings.Repeat("0", 64), Type: "test.text", Format: "txt"}
}

func committed(run runs.Run, node string, ix uris.Index, port string, us ...string) runs.Observation {
	var objects []steps.Object
	for _, u := range us {
		objects = append(objects, object(u))
	}
	return runs.Observation{RunID: run.ID, Task: &runs.TaskStatus{
		Node: node, Index: ix, Attempt: 1, State: runs.Succeeded,
		Result: &steps.Result{Format: steps.ResultFormat, Node: node, Index: ix, Attempt: 1, Metrics: map[string]float64{"x": 1.5},
			Outputs: map[string][]steps.Object{port: objects}},
	}}
}

func testOutputs(t *testing.T, s *storeTest) {
	run := s.create(t, "a", "one")
	const base = "mem://bucket/root/runs/x/outputs/"
	s.apply(t,
		committed(run, "up", "10", "out", base+"up/10/out.txt"),
		committed(run, "up", "2", "out", base+"up/2/out.txt"),
		committed(run, "split", "", "items", base+"split/items/0.txt", base+"split/items/1.txt"),
	)
	page, err := s.Outputs(t.Context(), run.ID, runs.OutputFilter{Limit: 3})
	if err != nil || len(page.Outputs) != 3 || page.Total != 4 || page.Next == "" {
		t.Fatalf("first page: %+v, %v", page, err)
	}
	rest, err := s.Outputs(t.Context(), run.ID, runs.OutputFilter{Limit: 3, Cursor: page.Next})
	if err != nil || len(rest.Outputs) != 1 || rest.Next != "" {
		t.Fatalf("second page: %+v, %v", rest, err)
	}
	var got []string
	for _, o := range append(page.Outputs, rest.Outputs...) {
		got = append(got, fmt.Sprintf("%s %s %s %d %s", o.Node, o.Index, o.Port, o.Item, o.Object.URI.Base()))
	}
	want := []string{"split  items 0 0.txt", "split  items 1 1.txt", "up 2 out 0 out.txt", "up 10 out 0 out.txt"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	some, err := s.Outputs(t.Context(), run.ID, runs.OutputFilter{Node: "up", Port: "out", Limit: 1})
	if err != nil || some.Total != 2 || some.Outputs[0].Index != "2" {
		t.Errorf("of a port: %+v, %v", some, err)
	}

	// What was filtered is none of the outputs, but is known for what it is.
	item, whole := committed(run, "sieve", "", "items", base+"sieve/items/0.txt", base+"sieve/items/1.txt"), committed(run, "sieve", "3", "out", base+"sieve/3/out.txt")
	item.Task.Result.Outputs["items"][0].Filtered = &steps.Filtered{Metric: "x", Value: 1, Threshold: 2, Bound: steps.LowerBound}
	whole.Task.Result.Filtered = &steps.Filtered{Metric: "x", Value: 1, Threshold: 2, Bound: steps.LowerBound}
	s.apply(t, item, whole)
	stayed, err := s.Outputs(t.Context(), run.ID, runs.OutputFilter{Node: "sieve"})
	if err != nil || stayed.Total != 1 || stayed.Outputs[0].Item != 1 {
		t.Errorf("of what stayed: %+v, %v", stayed, err)
	}
	filtered, err := s.Outputs(t.Context(), run.ID, runs.OutputFilter{Filtered: true, Limit: 1})
	if err != nil || filtered.Total != 2 || len(filtered.Outputs) != 1 || filtered.Next == "" {
		t.Errorf("of what was filtered: %+v, %v", filtered, err)
	}
	if ref, err := s.Output(t.Context(), "a", uris.MustParse(base+"sieve/3/out.txt")); err != nil || ref.Object.Type != "test.text" {
		t.Errorf("filtered, by URI: %+v, %v", ref, err)
	}

	u := uris.MustParse(base + "split/items/1.txt")
	ref, err := s.Output(t.Context(), "a", u)
	if err != nil || ref.RunID != run.ID || ref.Node != "split" || ref.Port != "items" || ref.Item != 1 || ref.Object.URI != u {
		t.Errorf("by URI: %+v, %v", ref, err)
	}
	_, err = s.Output(t.Context(), "b", u)
	wantIs(t, err, problem.ErrNotFound)
	_, err = s.Output(t.Context(), "a", uris.MustParse(base+"none.txt"))
	wantIs(t, err, problem.ErrNotFound)

	tasks, err := s.Tasks(t.Context(), run.ID, runs.TaskFilter{Node: "split"})
	if err != nil || len(tasks.Tasks) != 1 {
		t.Fatalf("%+v, %v", tasks, err)
	}
	if r := tasks.Tasks[0].Result; r == nil || len(r.Outputs["items"]) != 2 || r.Metrics["x"] != 1.5 {
		t.Errorf("the task's result came back as %+v", r)
	}
}

func testList(t *testing.T, s *storeTest) {
	var all []runs.ID
	for i := range 7 {
		run, plan := s.newRun(t, "a", fmt.Sprint("r", i))
		run.CreatedAt = epoch.Add(time.Duration(i%3) * time.Hour) // clocks jump
		run.Labels = map[string]string{"parity": fmt.Sprint(i % 2)}
		if _, _, err := s.Create(t.Context(), run, plan); err != nil {
			t.Fatal(err)
		}
		all = append(all, run.ID)
		if i == 2 {
			s.apply(t, runs.Observation{RunID: run.ID, State: runs.Failed})
		}
	}
	slices.Reverse(all)
	s.create(t, "b", "r0")

	walk := func(f runs.RunFilter) []runs.ID {
		t.Helper()
		f.Tenant = "a"
		var got []runs.ID
		for range 20 {
			page, err := s.List(t.Context(), f)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range page.Runs {
				got = append(got, r.ID)
			}
			if f.Cursor = page.Next; f.Cursor == "" {
				return got
			}
		}
		t.Fatal("the pages do not end")
		return nil
	}
	for name, tt := range map[string]struct {
		filter runs.RunFilter
		want   []runs.ID
	}{
		"all":             {runs.RunFilter{}, all},
		"pages":           {runs.RunFilter{Limit: 2}, all},
		"a state":         {runs.RunFilter{States: []runs.State{runs.Failed}}, all[4:5]},
		"states, pages":   {runs.RunFilter{States: []runs.State{runs.Failed, runs.Pending}, Limit: 2}, all},
		"a tool":          {runs.RunFilter{Tool: "say", Limit: 3}, all},
		"another tool":    {runs.RunFilter{Tool: "fold"}, nil},
		"since":           {runs.RunFilter{Since: epoch.Add(2 * time.Hour)}, []runs.ID{all[1], all[4]}},
		"until":           {runs.RunFilter{Until: epoch.Add(time.Hour)}, []runs.ID{all[0], all[3], all[6]}},
		"label":           {runs.RunFilter{Label: map[string]string{"parity": "1"}}, []runs.ID{all[1], all[3], all[5]}},
		"label and state": {runs.RunFilter{Label: map[string]string{"parity": "1"}, States: []runs.State{runs.Failed}}, nil},
	} {
		if diff := cmp.Diff(tt.want, walk(tt.filter)); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}

	page, err := s.List(t.Context(), runs.RunFilter{Tenant: "a", Limit: 2})
	if err != nil {
		t.Fatal(err)
	}
	for name, f := range map[string]runs.RunFilter{
		"another tenant's": {Tenant: "b", Cursor: page.Next},
		"nonsense":         {Tenant: "a", Cursor: "bm9uc2Vuc2U"},
		"cut":              {Tenant: "a", Cursor: page.Next[:4]},
	} {
		if _, err := s.List(t.Context(), f); problem.Of(err) == nil {
			t.Errorf("%s cursor: %v, want a problem", name, err)
		}
	}
}

func testCancel(t *testing.T, s *storeTest) {
	run := s.create(t, "a", "one")
	for range 2 {
		got, err := s.RequestCancel(t.Context(), "a", run.ID)
		if err != nil || !got.CancelRequested || got.State != runs.Pending {
			t.Fatalf("%+v, %v", got, err)
		}
	}
	if !s.get(t, run).CancelRequested {
		t.Error("the intent is not kept")
	}
	done := s.create(t, "a", "two")
	s.apply(t, runs.Observation{RunID: done.ID, State: runs.Succeeded})
	got, err := s.RequestCancel(t.Context(), "a", done.ID)
	if err != nil || got.CancelRequested || got.State != runs.Succeeded {
		t.Errorf("of a run that has ended: %+v, %v", got, err)
	}
}

func testSuspend(t *testing.T, s *storeTest) {
	run := s.create(t, "a", "one")
	want := func(got runs.Run, err error, suspended bool) {
		t.Helper()
		if err != nil || got.Suspended != suspended || s.get(t, run).Suspended != suspended {
			t.Errorf("suspended %v, kept as %v, want %v: %v", got.Suspended, s.get(t, run).Suspended, suspended, err)
		}
	}
	for _, suspended := range []bool{true, true, false, false, true} {
		got, err := s.RequestSuspend(t.Context(), "a", run.ID, suspended)
		want(got, err, suspended)
	}
	_, err := s.RequestSuspend(t.Context(), "b", run.ID, false)
	wantIs(t, err, problem.ErrNotFound)

	// Of what another process was asked the later word counts, and a word that
	// is said again is a later one, whoever's clock is ahead.
	said := s.get(t, run).Hold
	ahead := said.SuspendAsked.Add(time.Hour)
	for _, told := range []struct {
		hold, want runs.Hold
	}{
		{runs.Hold{Suspended: false, SuspendAsked: said.SuspendAsked.Add(-1)}, said},
		{runs.Hold{Suspended: false, SuspendAsked: said.SuspendAsked}, said},
		{runs.Hold{Suspended: false, SuspendAsked: ahead}, runs.Hold{SuspendAsked: ahead}},
	} {
		s.apply(t, runs.Observation{RunID: run.ID, Hold: &told.hold})
		if got := s.get(t, run).Hold; got != told.want {
			t.Errorf("told %+v it is %+v, want %+v", told.hold, got, told.want)
		}
	}
	for _, suspended := range []bool{false, true} {
		before := s.get(t, run).Hold
		again, err := s.RequestSuspend(t.Context(), "a", run.ID, suspended)
		want(again, err, suspended)
		if !s.get(t, run).Later(before) {
			t.Errorf("%+v is not later than %+v", s.get(t, run).Hold, before)
		}
	}

	s.apply(t, runs.Observation{RunID: run.ID, State: runs.Running})
	if _, err := s.RequestCancel(t.Context(), "a", run.ID); err != nil {
		t.Fatal(err)
	}
	got, err := s.RequestSuspend(t.Context(), "a", run.ID, false) // it is to end
	want(got, err, true)
	s.apply(t, runs.Observation{RunID: run.ID, State: runs.Cancelled})
	got, err = s.RequestSuspend(t.Context(), "a", run.ID, false)
	want(got, err, true)
	got, err = s.Retry(t.Context(), "a", run.ID)
	want(got, err, false)

	events, err := s.Events(t.Context(), run.ID, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for _, e := range events {
		kinds = append(kinds, e.Kind)
	}
	if diff := cmp.Diff([]string{"submitted", "suspended", "resumed", "suspended", "resumed", "suspended", "cancel_requested", "finished", "retried"}, kinds); diff != "" {
		t.Errorf("events:\n%s", diff)
	}
}

func testRetry(t *testing.T, s *storeTest) {
	run := s.create(t, "a", "one")
	_, err := s.Retry(t.Context(), "a", run.ID)
	wantIs(t, err, problem.ErrConflict)
	s.apply(t, committed(run, "good", "", "out", "mem://bucket/root/x.txt"),
		runs.Observation{RunID: run.ID, Task: &runs.TaskStatus{Node: "bad", Attempt: 1, State: runs.Failed}},
		runs.Observation{RunID: run.ID, State: runs.Failed, Failure: &steps.Failure{Code: steps.FailExit}, Summary: []byte("{}"), Progress: &runs.Progress{Done: 2, Total: 3, Failed: 1}})

	got, err := s.Retry(t.Context(), "a", run.ID)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(got, s.get(t, run), cmpopts.EquateEmpty(), cmp.Comparer(func(a, b uris.URI) bool { return a == b })); diff != "" {
		t.Errorf("what Retry returned is not what is kept:\n%s", diff)
	}
	if got.State != runs.Pending || got.Generation != 2 || got.Failure != nil || got.Summary != nil || !got.FinishedAt.IsZero() {
		t.Errorf("%+v", got)
	}
	_, err = s.Retry(t.Context(), "a", run.ID)
	wantIs(t, err, problem.ErrConflict)

	tasks, err := s.Tasks(t.Context(), run.ID, runs.TaskFilter{})
	if err != nil || len(tasks.Tasks) != 1 || tasks.Tasks[0].Node != "good" {
		t.Errorf("tasks: %+v, %v", tasks.Tasks, err)
	}
	s.apply(t, runs.Observation{RunID: run.ID, State: runs.Failed}) // late news of the first generation
	if got := s.get(t, run); got.State != runs.Pending {
		t.Errorf("news of an older generation made it %s", got.State)
	}
	s.apply(t, runs.Observation{RunID: run.ID, Generation: 2, Task: &runs.TaskStatus{Node: "bad", Attempt: 2, State: runs.Running}},
		runs.Observation{RunID: run.ID, Generation: 2, State: runs.Succeeded})
	if got := s.get(t, run); got.State != runs.Succeeded {
		t.Errorf("it is %s", got.State)
	}
}

func testEvents(t *testing.T, s *storeTest) {
	run := s.create(t, "a", "one")
	s.apply(t,
		runs.Observation{RunID: run.ID, Event: &runs.Event{Kind: "started", Time: epoch.Add(-time.Hour)}},
		runs.Observation{RunID: run.ID, Event: &runs.Event{Kind: "attempt_failed", Node: "say", Index: "3.10", Attempt: 2, Message: "It failed."}})
	events, err := s.Events(t.Context(), run.ID, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	want := []runs.Event{
		{Time: epoch, Kind: "submitted"},
		{Time: epoch.Add(-time.Hour), Kind: "started"},
		{Time: epoch.Add(time.Minute), Kind: "attempt_failed", Node: "say", Index: "3.10", Attempt: 2, Message: "It failed."},
	}
	if diff := cmp.Diff(want, events, cmpopts.IgnoreFields(runs.Event{}, "Seq")); diff != "" {
		t.Error(diff)
	}
	rest, err := s.Events(t.Context(), run.ID, events[0].Seq, 1)
	if err != nil || len(rest) != 1 || rest[0].Kind != "started" || rest[0].Seq <= events[0].Seq {
		t.Errorf("after the first: %+v, %v", rest, err)
	}

	// The end of a run is an event once, however often it is reported.
	for range 2 {
		s.apply(t, runs.Observation{RunID: run.ID, State: runs.Failed, Failure: &steps.Failure{Code: steps.FailExit, Message: "It failed."}})
	}
	events, err = s.Events(t.Context(), run.ID, rest[0].Seq, 0)
	if err != nil || len(events) != 2 || events[1].Kind != "finished" || events[1].Message != "failed: It failed." {
		t.Errorf("after the end: %+v, %v", events, err)
	}
}

func testActive(t *testing.T, s *storeTest) {
	pending, bare, done := s.create(t, "a", "pending"), s.create(t, "b", "bare"), s.create(t, "a", "done")
	s.apply(t, runs.Observation{RunID: bare.ID, State: runs.Succeeded},
		runs.Observation{RunID: done.ID, State: runs.Succeeded, Summary: []byte("{}")})
	active, err := s.Active(t.Context())
	if err != nil || len(active) != 2 || active[0].ID != pending.ID || active[1].ID != bare.ID {
		t.Fatalf("%+v, %v", active, err)
	}
	wantIs(t, s.SetSummary(t.Context(), pending.ID, []byte("{}")), problem.ErrConflict)
	if err := s.SetSummary(t.Context(), bare.ID, []byte(`{"y":2}`)); err != nil {
		t.Fatal(err)
	}
	if got := s.get(t, bare); string(got.Summary) != `{"y":2}` {
		t.Errorf("summary %s", got.Summary)
	}
	if active, err := s.Active(t.Context()); err != nil || len(active) != 1 {
		t.Errorf("%+v, %v", active, err)
	}
}

func testVersion(t *testing.T, s *storeTest) {
	before, err := s.Version(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.create(t, "a", "one")
	after, err := s.Version(t.Context())
	if err != nil || after == before {
		t.Errorf("%d before, %d after, %v", before, after, err)
	}
	if again, err := s.Version(t.Context()); err != nil || again != after {
		t.Errorf("%d without a write, %v", again, err)
	}
}
