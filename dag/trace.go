package dag

import (
	"fmt"
	"math"
	"slices"

	"github.com/ligase-bio/ligase/uris"
)

// End is how a task has ended.
type End int

const (
	// Absent: there is no trace of it. It was skipped, because of what it
	// needs, or it was allowed to fail and left no record.
	Absent End = iota
	Committed
	Failed
)

// Outcome is what is known of a task that has ended.
type Outcome struct {
	End End
	// Counts and Left of a committed task are as [Frontier.SucceedBut] takes
	// them.
	Counts map[string]int
	Left   Left
}

// Trail is what a task starts from, worked out from the ends of the tasks
// before it.
type Trail struct {
	// Skipped: the task must not run, because an item that it takes never came
	// to be: Cause failed, and was allowed to, or was filtered. There are no
	// sources then.
	Skipped bool
	Cause   Cause
	// Starved: the task takes a gather in which fewer items came to be than
	// its port needs.
	Starved bool
	Sources map[string][]Source // by input port that is bound
}

// UnendedError says that a task needs another that has neither committed nor
// was allowed to fail: it should not have started.
type UnendedError struct {
	Task   Task // the one that is needed
	Failed bool // it failed; else there is no trace of it
}

// Error is a sentence without its full stop.
func (e *UnendedError) Error() string {
	if e.Failed {
		return fmt.Sprintf("%s failed, and was not allowed to", e.Task)
	}
	return fmt.Sprintf("%s has not committed", e.Task)
}

// Trace works out what one task of a run starts from, without following the
// run: what [Frontier.Sources] says of a ready task, and whether the frontier
// would have it skipped or starved. Everything that the task needs must have
// ended.
//
// given says how many values each boundary port has been given, as for
// [Graph.NewFrontier]. look is asked how tasks ended: for as many at a time as
// are known to matter, in few questions, and for each at most once. Its answers
// are in the order of the question.
func (g *Graph) Trace(t Task, given map[string]int, look func([]Task) ([]Outcome, error)) (Trail, error) {
	node, known := g.byID[t.Node]
	if !known || t.Index.Depth() != g.scopes.depth(g.scopes.node[node]) {
		return Trail{}, fmt.Errorf("there is no task %s", t)
	}
	tr := tracer{g: g, given: given, look: look, told: map[Task]Outcome{}, ends: map[Task]traced{}}
	// What skips a task is asked first: the gathers of one that is skipped
	// need not be looked at.
	needs := tr.needs(t)
	if err := tr.settle(tasksOf(needs)); err != nil {
		return Trail{}, err
	}
	for _, need := range needs {
		if cause, gone := tr.gone(need); gone {
			return Trail{Skipped: true, Cause: cause}, nil
		}
	}
	inputs := g.nodes[node].Inputs
	trail := Trail{Sources: make(map[string][]Source, len(inputs))}
	for p := range inputs {
		w := g.wireInto(node, int32(p))
		if w == nil {
			continue
		}
		from := g.gives(w.from, w.fromPort)
		if w.mode == gathers {
			from = w.meet
		}
		sources, err := tr.collect(w, from, t.Index.Prefix(g.scopes.depth(from)))
		if err != nil {
			return Trail{}, err
		}
		port := &inputs[p]
		trail.Sources[port.Name] = sources
		if port.Many && !port.Optional && live(sources) < port.MinItems {
			trail.Starved = true
		}
	}
	return trail, nil
}

func live(sources []Source) int {
	n := 0
	for i := range sources {
		if !sources[i].Failed {
			n++
		}
	}
	return n
}

type tracer struct {
	g     *Graph
	given map[string]int
	look  func([]Task) ([]Outcome, error)
	told  map[Task]Outcome // what look has answered
	ends  map[Task]traced
}

// traced is how a task ended, as those who need it see it.
type traced struct {
	failed bool
	cause  Cause // with failed: the task that failed; it itself unless it was skipped
	counts map[string]int
	left   map[string][]int
}

// needed is what a task has to have, or is skipped: what another gave, or one
// item of that, which may have been filtered.
type needed struct {
	Task
	port string // of an item
	item int
}

func tasksOf(needs []needed) []Task {
	list := make([]Task, len(needs))
	for i, n := range needs {
		list[i] = n.Task
	}
	return list
}

// gone reports whether what a task has to have never came to be. How the task
// that was to give it ended has been settled.
func (tr *tracer) gone(n needed) (Cause, bool) {
	end := tr.ends[n.Task]
	switch {
	case end.failed:
		return end.cause, true
	case n.port != "" && slices.Contains(end.left[n.port], n.item):
		return Cause{n.Task, n.port, n.item}, true
	}
	return Cause{}, false
}

// needs are what a task has to have, each once: the items that it is for, where
// those can be filtered, what it takes an item of, and what is around it.
func (tr *tracer) needs(t Task) []needed {
	g := tr.g
	node := g.byID[t.Node]
	var needs []needed
	for depth, s := range g.scopes.path(g.scopes.node[node]) {
		if depth == 0 || g.scopes.all[s].node == boundary {
			continue
		}
		opener := &g.nodes[g.scopes.all[s].node]
		if port := opener.Outputs[g.scopes.all[s].port].Name; slices.Contains(opener.Filters.Ports, port) {
			needs = append(needs, needed{Task{opener.ID, t.Index.Prefix(depth - 1)}, port, t.Index.Prefix(depth).Last()})
		}
	}
	add := func(w *wire) {
		if w.from == boundary || w.mode != takesItem || g.nodes[w.from].Outputs[w.fromPort].Many {
			return // it is there from the start, or as soon as the task is
		}
		need := needed{Task: Task{Node: g.nodes[w.from].ID, Index: t.Index.Prefix(g.scopes.depth(g.scopes.node[w.from]))}}
		if !slices.Contains(needs, need) {
			needs = append(needs, need)
		}
	}
	for p := range g.nodes[node].Inputs {
		if w := g.wireInto(node, int32(p)); w != nil {
			add(w)
		}
	}
	for w := g.withinAt[node]; w < g.withinAt[node+1]; w++ {
		add(&g.wires[w])
	}
	return needs
}

// settle finds out how tasks ended. Of those that left no trace, it finds what
// they were skipped for: needs by needs, so that each question is one for all.
func (tr *tracer) settle(tasks []Task) error {
	if err := tr.ask(tasks); err != nil {
		return err
	}
	var open []Task
	for _, t := range tasks {
		if _, known := tr.ends[t]; known {
			continue
		}
		allowed := tr.g.nodes[tr.g.byID[t.Node]].ContinueOnFailure
		switch o := tr.told[t]; {
		case o.End == Committed && o.Left.All:
			tr.ends[t] = traced{failed: true, cause: Cause{Task: t}}
		case o.End == Committed:
			tr.ends[t] = traced{counts: o.Counts, left: o.Left.Items}
		case o.End == Failed && !allowed:
			return &UnendedError{Task: t, Failed: true}
		case o.End == Failed:
			tr.ends[t] = traced{failed: true, cause: Cause{Task: t}}
		default:
			open = append(open, t)
		}
	}
	needs := make([][]needed, len(open))
	for i, t := range open {
		needs[i] = tr.needs(t)
	}
	for round := 0; len(open) > 0; round++ {
		var next []Task
		for i, t := range open {
			if round < len(needs[i]) {
				next = append(next, needs[i][round].Task)
				continue
			}
			// Nothing that it takes failed: it did, and could not say so.
			if !tr.g.nodes[tr.g.byID[t.Node]].ContinueOnFailure {
				return &UnendedError{Task: t}
			}
			tr.ends[t] = traced{failed: true, cause: Cause{Task: t}}
		}
		if err := tr.settle(next); err != nil {
			return err
		}
		kept := 0
		for i, t := range open {
			if round >= len(needs[i]) {
				continue
			}
			if cause, gone := tr.gone(needs[i][round]); gone {
				tr.ends[t] = traced{failed: true, cause: cause}
				continue
			}
			open[kept], needs[kept] = t, needs[i]
			kept++
		}
		open, needs = open[:kept], needs[:kept]
	}
	return nil
}

// ask has look tell of tasks, as far as it has not.
func (tr *tracer) ask(tasks []Task) error {
	var ask []Task
	for _, t := range tasks {
		if _, told := tr.told[t]; !told {
			tr.told[t] = Outcome{}
			ask = append(ask, t)
		}
	}
	if len(ask) == 0 {
		return nil
	}
	outcomes, err := tr.look(ask)
	if err != nil {
		return err
	}
	if len(outcomes) != len(ask) {
		return fmt.Errorf("asked for %d tasks, told of %d", len(ask), len(outcomes))
	}
	for i, t := range ask {
		tr.told[t] = outcomes[i]
	}
	return nil
}

// collect lists the items of a value below an item of one of its scopes, level
// by level, so that all of a level is one question.
func (tr *tracer) collect(w *wire, scope int32, below uris.Index) ([]Source, error) {
	g := tr.g
	from := g.endpoint(w.from, w.fromPort)
	port := g.sourcePort(w.from, w.fromPort)
	way := g.scopes.path(g.gives(w.from, w.fromPort))
	found := []Source{{From: from, Item: -1, Index: below, Task: below}}
	for depth := g.scopes.depth(scope); depth < len(way)-1; depth++ {
		opener := g.scopes.all[way[depth+1]]
		if err := tr.settleSources(found, opener.node); err != nil {
			return nil, err
		}
		var wider []Source
		for _, s := range found {
			if s.Failed {
				wider = append(wider, s)
				continue
			}
			n, err := tr.count(opener, s.Index)
			if err != nil {
				return nil, err
			}
			opening := needed{Task: Task{tr.sourceNode(opener), s.Index}, port: tr.g.sourcePort(opener.node, opener.port).Name}
			for i := range n {
				ix := s.Index.Child(i)
				item := Source{From: from, Item: -1, Index: ix, Task: ix}
				opening.item = i
				item.Cause, item.Failed = tr.gone(opening)
				wider = append(wider, item)
			}
		}
		found = wider
	}
	if port.Many {
		for i := range found {
			if s := &found[i]; !s.Failed {
				s.Task, s.Item = s.Index.Prefix(s.Index.Depth()-1), s.Index.Last()
			}
		}
		return found, nil
	}
	if err := tr.settleSources(found, w.from); err != nil {
		return nil, err
	}
	kept := found[:0]
	for _, s := range found {
		if s.Failed || !tr.absent(w, s.Index) {
			kept = append(kept, s)
		}
	}
	return kept, nil
}

// settleSources finds out how the tasks of a node ended that sources come
// from, and marks the sources of those that failed.
func (tr *tracer) settleSources(sources []Source, node int32) error {
	if node == boundary {
		return nil
	}
	id := tr.g.nodes[node].ID
	var tasks []Task
	for _, s := range sources {
		if !s.Failed {
			tasks = append(tasks, Task{Node: id, Index: s.Index})
		}
	}
	if err := tr.settle(tasks); err != nil {
		return err
	}
	for i := range sources {
		if s := &sources[i]; !s.Failed {
			end := tr.ends[Task{Node: id, Index: s.Index}]
			s.Failed, s.Cause = end.failed, end.cause
		}
	}
	return nil
}

// sourceNode is the id of the node that opens a scope; the boundary has none.
func (tr *tracer) sourceNode(opener scope) string {
	if opener.node == boundary {
		return ""
	}
	return tr.g.nodes[opener.node].ID
}

// count is how many items a port has for an item of its node's scope.
func (tr *tracer) count(opener scope, ix uris.Index) (int, error) {
	port := tr.g.sourcePort(opener.node, opener.port)
	if opener.node == boundary {
		return min(max(tr.given[port.Name], 0), math.MaxInt32), nil
	}
	t := Task{Node: tr.g.nodes[opener.node].ID, Index: ix}
	n, told := tr.ends[t].counts[port.Name]
	if !told && !port.Optional || n < 0 || n > math.MaxInt32 {
		return 0, fmt.Errorf("task %s: the number of items of %q is missing or not possible", t, port.Name)
	}
	return n, nil
}

// absent reports whether a value that is one was not given, or not made.
func (tr *tracer) absent(w *wire, ix uris.Index) bool {
	var n int
	var told bool
	if w.from == boundary {
		n, told = tr.given[tr.g.inputs[w.fromPort].Name]
	} else {
		t := Task{Node: tr.g.nodes[w.from].ID, Index: ix}
		n, told = tr.ends[t].counts[tr.g.nodes[w.from].Outputs[w.fromPort].Name]
	}
	return told && n == 0
}
