package runs

import (
	"context"
	"fmt"
	"strings"

	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/pipelines"
	"github.com/ligase-bio/ligase/steps"
)

// Hindrance is why an implementation cannot run where the engine runs, and
// what to do about it, in sentences.
type Hindrance struct{ Why, Fix string }

// hindered finds the nodes of a plan that cannot run here: it is better said
// now than by the step that fails hours from now. Which implementation to use
// instead is for the caller to choose, as what it gives is not the same.
func (s *Service) hindered(ctx context.Context, plan *pipelines.Plan) error {
	if s.o.Hinders == nil {
		return nil
	}
	var ps problem.Problems
	known := map[*steps.Implementation]*Hindrance{}
	look := func(impl *steps.Implementation) *Hindrance {
		h, looked := known[impl]
		if !looked {
			h = s.o.Hinders(ctx, impl)
			known[impl] = h
		}
		return h
	}
	c := plan.Compiled
	for i := range c.Nodes {
		n := &c.Nodes[i]
		step := c.StepOf(n.ID)
		impl := step.Implementation(n.Implementation)
		if impl == nil || impl.Template != nil { // see foreign
			continue
		}
		h := look(impl)
		if h == nil {
			continue
		}
		var can []string
		for k := range step.Implementations {
			if other := &step.Implementations[k]; other != impl && look(other) == nil {
				can = append(can, other.Name)
			}
		}
		fix := h.Fix
		if len(can) > 0 {
			choose := fmt.Sprintf("Choose one that can: --impl %s=%s (in a tool call, implementation=%s)", step.Name, can[0], can[0])
			if len(can) > 1 {
				choose += "; there is also " + strings.Join(can[1:], ", ")
			}
			fix = strings.TrimSpace(choose + ". " + fix)
		}
		ps.Addf(problem.Pos{}, "nodes."+n.ID, problem.NotAllowed, fix, "The implementation %s of %s cannot run here. %s", impl.Name, step.Name, h.Why)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return ps.Err()
}
