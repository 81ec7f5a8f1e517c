package pipelines

import (
	"fmt"
	"slices"

	"github.com/ligase-bio/ligase/dag"
	"github.com/ligase-bio/ligase/steps"
)

// placed is a use of a step at its place among the inlined pipelines.
type placed struct {
	use *use
	id  string // "refine.fold"
	in  *instance

	within            []dag.Endpoint
	continueOnFailure bool
}

// instance is one use of a pipeline at its place.
type instance struct {
	level    *level
	prefix   string // of the ids of its nodes: "refine."
	outer    *instance
	use      *use // in outer
	children map[int]*instance
}

func (in *instance) child(i int) *instance {
	if c := in.children[i]; c != nil {
		return c
	}
	u := &in.level.nodes[i]
	c := &instance{level: u.level, prefix: in.prefix + u.node.Name + ".", outer: in, use: u}
	if in.children == nil {
		in.children = make(map[int]*instance)
	}
	in.children[i] = c
	return c
}

// resolve follows an endpoint through the boundaries of pipelines to a port
// of a step, or of the outermost boundary; false when it leads to an optional
// input that nothing is given to.
func (in *instance) resolve(e dag.Endpoint) (dag.Endpoint, bool) { return in.follow(e, false) }

// source resolves what an argument names.
func (in *instance) source(a *Argument) (dag.Endpoint, bool) {
	return in.follow(*a.From, in.level.records[a])
}

// follow resolves an endpoint, and of it the port of its records where those
// are taken.
func (in *instance) follow(e dag.Endpoint, records bool) (dag.Endpoint, bool) {
	for {
		if e.Node == "" {
			if in.outer == nil {
				return e, true
			}
			a := in.use.argument(e.Port)
			if a == nil {
				return e, false
			}
			e, in = *a.From, in.outer
			records = records || in.level.records[a]
			continue
		}
		u := in.level.node(e.Node)
		i := in.level.byName[e.Node]
		if u.level == nil {
			if records {
				e.Port = steps.RecordsName(e.Port)
			}
			return dag.Endpoint{Node: in.prefix + e.Node, Port: e.Port}, true
		}
		in = in.child(i)
		at := slices.IndexFunc(u.level.pipeline.Outputs, func(o Output) bool { return o.Name == e.Port })
		e = u.level.pipeline.Outputs[at].From
	}
}

// argument is what a node is given for an input or parameter, or nil.
func (u *use) argument(name string) *Argument {
	for _, list := range [...][]Argument{u.node.With, u.node.Each} {
		for i := range list {
			if list[i].Name == name {
				return &list[i]
			}
		}
	}
	return nil
}

// inline builds the graph of a level with all pipelines in it inlined, and
// leaves out what does not lead to an output: a node of an inlined pipeline
// may serve outputs that nobody takes here.
func (c *compiler) inline(l *level) *dag.Graph {
	root := &instance{level: l}
	spec := dag.Spec{Inputs: l.pipeline.Inputs}
	l.inlined = nil
	c.place(&spec, l, root, nil, false)
	for i := range l.pipeline.Outputs {
		o := &l.pipeline.Outputs[i]
		from, _ := root.resolve(o.From)
		spec.Outputs = append(spec.Outputs, dag.Output{Name: o.Name, From: from, Path: "outputs." + o.Name, Pos: o.Pos})
	}
	prune(&spec, l)
	takeListsOfOne(&spec)
	g, problems := dag.Build(spec, c.types)
	c.problems = append(c.problems, problems...)
	if g != nil && !c.refuseInlinedJoins(l, root, g) {
		return nil
	}
	return g
}

// place adds the nodes of one instance. An argument under each of a pipeline's
// node puts all nodes in it within that scatter.
func (c *compiler) place(spec *dag.Spec, l *level, in *instance, within []dag.Endpoint, continueOnFailure bool) {
	for i := range in.level.nodes {
		u := &in.level.nodes[i]
		allowed := continueOnFailure || u.node.ContinueOnFailure
		if u.level != nil {
			inner := slices.Clone(within)
			for k := range u.node.Each {
				if e, ok := in.source(&u.node.Each[k]); ok {
					inner = append(inner, e)
				}
			}
			c.place(spec, l, in.child(i), inner, allowed)
			continue
		}
		id := in.prefix + u.node.Name
		l.inlined = append(l.inlined, placed{use: u, id: id, in: in, within: within, continueOnFailure: allowed})
		spec.Nodes = append(spec.Nodes, dag.Node{
			ID: id, Label: u.label(), Inputs: u.inputs, Outputs: c.outputsOf(u),
			Within: within, ContinueOnFailure: allowed, Filters: writtenFilters(u.node.Keep), Path: "nodes." + id, Pos: u.node.Pos,
		})
		for _, list := range []struct {
			mode      dag.Mode
			arguments []Argument
		}{{dag.With, u.node.With}, {dag.Each, u.node.Each}} {
			for k := range list.arguments {
				a := &list.arguments[k]
				if a.From == nil || steps.FindPort(u.inputs, a.Name) == nil {
					continue
				}
				if from, ok := in.source(a); ok {
					spec.Wires = append(spec.Wires, dag.Wire{
						From: from, To: dag.Endpoint{Node: id, Port: a.Name}, Mode: list.mode,
						Path: fmt.Sprintf("nodes.%s.%s.%s", id, list.mode, a.Name), Pos: a.Pos,
					})
				}
			}
		}
	}
}

// prune leaves out the nodes that no output needs.
func prune(spec *dag.Spec, l *level) {
	needs := make(map[string][]string, len(spec.Nodes)) // by node: the nodes it takes from
	for _, w := range spec.Wires {
		needs[w.To.Node] = append(needs[w.To.Node], w.From.Node)
	}
	needed := make(map[string]bool, len(spec.Nodes))
	var queue []string
	want := func(id string) {
		if id != "" && !needed[id] {
			needed[id] = true
			queue = append(queue, id)
		}
	}
	within := make(map[string][]dag.Endpoint)
	for i := range spec.Nodes {
		n := &spec.Nodes[i]
		within[n.ID] = n.Within
		if len(n.Outputs) == 0 {
			want(n.ID) // it runs for what it does elsewhere
		}
	}
	for i := range spec.Outputs {
		want(spec.Outputs[i].From.Node)
	}
	for ; len(queue) > 0; queue = queue[1:] {
		for _, id := range needs[queue[0]] {
			want(id)
		}
		for _, e := range within[queue[0]] {
			want(e.Node)
		}
	}
	if len(needed) == len(spec.Nodes) {
		return
	}
	spec.Nodes = slices.DeleteFunc(spec.Nodes, func(n dag.Node) bool { return !needed[n.ID] })
	spec.Wires = slices.DeleteFunc(spec.Wires, func(w dag.Wire) bool { return !needed[w.To.Node] })
	l.inlined = slices.DeleteFunc(l.inlined, func(n placed) bool { return !needed[n.id] })
}
