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
// several when they are ambiguous, none when nothing fits. A name whose
// extension no format has is left out of account; then only formats with a
// rule that asks for something count. A type that adds nothing
// of its own to its parent's format cannot be told from it and is never
// guessed: see [Types.Related].
func (t *Types) Guess(name string, head []byte, whole bool) []TypeFormat {
	base := strings.ToLower(path.Base(name))
	known := false
	for _, typ := range t.types {
		for i := range typ.Formats {
			known = known || typ.Formats[i].hasExtensionOf(base)
		}
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

func (f *Format) hasExtensionOf(base string) bool {
	return slices.ContainsFunc(f.Extensions, func(ext string) bool {
		return strings.HasSuffix(base, "."+ext)
	})
}

// distinctive reports whether the format's rules ask for something that is
// there, and do not only refuse what is not wanted.
func (f *Format) distinctive() bool {
	return slices.ContainsFunc(f.rules, func(r rule) bool {
		return r.startsWith != "" || r.magic != nil || r.anyLine != nil || r.joined != nil || r.json
	})
}
