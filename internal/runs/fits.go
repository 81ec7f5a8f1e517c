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
	c := plan.Compiled
	if !slices.ContainsFunc(c.Nodes, func(n pipelines.CompiledNode) bool {
		return needsGPUMemory(c.Steps[n.Step].Implementation(n.Implementation))
	}) {
		return nil
	}
	gpus := s.o.GPUs(ctx)
	if len(gpus) == 0 || slices.ContainsFunc(gpus, func(g steps.GPU) bool { return g.Memory == 0 }) {
		return nil // not known, or not known of all
	}
	largest := slices.MaxFunc(gpus, func(a, b steps.GPU) int { return cmp.Compare(a.Memory, b.Memory) })
	expected, err := plan.Predict(nil) // the memory of a GPU goes by tables alone
	if err != nil {
		return err
	}
	var ps problem.Problems
	for _, x := range expected {
		step := c.StepOf(x.Node)
		impl := step.Implementation(x.Implementation)
		if !needsGPUMemory(impl) || !x.GPUMemory.Exceeds(float64(largest.Memory)) {
			continue
		}
		finished, err := s.store.LongestSpent(ctx, step.Name, impl.Name)
		if err != nil {
			return err
		}
		longest := max(impl.Cost.Longest(largest.Memory, x.Length-1), finished)
		if longest >= x.Length {
			continue
		}
		ps.Addf(problem.Pos{}, "nodes."+x.Node, problem.TooLarge, s.shorter(x.Node, step, impl, x.Length, largest, longest),
			"%s (%s) would work on a %s of %d, for which it needs %s %s of GPU memory; the largest GPU here%s has %s.",
			x.Node, impl.Name, x.By, x.Length, cmp.Or(string(x.GPUMemory.Side), "about"), steps.BytesText(x.GPUMemory.Value), named(largest), steps.BytesText(float64(largest.Memory)))
	}
	return ps.Err()
}

// needsGPUMemory reports whether an implementation says what memory of a GPU it
// needs.
func needsGPUMemory(impl *steps.Implementation) bool {
	return impl.Resources.GPU > 0 && impl.Cost != nil && slices.ContainsFunc(impl.Cost.Points, func(p steps.CostPoint) bool { return p.GPUMemory > 0 })
}

// shorter is what to do about work that is too long for an implementation.
func (s *Service) shorter(node string, step *steps.Step, impl *steps.Implementation, length int, g steps.GPU, longest int) string {
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
			if most, limited := o.Limits[o.Cost.By]; limited && float64(length) > most {
				continue
			}
			if o.Resources.GPU == 0 || needsGPUMemory(o) && o.Cost.Longest(g.Memory, length) == length {
				others = append(others, o.Name)
			}
		}
	}
	if len(others) == 0 {
		return fix + "."
	}
	return fix + ", or choose an implementation that takes it: " + HowToChoose(node, others) + "."
}

// HowToChoose says how a caller chooses one of the implementations of a node,
// of which there is at least one. It is by the node, which counts for more than
// its step, so that it holds whatever else is chosen.
func HowToChoose(node string, names []string) string {
	text := fmt.Sprintf("--impl %[1]s=%[2]s (in a tool call, implementation=%[2]s, or implementations={\"%[1]s\": \"%[2]s\"} of a pipeline)", node, names[0])
	if len(names) > 1 {
		text += "; there is also " + strings.Join(names[1:], ", ")
	}
	return text
}

func named(g steps.GPU) string {
	if g.Name == "" {
		return ""
	}
	return ", " + g.Name + ","
}
