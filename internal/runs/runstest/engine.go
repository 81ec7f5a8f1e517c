package runstest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ligase-bio/ligase/catalog"
	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/uris"
)

// Env is what an engine under test works with.
type Env struct {
	Blobs *uris.Store
	Root  uris.URI
	Dir   string // a private folder
}

// Harness says how the suite gets what it tests.
type Harness struct {
	NewEngine func(t *testing.T, env Env) runs.Engine
	OpenStore func(t *testing.T) runs.Store
	// Blobs opens the store of objects; nil: files in a folder of the test's.
	Blobs func(t *testing.T) (*uris.Store, uris.URI)
	// Patience is how long a run may take; 0: a minute.
	Patience time.Duration
	// Parallel has the parts of the suite run side by side: for engines that
	// mostly wait.
	Parallel bool
}

// Lab is a service over an engine that runs.
type Lab struct {
	*runs.Service
	Env
	Catalog *catalog.Catalog

	t        *testing.T
	patience time.Duration
}

const tenant = "suite"

// NewLab starts a service with its engine, which is stopped when the test
// ends.
func NewLab(t *testing.T, h Harness) *Lab {
	t.Helper()
	c := Catalog(t)
	env := Env{Dir: t.TempDir()}
	if h.Blobs != nil {
		env.Blobs, env.Root = h.Blobs(t)
	} else {
		env.Blobs, env.Root = fileStore(t)
	}
	service, err := runs.NewService(runs.Options{
		Store: h.OpenStore(t), Engine: h.NewEngine(t, env), Blobs: env.Blobs, Root: env.Root, Catalog: c,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- service.Reconcile(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("Reconcile: %v", err)
		}
	})
	patience := h.Patience
	if patience == 0 {
		patience = time.Minute
	}
	return &Lab{Service: service, Env: env, Catalog: c, t: t, patience: patience}
}

func fileStore(t testing.TB) (*uris.Store, uris.URI) {
	t.Helper()
	root, err := uris.FromPath(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	blobs, err := uris.NewStore(uris.Options{Roots: []uris.Root{{URI: root, Write: true}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = blobs.Close() })
	return blobs, root
}

// Put keeps a text outside of any run.
func (l *Lab) Put(name, text string) uris.URI {
	l.t.Helper()
	u := l.Root.Join("files", name)
	if _, err := l.Blobs.Put(l.t.Context(), u, strings.NewReader(text)); err != nil {
		l.t.Fatal(err)
	}
	return u
}

// Start submits a call.
func (l *Lab) Start(req runs.SubmitRequest) runs.Run {
	l.t.Helper()
	req.Tenant = tenant
	s, err := l.Submit(l.t.Context(), req)
	if err != nil {
		l.t.Fatalf("submitting %s: %v", req.Tool, err)
	}
	return s.Run
}

// End waits for a run and checks its summary's size and place on the way.
func (l *Lab) End(id runs.ID) (runs.Run, runs.Summary) {
	l.t.Helper()
	ctx, stop := context.WithTimeout(l.t.Context(), l.patience)
	defer stop()
	run, err := l.Wait(ctx, tenant, id)
	if err != nil {
		now, _ := l.Get(l.t.Context(), tenant, id)
		events, _ := l.Events(l.t.Context(), tenant, id, 0, 0)
		l.t.Fatalf("waiting for %s: %v; it is %s %q; events %+v", id, err, now.State, now.Waiting, events)
	}
	sum, err := l.Summary(l.t.Context(), tenant, id)
	if err != nil {
		l.t.Fatal(err)
	}
	if data, err := json.Marshal(sum); err != nil || len(data) > runs.SummaryBytes {
		l.t.Errorf("the summary has %d bytes, %v", len(data), err)
	}
	return run, sum
}

// Read reads an object as text.
func (l *Lab) Read(u uris.URI) string {
	l.t.Helper()
	data, err := l.Blobs.ReadAll(l.t.Context(), u, 1<<20)
	if err != nil {
		l.t.Fatal(err)
	}
	return string(data)
}

// Texts reads all that a run gave on a port, in order.
func (l *Lab) Texts(id runs.ID, port string) []string {
	l.t.Helper()
	page, err := l.Outputs(l.t.Context(), tenant, id, port, "", 1000)
	if err != nil {
		l.t.Fatal(err)
	}
	var texts []string
	for _, o := range page.Outputs {
		texts = append(texts, l.Read(o.Object.URI))
	}
	return texts
}

// Ends lists a run's tasks as "node index state".
func (l *Lab) Ends(id runs.ID) []string {
	l.t.Helper()
	page, err := l.Tasks(l.t.Context(), tenant, id, runs.TaskFilter{Limit: 1000})
	if err != nil {
		l.t.Fatal(err)
	}
	var ends []string
	for _, task := range page.Tasks {
		ends = append(ends, strings.Join(strings.Fields(fmt.Sprintf("%s %s %s", task.Node, task.Index, task.State)), " "))
	}
	return ends
}

// outcome is what a run came to, apart from names and times.
type outcome struct {
	State    runs.State
	Outputs  map[string][]string // texts by port
	Tasks    []string
	Metrics  map[string]float64
	Progress runs.Progress
	Code     steps.FailureCode
	Node     string
	Exit     int // -1: none
	InLog    string
}

// TestEngine is the conformance suite of [runs.Engine].
func TestEngine(t *testing.T, h Harness) {
	for _, part := range []struct {
		name string
		test func(*testing.T, *Lab)
	}{
		{"outcomes", testOutcomes},
		{"literal", testLiteral},
		{"idempotent", testIdempotent},
		{"cancel", testCancelRun},
		{"suspend", testSuspendRun},
		{"retry", testRetryRun},
		{"logs", testLogs},
		{"by URI", testByURI},
	} {
		t.Run(part.name, func(t *testing.T) {
			if h.Parallel {
				t.Parallel()
			}
			part.test(t, NewLab(t, h))
		})
	}
}

func testOutcomes(t *testing.T, l *Lab) {
	tests := []struct {
		name string
		req  runs.SubmitRequest
		want outcome
	}{
		{"single step", runs.SubmitRequest{Tool: "say"}, outcome{
			State: runs.Succeeded, Outputs: map[string][]string{"out": {"hello"}}, Tasks: []string{"say succeeded"},
			Metrics: map[string]float64{"length": 5}, Progress: runs.Progress{Done: 1, Total: 1}, Exit: -1,
		}},
		{"inline input", runs.SubmitRequest{Tool: "upper", Inputs: map[string][]runs.InputValue{"in": {{Inline: []byte("a\r\nb"), Name: "x.txt"}}}}, outcome{
			State: runs.Succeeded, Outputs: map[string][]string{"out": {"A\nB\n"}}, Tasks: []string{"upper succeeded"},
			Progress: runs.Progress{Done: 1, Total: 1}, Exit: -1,
		}},
		{"chain", runs.SubmitRequest{Tool: "chain", Params: map[string]any{"text": "abc"}}, outcome{
			State: runs.Succeeded, Outputs: map[string][]string{"out": {"ABC"}},
			Tasks: []string{"first succeeded", "second succeeded"}, Progress: runs.Progress{Done: 2, Total: 2}, Exit: -1,
		}},
		{"scatter", runs.SubmitRequest{Tool: "scatter"}, outcome{
			State: runs.Succeeded, Outputs: map[string][]string{"out": {"ITEM 1\n", "ITEM 2\n", "ITEM 3\n"}},
			Tasks:    []string{"split succeeded", "upper 0 succeeded", "upper 1 succeeded", "upper 2 succeeded"},
			Progress: runs.Progress{Done: 4, Total: 4}, Exit: -1,
		}},
		{"scatter of none", runs.SubmitRequest{Tool: "scatter", Params: map[string]any{"count": 0}}, outcome{
			State: runs.Succeeded, Tasks: []string{"split succeeded"}, Progress: runs.Progress{Done: 1, Total: 1}, Exit: -1,
		}},
		{"zip", runs.SubmitRequest{Tool: "zip"}, outcome{
			State: runs.Succeeded, Outputs: map[string][]string{"out": {"item 1\nITEM 1\n", "item 2\nITEM 2\n", "item 3\nITEM 3\n"}},
			Tasks: []string{"pair 0 succeeded", "pair 1 succeeded", "pair 2 succeeded", "split succeeded",
				"upper 0 succeeded", "upper 1 succeeded", "upper 2 succeeded"},
			Progress: runs.Progress{Done: 7, Total: 7}, Exit: -1,
		}},
		{"gather", runs.SubmitRequest{Tool: "collect"}, outcome{
			State: runs.Succeeded, Outputs: map[string][]string{"out": {"ITEM 1\nITEM 2\nITEM 3\n"}},
			Tasks:    []string{"gather succeeded", "split succeeded", "upper 0 succeeded", "upper 1 succeeded", "upper 2 succeeded"},
			Progress: runs.Progress{Done: 5, Total: 5}, Exit: -1,
		}},
		{"nested scatter", runs.SubmitRequest{Tool: "nested"}, outcome{
			State: runs.Succeeded,
			Outputs: map[string][]string{
				"all":  {"ITEM 1\nITEM 1\nITEM 1\nITEM 2\nITEM 2\nITEM 1\nITEM 2\nITEM 2\n"},
				"each": {"ITEM 1\nITEM 1\n", "ITEM 1\nITEM 2\n", "ITEM 2\nITEM 1\n", "ITEM 2\nITEM 2\n"},
			},
			Tasks: []string{"gather succeeded", "inner 0 succeeded", "inner 1 succeeded", "outer succeeded",
				"upper 0.0 succeeded", "upper 0.1 succeeded", "upper 1.0 succeeded", "upper 1.1 succeeded"},
			Progress: runs.Progress{Done: 8, Total: 8}, Exit: -1,
		}},
		{"files of records", runs.SubmitRequest{Tool: "recut"}, outcome{
			State:    runs.Succeeded,
			Outputs:  map[string][]string{"lines": {"line 1\nline 2\n"}, "loud": {"LINE 1", "LINE 2"}, "page": {"1:LINE 1\n2:LINE 2\n"}},
			Tasks:    []string{"lines succeeded", "loud 0 succeeded", "loud 1 succeeded", "page succeeded"},
			Progress: runs.Progress{Done: 4, Total: 4}, Exit: -1,
		}},
		{"an item may fail", runs.SubmitRequest{Tool: "tolerant"}, outcome{
			State: runs.Succeeded, Outputs: map[string][]string{"out": {"ITEM 1\nITEM 3\n"}},
			Tasks: []string{"gather succeeded", "picky 0 succeeded", "picky 1 failed", "picky 2 succeeded", "split succeeded",
				"upper 0 succeeded", "upper 1 skipped", "upper 2 succeeded"},
			Progress: runs.Progress{Done: 8, Total: 8, Failed: 1, Skipped: 1}, Exit: -1,
		}},
		{"every item fails", runs.SubmitRequest{Tool: "tolerant", Params: map[string]any{"word": "item"}}, outcome{
			State: runs.Failed, Code: steps.FailUpstream, Node: "picky", Exit: 7,
			Tasks: []string{"gather failed", "picky 0 failed", "picky 1 failed", "picky 2 failed", "split succeeded",
				"upper 0 skipped", "upper 1 skipped", "upper 2 skipped"},
			Progress: runs.Progress{Done: 8, Total: 8, Failed: 4, Skipped: 3},
		}},
		{"some are filtered", runs.SubmitRequest{Tool: "sifted"}, outcome{
			State: runs.Succeeded,
			Outputs: map[string][]string{
				"graded": {"2\n", "3\n", "4\n"}, "next": {"3\n", "4\n"}, "out": {"3\n", "4\n"},
				"tally": {strings.Join([]string{
					"index:0", "node:graded", "code:filtered", "metric:grade", "value:1", "threshold:2",
					"index:1", "sum:3", "index:2", "sum:4",
					"index:3", "sum:5", "node:next", "code:filtered", "metric:sum", "value:5", "threshold:4", "",
				}, "\n")},
			},
			Tasks: []string{"graded succeeded", "next 0 skipped", "next 1 succeeded", "next 2 succeeded", "next 3 succeeded",
				"tally succeeded", "upper 0 skipped", "upper 1 succeeded", "upper 2 succeeded", "upper 3 skipped"},
			Progress: runs.Progress{Done: 10, Total: 10, Skipped: 3}, Exit: -1,
		}},
		{"all are filtered", runs.SubmitRequest{Tool: "sifted", Params: map[string]any{"least": 9}}, outcome{
			State: runs.Succeeded,
			Outputs: map[string][]string{"tally": {"index:0\nnode:graded\ncode:filtered\nmetric:grade\nvalue:1\nthreshold:9\n" +
				"index:1\nnode:graded\ncode:filtered\nmetric:grade\nvalue:2\nthreshold:9\n" +
				"index:2\nnode:graded\ncode:filtered\nmetric:grade\nvalue:3\nthreshold:9\n" +
				"index:3\nnode:graded\ncode:filtered\nmetric:grade\nvalue:4\nthreshold:9\n"}},
			Tasks: []string{"graded succeeded", "next 0 skipped", "next 1 skipped", "next 2 skipped", "next 3 skipped",
				"tally succeeded", "upper 0 skipped", "upper 1 skipped", "upper 2 skipped", "upper 3 skipped"},
			Progress: runs.Progress{Done: 10, Total: 10, Skipped: 8}, Exit: -1,
		}},
		{"exit code", runs.SubmitRequest{Tool: "picky", Params: map[string]any{"word": "no"},
			Inputs: map[string][]runs.InputValue{"in": {{Inline: []byte("no\n"), Name: "in.txt"}}}}, outcome{
			State: runs.Failed, Code: steps.FailExit, Node: "picky", Exit: 7, InLog: "found no, giving up",
			Tasks: []string{"picky failed"}, Progress: runs.Progress{Done: 1, Total: 1, Failed: 1},
		}},
		{"no output", runs.SubmitRequest{Tool: "silent"}, outcome{
			State: runs.Failed, Code: steps.FailOutputContract, Node: "silent", Exit: 0, InLog: "nothing to show",
			Tasks: []string{"silent failed"}, Progress: runs.Progress{Done: 1, Total: 1, Failed: 1},
		}},
		{"timeout", runs.SubmitRequest{Tool: "slow", Implementations: map[string]string{"slow": "hasty"}}, outcome{
			State: runs.Failed, Code: steps.FailDeadline, Node: "slow", Exit: -1, InLog: "begun",
			Tasks: []string{"slow failed"}, Progress: runs.Progress{Done: 1, Total: 1, Failed: 1},
		}},
	}
	// All at once: an engine serves many runs.
	ids := make([]runs.ID, len(tests))
	for i, tt := range tests {
		ids[i] = l.Start(tt.req).ID
	}
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := *l
			l.t = t
			l.check(ids[i], tt.want)
		})
	}
}

// check compares what a run came to with what it should have.
func (l *Lab) check(id runs.ID, want outcome) {
	l.t.Helper()
	run, sum := l.End(id)
	got := outcome{State: run.State, Tasks: l.Ends(id), Metrics: sum.Metrics, Progress: run.Progress, Exit: -1}
	for port, list := range sum.OutputURIs {
		if got.Outputs == nil {
			got.Outputs = map[string][]string{}
		}
		got.Outputs[port] = l.Texts(id, port)
		if list.Count != len(got.Outputs[port]) {
			l.t.Errorf("output %s counts %d in the summary, %d in the listing", port, list.Count, len(got.Outputs[port]))
		}
	}
	if e := sum.Error; e != nil {
		got.Code, got.Node = e.Code, e.Node
		if e.Message == "" || e.Hint == "" {
			l.t.Errorf("the error has no message or no hint: %+v", e)
		}
		// Of an attempt that was ended from outside, engines may or may not
		// have an exit code.
		if e.ExitCode != nil && e.Code != steps.FailDeadline {
			got.Exit = *e.ExitCode
		}
		if e.ExitCode == nil && e.Code == steps.FailOutputContract {
			got.Exit = 0 // it goes without saying: the command ended well
		}
		if strings.Contains(e.LogTail, want.InLog) {
			got.InLog = want.InLog
		} else {
			got.InLog = e.LogTail
		}
	}
	got.Progress.Running = 0
	if diff := cmp.Diff(want, got); diff != "" {
		l.t.Errorf("-want +got:\n%s\nfailure: %+v", diff, run.Failure)
	}
	if sum.RunID != id || sum.ResourceURI != runs.ResourceURI(id) || sum.WorkflowName == "" || sum.FinishedAt.Before(sum.StartedAt) {
		l.t.Errorf("summary: %+v", sum)
	}
}

// testLiteral sends what an engine could take for its own language.
func testLiteral(t *testing.T, l *Lab) {
	hostile := []string{
		"{{workflow.name}}", "{{=1+1}}", "{{inputs.parameters.text}}", "'; id #", `"; id; "`, "$(id)", "$(work)", "$$(work)", "`id`", "${HOME}",
		"a\nb\n\n", `"}],"args":["-c","id"]`, "%s%n\\n\\0", "-n", "--help", "* ?", "ünïcödé 🧬", "\ttab ", "{{`{{x}}`}}", "<&>\u2028",
	}
	params := map[string]any{}
	for i, text := range hostile {
		params[fmt.Sprint("text", i+1)] = text
	}
	all := l.Start(runs.SubmitRequest{Tool: "recite", Params: params}).ID
	one := l.Start(runs.SubmitRequest{Tool: "say", Params: map[string]any{"text": hostile[0]}}).ID
	if run, sum := l.End(one); run.State != runs.Succeeded || !slices.Equal(l.Texts(one, "out"), hostile[:1]) {
		t.Errorf("%q: %s %q %+v", hostile[0], run.State, l.Texts(one, "out"), sum.Error)
	}
	run, sum := l.End(all)
	if run.State != runs.Succeeded {
		t.Fatalf("%s %+v", run.State, sum.Error)
	}
	got := l.Texts(all, "texts")
	if len(got) < len(hostile) {
		t.Fatalf("%d texts arrived: %q", len(got), got)
	}
	for i, text := range hostile {
		if got[i] != text {
			t.Errorf("%q arrived as %q", text, got[i])
		}
	}
}

func testIdempotent(t *testing.T, l *Lab) {
	req := runs.SubmitRequest{Tool: "chain", RequestID: "twice"}
	first := l.Start(req)
	again := l.Start(req)
	run, _ := l.End(first.ID)
	after := l.Start(req)
	if again.ID != first.ID || after.ID != first.ID || after.State != run.State {
		t.Errorf("%s, %s, %s", first.ID, again.ID, after.ID)
	}
	events, err := l.Events(t.Context(), tenant, first.ID, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	starts := map[string]int{}
	for _, e := range events {
		if e.Kind == "attempt_started" {
			starts[e.Node]++
		}
	}
	if diff := cmp.Diff(map[string]int{"first": 1, "second": 1}, starts); diff != "" {
		t.Errorf("attempts started:\n%s", diff)
	}
	req.Tenant, req.Params = tenant, map[string]any{"text": "other"}
	if _, err := l.Submit(t.Context(), req); !errors.Is(err, problem.ErrConflict) {
		t.Errorf("other arguments: %v", err)
	}
}

func testCancelRun(t *testing.T, l *Lab) {
	run := l.Start(runs.SubmitRequest{Tool: "slow"})
	l.until(run.ID, runs.Running)
	if _, err := l.Cancel(t.Context(), tenant, run.ID); err != nil {
		t.Fatal(err)
	}
	ended, sum := l.End(run.ID)
	if ended.State != runs.Cancelled || sum.Status != runs.Cancelled {
		t.Errorf("it is %s", ended.State)
	}
	if took := ended.FinishedAt.Sub(ended.StartedAt); took > 50*time.Second {
		t.Errorf("it ran for %s: the step was not ended", took)
	}
	again, err := l.Cancel(t.Context(), tenant, run.ID)
	if err != nil || again.State != runs.Cancelled {
		t.Errorf("cancelling again: %s, %v", again.State, err)
	}
	retried, err := l.Retry(t.Context(), tenant, run.ID)
	if err != nil || retried.Generation != 2 {
		t.Fatalf("retry: %+v, %v", retried, err)
	}
	l.until(run.ID, runs.Running)
	if _, err := l.Cancel(t.Context(), tenant, run.ID); err != nil {
		t.Fatal(err)
	}
	if ended, _ := l.End(run.ID); ended.State != runs.Cancelled || ended.Generation != 2 {
		t.Errorf("it is %s of generation %d", ended.State, ended.Generation)
	}
}

// until waits for a run to be in a state.
func (l *Lab) until(id runs.ID, state runs.State) {
	l.t.Helper()
	for end := time.Now().Add(l.patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		run, err := l.Get(l.t.Context(), tenant, id)
		if err != nil {
			l.t.Fatal(err)
		}
		if run.State == state {
			return
		}
	}
	l.t.Fatalf("%s is not %s", id, state)
}

func testRetryRun(t *testing.T, l *Lab) {
	gate := l.Put("gate.txt", "closed\n")
	run := l.Start(runs.SubmitRequest{Tool: "gated", Inputs: map[string][]runs.InputValue{"gate": {{URI: gate}}}})
	failed, sum := l.End(run.ID)
	if failed.State != runs.Failed || sum.Error == nil || sum.Error.Node != "gate" {
		t.Fatalf("%s: %+v", failed.State, sum.Error)
	}
	first := l.task(run.ID, "first")
	l.Put("gate.txt", "opened\n")
	if _, err := l.Retry(t.Context(), tenant, run.ID); err != nil {
		t.Fatal(err)
	}
	ended, sum := l.End(run.ID)
	if ended.State != runs.Succeeded || ended.Generation != 2 || sum.Error != nil {
		t.Fatalf("%s of generation %d: %+v", ended.State, ended.Generation, sum.Error)
	}
	if got := l.Texts(run.ID, "out"); !slices.Equal(got, []string{"helloopened\n"}) {
		t.Errorf("it gave %q", got)
	}
	if again := l.task(run.ID, "first"); first.Result == nil || again.Result == nil ||
		again.Result.Attempt != first.Result.Attempt || !again.Result.FinishedAt.Equal(first.Result.FinishedAt) {
		t.Errorf("what had committed ran again: %+v, then %+v", first.Result, again.Result)
	}
	if gate := l.task(run.ID, "gate"); gate.Attempt < 2 {
		t.Errorf("the attempt after the failed one counts as %d", gate.Attempt)
	}
}

func (l *Lab) task(id runs.ID, node string) runs.TaskStatus {
	l.t.Helper()
	page, err := l.Tasks(l.t.Context(), tenant, id, runs.TaskFilter{Node: node})
	if err != nil || len(page.Tasks) != 1 {
		l.t.Fatalf("tasks of %s: %+v, %v", node, page.Tasks, err)
	}
	return page.Tasks[0]
}

func testLogs(t *testing.T, l *Lab) {
	run := l.Start(runs.SubmitRequest{Tool: "say"})
	l.End(run.ID)
	for _, attempt := range []int{0, 1} {
		if got := l.log(run.ID, attempt, false); !strings.Contains(got, "said it") {
			t.Errorf("attempt %d: %q", attempt, got)
		}
	}
	if _, err := l.Logs(t.Context(), tenant, run.ID, runs.LogSelector{Attempt: 9}); !errors.Is(err, problem.ErrNotFound) {
		t.Errorf("an attempt that never was: %v", err)
	}
	if _, err := l.Logs(t.Context(), tenant, run.ID, runs.LogSelector{Node: "sya"}); problem.Of(err) == nil {
		t.Errorf("a node that is not there: %v", err)
	}
	if _, err := l.Logs(t.Context(), "other", run.ID, runs.LogSelector{}); !errors.Is(err, problem.ErrNotFound) {
		t.Errorf("another tenant's: %v", err)
	}

	slow := l.Start(runs.SubmitRequest{Tool: "slow"})
	l.until(slow.ID, runs.Running)
	followed := make(chan string, 1)
	go func() { followed <- l.log(slow.ID, 0, true) }()
	for end := time.Now().Add(l.patience); !strings.Contains(l.log(slow.ID, 0, false), "begun") && time.Now().Before(end); {
		time.Sleep(20 * time.Millisecond)
	}
	if _, err := l.Cancel(t.Context(), tenant, slow.ID); err != nil {
		t.Fatal(err)
	}
	l.End(slow.ID)
	select {
	case got := <-followed:
		if !strings.Contains(got, "begun") {
			t.Errorf("followed: %q", got)
		}
	case <-time.After(l.patience):
		t.Error("following a log does not end with the attempt")
	}
}

// log reads a log, waiting for the attempt to begin.
func (l *Lab) log(id runs.ID, attempt int, follow bool) string {
	for end := time.Now().Add(l.patience); ; time.Sleep(20 * time.Millisecond) {
		r, err := l.Logs(context.Background(), tenant, id, runs.LogSelector{Attempt: attempt, Follow: follow})
		if errors.Is(err, problem.ErrNotFound) && time.Now().Before(end) {
			continue
		}
		if err != nil {
			l.t.Errorf("logs: %v", err)
			return ""
		}
		defer r.Close()
		data, err := io.ReadAll(r)
		if err != nil {
			l.t.Errorf("logs: %v", err)
		}
		return string(data)
	}
}

// testByURI chains by hand: one run's output is the next one's input.
func testByURI(t *testing.T, l *Lab) {
	said := l.Start(runs.SubmitRequest{Tool: "say", Params: map[string]any{"text": "by hand"}})
	_, sum := l.End(said.ID)
	u := sum.OutputURIs["out"].URIs[0]
	upper := l.Start(runs.SubmitRequest{Tool: "upper", Inputs: map[string][]runs.InputValue{"in": {{URI: u}}}})
	l.End(upper.ID)
	if got := l.Texts(upper.ID, "out"); !slices.Equal(got, []string{"BY HAND"}) {
		t.Errorf("it gave %q", got)
	}
	_, err := l.Submit(t.Context(), runs.SubmitRequest{Tenant: tenant, Tool: "number", Inputs: map[string][]runs.InputValue{"in": {{URI: u}}}})
	if ps := problem.Of(err); len(ps) == 0 || ps[0].Code != problem.TypeMismatch {
		t.Errorf("a text for a number: %v", err)
	}
}
