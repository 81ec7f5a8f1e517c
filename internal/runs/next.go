package runs

import (
	"slices"

	"github.com/ligase-bio/ligase/catalog"
	"github.com/ligase-bio/ligase/pipelines"
	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/uris"
)

// NextStep is something to do with an output: the input port of a tool that
// it fits.
type NextStep struct {
	Tool   string `json:"tool"`
	Input  string `json:"input"`
	Output string `json:"output"`
	// With are further inputs that the tool needs and that the run has a value
	// for: one that it was given, or another of its outputs.
	With map[string]uris.URI `json:"with,omitempty"`
}

const (
	nextOfOutput = 3
	nextOfAll    = 6
)

// nextSteps is what can be done with a run's outputs.
func (s *Service) nextSteps(plan *pipelines.Plan, outputs map[string]OutputPage) []NextStep {
	c := plan.Compiled
	var next []NextStep
	for _, o := range c.Outputs {
		p := portOf(c, o)
		if p == nil || len(p.Formats) != 1 {
			continue
		}
		found := s.following(plan, outputs, o.Port.Name, s.catalog.Next(p.Type, p.Formats[0]))
		next = append(next, found[:min(len(found), nextOfAll-len(next))]...)
	}
	return next
}

// following chooses from the tools that an output fits. What has all that it
// needs comes first, then what wants a parameter that only the caller knows,
// then what wants further inputs; and where there are many of those, one that goes on with
// more than the output is among them: it is the least obvious.
func (s *Service) following(plan *pipelines.Plan, outputs map[string]OutputPage, output string, fits []catalog.Fit) []NextStep {
	var complete, asking, lacking []NextStep
	named := map[string]bool{plan.Compiled.Tool.Name: true}
	richest := -1 // in complete: the first that needs more than the output
	for _, fit := range fits {
		with := s.atHand(plan, outputs, output, fit)
		step := NextStep{Tool: fit.Tool.Name, Input: fit.Input, Output: output, With: with}
		switch {
		case named[step.Tool]: // it fits several of its inputs: one will do
			continue
		case len(with) < len(fit.Others):
			lacking = append(lacking, step)
		case slices.ContainsFunc(fit.Tool.Params, func(p steps.Param) bool { return p.Required() }):
			asking = append(asking, step)
		default:
			if richest < 0 && len(with) > 0 {
				richest = len(complete)
			}
			complete = append(complete, step)
		}
		named[step.Tool] = true
	}
	if richest >= nextOfOutput {
		complete[nextOfOutput-1] = complete[richest]
	}
	all := slices.Concat(complete, asking, lacking)
	return all[:min(len(all), nextOfOutput)]
}

// portOf is the port that an output of the whole comes from.
func portOf(c *pipelines.Compiled, o pipelines.CompiledOutput) *steps.Port {
	step := c.StepOf(o.From.Node)
	if step == nil {
		return nil
	}
	return step.Output(o.From.Port)
}

// atHand finds values for the inputs that a tool needs besides the one that an
// output fits.
func (s *Service) atHand(plan *pipelines.Plan, outputs map[string]OutputPage, output string, fit catalog.Fit) map[string]uris.URI {
	var with map[string]uris.URI
	used := map[uris.URI]bool{}
	for i := range fit.Tool.Inputs {
		port := &fit.Tool.Inputs[i]
		if !slices.Contains(fit.Others, port.Name) {
			continue
		}
		if u, ok := s.valueFor(port, plan, outputs, output, used); ok {
			if with == nil {
				with = map[string]uris.URI{}
			}
			with[port.Name], used[u] = u, true
		}
	}
	return with
}

// valueFor finds a single value of the run that a port takes: what it was
// given comes before what it made.
func (s *Service) valueFor(port *steps.Port, plan *pipelines.Plan, outputs map[string]OutputPage, but string, used map[uris.URI]bool) (uris.URI, bool) {
	c := plan.Compiled
	for _, in := range c.Inputs {
		values := plan.Inputs[in.Name]
		if len(values) == 1 && !used[values[0].URI] && s.takes(port, values[0].Type, values[0].Format) {
			return values[0].URI, true
		}
	}
	for _, o := range c.Outputs {
		page, p := outputs[o.Port.Name], portOf(c, o)
		if o.Port.Name == but || page.Total != 1 || len(page.Outputs) != 1 || p == nil {
			continue
		}
		if u := page.Outputs[0].Object.URI; !used[u] && s.outputFits(port, p) {
			return u, true
		}
	}
	return uris.URI{}, false
}
