package tasks_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/ligase-bio/ligase/catalog"
	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/internal/tasks"
	"github.com/ligase-bio/ligase/pipelines"
	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/uris"
)

const sampleTypes = `
types:
  lab.text: {title: Text, formats: {txt: {extensions: [txt], text: true}}}
  lab.poem: {title: Poem, is: lab.text, formats: {txt: {extensions: [txt], text: true, check: {any_line: 'O '}}}}
  lab.number: {title: Number, formats: {num: {extensions: [num]}}}
`

const sampleStep = `
name: join
version: 1.2.0
title: Join texts
description: Joins texts. {{workflow.name}}
inputs:
  texts: {type: lab.text, many: true, min_items: 0, description: What to join}
  first: {type: lab.poem, optional: true}
params:
  sep: {type: string, default: ", ", description: Between them}
  times: {type: integer, default: 1, minimum: 1}
  note: {type: string, optional: true}
outputs:
  text: {type: lab.text, format: txt}
metrics:
  length: {description: In bytes}
implementations:
  plain:
    image: lab/join:1
    citation: Nobody
    command: [join, --sep, "$(params.sep)", "{{x}} <&>", "$(inputs.texts)", [--first, "$(inputs.first)"], --times=$(params.times), ["$(params.note)"]]
    collect: {text: out.txt}
    timeout: 90s
    resources: {cpu: 2, memory: 1Gi, gpu: 1}
    retries: {limit: 2, on: [oom]}
    failures: [{pattern: "no space", code: storage}]
  fast:
    command: [join-fast]
    collect: {text: out.txt}
`

func load(t testing.TB, files map[string]string) *catalog.Catalog {
	t.Helper()
	dir := fstest.MapFS{}
	for name, content := range files {
		dir[name] = &fstest.MapFile{Data: []byte(content)}
	}
	c, problems := catalog.Load(catalog.Source{Name: "test", FS: dir})
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	return c
}

func sample(t testing.TB) *catalog.Catalog {
	return load(t, map[string]string{"types.yaml": sampleTypes, "join.yaml": sampleStep})
}

func compile(t testing.TB, c *catalog.Catalog, tool string, implementations map[string]string) *pipelines.Compiled {
	t.Helper()
	compiled, err := c.Compile(tool, implementations)
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}

func library(t testing.TB) *catalog.Catalog {
	t.Helper()
	c, problems := catalog.Load(catalog.Builtin()...)
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	return c
}

// A call that was bound once is bound to the same plan in its pods.
func TestBindGivesThePlanBack(t *testing.T) {
	c := sample(t)
	compiled := compile(t, c, "join", nil)
	packed, err := tasks.EncodeCompiled(compiled)
	if err != nil {
		t.Fatal(err)
	}
	inPod, err := tasks.DecodeCompiled(packed)
	if err != nil {
		t.Fatal(err)
	}
	root := uris.MustParse("s3://lab/ligase")
	for name, args := range map[string]pipelines.Arguments{
		"an empty list": {Inputs: map[string][]pipelines.Input{"texts": {}}},
		"all": {
			Inputs: map[string][]pipelines.Input{
				// That a poem is a text, the pod's types know; what a sonnet is, only the catalog may.
				"texts": {{URI: uris.MustParse("s3://lab/a.txt"), Type: "lab.poem", Origin: "`a`"}, {URI: uris.MustParse("s3://lab/b.txt"), SHA256: strings.Repeat("b", 64), Size: 3, Format: "txt"}},
				"first": {{URI: uris.MustParse("s3://lab/c.txt")}},
			},
			Params: map[string]any{"sep": "5", "times": "7", "note": ""},
		},
	} {
		plan, err := compiled.Bind(args, c.Types())
		if err != nil {
			t.Fatal(err)
		}
		call := tasks.CallOf(plan, "run-0123456789ab", root)
		text, err := call.Encode()
		if err != nil {
			t.Fatal(err)
		}
		got, err := tasks.DecodeCall(text)
		if err != nil {
			t.Fatal(err)
		}
		if got.RunID != "run-0123456789ab" || got.Root != root {
			t.Errorf("%s: %+v", name, got)
		}
		again, err := got.Bind(inPod)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(plan.Inputs, again.Inputs, key, cmpopts.EquateEmpty(), cmpopts.IgnoreFields(pipelines.Input{}, "Type", "Origin")); diff != "" {
			t.Errorf("%s: inputs (-want +got):\n%s", name, diff)
		}
		if diff := cmp.Diff(plan.NodeParams("join"), again.NodeParams("join"), key); diff != "" {
			t.Errorf("%s: parameters (-want +got):\n%s", name, diff)
		}
	}
	_, err = tasks.Call{Params: map[string]steps.Value{"times": value(t, 0), "image": value(t, "evil")}}.Bind(inPod)
	if ps := problem.Of(err); len(ps) != 3 { // and texts are missing
		t.Errorf("%v", err)
	}
}

func TestLargeCallLiesInTheRunFolder(t *testing.T) {
	small := tasks.Call{RunID: "run-1", Root: uris.MustParse("s3://lab/x"), Params: map[string]steps.Value{"a": value(t, "b")}}
	argument, object, err := small.Argument()
	if err != nil || object != nil || !strings.Contains(argument, `"a":"b"`) {
		t.Errorf("%s %s %v", argument, object, err)
	}
	large := small
	large.Params = map[string]steps.Value{"a": value(t, strings.Repeat("{{x}}", 20_000))}
	argument, object, err = large.Argument()
	if err != nil || len(argument) > 300 || len(object) < tasks.MaxArgument {
		t.Fatalf("%s %d %v", argument, len(object), err)
	}
	inert(t, argument)
	short, err := tasks.DecodeCall(argument)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := short.Bind(compile(t, sample(t), "join", nil)); err == nil {
		t.Error("a call was bound whose arguments have not been read")
	}
	whole, err := short.Whole(object)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(large, whole, key); diff != "" {
		t.Error(diff)
	}
	if _, err := short.Whole(append(object, ' ')); err == nil || !strings.Contains(err.Error(), "is not what this run was given") {
		t.Errorf("another object: %v", err)
	}
	large.Params = map[string]steps.Value{"a": value(t, strings.Repeat("x", tasks.MaxCall))}
	if _, _, err := large.Argument(); len(problem.Of(err)) == 0 {
		t.Errorf("a call of 32 MiB: %v", err)
	}
}

func TestCompiledSurvives(t *testing.T) {
	c := library(t)
	for _, tool := range []string{"fold", "design_and_fold", "campaign"} {
		compiled := compile(t, c, tool, nil)
		text, err := tasks.EncodeCompiled(compiled)
		if err != nil {
			t.Fatal(err)
		}
		if again, _ := tasks.EncodeCompiled(compiled); again != text {
			t.Errorf("%s: two texts of one pipeline", tool)
		}
		if strings.Trim(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != "" {
			t.Errorf("%s: %s", tool, text)
		}
		t.Logf("%s: %d bytes", tool, len(text))
		got, err := tasks.DecodeCompiled(text)
		if err != nil {
			t.Fatalf("%s: %v", tool, err)
		}
		if diff := cmp.Diff(compiled.Graph().Order(), got.Graph().Order()); diff != "" {
			t.Errorf("%s: %s", tool, diff)
		}
		for i := range compiled.Nodes {
			id := compiled.Nodes[i].ID
			if !tasks.SameInterface(compiled.StepOf(id), got.StepOf(id)) {
				t.Errorf("%s: %s has another interface", tool, id)
			}
			impl := got.StepOf(id).Implementation(got.Node(id).Implementation)
			if impl == nil || len(impl.Command) > 0 {
				t.Errorf("%s: the implementation of %s is %+v", tool, id, impl)
			}
			if diff := cmp.Diff(compiled.Graph().Dims(id), got.Graph().Dims(id)); diff != "" {
				t.Errorf("%s: %s: %s", tool, id, diff)
			}
		}
		if compiled.Steps[compiled.Nodes[0].Step].Implementations[0].Command == nil {
			t.Error("encoding changed what it encoded")
		}
	}
}

// A thousand nodes fit a pod's environment; far more are refused in words and
// not by the kernel.
func TestCompiledHasALimit(t *testing.T) {
	chain := func(n, noise int) *pipelines.Compiled {
		random := rand.New(rand.NewPCG(1, 2)) // what no packing makes smaller
		var b strings.Builder
		b.WriteString("name: chain\nversion: 1.0.0\ntitle: Long\ndescription: Long\nnodes:\n")
		for i := range n {
			in, note := "", make([]byte, noise)
			if i > 0 {
				in = fmt.Sprintf("in: n%d.out, ", i-1)
			}
			for k := range note {
				note[k] = byte('a' + random.IntN(26))
			}
			fmt.Fprintf(&b, "  n%d: {step: pass, with: {%snote: x%s}}\n", i, in, note)
		}
		fmt.Fprintf(&b, "outputs: {out: n%d.out}\n", n-1)
		return compile(t, load(t, map[string]string{"types.yaml": sampleTypes, "chain.yaml": b.String(), "pass.yaml": `
name: pass
version: 1.0.0
title: Pass on
description: Pass on
inputs: {in: {type: lab.text, optional: true}}
params: {note: {type: string, default: ""}}
outputs: {out: {type: lab.text, format: txt}}
implementations: {plain: {command: [pass, ["$(inputs.in)"], "$(params.note)"], collect: {out: out.txt}}}
`}), "chain", nil)
	}
	text, err := tasks.EncodeCompiled(chain(1000, 0))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("1,000 nodes: %d bytes", len(text))
	_, err = tasks.EncodeCompiled(chain(100, 2000))
	if ps := problem.Of(err); len(ps) != 1 || ps[0].Code != problem.TooLarge {
		t.Errorf("200,000 bytes of noise: %v", err)
	}
}

func TestStepSurvives(t *testing.T) {
	c := sample(t)
	s := c.Step("join")
	text, err := tasks.EncodeStep(s, "", c.Types())
	if err != nil {
		t.Fatal(err)
	}
	inert(t, text)
	for _, word := range []string{"lab/join:1", "Nobody", "Joins", "join-fast", "lab.number"} {
		if strings.Contains(text, word) {
			t.Errorf("%q is in it, and no pod needs it: %s", word, text)
		}
	}
	got, types, err := tasks.DecodeStep(text)
	if err != nil {
		t.Fatal(err)
	}
	if !tasks.SameInterface(s, got) {
		t.Errorf("another interface: %+v", got)
	}
	want := s.Implementations[0]
	want.Image, want.Citation = "", ""
	if diff := cmp.Diff([]steps.Implementation{want}, got.Implementations, cmpopts.IgnoreFields(steps.Implementation{}, "Pos")); diff != "" {
		t.Errorf("implementation (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"lab.poem", "lab.text"}, types.Names()); diff != "" {
		t.Errorf("types: %s", diff)
	}
	if err := types.CheckPort(*got.Input("first"), "txt", []byte("no poem"), true); err == nil {
		t.Error("the type's check is lost")
	}
	if text, err := tasks.EncodeStep(s, "fast", c.Types()); err != nil || !strings.Contains(text, "join-fast") {
		t.Errorf("the other implementation: %s %v", text, err)
	}
	if _, err := tasks.EncodeStep(s, "slow", c.Types()); err == nil {
		t.Error("an implementation that is not there was written")
	}
}

func TestSameInterface(t *testing.T) {
	base := sample(t).Step("join")
	for name, change := range map[string]struct {
		change func(*steps.Step)
		same   bool
	}{
		"nothing":           {func(*steps.Step) {}, true},
		"words":             {func(s *steps.Step) { s.Title, s.Description, s.Inputs[0].Description = "x", "y", "z" }, true},
		"an implementation": {func(s *steps.Step) { s.Implementations = s.Implementations[:1] }, true},
		"version":           {func(s *steps.Step) { s.Version = "1.2.1" }, false},
		"a port's type":     {func(s *steps.Step) { s.Inputs[0].Type = "lab.poem" }, false},
		"a default":         {func(s *steps.Step) { v := value(t, "; "); s.Params[0].Default = &v }, false},
		"an output":         {func(s *steps.Step) { s.Outputs[0].Optional = true }, false},
	} {
		s := *base
		s.Inputs, s.Outputs, s.Params = append([]steps.Port(nil), s.Inputs...), append([]steps.Port(nil), s.Outputs...), append([]steps.Param(nil), s.Params...)
		change.change(&s)
		if got := tasks.SameInterface(base, &s); got != change.same {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestDefinitionsThatAreNot(t *testing.T) {
	bomb := func() string {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		for range 64 {
			w.Write(make([]byte, 1<<20))
		}
		w.Close()
		return base64.RawURLEncoding.EncodeToString(b.Bytes())
	}
	good, err := tasks.EncodeCompiled(compile(t, sample(t), "join", nil))
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct{ text, says string }{
		"nothing":    {"", "cannot be read"},
		"no base64":  {"{}", "cannot be read"},
		"no gzip":    {"aGVsbG8", "cannot be read"},
		"cut off":    {good[:len(good)/2], "cannot be read"},
		"a bomb":     {bomb(), "unpacks to more than"},
		"an unknown": {base64.RawURLEncoding.EncodeToString([]byte("\x1f\x8b\x08\x00")), "cannot be read"},
	} {
		if _, err := tasks.DecodeCompiled(test.text); err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, text := range []string{"", "{}", "[]", `{"step":null,"types":null}`, `{"step":{"name":"x","implementations":[]},"types":{"types":{}}}`, `{"image":"x"}`} {
		if _, _, err := tasks.DecodeStep(text); err == nil || !strings.Contains(err.Error(), "the step cannot be read") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestRunIDOf(t *testing.T) {
	a, b := tasks.RunIDOf("8a5f2b0e-0000-4000-8000-000000000001"), tasks.RunIDOf("8a5f2b0e-0000-4000-8000-000000000002")
	if a == b || a != tasks.RunIDOf("8a5f2b0e-0000-4000-8000-000000000001") || len(a) != len("run-7k2m9c4x1p0q") {
		t.Errorf("%s %s", a, b)
	}
	if _, err := tasks.DecodeCall(`{"run_id":"` + a + `"}`); err != nil {
		t.Error(err)
	}
}
