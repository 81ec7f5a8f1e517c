package runs

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/pipelines"
	"github.com/ligase-bio/ligase/steps"
)

// inputPath is the path of a problem with an input: inputs.x, inputs.x[3] or
// inputs.x.3.
var inputPath = regexp.MustCompile(`^inputs\.([a-z][a-z0-9_]*)(?:[.\[](\d+)\]?)?`)

// suggest adds to problems with the type of an input what would have fitted:
// other objects of the run that it comes from, or that that run was made from,
// and the tools that do take what was given.
func (s *Service) suggest(ctx context.Context, tenant string, c *pipelines.Compiled, inputs map[string][]pipelines.Input, ps problem.Problems) problem.Problems {
	ps = slices.Clone(ps)
	for i := range ps {
		m := inputPath.FindStringSubmatch(ps[i].Path)
		if m == nil || ps[i].Code != problem.TypeMismatch {
			continue
		}
		port, values := inputPort(c, m[1]), inputs[m[1]]
		if n, err := strconv.Atoi(m[2]); err == nil && n < len(values) {
			values = values[n : n+1]
		}
		if port == nil {
			continue
		}
		for _, in := range values {
			if in.Type == "" || s.takes(port, in.Type, in.Format) {
				continue
			}
			fixes := []string{ps[i].Fix, s.related(ctx, tenant, port, in), s.takers(in)}
			if fixes[1] != "" && strings.HasPrefix(fixes[0], "Give it ") {
				fixes[0] = "" // this one is at hand
			}
			if strings.HasPrefix(fixes[0], "It would fit ") {
				fixes[2] = "" // this tool is one that takes it
			}
			fixes = slices.DeleteFunc(fixes, func(f string) bool { return f == "" })
			ps[i].Fix = strings.Join(fixes, " ")
			break
		}
	}
	return ps
}

// takes reports whether a port takes a value of a type in a format.
func (s *Service) takes(port *steps.Port, typ, format string) bool {
	known := *port
	known.Formats = s.accepted(port)
	return s.catalog.Types().Takes(&known, typ, format)
}

// lineage is how many runs back objects that fit are looked for.
const lineage = 4

// related names the objects that fit the port among the outputs of the run
// that in comes from, else among what that run was made from, and so on.
func (s *Service) related(ctx context.Context, tenant string, port *steps.Port, in pipelines.Input) string {
	queue := []pipelines.Input{in}
	for seen := map[ID]bool{}; len(queue) > 0 && len(seen) < lineage; queue = queue[1:] {
		ref, err := s.store.Output(ctx, tenant, queue[0].URI)
		if err != nil || seen[ref.RunID] {
			continue // what a suggestion cannot be made of is no fault of the call
		}
		seen[ref.RunID] = true
		plan, err := s.store.Plan(ctx, ref.RunID)
		if err != nil {
			continue
		}
		first := len(seen) == 1
		if found := s.fittingOutput(ctx, port, ref.RunID, plan, first); found != "" {
			if first {
				return found
			}
			return "It was made from what fits: " + found
		}
		for _, p := range plan.Compiled.Inputs {
			for _, v := range plan.Inputs[p.Name] {
				if s.takes(port, v.Type, v.Format) {
					return fmt.Sprintf("`%s`, which %s was given, fits: %s.", p.Name, ref.RunID, v.URI)
				}
			}
			queue = append(queue, plan.Inputs[p.Name]...)
		}
	}
	return ""
}

// fittingOutput names an output of a run that fits the port: of the run as a
// whole, else of one of its nodes. same says that it is the run that the
// reader knows of.
func (s *Service) fittingOutput(ctx context.Context, port *steps.Port, id ID, plan *pipelines.Plan, same bool) string {
	run := string(id)
	if same {
		run = "the same run"
	}
	c := plan.Compiled
	type candidate struct{ name, node, port string }
	var candidates []candidate
	for _, o := range c.Outputs {
		if s.outputFits(port, &o.Port) {
			candidates = append(candidates, candidate{o.Port.Name, o.From.Node, o.From.Port})
		}
	}
	for _, n := range c.Nodes {
		for _, o := range c.StepOf(n.ID).Outputs {
			if s.outputFits(port, &o) {
				candidates = append(candidates, candidate{n.ID + "." + o.Name, n.ID, o.Name})
			}
		}
	}
	for _, c := range candidates {
		page, err := s.store.Outputs(ctx, id, OutputFilter{Node: c.node, Port: c.port, Limit: 1})
		if err != nil || len(page.Outputs) == 0 {
			continue
		}
		more := ""
		if page.Total > 1 {
			more = fmt.Sprintf(" (and %d more)", page.Total-1)
		}
		return fmt.Sprintf("`%s` of %s fits: %s%s.", c.name, run, page.Outputs[0].Object.URI, more)
	}
	return ""
}

func (s *Service) outputFits(port, output *steps.Port) bool {
	return len(output.Formats) == 1 && s.takes(port, output.Type, output.Formats[0])
}

// takers names the tools that take what was given.
func (s *Service) takers(in pipelines.Input) string {
	const most = 3
	var names []string
	for _, f := range s.catalog.Next(in.Type, in.Format) {
		if len(names) == most {
			break
		}
		names = append(names, fmt.Sprintf("`%s` takes it as `%s`", f.Tool.Name, f.Input))
	}
	if len(names) == 0 {
		return ""
	}
	return strings.Join(names, "; ") + "."
}
