package draft

import (
	"strings"

	"github.com/ligase-bio/ligase/steps"
)

// Port is an input or output as far as it is known.
type Port struct {
	Name        string
	Type        steps.TypeFormat
	Others      []string // types that it could be as well
	Guessed     bool     // the type is, from no more than a name
	Ask         string   // what to ask the author, instead of about the type
	Many        bool
	Optional    bool
	Description string
}

// Port writes an input or output.
func (w *Writer) Port(p Port) {
	w.Line("  %s:", p.Name)
	note := ""
	switch {
	case p.Ask != "":
		note = w.Fill("%s", p.Ask)
	case len(p.Others) > 0:
		note = w.Fill("seen from the file's name; or %s", strings.Join(p.Others, ", "))
	case p.Guessed && p.Type.Type == Fallback.Type:
		note = w.Fill("see `ligase catalog types`")
	case p.Guessed:
		note = w.Fill("seen from the file's name; is it?")
	}
	w.Line("    type: %s%s", p.Type.Type, note)
	w.Line("    format: %s", p.Type.Format)
	if p.Many {
		w.Line("    many: true")
	}
	if p.Optional {
		w.Line("    optional: true")
	}
	w.Description("    ", p.Description, "")
}

// Param is a parameter as far as it is known.
type Param struct {
	Name        string
	Type        steps.ParamType
	Default     *string // as text of its type
	Enum        []string
	Ask         string // what to ask the author
	Description string
}

// Param writes a parameter.
func (w *Writer) Param(p Param) {
	w.Line("  %s:", p.Name)
	note := ""
	switch {
	case p.Ask != "":
		note = w.Fill("%s", p.Ask)
	case p.Default == nil && len(p.Enum) == 0:
		note = w.Fill("string, integer, number or boolean")
	}
	w.Line("    type: %s%s", p.Type, note)
	if p.Default != nil {
		w.Line("    default: %s", p.literal(*p.Default))
	}
	if len(p.Enum) > 0 {
		values := make([]string, len(p.Enum))
		for i, e := range p.Enum {
			values[i] = p.literal(e)
		}
		w.Line("    enum: [%s]", strings.Join(values, ", "))
	}
	w.Description("    ", p.Description, "")
}

// literal is a value as YAML has it.
func (p *Param) literal(text string) string {
	if p.Type == steps.String {
		return Quoted(text)
	}
	return text
}
