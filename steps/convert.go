package steps

import (
	"slices"
	"strings"

	"github.com/ligase-bio/ligase/internal/definition"
	"github.com/ligase-bio/ligase/internal/problem"
)

// Conversion makes a value in one format of a type into another. It runs where
// the step that takes the value runs, before the step's command.
type Conversion struct {
	From, To string
	// Command is an argv with [ConversionIn] and [ConversionOut] in it, which
	// stand for the paths of the two files.
	Command []string
	Loses   string // what the other format has no place for, in a sentence; empty: nothing
}

const (
	ConversionIn  = "$(in)"
	ConversionOut = "$(out)"
)

// Argv is the command for two files.
func (c *Conversion) Argv(in, out string) []string {
	argv := make([]string, len(c.Command))
	for i, arg := range c.Command {
		argv[i] = strings.ReplaceAll(strings.ReplaceAll(arg, ConversionIn, in), ConversionOut, out)
	}
	return argv
}

// String names it: "mmcif → pdb".
func (c *Conversion) String() string { return c.From + " → " + c.To }

// Takes reports whether a port takes values of a type in a format, as they are
// or converted. What is not known of a value, "", does not speak against it.
func (t *Types) Takes(p *Port, typ, format string) bool {
	if typ != "" && !t.Fits(typ, p.Type) {
		return false
	}
	return format == "" || len(p.Formats) == 0 || slices.Contains(p.Formats, format) || t.Conversion(p, typ, format) != nil
}

// Conversion is how a value comes to be in a format that a port takes: nil when
// it is in one already, or cannot be.
func (t *Types) Conversion(p *Port, typ, format string) *Conversion {
	if format == "" || len(p.Formats) == 0 || slices.Contains(p.Formats, format) {
		return nil
	}
	f := t.FormatOf(typ, format)
	if f == nil {
		f = t.FormatOf(p.Type, format)
	}
	if f == nil {
		return nil
	}
	for _, to := range p.Formats {
		for i := range f.conversions {
			if c := &f.conversions[i]; c.To == to {
				return c
			}
		}
	}
	return nil
}

// Conversions are what a format can be made into.
func (f *Format) Conversions() []Conversion { return slices.Clone(f.conversions) }

func decodeConversion(from string, n *definition.Node) Conversion {
	checkName(n, "a format")
	f := n.Fields()
	c := Conversion{From: from, To: n.Key(), Command: f.Need("command").Texts(), Loses: f.Get("loses").Text()}
	in, out := 0, 0
	for _, arg := range c.Command {
		in, out = in+strings.Count(arg, ConversionIn), out+strings.Count(arg, ConversionOut)
	}
	if len(c.Command) > 0 && (in == 0 || out == 0) {
		f.Get("command").Problem(problem.Missing, "Have both in it, like [convert, $(in), $(out)].", "The command does not say where %s and %s go.", ConversionIn, ConversionOut)
	}
	if c.To == from {
		n.KeyProblem(problem.Invalid, "Name another format of the type.", "%s is made into itself.", from)
	}
	f.Done()
	return c
}

// checkConversions reports conversions into formats that a type does not have.
func (b *latticeBuilder) checkConversions(t *Type) {
	names := make([]string, len(t.Formats))
	for i := range t.Formats {
		names[i] = t.Formats[i].Name
	}
	for i := range t.Formats {
		f := &t.Formats[i]
		if !f.own {
			continue // said where it was written
		}
		for _, c := range f.conversions {
			if !slices.Contains(names, c.To) && !f.inherits {
				b.problems.Addf(f.pos, "types."+t.Name+".formats."+f.Name+".convert."+c.To, problem.UnknownName,
					problem.DidYouMean(c.To, names), "%s has no format %q.", t.Name, c.To)
			}
		}
	}
}
