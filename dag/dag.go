// Package dag turns nodes with typed ports, and wires between those ports,
// into an immutable graph that is known to be sound, and follows a run through
// it.
//
// [Build] checks a [Spec] and reports everything that is wrong at once: names
// that do not exist, types and formats that do not fit, inputs bound twice or
// not at all, scatters that clash, cycles, nodes that nothing uses. What it
// returns knows its order, its levels, its critical path, and can draw itself.
// [Graph.NewFrontier] starts a run: told what ended, a [Frontier] says what
// can start, through scatters, zips and gathers, nested as deep as
// [uris.MaxIndexDepth].
//
// Everything takes time linear in nodes, wires and tasks.
package dag

import (
	"slices"

	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/uris"
)

// Endpoint is one port of one node. An empty Node is the graph's own
// boundary: as the source of a wire a pipeline input.
type Endpoint struct {
	Node string `json:"node,omitempty"`
	Port string `json:"port"`
}

// String gives "node.port", or "$inputs.port" at the boundary.
func (e Endpoint) String() string {
	if e.Node == "" {
		return "$inputs." + e.Port
	}
	return e.Node + "." + e.Port
}

// Mode is how a wire carries a value.
type Mode string

const (
	With Mode = "with" // the whole value: one to one, or all of a scatter gathered into a port that takes many
	Each Mode = "each" // one item at a time: scatters the consumer
)

// Wire carries the value of one output port to one input port.
type Wire struct {
	From Endpoint
	To   Endpoint
	Mode Mode

	Path string // where it was written: nodes.fold.each.sequence
	Pos  problem.Pos
}

// Node is a use of something with ports.
type Node struct {
	ID      string
	Label   string // what it uses, for drawings and sentences: "fold"
	Inputs  []steps.Port
	Outputs []steps.Port
	// Within are the scatters around the node: the sources of the each-wires
	// of the pipeline node that it was inlined from, outermost first. A node
	// that is within a scatter runs once for each of its items, and a gather
	// inside collapses no further out than that. Where such an item failed
	// and was allowed to, the node is skipped.
	Within []Endpoint
	// ContinueOnFailure: an item that fails does not fail the run; what would
	// have used it is skipped, and gathers list it as failed.
	ContinueOnFailure bool
	// Filters says of which results some may be filtered: committed, but taken
	// by nobody, and listed as failed by gathers.
	Filters Filters
	// Unknown: nothing is known of its ports, because what it uses could not be
	// found. That is reported elsewhere; what wires say of it is believed, and
	// no graph comes of it.
	Unknown bool

	Path string // where it was written: nodes.fold
	Pos  problem.Pos
}

// Output is a port of the graph as a whole.
type Output struct {
	Name string
	From Endpoint

	Path string
	Pos  problem.Pos
}

// Spec is what a graph is built from. Build copies the lists that it keeps;
// the ports in them, which nodes usually share with the step that they use,
// must not change afterwards.
type Spec struct {
	Inputs  []steps.Port // the boundary: what $inputs.x may name
	Nodes   []Node
	Wires   []Wire
	Outputs []Output
}

// Filters says what of a node's results may be left out.
type Filters struct {
	Task  bool     // all that a task gives
	Ports []string // items of these outputs, each of which gives many
}

// Add adds items of a port, or with no port what a task gives.
func (f *Filters) Add(port string) {
	switch {
	case port == "":
		f.Task = true
	case !slices.Contains(f.Ports, port):
		f.Ports = append(f.Ports, port)
	}
}

// Left says what of a committed task's results a filter has left out.
type Left struct {
	All   bool
	Items map[string][]int // by port that gives many: which, ascending
}

// Source is one item of what a task's input port takes.
type Source struct {
	From  Endpoint
	Task  uris.Index // the index of the task that gave it
	Item  int        // which item of a port that gives many; -1 for one
	Index uris.Index // the item's full index: Task, and Item if any
	// Failed: the item never came to be, because its task, or one that that
	// depended on, failed and was allowed to, or was filtered. Only gathers see
	// such items. Where a scatter itself never came to be, one such source
	// stands for all its items, and its Index is that of the scatter's task.
	Failed bool
	Cause  Cause // with Failed
}

// Cause is what something never came to be for: a task that failed, or one
// whose results, or an item of them, were filtered.
type Cause struct {
	Task
	Port string // of an item that was filtered
	Item int
}

// Task is one execution of a node: the node itself, or one item of a
// scattered node.
type Task struct {
	Node  string
	Index uris.Index
}
