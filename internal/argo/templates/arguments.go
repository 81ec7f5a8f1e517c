package templates

import (
	"github.com/ligase-bio/ligase/dag"
	"github.com/ligase-bio/ligase/pipelines"
)

// Arguments are the names of the arguments that a tool's template takes besides
// the task.
type Arguments struct {
	Count map[string]string // by input whose values are worked through one by one: how many there are
	Skip  map[string]string // by node: which of its tasks have committed
	Reuse map[string]string // by node whose items are worked through: what those tasks gave
}

// ArgumentsOf says which arguments the template of a compiled tool takes.
func ArgumentsOf(c *pipelines.Compiled) Arguments {
	t := newTree(c)
	a := Arguments{Count: map[string]string{}, Skip: map[string]string{}, Reuse: map[string]string{}}
	for _, in := range c.Inputs {
		if in.Many && t.opens(endpoint("", in.Name)) {
			a.Count[in.Name] = CountParameter(in.Name)
		}
	}
	for _, n := range c.Nodes {
		a.Skip[n.ID] = SkipParameter(n.ID)
		if t.opensAny(n.ID) {
			a.Reuse[n.ID] = ReuseParameter(n.ID)
		}
	}
	return a
}

// opensAny reports whether some lane works through what a node gives.
func (t *tree) opensAny(node string) bool {
	for _, port := range t.graph.Node(node).Outputs {
		if port.Many && t.opens(endpoint(node, port.Name)) {
			return true
		}
	}
	return false
}

func endpoint(node, port string) dag.Endpoint { return dag.Endpoint{Node: node, Port: port} }
