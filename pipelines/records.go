package pipelines

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ligase-bio/ligase/dag"
	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/steps"
)

// Files of records (see [steps.Records]) go where their records are taken, and
// the other way round. Neither takes a node of its own: the worker of the step
// that gives the file also commits its records, on a port that only compiled
// pipelines have, and the worker of the step that takes a file is given the
// many and joins them.

// recordsFor is the port of the records of what an argument names, when it is
// one file of them and the input takes them; else nil.
func (c *compiler) recordsFor(l *level, u *use, mode dag.Mode, a *Argument) *steps.Port {
	to := steps.FindPort(u.inputs, a.Name)
	if a.From.Node == "" || to == nil || mode == dag.With && !to.Many || !c.heldInFiles(to) {
		return nil
	}
	source := l.node(a.From.Node)
	if source == nil {
		return nil
	}
	from := steps.FindPort(source.outputs, a.From.Port)
	if from == nil || c.types.Fits(from.Type, to.Type) {
		return nil
	}
	records := c.types.RecordsPort(from)
	if records == nil || !c.types.Takes(to, records.Type, records.Formats[0]) {
		return nil
	}
	c.giveRecords(source, from, records)
	return records
}

// heldInFiles reports whether some type's files hold values that a port takes:
// of hardly any port.
func (c *compiler) heldInFiles(to *steps.Port) bool {
	held, known := c.held[to]
	if !known {
		held = len(c.types.Holding(to)) > 0
		c.held[to] = held
	}
	return held
}

// giveRecords gives a use a port of the records of one of its outputs: all uses
// of its step, which share their ports. Whether there is anything on it is for
// [Compiled.OutputsOf] to say.
func (c *compiler) giveRecords(u *use, of, records *steps.Port) {
	if steps.FindPort(c.outputsOf(u), records.Name) != nil {
		return
	}
	gives := append(slices.Clip(c.outputsOf(u)), *records)
	if u.step != nil {
		c.gives[u.step] = gives
		return
	}
	u.outputs = gives
	for _, o := range u.level.pipeline.Outputs {
		if inner := u.level.node(o.From.Node); o.Name == of.Name && inner != nil {
			from := steps.FindPort(inner.outputs, o.From.Port)
			c.giveRecords(inner, from, c.types.RecordsPort(from))
		}
	}
}

// outputsOf are the ports on which a use gives something, those of records
// among them.
func (c *compiler) outputsOf(u *use) []steps.Port {
	if gives := c.gives[u.step]; gives != nil && u.step != nil {
		return gives
	}
	return u.outputs
}

// node finds a node of the level by its name, or nil.
func (l *level) node(name string) *use {
	if l.byName == nil {
		l.byName = make(map[string]int, len(l.nodes))
		for i := range l.nodes {
			l.byName[l.nodes[i].node.Name] = i
		}
	}
	i, known := l.byName[name]
	if !known {
		return nil
	}
	return &l.nodes[i]
}

// refuseJoins reports many that would be joined into the one file that a
// pipeline takes: what in it takes the file as one of a list, or hands it on,
// would be given the many.
func (c *compiler) refuseJoins(l *level, g *dag.Graph) {
	for i := range l.nodes {
		u := &l.nodes[i]
		if u.level == nil {
			continue
		}
		for _, name := range g.Joins(u.node.Name) {
			c.refuseJoin(u, u.argument(name))
		}
	}
}

func (c *compiler) refuseJoin(u *use, a *Argument) {
	c.add(a.Pos, argPath(u, dag.With, a.Name), problem.Cardinality,
		fmt.Sprintf("Have a step give the file, or use the pipeline for each of them, with each: {%s: %s}.", a.Name, a.From),
		"`%s` is many; `%s.%s` takes one. Only what a step takes is joined.", a.From, u.node.Name, a.Name)
}

// refuseInlinedJoins is refuseJoins where scatters seemed to clash before all
// was inlined, so that there was no graph to ask. It reports whether no
// pipeline is given many for one file.
func (c *compiler) refuseInlinedJoins(l *level, root *instance, g *dag.Graph) bool {
	sound := true
	for i := range l.nodes {
		u := &l.nodes[i]
		if u.level == nil {
			continue
		}
		for k := range u.node.With {
			a := &u.node.With[k]
			to := steps.FindPort(u.inputs, a.Name)
			if to == nil || to.Many || a.From == nil {
				continue
			}
			if from, ok := root.source(a); ok && g.NumDims(from) > 0 {
				c.refuseJoin(u, a)
				sound = false
			}
		}
	}
	return sound
}

// checkJoinedURIs reports many that would be joined for a template which is told
// where the file lies: the joined one lies nowhere.
func (c *compiler) checkJoinedURIs(n *placed, impl *steps.Implementation, g *dag.Graph) {
	if impl.Template == nil {
		return
	}
	for _, port := range g.Joins(n.id) {
		where := steps.Template{{Kind: steps.InputRef, Name: port, Sub: "uri"}}.String()
		if slices.ContainsFunc(impl.Template.Parameters, func(a steps.ForeignArgument) bool { return strings.Contains(a.Value, where) }) {
			c.add(n.use.node.Pos, "nodes."+n.id+".with."+port, problem.Cardinality, "Have a step give the file, or choose an implementation that takes the file itself.",
				"The values of `%s.%s` would be joined into one file, and the implementation %s takes that by its URI, %s, which what is joined does not have.", n.id, port, impl.Name, where)
		}
	}
}

// joinRecords marks the inputs that are given many where the step takes one
// file of them, and reports whether there are any.
func (c *Compiled) joinRecords() bool {
	found := false
	for i := range c.Nodes {
		n := &c.Nodes[i]
		for _, name := range c.graph.Joins(n.ID) {
			if port := c.Steps[n.Step].Input(name); !port.Joined {
				port.Join()
			}
			found = true
		}
	}
	return found
}

// OutputsOf are the outputs that tasks of a node commit: those of its step,
// without records that nobody takes of this node.
func (c *Compiled) OutputsOf(node string) []steps.Port {
	all := c.StepOf(node).Outputs
	unused := func(p steps.Port) bool {
		return p.RecordsOf != "" && !c.taken()[dag.Endpoint{Node: node, Port: p.Name}]
	}
	if !slices.ContainsFunc(all, unused) {
		return all
	}
	return slices.DeleteFunc(slices.Clone(all), unused)
}

func (c *Compiled) findTaken() map[dag.Endpoint]bool {
	taken := make(map[dag.Endpoint]bool)
	for i := range c.Nodes {
		for _, e := range c.Nodes[i].Within {
			taken[e] = true
		}
		for _, b := range c.Nodes[i].Inputs {
			taken[b.From] = true
		}
	}
	return taken
}

// joins checks that values which a step takes as one file come in one format.
func (b *binder) joins(p *steps.Port, values []Input, path string) {
	other := slices.IndexFunc(values, func(in Input) bool { return in.Format != values[0].Format })
	if other < 0 {
		return
	}
	for in := range b.c.bound() {
		if in.From == (dag.Endpoint{Port: p.Name}) && in.port.Joined && !b.c.single(in.node, in.Binding) {
			b.add(path, problem.TypeMismatch, "Give all in one format.", "The values of %q come in %s and in %s; `%s` takes them as one file.",
				p.Name, values[0].Format, values[other].Format, in.node)
			return
		}
	}
}

// Recut says where files of records are split and where records are joined
// into a file: a sentence for each, of the call's files and then of the wires,
// in the order of the nodes.
func (p *Plan) Recut() []string {
	out := p.splits()
	for b := range p.Compiled.bound() {
		if b.output != nil && b.output.RecordsOf != "" {
			out = append(out, fmt.Sprintf("%s.%s: each file of %s.%s is split into its records", b.node, b.Port, b.From.Node, b.output.RecordsOf))
		}
		if b.port.Joined && !p.Compiled.single(b.node, b.Binding) {
			out = append(out, fmt.Sprintf("%s.%s: the values of %s are joined into one file; what failed or was filtered is not in it", b.node, b.Port, b.From))
		}
	}
	return out
}

// single reports whether what a task of a node is given there is one value: the
// port may take many for another node's sake.
func (c *Compiled) single(node string, b Binding) bool {
	if b.Mode == dag.Each {
		return true
	}
	dims := c.graph.Dims(node)
	if b.From.Node == "" {
		return !c.Input(b.From.Port).Many
	}
	from := c.graph.Dims(b.From.Node)
	if c.StepOf(b.From.Node).Output(b.From.Port).Many {
		from = append(from, b.From)
	}
	return len(from) <= len(dims) && slices.Equal(from, dims[:len(from)])
}

// splits says which files of a call hold several values, and are split.
func (p *Plan) splits() []string {
	var out []string
	for i := range p.Compiled.Inputs {
		name := p.Compiled.Inputs[i].Name
		values := p.Inputs[name]
		for k, in := range values {
			// Another file may have the same name: each begins with its first record.
			if last := k+1 == len(values) || values[k+1].Split != in.Split || values[k+1].Record <= in.Record; in.Split != "" && last {
				out = append(out, fmt.Sprintf("%s: %s is split into its %d records", name, in.Split, in.Record))
			}
		}
	}
	return out
}
