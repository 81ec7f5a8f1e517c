package catalog

import (
	"cmp"
	"slices"
	"strings"

	"github.com/ligase-bio/ligase/steps"
)

// Fit is an input port that an object in hand fits.
type Fit struct {
	Tool  *Tool
	Input string
	// Others are the inputs that the tool needs besides.
	Others []string
}

// Next lists where an object of a type in a format can go: the answer to
// "what can I do next with this URI?". Ports that want exactly this type come
// first, then tools that need nothing else. An empty format fits any.
func (c *Catalog) Next(typ, format string) []Fit {
	var fits []Fit
	exact := map[string]bool{}
	for _, t := range c.tools {
		for i := range t.Inputs {
			p := &t.Inputs[i]
			if !c.accepts(p, typ, format) {
				continue
			}
			f := Fit{Tool: t, Input: p.Name}
			for j := range t.Inputs {
				if j != i && !t.Inputs[j].Optional {
					f.Others = append(f.Others, t.Inputs[j].Name)
				}
			}
			exact[t.Name+"."+p.Name] = p.Type == typ
			fits = append(fits, f)
		}
	}
	slices.SortStableFunc(fits, func(a, b Fit) int {
		return cmp.Or(
			rank(!exact[a.Tool.Name+"."+a.Input])-rank(!exact[b.Tool.Name+"."+b.Input]),
			cmp.Compare(len(a.Others), len(b.Others)),
			strings.Compare(string(b.Tool.Kind), string(a.Tool.Kind)), // steps before pipelines
		)
	})
	return fits
}

func rank(b bool) int {
	if b {
		return 1
	}
	return 0
}

// accepts reports whether an input port takes a type in a format.
func (c *Catalog) accepts(p *steps.Port, typ, format string) bool {
	if c.types.Takes(p, typ, format) {
		return true
	}
	// Of a file of values, each is taken.
	return p.Many && format != "" && slices.Contains(c.types.Holding(p), steps.TypeFormat{Type: typ, Format: format})
}

// Chain is a way to make something: tools to run, each after those whose
// outputs it takes.
type Chain struct {
	Links []Link
}

// Link is one tool in a chain.
type Link struct {
	Tool   *Tool
	Inputs []LinkInput // required inputs only
	Output string      // the port that the chain goes on with
}

// LinkInput says where an input of a link comes from.
type LinkInput struct {
	Port string
	From string // "tool.port", or the type in hand
	Each bool   // the source gives many and the port takes one: run it once for each
}

// Chains finds the shortest ways from types in hand to a wanted type, each
// through another last tool, shortest first, at most limit (0: 5).
//
// A tool can be run when each of its required inputs is in hand or can be
// made; the length of a chain is the number of different tools in it. The
// search is Knuth's generalization of Dijkstra's algorithm (Information
// Processing Letters 6(1), 1977) over the hypergraph of tools.
func (c *Catalog) Chains(have []steps.TypeFormat, want steps.TypeFormat, limit int) []Chain {
	if limit <= 0 {
		limit = 5
	}
	made := c.makeable(have)
	var chains []Chain
	for _, m := range made {
		for i := range m.tool.Outputs {
			o := &m.tool.Outputs[i]
			if !c.types.Fits(o.Type, want.Type) || want.Format != "" && !slices.Contains(o.Formats, want.Format) {
				continue
			}
			chains = append(chains, m.chain(o.Name))
			break
		}
	}
	slices.SortStableFunc(chains, func(a, b Chain) int { return cmp.Compare(len(a.Links), len(b.Links)) })
	if len(chains) > limit {
		chains = chains[:limit]
	}
	return chains
}

// making is a tool with the shortest known way to its inputs.
type making struct {
	tool   *Tool
	inputs []source
	needs  []*making // every tool before it, in order
}

// source is what an input port takes: an output of a tool, or a type in hand.
type source struct {
	port   *steps.Port
	by     *making
	output *steps.Port
	hand   string
}

// makeable lists the tools that can be run, in the order of how much has to
// be run before.
func (c *Catalog) makeable(have []steps.TypeFormat) []*making {
	var done []*making
	left := c.Tools()
	for {
		// The next tool is the one that needs the fewest others: every way to
		// a tool not listed yet is at least as long, because it needs more.
		var best *making
		bestAt := -1
		for i, t := range left {
			if m := c.reach(t, have, done); m != nil && (best == nil || len(m.needs) < len(best.needs)) {
				best, bestAt = m, i
			}
		}
		if best == nil {
			return done
		}
		done = append(done, best)
		left = slices.Delete(left, bestAt, bestAt+1)
	}
}

// reach finds sources for every required input of a tool, or returns nil.
func (c *Catalog) reach(t *Tool, have []steps.TypeFormat, done []*making) *making {
	m := &making{tool: t}
	for i := range t.Inputs {
		p := &t.Inputs[i]
		if p.Optional {
			continue
		}
		s := source{port: p}
		for _, h := range have {
			if c.accepts(p, h.Type, h.Format) {
				s.hand = h.Type
				break
			}
		}
		for _, d := range done {
			if s.hand != "" || s.by != nil {
				break
			}
			for j := range d.tool.Outputs {
				if o := &d.tool.Outputs[j]; c.accepts(p, o.Type, o.Formats[0]) {
					s.by, s.output = d, o
					break
				}
			}
		}
		if s.hand == "" && s.by == nil {
			return nil
		}
		m.inputs = append(m.inputs, s)
		if s.by != nil {
			for _, before := range append(slices.Clone(s.by.needs), s.by) {
				if !slices.Contains(m.needs, before) {
					m.needs = append(m.needs, before)
				}
			}
		}
	}
	return m
}

// chain spells out the way to a tool.
func (m *making) chain(output string) Chain {
	var c Chain
	for _, at := range append(slices.Clone(m.needs), m) {
		l := Link{Tool: at.tool}
		for _, s := range at.inputs {
			in := LinkInput{Port: s.port.Name, From: s.hand}
			if s.by != nil {
				in.From = s.by.tool.Name + "." + s.output.Name
				in.Each = s.output.Many && !s.port.Many // in a call nothing is joined
			}
			l.Inputs = append(l.Inputs, in)
		}
		c.Links = append(c.Links, l)
	}
	for i := range c.Links[:len(c.Links)-1] {
		prefix := c.Links[i].Tool.Name + "."
		for _, later := range c.Links[i+1:] {
			for _, in := range later.Inputs {
				if port, found := strings.CutPrefix(in.From, prefix); found && c.Links[i].Output == "" {
					c.Links[i].Output = port
				}
			}
		}
	}
	c.Links[len(c.Links)-1].Output = output
	return c
}
