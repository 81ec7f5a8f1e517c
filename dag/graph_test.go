package dag_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/dominikbraun/graph"
	gocmp "github.com/google/go-cmp/cmp"

	"github.com/ligase-bio/ligase/dag"
	"github.com/ligase-bio/ligase/steps"
)

func build(t testing.TB, spec dag.Spec) *dag.Graph {
	t.Helper()
	g, problems := dag.Build(spec, lattice(t))
	if problems != nil {
		t.Fatal(problems)
	}
	return g
}

// web is n nodes in a random order, each taking from up to three before it.
func web(n int, seed uint64) dag.Spec {
	inputs := []steps.Port{{Name: "a", Type: "t"}, {Name: "b", Type: "t"}, {Name: "c", Type: "t"}}
	outputs := []steps.Port{{Name: "out", Type: "t"}}
	s := dag.Spec{Inputs: []steps.Port{{Name: "in", Type: "t"}}}
	r := rand.New(rand.NewPCG(seed, 1))
	for i := range n {
		id := fmt.Sprintf("n%d", i)
		s.Nodes = append(s.Nodes, dag.Node{ID: id, Inputs: inputs, Outputs: outputs})
		for _, p := range inputs {
			from := dag.Endpoint{Port: "in"}
			if k := r.IntN(i + 1); k > 0 {
				from = dag.Endpoint{Node: fmt.Sprintf("n%d", k-1), Port: "out"}
			}
			s.Wires = append(s.Wires, dag.Wire{From: from, To: dag.Endpoint{Node: id, Port: p.Name}, Mode: dag.With})
		}
		s.Outputs = append(s.Outputs, dag.Output{Name: id, From: dag.Endpoint{Node: id, Port: "out"}})
	}
	r.Shuffle(n, func(i, j int) { s.Nodes[i], s.Nodes[j] = s.Nodes[j], s.Nodes[i] })
	r.Shuffle(len(s.Wires), func(i, j int) { s.Wires[i], s.Wires[j] = s.Wires[j], s.Wires[i] })
	return s
}

// The order is the one that the library's stable sort gives when ties go by
// the place in the spec.
func TestOrderAgainstLibrary(t *testing.T) {
	for seed := range uint64(30) {
		spec := web(40, seed)
		place := map[string]int{}
		for i, n := range spec.Nodes {
			place[n.ID] = i
		}
		g := build(t, spec)
		want, err := graph.StableTopologicalSort(g.Library(), func(a, b string) bool { return place[a] < place[b] })
		if err != nil {
			t.Fatal(err)
		}
		// The library serves all that is ready before it looks again; that both
		// are orders of the same graph, and that ours takes the first that is
		// ready each time, is what is compared.
		got := g.Order()
		if len(got) != len(want) {
			t.Fatalf("%d of %d nodes", len(got), len(want))
		}
		waits := map[string]int{}
		edges, err := g.Library().Edges()
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range edges {
			waits[e.Target]++
		}
		done := map[string]bool{}
		for at, id := range got {
			first := ""
			for _, n := range spec.Nodes {
				if !done[n.ID] && waits[n.ID] == 0 {
					first = n.ID
					break
				}
			}
			if id != first {
				t.Fatalf("place %d: %s, want %s", at, id, first)
			}
			if g.Position(id) != at {
				t.Fatalf("position of %s is %d, want %d", id, g.Position(id), at)
			}
			done[id] = true
			for _, e := range edges {
				if e.Source == id {
					waits[e.Target]--
				}
			}
		}
		// A spec in that order keeps it.
		slices.SortFunc(spec.Nodes, func(a, b dag.Node) int { return g.Position(a.ID) - g.Position(b.ID) })
		if diff := gocmp.Diff(got, build(t, spec).Order()); diff != "" {
			t.Fatal(diff)
		}
	}
}

func TestLibraryIsAView(t *testing.T) {
	g := build(t, web(20, 3))
	l := g.Library()
	if n, err := l.Order(); err != nil || n != 20 {
		t.Errorf("%d vertices, %v", n, err)
	}
	if err := l.AddVertex(dag.Node{ID: "new"}); err == nil {
		t.Error("a vertex could be added")
	}
	if err := l.RemoveVertex("n0"); err == nil {
		t.Error("a vertex could be removed")
	}
	if n, err := l.Vertex("n3"); err != nil || n.ID != "n3" {
		t.Errorf("vertex n3 is %v, %v", n, err)
	}
	if _, err := l.Vertex("none"); err == nil {
		t.Error("a vertex that is not there was found")
	}
	adjacent, err := l.AdjacencyMap()
	if err != nil {
		t.Fatal(err)
	}
	for from, targets := range adjacent {
		for to := range targets {
			if _, err := l.Edge(from, to); err != nil {
				t.Errorf("%s → %s: %v", from, to, err)
			}
			if path := g.Path(from, to); len(path) != 2 {
				t.Errorf("the path from %s to %s is %v", from, to, path)
			}
			if _, err := l.Edge(to, from); err == nil {
				t.Errorf("there is an edge back from %s to %s", to, from)
			}
		}
	}
	if g.Path("n0", "nowhere") != nil {
		t.Error("a path to nowhere")
	}
}

func TestShape(t *testing.T) {
	g := build(t, parseSpec(t, "testdata/drawings/campaign.graph"))
	want := [][]string{{"backbone"}, {"design"}, {"fold"}, {"score"}, {"rank"}}
	if diff := gocmp.Diff(want, g.Levels()); diff != "" {
		t.Error(diff)
	}
	weights := map[string]float64{"fold": 10}
	weigh := func(id string) float64 { return weights[id] }
	if diff := gocmp.Diff([]string{"backbone", "design", "fold", "score", "rank"}, g.CriticalPath(weigh)); diff != "" {
		t.Error(diff)
	}
	if g.Depth("backbone") != 5 || g.Depth("rank") != 1 || g.Depth("none") != 0 {
		t.Error("depths are wrong")
	}
	dims := []dag.Endpoint{{Node: "backbone", Port: "structures"}, {Node: "design", Port: "sequences"}}
	if diff := gocmp.Diff(dims, g.OutputDims(dag.Endpoint{Node: "fold", Port: "structure"})); diff != "" {
		t.Error(diff)
	}
	if n := g.NumDims(dag.Endpoint{Node: "rank", Port: "table"}); n != 0 {
		t.Errorf("a gathered value has %d dimensions", n)
	}
	if diff := gocmp.Diff([]string{"pdb"}, g.InputFormats("structure")); diff != "" {
		t.Error(diff)
	}
	var wires []string
	for w := range g.Wires("score") {
		wires = append(wires, fmt.Sprint(w.Mode, " ", w.From, " ", w.To))
	}
	if diff := gocmp.Diff([]string{"each fold.structure score.model", "each backbone.structures score.reference"}, wires); diff != "" {
		t.Error(diff)
	}
}

// Many mistakes at once are answered soon, each named.
func TestManyProblems(t *testing.T) {
	spec := web(3000, 1)
	for i := range spec.Wires {
		spec.Wires[i].From.Node += "x"
	}
	_, problems := dag.Build(spec, lattice(t))
	// And the input that nothing takes any more.
	if want := len(spec.Wires) + 1; len(problems) != want {
		t.Errorf("%d problems, want %d", len(problems), want)
	}
}

func TestFrontierRefuses(t *testing.T) {
	g := build(t, parseSpec(t, "testdata/drawings/campaign.graph"))
	f, change := g.NewFrontier(nil)
	if diff := gocmp.Diff([]dag.Task{{Node: "backbone"}}, change.Ready); diff != "" {
		t.Fatal(diff)
	}
	for _, c := range []struct {
		task   dag.Task
		counts map[string]int
		want   string
	}{
		{dag.Task{Node: "none"}, nil, "no task none"},
		{dag.Task{Node: "design"}, nil, "no task design"},
		{dag.Task{Node: "design", Index: "0"}, nil, "no task design/0"},
		{dag.Task{Node: "backbone", Index: "0"}, nil, "no task backbone/0"},
		{dag.Task{Node: "rank"}, nil, "not ready"},
		{dag.Task{Node: "backbone"}, nil, "is missing"},
		{dag.Task{Node: "backbone"}, map[string]int{"structures": -1}, "not possible"},
		{dag.Task{Node: "backbone"}, map[string]int{"structures": 1, "other": 1}, "does not have"},
	} {
		if _, err := f.Succeed(c.task, c.counts); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %v: %v, want %s", c.task, c.counts, err, c.want)
		}
	}
	if _, err := f.Succeed(dag.Task{Node: "backbone"}, map[string]int{"structures": 2}); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Succeed(dag.Task{Node: "backbone"}, map[string]int{"structures": 2}); err == nil {
		t.Error("telling twice was accepted")
	}
	if _, err := f.Fail(dag.Task{Node: "design", Index: "2"}); err == nil {
		t.Error("an item past the end was accepted")
	}
}

func BenchmarkBuild(b *testing.B) {
	types := lattice(b)
	for _, n := range []int{1000, 10_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			spec := web(n, 1)
			b.ReportAllocs()
			for b.Loop() {
				if _, problems := dag.Build(spec, types); problems != nil {
					b.Fatal(problems)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/node")
		})
	}
}

// BenchmarkFrontier follows a campaign of n folds to its end.
func BenchmarkFrontier(b *testing.B) {
	g := build(b, parseSpec(b, "testdata/drawings/campaign.graph"))
	for _, n := range []int{1000, 10_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f, change := g.NewFrontier(nil)
				ready := change.Ready
				for len(ready) > 0 {
					t := ready[len(ready)-1]
					ready = ready[:len(ready)-1]
					var counts map[string]int
					switch t.Node {
					case "backbone":
						counts = map[string]int{"structures": 10}
					case "design":
						counts = map[string]int{"sequences": n / 10}
					}
					change, err := f.Succeed(t, counts)
					if err != nil {
						b.Fatal(err)
					}
					ready = append(ready, change.Ready...)
				}
				if !f.Done() {
					b.Fatal("not done")
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(2*n), "ns/task")
		})
	}
}
