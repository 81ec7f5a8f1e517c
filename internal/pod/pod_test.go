package pod_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ligase-bio/ligase/catalog"
	"github.com/ligase-bio/ligase/dag"
	"github.com/ligase-bio/ligase/internal/tasks"
	"github.com/ligase-bio/ligase/pipelines"
	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/uris"
)

// own makes a cluster of the suite's types and definitions of a test's own.
func own(t testing.TB, definitions ...string) *cluster {
	t.Helper()
	dir := t.TempDir()
	types := "types:\n  test.text: {title: Text, formats: {txt: {extensions: [txt], text: true}}}\n"
	for i, text := range append(definitions, types) {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d.yaml", i)), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, problems := catalog.Load(catalog.Source{Name: "test", FS: os.DirFS(dir)})
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	return newCluster(t, c)
}

// shell is the definition of a step that runs a script and gives `out`; more
// is more of its implementation.
func shell(name, script, more string) string {
	return fmt.Sprintf(`
name: %s
version: 1.0.0
title: A script
description: A script.
outputs: {out: {type: test.text, format: txt}}
implementations:
  shell:
    image: busybox:1
    command: [/bin/sh, -c, %q, sh, $(work)]
    collect: {out: out.txt}
    %s
`, name, script, more)
}

// The list of texts that somebody on the way could take for their language.
var hostile = []string{
	"{{workflow.name}}", "{{=1+1}}", "{{inputs.parameters.text}}", "'; id #", `"; id; "`, "$(id)", "$(work)", "$$(work)", "$(LIGASE_STORE)", "`id`", "${HOME}",
	"a\nb\n\n", `"}],"args":["-c","id"]`, "%s%n\\n\\0", "-n", "--help", "* ?", "ünïcödé 🧬", "\ttab ", "{{`{{x}}`}}", "<&>\u2028",
}

func TestHostileTextsArriveLiterally(t *testing.T) {
	k := suite(t)
	for _, text := range hostile {
		w := k.workflow("say", nil, pipelines.Arguments{Params: map[string]any{"text": text}})
		if got := w.follow(); got.State != "succeeded" || got.Outputs["out"][0] != text {
			t.Errorf("%q arrived as %+v", text, got)
		}
	}
}

// In the image of a tool there is no ligase, and its adapters are there all the
// same: they are the worker's own.
func TestAdaptersAreTheWorkersOwn(t *testing.T) {
	k := own(t, `
name: adapted
version: 1.0.0
title: A tool with an adapter
description: Its input is brought into the form that it takes.
inputs: {sequence: {type: test.text, format: txt}}
outputs: {out: {type: test.text, format: txt}}
implementations:
  tool:
    image: busybox:1
    prepare: [ligase, adapt, esmfold, prepare, --sequence, $(inputs.sequence), --out, $(work)]
    command: [/bin/cp, query.fasta, out.txt]
    collect: {out: out.txt}
`)
	adapted := dag.Task{Node: "adapted"}
	w := k.workflow("adapted", nil, pipelines.Arguments{Inputs: map[string][]pipelines.Input{"sequence": {k.put("a.txt", ">../../a b\nmkv/\nACD\n")}}})
	w.pod(adapted).wants(t, 0, "")
	if got := w.read(w.result(adapted).Outputs["out"][0].URI); string(got) != ">query\nMKV:ACD\n" {
		t.Errorf("the tool was given %q", got)
	}
	w = k.workflow("adapted", nil, pipelines.Arguments{Inputs: map[string][]pipelines.Input{"sequence": {k.put("b.txt", ">a\nMKV?\n")}}})
	w.pod(adapted).wants(t, 27, "esmfold prepare: sequence.txt: Line 2: The sequence \"a\" holds '?', which is no amino acid")
}

// A pod that runs after its task has committed changes nothing.
func TestPodAfterTheCommit(t *testing.T) {
	w := suite(t).workflow("split", nil, pipelines.Arguments{})
	split := dag.Task{Node: "split"}
	w.pod(split).wants(t, 0, "")
	before := w.objects()
	late := w.pod(split, "LIGASE_RETRY=1")
	late.wants(t, 0, "split has committed already, in attempt 1; nothing was run.")
	if diff := cmp.Diff(map[string]int{"items": 3}, late.counts(t)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(before, w.objects()); diff != "" {
		t.Errorf("it changed the run's folder:\n%s", diff)
	}
}

// Of pods that run one task at once, each has an attempt of its own, one
// commits, and all give what that one gave.
func TestPodsOfOneTask(t *testing.T) {
	w := own(t, shell("twin", `sleep 0.5; echo $$ >"$1"/out.txt`, "")).workflow("twin", nil, pipelines.Arguments{})
	twin := dag.Task{Node: "twin"}
	pods := make([]*process, 4)
	var group sync.WaitGroup
	for i := range pods {
		pods[i] = w.pod(twin)
		group.Go(func() { pods[i].wants(t, 0, "") })
	}
	group.Wait()
	result := w.result(twin)
	hosts := map[string]bool{}
	for attempt := 1; attempt <= len(pods); attempt++ {
		s := w.started(twin, attempt)
		if s.Attempt != attempt || s.RunID != w.folder.RunID || s.Workflow != w.name || s.Host != "node-1" || s.StartedAt.IsZero() {
			t.Errorf("attempt %d was claimed by %+v", attempt, s)
		}
		hosts[s.Pod] = true
	}
	if len(hosts) != len(pods) {
		t.Errorf("the claims are of %d pods", len(hosts))
	}
	object := result.Outputs["out"][0]
	if ref, ok := (uris.Layout{Root: w.root}).Object(object.URI); !ok || ref.Attempt != result.Attempt {
		t.Errorf("attempt %d committed %s", result.Attempt, object.URI)
	}
	if got := w.read(object.URI); int64(len(got)) != object.Size {
		t.Errorf("the object was written over: %q is not of %d bytes", got, object.Size)
	}
}

// After a failed attempt the next has the next number, whatever the Workflow
// counts, and its commit ends the matter.
func TestAttemptsCountUp(t *testing.T) {
	dir := t.TempDir()
	w := own(t, shell("picky", `echo trying; test -e `+dir+`/good || exit 7; echo fine >"$1"/out.txt`, "")).workflow("picky", nil, pipelines.Arguments{})
	picky := dag.Task{Node: "picky"}
	first := w.pod(picky)
	first.wants(t, 28, "The command ended with exit code 7.")
	if first.stdout.String() != "trying\n" {
		t.Errorf("standard output is not the step's own: %q", &first.stdout)
	}
	w.pod(picky, "LIGASE_RETRY=1").wants(t, 28, "")
	w.pod(picky).wants(t, 28, "") // another Workflow, which counts anew
	w.pod(picky, "LIGASE_RETRY=8").wants(t, 28, "")
	for _, attempt := range []int{1, 2, 3, 9} {
		f := w.failure(picky, attempt)
		if f == nil || f.Attempt != attempt || f.Code != steps.FailExit || *f.ExitCode != 7 || f.LogTail != "trying" {
			t.Errorf("attempt %d: %+v", attempt, f)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "good"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	w.pod(picky).wants(t, 0, "")
	if r := w.result(picky); r.Attempt != 10 || w.read(r.Outputs["out"][0].URI) != "fine\n" {
		t.Errorf("%+v", r)
	}
}

// SIGTERM, as when a node is drained: the command ends, what it printed and
// why it ended are kept, and the exit code says that nothing was wrong.
func TestTold(t *testing.T) {
	for name, script := range map[string]string{
		"a command that ends":  `echo begun; setsid sleep 60 & exec sleep 60`,
		"a command that stays": `trap "" TERM; echo begun; (trap "" TERM; sleep 60) & wait; sleep 60`,
	} {
		t.Run(name, func(t *testing.T) {
			w := own(t, shell("long", script, "")).workflow("long", nil, pipelines.Arguments{})
			long := dag.Task{Node: "long"}
			p := w.pod(long)
			out, err := os.Create(filepath.Join(p.home, "stdout"))
			if err != nil {
				t.Fatal(err)
			}
			defer out.Close()
			p.Stdout = out
			if err := p.Start(); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the step's output on standard output", func() bool {
				text, _ := os.ReadFile(out.Name())
				return string(text) == "begun\n"
			})
			told := time.Now()
			p.Process.Signal(syscall.SIGTERM)
			p.Wait()
			if took := time.Since(told); took > 20*time.Second {
				t.Errorf("it took %v to end", took)
			}
			if got := p.ProcessState.ExitCode(); got != 22 {
				t.Errorf("exit code %d: %s", got, &p.stderr)
			}
			if f := w.failure(long, 1); f == nil || f.Code != steps.FailPreempted || !f.Retryable || f.LogTail != "begun" {
				t.Errorf("%+v", f)
			}
			if left := marked(p.home); len(left) > 0 {
				t.Errorf("processes are left: %q", left)
			}
		})
	}
}

// marked lists the processes with a trace of dir in their environment.
func marked(dir string) []string {
	var list []string
	files, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, file := range files {
		if b, err := os.ReadFile(file); err == nil && bytes.Contains(b, []byte(dir)) {
			cmdline, _ := os.ReadFile(filepath.Join(filepath.Dir(file), "cmdline"))
			list = append(list, string(cmdline))
		}
	}
	return list
}

// A task that a tolerated failure took its item from is skipped, one whose
// failure left no record (its pod was killed) counts as failed, and a gather
// lists both with what is known.
func TestKilledWithoutARecord(t *testing.T) {
	w := own(t, `
name: two
version: 1.0.0
title: Two
description: Two.
outputs: {items: {type: test.text, format: txt, many: true}}
implementations:
  shell: {command: [/bin/sh, -c, 'mkdir "$1"/i; echo a >"$1"/i/a.txt; echo b >"$1"/i/b.txt; echo c >"$1"/i/c.txt', sh, $(work)], collect: {items: i/*.txt}}
`, `
name: pass
version: 1.0.0
title: Pass
description: Pass.
inputs: {in: {type: test.text}}
params: {depth: {type: integer, default: 3}}
outputs: {out: {type: test.text, format: txt}}
metrics: {lines: {unit: lines, better: higher, description: How many lines passed.}}
implementations:
  shell: {command: [/bin/sh, -c, 'grep -v b "$1" >"$2"/out.txt', sh, $(inputs.in), $(work), $(params.depth)], collect: {out: out.txt}}
`, `
name: list
version: 1.0.0
title: List
description: List.
inputs: {items: {type: test.text, many: true}}
outputs: {out: {type: test.text, format: txt}}
implementations:
  shell: {command: [/bin/sh, -c, 'cp "$1" "$2"/out.txt', sh, $(inputs.items.manifest), $(work)], collect: {out: out.txt}}
`, `
name: all
version: 1.0.0
title: All
description: All.
nodes:
  two: {step: two}
  pass: {step: pass, each: {in: two.items}, continue_on_failure: true}
  after: {step: pass, each: {in: pass.out}, continue_on_failure: true}
  list: {step: list, with: {items: after.out}}
outputs: {out: list.out}
`).workflow("all", nil, pipelines.Arguments{})
	at := func(node string, index uris.Index) dag.Task { return dag.Task{Node: node, Index: index} }
	w.pod(at("two", "")).wants(t, 0, "")
	w.pod(at("pass", "0")).wants(t, 0, "")
	w.pod(at("pass", "1")).wants(t, 28, "exit code 1")
	w.pod(at("pass", "2")).wants(t, 0, "")
	w.pod(at("after", "0")).wants(t, 0, "")
	w.pod(at("after", "1")).wants(t, 0, "after/1 has nothing to work on: pass failed, and was allowed to.")
	// Of after/2 there is no trace: its pod never came up.
	w.pod(at("list", "")).wants(t, 0, "")
	var manifest struct {
		MadeBy *steps.Maker `json:"made_by"`
		Items  []struct {
			Index  string
			Path   string
			Failed *struct{ Node, Code, Message string }
		}
	}
	if err := json.Unmarshal([]byte(w.read(w.result(at("list", "")).Outputs["out"][0].URI)), &manifest); err != nil {
		t.Fatal(err)
	}
	if len(manifest.Items) != 3 || manifest.Items[0].Failed != nil || manifest.Items[0].Path == "" {
		t.Fatalf("%+v", manifest)
	}
	three, err := steps.NewValue(3)
	if err != nil {
		t.Fatal(err)
	}
	want := &steps.Maker{
		Node: "after", Step: "pass", Version: "1.0.0", Implementation: "shell",
		Params:  map[string]steps.Value{"depth": three},
		Metrics: []steps.Metric{{Name: "lines", Unit: "lines", Better: "higher", Description: "How many lines passed."}},
	}
	if diff := cmp.Diff(want, manifest.MadeBy); diff != "" {
		t.Errorf("what made the items: -want +got\n%s", diff)
	}
	if f := manifest.Items[1].Failed; f == nil || f.Node != "pass" || f.Code != "exit" {
		t.Errorf("%+v", f)
	}
	if f := manifest.Items[2].Failed; f == nil || f.Node != "after" || !strings.Contains(f.Message, "left no record") {
		t.Errorf("%+v", f)
	}
}

// A pod that runs before what it needs has committed says so; it does not take
// it for skipped.
func TestTooEarly(t *testing.T) {
	w := suite(t).workflow("chain", nil, pipelines.Arguments{})
	second := dag.Task{Node: "second"}
	w.pod(second).wants(t, 30, "second needs first, and first has not committed.")
	if f := w.failure(second, 1); f == nil || f.Code != steps.FailUpstream {
		t.Errorf("%+v", f)
	}
	w.pod(dag.Task{Node: "first"}).wants(t, 0, "")
	w.pod(second, "LIGASE_RETRY=1").wants(t, 0, "")
}

// A large call lies in the run's folder.
func TestLargeCall(t *testing.T) {
	text := strings.Repeat("{{x}}", 13_000)
	w := suite(t).workflow("say", nil, pipelines.Arguments{Params: map[string]any{"text": text}})
	if len(w.call) > 1000 {
		t.Fatalf("the argument has %d bytes", len(w.call))
	}
	if got := w.follow(); got.State != "succeeded" || got.Outputs["out"][0] != text {
		t.Errorf("%+v", got)
	}
	if _, err := w.store.Put(t.Context(), w.folder.Call(), strings.NewReader("{}")); err != nil {
		t.Fatal(err)
	}
	other := w.pod(dag.Task{Node: "say"})
	other.wants(t, 29, "call.json is not what this run was given")
}

// By hand, a call needs neither run id nor root: pods of one Workflow agree on
// both.
func TestCallByHand(t *testing.T) {
	k := suite(t)
	in := k.put("in.txt", "by hand\n")
	w := k.workflow("upper", nil, pipelines.Arguments{Inputs: map[string][]pipelines.Input{"in": {in}}})
	w.call = fmt.Sprintf(`{"inputs":{"in":%q}}`, in.URI)
	w.folder = uris.Layout{Root: k.root}.Run(tasks.RunIDOf("uid-of-" + w.name))
	if got := w.follow(); got.State != "succeeded" || got.Outputs["out"][0] != "BY HAND\n" {
		t.Errorf("%+v", got)
	}
}

// A gather of a thousand reads what it needs in a moment.
func TestLargeGather(t *testing.T) {
	w := suite(t).workflow("collect", nil, pipelines.Arguments{})
	const n = 1000
	commit := func(task dag.Task, port string, items ...string) {
		r := steps.Result{Format: steps.ResultFormat, RunID: w.folder.RunID, Node: task.Node, Index: task.Index, Attempt: 1, Outputs: map[string][]steps.Object{}}
		for i, text := range items {
			item := i
			if len(items) == 1 {
				item = -1
			}
			u := w.folder.Object(task.Node, task.Index, 1, port, item, "txt")
			staged, err := w.store.Put(t.Context(), u, strings.NewReader(text))
			if err != nil {
				t.Fatal(err)
			}
			r.Outputs[port] = append(r.Outputs[port], steps.Object{URI: u, Size: staged.Size, SHA256: staged.SHA256, Type: "test.text", Format: "txt"})
		}
		if err := w.store.PutIfAbsent(t.Context(), w.folder.Result(task.Node, task.Index), []byte(encode(t, r))); err != nil {
			t.Fatal(err)
		}
	}
	texts := make([]string, n)
	for i := range texts {
		texts[i] = fmt.Sprintln(i)
		commit(dag.Task{Node: "upper", Index: uris.Index(fmt.Sprint(i))}, "out", texts[i])
	}
	commit(dag.Task{Node: "split"}, "items", texts...)
	w.pod(dag.Task{Node: "gather"}).wants(t, 0, "")
	if got := w.read(w.result(dag.Task{Node: "gather"}).Outputs["out"][0].URI); got != strings.Join(texts, "") {
		t.Errorf("%d bytes: %.40q…", len(got), got)
	}
}
