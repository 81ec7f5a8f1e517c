package pipelines_test

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/pipelines"
	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/uris"
)

func input(t testing.TB, uri, typ, format, origin string) pipelines.Input {
	t.Helper()
	u, err := uris.Parse(uri)
	if err != nil {
		t.Fatal(err)
	}
	return pipelines.Input{URI: u, Type: typ, Format: format, Origin: origin}
}

func compile(t testing.TB, s *shelf, file string) *pipelines.Compiled {
	t.Helper()
	c, err := pipelines.Compile(read(t, file), s, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestBindProblems(t *testing.T) {
	s := testShelf(t)
	rank, err := pipelines.CompileStep(s.steps["rank"], s, nil)
	if err != nil {
		t.Fatal(err)
	}
	fold, err := pipelines.CompileStep(s.steps["fold"], s, nil)
	if err != nil {
		t.Fatal(err)
	}
	nested := compile(t, s, "testdata/compiled/nested.yaml")
	structure := input(t, "file:///a/x.pdb", "protein.structure", "pdb", "")
	backbone := input(t, "file:///a/b.pdb", "protein.backbone", "pdb", "")
	sequence := input(t, "file:///a/x.fasta", "protein.sequence", "fasta", "")
	table := input(t, "file:///a/scores.csv", "table.scores", "csv", "`score.scores` of run-7k2m9c4x1p0q")
	cif := input(t, "file:///a/x.cif", "protein.structure", "cif", "`x.cif`")
	many := func(n int) []pipelines.Input {
		list := make([]pipelines.Input, n)
		for i := range list {
			list[i] = table
		}
		return list
	}
	type in = map[string][]pipelines.Input
	type params = map[string]any
	for _, c := range []struct {
		name string
		tool *pipelines.Compiled
		a    pipelines.Arguments
		want string
	}{
		{"nothing", fold, pipelines.Arguments{},
			`inputs.sequence: The input "sequence" is missing: it takes a protein sequence (protein.sequence, fasta). Give it, as a URI or a file: sequence=….`},
		{"wrong type", fold, pipelines.Arguments{Inputs: in{"sequence": {table}}},
			"inputs.sequence: `score.scores` of run-7k2m9c4x1p0q is a score table (table.scores, csv); `sequence` takes a protein sequence (protein.sequence, fasta). Give it a protein sequence (protein.sequence, fasta)."},
		{"the other port fits", rank, pipelines.Arguments{Inputs: in{"scores": {table}, "models": {structure, table}}, Params: params{"by": "tm_score"}},
			"inputs.models[1]: `score.scores` of run-7k2m9c4x1p0q is a score table (table.scores, csv); `models` takes a protein structure (protein.structure, pdb). It would fit `scores`."},
		{"wrong format", nested, pipelines.Arguments{Inputs: in{"structure": {cif}}},
			"inputs.structure: `x.cif` is in the format cif; `structure` takes a protein structure (protein.structure, pdb). Give it a protein structure (protein.structure, pdb)."},
		{"two of one", fold, pipelines.Arguments{Inputs: in{"sequence": {sequence, sequence}}},
			`inputs.sequence: 2 values are given for "sequence", which takes one. Give one, or make a run for each.`},
		{"none of many", rank, pipelines.Arguments{Inputs: in{"scores": {}, "models": {backbone}}, Params: params{"by": "tm_score"}},
			`inputs.scores: The input "scores" is missing: it takes a score table (table.scores, csv). Give it, as a URI or a file: scores=….`},
		{"too many", rank, pipelines.Arguments{Inputs: in{"scores": many(10_001), "models": {structure}}, Params: params{"by": "tm_score"}},
			`inputs: 10002 input values are given; at most 10000 can be. Split the work into several runs.`},
		{"unknown", fold, pipelines.Arguments{Inputs: in{"sequence": {sequence}, "sequense": {sequence}, "seed": {sequence}}, Params: params{"image": "evil", "sede": 3, "sequence": "x", "podSpecPatch": map[string]any{}}},
			"inputs.seed: \"seed\" is a parameter, not an input. Give it under params.\n" +
				"inputs.sequense: fold has no input \"sequense\". Did you mean \"sequence\"?\n" +
				"params.image: fold has no parameter \"image\". There are: sequence, seed.\n" +
				"params.podSpecPatch: fold has no parameter \"podSpecPatch\". There are: sequence, seed.\n" +
				"params.sede: fold has no parameter \"sede\". Did you mean \"seed\"?\n" +
				"params.sequence: \"sequence\" is an input, not a parameter. Give it under inputs."},
		{"parameters", rank, pipelines.Arguments{Inputs: in{"scores": {table}, "models": {structure}}},
			`params.by: The parameter "by" must be set: it has no default. Give it a string: by=….`},
		{"out of range", fold, pipelines.Arguments{Inputs: in{"sequence": {sequence}}, Params: params{"seed": 101}},
			`params.seed: "seed" does not take this value. Give a whole number from 0 to 100, not 101.`},
		{"out of a node's range", nested, pipelines.Arguments{Inputs: in{"structure": {structure}}, Params: params{"hot": 7, "by": "size"}},
			"params.by: `rank.by`, which \"by\" sets, does not take this value. Give one of tm_score, ca_rmsd, not \"size\".\n" +
				"params.hot: `design.temperature`, which \"hot\" sets, does not take this value. Give a number from 0.01 to 2, not 7."},
		{"a megabyte", fold, pipelines.Arguments{Inputs: in{"sequence": {sequence}}, Params: params{"seed": strings.Repeat("1", 1<<20)}},
			"params: The parameters are larger than 1048576 bytes. Put large values into a file and give that as an input."},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := c.tool.Bind(c.a, s.types)
			if problem.Of(err) == nil {
				t.Fatalf("no problems: %v", err)
			}
			if diff := gocmp.Diff(c.want, err.Error()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestPlan(t *testing.T) {
	s := testShelf(t)
	c := compile(t, s, "testdata/compiled/nested.yaml")
	// A kind of structure fits, and so does what nothing is known of.
	a := pipelines.Arguments{
		Inputs: map[string][]pipelines.Input{"structure": {input(t, "file:///a/x.pdb", "protein.backbone", "pdb", "")}},
		Params: map[string]any{"hot": "2"},
	}
	plan, err := c.Bind(a, s.types)
	if err != nil {
		t.Fatal(err)
	}
	text := func(values map[string]steps.Value) map[string]string {
		out := map[string]string{}
		for k, v := range values {
			out[k] = v.String()
		}
		return out
	}
	want := map[string]string{"num_sequences": "8", "temperature": "2", "tag": "a.b", "fixed": "1,2"}
	if diff := gocmp.Diff(want, text(plan.NodeParams("design"))); diff != "" {
		t.Error(diff)
	}
	if _, isFloat := plan.NodeParams("design")["temperature"].Any().(float64); !isFloat {
		t.Error("an integer was not given as the number that the step takes")
	}
	if diff := gocmp.Diff(map[string]string{"by": "tm_score", "hot": "2"}, text(plan.Params)); diff != "" {
		t.Error(diff)
	}

	data, err := json.Marshal(plan)
	if err != nil {
		t.Fatal(err)
	}
	again, err := pipelines.DecodePlan(data)
	if err != nil {
		t.Fatal(err)
	}
	if again.Digest() != plan.Digest() {
		t.Error("the digest changes on the way through JSON")
	}
	data2, err := json.Marshal(again)
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(string(data), string(data2)); diff != "" {
		t.Error(diff)
	}

	// What the digest covers, and what it does not.
	digest := func(change func(*pipelines.Arguments)) string {
		b := pipelines.Arguments{Inputs: maps.Clone(a.Inputs), Params: maps.Clone(a.Params)}
		b.Inputs["structure"] = append([]pipelines.Input(nil), a.Inputs["structure"]...)
		change(&b)
		p, err := c.Bind(b, s.types)
		if err != nil {
			t.Fatal(err)
		}
		return p.Digest()
	}
	first := digest(func(*pipelines.Arguments) {})
	if first != plan.Digest() {
		t.Error("the digest is not the same each time")
	}
	if first != digest(func(a *pipelines.Arguments) { a.Params["by"] = "tm_score" }) {
		t.Error("a default that is spelled out changes the digest")
	}
	if first != digest(func(a *pipelines.Arguments) { a.Inputs["structure"][0].Origin = "elsewhere" }) {
		t.Error("words for messages change the digest")
	}
	if first == digest(func(a *pipelines.Arguments) { a.Params["by"] = "ca_rmsd" }) {
		t.Error("the digest does not cover parameters")
	}
	if first == digest(func(a *pipelines.Arguments) {
		a.Inputs["structure"][0] = input(t, "file:///a/y.pdb", "protein.backbone", "pdb", "")
	}) {
		t.Error("the digest does not cover inputs")
	}
	content := func(uri string) string {
		return digest(func(a *pipelines.Arguments) {
			a.Inputs["structure"][0] = input(t, uri, "protein.backbone", "pdb", "")
			a.Inputs["structure"][0].SHA256 = strings.Repeat("0", 64)
		})
	}
	if content("file:///a/y.pdb") != content("file:///a/z.pdb") {
		t.Error("the same content under two names has two digests")
	}
}

func TestDecodeRefuses(t *testing.T) {
	s := testShelf(t)
	c := compile(t, s, "testdata/compiled/nested.yaml")
	data, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	for _, change := range [][2]string{
		{`"step":"rank@1.0.0"`, `"step":"rank@1.0.1"`},
		{`"implementation":"mpnn"`, `"implementation":"other"`},
		{`"from":"hot"`, `"from":"cold"`},
		{`"port":"scores","from":{"node":"again"`, `"port":"scores","from":{"node":"rank"`},
		{`"name":"fold","version"`, `"name":"unfold","version"`},
		{`"id":"design"`, `"id":"desing"`},
		{`{"tool"`, `["tool"`},
	} {
		broken := strings.Replace(string(data), change[0], change[1], 1)
		if broken == string(data) {
			t.Fatalf("%s is not in the JSON", change[0])
		}
		if _, err := pipelines.DecodeCompiled([]byte(broken)); err == nil {
			t.Errorf("%s was accepted", change[1])
		}
	}
}
