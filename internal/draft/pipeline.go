package draft

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ligase-bio/ligase/steps"
)

// Tool is a step or pipeline that a pipeline is to use.
type Tool struct {
	Name    string
	Kind    string // "step" or "pipeline", as a node says it
	Inputs  []steps.Port
	Params  []steps.Param
	Outputs []steps.Port
}

// Chain makes a pipeline of tools in the order in which they are to run: each
// input takes the latest output before it that fits, each of them where there
// are many and it takes one. What nothing gives is an input of the pipeline,
// and a parameter that must be set one of its parameters.
func Chain(name string, types *steps.Types, tools []Tool) *Draft {
	c := chain{types: types}
	for i := range tools {
		c.add(&tools[i])
	}
	w := &Writer{}
	w.Line("# Begun by `ligase new pipeline %s`. Its wires follow from types alone: see that they are what you mean,", name)
	w.Line("# with ligase graph %s.", name)
	w.Line("name: %s", name)
	w.Line("version: 0.1.0  # of this definition: raise it with each change that others would notice")
	w.Line("title: %s%s", Quoted(Title(name)), w.Fill("what does it do, in a few words?"))
	var names []string
	for i := range tools {
		names = append(names, tools[i].Name)
	}
	w.Description("", "Runs "+strings.Join(names, ", then ")+".", w.Fill("what is it good for, and what not?"))
	w.Line("#duration: minutes%s", w.Fill("seconds, minutes or hours"))
	if len(c.inputs) > 0 {
		w.Line("inputs:")
		for _, p := range c.inputs {
			facts := "type: " + p.Type
			if len(p.Formats) > 0 {
				facts += ", format: [" + strings.Join(p.Formats, ", ") + "]"
			}
			if p.Many {
				facts += ", many: true"
			}
			w.Line("  %s: {%s}", p.Name, facts)
		}
	}
	if len(c.params) > 0 {
		w.Line("params:")
		for _, p := range c.params {
			facts := "type: " + string(p.Type)
			if p.Type == steps.Array {
				facts += ", items: " + string(p.Items)
			}
			w.Line("  %s: {%s}", p.Name, facts)
		}
	}
	w.Line("nodes:")
	for _, n := range c.nodes {
		n.write(w)
	}
	w.Line("outputs:%s", w.Fill("which others are worth having?"))
	for i, n := range c.nodes {
		if n.used && i < len(c.nodes)-1 {
			continue
		}
		for _, o := range n.tool.Outputs {
			own := o.Name
			if c.names.Has(own) {
				own = n.name + "_" + o.Name
			}
			w.Line("  %s: %s.%s", c.names.Take(own), n.name, o.Name)
		}
	}
	return &Draft{Name: name, Text: []byte(w.String()), Open: w.Open()}
}

// chain holds what one Chain has so far.
type chain struct {
	types  *steps.Types
	names  Names // of the pipeline's inputs and parameters
	nodes  []*chained
	inputs []steps.Port
	params []steps.Param
}

// chained is a node.
type chained struct {
	name       string
	tool       *Tool
	scope      string // what it runs once for each of, outermost first, each with a space behind it
	used       bool   // something takes what it gives
	given      map[string]bool
	each, with []string
	joined     map[string]string // of with, what one file is made of if it is many: its scope
	others     []string          // what an input could take as well
}

// scopeOf is what an output that a node gives is an item of, as an input takes
// it.
func (c *chain) scopeOf(n *chained, o, port *steps.Port) string {
	if o.Many || !c.types.Fits(o.Type, port.Type) { // many, or a file of many
		return n.scope + n.name + "." + o.Name + " "
	}
	return n.scope
}

func (n *chained) write(w *Writer) {
	w.Line("  %s:", n.name)
	note := ""
	if len(n.others) > 0 {
		note = w.Fill("by their types, as well: %s", strings.Join(n.others, "; "))
	}
	w.Line("    %s: %s%s", n.tool.Kind, n.tool.Name, note)
	if len(n.each) > 0 {
		w.Line("    each: {%s}", strings.Join(n.each, ", "))
	}
	if len(n.with) > 0 {
		w.Line("    with: {%s}", strings.Join(n.with, ", "))
	}
}

// add wires the next tool to those before it.
func (c *chain) add(t *Tool) {
	n := &chained{name: t.Name, tool: t, given: map[string]bool{}, joined: map[string]string{}}
	for i := 2; slices.ContainsFunc(c.nodes, func(o *chained) bool { return o.name == n.name }); i++ {
		n.name = fmt.Sprintf("%s_%d", Cut(t.Name, 36), i)
	}
	for i := range t.Inputs {
		c.wire(n, &t.Inputs[i])
	}
	// What it takes an item of already cannot be joined.
	n.with = slices.DeleteFunc(n.with, func(wire string) bool {
		scope := n.joined[wire]
		items := scope != "" && strings.HasPrefix(n.scope, scope)
		if items {
			n.each = append(n.each, wire)
		}
		return items
	})
	for i := range t.Params {
		if p := &t.Params[i]; p.Required() {
			own := *p
			own.Name = c.names.Take(p.Name)
			c.params = append(c.params, own)
			n.with = append(n.with, p.Name+": $params."+own.Name)
		}
	}
	c.nodes = append(c.nodes, n)
}

// wire gives an input what fits it: not the same thing as another input of the
// node has, as a comparison with itself says nothing.
func (c *chain) wire(n *chained, port *steps.Port) {
	var fits []string
	var by *chained
	each, scope := false, ""
	for i := len(c.nodes) - 1; i >= 0; i-- {
		from := c.nodes[i]
		for k := range from.tool.Outputs {
			o := &from.tool.Outputs[k]
			what := from.name + "." + o.Name
			if !c.takes(port, o) || n.given[what] {
				continue
			}
			if len(fits) == 0 {
				by, each, scope = from, c.takesEach(n, port, o, from.scope != ""), c.scopeOf(from, o, port)
			}
			fits = append(fits, what)
		}
	}
	for _, in := range c.inputs {
		if what := "$inputs." + in.Name; in.Type == port.Type && in.Many == port.Many && slices.Equal(in.Formats, port.Formats) && !n.given[what] {
			fits = append(fits, what)
		}
	}
	if len(fits) == 0 {
		if port.Optional {
			return
		}
		in := *port
		in.Name = c.names.Take(port.Name)
		c.inputs = append(c.inputs, in)
		fits = append(fits, "$inputs."+in.Name)
	}
	if by != nil {
		by.used = true
	}
	if len(fits) > 1 {
		n.others = append(n.others, port.Name+" of "+strings.Join(fits[1:], ", "))
	}
	n.given[fits[0]] = true
	wire := port.Name + ": " + fits[0]
	if each {
		if len(scope) > len(n.scope) {
			n.scope = scope
		}
		n.each = append(n.each, wire)
		return
	}
	if !port.Many {
		n.joined[wire] = scope
	}
	n.with = append(n.with, wire)
}

// takesEach reports whether an input of a node takes one at a time of what an
// output that it takes gives. Only for a step many are joined.
func (c *chain) takesEach(n *chained, port, o *steps.Port, scattered bool) bool {
	switch {
	case port.Many:
		return false
	case !c.types.Fits(o.Type, port.Type):
		return true // each record of a file
	}
	return (o.Many || scattered) && (n.tool.Kind == "pipeline" || !c.types.Joins(o.Type, o.Formats, port))
}

// takes reports whether an input takes what an output gives, for sure.
func (c *chain) takes(port, o *steps.Port) bool {
	if o.Optional && !port.Optional {
		return false
	}
	if !c.types.Fits(o.Type, port.Type) {
		if o = c.types.RecordsPort(o); o == nil || !c.types.Fits(o.Type, port.Type) {
			return false
		}
	}
	accepted := c.types.Accepts(*port)
	return len(o.Formats) == 0 || slices.ContainsFunc(o.Formats, func(f string) bool { return slices.Contains(accepted, f) })
}
