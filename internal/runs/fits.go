package runs

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/pipelines"
	"github.com/ligase-bio/ligase/steps"
)

// lately is how many finished attempts of an implementation predictions go by:
// what a site's machines do now counts.
const lately = 200

// Predict says what the nodes of a plan will take that have a cost: by what
// their implementations say and by what finished attempts took here.
func (s *Service) Predict(ctx context.Context, plan *pipelines.Plan) ([]pipelines.Prediction, error) {
	return plan.Predict(func(step, implementation string) ([]steps.Spent, error) {
		return s.store.Spent(ctx, step, implementation, lately)
	})
}

// fits refuses what would need more memory of a GPU than any here has: it
// would only be found out when the step fails, hours from now. What has
// finished here at that length, fits. Which implementation to use instead is
// for the caller to choose.
func (s *Service) fits(ctx context.Context, plan *pipelines.Plan) error {
	if s.o.GPUs == nil {
		return nil
	}
	var ps problem.Problems
	var largest steps.GPU
	asked := false
	c := plan.Compiled
	for i := range c.Nodes {
		n := &c.Nodes[i]
		step := c.StepOf(n.ID)
		impl := step.Implementation(n.Implementation)
		if impl.Resources.GPU == 0 || impl.Cost == nil {
			continue
		}
		if !asked {
			asked = true
			gpus := s.o.GPUs(ctx)
			if len(gpus) == 0 || slices.ContainsFunc(gpus, func(g steps.GPU) bool { return g.Memory == 0 }) {
				return nil // not known, or not known of all
			}
			largest = slices.MaxFunc(gpus, func(a, b steps.GPU) int { return cmp.Compare(a.Memory, b.Memory) })
		}
		work := plan.Work(n.ID)
		expected := impl.Cost.Expect(work, nil)
		if work.Length == 0 || !expected.GPUMemory.Exceeds(float64(largest.Memory)) {
			continue
		}
		finished, err := s.store.LongestSpent(ctx, step.Name, impl.Name)
		if err != nil {
			return err
		}
		longest := max(impl.Cost.Longest(largest.Memory, work.Length-1), finished)
		if longest >= work.Length {
			continue
		}
		ps.Addf(problem.Pos{}, "nodes."+n.ID, problem.TooLarge, s.shorter(step, impl, work, largest, longest),
			"%s (%s) would work on a %s of %d, for which it needs %s %s of GPU memory; the largest GPU here%s has %s.",
			n.ID, impl.Name, impl.Cost.By, work.Length, cmp.Or(string(expected.GPUMemory.Side), "about"), steps.BytesText(expected.GPUMemory.Value), named(largest), steps.BytesText(float64(largest.Memory)))
	}
	return ps.Err()
}

// shorter is what to do about work that is too long for an implementation.
func (s *Service) shorter(step *steps.Step, impl *steps.Implementation, w steps.Work, g steps.GPU, longest int) string {
	fix := fmt.Sprintf("Keep %s at %d or less", impl.Cost.By, longest)
	if longest == 0 {
		fix = "Use a larger GPU"
	}
	var others []string
	// A plan has only the implementations that it uses.
	if whole := s.catalog.Step(step.Name + "@" + step.Version); whole != nil {
		for i := range whole.Implementations {
			o := &whole.Implementations[i]
			if o.Name == impl.Name || o.Cost == nil || o.Cost.By != impl.Cost.By {
				continue
			}
			most, limited := o.Limits[o.Cost.By]
			if !limited || float64(w.Length) <= most {
				if o.Resources.GPU == 0 || o.Cost.Longest(g.Memory, w.Length) == w.Length && known(o, w) {
					others = append(others, o.Name)
				}
			}
		}
	}
	if len(others) > 0 {
		fix += fmt.Sprintf(", or choose an implementation that takes it: --impl %s=%s (in a tool call, implementation=%[2]s, or implementations={\"%[1]s\": \"%[2]s\"} of a pipeline)", step.Name, others[0])
		if len(others) > 1 {
			fix += "; there is also " + strings.Join(others[1:], ", ")
		}
	}
	return fix + "."
}

// known reports whether an implementation says what memory of a GPU it needs.
func known(o *steps.Implementation, w steps.Work) bool {
	return o.Cost.Expect(w, nil).GPUMemory.Value > 0
}

func named(g steps.GPU) string {
	if g.Name == "" {
		return ""
	}
	return ", " + g.Name + ","
}
