package runs

import (
	"strings"

	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/pipelines"
	"github.com/ligase-bio/ligase/steps"
)

// foreignEngine is the engine that can run templates which others keep in its
// cluster.
const foreignEngine = "argo"

// foreign finds what keeps a plan from running where nodes are templates of
// others: an engine that has none, and values that such a template would
// evaluate. A pod refuses the latter too, only later.
func (s *Service) foreign(plan *pipelines.Plan) problem.Problems {
	var ps problem.Problems
	c := plan.Compiled
	for i := range c.Nodes {
		n := &c.Nodes[i]
		step := c.StepOf(n.ID)
		impl := step.Implementation(n.Implementation)
		if impl == nil || impl.Template == nil {
			continue
		}
		if s.engine.Name() != foreignEngine {
			ps.Addf(problem.Pos{}, "nodes."+n.ID, problem.NotAllowed, "Run it with the engine argo, or choose another implementation of "+step.Name+".",
				"The implementation %s of %s is the template %s in a cluster, which the engine %s cannot run.", impl.Name, step.Name, impl.Template.Name, s.engine.Name())
			continue
		}
		params := plan.NodeParams(n.ID)
		for _, a := range impl.Template.Parameters {
			text, whole := foreignText(a.Value, params)
			if !whole {
				continue
			}
			if err := steps.CheckForeignValue(text); err != nil {
				ps.Addf(problem.Pos{}, "nodes."+n.ID, problem.NotAllowed, "", "The template %s cannot be given %.60q as its parameter %s. %s", impl.Template.Name, text, a.Name, err)
			}
		}
	}
	return ps
}

// foreignText is what a parameter of a template is given; whole says that it
// follows from parameters alone.
func foreignText(value string, params map[string]steps.Value) (text string, whole bool) {
	parts, err := steps.ParseTemplate(value)
	if err != nil {
		return "", false
	}
	var b strings.Builder
	for _, p := range parts {
		switch p.Kind {
		case steps.Literal:
			b.WriteString(p.Text)
		case steps.ParamRef:
			b.WriteString(params[p.Name].String())
		default:
			return "", false
		}
	}
	return b.String(), true
}
