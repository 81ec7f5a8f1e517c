package steps

import (
	"slices"
	"strings"

	"github.com/ligase-bio/ligase/internal/definition"
	"github.com/ligase-bio/ligase/internal/problem"
)

// Gaps are the places of a definition, as paths, that could not be read as
// they should: nil when it is sound. A definition with gaps serves to find out
// what else is wrong, in it and in what uses it, and for nothing else; whoever
// checks with it must not take for a mistake what follows from a gap.
type Gaps []string

// Cover reports whether a gap is at path or above it: what seems wrong there
// has been said already, or follows from it.
func (g Gaps) Cover(path string) bool {
	return slices.ContainsFunc(g, func(gap string) bool { return below(path, gap) })
}

// Within reports whether a gap is at path or below it.
func (g Gaps) Within(path string) bool {
	return slices.ContainsFunc(g, func(gap string) bool { return below(gap, path) })
}

// below reports whether a path is another one or lies below it.
func below(path, above string) bool {
	rest, is := strings.CutPrefix(path, above)
	return is && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

// GapsOf are the gaps of a definition, of which all fields have been read:
// where it has problems, and those of its sections that are absent although
// they are needed, or although a field of an unknown name may be meant for
// them.
func GapsOf(doc *definition.Document, needed, optional []string) Gaps {
	if doc.Count() == 0 {
		return nil
	}
	gaps := Gaps{}
	for _, p := range doc.Problems() {
		if p.Path != "" && p.Code != problem.Unreachable { // what nothing uses has been read
			gaps = append(gaps, p.Path)
		}
	}
	root := doc.Root()
	for _, section := range needed {
		if !has(root, section) {
			gaps = append(gaps, section)
		}
	}
	gaps.Misnamed(root, slices.Concat(needed, optional)...)
	return gaps
}

// Misnamed adds the parts of a mapping that are absent while a mapping stands
// there under a name that is none: the one whose name is like it, else each.
func (g *Gaps) Misnamed(n *definition.Node, parts ...string) {
	if n.Shape() != definition.Mapping {
		return
	}
	absent := slices.DeleteFunc(slices.Clone(parts), func(part string) bool { return has(n, part) })
	prefix := n.Path()
	if prefix != "" {
		prefix += "."
	}
	for _, field := range n.Entries() {
		if field.Shape() != definition.Mapping || slices.Contains(parts, field.Key()) || !slices.Contains(*g, field.Path()) {
			continue
		}
		for _, part := range absent {
			if near := problem.Nearest(field.Key(), absent); near == "" || near == part {
				*g = append(*g, prefix+part)
			}
		}
	}
}

func has(n *definition.Node, field string) bool {
	return n.Shape() == definition.Mapping &&
		slices.ContainsFunc(n.Entries(), func(entry *definition.Node) bool { return entry.Key() == field })
}
