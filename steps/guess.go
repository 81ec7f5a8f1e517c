package steps

import (
	"cmp"
	"path"
	"slices"
	"strings"
)

// TypeFormat is a type in one of its formats.
type TypeFormat struct{ Type, Format string }

// Guess names the type and format that an object seems to have, from its name
// and first bytes: the most specific type whose extension and check agree;
// several when they are ambiguous, none when nothing fits. Of a name whose
// extension no format has, the one before it counts (x.fasta.gz is no reads,
// whatever gzip looks like); if no format has that either, the name is left out
// of account, and only formats count that have a rule that asks for something
// of their own. A type that adds nothing
// of its own to its parent's format cannot be told from it and is never
// guessed: see [Types.Related].
func (t *Types) Guess(name string, head []byte, whole bool) []TypeFormat {
	base := strings.ToLower(path.Base(name))
	known := t.named(base)
	if before := strings.TrimSuffix(base, path.Ext(base)); !known && t.named(before) {
		base, known = before, true
	}
	var found []TypeFormat
	for _, n := range t.names {
		typ := t.types[n]
		for i := range typ.Formats {
			f := &typ.Formats[i]
			if !f.own || known && !f.hasExtensionOf(base) || !known && !f.distinctive() {
				continue
			}
			if t.CheckHead(n, f.Name, head, whole) == nil {
				found = append(found, TypeFormat{n, f.Name})
			}
		}
	}
	all := slices.Clone(found)
	found = slices.DeleteFunc(found, func(a TypeFormat) bool {
		return slices.ContainsFunc(all, func(b TypeFormat) bool {
			return a.Format == b.Format && a.Type != b.Type && t.Fits(b.Type, a.Type)
		})
	})
	slices.SortFunc(found, func(a, b TypeFormat) int {
		return cmp.Or(strings.Compare(a.Type, b.Type), strings.Compare(a.Format, b.Format))
	})
	return found
}

// named reports whether some format's files are named like that.
func (t *Types) named(base string) bool {
	for _, typ := range t.types {
		for i := range typ.Formats {
			if typ.Formats[i].hasExtensionOf(base) {
				return true
			}
		}
	}
	return false
}

// Wrapped reports whether the format's files are named by two endings, like
// fastq.gz: their first bytes show what others are wrapped in, too.
func (f *Format) Wrapped() bool {
	return len(f.Extensions) > 0 && !slices.ContainsFunc(f.Extensions, func(ext string) bool { return !strings.Contains(ext, ".") })
}

func (f *Format) hasExtensionOf(base string) bool {
	return slices.ContainsFunc(f.Extensions, func(ext string) bool {
		return strings.HasSuffix(base, "."+ext)
	})
}

// distinctive reports whether the format's rules ask for something that is
// there, and do not only refuse what is not wanted, nor only for what it is
// wrapped in.
func (f *Format) distinctive() bool {
	return !f.Wrapped() && slices.ContainsFunc(f.rules, func(r rule) bool {
		return r.startsWith != "" || r.magic != nil || r.anyLine != nil || r.joined != nil || r.json
	})
}
