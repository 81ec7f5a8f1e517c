package dag_test

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/ligase-bio/ligase/dag"
	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/uris"
)

// oracle says what a run looks like from the definition alone: it recomputes
// everything from all events so far, each time, with no state of its own. It
// shares no code with the package.
type oracle struct {
	spec   dag.Spec
	items  map[string]int
	events map[dag.Task]outcome
	memo   map[dag.Task]string
}

type outcome struct {
	failed bool
	counts map[string]int
	left   dag.Left
}

// lost are the states of tasks whose results nobody takes.
func lost(state string) bool {
	switch state {
	case "failed", "starved", "skipped", "filtered":
		return true
	}
	return false
}

func (o *oracle) node(id string) *dag.Node {
	for i := range o.spec.Nodes {
		if o.spec.Nodes[i].ID == id {
			return &o.spec.Nodes[i]
		}
	}
	return nil
}

func (o *oracle) port(e dag.Endpoint) *steps.Port {
	if e.Node == "" {
		return steps.FindPort(o.spec.Inputs, e.Port)
	}
	return steps.FindPort(o.node(e.Node).Outputs, e.Port)
}

func (o *oracle) valueDims(e dag.Endpoint) []dag.Endpoint {
	var dims []dag.Endpoint
	if e.Node != "" {
		dims = o.nodeDims(e.Node)
	}
	if o.port(e).Many {
		dims = append(slices.Clone(dims), e)
	}
	return dims
}

func (o *oracle) base(id string) []dag.Endpoint {
	var dims []dag.Endpoint
	for _, e := range o.node(id).Within {
		if d := o.valueDims(e); len(d) > len(dims) {
			dims = d
		}
	}
	return dims
}

func (o *oracle) nodeDims(id string) []dag.Endpoint {
	dims := o.base(id)
	for _, w := range o.spec.Wires {
		if w.To.Node == id && w.Mode == dag.Each {
			if d := o.valueDims(w.From); len(d) > len(dims) {
				dims = d
			}
		}
	}
	return dims
}

func commonPrefix(a, b []dag.Endpoint) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// indexes lists the items of scatters below an index, as far as known.
func (o *oracle) indexes(dims []dag.Endpoint, depth int, below uris.Index) []uris.Index {
	if depth == len(dims) {
		return []uris.Index{below}
	}
	var out []uris.Index
	e, n := dims[depth], 0
	if e.Node == "" {
		n = o.items[e.Port]
	} else if o.status(dag.Task{Node: e.Node, Index: below}) == "succeeded" {
		n = o.events[dag.Task{Node: e.Node, Index: below}].counts[e.Port]
	}
	for i := range n {
		out = append(out, o.indexes(dims, depth+1, below.Child(i))...)
	}
	return out
}

// gather lists the sources of a value below an index, and says whether they
// are final.
func (o *oracle) gather(e dag.Endpoint, depth int, below uris.Index) (sources []dag.Source, final bool) {
	dims := o.valueDims(e)
	if depth == len(dims) {
		switch {
		case o.port(e).Many:
			return []dag.Source{{From: e, Task: below.Prefix(below.Depth() - 1), Item: below.Last(), Index: below}}, true
		case e.Node == "":
			return []dag.Source{{From: e, Item: -1}}, true
		}
		t := dag.Task{Node: e.Node, Index: below}
		switch o.status(t) {
		case "succeeded":
			if n, told := o.events[t].counts[e.Port]; told && n == 0 {
				return nil, true
			}
			return []dag.Source{{From: e, Task: below, Item: -1, Index: below}}, true
		case "failed", "starved", "skipped", "filtered":
			return []dag.Source{{From: e, Task: below, Item: -1, Index: below, Failed: true}}, true
		}
		return nil, false
	}
	n, by := 0, dims[depth]
	var left []int
	if by.Node == "" {
		n = o.items[by.Port]
	} else {
		t := dag.Task{Node: by.Node, Index: below}
		switch o.status(t) {
		case "succeeded":
			n, left = o.events[t].counts[by.Port], o.events[t].left.Items[by.Port]
		case "failed", "starved", "skipped", "filtered":
			return []dag.Source{{From: e, Task: below, Item: -1, Index: below, Failed: true}}, true
		default:
			return nil, false
		}
	}
	final = true
	for i := range n {
		if ix := below.Child(i); slices.Contains(left, i) {
			sources = append(sources, dag.Source{From: e, Task: ix, Item: -1, Index: ix, Failed: true})
			continue
		}
		s, f := o.gather(e, depth+1, below.Child(i))
		sources, final = append(sources, s...), final && f
	}
	return sources, final
}

func (o *oracle) sources(t dag.Task, w dag.Wire) ([]dag.Source, bool) {
	dims := o.valueDims(w.From)
	depth := len(dims)
	if steps.FindPort(o.node(t.Node).Inputs, w.To.Port).Many {
		depth = commonPrefix(dims, o.nodeDims(t.Node))
	}
	return o.gather(w.From, depth, t.Index.Prefix(depth))
}

func (o *oracle) status(t dag.Task) string {
	if s, known := o.memo[t]; known {
		return s
	}
	s := o.compute(t)
	o.memo[t] = s
	return s
}

func (o *oracle) compute(t dag.Task) string {
	n := o.node(t.Node)
	wait, starve := false, false
	for depth, by := range o.nodeDims(t.Node) {
		made := o.events[dag.Task{Node: by.Node, Index: t.Index.Prefix(depth)}]
		if slices.Contains(made.left.Items[by.Port], t.Index.Prefix(depth+1).Last()) {
			return "skipped"
		}
	}
	item := func(e dag.Endpoint) (skip bool) {
		if e.Node == "" || o.port(e).Many {
			return false
		}
		switch s := o.status(dag.Task{Node: e.Node, Index: t.Index.Prefix(len(o.valueDims(e)))}); {
		case lost(s):
			return true
		case s != "succeeded":
			wait = true
		}
		return false
	}
	for _, e := range n.Within {
		if item(e) {
			return "skipped"
		}
	}
	for _, w := range o.spec.Wires {
		if w.To.Node != t.Node {
			continue
		}
		port := steps.FindPort(n.Inputs, w.To.Port)
		if !port.Many {
			if item(w.From) {
				return "skipped"
			}
			continue
		}
		sources, final := o.sources(t, w)
		wait = wait || !final
		live := 0
		for _, s := range sources {
			if !s.Failed {
				live++
			}
		}
		starve = starve || live < port.MinItems && !port.Optional
	}
	switch e, ended := o.events[t]; {
	case wait:
		return "waiting"
	case starve:
		return "starved"
	case !ended:
		return "ready"
	case e.failed:
		return "failed"
	case e.left.All:
		return "filtered"
	}
	return "succeeded"
}

// all is the status of every task known of.
func (o *oracle) all() map[dag.Task]string {
	o.memo = make(map[dag.Task]string)
	out := make(map[dag.Task]string)
	for _, n := range o.spec.Nodes {
		for _, ix := range o.indexes(o.nodeDims(n.ID), 0, "") {
			t := dag.Task{Node: n.ID, Index: ix}
			out[t] = o.status(t)
		}
	}
	return out
}

// randomSpec makes a sound graph of scatters, zips, gathers and enclosing
// scatters.
func randomSpec(r *rand.Rand) (dag.Spec, map[string]int) {
	port := func(name string, many bool) steps.Port {
		p := steps.Port{Name: name, Type: "t", Formats: []string{"f"}, Many: many}
		if many {
			p.MinItems = r.IntN(3)
		}
		return p
	}
	spec := dag.Spec{Inputs: []steps.Port{port("one", false), port("list", true)}}
	o := &oracle{spec: spec, items: map[string]int{"list": r.IntN(4)}}
	values := []dag.Endpoint{{Port: "one"}, {Port: "list"}}
	for i := range 2 + r.IntN(7) {
		n := dag.Node{ID: fmt.Sprintf("n%d", i), ContinueOnFailure: r.IntN(12) > 0}
		if r.IntN(4) == 0 {
			if e := values[r.IntN(len(values))]; len(o.valueDims(e)) > 0 && len(o.valueDims(e)) < 4 {
				n.Within = []dag.Endpoint{e}
			}
		}
		o.spec.Nodes = append(o.spec.Nodes, n)
		base := o.base(n.ID)
		dims := base
		node := &o.spec.Nodes[i]
		for k := range 1 + r.IntN(3) {
			e := values[r.IntN(len(values))]
			if r.IntN(2) == 0 {
				e = values[len(values)-1-r.IntN(min(4, len(values)))]
			}
			v := o.valueDims(e)
			in := port(fmt.Sprintf("i%d", k), false)
			w := dag.Wire{From: e, To: dag.Endpoint{Node: n.ID, Port: in.Name}, Mode: dag.With}
			same := commonPrefix(v, dims)
			switch {
			case len(v) > len(base) && (same == len(v) || same == len(dims)) && len(v) < 5 && r.IntN(3) > 0:
				w.Mode = dag.Each
				if len(v) > len(dims) {
					dims = v
				}
			case commonPrefix(v, base) == len(v) && r.IntN(2) == 0:
			default:
				in = port(in.Name, true)
				if len(v) == 0 {
					in.MinItems = min(in.MinItems, 1)
				}
				// What has no dimension beyond the node's is a list of one.
				in.MinItems = min(in.MinItems, 1)
			}
			in.Optional = in.Optional || !in.Many && o.port(e).Optional
			if o.port(e).Optional && !in.Many {
				in.Optional = true
			}
			node.Inputs = append(node.Inputs, in)
			o.spec.Wires = append(o.spec.Wires, w)
		}
		for k := range 1 + r.IntN(2) {
			out := port(fmt.Sprintf("o%d", k), r.IntN(3) == 0)
			out.Optional = r.IntN(6) == 0
			node.Outputs = append(node.Outputs, out)
			values = append(values, dag.Endpoint{Node: n.ID, Port: out.Name})
			if out.Many && r.IntN(2) == 0 {
				node.Filters.Add(out.Name)
			}
		}
		if r.IntN(5) == 0 {
			node.Filters.Add("")
		}
	}
	for i, e := range values[2:] {
		o.spec.Outputs = append(o.spec.Outputs, dag.Output{Name: fmt.Sprintf("out%d", i), From: e})
	}
	// The boundary must be used.
	o.spec.Nodes = append(o.spec.Nodes, dag.Node{
		ID:     "last",
		Inputs: []steps.Port{port("a", false), {Name: "b", Type: "t", Many: true}},
	})
	for _, in := range []string{"one a", "list b"} {
		from, to, _ := strings.Cut(in, " ")
		o.spec.Wires = append(o.spec.Wires, dag.Wire{From: dag.Endpoint{Port: from}, To: dag.Endpoint{Node: "last", Port: to}, Mode: dag.With})
	}
	return o.spec, o.items
}

// world decides how a task ends, from its name alone.
func world(seed uint64, n *dag.Node, t dag.Task) outcome {
	roll := func(what string, below uint64) uint64 {
		h := fnv.New64a()
		fmt.Fprintf(h, "%d %s %s", seed, t, what)
		return h.Sum64() >> 20 % below
	}
	if roll("fails", 8) == 0 {
		return outcome{failed: true}
	}
	o := outcome{counts: map[string]int{}}
	for _, p := range n.Outputs {
		switch {
		case p.Many:
			o.counts[p.Name] = int(roll(p.Name, 4))
		case p.Optional:
			o.counts[p.Name] = int(roll(p.Name, 2))
		}
	}
	o.left.All = n.Filters.Task && roll("is filtered", 4) == 0
	for _, port := range n.Filters.Ports {
		for i := range o.counts[port] {
			if roll(fmt.Sprint(port, " filters ", i), 3) == 0 {
				if o.left.Items == nil {
					o.left.Items = map[string][]int{}
				}
				o.left.Items[port] = append(o.left.Items[port], i)
			}
		}
	}
	return o
}

func byName(a, b dag.Task) int {
	return cmp.Or(cmp.Compare(a.Node, b.Node), a.Index.Compare(b.Index))
}

func TestFrontierAgainstOracle(t *testing.T) {
	const graphs = 3000
	var tasks, aborted, starved, skipped, filtered, items, deep int
	for seed := uint64(1); seed <= graphs; seed++ {
		r := rand.New(rand.NewPCG(seed, 7))
		spec, given := randomSpec(r)
		g, problems := dag.Build(spec, lattice(t))
		if problems != nil {
			t.Fatalf("graph %d: %v", seed, problems)
		}
		o := &oracle{spec: spec, items: given, events: map[dag.Task]outcome{}}
		for _, n := range spec.Nodes {
			if diff := gocmp.Diff(o.nodeDims(n.ID), g.Dims(n.ID)); diff != "" && len(o.nodeDims(n.ID)) > 0 {
				t.Fatalf("graph %d: dimensions of %s: %s", seed, n.ID, diff)
			}
			deep = max(deep, len(g.Dims(n.ID)))
		}
		f, change := g.NewFrontier(given)
		got := map[dag.Task]string{} // what the frontier said of each task
		var ready []dag.Task
		for {
			for _, c := range []struct {
				tasks []dag.Task
				state string
			}{{change.Ready, "ready"}, {change.Skipped, "skipped"}, {change.Starved, "starved"}} {
				for _, task := range c.tasks {
					if old := got[task]; old != "" {
						t.Fatalf("graph %d: %s was %s and is %s", seed, task, old, c.state)
					}
					got[task] = c.state
				}
			}
			ready = append(ready, change.Ready...)
			if change.Aborted {
				break
			}
			want := o.all()
			known := len(want)
			for task, s := range want {
				if s == "waiting" {
					delete(want, task)
				}
			}
			if diff := gocmp.Diff(want, got); diff != "" {
				t.Fatalf("graph %d after %d events: (-want +got)\n%s", seed, len(o.events), diff)
			}
			if _, _, _, total := f.Totals(); total != known {
				t.Fatalf("graph %d: %d tasks known, want %d", seed, total, known)
			}
			for _, task := range change.Ready {
				checkSources(t, seed, o, f, task)
			}
			if f.Done() != (len(ready) == 0) {
				t.Fatalf("graph %d: done is %v with %d tasks out", seed, f.Done(), len(ready))
			}
			if len(ready) == 0 {
				break
			}
			i := r.IntN(len(ready))
			task := ready[i]
			ready = slices.Delete(ready, i, i+1)
			ending := world(seed, g.Node(task.Node), task)
			o.events[task] = ending
			got[task] = "succeeded"
			var err error
			switch {
			case ending.failed:
				got[task] = "failed"
				change, err = f.Fail(task)
			default:
				if ending.left.All {
					got[task] = "filtered"
					filtered++
				}
				for _, left := range ending.left.Items {
					items += len(left)
				}
				change, err = f.SucceedBut(task, ending.counts, ending.left)
			}
			if err != nil {
				t.Fatalf("graph %d: %v", seed, err)
			}
			tasks++
		}
		// What was out when a run was aborted still ends, and nothing follows.
		if f.Aborted() {
			aborted++
			for i, task := range ready {
				if f.Done() {
					t.Fatalf("graph %d: done with %d tasks out", seed, len(ready)-i)
				}
				end := world(seed, g.Node(task.Node), task).or(g.Node(task.Node))
				c, err := f.SucceedBut(task, end.counts, end.left)
				if err != nil || len(c.Ready)+len(c.Starved)+len(c.Skipped) > 0 {
					t.Fatalf("graph %d: after an abort: %v %v", seed, c, err)
				}
			}
			if !f.Done() {
				t.Fatalf("graph %d: not done after an abort", seed)
			}
			continue
		}
		o.all()
		for _, out := range spec.Outputs {
			want, _ := o.gather(out.From, 0, "")
			compareSources(t, seed, o, out.Name, want, f.OutputSources(out.Name))
		}
		ok, failed, skips, total := f.Totals()
		if ok+failed+skips != total {
			t.Fatalf("graph %d: %d+%d+%d tasks ended of %d", seed, ok, failed, skips, total)
		}
		skipped += skips
		for _, s := range got {
			if s == "starved" {
				starved++
			}
		}
	}
	t.Logf("%d graphs, %d tasks, %d deep, %d skipped, %d starved, %d filtered, %d items filtered, %d runs aborted", graphs, tasks, deep, skipped, starved, filtered, items, aborted)
	if tasks < 10_000 || skipped < 1000 || starved < 100 || filtered < 500 || items < 500 || aborted < 100 || deep < 3 {
		t.Error("the random graphs miss what they should try")
	}
}

// or gives a task that would have failed something to succeed with.
func (o outcome) or(n *dag.Node) outcome {
	if o.failed {
		o.counts = map[string]int{}
		for _, p := range n.Outputs {
			if p.Many {
				o.counts[p.Name] = 2
			}
		}
	}
	return o
}

func checkSources(t *testing.T, seed uint64, o *oracle, f *dag.Frontier, task dag.Task) {
	t.Helper()
	for _, w := range o.spec.Wires {
		if w.To.Node == task.Node {
			want, final := o.sources(task, w)
			if !final {
				t.Fatalf("graph %d: %s is ready before %s", seed, task, w.From)
			}
			compareSources(t, seed, o, fmt.Sprintf("%s.%s", task, w.To.Port), want, f.Sources(task, w.To.Port))
		}
	}
}

// blamed reports whether something can be blamed on a task, or on an item of
// it.
func blamed(state string, left dag.Left, c dag.Cause) bool {
	if c.Port != "" {
		return state == "succeeded" && slices.Contains(left.Items[c.Port], c.Item)
	}
	return state == "failed" || state == "starved" || state == "filtered"
}

func compareSources(t *testing.T, seed uint64, o *oracle, what string, want, got []dag.Source) {
	t.Helper()
	for i := range got {
		if !got[i].Failed {
			continue
		}
		if s := o.status(got[i].Cause.Task); !blamed(s, o.events[got[i].Cause.Task].left, got[i].Cause) {
			t.Fatalf("graph %d: %s: %v names a cause that is %s", seed, what, got[i], s)
		}
		got[i].Cause = dag.Cause{}
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Fatalf("graph %d: sources of %s: (-want +got)\n%s", seed, what, diff)
	}
}

// Ready tasks may end in any order: what comes of a run that is not aborted
// does not depend on it, and the same order gives the same changes.
func TestFrontierOrder(t *testing.T) {
	for seed := uint64(1); seed <= 100; seed++ {
		spec, items := randomSpec(rand.New(rand.NewPCG(seed, 7)))
		for i := range spec.Nodes {
			spec.Nodes[i].ContinueOnFailure = true
		}
		g, problems := dag.Build(spec, lattice(t))
		if problems != nil {
			t.Fatal(problems)
		}
		var first, firstLog string
		for pass := range uint64(4) {
			r := rand.New(rand.NewPCG(seed, pass/2)) // each order twice
			f, change := g.NewFrontier(items)
			var ready, starved, skipped []dag.Task
			var log strings.Builder
			for {
				fmt.Fprintln(&log, change)
				ready = append(ready, change.Ready...)
				starved = append(starved, change.Starved...)
				skipped = append(skipped, change.Skipped...)
				if len(ready) == 0 {
					break
				}
				i := r.IntN(len(ready))
				task := ready[i]
				ready = slices.Delete(ready, i, i+1)
				var err error
				if end := world(seed, g.Node(task.Node), task); end.failed {
					change, err = f.Fail(task)
				} else {
					change, err = f.SucceedBut(task, end.counts, end.left)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			slices.SortFunc(starved, byName)
			slices.SortFunc(skipped, byName)
			end := fmt.Sprint(starved, skipped)
			for _, out := range spec.Outputs {
				for _, s := range f.OutputSources(out.Name) {
					s.Cause = dag.Cause{} // which of several failures comes first depends on the order
					end += fmt.Sprint(s)
				}
			}
			switch {
			case pass == 0:
				first = end
			case end != first:
				t.Fatalf("graph %d ends otherwise in another order:\n%s\n%s", seed, first, end)
			}
			if pass%2 == 0 {
				firstLog = log.String()
			} else if log.String() != firstLog {
				t.Fatalf("graph %d: the same events gave other changes", seed)
			}
		}
	}
}
