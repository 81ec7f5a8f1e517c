package gateway_test

import (
	"context"
	"encoding/json"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/ligase-bio/ligase/catalog"
	"github.com/ligase-bio/ligase/internal/gateway"
	"github.com/ligase-bio/ligase/internal/gateway/door"
	"github.com/ligase-bio/ligase/internal/runs"
)

var update = flag.Bool("update", false, "write golden files")

// An agent's work: submit, poll, read, chain by URI; and each reply is small,
// and says the same to programs and to readers.
func TestStepsAreChainedByURI(t *testing.T) {
	s := newSite(t, nil)
	a := s.good("submit_say", map[string]any{"text": "hello", "client_request_id": "one"})
	run := a.string("run_id")
	has(t, "the answer to a submit", a.text(), run, "get_run_status", "fetch_run_summary")
	if a.string("workflow_name") == "" || a.Fields["poll_after_seconds"] == nil {
		t.Errorf("the answer to a submit: %s", a.raw)
	}
	status := s.end(run)
	if len(status.raw) > 900 { // both forms and what is around them
		t.Errorf("a status has %d bytes: %s", len(status.raw), status.raw)
	}
	if fields, _ := json.Marshal(status.Fields); len(fields) > 600 {
		t.Errorf("a status has %d bytes: %s", len(fields), fields)
	}
	has(t, "the status", status.text(), run, "succeeded", "1/1")
	sum := s.good("fetch_run_summary", map[string]any{"run_id": run})
	out := s.uri(run, "out")
	has(t, "the summary", sum.text(), "succeeded", out, "submit_picky(in_uri=<out>)")

	next := s.submit("upper", map[string]any{"in_uri": out})
	s.end(next)
	u := s.uri(next, "out")
	has(t, "the resource of outputs", s.read("resource://runs/"+next+"/outputs"), u, `"port":"out"`, `"total":1`)

	again := s.good("submit_say", map[string]any{"client_request_id": "one", "text": "hello"})
	if again.string("run_id") != run || again.Fields["already_submitted"] != true {
		t.Errorf("the same call again: %s", again.raw)
	}
	other := s.call("submit_say", map[string]any{"client_request_id": "one", "text": "good bye"})
	if !other.IsError {
		t.Errorf("other arguments with the same id: %s", other.raw)
	}
	has(t, "the conflict", other.text(), run, "one")
	if n := len(s.good("list_runs", nil).Fields["runs"].([]any)); n != 2 {
		t.Errorf("there are %d runs, want 2", n)
	}
}

// read reads a resource, all of its forms.
func (s *site) read(uri string) string {
	s.Helper()
	result, rpc := s.ask("resources/read", map[string]any{"uri": uri}, "")
	if rpc != nil {
		s.Fatalf("%s: %+v", uri, rpc)
	}
	var r struct {
		Contents   []struct{ Text string }
		CacheScope string
	}
	if err := json.Unmarshal(result, &r); err != nil {
		s.Fatal(err)
	}
	if want := map[bool]string{true: "private", false: "public"}[strings.HasPrefix(uri, "resource://runs/")]; r.CacheScope != want {
		s.Errorf("%s may be kept by: %q, want %q", uri, r.CacheScope, want)
	}
	var text []string
	for _, c := range r.Contents {
		text = append(text, c.Text)
	}
	return strings.Join(text, "\n")
}

// A run that fails is a call that succeeds, and explains.
func TestAFailedRunExplainsItself(t *testing.T) {
	s := newSite(t, nil)
	first := s.submit("say", map[string]any{"text": "item 2"})
	s.end(first)
	run := s.submit("picky", map[string]any{"in_uri": s.uri(first, "out")})
	has(t, "the status", s.end(run).text(), "failed", "exit at picky", "fetch_run_summary")
	sum := s.good("fetch_run_summary", map[string]any{"run_id": run})
	failure, _ := sum.Fields["error"].(map[string]any)
	if failure["code"] != "exit" || failure["exit_code"] != 7.0 || failure["failed_step"] != "picky" {
		t.Errorf("the failure is told as %v", failure)
	}
	has(t, "the summary", sum.text(), "Failed: exit", "exit code 7", "What to do:", "found item 2, giving up", "data, not instructions")
	logs := s.good("get_run_logs", map[string]any{"run_id": run})
	if logs.Fields["untrusted"] != true {
		t.Errorf("the log is not marked: %s", logs.raw)
	}
	has(t, "the log", logs.text(), "found item 2, giving up")
	has(t, "the events", s.good("get_run_events", map[string]any{"run_id": run}).text(), "attempt_failed", "finished")
	has(t, "the cluster's events", s.call("get_run_events", map[string]any{"run_id": run, "cluster": true}).text(), "cluster")
}

func TestRunsAreSuspendedCancelledAndRetried(t *testing.T) {
	s := newSite(t, nil)
	run := s.submit("slow", nil)
	if a := s.good("suspend_run", map[string]any{"run_id": run}); a.Fields["suspended"] != true {
		t.Errorf("suspended: %s", a.raw)
	}
	if a := s.good("resume_run", map[string]any{"run_id": run}); a.Fields["suspended"] != nil {
		t.Errorf("resumed: %s", a.raw)
	}
	s.good("cancel_run", map[string]any{"run_id": run})
	if a := s.end(run); a.string("status") != "cancelled" {
		t.Errorf("cancelled: %s", a.raw)
	}
	if a := s.good("retry_run", map[string]any{"run_id": run}); a.string("status") == "cancelled" {
		t.Errorf("retried: %s", a.raw)
	}
	s.good("cancel_run", map[string]any{"run_id": run})
	s.end(run)
}

// What is wrong with a call is told, all of it, with the call that is right;
// nothing is created.
func TestBadArguments(t *testing.T) {
	s := newSite(t, nil)
	for name, c := range map[string]struct {
		tool  string
		args  map[string]any
		wants []string
	}{
		"all at once":          {"submit_upper", map[string]any{"in": "x", "inn_uri": "y", "in_uri": 7}, []string{"in_uri", "inn_uri", "submit_upper({"}},
		"missing input":        {"submit_upper", nil, []string{"in_uri", `"in_uri":"<URI of a test.text>"`}},
		"both forms":           {"submit_number", map[string]any{"in": "1", "in_uri": "file:///x"}, []string{"Both in_uri and in"}},
		"a path":               {"submit_upper", map[string]any{"in_uri": "/etc/passwd"}, []string{"is a path of a file", "reads none of yours"}},
		"a relative path":      {"submit_upper", map[string]any{"in_uri": "../x.pdb"}, []string{"is a path of a file"}},
		"outside":              {"submit_upper", map[string]any{"in_uri": "file:///etc/passwd"}, []string{"file:///etc/passwd", "refused"}},
		"dots":                 {"submit_upper", map[string]any{"in_uri": "file:///tmp/../etc/passwd"}, []string{"refused"}},
		"encoded dots":         {"submit_upper", map[string]any{"in_uri": "file:///tmp/%2e%2e/etc/passwd"}, []string{"refused"}},
		"NUL":                  {"submit_upper", map[string]any{"in_uri": "file:///tmp/\x00x"}, []string{"refused"}},
		"an endpoint":          {"submit_upper", map[string]any{"in_uri": "s3://bucket/key?endpoint=http://169.254.169.254"}, []string{"query"}},
		"a profile":            {"submit_upper", map[string]any{"in_uri": "s3://bucket/key?profile=admin"}, []string{"query"}},
		"credentials":          {"submit_upper", map[string]any{"in_uri": "s3://key:secret@bucket/key"}, []string{"credentials"}},
		"http":                 {"submit_upper", map[string]any{"in_uri": "http://169.254.169.254/latest/meta-data"}, []string{"http"}},
		"http, octal":          {"submit_upper", map[string]any{"in_uri": "http://0251.0376.0251.0376/"}, []string{"http"}},
		"http, mapped":         {"submit_upper", map[string]any{"in_uri": "http://[::ffff:169.254.169.254]/"}, []string{"http"}},
		"a URI as content":     {"submit_number", map[string]any{"in": "s3://bucket/key"}, []string{"Give it as in_uri"}},
		"podSpecPatch":         {"submit_say", map[string]any{"podSpecPatch": "{}"}, []string{`no argument "podSpecPatch"`}},
		"serviceAccountName":   {"submit_say", map[string]any{"serviceAccountName": "admin"}, []string{`no argument "serviceAccountName"`}},
		"image":                {"submit_say", map[string]any{"image": "evil"}, []string{`no argument "image"`}},
		"volumes":              {"submit_say", map[string]any{"volumes": []any{}}, []string{`no argument "volumes"`}},
		"a long request id":    {"submit_say", map[string]any{"client_request_id": strings.Repeat("x", 300)}, []string{"client_request_id", "200 bytes"}},
		"out of range":         {"submit_nap", map[string]any{"seconds": "many"}, []string{"seconds", "whole number"}},
		"a list for one":       {"submit_upper", map[string]any{"in_uri": []any{"file:///a", "file:///b"}}, []string{"takes one value"}},
		"no run":               {"get_run_status", nil, []string{"run_id", "list_runs"}},
		"no run id":            {"get_run_status", map[string]any{"run_id": "../../etc"}, []string{"run_id"}},
		"a run of nobody's":    {"get_run_status", map[string]any{"run_id": "run-000000000000"}, []string{"not found"}},
		"too long a wait":      {"get_run_status", map[string]any{"run_id": "run-000000000000", "wait_seconds": 3600}, []string{"from 0 to 30"}},
		"a state":              {"list_runs", map[string]any{"status": "done"}, []string{"pending, running"}},
		"a strange argument":   {"list_runs", map[string]any{"tenant": "other"}, []string{`no argument "tenant"`}},
		"an unknown tool":      {"describe_tool", map[string]any{"name": "fald"}, []string{`no step or pipeline "fald"`}},
		"an unknown type":      {"find_tools", map[string]any{"want": "test.tex"}, []string{"test.text"}},
		"deep arguments":       {"plan_run", map[string]any{"tool": "say", "arguments": "not an object"}, []string{"arguments"}},
		"a type that does not": {"submit_number", map[string]any{"in": "not a number"}, []string{"in"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := *s
			s.T = t
			a := s.call(c.tool, c.args)
			if !a.IsError {
				t.Fatalf("it was taken: %s", a.raw)
			}
			has(t, "the answer", a.text(), c.wants...)
			if failure, is := a.Fields["error"].(map[string]any); !is || failure["code"] == "internal" {
				t.Errorf("the answer to programs is %s", a.raw)
			}
		})
	}
	if list := s.good("list_runs", nil).Fields["runs"].([]any); len(list) != 0 {
		t.Errorf("there are runs: %v", list)
	}
}

func TestPlansSayWhatWouldBe(t *testing.T) {
	s := newSite(t, nil)
	a := s.good("plan_run", map[string]any{"tool": "collect", "arguments": map[string]any{}})
	has(t, "the plan", a.text(), "sound", "for each split.items", "all items=upper.out")
	a = s.good("plan_run", map[string]any{"tool": "upper", "arguments": map[string]any{"x": 1}})
	if a.Fields["sound"] != false {
		t.Errorf("a plan with problems: %s", a.raw)
	}
	has(t, "the plan", a.text(), "in_uri", `"x"`, "submit_upper(")
	if list := s.good("list_runs", nil).Fields["runs"].([]any); len(list) != 0 {
		t.Errorf("there are runs: %v", list)
	}
}

func TestToolsAreFound(t *testing.T) {
	s := newSite(t, nil)
	has(t, "by words", s.good("find_tools", map[string]any{"query": "join many"}).text(), "submit_gather")
	run := s.submit("say", nil)
	s.end(run)
	a := s.good("find_tools", map[string]any{"uri": s.uri(run, "out"), "want": "test.number"})
	has(t, "by URI", a.text(), "test.text", "submit_upper as in_uri", "submit_pair as a_uri, which also needs b_uri")
	has(t, "a description", s.good("describe_tool", map[string]any{"name": "submit_number"}).text(), "# number", "`in_uri`", "at most 3 long", "submit_number({")
}

// Runs are their tenant's: what is somebody else's is as what is not there.
func TestTenantsDoNotSeeEachOther(t *testing.T) {
	s := newSite(t, nil, withTokens(t))
	s.token = "alice-has-this-token"
	run := s.submit("say", map[string]any{"client_request_id": "same"})
	s.end(run)
	uri := s.uri(run, "out")
	s.token = "bob-has-another-token"
	if other := s.submit("say", map[string]any{"client_request_id": "same"}); other == run {
		t.Errorf("the same request id of two tenants is one run, %s", run)
	}
	strip := func(text, id string) string { return strings.ReplaceAll(text, id, "ID") }
	const nobodys = "run-000000000000"
	for _, tool := range []string{"get_run_status", "fetch_run_summary", "cancel_run", "suspend_run", "resume_run", "retry_run", "get_run_logs", "get_run_events"} {
		a, none := s.call(tool, map[string]any{"run_id": run}), s.call(tool, map[string]any{"run_id": nobodys})
		if !a.IsError || strip(a.text(), run) != strip(none.text(), nobodys) {
			t.Errorf("%s of another's run: %q, and of none: %q", tool, a.text(), none.text())
		}
	}
	for _, what := range []string{"summary", "outputs", "outputs/out", "logs/say", "graph", "plan"} {
		_, a := s.ask("resources/read", map[string]any{"uri": "resource://runs/" + run + "/" + what}, "")
		_, none := s.ask("resources/read", map[string]any{"uri": "resource://runs/" + nobodys + "/" + what}, "")
		if a == nil || none == nil || a.Code != none.Code || strip(a.Message, run) != strip(none.Message, nobodys) {
			t.Errorf("the %s of another's run: %+v, and of none: %+v", what, a, none)
		}
	}
	if a := s.call("submit_upper", map[string]any{"in_uri": uri}); !a.IsError {
		t.Errorf("another's output was taken: %s", a.raw)
	}
	if _, rpc := s.ask("tasks/get", map[string]any{"taskId": run}, tasksCapability); rpc == nil || rpc.Code != -32602 {
		t.Errorf("another's task: %+v", rpc)
	}
	for _, line := range strings.Split(strings.TrimSpace(s.audit.String()), "\n") {
		var e map[string]any
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("a line of the audit log: %v: %s", err, line)
		}
		if e["principal"] == "" || e["tenant"] == "" || e["request_id"] == "" || e["decision"] == "" {
			t.Errorf("a line of the audit log: %s", line)
		}
	}
	has(t, "the audit log", s.audit.String(), `"principal":"alice"`, `"principal":"bob"`, `"tool":"submit_say"`, run)
}

func TestFewerToolsAreServed(t *testing.T) {
	names := func(s *site) string {
		result, rpc := s.ask("tools/list", nil, "")
		if rpc != nil {
			s.Fatal(rpc)
		}
		var list struct{ Tools []struct{ Name string } }
		if err := json.Unmarshal(result, &list); err != nil {
			s.Fatal(err)
		}
		var out []string
		for _, t := range list.Tools {
			out = append(out, t.Name)
		}
		return strings.Join(out, " ")
	}
	refused := func(s *site, tool string) {
		s.Helper()
		if _, rpc := s.ask("tools/call", map[string]any{"name": tool, "arguments": map[string]any{}}, ""); rpc == nil || rpc.Code != -32602 {
			s.Errorf("%s is hidden, and its call gives %+v", tool, rpc)
		}
	}
	t.Run("read only", func(t *testing.T) {
		s := newSite(t, nil, func(o *gateway.Options, _ *door.Options) { o.ReadOnly = true })
		if got := names(s); strings.Contains(got, "submit") || strings.Contains(got, "cancel") || !strings.Contains(got, "plan_run") {
			t.Errorf("served: %s", got)
		}
		refused(s, "submit_say")
		if _, rpc := s.ask("tools/call", map[string]any{"name": "submit_say", "arguments": map[string]any{}}, tasksCapability); rpc == nil {
			t.Error("a hidden tool was called as a task")
		}
		// A task is a run: who may not cancel the one may not cancel the other.
		made, err := s.service.Submit(t.Context(), runs.SubmitRequest{Tenant: "default", Tool: "slow"})
		if err != nil {
			t.Fatal(err)
		}
		if _, rpc := s.ask("tasks/cancel", map[string]any{"taskId": string(made.Run.ID)}, tasksCapability); rpc == nil {
			t.Error("a task was cancelled where nothing may be")
		}
		if r, err := s.service.Get(t.Context(), "default", made.Run.ID); err != nil || r.CancelRequested {
			t.Errorf("the run is asked to end: %v, %v", r.CancelRequested, err)
		}
		if _, err := s.service.Cancel(t.Context(), "default", made.Run.ID); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("exposed", func(t *testing.T) {
		s := newSite(t, nil, func(o *gateway.Options, _ *door.Options) { o.Expose = []string{"say", "up*"} })
		if got := names(s); !strings.Contains(got, "submit_say") || !strings.Contains(got, "submit_upper") || strings.Contains(got, "submit_pair") {
			t.Errorf("served: %s", got)
		}
		refused(s, "submit_pair")
		for _, tool := range []string{"plan_run", "describe_tool"} {
			args := map[string]any{"tool": "pair", "arguments": map[string]any{}}
			if tool == "describe_tool" {
				args = map[string]any{"name": "pair"}
			}
			if a := s.call(tool, args); !a.IsError || strings.Contains(a.text(), "a_uri") {
				t.Errorf("%s tells of what is not exposed: %s", tool, a.raw)
			}
		}
		if text := s.read("resource://catalog"); strings.Contains(text, "pair") {
			t.Errorf("the catalog has what is not exposed: %s", text)
		}
	})
	t.Run("by a client's own wish", func(t *testing.T) {
		s := newSite(t, nil, func(o *gateway.Options, _ *door.Options) { o.Tools = []string{"submit_*", "get_*"} })
		s.headers = map[string]string{gateway.HeaderTools: "submit_say, list_runs, get_run_status"}
		if got := names(s); got != "get_run_status submit_say" {
			t.Errorf("served: %s", got)
		}
		refused(s, "submit_upper") // not wished
		refused(s, "list_runs")    // wished, and not served
		s.headers[gateway.HeaderReadOnly] = "true"
		if got := names(s); got != "get_run_status" {
			t.Errorf("served: %s", got)
		}
		refused(s, "submit_say")
	})
	t.Run("a large catalog", func(t *testing.T) {
		s := newSite(t, nil, func(o *gateway.Options, _ *door.Options) { o.MostTools = 3 })
		if got := names(s); !strings.Contains(got, "submit_run") || strings.Contains(got, "submit_say") {
			t.Errorf("served: %s", got)
		}
		has(t, "a search", s.good("find_tools", map[string]any{"query": "upper"}).text(), "submit_run of upper")
		a := s.good("submit_run", map[string]any{"tool": "say", "arguments": map[string]any{"text": "x"}, "client_request_id": "r"})
		if got := s.end(a.string("run_id")); got.string("status") != "succeeded" {
			t.Errorf("it ended as %s", got.raw)
		}
		bad := s.call("submit_run", map[string]any{"tool": "upper", "arguments": map[string]any{}})
		if !bad.IsError {
			t.Errorf("it was taken: %s", bad.raw)
		}
		has(t, "the answer", bad.text(), "in_uri")
	})
}

// Clients that declare tasks get them: durable, followed to the end, with the
// summary for a result.
func TestSubmitsAreTasks(t *testing.T) {
	s := newSite(t, nil)
	start := func(tool string, args map[string]any) map[string]any {
		result, rpc := s.ask("tools/call", map[string]any{"name": "submit_" + tool, "arguments": args}, tasksCapability)
		if rpc != nil {
			t.Fatal(rpc)
		}
		var task map[string]any
		if err := json.Unmarshal(result, &task); err != nil {
			t.Fatal(err)
		}
		return task
	}
	get := func(id any) map[string]any {
		result, rpc := s.ask("tasks/get", map[string]any{"taskId": id}, tasksCapability)
		if rpc != nil {
			t.Fatal(rpc)
		}
		var task map[string]any
		if err := json.Unmarshal(result, &task); err != nil {
			t.Fatal(err)
		}
		return task
	}
	until := func(id any, status string) map[string]any {
		for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
			if task := get(id); task["status"] == status {
				return task
			}
		}
		t.Fatalf("the task %v does not come to be %s: %v", id, status, get(id))
		return nil
	}
	task := start("say", map[string]any{"text": "x"})
	if task["resultType"] != "task" || task["status"] != "working" && task["status"] != "completed" {
		t.Fatalf("the answer to a submit: %v", task)
	}
	if _, err := s.service.Get(t.Context(), "default", mustID(t, task["taskId"])); err != nil {
		t.Errorf("the task is not a run: %v", err)
	}
	done := until(task["taskId"], "completed")
	result, _ := done["result"].(map[string]any)
	fields, _ := result["structuredContent"].(map[string]any)
	if result["resultType"] != "complete" || fields["status"] != "succeeded" || fields["output_uris"] == nil {
		t.Errorf("the result of the task: %v", done)
	}

	// A tool's failure is a task that has completed.
	first := s.submit("say", map[string]any{"text": "item 2"})
	s.end(first)
	failing := until(start("picky", map[string]any{"in_uri": s.uri(first, "out")})["taskId"], "completed")
	if result, _ := failing["result"].(map[string]any); result["isError"] != true {
		t.Errorf("the result of a run that failed: %v", failing)
	}

	// What is not taken is told as to everybody.
	if bad := start("upper", map[string]any{}); bad["isError"] != true || bad["taskId"] != nil || bad["resultType"] != "complete" || bad["_meta"] == nil {
		t.Errorf("a bad call: %v", bad)
	}

	slow := start("slow", nil)
	if _, rpc := s.ask("tasks/update", map[string]any{"taskId": slow["taskId"], "inputResponses": map[string]any{"x": 1}}, tasksCapability); rpc != nil {
		t.Errorf("an answer that nobody asked for: %+v", rpc)
	}
	for range 2 {
		if _, rpc := s.ask("tasks/cancel", map[string]any{"taskId": slow["taskId"]}, tasksCapability); rpc != nil {
			t.Fatal(rpc)
		}
	}
	until(slow["taskId"], "cancelled")
	if _, rpc := s.ask("tasks/get", map[string]any{"taskId": slow["taskId"]}, ""); rpc == nil || rpc.Code != -32021 {
		t.Errorf("a client that declares nothing: %+v", rpc)
	}
}

// Subscribers hear that a run has ended and that the catalog has changed; a
// broken file leaves what was there.
func TestSubscribersAreTold(t *testing.T) {
	definitions := t.TempDir()
	put := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(definitions, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	put("extra.yaml", extra("extra"))
	s := newSite(t, []string{definitions})
	updated, changed := make(chan string, 10), make(chan string, 10)
	client := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, &mcp.ClientOptions{
		ResourceUpdatedHandler: func(_ context.Context, r *mcp.ResourceUpdatedNotificationRequest) { updated <- r.Params.URI },
		ToolListChangedHandler: func(context.Context, *mcp.ToolListChangedRequest) { changed <- "tools" },
	})
	session, err := client.Connect(t.Context(), &mcp.StreamableClientTransport{Endpoint: s.url + door.Path}, &mcp.ClientSessionOptions{ProtocolVersion: "2025-11-25"})
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	run := s.submit("nap", map[string]any{"seconds": 1})
	uri := "resource://runs/" + run + "/summary"
	if err := session.Subscribe(t.Context(), &mcp.SubscribeParams{URI: uri}); err != nil {
		t.Fatal(err)
	}
	// Who has not subscribed takes nothing from those who have.
	other, err := mcp.NewClient(&mcp.Implementation{Name: "other", Version: "1"}, nil).Connect(t.Context(), &mcp.StreamableClientTransport{Endpoint: s.url + door.Path}, &mcp.ClientSessionOptions{ProtocolVersion: "2025-11-25"})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := other.Unsubscribe(t.Context(), &mcp.UnsubscribeParams{URI: uri}); err != nil {
			t.Fatal(err)
		}
	}
	other.Close()
	select {
	case got := <-updated:
		if got != uri {
			t.Errorf("told of %s, want %s", got, uri)
		}
	case <-time.After(20 * time.Second):
		t.Error("nobody was told that the run has ended")
	}
	if err := session.Subscribe(t.Context(), &mcp.SubscribeParams{URI: "resource://runs/run-000000000000/summary"}); err == nil {
		t.Error("a run that there is not was subscribed to")
	}

	put("extra.yaml", "name: [broken")
	if did, problems := s.live.Refresh(); did || len(problems) == 0 {
		t.Errorf("a broken file: changed %v, problems %v", did, problems)
	}
	s.good("submit_extra", nil)
	put("extra.yaml", extra("extra"))
	put("more.yaml", extra("more"))
	if did, problems := s.live.Refresh(); !did || len(problems) != 0 {
		t.Fatalf("a new file: changed %v, problems %v", did, problems)
	}
	s.gateway.Reload()
	select {
	case <-changed:
	case <-time.After(20 * time.Second):
		t.Error("nobody was told that the tools have changed")
	}
	s.good("submit_more", nil)
	has(t, "the catalog", s.read("resource://catalog/steps/more"), `"name":"more"`, "# more")
	if err := os.Remove(filepath.Join(definitions, "more.yaml")); err != nil {
		t.Fatal(err)
	}
	if did, _ := s.live.Refresh(); !did {
		t.Error("a file went, and nothing changed")
	}
	s.gateway.Reload()
	if _, rpc := s.ask("tools/call", map[string]any{"name": "submit_more", "arguments": map[string]any{}}, ""); rpc == nil {
		t.Error("a tool whose file is gone is still served")
	}
}

// Whoever listens hears of runs of its own, and cannot listen to others'.
func TestListenersAreToldOfTheirOwnRuns(t *testing.T) {
	s := newSite(t, nil, withTokens(t))
	s.token = "bob-has-another-token" // of a tenant that is not the default one
	run := s.submit("nap", map[string]any{"seconds": 1})
	uri := "resource://runs/" + run + "/summary"
	next := func(told <-chan string) string {
		t.Helper()
		select {
		case text := <-told:
			return text
		case <-time.After(20 * time.Second):
			t.Fatal("nothing is told")
			return ""
		}
	}
	told := s.listen(uri)
	has(t, "the acknowledgement", next(told), "notifications/subscriptions/acknowledged", uri)
	s.token = "alice-has-this-token"
	refused := next(s.listen(uri))
	has(t, "the answer to another tenant", refused, `"error"`)
	none := next(s.listen("resource://runs/run-000000000000/summary"))
	if strings.ReplaceAll(refused, run, "ID") != strings.ReplaceAll(none, "run-000000000000", "ID") {
		t.Errorf("another's run: %s, and none: %s", refused, none)
	}
	has(t, "what is told", next(told), "notifications/resources/updated", uri)
}

// What a caller gives arrives as it is, and the trace that it brings is kept
// with the run.
func TestArgumentsAreDataAndTracesAreKept(t *testing.T) {
	s := newSite(t, nil)
	const trace = "4bf92f3577b34da6a3ce929d0e0e4736"
	s.headers = map[string]string{"Traceparent": "00-" + trace + "-00f067aa0ba902b7-01"}
	for _, text := range []string{
		"{{workflow.name}} {{=1+1}}", "'; id #", "$(id) `id` $HOME", "two\nlines", `"}],"args":["`, "../../etc/passwd", "-n", "\u202etxt", `{"a": [1]}`,
	} {
		run := s.submit("say", map[string]any{"text": text})
		s.end(run)
		var plan struct {
			Params map[string]string `json:"params"`
		}
		if err := json.Unmarshal([]byte(s.read("resource://runs/"+run+"/plan")), &plan); err != nil || plan.Params["text"] != text {
			t.Errorf("%q is in the plan as %q, %v", text, plan.Params["text"], err)
		}
		preview, _ := s.good("fetch_run_summary", map[string]any{"run_id": run}).Fields["preview"].(map[string]any)
		lines, _ := preview["out"].([]any)
		if want := strings.TrimPrefix(strings.Split(text, "\n")[0], "\u202e"); len(lines) == 0 || lines[0] != want {
			t.Errorf("%q came out as %v", text, lines)
		}
		if r, err := s.service.Get(t.Context(), "default", runs.ID(run)); err != nil || r.Labels[runs.LabelTrace] != trace {
			t.Errorf("the run has the labels %v, %v", r.Labels, err)
		}
	}
	big := s.call("submit_say", map[string]any{"text": strings.Repeat("x", 1<<20)})
	if !big.IsError || len(big.raw) > 4096 {
		t.Errorf("a megabyte of a parameter: %.300s", big.raw)
	}
}

func extra(name string) string {
	return "name: " + name + "\nversion: 1.0.0\ntitle: One more\ndescription: For the test.\noutputs: {out: {type: test.text, format: txt}}\nimplementations:\n  sh:\n    command: [/bin/sh, -c, 'echo x > \"$1\"/out.txt', sh, $(work)]\n    collect: {out: out.txt}\n"
}

func TestResourcesAndCompletions(t *testing.T) {
	s := newSite(t, nil)
	has(t, "the catalog", s.read("resource://catalog"), "# Catalog", "`say`", "`collect`")
	has(t, "the types", s.read("resource://catalog/types"), "test.text", "| type |")
	has(t, "a pipeline", s.read("resource://catalog/pipelines/collect"), "```mermaid", "flowchart")
	run := s.submit("collect", nil)
	s.end(run)
	has(t, "the graph", s.read("resource://runs/"+run+"/graph"), "flowchart")
	has(t, "the plan", s.read("resource://runs/"+run+"/plan"), `"compiled"`)
	has(t, "the summary", s.read("resource://runs/"+run+"/summary"), `"status":"succeeded"`)
	for _, uri := range []string{
		"resource://catalog/steps/collect", "resource://catalog/steps/nothing", "resource://runs/x/summary", "resource://runs/" + run + "/secrets",
		"resource://runs/" + run + "/logs/split?index=../..", "resource://catalog/steps/..%2f..%2fetc", "file:///etc/passwd", "resource://elsewhere/",
		"resource://runs/" + run + "/outputs/nope",
	} {
		if _, rpc := s.ask("resources/read", map[string]any{"uri": uri}, ""); rpc == nil || rpc.Code != -32602 {
			t.Errorf("%s: %+v", uri, rpc)
		}
	}
	for _, c := range []struct{ ref, name, value, want string }{
		{"resource://catalog/steps/{name}", "name", "sa", "say"},
		{"resource://catalog/pipelines/{name}", "name", "coll", "collect"},
		{"resource://runs/{run_id}/summary", "run_id", "run-", run},
	} {
		result, rpc := s.ask("completion/complete", map[string]any{
			"ref": map[string]string{"type": "ref/resource", "uri": c.ref}, "argument": map[string]string{"name": c.name, "value": c.value},
		}, "")
		if rpc != nil || !strings.Contains(string(result), c.want) {
			t.Errorf("completing %s %q: %s %+v", c.ref, c.value, result, rpc)
		}
	}
	result, rpc := s.ask("completion/complete", map[string]any{
		"ref":      map[string]string{"type": "ref/resource", "uri": "resource://runs/{run_id}/logs/{node}{?index,attempt}"},
		"argument": map[string]string{"name": "node", "value": ""}, "context": map[string]any{"arguments": map[string]string{"run_id": run}},
	}, "")
	if rpc != nil || !strings.Contains(string(result), "gather") {
		t.Errorf("completing a node: %s %+v", result, rpc)
	}
}

func TestPromptsTeach(t *testing.T) {
	s := newSite(t, nil)
	few := newSite(t, nil, func(o *gateway.Options, _ *door.Options) { o.Prompts = []string{"chain*"} })
	if _, rpc := few.ask("prompts/get", map[string]any{"name": "diagnose_run", "arguments": map[string]string{"run_id": "x"}}, ""); rpc == nil || len(few.gateway.Prompts()) != 1 {
		t.Errorf("a prompt that is not served: %+v, of %d", rpc, len(few.gateway.Prompts()))
	}
	for name, c := range map[string]struct {
		args  map[string]string
		wants []string
	}{
		"chain_steps":   {map[string]string{"goal": "a fold", "uri": "file:///x"}, []string{"a fold", "file:///x", "find_tools", "fetch_run_summary", "Never paste"}},
		"run_pipeline":  {map[string]string{"pipeline": "collect"}, []string{"plan_run", "mermaid", "Never paste"}},
		"diagnose_run":  {map[string]string{"run_id": "run-000000000000"}, []string{"fetch_run_summary", "get_run_events", "retry_run"}},
		"plan_campaign": {map[string]string{"goal": "many"}, []string{"many", "collect", "plan_run"}},
	} {
		result, rpc := s.ask("prompts/get", map[string]any{"name": name, "arguments": c.args}, "")
		if rpc != nil {
			t.Errorf("%s: %+v", name, rpc)
			continue
		}
		has(t, name, string(result), c.wants...)
	}
}

// Each tool's definition is a golden file: what agents see changes on purpose
// only. Together they are small, and replies are as they say.
func TestToolSnapshots(t *testing.T) {
	s := newSite(t, nil)
	live, problems := catalog.NewLive(catalog.Builtin()...)
	if problems != nil {
		t.Fatal(problems)
	}
	g, err := gateway.New(gateway.Options{Service: s.service, Catalog: live, Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	list := g.ListTools(nil)
	if data, err := json.Marshal(list); err != nil || len(data) > 16<<10 {
		t.Errorf("the list of tools has %d bytes, at most 16 KiB are meant; %v", len(data), err)
	}
	dir := filepath.Join("testdata", "tools")
	known := map[string]bool{}
	for _, tool := range list {
		data, err := json.MarshalIndent(tool, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(dir, tool.Name+".json")
		known[filepath.Base(file)] = true
		if *update {
			if err := os.WriteFile(file, append(data, '\n'), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(file)
		if err != nil || string(want) != string(data)+"\n" {
			t.Errorf("%s is not as in %s (%v): look at what -update changes\n%s", tool.Name, file, err, data)
		}
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if !known[filepath.Base(file)] {
			if !*update {
				t.Errorf("%s is of no tool", file)
			} else if err := os.Remove(file); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestRepliesAreAsTheirSchemasSay(t *testing.T) {
	s := newSite(t, nil)
	run := s.submit("say", nil)
	s.end(run)
	replies := map[string]answer{
		"submit_say":        s.good("submit_say", map[string]any{"text": "y"}),
		"get_run_status":    s.good("get_run_status", map[string]any{"run_id": run}),
		"fetch_run_summary": s.good("fetch_run_summary", map[string]any{"run_id": run}),
		"list_runs":         s.good("list_runs", nil),
		"get_run_logs":      s.good("get_run_logs", map[string]any{"run_id": run}),
		"get_run_events":    s.good("get_run_events", map[string]any{"run_id": run}),
		"plan_run":          s.good("plan_run", map[string]any{"tool": "say", "arguments": map[string]any{}}),
		"find_tools":        s.good("find_tools", nil),
		"describe_tool":     s.good("describe_tool", map[string]any{"name": "say"}),
		"cancel_run":        s.good("cancel_run", map[string]any{"run_id": run}),
		"suspend_run":       s.good("suspend_run", map[string]any{"run_id": run}),
		"resume_run":        s.good("resume_run", map[string]any{"run_id": run}),
		"retry_run":         s.call("retry_run", map[string]any{"run_id": run}), // it succeeded: a conflict
	}
	served := s.gateway.ListTools(nil)
	for name, reply := range replies {
		i := slices.IndexFunc(served, func(t *mcp.Tool) bool { return t.Name == name })
		data, err := json.Marshal(served[i].OutputSchema)
		if err != nil {
			t.Fatal(err)
		}
		var schema jsonschema.Schema
		if err := json.Unmarshal(data, &schema); err != nil {
			t.Fatal(err)
		}
		resolved, err := schema.Resolve(nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := resolved.Validate(reply.Fields); err != nil {
			t.Errorf("%s: %v: %s", name, err, reply.raw)
		}
		if reply.text() == "" || len(reply.Fields) == 0 {
			t.Errorf("%s has only one form: %s", name, reply.raw)
		}
	}
	for _, tool := range served {
		if replies[tool.Name].raw == nil && !strings.HasPrefix(tool.Name, "submit_") {
			t.Errorf("%s is not looked at here: %v", tool.Name, slices.Sorted(maps.Keys(replies)))
		}
		if strings.HasPrefix(tool.Name, "get_") && !tool.Annotations.ReadOnlyHint || tool.Name == "cancel_run" && !*tool.Annotations.DestructiveHint {
			t.Errorf("the annotations of %s: %+v", tool.Name, tool.Annotations)
		}
	}
}
