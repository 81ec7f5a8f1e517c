package steps

import (
	"io"
	"io/fs"
)

// Types is the lattice of semantic types. It is immutable.
type Types struct{}

// Type is what a port carries, apart from the file format.
type Type struct {
	Name        string
	Title       string
	Description string
	Is          []string // what it is a kind of: it fits wherever those do
	EDAM        string   // EDAM data concept: data_1460
	Formats     []Format // its own or inherited
}

// Format is a file format of a type.
type Format struct {
	Name       string
	Title      string
	EDAM       string // EDAM format concept: format_1476
	MediaType  string
	Extensions []string // without dot; the first names new files
	Text       bool     // whether previews make sense
	// check and length rules are not exported
}

// Lookup returns the type of that name, or nil.
func (t *Types) Lookup(name string) *Type { panic("unwritten") }

// Names lists all types, sorted.
func (t *Types) Names() []string { panic("unwritten") }

// Fits reports whether a value of type from can go where to is wanted: they
// are the same, or from is a kind of to.
func (t *Types) Fits(from, to string) bool { panic("unwritten") }

// FormatOf returns a type's format by name, or nil.
func (t *Types) FormatOf(typ, format string) *Format { panic("unwritten") }

// CheckHead applies the content check of a type in a format to the first
// bytes of an object. whole says that head is all of it. The error is a
// sentence about the content, without its name.
func (t *Types) CheckHead(typ, format string, head []byte, whole bool) error { panic("unwritten") }

// Length counts residues, records or what else the format's length rule
// counts, reading in constant memory; -1 when the format has no such rule.
func (t *Types) Length(typ, format string, r io.Reader) (int, error) { panic("unwritten") }

// HasLength reports whether the format has a length rule.
func (t *Types) HasLength(typ, format string) bool { panic("unwritten") }

// Guess names the type and format that an object seems to have, from its name
// and first bytes: the most specific type whose extension and check agree;
// several when they are ambiguous, none when nothing fits.
func (t *Types) Guess(name string, head []byte, whole bool) []TypeFormat { panic("unwritten") }

// TypeFormat is a type in one of its formats.
type TypeFormat struct{ Type, Format string }

// CheckPort applies CheckHead for what an input port accepts: the error says
// what the port takes.
func (t *Types) CheckPort(p Port, format string, head []byte, whole bool) error {
	panic("unwritten")
}

// Library is the built-in library: one step or list of types a file.
func Library() fs.FS { panic("unwritten") }

// NewValue checks that v (as JSON, YAML or Go gives it) is of a kind that a
// parameter can have.
func NewValue(v any) (Value, error) { panic("unwritten") }

// Any returns the value: string, int64, float64, bool, []string, []int64 or []float64.
func (v Value) Any() any { return v.v }

// String renders the value as one argv element: integers and floats in their
// shortest form, booleans as true and false, lists joined by commas.
func (v Value) String() string { panic("unwritten") }

// UnmarshalJSON reads what MarshalJSON wrote: a number without fraction or
// exponent is an integer.
func (v *Value) UnmarshalJSON(data []byte) error { panic("unwritten") }

// Check reads a value for the parameter: converts what JSON, YAML or (with
// text) a command line gave, and applies enum, range, pattern and length. The
// error is a sentence that says what is allowed.
func (p *Param) Check(raw any, text bool) (Value, error) { panic("unwritten") }

// ValidVersion reports whether s is a semantic version.
func ValidVersion(s string) bool { panic("unwritten") }

// ValidName reports whether s can name a step, pipeline, port, parameter,
// node or implementation: [a-z][a-z0-9_]{0,39}.
func ValidName(s string) bool { panic("unwritten") }
