package dag

import (
	"iter"
	"slices"
	"sync"

	"github.com/ligase-bio/ligase/steps"
)

// Graph is a validated, immutable graph of nodes and port-level wires.
//
// Each value in it has dimensions: the scatters that it is an item of,
// outermost first, each named by the port that gives the many. A node's
// dimensions are those of what it takes by each; what it gives has the node's
// dimensions, and one more on a port that gives many. So design.sequences
// below a scatter over backbone.structures has the dimensions
// [backbone.structures design.sequences], and item "3.5" of it is the sixth
// sequence of the fourth backbone.
//
// It is safe for concurrent use.
type Graph struct {
	// Nodes are numbered in the order of the spec, ports by their place in
	// their node: everything below is slices over those numbers, so that
	// checking, ordering and readiness neither hash nor allocate per wire.
	nodes   []Node
	inputs  []steps.Port
	outputs []output
	byID    map[string]int32

	wires []wire
	inAt  []int32 // by node: where its input ports begin in bound; one more at the end
	bound []int32 // by input port: its wire, or none
	// by node: where what its Within makes it depend on begins in wires; one
	// more at the end
	withinAt []int32
	outAt    []int32 // by node: where the wires out of it begin in out; one more at the end
	out      []int32 // wires grouped by source node, in order of consumer
	order    []int32 // nodes, each after all that it needs
	rank     []int32 // by node: its place in order
	depth    []int32 // by node: its longest distance to a sink
	scopes   scopes

	formats [][]string // by boundary port
	longest []int      // by boundary port; 0: no limit

	programOnce sync.Once
	program     *program // what runs need; made by the first
}

const (
	boundary = int32(-1) // as the node of a wire: the graph's own ports
	none     = int32(-1)
)

// wire is a resolved Wire, or what a node's Within makes it depend on.
type wire struct {
	from, fromPort int32
	to, toPort     int32 // toPort none: from Within
	meet           int32 // of a gather: the scope below which it collects
	at             int32 // index in Spec.Wires, none for Within
	mode           wireMode
}

type wireMode uint8

const (
	takesItem wireMode = iota // with into a port that takes one, each, Within
	gathers                   // with into a port that takes many, or one file of which many values are the records
	misfit                    // already reported, and no part of the graph
)

type output struct {
	name           string
	from, fromPort int32
}

// Order lists the node ids, each after all that it needs; ties in the order
// of the spec. A spec that is in such an order keeps it.
func (g *Graph) Order() []string { return g.ids(g.order) }

func (g *Graph) ids(numbers []int32) []string {
	out := make([]string, len(numbers))
	for i, n := range numbers {
		out[i] = g.nodes[n].ID
	}
	return out
}

// Node returns a node by id, or nil.
func (g *Graph) Node(id string) *Node {
	n, ok := g.byID[id]
	if !ok {
		return nil
	}
	return &g.nodes[n]
}

// Position is a node's place in [Graph.Order], or -1.
func (g *Graph) Position(id string) int {
	n, ok := g.byID[id]
	if !ok {
		return -1
	}
	return int(g.rank[n])
}

// Len is the number of nodes.
func (g *Graph) Len() int { return len(g.nodes) }

// Inputs are the boundary ports.
func (g *Graph) Inputs() []steps.Port { return slices.Clone(g.inputs) }

// Outputs are the ports of the graph as a whole.
func (g *Graph) Outputs() []Output {
	out := make([]Output, len(g.outputs))
	for i, o := range g.outputs {
		out[i] = Output{Name: o.name, From: g.endpoint(o.from, o.fromPort)}
	}
	return out
}

// Wires are what a node's input ports take, in the order of the ports; unbound
// optional ports are absent.
func (g *Graph) Wires(node string) iter.Seq[Wire] {
	return func(yield func(Wire) bool) {
		n, ok := g.byID[node]
		if !ok {
			return
		}
		for p := range g.nodes[n].Inputs {
			if w := g.wireInto(n, int32(p)); w != nil && !yield(g.export(w)) {
				return
			}
		}
	}
}

// Size is the number of wires.
func (g *Graph) Size() int { return int(g.withinAt[0]) }

func (g *Graph) export(w *wire) Wire {
	e := Wire{
		From: g.endpoint(w.from, w.fromPort),
		To:   Endpoint{Node: g.nodes[w.to].ID, Port: g.nodes[w.to].Inputs[w.toPort].Name},
		Mode: With,
	}
	if g.isEach(w) {
		e.Mode = Each
	}
	return e
}

// Joins lists the input ports of a node that take one file, and are given many
// values to be joined into it, in their order.
func (g *Graph) Joins(node string) []string {
	n, ok := g.byID[node]
	if !ok {
		return nil
	}
	var ports []string
	for p := range g.nodes[n].Inputs {
		if w := g.wireInto(n, int32(p)); w != nil && w.mode == gathers && !g.nodes[n].Inputs[p].Many {
			ports = append(ports, g.nodes[n].Inputs[p].Name)
		}
	}
	return ports
}

// Gathers reports whether an input port of a node is given many values, or a
// list of one: what failed of them is listed as failed. Of what is given one
// value there is none, and the node is skipped.
func (g *Graph) Gathers(node, port string) bool {
	n, ok := g.byID[node]
	if !ok {
		return false
	}
	for p := range g.nodes[n].Inputs {
		if g.nodes[n].Inputs[p].Name == port {
			w := g.wireInto(n, int32(p))
			return w != nil && w.mode == gathers
		}
	}
	return false
}

// isEach: of what takes items, only what reaches beyond the node's base was
// written with each.
func (g *Graph) isEach(w *wire) bool {
	return w.mode == takesItem && !g.scopes.isPrefix(g.gives(w.from, w.fromPort), g.scopes.base[w.to])
}

func (g *Graph) wireInto(node, port int32) *wire {
	w := g.bound[g.inAt[node]+port]
	if w < 0 {
		return nil
	}
	return &g.wires[w]
}

// wiresOut are the wires from a node.
func (g *Graph) wiresOut(node int32) []int32 { return g.out[g.outAt[node]:g.outAt[node+1]] }

func (g *Graph) endpoint(node, port int32) Endpoint {
	if node == boundary {
		return Endpoint{Port: g.inputs[port].Name}
	}
	return Endpoint{Node: g.nodes[node].ID, Port: g.nodes[node].Outputs[port].Name}
}

func (g *Graph) sourcePort(node, port int32) *steps.Port {
	if node == boundary {
		return &g.inputs[port]
	}
	return &g.nodes[node].Outputs[port]
}

// Dims are the dimensions of a node: the scatters whose items it runs for.
func (g *Graph) Dims(node string) []Endpoint {
	n, ok := g.byID[node]
	if !ok {
		return nil
	}
	return g.dims(g.scopes.node[n])
}

// OutputDims are the dimensions of what a port gives; a boundary port that
// takes many has one.
func (g *Graph) OutputDims(e Endpoint) []Endpoint {
	if s := g.scopeOf(e); s != unknownScope {
		return g.dims(s)
	}
	return nil
}

// NumDims is the number of [Graph.OutputDims].
func (g *Graph) NumDims(e Endpoint) int {
	if s := g.scopeOf(e); s != unknownScope {
		return g.scopes.depth(s)
	}
	return 0
}

func (g *Graph) scopeOf(e Endpoint) int32 {
	node, ports := boundary, g.inputs
	if e.Node != "" {
		n, ok := g.byID[e.Node]
		if !ok {
			return unknownScope
		}
		node, ports = n, g.nodes[n].Outputs
	}
	for p := range ports {
		if ports[p].Name == e.Port {
			return g.gives(node, int32(p))
		}
	}
	return unknownScope
}

func (g *Graph) gives(node, port int32) int32 { return g.scopes.gives(node, port) }

func (g *Graph) dims(scope int32) []Endpoint {
	out := make([]Endpoint, g.scopes.depth(scope))
	for i := len(out) - 1; i >= 0; i-- {
		s := g.scopes.all[scope]
		out[i] = g.endpoint(s.node, s.port)
		scope = s.parent
	}
	return out
}

// InputFormats are the formats that a boundary port accepts: its own, or what
// all its consumers take.
func (g *Graph) InputFormats(port string) []string {
	for i := range g.inputs {
		if g.inputs[i].Name == port {
			return slices.Clone(g.formats[i])
		}
	}
	return nil
}

// InputMaxLength is the smallest MaxLength among what takes a boundary port; 0
// when none of them has a limit.
func (g *Graph) InputMaxLength(port string) int {
	for i := range g.inputs {
		if g.inputs[i].Name == port {
			return g.longest[i]
		}
	}
	return 0
}

// distances gives each node's longest distance, counted in nodes and starting
// at 1, from where forward says: the sources, or the sinks.
func (g *Graph) distances(forward bool) []int32 {
	d := make([]int32, len(g.nodes))
	for i := range g.order {
		n := g.order[i]
		if !forward {
			n = g.order[len(g.order)-1-i]
			for _, w := range g.wiresOut(n) {
				d[n] = max(d[n], d[g.wires[w].to])
			}
		}
		d[n]++
		if forward {
			for _, w := range g.wiresOut(n) {
				to := g.wires[w].to
				d[to] = max(d[to], d[n])
			}
		}
	}
	return d
}

// Levels groups the node ids by their longest distance from a source.
func (g *Graph) Levels() [][]string {
	var levels [][]string
	d := g.distances(true)
	for _, n := range g.order {
		for int(d[n]) > len(levels) {
			levels = append(levels, nil)
		}
		levels[d[n]-1] = append(levels[d[n]-1], g.nodes[n].ID)
	}
	return levels
}

// Depth is a node's longest distance to a sink, counted in nodes (a sink has
// 1): what schedulers prefer first. It is 0 for a node that is not there.
func (g *Graph) Depth(node string) int {
	n, ok := g.byID[node]
	if !ok {
		return 0
	}
	return int(g.depth[n])
}

// CriticalPath is the longest path by weight (1 a node when nil); of several,
// the one whose nodes come first in the order. Weights must not be negative.
func (g *Graph) CriticalPath(weight func(node string) float64) []string {
	if len(g.nodes) == 0 {
		return nil
	}
	total := make([]float64, len(g.nodes)) // of the heaviest path from a node on
	next := make([]int32, len(g.nodes))
	for i := len(g.order) - 1; i >= 0; i-- {
		n := g.order[i]
		next[n] = none
		for _, w := range g.wiresOut(n) {
			if to := g.wires[w].to; next[n] == none || total[to] > total[next[n]] {
				next[n] = to
			}
		}
		total[n] = 1
		if weight != nil {
			total[n] = weight(g.nodes[n].ID)
		}
		if next[n] != none {
			total[n] += total[next[n]]
		}
	}
	start := g.order[0]
	for _, n := range g.order {
		if total[n] > total[start] {
			start = n
		}
	}
	var path []string
	for n := start; n != none; n = next[n] {
		path = append(path, g.nodes[n].ID)
	}
	return path
}
