package steps

import (
	"bytes"
	"maps"
	"regexp"
	"slices"

	"github.com/ligase-bio/ligase/internal/definition"
	"github.com/ligase-bio/ligase/internal/problem"
)

// Records says that a file of a format holds values of another type, one after
// the other: a FASTA file of sequences, each of which is one by itself. Where
// a call may give many single values, it may give such a file, and it is split.
type Records struct {
	Each string // type of a record; it has the same format

	begin *regexp.Regexp // lines that begin a record
	skip  *regexp.Regexp // lines before the first that belong to none, such as comments; nil: only blank ones
}

// Records is how a format of a type holds values of another; nil: it does not.
func (t *Types) Records(typ, format string) *Records {
	if f := t.FormatOf(typ, format); f != nil {
		return f.records
	}
	return nil
}

// Holding are the types whose files hold values that a port takes, with the
// format, in order of their names.
func (t *Types) Holding(p *Port) []TypeFormat {
	var out []TypeFormat
	for _, name := range t.names {
		for _, format := range t.Accepts(*p) {
			if r := t.Records(name, format); r != nil && t.Fits(r.Each, p.Type) {
				out = append(out, TypeFormat{Type: name, Format: format})
			}
		}
	}
	return out
}

// Cut cuts a file into its records. Blank lines and comments before the first
// are dropped; what else stands there is a record of its own, which no check
// will take.
func (r *Records) Cut(content []byte) [][]byte {
	var parts [][]byte
	start, begun, idle := 0, false, true // idle: nothing but what belongs to no record
	for at := 0; at < len(content); {
		line := content[at:]
		if end := bytes.IndexByte(line, '\n'); end >= 0 {
			line = line[:end]
		}
		head := bytes.TrimRight(line[:min(len(line), lineHead)], " \t\r")
		if r.begin.Match(head) {
			if begun || !idle {
				parts = append(parts, content[start:at])
			}
			start, begun = at, true
		} else if len(bytes.TrimSpace(line)) > 0 && (r.skip == nil || !r.skip.Match(head)) {
			idle = false
		}
		at += len(line) + 1
	}
	if begun || !idle {
		parts = append(parts, content[start:])
	}
	return parts
}

func decodeRecords(n *definition.Node) *Records {
	f := n.Fields()
	r := &Records{Each: f.Need("each").Text(), begin: regex(f.Need("begin"))}
	if skip := f.Get("skip"); skip.Given() {
		r.skip = regex(skip)
	}
	f.Done()
	if r.begin == nil || r.Each == "" {
		return nil
	}
	return r
}

// checkRecords reports records of a type that there is not, and a type of which
// the records would be itself.
func (b *latticeBuilder) checkRecords(t *Type) {
	for i := range t.Formats {
		f := &t.Formats[i]
		if f.records == nil {
			continue
		}
		path := "types." + t.Name + ".formats." + f.Name + ".records.each"
		each := b.given[f.records.Each]
		switch {
		case each == nil:
			b.problems.Addf(f.pos, path, problem.UnknownName, problem.DidYouMean(f.records.Each, slices.Sorted(maps.Keys(b.given))), "There is no type %.60q.", f.records.Each)
		case each.Name == t.Name:
			b.problems.Addf(f.pos, path, problem.Invalid, "Name the type of one of them.", "A record of %s would be one itself.", t.Name)
		}
	}
}
