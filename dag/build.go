package dag

import (
	"fmt"
	"slices"

	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/steps"
)

// Build checks a spec against the lattice and returns the graph, or every
// problem there is; neither when a node is Unknown and nothing else is wrong.
// A mistake is reported once: what follows from it (a node
// that is unused because the wire from it misspells its name) is not.
func Build(s Spec, types *steps.Types) (*Graph, problem.Problems) {
	b := &builder{
		spec:  s,
		types: types,
		g: &Graph{
			nodes:  slices.Clone(s.Nodes),
			inputs: slices.Clone(s.Inputs),
		},
		fits:   make(map[portPair]fit),
		tables: make(map[*steps.Port]map[string]int32),
	}
	b.number()
	b.resolveWires()
	b.resolveWithin()
	b.resolveOutputs()
	b.checkBound()
	b.checkFormats()
	b.connect()
	b.sort()
	b.scatter()
	b.reportMisfits()
	b.reportMissing()
	b.checkUsed()
	if len(b.problems) > 0 || slices.ContainsFunc(s.Nodes, func(n Node) bool { return n.Unknown }) {
		return nil, b.problems.Sorted()
	}
	b.g.depth = b.g.distances(false)
	b.g.rank = make([]int32, len(b.g.nodes))
	for i, n := range b.g.order {
		b.g.rank[n] = int32(i)
	}
	return b.g, nil
}

// builder holds what only checking needs.
type builder struct {
	spec     Spec
	types    *steps.Types
	g        *Graph
	problems problem.Problems

	fits   map[portPair]fit
	tables map[*steps.Port]map[string]int32 // of long port lists: place by name
	ids    []string                         // all node ids, made when first asked for
	// What looking for suggestions has cost so far.
	cost, compared int

	// Reported at the end, with what would fit.
	misfits []int32 // wires
	missing []struct{ node, port int32 }

	givesAt   []int32 // by node: where its output ports begin
	nodeUsed  []bool  // by node: something names it
	inputUsed []bool  // by boundary port
	broken    []bool  // by node: a wire into it is wrong, so its dimensions are not known
}

// number gives every node and port its number.
func (b *builder) number() {
	g := b.g
	g.byID = make(map[string]int32, len(g.nodes))
	g.inAt = make([]int32, len(g.nodes)+1)
	b.givesAt = make([]int32, len(g.nodes)+1)
	for i := range g.nodes {
		n := &g.nodes[i]
		if first, taken := g.byID[n.ID]; taken {
			b.problems.Addf(n.Pos, n.Path, problem.Duplicate, "Give one of them another name.",
				"There is another node %q%s.", n.ID, at(g.nodes[first].Pos))
		} else {
			g.byID[n.ID] = int32(i)
		}
		g.inAt[i+1] = g.inAt[i] + int32(len(n.Inputs))
		b.givesAt[i+1] = b.givesAt[i] + int32(len(n.Outputs))
	}
	g.bound = make([]int32, g.inAt[len(g.nodes)])
	for i := range g.bound {
		g.bound[i] = none
	}
	b.nodeUsed = make([]bool, len(g.nodes))
	b.inputUsed = make([]bool, len(g.inputs))
	b.broken = make([]bool, len(g.nodes))
}

// at is " (file:line)", or nothing when the place is not known.
func at(p problem.Pos) string {
	if p.Line == 0 {
		return ""
	}
	return fmt.Sprintf(" (%s)", p)
}

// longList is the number of ports from which a table by name pays.
const longList = 16

// port finds a port by name, or none.
func (b *builder) port(ports []steps.Port, name string) int32 {
	if len(ports) < longList {
		for i := range ports {
			if ports[i].Name == name {
				return int32(i)
			}
		}
		return none
	}
	table := b.tables[&ports[0]]
	if table == nil {
		table = make(map[string]int32, len(ports))
		for i := len(ports) - 1; i >= 0; i-- {
			table[ports[i].Name] = int32(i)
		}
		b.tables[&ports[0]] = table
	}
	if p, ok := table[name]; ok {
		return p
	}
	return none
}

// resolveWires turns names into numbers, and checks each wire by itself.
func (b *builder) resolveWires() {
	g := b.g
	g.wires = make([]wire, 0, len(b.spec.Wires))
	lastID, last := "", none
	for i := range b.spec.Wires {
		w := &b.spec.Wires[i]
		// Wires usually come grouped by consumer.
		if last == none || w.To.Node != lastID {
			n, ok := g.byID[w.To.Node]
			if !ok {
				b.problems.Addf(w.Pos, w.Path, problem.UnknownName, b.suggest(w.To.Node, b.nodeIDs()),
					"There is no node %q to give %s to.", w.To.Node, code(w.From))
				b.markUsed(w.From)
				continue
			}
			lastID, last = w.To.Node, n
		}
		to := &g.nodes[last]
		if to.Unknown {
			b.source(w.From, w.Pos, w.Path)
			b.markUsed(w.From)
			continue
		}
		r := wire{to: last, at: int32(i), toPort: b.port(to.Inputs, w.To.Port), meet: none}
		if r.toPort == none {
			b.problems.Addf(w.Pos, w.Path, problem.UnknownName, b.suggest(w.To.Port, portNames(to.Inputs)),
				"`%s` takes no input %q.", to.ID, w.To.Port)
			b.markUsed(w.From)
			continue
		}
		slot := &g.bound[g.inAt[last]+r.toPort]
		if *slot != none {
			other := "another value"
			if *slot >= 0 {
				other = code(b.spec.Wires[g.wires[*slot].at].From)
			}
			b.problems.Addf(w.Pos, w.Path, problem.Duplicate, "Keep one of them.",
				"%s is given %s and %s.", code(w.To), other, code(w.From))
			b.markUsed(w.From)
			continue
		}
		var ok bool
		if r.from, r.fromPort, ok = b.source(w.From, w.Pos, w.Path); !ok {
			*slot = brokenWire
			// What is taken whole does not change the node's dimensions.
			b.broken[last] = b.broken[last] || w.Mode == Each
			continue
		}
		b.use(r.from, r.fromPort)
		port := &to.Inputs[r.toPort]
		if port.Many && w.Mode != Each {
			r.mode = gathers
		}
		*slot = int32(len(g.wires))
		g.wires = append(g.wires, r)
		b.checkFit(int32(len(g.wires) - 1))
	}
}

// brokenWire marks an input that is given something that does not exist: not
// missing, but not a wire.
const brokenWire = int32(-2)

// source resolves where a value comes from, or reports why not.
func (b *builder) source(e Endpoint, pos problem.Pos, path string) (node, port int32, ok bool) {
	g := b.g
	if e.Node == "" {
		port = b.port(g.inputs, e.Port)
		if port == none {
			names := portNames(g.inputs)
			b.problems.Addf(pos, path, problem.UnknownName, b.suggest(e.Port, names),
				"There is no input %q.", e.Port)
			if i := slices.Index(names, b.nearest(e.Port, names)); i >= 0 {
				b.inputUsed[i] = true
			}
			return 0, 0, false
		}
		return boundary, port, true
	}
	node, ok = g.byID[e.Node]
	if !ok {
		b.problems.Addf(pos, path, problem.UnknownName, b.suggest(e.Node, b.nodeIDs()),
			"%s cannot be had: there is no node %q.", code(e), e.Node)
		if n, ok := g.byID[b.nearest(e.Node, b.nodeIDs())]; ok {
			b.nodeUsed[n] = true
		}
		return 0, 0, false
	}
	if g.nodes[node].Unknown {
		b.nodeUsed[node] = true
		return 0, 0, false
	}
	port = b.port(g.nodes[node].Outputs, e.Port)
	if port == none {
		fix := b.suggest(e.Port, portNames(g.nodes[node].Outputs))
		if b.port(g.nodes[node].Inputs, e.Port) != none {
			fix = fmt.Sprintf("%q is one of its inputs; it gives %s.", e.Port, problem.List(portNames(g.nodes[node].Outputs), "and"))
		}
		b.problems.Addf(pos, path, problem.UnknownName, fix, "`%s` gives no %q.", e.Node, e.Port)
		b.nodeUsed[node] = true
		return 0, 0, false
	}
	return node, port, true
}

func (b *builder) use(node, port int32) {
	if node == boundary {
		b.inputUsed[port] = true
	} else {
		b.nodeUsed[node] = true
	}
}

// markUsed notes that a faulty wire names a source, without complaints.
func (b *builder) markUsed(e Endpoint) {
	if e.Node == "" {
		if p := b.port(b.g.inputs, e.Port); p != none {
			b.inputUsed[p] = true
		}
	} else if n, ok := b.g.byID[e.Node]; ok {
		b.nodeUsed[n] = true
	}
}

// resolveWithin makes nodes wait for the items of the scatters around them.
func (b *builder) resolveWithin() {
	b.g.withinAt = make([]int32, len(b.g.nodes)+1)
	for i := range b.g.nodes {
		n := &b.g.nodes[i]
		b.g.withinAt[i] = int32(len(b.g.wires))
		for _, e := range n.Within {
			from, port, ok := b.source(e, n.Pos, n.Path)
			if !ok {
				b.broken[i] = true
				continue
			}
			b.use(from, port)
			b.g.wires = append(b.g.wires, wire{from: from, fromPort: port, to: int32(i), toPort: none, meet: none, at: none})
		}
	}
	b.g.withinAt[len(b.g.nodes)] = int32(len(b.g.wires))
}

func (b *builder) resolveOutputs() {
	seen := make(map[string]problem.Pos, len(b.spec.Outputs))
	for i := range b.spec.Outputs {
		o := &b.spec.Outputs[i]
		if first, taken := seen[o.Name]; taken {
			b.problems.Addf(o.Pos, o.Path, problem.Duplicate, "Give one of them another name.",
				"There is another output %q%s.", o.Name, at(first))
		}
		seen[o.Name] = o.Pos
		if o.From.Node == "" {
			b.problems.Addf(o.Pos, o.Path, problem.Invalid, "Name a port of a node, like fold.structure.",
				"An output cannot be an input, %s.", code(o.From))
			b.markUsed(o.From)
			continue
		}
		node, port, ok := b.source(o.From, o.Pos, o.Path)
		if !ok {
			continue
		}
		b.use(node, port)
		b.g.outputs = append(b.g.outputs, output{name: o.Name, from: node, fromPort: port})
	}
}

// checkBound finds the inputs that nothing is given to.
func (b *builder) checkBound() {
	g := b.g
	for i := range g.nodes {
		n := &g.nodes[i]
		if g.byID[n.ID] != int32(i) {
			continue // a duplicate: its wires went to the first
		}
		for p := range n.Inputs {
			port := &n.Inputs[p]
			if port.Optional || g.bound[g.inAt[i]+int32(p)] != none {
				continue
			}
			b.broken[i] = true
			b.missing = append(b.missing, struct{ node, port int32 }{int32(i), int32(p)})
		}
	}
}

func join(path, more string) string {
	if path == "" {
		return more
	}
	return path + "." + more
}

// connect groups the wires by source.
func (b *builder) connect() {
	g := b.g
	g.outAt = make([]int32, len(g.nodes)+1)
	for i := range g.wires {
		if from := g.wires[i].from; from != boundary && g.wires[i].mode != misfit {
			g.outAt[from+1]++
		}
	}
	for i := range g.nodes {
		g.outAt[i+1] += g.outAt[i]
	}
	g.out = make([]int32, g.outAt[len(g.nodes)])
	fill := slices.Clone(g.outAt)
	for i := range g.wires {
		if from := g.wires[i].from; from != boundary && g.wires[i].mode != misfit {
			g.out[fill[from]] = int32(i)
			fill[from]++
		}
	}
}

// checkUsed reports what costs time or attention and leads to nothing.
func (b *builder) checkUsed() {
	g := b.g
	for i := range g.inputs {
		if p := &g.inputs[i]; !b.inputUsed[i] {
			b.problems.Addf(p.Pos, "inputs."+p.Name, problem.Unreachable,
				fmt.Sprintf("Give $inputs.%s to a node, or remove it.", p.Name),
				"No node takes the input %q.", p.Name)
		}
	}
	if len(b.spec.Outputs) == 0 {
		if len(g.nodes) > 0 {
			b.problems.Addf(problem.Pos{}, "outputs", problem.Missing, "Name at least one, like outputs: {"+b.exampleOutput()+"}.",
				"There are no outputs, so nothing that the nodes make can be had.")
		}
		return
	}
	for i := range g.nodes {
		n := &g.nodes[i]
		// A node without outputs runs for what it does elsewhere.
		if b.nodeUsed[i] || len(n.Outputs) == 0 || g.byID[n.ID] != int32(i) {
			continue
		}
		e := Endpoint{Node: n.ID, Port: n.Outputs[0].Name}
		b.problems.Addf(n.Pos, n.Path, problem.Unreachable,
			fmt.Sprintf("Give %s to a node or name it under outputs, or remove `%s`.", code(e), n.ID),
			"Nothing uses what `%s` makes, so running it would be in vain.", n.ID)
	}
}

func (b *builder) exampleOutput() string {
	for i := len(b.g.nodes) - 1; i >= 0; i-- {
		n := &b.g.nodes[i]
		if !b.nodeUsed[i] && len(n.Outputs) > 0 {
			return fmt.Sprintf("%s: %s.%s", n.Outputs[0].Name, n.ID, n.Outputs[0].Name)
		}
	}
	return "result: node.port"
}
