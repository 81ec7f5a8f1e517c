package pipelines_test

import (
	"testing"

	"github.com/ligase-bio/ligase/dag"
	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/pipelines"
)

// TestListsOfOne: a pipeline that works through a list can be given a single
// value.
func TestListsOfOne(t *testing.T) {
	s := testShelf(t)
	parse := func(text string) *pipelines.Pipeline {
		t.Helper()
		p, ps := pipelines.Parse("p.yaml", []byte(text))
		if len(ps) > 0 {
			t.Fatal(ps)
		}
		s.pipelines[p.Name] = p
		return p
	}
	const head = "version: 1.0.0\ntitle: T\ndescription: For tests.\n"
	parse("name: fold_each\n" + head + `
inputs: {sequences: {type: protein.sequence, many: true}, reference: {type: protein.structure}}
nodes:
  fold: {step: fold, each: {sequence: $inputs.sequences}}
  score: {step: score, each: {model: fold.structure}, with: {reference: $inputs.reference}}
  rank: {step: rank, with: {scores: score.scores, models: fold.structure, by: tm_score}}
outputs: {models: fold.structure, best: rank.best}
`)
	outer := func(inputs, arguments string) *pipelines.Compiled {
		t.Helper()
		c, err := pipelines.Compile(parse("name: outer\n"+head+`
inputs: {`+inputs+`, reference: {type: protein.structure}}
nodes:
  one: {pipeline: fold_each, `+arguments+`}
  again: {step: score, each: {model: one.models}, with: {reference: $inputs.reference}}
  all: {step: rank, with: {scores: again.scores, models: one.models, by: tm_score}}
outputs: {best: one.best, all: all.best, models: one.models}
`), s, nil)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	mode := func(c *pipelines.Compiled, node, port string) dag.Mode {
		for _, b := range c.Node(node).Inputs {
			if b.Port == port {
				return b.Mode
			}
		}
		t.Fatalf("%s.%s is not bound", node, port)
		return ""
	}
	many := func(c *pipelines.Compiled) bool { return c.Output("models").Port.Many }

	one := outer("s: {type: protein.sequence}", "with: {sequences: $inputs.s, reference: $inputs.reference}")
	list := outer("s: {type: protein.sequence, many: true}", "with: {sequences: $inputs.s, reference: $inputs.reference}")
	for _, wire := range [][2]string{{"one.fold", "sequence"}, {"one.score", "model"}, {"again", "model"}} {
		if got := mode(one, wire[0], wire[1]); got != dag.With {
			t.Errorf("of a single value, %s.%s takes %s", wire[0], wire[1], got)
		}
		if got := mode(list, wire[0], wire[1]); got != dag.Each {
			t.Errorf("of a list, %s.%s takes %s", wire[0], wire[1], got)
		}
	}
	if many(one) || !many(list) {
		t.Errorf("models are many: %v of a single value, %v of a list", many(one), many(list))
	}

	// For each item of a scatter around it, a list of one of that item's.
	each, err := pipelines.Compile(parse("name: outer\n"+head+`
inputs: {s: {type: protein.sequence, many: true}}
nodes:
  fold: {step: fold, each: {sequence: $inputs.s}}
  one: {pipeline: fold_each, each: {reference: fold.structure}, with: {sequences: $inputs.s}}
outputs: {models: one.models}
`), s, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := mode(each, "one.fold", "sequence"); got != dag.With {
		t.Errorf("of the item that it is for, one.fold.sequence takes %s", got)
	}
	if n := each.Graph().NumDims(dag.Endpoint{Node: "one.fold", Port: "structure"}); n != 1 {
		t.Errorf("one model for each sequence has %d dimensions", n)
	}
	// Of a list that does not belong to the scatter around there is no each.
	_, err = pipelines.Compile(parse("name: outer\n"+head+`
inputs: {x: {type: protein.structure, many: true}, s: {type: protein.sequence, many: true}}
nodes: {one: {pipeline: fold_each, each: {reference: $inputs.x}, with: {sequences: $inputs.s}}}
outputs: {models: one.models}
`), s, nil)
	if ps := problem.Of(err); len(ps) == 0 || ps[0].Code != problem.ScatterClash {
		t.Errorf("got %v, want a scatter_clash", err)
	}

	// One level down.
	parse("name: middle\n" + head + `
inputs: {sequences: {type: protein.sequence, many: true}, reference: {type: protein.structure}}
nodes: {inner: {pipeline: fold_each, with: {sequences: $inputs.sequences, reference: $inputs.reference}}}
outputs: {models: inner.models, best: inner.best}
`)
	fold := s.pipelines["fold_each"]
	s.pipelines["fold_each"] = s.pipelines["middle"]
	s.pipelines["middle"].Nodes[0].Uses = "fold_all"
	s.pipelines["fold_all"] = fold
	deep := outer("s: {type: protein.sequence}", "with: {sequences: $inputs.s, reference: $inputs.reference}")
	if got := mode(deep, "one.inner.score", "model"); got != dag.With || many(deep) {
		t.Errorf("two pipelines down, the model is taken %s", got)
	}
	// A pipeline under each inside.
	c, err := pipelines.Compile(parse("name: outer\n"+head+`
inputs: {s: {type: protein.sequence}, reference: {type: protein.structure}}
nodes: {all: {pipeline: refine_all, with: {sequences: $inputs.s, reference: $inputs.reference}}}
outputs: {scores: all.scores}
`), s, nil)
	if err != nil {
		t.Fatal(err)
	}
	if n := c.Graph().NumDims(dag.Endpoint{Node: "all.refine.score", Port: "scores"}); n != 0 {
		t.Errorf("the one score has %d dimensions", n)
	}
	data := indented(t, c)
	if again, err := pipelines.DecodeCompiled([]byte(data)); err != nil {
		t.Error(err)
	} else {
		same(t, c, again)
	}
}
