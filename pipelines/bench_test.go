package pipelines_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/ligase-bio/ligase/dag"
	"github.com/ligase-bio/ligase/pipelines"
	"github.com/ligase-bio/ligase/steps"
)

// large makes a pipeline of n nodes of a step that takes up to three
// structures: a chain, a fan (one node, and all others of it), or a random
// graph with three wires a node. What nobody takes is an output.
func large(s *shelf, shape string, n int) *pipelines.Pipeline {
	port := func(name string, optional bool) steps.Port {
		return steps.Port{Name: name, Type: "protein.structure", Formats: []string{"pdb"}, Optional: optional}
	}
	seed := s.steps["fold"].Params[0]
	s.steps["mix"] = &steps.Step{
		Name: "mix", Version: "1.0.0",
		Inputs:          []steps.Port{port("a", false), port("b", true), port("c", true)},
		Params:          []steps.Param{seed},
		Outputs:         []steps.Port{port("out", false)},
		Implementations: []steps.Implementation{{Name: "baseline", Command: []steps.Arg{{Templates: []string{"true"}}}}},
	}
	p := &pipelines.Pipeline{
		Name: shape, Version: "1.0.0",
		Inputs: []steps.Port{{Name: "structure", Type: "protein.structure"}},
		Params: []steps.Param{seed},
		Nodes:  make([]pipelines.Node, n),
	}
	id := func(i int) string { return fmt.Sprintf("n%d", i) }
	r := rand.New(rand.NewPCG(1, 2))
	used := make([]bool, n)
	for i := range p.Nodes {
		node := &p.Nodes[i]
		node.Name, node.Uses, node.Kind = id(i), "mix", pipelines.KindStep
		take := func(port string, from int) {
			e := &dag.Endpoint{Port: "structure"}
			if from >= 0 {
				e = &dag.Endpoint{Node: id(from), Port: "out"}
				used[from] = true
			}
			node.With = append(node.With, pipelines.Argument{Name: port, From: e})
		}
		switch shape {
		case "chain":
			take("a", i-1)
		case "fan":
			take("a", min(i, 1)-1)
		case "random":
			for _, port := range []string{"a", "b", "c"} {
				take(port, r.IntN(i+1)-1)
			}
		}
		if i%2 == 0 {
			node.With = append(node.With, pipelines.Argument{Name: "seed", Param: "seed"})
		}
	}
	for i, u := range used {
		if !u {
			p.Outputs = append(p.Outputs, pipelines.Output{Name: fmt.Sprintf("o%d", i), From: dag.Endpoint{Node: id(i), Port: "out"}})
		}
	}
	if shape == "random" { // the definition need not be in order
		r.Shuffle(n, func(i, j int) { p.Nodes[i], p.Nodes[j] = p.Nodes[j], p.Nodes[i] })
	}
	return p
}

// BenchmarkPlan is all that a run costs before anything happens: resolve,
// check, order and bind.
func BenchmarkPlan(b *testing.B) {
	for _, shape := range []string{"chain", "fan", "random"} {
		for _, n := range []int{1000, 10_000, 100_000} {
			b.Run(fmt.Sprintf("%s/%d", shape, n), func(b *testing.B) {
				s := testShelf(b)
				p := large(s, shape, n)
				a := pipelines.Arguments{Inputs: map[string][]pipelines.Input{"structure": {input(b, "file:///x.pdb", "protein.structure", "pdb", "")}}}
				b.ReportAllocs()
				for b.Loop() {
					c, err := pipelines.Compile(p, s, nil)
					if err != nil {
						b.Fatal(err)
					}
					if _, err := c.Bind(a, s.types); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/node")
			})
		}
	}
}

// BenchmarkBind is what a submit costs when the compiled pipeline is cached.
func BenchmarkBind(b *testing.B) {
	s := testShelf(b)
	c := compile(b, s, "testdata/compiled/nested.yaml")
	a := pipelines.Arguments{Inputs: map[string][]pipelines.Input{"structure": {input(b, "file:///x.pdb", "protein.structure", "pdb", "")}}}
	for b.Loop() {
		if _, err := c.Bind(a, s.types); err != nil {
			b.Fatal(err)
		}
	}
}
