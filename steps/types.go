package steps

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ligase-bio/ligase/internal/problem"
)

// Types is the lattice of semantic types. It is immutable.
type Types struct {
	types map[string]*Type
	names []string                   // sorted
	above map[string]map[string]bool // a type and everything that it is a kind of
}

// Type is what a port carries, apart from the file format.
type Type struct {
	Name        string
	Title       string
	Description string
	Is          []string // what it is a kind of: it fits wherever those do
	EDAM        string   // EDAM data concept: data_1460
	Formats     []Format // its own or inherited

	Pos problem.Pos

	source json.RawMessage // the definition as it was written
}

// Format is a file format of a type.
type Format struct {
	Name       string
	Title      string
	EDAM       string // EDAM format concept: format_1476
	MediaType  string
	Extensions []string // without dot, lower case; the first names new files; by default the format's name
	Text       bool     // whether previews make sense

	rules     []rule  // inherited ones first
	length    *length // nil: nothing to count
	bare      *bare   // nil: a value is given as the format has it
	delimiter rune    // of tables: what separates columns; 0: not such a table
	anything  bool    // it has neither rules nor extensions
	own       bool    // its type gave it rules or extensions: content can tell it from its parents
	inherits  bool    // a parent has it, too
	pos       problem.Pos

	conversions []Conversion // what it can be made into
	records     *Records     // of which values of another type it is made; nil: it is not
}

// Anything reports whether a file can be of the format whatever its name ends
// in and whatever it holds: the definition has neither rules nor extensions.
func (f *Format) Anything() bool { return f.anything }

// NewTypes makes a lattice of lists of types, such as [ParseTypes] gives. It
// always returns one: types with problems are left out, so that checking can
// go on with the rest.
func NewTypes(lists ...[]Type) (*Types, problem.Problems) {
	b := latticeBuilder{
		types: &Types{types: map[string]*Type{}, above: map[string]map[string]bool{}},
		given: map[string]*Type{},
		state: map[string]visit{},
	}
	for _, list := range lists {
		for _, t := range list {
			if first := b.given[t.Name]; first != nil {
				b.problems.Addf(t.Pos, "types."+t.Name, problem.Duplicate, "Rename or remove one of them.",
					"The type %s is defined twice; the first is at %s.", t.Name, first.Pos)
				continue
			}
			b.given[t.Name] = &t
		}
	}
	for _, name := range slices.Sorted(maps.Keys(b.given)) {
		b.place(name, nil)
	}
	b.types.names = slices.Sorted(maps.Keys(b.types.types))
	return b.types, b.problems.Sorted()
}

type visit int

const (
	unseen visit = iota
	open
	placed
	faulty
)

type latticeBuilder struct {
	types    *Types
	given    map[string]*Type
	state    map[string]visit
	problems problem.Problems
}

// place puts a type after what it is a kind of; trail is how it was reached.
func (b *latticeBuilder) place(name string, trail []string) visit {
	if s := b.state[name]; s == placed || s == faulty {
		return s
	}
	t := *b.given[name]
	path := "types." + name
	trail = append(slices.Clone(trail), name)
	if b.state[name] == open {
		loop := trail[slices.Index(trail, name):]
		b.problems.Addf(t.Pos, path+".is", problem.Cycle, "Remove one of these.",
			"A type cannot be a kind of itself: %s.", strings.Join(loop, " is "))
		return faulty
	}
	b.state[name] = open
	t.Formats, t.Is = slices.Clone(t.Formats), slices.Clone(t.Is)
	above := map[string]bool{name: true}
	ok := true
	var inherited []Format
	for _, parent := range t.Is {
		if b.given[parent] == nil {
			b.problems.Addf(t.Pos, path+".is", problem.UnknownName,
				problem.DidYouMean(parent, slices.Sorted(maps.Keys(b.given))), "There is no type %q.", parent)
			ok = false
			continue
		}
		if b.place(parent, trail) == faulty {
			ok = false
			continue
		}
		maps.Copy(above, b.types.above[parent])
		for _, f := range b.types.types[parent].Formats {
			if !slices.ContainsFunc(inherited, func(g Format) bool { return g.Name == f.Name }) {
				f.own, f.records = false, nil // what it is a kind of may be many; it need not be
				inherited = append(inherited, f)
			}
		}
	}
	if len(t.Formats) == 0 {
		t.Formats = inherited
	} else {
		for i := range t.Formats {
			b.inherit(&t.Formats[i], inherited)
		}
	}
	for i := range t.Formats {
		if f := &t.Formats[i]; len(f.Extensions) == 0 {
			f.Extensions = []string{strings.ReplaceAll(f.Name, "_", ".")}
			f.anything = len(f.rules) == 0
		}
	}
	b.checkConversions(&t)
	b.checkRecords(&t)
	if len(t.Formats) == 0 && ok {
		b.problems.Addf(t.Pos, path, problem.Missing, "Add formats, or is: with a type that has some.",
			"The type %s has no formats.", name)
		ok = false
	}
	if !ok {
		b.state[name] = faulty
		return faulty
	}
	b.state[name] = placed
	b.types.types[name] = &t
	b.types.above[name] = above
	return placed
}

// inherit completes a format from the one of the same name that a parent has:
// a kind of something passes that thing's checks too.
func (b *latticeBuilder) inherit(f *Format, inherited []Format) {
	at := slices.IndexFunc(inherited, func(g Format) bool { return g.Name == f.Name })
	f.own = true
	if at < 0 {
		return
	}
	from := inherited[at]
	f.inherits = true
	f.own = len(f.rules) > 0 || len(f.Extensions) > 0
	f.rules = append(slices.Clone(from.rules), f.rules...)
	f.Text = f.Text || from.Text
	if f.Title == "" {
		f.Title = from.Title
	}
	if f.EDAM == "" {
		f.EDAM = from.EDAM
	}
	if f.MediaType == "" {
		f.MediaType = from.MediaType
	}
	if len(f.Extensions) == 0 {
		f.Extensions = from.Extensions
	}
	if f.length == nil {
		f.length = from.length
	}
	for _, c := range from.conversions {
		if !slices.ContainsFunc(f.conversions, func(own Conversion) bool { return own.To == c.To }) {
			f.conversions = append(f.conversions, c)
		}
	}
	if f.bare == nil {
		f.bare = from.bare
	}
	if f.delimiter == 0 {
		f.delimiter = from.delimiter
	}
}

// Lookup returns the type of that name, or nil.
func (t *Types) Lookup(name string) *Type { return t.types[name] }

// Names lists all types, sorted.
func (t *Types) Names() []string { return slices.Clone(t.names) }

// Fits reports whether a value of type from can go where to is wanted: they
// are the same, or from is a kind of to.
func (t *Types) Fits(from, to string) bool { return from == to || t.above[from][to] }

// Related reports whether a value that looks like one of type seen can turn
// out to be one of type wanted: either fits the other. Content tells a table
// from a structure, but not one table from another.
func (t *Types) Related(seen, wanted string) bool {
	return t.Fits(seen, wanted) || t.Fits(wanted, seen)
}

// FormatOf returns a type's format by name, or nil.
func (t *Types) FormatOf(typ, format string) *Format {
	found := t.types[typ]
	if found == nil {
		return nil
	}
	for i := range found.Formats {
		if found.Formats[i].Name == format {
			return &found.Formats[i]
		}
	}
	return nil
}

// Accepts lists the formats that a port takes: its own, or all of its type's.
func (t *Types) Accepts(p Port) []string {
	if len(p.Formats) > 0 {
		return slices.Clone(p.Formats)
	}
	var names []string
	if typ := t.types[p.Type]; typ != nil {
		for _, f := range typ.Formats {
			names = append(names, f.Name)
		}
	}
	return names
}

// describe names a type in words: `protein structure (protein.structure)`.
func (t *Types) describe(typ string) string {
	if found := t.types[typ]; found != nil && found.Title != "" {
		return fmt.Sprintf("%s (%s)", found.Title, typ)
	}
	return typ
}

// Of is the part of the lattice that the named types need: themselves and
// everything that they are kinds of. Names that are not there are passed
// over.
func (t *Types) Of(names ...string) *Types {
	out := &Types{types: map[string]*Type{}, above: map[string]map[string]bool{}}
	for len(names) > 0 {
		name := names[0]
		names = names[1:]
		for above := range t.above[name] {
			if out.types[above] != nil {
				continue
			}
			out.types[above] = t.types[above]
			out.above[above] = t.above[above]
			for i := range t.types[above].Formats {
				if r := t.types[above].Formats[i].records; r != nil {
					names = append(slices.Clip(names), r.Each)
				}
			}
		}
	}
	out.names = slices.Sorted(maps.Keys(out.types))
	return out
}

// MarshalJSON writes the definitions that the lattice was made of, by name, in
// the form that [ParseTypes] reads.
func (t *Types) MarshalJSON() ([]byte, error) {
	definitions := map[string]json.RawMessage{}
	for name, typ := range t.types {
		definitions[name] = typ.source
	}
	return json.Marshal(map[string]any{"types": definitions})
}

// UnmarshalJSON reads what MarshalJSON wrote. The error is problem.Problems
// when a definition does not read.
func (t *Types) UnmarshalJSON(data []byte) error {
	list, ps := ParseTypes("types", data)
	if len(ps) > 0 {
		return ps
	}
	types, ps := NewTypes(list)
	if len(ps) > 0 {
		return ps
	}
	*t = *types
	return nil
}
