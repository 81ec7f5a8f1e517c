package dag

import (
	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/steps"
)

type impl struct{}

// Build checks a spec against the lattice and returns the graph, or every
// problem there is.
func Build(s Spec, types *steps.Types) (*Graph, problem.Problems) { panic("unwritten") }

// Order lists the node ids, each after all that it needs; ties in the order
// of the spec.
func (g *Graph) Order() []string { panic("unwritten") }

// Node returns a node by id, or nil.
func (g *Graph) Node(id string) *Node { panic("unwritten") }

// Dims are the dimensions of a node: the scatters whose items it runs for.
func (g *Graph) Dims(node string) []Endpoint { panic("unwritten") }

// OutputDims are the dimensions of what a port gives; a boundary port that
// takes many has one.
func (g *Graph) OutputDims(e Endpoint) []Endpoint { panic("unwritten") }

// InputFormats are the formats that a boundary port accepts: its own, or what
// all its consumers take.
func (g *Graph) InputFormats(port string) []string { panic("unwritten") }

// Levels groups the node ids by their longest distance from a source.
func (g *Graph) Levels() [][]string { panic("unwritten") }

// CriticalPath is the longest path by weight (1 a node when nil).
func (g *Graph) CriticalPath(weight func(node string) float64) []string { panic("unwritten") }

// Depth is a node's longest distance to a sink, counted in nodes: what
// schedulers prefer first.
func (g *Graph) Depth(node string) int { panic("unwritten") }

// Mermaid draws the graph as a Mermaid flowchart, byte for byte the same each
// time.
func (g *Graph) Mermaid() string { panic("unwritten") }

// DOT draws the graph for Graphviz.
func (g *Graph) DOT() string { panic("unwritten") }
