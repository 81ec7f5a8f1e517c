package pipelines

import (
	"fmt"
	"slices"

	"github.com/ligase-bio/ligase/dag"
	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/steps"
)

// arguments sorts what the nodes of a level are given into wires, which it
// returns for dag to check, and parameters, which it checks.
func (c *compiler) arguments(l *level) []dag.Wire {
	p := l.pipeline
	count := 0
	for i := range p.Nodes {
		count += len(p.Nodes[i].With) + len(p.Nodes[i].Each)
	}
	wires := make([]dag.Wire, count)[:0]
	add := func(u *use, mode dag.Mode, a *Argument) { // in place: these are large and many
		wires = wires[:len(wires)+1]
		w := &wires[len(wires)-1]
		w.From, w.Mode, w.Pos = *a.From, mode, a.Pos
		w.To.Node, w.To.Port = u.node.Name, a.Name
		if records := c.recordsFor(l, u, mode, a); records != nil {
			w.From.Port = records.Name
			if l.records == nil {
				l.records = make(map[*Argument]bool)
			}
			l.records[a] = true
		}
	}
	used := make([]bool, len(p.Params))
	for i := range l.nodes {
		u := &l.nodes[i]
		for k := range u.node.With {
			a := &u.node.With[k]
			if a.Param != "" {
				c.useParam(l, u, a, used)
			} else if c.isWire(l, u, dag.With, a) {
				add(u, dag.With, a)
			}
		}
		for k := range u.node.Each {
			if a := &u.node.Each[k]; c.isWire(l, u, dag.Each, a) {
				add(u, dag.Each, a)
			}
		}
		c.checkParams(l, u)
		c.checkKeep(l, u, used)
	}
	for i := range p.Params {
		if name := p.Params[i].Name; !used[i] {
			c.add(p.Params[i].Pos, "params."+name, problem.Unreachable,
				fmt.Sprintf("Give $params.%s to a node, or remove it.", name), "No node takes the parameter %q.", name)
		}
	}
	return wires
}

func argPath(u *use, mode dag.Mode, name string) string {
	return fmt.Sprintf("nodes.%s.%s.%s", u.node.Name, mode, name)
}

// isWire reports whether an argument is a wire; where it is a parameter's
// value, that is checked, and where it is neither, that is reported.
func (c *compiler) isWire(l *level, u *use, mode dag.Mode, a *Argument) bool {
	if !u.known() {
		return a.From != nil
	}
	isInput := steps.FindPort(u.inputs, a.Name) != nil
	if isInput && a.From != nil && l.pipeline.Gaps == nil {
		return true
	}
	param := steps.FindParam(u.params, a.Name)
	path := func() string { return argPath(u, mode, a.Name) }
	switch {
	case isInput && a.From != nil && a.From.Node == "" && l.pipeline.unclear("inputs."+a.From.Port):
		l.report(u, a.Name)
		l.mentioned = append(l.mentioned, *a.From)
		l.unread = true
	case isInput && a.From != nil:
		return true
	case isInput && a.Param != "":
		c.add(a.Pos, path(), problem.Invalid, fmt.Sprintf("Name what gives many, like node.port, or move it to with: {%s: …}.", a.Name),
			"`%s.%s` is an input, and takes no parameter.", u.node.Name, a.Name)
		l.report(u, a.Name)
	case isInput:
		c.add(a.Pos, path(), problem.Invalid, fmt.Sprintf("Write %s: node.port, or %s: $inputs.x.", a.Name, a.Name),
			"`%s.%s` is an input, and takes no literal value.", u.node.Name, a.Name)
		l.report(u, a.Name)
	case param == nil:
		c.unknownArgument(l, u, path(), a)
	case mode == dag.Each:
		c.add(a.Pos, path(), problem.Invalid, fmt.Sprintf("Set it under with: {%s: …}.", a.Name),
			"`%s.%s` is a parameter; each is for inputs.", u.node.Name, a.Name)
		l.report(u, a.Name)
	default:
		c.literal(l, u, param, path, a)
	}
	return false
}

// literal checks the value of a parameter.
func (c *compiler) literal(l *level, u *use, param *steps.Param, path func() string, a *Argument) {
	raw := a.Value
	if a.From != nil {
		if param.Type != steps.String || a.From.Node == "" {
			c.add(a.Pos, path(), problem.Invalid, fmt.Sprintf("Write a value, or %s: $params.x.", a.Name),
				"`%s.%s` is a parameter, and cannot take %s.", u.node.Name, a.Name, a.From)
			l.report(u, a.Name)
			l.mentioned = append(l.mentioned, *a.From)
			return
		}
		raw = a.From.String()
	}
	v, err := param.Check(raw, false)
	if err != nil {
		c.add(a.Pos, path(), codeOf(err), sentence(err), "`%s.%s` does not take this value.", u.node.Name, a.Name)
		l.report(u, a.Name)
		return
	}
	if l.values == nil {
		l.values = make(map[*Argument]steps.Value)
	}
	l.values[a] = v
}

// useParam checks that a parameter of the pipeline can go where it is given.
func (c *compiler) useParam(l *level, u *use, a *Argument, used []bool) {
	p := l.pipeline
	path := func() string { return argPath(u, dag.With, a.Name) }
	at := len(p.Params) - 1
	for at >= 0 && p.Params[at].Name != a.Param {
		at--
	}
	if at < 0 {
		if p.Gaps != nil && p.unclear("params."+a.Param) {
			l.report(u, a.Name)
			l.unread = true
			return
		}
		names := make([]string, len(p.Params))
		for i := range names {
			names[i] = p.Params[i].Name
		}
		fix := c.didYouMean(a.Param, names)
		if steps.FindPort(p.Inputs, a.Param) != nil {
			fix = fmt.Sprintf("It is an input: $inputs.%s.", a.Param)
		}
		if i := slices.Index(names, c.nearest(a.Param, names)); i >= 0 {
			used[i] = true
		}
		c.add(a.Pos, path(), problem.UnknownName, orElse(fix, "Declare it under params."), "The pipeline has no parameter %q.", a.Param)
		l.report(u, a.Name)
		return
	}
	used[at] = true
	if !u.known() {
		return
	}
	if p.Gaps != nil && p.unclear("params."+a.Param) {
		l.report(u, a.Name)
		l.unread = true
		return
	}
	from, to := &p.Params[at], steps.FindParam(u.params, a.Name)
	switch {
	case to == nil && steps.FindPort(u.inputs, a.Name) != nil:
		c.add(a.Pos, path(), problem.Invalid, fmt.Sprintf("Write %s: node.port, or %s: $inputs.x.", a.Name, a.Name),
			"`%s.%s` is an input, and takes no parameter.", u.node.Name, a.Name)
		l.report(u, a.Name)
	case to == nil:
		c.unknownArgument(l, u, path(), a)
	case !suits(from, to):
		c.add(a.Pos, path(), problem.TypeMismatch, fmt.Sprintf("Declare $params.%s as %s.", a.Param, kindOf(to)),
			"$params.%s is %s; `%s.%s` takes %s.", a.Param, kindOf(from), u.node.Name, a.Name, kindOf(to))
	case from.Optional && from.Default == nil && to.Required():
		c.add(a.Pos, path(), problem.Missing, fmt.Sprintf("Give $params.%s a default, or remove `optional`.", a.Param),
			"$params.%s may be left out, but `%s.%s` must be set.", a.Param, u.node.Name, a.Name)
	}
}

// suits reports whether any value of a parameter is of the kind that another
// takes. Whether it is in range is seen when there is a value.
func suits(from, to *steps.Param) bool {
	fits := func(from, to steps.ParamType) bool {
		return from == to || from == steps.Integer && to == steps.Number
	}
	if from.Type == steps.Array && to.Type == steps.Array {
		return fits(from.Items, to.Items)
	}
	return fits(from.Type, to.Type)
}

func kindOf(p *steps.Param) string {
	switch p.Type {
	case steps.Array:
		return fmt.Sprintf("a list of %ss", p.Items)
	case steps.Integer:
		return "an integer"
	}
	return "a " + string(p.Type)
}

func (c *compiler) unknownArgument(l *level, u *use, path string, a *Argument) {
	names := make([]string, 0, len(u.inputs)+len(u.params))
	for i := range u.inputs {
		names = append(names, u.inputs[i].Name)
	}
	for i := range u.params {
		names = append(names, u.params[i].Name)
	}
	if near := c.nearest(a.Name, names); near != "" {
		l.report(u, near) // the one that was meant is not missing
	}
	c.add(a.Pos, path, problem.UnknownName, orElse(c.didYouMean(a.Name, names), "Remove it."),
		"`%s` takes no %q.", u.node.Uses, a.Name)
	if a.From != nil {
		l.mentioned = append(l.mentioned, *a.From)
	}
}

// checkParams reports parameters that a node must be given and is not.
func (c *compiler) checkParams(l *level, u *use) {
	for i := range u.params {
		p := &u.params[i]
		if !p.Required() || len(l.reported) > 0 && l.reported[argPath(u, dag.With, p.Name)] {
			continue
		}
		if !slices.ContainsFunc(u.node.With, func(a Argument) bool { return a.Name == p.Name }) {
			c.add(u.node.Pos, argPath(u, dag.With, p.Name), problem.Missing,
				fmt.Sprintf("Add `%s: …`, %s, or $params.x under with.", p.Name, kindOf(p)),
				"`%s.%s` must be set: it has no default.", u.node.Name, p.Name)
		}
	}
}

// report notes that something is wrong with what an input or parameter is
// given, so that it is not called missing as well.
func (l *level) report(u *use, name string) {
	if l.reported == nil {
		l.reported = make(map[string]bool)
	}
	l.reported[argPath(u, dag.With, name)] = true
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
