package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"

	"github.com/dominikbraun/graph"

	"github.com/ligase-bio/ligase/catalog"
	"github.com/ligase-bio/ligase/dag"
	"github.com/ligase-bio/ligase/pipelines"
	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/uris"
)

const (
	planNodes  = 10_000
	planGoal   = 15e-3 // seconds
	planRounds = 11    // they are short
	// A pass that is quadratic gives 100× from 1,000 to 100,000 nodes. Caches
	// that no longer hold the whole graph are allowed for.
	linearGoal = 3
)

func planCases() []benchCase {
	var list []benchCase
	for _, form := range []string{"chain", "fan", "random"} {
		list = append(list, benchCase{"plan/" + form, func(ctx context.Context, b *bench) ([]row, error) {
			return measurePlan(ctx, b, form)
		}})
	}
	return append(list, benchCase{"plan/peer", measurePlanPeer})
}

// wiring is a graph: by node, the nodes that it takes from (-1: the
// pipeline's own input).
type wiring struct {
	form  string
	takes [][]int
}

// newWiring makes a chain, a fan (all take from the first), or a random graph
// in which a node takes three times from what comes before it.
func newWiring(form string, n int) wiring {
	w := make([][]int, n)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range w {
		switch form {
		case "chain":
			w[i] = []int{i - 1}
		case "fan":
			w[i] = []int{min(i, 1) - 1}
		default:
			w[i] = []int{r.IntN(i+1) - 1, r.IntN(i+1) - 1, r.IntN(i+1) - 1}
		}
	}
	return wiring{form, w}
}

func nodeName(i int) string { return fmt.Sprintf("n%d", i) }

// pipeline is the wiring as a definition. The nodes of a random one are in no
// order.
func (w wiring) pipeline() *pipelines.Pipeline {
	p := &pipelines.Pipeline{
		Name: "bench", Version: "1.0.0", Title: "Bench", Description: "A large graph.",
		Inputs: []steps.Port{{Name: "note", Type: "bench.note"}},
		Params: []steps.Param{{Name: "seed", Type: steps.Integer}},
		Nodes:  make([]pipelines.Node, len(w.takes)),
	}
	used := make([]bool, len(w.takes))
	for i, takes := range w.takes {
		n := pipelines.Node{Name: nodeName(i), Uses: "mix", Kind: pipelines.KindStep}
		for k, from := range takes {
			e := &dag.Endpoint{Port: "note"}
			if from >= 0 {
				e.Node, used[from] = nodeName(from), true
			}
			n.With = append(n.With, pipelines.Argument{Name: string(rune('a' + k)), From: e})
		}
		n.With = append(n.With, pipelines.Argument{Name: "seed", Param: "seed"})
		p.Nodes[i] = n
	}
	for i, u := range used {
		if !u {
			p.Outputs = append(p.Outputs, pipelines.Output{Name: fmt.Sprintf("o%d", i), From: dag.Endpoint{Node: nodeName(i), Port: "note"}})
		}
	}
	if w.form == "random" {
		r := rand.New(rand.NewPCG(3, 4))
		r.Shuffle(len(p.Nodes), func(i, j int) { p.Nodes[i], p.Nodes[j] = p.Nodes[j], p.Nodes[i] })
	}
	return p
}

// kahn is the least that ordering takes: Kahn's algorithm (1962) over slices,
// for nodes that are numbers and wires that nobody checks.
func (w wiring) kahn() error {
	n := len(w.takes)
	waits, starts := make([]int32, n), make([]int32, n+1)
	for i, takes := range w.takes {
		for _, from := range takes {
			if from >= 0 {
				waits[i]++
				starts[from+1]++
			}
		}
	}
	for i := range w.takes {
		starts[i+1] += starts[i]
	}
	at, gives := append([]int32(nil), starts...), make([]int32, starts[n])
	for i, takes := range w.takes {
		for _, from := range takes {
			if from >= 0 {
				gives[at[from]] = int32(i)
				at[from]++
			}
		}
	}
	order := make([]int32, 0, n)
	for i, left := range waits {
		if left == 0 {
			order = append(order, int32(i))
		}
	}
	for done := 0; done < len(order); done++ {
		from := order[done]
		for _, to := range gives[starts[from]:starts[from+1]] {
			if waits[to]--; waits[to] == 0 {
				order = append(order, to)
			}
		}
	}
	if len(order) != n {
		return errors.New("the graph has a cycle")
	}
	return nil
}

// planner plans one pipeline again and again.
type planner struct {
	catalog  *catalog.Catalog
	pipeline *pipelines.Pipeline
	args     pipelines.Arguments
}

func newPlanner(w wiring) (*planner, error) {
	c, err := definitions("")
	if err != nil {
		return nil, err
	}
	u, err := uris.FromPath("/note.txt")
	if err != nil {
		return nil, err
	}
	return &planner{c, w.pipeline(), pipelines.Arguments{
		Inputs: map[string][]pipelines.Input{"note": {{URI: u, Type: "bench.note", Format: "txt"}}},
		Params: map[string]any{"seed": 7},
	}}, nil
}

// way plans. Small pipelines are planned several times, so that each size pays
// its share of collecting garbage.
func (p *planner) way(name string) (w way, repeat int) {
	repeat = max(1, planNodes/len(p.pipeline.Nodes))
	return way{name: name, run: func(context.Context) error {
		for range repeat {
			if err := p.plan(); err != nil {
				return err
			}
		}
		return nil
	}}, repeat
}

// took is what one plan takes, in seconds.
func (p *planner) took(ctx context.Context, b *bench) (float64, error) {
	w, repeat := p.way(fmt.Sprintf("plan of %s", thousands(len(p.pipeline.Nodes))))
	took, err := b.contest(ctx, planRounds, w)
	if err != nil {
		return 0, err
	}
	return took[0] / float64(repeat), nil
}

// plan is all that comes before a run: names resolved, wires checked, nodes in
// order, arguments bound.
func (p *planner) plan() error {
	compiled, err := pipelines.Compile(p.pipeline, p.catalog, nil)
	if err != nil {
		return err
	}
	_, err = compiled.Bind(p.args, p.catalog.Types())
	return err
}

func measurePlan(ctx context.Context, b *bench, form string) ([]row, error) {
	w := newWiring(form, planNodes)
	p, err := newPlanner(w)
	if err != nil {
		return nil, err
	}
	const floor = "Kahn's pass over slices"
	ours, _ := p.way("plan")
	took, err := b.contest(ctx, planRounds, ours, way{
		name:    floor,
		prepare: func() error { runtime.GC(); return nil }, // it leaves no garbage and should not pay for ours
		run:     func(context.Context) error { return w.kahn() },
	})
	if err != nil {
		return nil, err
	}
	what := fmt.Sprintf("plan a %s of 10,000 nodes", form)
	if form == "random" {
		what = "plan a random graph of 10,000 nodes and 30,000 wires"
	}
	rows := []row{{what: what, ours: value{took[0], seconds}, peer: floor, theirs: value{took[1], seconds}, goal: atMost(value{planGoal, seconds})}}

	perNode := map[int]float64{planNodes: took[0] / planNodes}
	for _, n := range []int{1000, b.full(100_000, 20_000)} {
		p, err := newPlanner(newWiring(form, n))
		if err != nil {
			return nil, err
		}
		took, err := p.took(ctx, b)
		if err != nil {
			return nil, err
		}
		perNode[n] = took / float64(n)
	}
	small := value{perNode[1000], seconds}
	for _, n := range []int{planNodes, b.full(100_000, 20_000)} {
		rows = append(rows, row{
			what: fmt.Sprintf("the same, per node, at %s", thousands(n)), ours: value{perNode[n], seconds},
			peer: "ours at 1,000", theirs: small, goal: ratioAtMost(linearGoal),
		})
	}
	return rows, nil
}

func thousands(n int) string { return fmt.Sprintf("%d,%03d", n/1000, n%1000) }

// measurePlanPeer has the library that the graph is built on order the same
// nodes, and nothing else. It takes so long that 10,000 nodes are ordered only
// once.
func measurePlanPeer(ctx context.Context, b *bench) ([]row, error) {
	var rows []row
	sizes := []struct{ nodes, repeat int }{{1000, rounds}, {planNodes, 1}}
	for _, size := range sizes[:b.full(2, 1)] {
		w := newWiring("random", size.nodes)
		p, err := newPlanner(w)
		if err != nil {
			return nil, err
		}
		g, err := w.library()
		if err != nil {
			return nil, err
		}
		ours, err := p.took(ctx, b)
		if err != nil {
			return nil, err
		}
		const peer = "dominikbraun/graph StableTopologicalSort"
		var theirs []float64
		for range size.repeat {
			d, err := once(ctx, way{run: func(context.Context) error {
				_, err := graph.StableTopologicalSort(g, func(a, b int) bool { return a < b })
				return err
			}})
			if err != nil {
				return nil, err
			}
			theirs = append(theirs, d)
		}
		b.say("%s of %d: %s", peer, size.nodes, value{median(theirs), seconds})
		rows = append(rows, row{
			what: fmt.Sprintf("plan a random graph of %s nodes", thousands(size.nodes)), ours: value{ours, seconds},
			peer: peer, theirs: value{median(theirs), seconds},
		})
	}
	return rows, nil
}

// library is the wiring in the library's own store.
func (w wiring) library() (graph.Graph[int, int], error) {
	g := graph.New(graph.IntHash, graph.Directed())
	for i := range w.takes {
		if err := g.AddVertex(i); err != nil {
			return nil, err
		}
	}
	for i, takes := range w.takes {
		for _, from := range takes {
			if from < 0 {
				continue
			}
			// It has one edge between two nodes, however many ports they join.
			if err := g.AddEdge(from, i); err != nil && !errors.Is(err, graph.ErrEdgeAlreadyExists) {
				return nil, err
			}
		}
	}
	return g, nil
}
