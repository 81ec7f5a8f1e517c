package dag

import (
	"fmt"
	"slices"

	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/steps"
)

// portPair is a wire without its nodes: nodes that use the same step share
// its ports, so most of a large graph's wires are few pairs.
type portPair struct{ from, to *steps.Port }

// fit says whether a value of one port can go into another.
type fit struct{ typeOK, formatOK bool }

func (f fit) ok() bool { return f.typeOK && f.formatOK }

func (b *builder) fit(from, to *steps.Port) fit {
	pair := portPair{from, to}
	f, known := b.fits[pair]
	if !known {
		f.typeOK = b.types.Fits(from.Type, to.Type)
		f.formatOK = true
		// What may come in several formats must be accepted in each of them. A
		// boundary port that names none takes what its consumers take.
		for _, format := range from.Formats {
			f.formatOK = f.formatOK && b.types.Takes(to, from.Type, format)
		}
		b.fits[pair] = f
	}
	return f
}

// checkFit checks what a wire says by itself: types, formats, and that what
// may be absent goes where it may be. Reports wait until the graph is known,
// so that they can name what would fit.
func (b *builder) checkFit(w int32) {
	r := &b.g.wires[w]
	from, to := b.g.sourcePort(r.from, r.fromPort), &b.g.nodes[r.to].Inputs[r.toPort]
	// Whether what may be joined is many shows when the scatters are known.
	unsure := to.Joined && r.mode == gathers
	if !b.fit(from, to).ok() || !unsure && mayStarve(from, to, r) {
		b.misfits = append(b.misfits, w)
		b.broken[r.to] = b.broken[r.to] || b.spec.Wires[r.at].Mode == Each
		r.mode = misfit
		b.g.bound[b.g.inAt[r.to]+r.toPort] = brokenWire
	}
}

// mayStarve: a required input must not hang on a value that may be absent.
func mayStarve(from, to *steps.Port, r *wire) bool {
	if !from.Optional || to.Optional {
		return false
	}
	if r.mode == gathers {
		return r.from == boundary && to.MinItems > 0
	}
	return !from.Many
}

func (b *builder) reportMisfits() {
	for _, w := range b.misfits {
		r := &b.g.wires[w]
		written := &b.spec.Wires[r.at]
		from, to := b.g.sourcePort(r.from, r.fromPort), &b.g.nodes[r.to].Inputs[r.toPort]
		fix := b.fitting(r.to, to, r)
		if records := b.recordsFix(r, from, to); records != "" {
			fix = records
		}
		switch f := b.fit(from, to); {
		case !f.typeOK:
			b.problems.Addf(written.Pos, written.Path, problem.TypeMismatch, orElse(fix, "Nothing in this pipeline fits yet."),
				"%s is %s; %s takes %s.", code(written.From), b.describe(from), code(written.To), b.describe(to))
		case !f.formatOK:
			b.problems.Addf(written.Pos, written.Path, problem.TypeMismatch, orElse(fix, "Put a step that converts between the formats in between, or have the type say how to convert (convert:)."),
				"%s comes as %s; %s takes %s.", code(written.From), problem.List(from.Formats, "or"), code(written.To), b.describe(to))
		case r.from == boundary:
			b.problems.Addf(written.Pos, written.Path, problem.Missing, fmt.Sprintf("Remove `optional` from the input %q.", from.Name),
				"%s may be left out, but %s must be given.", code(written.From), code(written.To))
		default:
			b.problems.Addf(written.Pos, written.Path, problem.Missing, orElse(fix, "Give it something that is always there."),
				"%s may be absent, but %s must be given.", code(written.From), code(written.To))
		}
	}
}

// recordsFix is how to take the records of a file that is given where they are
// taken; "" when it is not that.
func (b *builder) recordsFix(r *wire, from, to *steps.Port) string {
	holds := func(h steps.TypeFormat) bool {
		return h.Type == from.Type && (len(from.Formats) == 0 || slices.Contains(from.Formats, h.Format))
	}
	written := &b.spec.Wires[r.at]
	switch {
	case !slices.ContainsFunc(b.types.Holding(to), holds):
		return ""
	case from.Many:
		return "Have what gives these files give their records: a list of files is not split."
	case r.from == boundary && (to.Many || written.Mode == Each):
		return fmt.Sprintf("Declare the input %s as many of the type %s: a file of many that a call gives is split.", code(Endpoint{Node: "", Port: from.Name}), to.Type)
	case r.from != boundary && !to.Many && written.Mode != Each:
		return fmt.Sprintf("Run `%s` for each of its records, with each: {%s: %s}.", written.To.Node, written.To.Port, written.From)
	}
	return ""
}

func (b *builder) reportMissing() {
	for _, m := range b.missing {
		n := &b.g.nodes[m.node]
		port := &n.Inputs[m.port]
		fix := fmt.Sprintf("Give it a value under with: {%s: …}.", port.Name)
		if c := b.candidates(m.node, port, nil, 1); len(c) > 0 {
			fix = fmt.Sprintf("Add `%s: %s` under %s.", port.Name, written(c[0].from), c[0].mode)
			b.markUsed(c[0].from)
		}
		b.problems.Addf(n.Pos, join(n.Path, "with."+port.Name), problem.Missing, fix,
			"%s is missing: it takes %s.", code(Endpoint{Node: n.ID, Port: port.Name}), b.describe(port))
	}
}

// checkFormats works out which formats and lengths the boundary ports accept.
func (b *builder) checkFormats() {
	g := b.g
	g.formats = make([][]string, len(g.inputs))
	asked := make([]bool, len(g.inputs)) // some consumer named formats
	for i := range g.inputs {
		g.formats[i] = slices.Clone(g.inputs[i].Formats)
		if len(g.formats[i]) > 0 {
			continue
		}
		if t := b.types.Lookup(g.inputs[i].Type); t != nil {
			for f := range t.Formats {
				g.formats[i] = append(g.formats[i], t.Formats[f].Name)
			}
		}
	}
	g.longest = make([]int, len(g.inputs))
	for i := range g.wires {
		w := &g.wires[i]
		if w.from != boundary || w.toPort == none {
			continue
		}
		to := &g.nodes[w.to].Inputs[w.toPort]
		joined := to.Joined || g.inputs[w.fromPort].Many && !to.Many && b.spec.Wires[w.at].Mode != Each
		// What is said of the length of a file is not said of its records.
		if most := to.MaxLength; most > 0 && !b.types.OneOfRecords(&g.inputs[w.fromPort], to) && (g.longest[w.fromPort] == 0 || most < g.longest[w.fromPort]) {
			g.longest[w.fromPort] = most
		}
		if len(g.inputs[w.fromPort].Formats) > 0 {
			continue
		}
		if len(to.Formats) == 0 || !b.fit(&g.inputs[w.fromPort], to).typeOK {
			continue
		}
		if have := g.formats[w.fromPort]; len(have) == 0 && !asked[w.fromPort] {
			g.formats[w.fromPort] = slices.Clone(to.Formats)
		} else {
			g.formats[w.fromPort] = slices.DeleteFunc(have, func(f string) bool { return !b.types.Takes(to, "", f) || joined && !slices.Contains(to.Formats, f) })
		}
		asked[w.fromPort] = true
	}
	for i := range g.inputs {
		if p := &g.inputs[i]; asked[i] && len(g.formats[i]) == 0 {
			b.problems.Addf(p.Pos, "inputs."+p.Name, problem.TypeMismatch, "Give each its own input, or convert between the formats.",
				"No format suits all that take $inputs.%s.", p.Name)
		}
	}
}
