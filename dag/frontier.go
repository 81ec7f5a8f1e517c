package dag

import (
	"fmt"
	"math"
	"slices"
)

// Frontier follows one run through the graph: told what ended and how many
// items came out, it says what can start. It is pure, not safe for concurrent
// use, and takes time linear in tasks and wires over a whole run. The same
// events give the same changes.
type Frontier struct {
	g *Graph
	p *program

	// An item of a scope is a cell, numbered in the order in which cells came
	// to be; the root scope has the one cell 0. A task is a node with a cell
	// of the node's scope.
	scopes []cells
	nodes  []tasks
	counts []counts // by tally

	cause  map[ref]origin       // of skipped tasks: what they were skipped for
	left   map[item]struct{}    // items that were filtered
	absent map[absence]struct{} // optional outputs that did not come
	given  []int                // by boundary port: how many values
	queue  []ending             // tasks that have ended, still to be acted upon
	change Change               // of the event at hand
	ready  []ref                // the tasks of change.Ready

	succeeded, failed, skipped, total int
	out                               int // ready, and not ended yet
	aborted                           bool
}

type ref struct{ node, cell int32 }

type absence struct {
	ref
	port int32
}

// item is an item of a scope: what one of the port's items is to those who
// work on it.
type item struct{ scope, cell int32 }

// origin is what something never came to be for: a task, or, with a scope
// other than the root, an item that it gave.
type origin struct {
	ref
	item
}

// cells are the items of a scope.
type cells struct {
	parent []int32 // by cell: the cell of the outer scope
	item   []int32 // by cell: its place among its siblings
	// By cell of the outer scope: where the cells below it begin, and how many
	// they are, or unopened.
	first, count []int32
}

const unopened = int32(-1)

// tasks are the tasks of a node, by cell.
type tasks struct {
	state []state
	waits []int32 // needs not met yet
}

type state uint8

const (
	waiting state = iota
	running       // ready, or started
	ended         // failed or to be skipped, but not acted upon yet
	succeeded
	filtered // succeeded, and nobody takes what it gave
	failed
	skipped
)

// counts is how far a tally is, by depth and cell.
type counts struct {
	open [][]int32 // cells below that are not complete; 0: complete; unopened: not known yet
	live [][]int32 // items that came to be below, as far as complete
}

type ending struct {
	ref
	state  state
	counts map[string]int
	left   map[string][]int
}

// Change is what an event leads to.
type Change struct {
	Ready   []Task // can start now, in a stable order
	Skipped []Task // will never run: what they need failed and was allowed to, or was filtered
	// Starved are tasks that take a gather in which fewer items came to be
	// than their port needs, which usually means none. They count as failed
	// with steps.FailUpstream from here on; Fail must not be called for them,
	// and what follows from their failure is part of the same change.
	Starved []Task
	Aborted bool // a task failed that was not allowed to: nothing more becomes ready
}

// NewFrontier starts a run. items says how many values each boundary port
// that takes many has been given, and 0 for an optional one that has not been
// given at all.
func (g *Graph) NewFrontier(items map[string]int) (*Frontier, Change) {
	g.programOnce.Do(func() { g.program = g.makeProgram() })
	p := g.program
	f := &Frontier{
		g: g, p: p,
		scopes: make([]cells, len(g.scopes.all)),
		nodes:  make([]tasks, len(g.nodes)),
		counts: make([]counts, len(p.tally)),
		cause:  make(map[ref]origin),
		left:   make(map[item]struct{}),
		absent: make(map[absence]struct{}),
		given:  make([]int, len(g.inputs)),
	}
	for t := range f.counts {
		depths := len(p.tally[t].scopes)
		f.counts[t] = counts{open: make([][]int32, depths), live: make([][]int32, depths)}
	}
	f.scopes[rootScope].parent = []int32{0}
	f.scopes[rootScope].item = []int32{0}
	f.grow(rootScope, 1)
	for i := range g.inputs {
		f.given[i] = 1
		if n, told := items[g.inputs[i].Name]; told && n == 0 {
			f.given[i] = 0
		}
		if g.inputs[i].Many {
			f.given[i] = min(max(items[g.inputs[i].Name], 0), math.MaxInt32)
			f.open(g.scopes.inputs[i], 0, int32(f.given[i]))
		}
	}
	f.begin(rootScope, 0, 1)
	for i := range g.inputs {
		if g.inputs[i].Many {
			f.begin(g.scopes.inputs[i], 0, int32(f.given[i]))
		}
	}
	f.drain()
	return f, f.finish()
}

// Succeed records that a ready task committed. counts has the number of items
// of each port that gives many (0 included), and may have those of ports that
// give one: 0 says that an optional output did not come. Telling twice, or of
// a task that was not ready, is an error.
func (f *Frontier) Succeed(t Task, counts map[string]int) (Change, error) {
	return f.SucceedBut(t, counts, Left{})
}

// SucceedBut is Succeed of a task of whose results a filter has left something
// out. counts has those items, too.
func (f *Frontier) SucceedBut(t Task, counts map[string]int, left Left) (Change, error) {
	r, err := f.runningTask(t)
	if err != nil {
		return Change{}, err
	}
	if err := f.checkCounts(t, r.node, counts); err != nil {
		return Change{}, err
	}
	if err := f.checkLeft(t, r.node, counts, left); err != nil {
		return Change{}, err
	}
	f.out--
	e := ending{r, succeeded, counts, left.Items}
	if left.All {
		e.state = filtered
	}
	f.queue = append(f.queue, e)
	f.drain()
	return f.finish(), nil
}

// Fail records that a ready task failed for good.
func (f *Frontier) Fail(t Task) (Change, error) {
	r, err := f.runningTask(t)
	if err != nil {
		return Change{}, err
	}
	f.out--
	f.queue = append(f.queue, ending{ref: r, state: failed})
	f.drain()
	return f.finish(), nil
}

// Cause is what a task was skipped for; zero when it was not skipped.
func (f *Frontier) Cause(t Task) Cause {
	r, known := f.find(t)
	if !known {
		return Cause{}
	}
	because, skipped := f.cause[r]
	if !skipped {
		return Cause{}
	}
	return f.originOf(because)
}

// Totals counts tasks: ended (by how), and all that are known of so far.
func (f *Frontier) Totals() (succeeded, failed, skipped, total int) {
	return f.succeeded, f.failed, f.skipped, f.total
}

// Done reports whether nothing is left to run: all tasks ended, or the run is
// aborted and none of the ready tasks is still out.
func (f *Frontier) Done() bool { return f.out == 0 }

// Aborted reports whether a task failed that was not allowed to.
func (f *Frontier) Aborted() bool { return f.aborted }

func (f *Frontier) runningTask(t Task) (ref, error) {
	r, ok := f.find(t)
	if !ok {
		return ref{}, fmt.Errorf("there is no task %s", t)
	}
	switch f.nodes[r.node].state[r.cell] {
	case running:
		return r, nil
	case waiting, ended:
		return ref{}, fmt.Errorf("task %s is not ready", t)
	default:
		return ref{}, fmt.Errorf("task %s has ended already", t)
	}
}

func (f *Frontier) checkCounts(t Task, node int32, counts map[string]int) error {
	outputs := f.g.nodes[node].Outputs
	known := 0
	for i := range outputs {
		port := &outputs[i]
		n, told := counts[port.Name]
		if told {
			known++
		}
		switch {
		case !told && port.Many && !port.Optional:
			return fmt.Errorf("task %s: the number of items of %q is missing", t, port.Name)
		case n < 0 || n > math.MaxInt32 || told && !port.Many && n > 1:
			return fmt.Errorf("task %s: %d items of %q are not possible", t, n, port.Name)
		case told && n == 0 && !port.Many && !port.Optional:
			return fmt.Errorf("task %s: %q is missing", t, port.Name)
		}
	}
	if known < len(counts) {
		return fmt.Errorf("task %s: items of a port that `%s` does not have", t, t.Node)
	}
	return nil
}

// checkLeft refuses what a filter cannot have left out: the compiler says of
// each node what it filters, and whoever reads a run later goes by that.
func (f *Frontier) checkLeft(t Task, node int32, counts map[string]int, left Left) error {
	n := &f.g.nodes[node]
	if left.All && !n.Filters.Task {
		return fmt.Errorf("task %s: `%s` filters none of its tasks", t, t.Node)
	}
	for name, items := range left.Items {
		if !slices.Contains(n.Filters.Ports, name) {
			return fmt.Errorf("task %s: `%s` filters no items of %q", t, t.Node, name)
		}
		for i, k := range items {
			if k < 0 || k >= counts[name] || i > 0 && k <= items[i-1] {
				return fmt.Errorf("task %s: there is no item %d of %q to be left out", t, k, name)
			}
		}
	}
	return nil
}

// open makes the n cells below a cell of the outer scope, with their tasks,
// and returns the first.
func (f *Frontier) open(s, outer, n int32) int32 {
	c := &f.scopes[s]
	first := int32(len(c.parent))
	c.first[outer], c.count[outer] = first, n
	for i := range n {
		c.parent = append(c.parent, outer)
		c.item = append(c.item, i)
	}
	f.grow(s, int(n))
	depth := f.g.scopes.depth(s)
	for _, t := range f.p.counting[s] {
		if depth > int(f.p.tally[t].outermost) {
			f.counts[t].open[depth-1][outer] = n
			if n == 0 {
				f.complete(t, depth-1, outer)
			}
		}
	}
	return first
}

// grow makes room for n more cells of a scope in all that is kept by cell.
func (f *Frontier) grow(s int32, n int) {
	for _, inner := range f.p.inner[s] {
		f.scopes[inner].first = extended(f.scopes[inner].first, n, 0)
		f.scopes[inner].count = extended(f.scopes[inner].count, n, unopened)
	}
	for _, node := range f.p.within[s] {
		t := &f.nodes[node]
		t.state = extended(t.state, n, waiting)
		t.waits = extended(t.waits, n, 0)
	}
	f.total += n * len(f.p.within[s])
	depth := f.g.scopes.depth(s)
	for _, t := range f.p.counting[s] {
		c := &f.counts[t]
		c.open[depth] = extended(c.open[depth], n, unopened)
		c.live[depth] = extended(c.live[depth], n, 0)
	}
}

func extended[T any](s []T, n int, v T) []T {
	for range n {
		s = append(s, v)
	}
	return s
}

// begin looks at the tasks of n new cells for the first time.
func (f *Frontier) begin(s, first, n int32) {
	for _, node := range f.p.within[s] {
		for cell := first; cell < first+n; cell++ {
			f.look(ref{node, cell})
		}
	}
}

func (f *Frontier) look(r ref) {
	scope := f.g.scopes.node[r.node]
	waits := int32(0)
	if because, left := f.leftOut(scope, r.cell); left {
		f.skip(r, because)
	}
	for _, need := range f.needs(r.node) {
		cell := f.above(scope, r.cell, need.scope)
		if need.tally != none {
			if f.counts[need.tally].open[f.g.scopes.depth(need.scope)][cell] != 0 {
				waits++
			}
			continue
		}
		switch f.nodes[need.from].state[cell] {
		case succeeded:
		case filtered, failed, skipped:
			f.skip(r, origin{ref: ref{need.from, cell}})
		default:
			waits++
		}
	}
	f.nodes[r.node].waits[r.cell] = waits
	if waits == 0 {
		f.settle(r)
	}
}

func (f *Frontier) needs(node int32) []need {
	return f.p.needs[f.p.needAt[node]:f.p.needAt[node+1]]
}
