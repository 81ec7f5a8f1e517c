package pipelines_test

import (
	"math"
	"strings"
	"testing"

	"github.com/ligase-bio/ligase/pipelines"
	"github.com/ligase-bio/ligase/uris"
)

const foldStep = `
name: predict
version: 1.0.0
title: Fold
description: Of one implementation.
inputs: {sequence: {type: protein.sequence}}
params: {models: {type: integer, default: 2}}
outputs:
  structure: {type: protein.structure, format: pdb, length: sequence}
  pieces: {type: protein.sequence, format: fasta, many: true, count: models, length: sequence}
  cut: {type: protein.sequence, format: fasta}
implementations:
  main:
    command: [tool, $(inputs.sequence), $(params.models)]
    collect: {structure: out.pdb, pieces: "*.fasta", cut: cut.fa}
    timeout: 1m
    cost: {by: sequence, times: models, points: [{length: 10, seconds: 1}, {length: 100, seconds: 10}], source: a paper}
`

// Lengths and counts follow the wires as far as steps say; where they do not,
// it is said that they are not known.
func TestPredictThroughNodes(t *testing.T) {
	s := testShelf(t).with(t, foldStep)
	p := parsed(t, `
name: p
version: 1.0.0
title: A pipeline
description: Of scatters.
inputs: {sequences: {type: protein.sequence, many: true}}
params: {models: {type: integer, default: 3}}
nodes:
  first: {step: predict, each: {sequence: $inputs.sequences}, with: {models: $params.models}}
  again: {step: predict, each: {sequence: first.pieces}}
  cut: {step: predict, each: {sequence: first.cut}}
outputs: {out: again.structure, other: cut.structure}
`)
	c, err := pipelines.Compile(p, s, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !c.Measured("sequences") || c.Measured("first") {
		t.Error("what is measured is another input")
	}
	input := func(name string, length int) pipelines.Input {
		return pipelines.Input{URI: uris.MustParse("mem://b/" + name), Type: "protein.sequence", Format: "fasta", Length: length}
	}
	plan, err := c.Bind(pipelines.Arguments{Inputs: map[string][]pipelines.Input{"sequences": {input("a", 10), input("b", 100)}}}, s.Types())
	if err != nil {
		t.Fatal(err)
	}
	expected, err := plan.Predict(nil)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]pipelines.Prediction{}
	for _, x := range expected {
		got[x.Node] = x
	}
	if x := got["first"]; x.Tasks != 2 || x.Length != 100 || x.Times != 3 || x.Seconds.Value != 30 || x.Total != 33 {
		t.Errorf("%+v", x)
	}
	if x := got["again"]; x.Tasks != 6 || x.Length != 100 || x.Seconds.Value != 20 || x.Total != 66 {
		t.Errorf("%+v", x)
	}
	if x := got["cut"]; x.Tasks != 2 || x.Length != 0 || x.Total != 0 || x.String() != "cut (main): 2 tasks, each takes what is not known before it runs, as it goes by sequence" {
		t.Errorf("%+v %s", x, x)
	}
	if got, want := plan.Span(expected), "In all about 99 s of work for the 2 of 3 nodes of which it is known, and at least 50 s however much of it runs at once."; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	plan, err = c.Bind(pipelines.Arguments{Inputs: map[string][]pipelines.Input{"sequences": {input("a", 250)}}}, s.Types())
	if err != nil {
		t.Fatal(err)
	}
	if expected, err = plan.Predict(nil); err != nil || expected[0].Reason() != "sequence is 250, times 3 models; figures: a paper; longer than any that is known; it would exceed the timeout of 60 s" {
		t.Errorf("%v %v", expected, err)
	}
}

// What a task needs of a GPU goes by the length of its own item, also when
// that is cut further or has gone through steps that keep the length; where the
// call does not tell it apart, by the longest.
func TestGPUMemoryOfEachTask(t *testing.T) {
	s := testShelf(t).with(t, strings.ReplaceAll(foldStep, "points: [{length: 10, seconds: 1}, {length: 100, seconds: 10}]",
		"points: [{length: 10, gpu_memory: 1000Mi}, {length: 100, gpu_memory: 10000Mi}]"))
	p := parsed(t, `
name: p
version: 1.0.0
title: A pipeline
description: Of scatters.
inputs: {sequences: {type: protein.sequence, many: true}, one: {type: protein.sequence}}
nodes:
  first: {step: predict, each: {sequence: $inputs.sequences}}
  again: {step: predict, each: {sequence: first.pieces}}
  cut: {step: predict, each: {sequence: first.cut}}
  single: {step: predict, with: {sequence: $inputs.one}}
outputs: {out: again.structure, other: cut.structure, third: single.structure}
`)
	c, err := pipelines.Compile(p, s, nil)
	if err != nil {
		t.Fatal(err)
	}
	input := func(name string, length int) pipelines.Input {
		return pipelines.Input{URI: uris.MustParse("mem://b/" + name), Type: "protein.sequence", Format: "fasta", Length: length}
	}
	plan, err := c.Bind(pipelines.Arguments{Inputs: map[string][]pipelines.Input{"sequences": {input("a", 10), input("b", 100)}, "one": {input("c", 10)}}}, s.Types())
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		node  string
		index uris.Index
		want  float64 // MiB
	}{
		{"first", "0", 1000}, {"first", "1", 10000}, {"again", "0.3", 1000}, {"again", "1.0", 10000},
		{"cut", "0", 0}, {"cut", "1", 0}, {"single", "", 1000}, {"first", "7", 10000},
	} {
		if got := plan.GPUMemory(tt.node)(tt.index) / (1 << 20); math.Abs(got-tt.want) > 1 {
			t.Errorf("%s %s needs %g MiB, want %g", tt.node, tt.index, got, tt.want)
		}
	}
}

// How long a record is says nothing of what a file of it and no other takes:
// that one is as long as it has records.
func TestPredictionsOfFilesGoByNoRecord(t *testing.T) {
	s := paperShelf(t).with(t, `
name: copy
version: 1.0.0
title: T
description: For tests.
inputs: {in: {type: book}}
outputs: {out: {type: book, format: txt}}
implementations:
  here:
    command: [copy, $(inputs.in)]
    collect: {out: out.txt}
    resources: {gpu: 1}
    cost: {by: in, points: [{length: 1, seconds: 60, gpu_memory: 1Gi}, {length: 100, seconds: 6000, gpu_memory: 100Gi}], source: a paper}
`)
	for typ, want := range map[string]int{"sheet": 0, "book": 90} {
		c, err := pipelines.Compile(parsed(t, "name: p\n"+paperHead+`
inputs: {in: {type: `+typ+`, many: true}}
nodes: {copy: {step: copy, each: {in: $inputs.in}}}
outputs: {out: copy.out}`), s, nil)
		if err != nil {
			t.Fatal(err)
		}
		given := input(t, "file:///a.txt", typ, "txt", "a")
		given.Length = 90
		plan, err := c.Bind(pipelines.Arguments{Inputs: map[string][]pipelines.Input{"in": {given}}}, s.Types())
		if err != nil {
			t.Fatal(err)
		}
		predicted, err := plan.Predict(nil)
		if err != nil || len(predicted) != 1 || predicted[0].Length != want {
			t.Errorf("a %s of 90: %+v, %v; want a length of %d", typ, predicted, err, want)
		}
		if got := plan.GPUMemory("copy")("0") / (1 << 30); (got > 50) != (want > 0) {
			t.Errorf("a %s of 90 is predicted to need %g GiB of a GPU", typ, got)
		}
	}
}
