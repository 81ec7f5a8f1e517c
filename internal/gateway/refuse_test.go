package gateway_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/ligase-bio/ligase/internal/gateway"
	"github.com/ligase-bio/ligase/internal/gateway/door"
	"github.com/ligase-bio/ligase/internal/runs"
)

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
		"a type that does not": {"submit_number", map[string]any{"in": "not a number"}, []string{"- in: ", `submit_number({"in_uri":"<URI of a test.number>"})`}},
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
