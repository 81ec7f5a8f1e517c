package templates

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/ligase-bio/ligase/dag"
	"github.com/ligase-bio/ligase/pipelines"
	"github.com/ligase-bio/ligase/steps"
)

// tree is a pipeline cut into lanes. A lane is a DAG that runs once for each
// item of a scatter: the nodes of exactly those dimensions are its tasks, and
// so are the lanes of scatters further in. The root lane runs once.
//
// Argo knows no dependence of a task in one DAG on a task in another, so what
// one lane needs of another it gets by the one as a whole running after the
// other as a whole, in the innermost lane that holds both. Where that would be
// a circle, because a node takes the items of a scatter together with something
// that was gathered from it, the node goes into a second lane of the same
// scatter.
type tree struct {
	compiled *pipelines.Compiled
	graph    *dag.Graph
	root     *lane
	home     map[string]*lane // by node
	mayMiss  map[string]bool  // nodes whose task may fail, or be left out, without the run failing
	names    namer
}

// lane is one DAG.
type lane struct {
	outer  *lane
	opener dag.Endpoint // the scatter; zero for the root
	stage  int          // of several lanes of one scatter in the same outer one, from 0
	name   string
	tasks  []*task  // in the order in which they came to be: each after all that it needs
	needs  []string // nodes of outer lanes whose items nodes in here take, sorted
}

// task is a node of a lane's DAG: one of the pipeline's nodes, a lane further
// in, or a pod that counts items.
type task struct {
	name  string
	node  string       // a pipeline's node
	lane  *lane        // or a lane
	count dag.Endpoint // or a port whose items are counted
	after []*task      // what it waits for
	feeds []*task      // what waits for it
}

// need is a node that another waits for.
type need struct {
	node string
	item bool // its own item of what that node gives, without which it is left out
}

func newTree(c *pipelines.Compiled) *tree {
	t := &tree{
		compiled: c, graph: c.Graph(),
		root:    &lane{name: runTemplate},
		home:    make(map[string]*lane),
		mayMiss: make(map[string]bool),
		names:   namer{runTemplate: true, mainTemplate: true, countTemplate: true, endTemplate: true},
	}
	for i := range c.Nodes {
		t.place(&c.Nodes[i])
	}
	for _, n := range c.Nodes {
		t.hand(n.ID)
	}
	return t
}

// place finds the lane for a node, whose needs have all been placed.
func (t *tree) place(n *pipelines.CompiledNode) {
	needs := t.needs(n)
	at := t.root
	for _, opener := range t.graph.Dims(n.ID) {
		at = t.within(at, opener, needs)
	}
	t.home[n.ID] = at
	at.add(&task{name: t.names.name(n.ID), node: n.ID}, t.before(at, needs, nil))
	t.mayMiss[n.ID] = n.ContinueOnFailure || t.filters(n.ID)
	for _, need := range needs {
		if need.item && t.mayMiss[need.node] {
			t.mayMiss[n.ID] = true
		}
	}
}

// filters reports whether what tasks of a node give may be filtered.
func (t *tree) filters(node string) bool { return t.graph.Node(node).Filters.Task }

// filtersItems is the same of items that it gives on a port.
func (t *tree) filtersItems(e dag.Endpoint) bool {
	return e.Node != "" && slices.Contains(t.graph.Node(e.Node).Filters.Ports, e.Port)
}

// needs lists what a node waits for, each once: whose items it takes, what it
// gathers from, and what its scatters come from.
func (t *tree) needs(n *pipelines.CompiledNode) []need {
	var needs []need
	add := func(e dag.Endpoint, gathers bool) {
		if e.Node == "" {
			return
		}
		item := !gathers && !t.port(e).Many
		if i := slices.IndexFunc(needs, func(have need) bool { return have.node == e.Node }); i >= 0 {
			needs[i].item = needs[i].item || item
			return
		}
		needs = append(needs, need{e.Node, item})
	}
	for _, opener := range t.graph.Dims(n.ID) {
		add(opener, false)
	}
	for _, e := range n.Within {
		add(e, false)
	}
	for _, b := range n.Inputs {
		add(b.From, t.graph.Gathers(n.ID, b.Port))
	}
	return needs
}

func (t *tree) port(e dag.Endpoint) *steps.Port {
	return steps.FindPort(t.graph.Node(e.Node).Outputs, e.Port)
}

// within finds or opens the lane of a scatter in an outer lane that a node with
// these needs can be in: the first that nothing the node needs comes after.
func (t *tree) within(outer *lane, opener dag.Endpoint, needs []need) *lane {
	stage := 0
	for _, k := range outer.tasks {
		if k.lane == nil || k.lane.opener != opener {
			continue
		}
		before := t.before(outer, needs, k)
		if !slices.ContainsFunc(before, func(b *task) bool { return comesAfter(b, k) }) {
			link(k, before)
			return k.lane
		}
		stage++
	}
	in := &lane{outer: outer, opener: opener, stage: stage}
	what := "each-" + opener.Port
	if opener.Node != "" {
		what = "each-" + opener.Node + "-" + opener.Port
	}
	in.name = t.names.name(what)
	before := t.before(outer, needs, nil)
	if opener.Node != "" && t.home[opener.Node] != outer {
		before = append(before, t.counter(outer, opener))
	}
	outer.add(&task{name: in.name, lane: in}, before)
	return in
}

// counter is the task of a lane that counts the items of a scatter whose opener
// ran in another lane, of an earlier stage. That is over by the time that this
// lane runs: what is in the lane for the scatter needs the opener, too.
func (t *tree) counter(l *lane, opener dag.Endpoint) *task {
	for _, k := range l.tasks {
		if k.count == opener {
			return k
		}
	}
	k := &task{name: t.names.name("count-" + opener.Node + "-" + opener.Port), count: opener}
	l.add(k, nil)
	return k
}

// before lists the tasks of a lane that hold what is needed, but for one task
// itself. What is needed from further out is there before the lane runs.
func (t *tree) before(l *lane, needs []need, but *task) []*task {
	var before []*task
	for _, need := range needs {
		if k := t.holder(l, need.node); k != nil && k != but && !slices.Contains(before, k) {
			before = append(before, k)
		}
	}
	return before
}

// holder is the task of a lane that is a node, or has it somewhere inside; nil
// when the node is not in that lane.
func (t *tree) holder(l *lane, node string) *task {
	home := t.home[node]
	var inner *lane
	for home != l {
		if home == nil {
			return nil
		}
		inner, home = home, home.outer
	}
	for _, k := range l.tasks {
		if inner == nil && k.node == node || inner != nil && k.lane == inner {
			return k
		}
	}
	return nil
}

// comesAfter reports whether a is b or waits for it, however indirectly.
func comesAfter(a, b *task) bool {
	seen := map[*task]bool{}
	var search func(a *task) bool
	search = func(a *task) bool {
		if a == b {
			return true
		}
		if seen[a] {
			return false
		}
		seen[a] = true
		return slices.ContainsFunc(a.after, search)
	}
	return search(a)
}

func (l *lane) add(k *task, after []*task) {
	l.tasks = append(l.tasks, k)
	link(k, after)
}

// link has a task wait for others, in an order that does not depend on who
// asked first.
func link(k *task, after []*task) {
	for _, a := range after {
		if !slices.Contains(k.after, a) {
			k.after = append(k.after, a)
			a.feeds = append(a.feeds, k)
		}
	}
	slices.SortFunc(k.after, func(a, b *task) int { return cmp.Compare(a.name, b.name) })
}

// hand notes in each lane between a node and what it takes an item of whether
// that item came to be must be handed in. Of what ran in another lane beside,
// nothing can be known there: the pod finds out.
func (t *tree) hand(node string) {
	n := t.compiled.Node(node)
	for _, need := range t.needs(n) {
		if !need.item || !t.mayMiss[need.node] || !t.home[need.node].holds(t.home[node]) {
			continue
		}
		for l := t.home[node]; l != t.home[need.node]; l = l.outer {
			if at, there := slices.BinarySearch(l.needs, need.node); !there {
				l.needs = slices.Insert(l.needs, at, need.node)
			}
		}
	}
}

// holds reports whether a lane is another or has it somewhere inside.
func (l *lane) holds(inner *lane) bool {
	for ; inner != nil; inner = inner.outer {
		if inner == l {
			return true
		}
	}
	return false
}

// opens reports whether some lane works through what a port gives.
func (t *tree) opens(e dag.Endpoint) bool {
	var found func(l *lane) bool
	found = func(l *lane) bool {
		return slices.ContainsFunc(l.tasks, func(k *task) bool {
			return k.lane != nil && (k.lane.opener == e || found(k.lane))
		})
	}
	return found(t.root)
}

// String lists lanes and tasks, for tests and for those who debug one.
func (t *tree) String() string {
	var text []byte
	var list func(l *lane, indent string)
	list = func(l *lane, indent string) {
		for _, k := range l.tasks {
			text = fmt.Appendf(text, "%s%s", indent, k.name)
			for i, a := range k.after {
				sep := " "
				if i == 0 {
					sep = " after "
				}
				text = append(text, sep+a.name...)
			}
			text = append(text, '\n')
			if k.lane != nil {
				list(k.lane, indent+"  ")
			}
		}
	}
	list(t.root, "")
	return string(text)
}
