package gateway_test

import (
	"encoding/json"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/ligase-bio/ligase/catalog"
	"github.com/ligase-bio/ligase/internal/gateway"
	"github.com/ligase-bio/ligase/internal/gateway/door"
)

var update = flag.Bool("update", false, "write golden files")

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

// A pipeline's nodes run the implementations that a call chooses, as they do
// from the command line.
func TestImplementationsOfAPipeline(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"two.yaml": `
name: two
version: 1.0.0
title: Say which
description: Of two ways.
outputs: {out: {type: test.text, format: txt}}
implementations:
  plain: {command: [/bin/sh, -c, 'echo plain > "$1"/out.txt', sh, $(work)], collect: {out: out.txt}}
  fancy: {command: [/bin/sh, -c, 'echo fancy > "$1"/out.txt', sh, $(work)], collect: {out: out.txt}}
`,
		"both.yaml": `
name: both
version: 1.0.0
title: Say both
description: Of two nodes.
nodes: {first: {step: two}, second: {step: two}}
outputs: {a: first.out, b: second.out}
`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := newSite(t, []string{dir})
	has(t, "the page", s.good("describe_tool", map[string]any{"name": "both"}).text(), "- first: two (plain, fancy)", "`implementations` says otherwise")
	has(t, "the plan", s.good("plan_run", map[string]any{"tool": "both", "arguments": map[string]any{"implementations": map[string]any{"second": "fancy"}}}).text(),
		"first: two@1.0.0 (plain)", "second: two@1.0.0 (fancy)")
	has(t, "a plan with a slip", s.good("plan_run", map[string]any{"tool": "both", "arguments": map[string]any{"implementations": map[string]any{"third": "fancy", "two": "fance"}}}).text(),
		`implementations.third: No node and no step here is named "third"`, `Did you mean "fancy"?`, "submit_both({})")
	has(t, "what was right of a choice", s.good("plan_run", map[string]any{"tool": "both", "arguments": map[string]any{"implementations": map[string]any{"first": "fancy", "second": "fance"}}}).text(),
		`submit_both({"implementations":{"first":"fancy"}})`)
	has(t, "a plan with nonsense", s.good("plan_run", map[string]any{"tool": "both", "arguments": map[string]any{"implementations": "fancy"}}).text(), `Give {"node or step": "implementation", …}`)
	run := s.submit("both", map[string]any{"implementations": map[string]any{"two": "fancy", "first": "plain"}})
	s.end(run)
	for port, want := range map[string]string{"a": "plain", "b": "fancy"} {
		got, err := os.ReadFile(strings.TrimPrefix(s.uri(run, port), "file://"))
		if err != nil || string(got) != want+"\n" {
			t.Errorf("%s: %q %v", port, got, err)
		}
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
	// What does not fit is left out where there is the most of it, and said.
	for name, c := range map[string]struct {
		told   []string
		untold string
	}{
		"submit_score":         {[]string{"model_uri", "match", "pose_of", "implementation"}, ""},
		"submit_campaign":      {[]string{"length", "num_backbones", "num_sequences"}, ""},
		"submit_binder_cofold": {[]string{"complexes_uris", "binder_chains", "num_sequences", "by", "implementations"}, "max_pose_rmsd"},
	} {
		i := slices.IndexFunc(list, func(t *mcp.Tool) bool { return t.Name == name })
		data, err := json.Marshal(list[i])
		if err != nil {
			t.Fatal(err)
		}
		has(t, name, string(data), c.told...)
		if c.untold != "" && (strings.Contains(string(data), c.untold) || !strings.Contains(list[i].Description, "More arguments: describe_tool.")) {
			t.Errorf("%s: %s", name, data)
		}
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
		if served[i].OutputSchema == nil && strings.HasPrefix(name, "submit_") {
			served[i].OutputSchema = json.RawMessage("{}") // of the scantest list: it says nothing of answers
		}
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
