package steps

import (
	"bytes"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/ligase-bio/ligase/internal/definition"
	"github.com/ligase-bio/ligase/internal/problem"
)

// Records says that a file of a format holds values of another type, one after
// the other: a FASTA file of sequences, each of which is one by itself. Where
// many single values are taken, such a file is, too, and is split; where such a
// file is taken, many single values are, and are joined.
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

// RecordsPort is the port on which the records of an output's file come one by
// one; nil when it is no such file.
func (t *Types) RecordsPort(out *Port) *Port {
	if out.Many || len(out.Formats) != 1 {
		return nil
	}
	r := t.Records(out.Type, out.Formats[0])
	if r == nil {
		return nil
	}
	p := &Port{Name: RecordsName(out.Name), Type: r.Each, Formats: slices.Clone(out.Formats), Many: true, Optional: out.Optional, RecordsOf: out.Name}
	if !p.Optional {
		p.MinItems = 1
	}
	return p
}

// WithRecords are the ports on which a step can be made to give something: its
// outputs, and the records of those that are files of them.
func (t *Types) WithRecords(outputs []Port) []Port {
	all := slices.Clone(outputs)
	for i := range outputs {
		if r := t.RecordsPort(&outputs[i]); r != nil && FindPort(outputs, r.Name) == nil {
			all = append(all, *r)
		}
	}
	return all
}

// RecordsName is the name of the port on which the records of an output come:
// none that anybody can write.
func RecordsName(output string) string { return output + recordsSuffix }

// RecordsFile is the reverse of RecordsName; another name it leaves as it is.
func RecordsFile(port string) string { return strings.TrimSuffix(port, recordsSuffix) }

const recordsSuffix = "-records"

// Joins reports whether values of a type, in any of these formats (none: in
// those of the type's that the port takes), make one file that a port takes
// when they follow one another.
func (t *Types) Joins(typ string, formats []string, to *Port) bool {
	accepted := t.Accepts(*to)
	if len(formats) == 0 {
		formats = slices.DeleteFunc(t.Accepts(Port{Type: typ}), func(f string) bool { return !slices.Contains(accepted, f) })
	}
	if to.Many || len(formats) == 0 || !t.Fits(typ, to.Type) {
		return false
	}
	return !slices.ContainsFunc(formats, func(format string) bool {
		r := t.Records(to.Type, format)
		return r == nil || !t.Fits(typ, r.Each) || !slices.Contains(accepted, format)
	})
}

// OneOfRecords reports whether what a port gives is, to another that takes it,
// one of the records of a file: then their lengths are not of one kind.
func (t *Types) OneOfRecords(from, to *Port) bool {
	return slices.ContainsFunc(t.Accepts(*to), func(format string) bool {
		r := t.Records(to.Type, format)
		return r != nil && t.Fits(from.Type, r.Each)
	})
}

// Join is the port that takes many values in one's place; see [Types.Joins].
func (p *Port) Join() {
	p.Many, p.Joined = true, true
	if !p.Optional {
		p.MinItems = 1
	}
}

// Unjoin is the reverse of Join.
func (p *Port) Unjoin() {
	if p.Joined {
		p.Many, p.Joined, p.MinItems = false, false, 0
	}
}

// Cut cuts a file into its records. Blank lines and comments before the first
// are dropped; what else stands there is a record of its own, which no check
// will take.
func (r *Records) Cut(content []byte) [][]byte {
	content = bytes.TrimPrefix(content, []byte("\xef\xbb\xbf")) // a byte order mark
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
