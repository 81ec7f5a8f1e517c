package pipelines

import "github.com/ligase-bio/ligase/steps"

// Maker says of a node what it is: which step, by which implementation, with
// which parameters. nil: there is no such node.
func (p *Plan) Maker(node string) *steps.Maker {
	n := p.Compiled.Node(node)
	if n == nil {
		return nil
	}
	step := p.Compiled.Steps[n.Step]
	return &steps.Maker{
		Node: node, Step: step.Name, Version: step.Version, Implementation: n.Implementation,
		Params: p.NodeParams(node), Metrics: step.Metrics, Keep: p.NodeKeep(node),
	}
}
