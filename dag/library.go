package dag

import (
	"errors"

	"github.com/dominikbraun/graph"
)

// Library is the graph as github.com/dominikbraun/graph knows it, for that
// library's algorithms and drawings: one vertex a node, one edge where at
// least one wire goes from a node to another. It is a view of the same data,
// not a copy, and cannot be changed. The library's own topological sorts are
// quadratic; use [Graph.Order].
func (g *Graph) Library() graph.Graph[string, Node] {
	return graph.NewWithStore(func(n Node) string { return n.ID }, store{g}, graph.Directed(), graph.Acyclic())
}

// Path is a shortest path from one node to another, both included; nil when
// there is none.
func (g *Graph) Path(from, to string) []string {
	if from == to && g.Node(from) != nil {
		return []string{from}
	}
	path, err := graph.ShortestPath(g.Library(), from, to)
	if err != nil {
		return nil
	}
	return path
}

// store is the library's Store over a Graph. Within counts as an edge too.
type store struct{ g *Graph }

var errImmutable = errors.New("the graph cannot be changed")

func (s store) AddVertex(string, Node, graph.VertexProperties) error { return errImmutable }
func (s store) RemoveVertex(string) error                            { return errImmutable }
func (s store) AddEdge(string, string, graph.Edge[string]) error     { return errImmutable }
func (s store) UpdateEdge(string, string, graph.Edge[string]) error  { return errImmutable }
func (s store) RemoveEdge(string, string) error                      { return errImmutable }
func (s store) VertexCount() (int, error)                            { return len(s.g.nodes), nil }
func (s store) ListVertices() ([]string, error)                      { return s.g.Order(), nil }

func (s store) Vertex(id string) (Node, graph.VertexProperties, error) {
	n := s.g.Node(id)
	if n == nil {
		return Node{}, graph.VertexProperties{}, graph.ErrVertexNotFound
	}
	return *n, graph.VertexProperties{Attributes: map[string]string{}}, nil
}

func (s store) Edge(source, target string) (graph.Edge[string], error) {
	from, ok := s.g.byID[source]
	if !ok {
		return graph.Edge[string]{}, graph.ErrEdgeNotFound
	}
	to, ok := s.g.byID[target]
	if !ok {
		return graph.Edge[string]{}, graph.ErrEdgeNotFound
	}
	for _, w := range s.g.wiresOut(from) {
		if s.g.wires[w].to == to {
			return s.edge(from, to), nil
		}
	}
	return graph.Edge[string]{}, graph.ErrEdgeNotFound
}

func (s store) ListEdges() ([]graph.Edge[string], error) {
	var edges []graph.Edge[string]
	last := make([]int32, len(s.g.nodes)) // by target: the source seen last, from 1
	for _, from := range s.g.order {
		for _, w := range s.g.wiresOut(from) {
			if to := s.g.wires[w].to; last[to] != from+1 {
				last[to] = from + 1
				edges = append(edges, s.edge(from, to))
			}
		}
	}
	return edges, nil
}

func (s store) edge(from, to int32) graph.Edge[string] {
	return graph.Edge[string]{
		Source:     s.g.nodes[from].ID,
		Target:     s.g.nodes[to].ID,
		Properties: graph.EdgeProperties{Attributes: map[string]string{}},
	}
}
