package pipelines

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/ligase-bio/ligase/dag"
	"github.com/ligase-bio/ligase/internal/definition"
	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/steps"
)

// Keep says which results of a node stay, as written: those whose metric lies
// within bounds. The others are filtered, see [steps.Threshold].
type Keep struct {
	Port   string // an output that gives many, whose items are judged; empty: each task as a whole
	Metric string
	Min    *Argument // a number or $params.x; nil: no such bound
	Max    *Argument
	Pos    problem.Pos
}

// name is how a Keep is written.
func (k *Keep) name() string {
	if k.Port == "" {
		return k.Metric
	}
	return k.Port + "." + k.Metric
}

// bounds are the bounds that are given.
func (k *Keep) bounds() []*Argument {
	return slices.DeleteFunc([]*Argument{k.Min, k.Max}, func(a *Argument) bool { return a == nil })
}

func readKeep(n *definition.Node) Keep {
	k := Keep{Pos: n.KeyPos(), Metric: n.Key()}
	if port, metric, dotted := strings.Cut(n.Key(), "."); dotted {
		k.Port, k.Metric = port, metric
	}
	if !steps.ValidName(k.Metric) || k.Port != "" && !steps.ValidName(k.Port) {
		n.KeyProblem(problem.Invalid, "Name a metric of the step, or port.metric for each item of an output.", "%.60q is not the name of a metric.", n.Key())
	}
	f := n.Fields()
	k.Min, k.Max = readBound(f.Get("min")), readBound(f.Get("max"))
	f.Done()
	if k.Min == nil && k.Max == nil && !n.Broken() {
		n.Problem(problem.Missing, "Give min:, max:, or both.", "It does not say within which bounds %s stays.", k.name())
	}
	return k
}

func readBound(n *definition.Node) *Argument {
	if !n.Given() {
		return nil
	}
	a := readArgument(n)
	if a.From != nil {
		n.Problem(problem.Invalid, "Give a number, or $params.x.", "A bound cannot be %s.", a.From)
		return nil
	}
	return &a
}

// CompiledKeep is a [Keep] with its bounds followed outwards.
type CompiledKeep struct {
	Port   string `json:"port,omitempty"`
	Metric string `json:"metric"`
	Min    *Param `json:"min,omitempty"`
	Max    *Param `json:"max,omitempty"`
}

// bound is what a bound is checked as.
var bound = steps.Param{Type: steps.Number}

// checkKeep checks what a node says of what stays.
func (c *compiler) checkKeep(l *level, u *use, used []bool) {
	n := u.node
	if len(n.Keep) > 0 && n.Kind == KindPipeline {
		c.add(n.Pos, "nodes."+n.Name+".keep", problem.Invalid, "Write keep: on the node of that pipeline which measures it.", "A pipeline measures nothing itself.")
	}
	for i := range n.Keep {
		k := &n.Keep[i]
		path := "nodes." + n.Name + ".keep." + k.name()
		literals := make([]float64, 0, 2)
		for _, a := range k.bounds() {
			if v, literal := c.checkBound(l, u, a, path, used); literal {
				literals = append(literals, v)
			}
		}
		if len(literals) == 2 && literals[0] > literals[1] {
			c.add(k.Pos, path, problem.OutOfRange, "Exchange them, or leave one out.", "Nothing is at least %g and at most %g.", literals[0], literals[1])
		}
		if u.step != nil && u.step.Gaps == nil {
			c.checkMeasured(u, k, path)
		}
	}
}

// checkMeasured checks that a step has the metric, and the port, of a Keep.
func (c *compiler) checkMeasured(u *use, k *Keep, path string) {
	s := u.step
	if !slices.ContainsFunc(s.Metrics, func(m steps.Metric) bool { return m.Name == k.Metric }) {
		names := make([]string, len(s.Metrics))
		for i := range names {
			names[i] = s.Metrics[i].Name
		}
		fix := orElse(c.didYouMean(k.Metric, names), "Name one of its metrics.")
		if len(names) == 0 {
			fix = "Have the step measure it, and declare it under metrics."
		}
		c.add(k.Pos, path, problem.UnknownName, fix, "%s measures no %q.", s.Name, k.Metric)
	}
	if k.Port == "" {
		return
	}
	switch port := steps.FindPort(s.Outputs, k.Port); {
	case port == nil:
		var names []string
		for i := range s.Outputs {
			if s.Outputs[i].Many {
				names = append(names, s.Outputs[i].Name)
			}
		}
		c.add(k.Pos, path, problem.UnknownName, orElse(c.didYouMean(k.Port, names), "Name the metric alone."), "%s has no output %q.", s.Name, k.Port)
	case !port.Many:
		c.add(k.Pos, path, problem.Cardinality, fmt.Sprintf("Write %s: alone.", k.Metric), "`%s.%s` gives one, not items.", s.Name, k.Port)
	}
}

// checkBound checks one bound, and gives its number where it is a literal.
func (c *compiler) checkBound(l *level, u *use, a *Argument, path string, used []bool) (float64, bool) {
	p := l.pipeline
	path += "." + a.Name
	if a.Param == "" {
		v, err := bound.Check(a.Value, false)
		if err != nil {
			c.add(a.Pos, path, codeOf(err), sentence(err), "A bound is a number.")
			return 0, false
		}
		if l.values == nil {
			l.values = make(map[*Argument]steps.Value)
		}
		l.values[a] = v
		x, _ := v.Any().(float64)
		return x, true
	}
	at := slices.IndexFunc(p.Params, func(d steps.Param) bool { return d.Name == a.Param })
	switch {
	case at < 0 && p.unclear("params."+a.Param):
		l.unread = true
	case at < 0:
		names := make([]string, len(p.Params))
		for i := range names {
			names[i] = p.Params[i].Name
		}
		c.add(a.Pos, path, problem.UnknownName, orElse(c.didYouMean(a.Param, names), "Declare it under params."), "The pipeline has no parameter %q.", a.Param)
	default:
		used[at] = true
		if from := &p.Params[at]; !p.unclear("params."+a.Param) && !suits(from, &bound) {
			c.add(a.Pos, path, problem.TypeMismatch, fmt.Sprintf("Declare $params.%s as a number.", a.Param), "$params.%s is %s; a bound is a number.", a.Param, kindOf(from))
		}
	}
	return 0, false
}

// keepOf gives what stays of a placed node. A bound that a parameter leaves
// unset is none.
func (n *placed) keepOf() []CompiledKeep {
	var out []CompiledKeep
	for i := range n.use.node.Keep {
		k := &n.use.node.Keep[i]
		compiled := CompiledKeep{Port: k.Port, Metric: k.Metric}
		for _, b := range []struct {
			from *Argument
			to   **Param
		}{{k.Min, &compiled.Min}, {k.Max, &compiled.Max}} {
			if b.from == nil {
				continue
			}
			if set, ok := n.in.setting(n.use, b.from); ok {
				*b.to = &set.Param
			}
		}
		if compiled.Min != nil || compiled.Max != nil {
			out = append(out, compiled)
		}
	}
	slices.SortFunc(out, func(a, b CompiledKeep) int {
		return cmp.Or(strings.Compare(a.Port, b.Port), strings.Compare(a.Metric, b.Metric))
	})
	return out
}

// filters says what of a node's outputs a filter may leave out.
func filters(keep []CompiledKeep) dag.Filters {
	var f dag.Filters
	for i := range keep {
		f.Add(keep[i].Port)
	}
	return f
}

// writtenFilters is the same of a node as written. It may say more than is
// kept of it: a bound that a parameter leaves unset is none.
func writtenFilters(keep []Keep) dag.Filters {
	var f dag.Filters
	for i := range keep {
		f.Add(keep[i].Port)
	}
	return f
}

// checkKept says what is wrong with what a Compiled that was read back keeps of
// a node's results.
func (c *Compiled) checkKept(n *CompiledNode, s *steps.Step) string {
	for i := range n.Keep {
		k := &n.Keep[i]
		if port := steps.FindPort(s.Outputs, k.Port); k.Port != "" && (port == nil || !port.Many) {
			return fmt.Sprintf("The step %q gives no items of %q.", n.Step, k.Port)
		}
		for _, b := range []*Param{k.Min, k.Max} {
			if b != nil && ((b.From == "") == (b.Value == nil) || b.From != "" && c.Param(b.From) == nil) {
				return fmt.Sprintf("A bound of %s is set to nothing.", k.Metric)
			}
		}
	}
	return ""
}

// NodeKeep is what stays of a node's results in this plan.
func (p *Plan) NodeKeep(node string) []steps.Threshold {
	n := p.Compiled.Node(node)
	if n == nil {
		return nil
	}
	var out []steps.Threshold
	for i := range n.Keep {
		k := &n.Keep[i]
		t := steps.Threshold{Port: k.Port, Metric: k.Metric, Min: p.bound(k.Min), Max: p.bound(k.Max)}
		if t.Min != nil || t.Max != nil {
			out = append(out, t)
		}
	}
	return out
}

// bound is the number of a bound; nil when its parameter is unset.
func (p *Plan) bound(b *Param) *float64 {
	if b == nil {
		return nil
	}
	v, set := p.Params[b.From]
	if b.Value != nil {
		v, set = *b.Value, true
	}
	if !set {
		return nil
	}
	checked, err := bound.Check(v.Any(), false)
	if err != nil {
		return nil
	}
	x, ok := checked.Any().(float64)
	if !ok {
		return nil
	}
	return &x
}

// checkBounds reports bounds that leave nothing, and those on what the chosen
// implementation does not measure: as nothing unjudged may pass, its tasks would
// fail, one after another.
func (b *binder) checkBounds(plan *Plan) {
	for i := range plan.Compiled.Nodes {
		n := &plan.Compiled.Nodes[i]
		for _, t := range plan.NodeKeep(n.ID) {
			at := slices.IndexFunc(n.Keep, func(k CompiledKeep) bool { return k.Port == t.Port && k.Metric == t.Metric })
			path := "nodes." + n.ID + ".keep." + t.Metric
			for _, set := range []*Param{n.Keep[at].Max, n.Keep[at].Min} {
				if set != nil && set.From != "" {
					path = "params." + set.From
				}
			}
			if step := plan.Compiled.Steps[n.Step]; !step.Measures(n.Implementation, t.Metric) {
				fix := "Leave it out, or choose an implementation that measures it."
				if by := step.Metric(t.Metric).By; len(by) > 0 {
					fix = fmt.Sprintf("Leave it out, or choose what measures it: %s.", problem.List(by, "or"))
				}
				b.add(path, problem.Invalid, fix, "It is a bound on the %s of `%s`, which its implementation %s does not measure.", t.Metric, n.ID, n.Implementation)
				continue
			}
			if t.Min != nil && t.Max != nil && *t.Min > *t.Max {
				b.add(path, problem.OutOfRange, "Exchange them, or leave one out.", "Nothing that `%s` gives has a %s of at least %g and at most %g.", n.ID, t.Metric, *t.Min, *t.Max)
			}
		}
	}
}
