package catalog_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/ligase-bio/ligase/catalog"
	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/steps"
)

func Example() {
	c, problems := catalog.Load(catalog.Builtin()...)
	if len(problems) > 0 {
		fmt.Println(problems)
		return
	}
	for _, fit := range c.Next("protein.sequence", "fasta") {
		fmt.Println(fit.Tool.Name, fit.Input)
	}
	// Output:
	// fold sequence
	// refold_check sequences
	// rank sequences
}

func builtin(t *testing.T) *catalog.Catalog {
	t.Helper()
	c, problems := catalog.Load(catalog.Builtin()...)
	if len(problems) > 0 {
		t.Fatalf("the built-in library has problems:\n%v", problems)
	}
	return c
}

func TestSearchRanksByWhereWordsStand(t *testing.T) {
	c := builtin(t)
	for query, wantFirst := range map[string]string{
		"fold":              "fold",
		"folding":           "fold",
		"design sequences":  "design",
		"rank":              "rank",
		"tm_score":          "score",
		"generate backbone": "backbone",
		"DESIGN AND FOLD":   "design_and_fold",
	} {
		hits := c.Search(query, 3)
		if len(hits) == 0 || hits[0].Tool.Name != wantFirst {
			t.Errorf("Search(%q) gives %v first, want %s", query, names(hits), wantFirst)
		}
	}
	if hits := c.Search("zebra", 0); len(hits) != 0 {
		t.Errorf("Search(zebra) gives %v", names(hits))
	}
	if got, want := len(c.Search("", 0)), len(c.Tools()); got != want {
		t.Errorf("an empty query lists %d of %d tools", got, want)
	}
	if got := len(c.Search("protein", 2)); got != 2 {
		t.Errorf("a limit of 2 gives %d", got)
	}
}

func names(hits []catalog.Hit) []string {
	var out []string
	for _, h := range hits {
		out = append(out, h.Tool.Name)
	}
	return out
}

func TestNextKnowsThatABackboneIsAStructure(t *testing.T) {
	c := builtin(t)
	fits := func(typ, format string) []string {
		var out []string
		for _, f := range c.Next(typ, format) {
			out = append(out, f.Tool.Name+"."+f.Input)
		}
		return out
	}
	backbone := fits("protein.backbone", "pdb")
	for _, want := range []string{"design.structure", "score.reference"} {
		if !slices.Contains(backbone, want) {
			t.Errorf("a backbone fits %v, want also %s", backbone, want)
		}
	}
	if slices.Contains(backbone, "fold.sequence") {
		t.Error("a backbone fits fold.sequence")
	}
	if got := fits("protein.sequence", "a3m"); len(got) != 0 {
		t.Errorf("a sequence in a format that nobody reads fits %v", got)
	}
}

func TestChains(t *testing.T) {
	c := builtin(t)
	spell := func(chains []catalog.Chain) []string {
		var out []string
		for _, chain := range chains {
			var links []string
			for _, l := range chain.Links {
				links = append(links, l.Tool.Name)
			}
			out = append(out, strings.Join(links, " "))
		}
		return out
	}
	structure := []steps.TypeFormat{{Type: "protein.structure", Format: "pdb"}}
	got := spell(c.Chains(structure, steps.TypeFormat{Type: "table.ranking"}, 0))
	if len(got) == 0 || got[0] != "design_and_fold" && got[0] != "campaign" {
		t.Errorf("chains from a structure to a ranking: %q, want a pipeline first", got)
	}
	if !slices.Contains(got, "score rank") {
		t.Errorf("chains from a structure to a ranking: %q, want also score, rank", got)
	}
	if got := c.Chains(structure, steps.TypeFormat{Type: "variants"}, 0); len(got) != 0 {
		t.Errorf("there is a way from a structure to variants: %q", spell(got))
	}
	var byHand *catalog.Chain
	for _, chain := range c.Chains(nil, steps.TypeFormat{Type: "protein.sequence"}, 0) {
		if len(chain.Links) == 2 && chain.Links[0].Tool.Name == "backbone" {
			byHand = &chain
		}
	}
	if byHand == nil {
		t.Fatalf("from nothing to a sequence: %q, want also backbone, design", spell(c.Chains(nil, steps.TypeFormat{Type: "protein.sequence"}, 0)))
	}
	want := []catalog.LinkInput{{Port: "structure", From: "backbone.structures", Each: true}}
	if d := cmp.Diff(want, byHand.Links[1].Inputs); d != "" {
		t.Errorf("the second link takes (-want +got):\n%s", d)
	}
}

// A file of records may be had of many values on a wire; a call takes one.
func TestChainsJoinNothing(t *testing.T) {
	c, problems := catalog.Load(append(catalog.Builtin(), source(map[string]string{
		"types.yaml": "types: {tally: {title: Tally, formats: {txt: {}}}}",
		"tally.yaml": `
name: tally
version: 1.0.0
title: Count sequences
description: Of a file of them.
inputs: {all: {type: protein.sequence_set, format: fasta}}
outputs: {tally: {type: tally, format: txt}}
implementations: {sh: {command: [count, $(inputs.all)], collect: {tally: t.txt}}}
`}))...)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	chains := c.Chains([]steps.TypeFormat{{Type: "protein.structure", Format: "pdb"}}, steps.TypeFormat{Type: "tally"}, 0)
	if len(chains) == 0 {
		t.Fatal("nothing leads to a tally")
	}
	for _, chain := range chains {
		// All that makes sequences makes many.
		if last := chain.Links[len(chain.Links)-1]; last.Tool.Name != "tally" || !last.Inputs[0].Each {
			t.Errorf("%s, then %s of %+v; want one for each", chain.Links[0].Tool.Name, last.Tool.Name, last.Inputs)
		}
	}
}

const double = `
name: double
version: %s
title: Double a table
description: Copies a table.
inputs: {table: {type: table.scores, format: csv}}
outputs: {table2: {type: table.scores, format: csv}}
implementations:
  sh: {command: [cp, $(inputs.table), $(work)/t.csv], collect: {table2: t.csv}}
`

func source(files map[string]string) catalog.Source {
	fsys := fstest.MapFS{}
	for name, content := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(content)}
	}
	return catalog.Source{Name: "mine", FS: fsys}
}

func TestVersions(t *testing.T) {
	c, problems := catalog.Load(append(catalog.Builtin(), source(map[string]string{
		"a/one.yaml":    fmt.Sprintf(double, "1.9.0"),
		"a/two.yaml":    fmt.Sprintf(double, "1.10.0"),
		"a/pre.yaml":    fmt.Sprintf(double, "1.10.0-rc.1"),
		".hidden.yaml":  "nonsense",
		"notes.txt":     "nonsense",
		".git/one.yaml": "nonsense",
	}))...)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	if got := c.Step("double").Version; got != "1.10.0" {
		t.Errorf("the newest version is %s, want 1.10.0", got)
	}
	for _, v := range []string{"1.9.0", "1.10.0-rc.1"} {
		if tool, err := c.Tool("double@" + v); err != nil || tool.Version != v {
			t.Errorf("double@%s: %v, %v", v, tool, err)
		}
	}
	_, err := c.Tool("double@2.0.0")
	if !errors.Is(err, problem.ErrNotFound) || !strings.Contains(err.Error(), "1.10.0, 1.10.0-rc.1, 1.9.0") {
		t.Errorf("a version that is not there: %v", err)
	}
	if _, err := c.Tool("duble"); !errors.Is(err, problem.ErrNotFound) || !strings.Contains(err.Error(), `"double"`) {
		t.Errorf("a slip of the pen: %v", err)
	}
}

func TestWhatHasProblemsIsLeftOutAndReported(t *testing.T) {
	c, problems := catalog.Load(append(catalog.Builtin(), source(map[string]string{
		"bad.yaml":    strings.Replace(fmt.Sprintf(double, "1.0.0"), "title", "tittle", 1),
		"fold.yaml":   strings.Replace(fmt.Sprintf(double, "1.0.0"), "double", "fold", 1),
		"clash.yaml":  strings.Replace(fmt.Sprintf(double, "3.0.0"), "double", "design_and_fold", 1),
		"good.yaml":   strings.Replace(fmt.Sprintf(double, "1.0.0"), "double", "good", 1),
		"what.yaml":   "name: nothing\n",
		"user.yaml":   "name: user\nversion: 1.0.0\ntitle: Uses what is broken\ndescription: Uses double.\ninputs: {t: {type: table.scores}}\nnodes: {d: {step: double, with: {table: $inputs.t}}}\noutputs: {o: d.table2}\n",
		"empty.yaml":  "",
		"binary.yaml": "\x00\x01",
	}))...)
	if c.Step("good") == nil {
		t.Error("what is sound is not in the catalog")
	}
	if c.Step("double") != nil || c.Pipeline("user") != nil {
		t.Error("what has problems is in the catalog")
	}
	if got := c.Step("fold"); got == nil || got.Title == "Double a table" {
		t.Error("a definition of the same name and version replaced the first")
	}
	seen := map[string]int{}
	for _, p := range problems {
		seen[p.Pos.File]++
		if p.Pos.File == "" || p.Message == "" {
			t.Errorf("a problem without a place or a sentence: %+v", p)
		}
	}
	for _, file := range []string{"bad", "fold", "clash", "what", "user", "empty", "binary"} {
		if seen["mine/"+file+".yaml"] == 0 {
			t.Errorf("nothing is said of %s.yaml; said:\n%v", file, problems)
		}
	}
	if seen["mine/good.yaml"] > 0 {
		t.Errorf("a sound file is blamed:\n%v", problems)
	}
}

func TestCompileIsSharedAndChecksChoices(t *testing.T) {
	c := builtin(t)
	a, err := c.Compile("design_and_fold", nil)
	if err != nil {
		t.Fatal(err)
	}
	b, err := c.Compile("design_and_fold", map[string]string{})
	if err != nil || a != b {
		t.Errorf("the same choice is compiled twice (%v)", err)
	}
	if _, err := c.Compile("design_and_fold", map[string]string{"fold": "nonesuch"}); problem.Of(err) == nil {
		t.Errorf("an implementation that is not there: %v", err)
	}
	if _, err := c.Compile("nonesuch", nil); !errors.Is(err, problem.ErrNotFound) {
		t.Errorf("a tool that is not there: %v", err)
	}
}
