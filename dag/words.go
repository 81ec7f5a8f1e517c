package dag

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/steps"
)

// code is an endpoint as sentences quote it.
func code(e Endpoint) string { return "`" + written(e) + "`" }

// written is an endpoint as a definition has it: that of records is written as
// the file that holds them.
func written(e Endpoint) string {
	e.Port = steps.RecordsFile(e.Port)
	return e.String()
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

func portNames(ports []steps.Port) []string {
	names := make([]string, len(ports))
	for i := range ports {
		names[i] = ports[i].Name
	}
	return names
}

func (b *builder) nodeIDs() []string {
	if b.ids == nil {
		b.ids = make([]string, len(b.g.nodes))
		for i := range b.g.nodes {
			b.ids[i] = b.g.nodes[i].ID
		}
	}
	return b.ids
}

// nearest is problem.Nearest, as long as looking stays cheap: a definition of
// 100,000 nodes in which every name is wrong must still be answered.
func (b *builder) nearest(name string, candidates []string) string {
	const budget = 1_000_000 // comparisons over all problems: some 0.2 s
	if b.compared += len(candidates); b.compared > budget {
		return ""
	}
	return problem.Nearest(name, candidates)
}

func (b *builder) suggest(name string, candidates []string) string {
	if near := b.nearest(name, candidates); near != "" {
		return fmt.Sprintf("Did you mean %q?", near)
	}
	// With the nearest known to be too far, this lists what there is.
	const most = 12
	if len(candidates) == 0 {
		return "There are none."
	}
	if len(candidates) > most {
		return fmt.Sprintf("There are: %s and %d more.", strings.Join(candidates[:most], ", "), len(candidates)-most)
	}
	return fmt.Sprintf("There are: %s.", strings.Join(candidates, ", "))
}

// fitting says which values of the graph an input could take instead, or
// nothing.
func (b *builder) fitting(node int32, to *steps.Port, instead *wire) string {
	all := b.candidates(node, to, instead, 3)
	if len(all) == 0 {
		return ""
	}
	mode := With
	if b.spec.Wires[instead.at].Mode == Each {
		mode = Each
	}
	var names []string
	for _, c := range all {
		b.markUsed(c.from)
		name := code(c.from)
		if c.mode != mode {
			name += fmt.Sprintf(" (under %s)", c.mode)
		}
		names = append(names, name)
	}
	if len(names) == 1 {
		return names[0] + " fits."
	}
	return problem.List(names, "and") + " fit."
}

// describe is a port's type in words: "a protein sequence (protein.sequence,
// fasta)".
func (b *builder) describe(p *steps.Port) string { return Describe(b.types, p.Type, p.Formats) }

// Describe is a type in words, as messages have it: "a protein sequence
// (protein.sequence, fasta or a3m)".
func Describe(types *steps.Types, typ string, formats []string) string {
	name := typ
	if len(formats) > 0 {
		name += ", " + problem.List(formats, "or")
	}
	t := types.Lookup(typ)
	if t == nil || t.Title == "" {
		return "of type " + name
	}
	title := t.Title
	first, size := utf8.DecodeRuneInString(title)
	if second, _ := utf8.DecodeRuneInString(title[size:]); !unicode.IsUpper(second) {
		title = string(unicode.ToLower(first)) + title[size:]
	}
	article := "a"
	if strings.ContainsRune("aeiouAEIOU", first) {
		article = "an"
	}
	return fmt.Sprintf("%s %s (%s)", article, title, name)
}
