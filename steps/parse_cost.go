package steps

import (
	"fmt"
	"math"

	"github.com/ligase-bio/ligase/internal/definition"
	"github.com/ligase-bio/ligase/internal/problem"
)

const maxPoints = 100

// decodeCost reads what an attempt of an implementation takes.
func decodeCost(n *definition.Node, s *Step) *Cost {
	if !n.Given() {
		return nil
	}
	f := n.Fields()
	c := &Cost{Source: f.Get("source").Text()}
	c.By = decodeMeasure(f.Need("by"), s, true)
	c.Times = decodeMeasure(f.Get("times"), s, false)
	for i, item := range f.Get("points").List() {
		if i == maxPoints {
			item.Problem(problem.TooLarge, "Leave some out: figures between two points are worked out.", "There are more than %d points.", maxPoints)
			break
		}
		p := item.Fields()
		before := item.Document().Count()
		point := CostPoint{Length: int(p.Need("length").Int(1, math.MaxInt32)), Memory: decodeBytes(p.Get("memory")), GPUMemory: decodeBytes(p.Get("gpu_memory"))}
		if seconds := p.Get("seconds"); seconds.Given() {
			if point.Seconds = seconds.Float(); point.Seconds < 0.001 || point.Seconds > maxTimeout.Seconds() {
				seconds.Problem(problem.OutOfRange, "Write how many seconds it takes.", "%s seconds are outside the limits.", shortest(point.Seconds))
			}
		}
		p.Done()
		if item.Document().Count() > before {
			continue
		}
		if point.Seconds == 0 && point.Memory == 0 && point.GPUMemory == 0 {
			item.Problem(problem.Missing, "Add seconds, memory or gpu_memory.", "The point says nothing about its length.")
			continue
		}
		if what := falls(c.Points, point); what != "" {
			item.Problem(problem.OutOfRange, "Write the points in order of length; what is longer takes no less.", "A point before it has %s.", what)
			continue
		}
		c.Points = append(c.Points, point)
	}
	f.Done()
	if len(c.Points) > 0 && c.Source == "" && !n.Broken() {
		n.KeyProblem(problem.Missing, "Add source: with the machine that they were measured on, or who says so.", "It does not say where its figures are from.")
	}
	return c
}

// falls says what keeps a point from following those before it.
func falls(before []CostPoint, p CostPoint) string {
	for _, b := range before {
		switch {
		case p.Length <= b.Length:
			return "as great a length"
		case p.Seconds > 0 && p.Seconds < b.Seconds:
			return "a longer time"
		case p.Memory > 0 && p.Memory < b.Memory:
			return "more memory"
		case p.GPUMemory > 0 && p.GPUMemory < b.GPUMemory:
			return "more GPU memory"
		}
	}
	return ""
}

// decodeMeasure reads the name of what says how long or how many something is:
// an integer parameter that is always set, or, where inputs may be named, an
// input of one value that is always there.
func decodeMeasure(n *definition.Node, s *Step, inputs bool) string {
	name := n.Text()
	if name == "" {
		return ""
	}
	var names []string
	what := "integer parameter"
	if inputs {
		what = "input or integer parameter"
		for i := range s.Inputs {
			if p := &s.Inputs[i]; !p.Many && !p.Optional {
				names = append(names, p.Name)
			}
		}
	}
	for i := range s.Params {
		if p := &s.Params[i]; p.Type == Integer && !p.Optional {
			names = append(names, p.Name)
		}
	}
	port, param := s.Input(name), s.Param(name)
	switch {
	case port == nil && param == nil, port != nil && !inputs:
		n.Problem(problem.UnknownName, problem.DidYouMean(name, names), "There is no %s %.60q.", what, name)
	case port != nil && port.Many:
		n.Problem(problem.Cardinality, "Name an input that carries one.", "%s carries many, so there is no one length.", name)
	case port != nil && port.Optional, param != nil && param.Optional:
		n.Problem(problem.Invalid, "Name one that is always given.", "%s may be left out.", name)
	case param != nil && param.Type != "" && param.Type != Integer:
		n.Problem(problem.TypeMismatch, fmt.Sprintf("Name an %s.", what), "The parameter %s is no integer.", name)
	default:
		return name
	}
	return ""
}
