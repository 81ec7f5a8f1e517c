package runs

import (
	"context"

	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/pipelines"
)

// Hindrance is why an implementation cannot run where the engine runs, and
// what to do about it, in sentences.
type Hindrance struct{ Why, Fix string }

// runnable finds what of a plan cannot run here, whatever its arguments or
// because of them.
func (s *Service) runnable(ctx context.Context, plan *pipelines.Plan) error {
	if err := s.hindered(ctx, plan); err != nil {
		return err
	}
	return s.fits(ctx, plan)
}

// hindered finds the nodes of a plan that cannot run here: it is better said
// now than by the step that fails hours from now. Which implementation to use
// instead is for the caller to choose, as what it gives is not the same.
func (s *Service) hindered(ctx context.Context, plan *pipelines.Plan) error {
	if s.o.Hinders == nil {
		return nil
	}
	var ps problem.Problems
	c := plan.Compiled
	for i := range c.Nodes {
		n := &c.Nodes[i]
		step := c.StepOf(n.ID)
		impl := step.Implementation(n.Implementation)
		if impl == nil || impl.Template != nil { // see foreign
			continue
		}
		if h := s.o.Hinders(ctx, n.ID, step, impl); h != nil {
			ps.Addf(problem.Pos{}, "nodes."+n.ID, problem.NotAllowed, h.Fix, "The implementation %s of %s cannot run here. %s", impl.Name, step.Name, h.Why)
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return ps.Err()
}
