package steps

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/ligase-bio/ligase/internal/problem"
)

// Schema is the part of JSON Schema (draft 2020-12) that describes the
// arguments of a call. Its JSON is deterministic: properties stay in the
// order of the definition.
type Schema struct {
	Type        string     `json:"type,omitempty"`
	Description string     `json:"description,omitempty"`
	Properties  Properties `json:"properties,omitempty"`
	Required    []string   `json:"required,omitempty"`
	Closed      closed     `json:"additionalProperties,omitzero"` // of an object: no other properties
	Items       *Schema    `json:"items,omitempty"`
	Format      string     `json:"format,omitempty"`
	Enum        []Value    `json:"enum,omitempty"`
	Default     *Value     `json:"default,omitempty"`
	Minimum     *float64   `json:"minimum,omitempty"`
	Maximum     *float64   `json:"maximum,omitempty"`
	Pattern     string     `json:"pattern,omitempty"`
	MinLength   int        `json:"minLength,omitempty"`
	MaxLength   int        `json:"maxLength,omitempty"`
	MinItems    int        `json:"minItems,omitempty"`
	MaxItems    int        `json:"maxItems,omitempty"`
	AnyOf       []*Schema  `json:"anyOf,omitempty"`
	Not         *Schema    `json:"not,omitempty"`
}

// closed writes additionalProperties: false.
type closed bool

func (c closed) MarshalJSON() ([]byte, error) { return []byte("false"), nil }

// Properties are named schemas in order. A nil schema allows nothing.
type Properties []Property

// Property is one of them.
type Property struct {
	Name   string
	Schema *Schema
}

// MarshalJSON writes an object in the order of the list.
func (ps Properties) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, p := range ps {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := json.Marshal(p.Name)
		if err != nil {
			return nil, err
		}
		schema := []byte("false")
		if p.Schema != nil {
			if schema, err = json.Marshal(p.Schema); err != nil {
				return nil, err
			}
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(schema)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

const (
	uriSuffix  = "_uri"
	urisSuffix = "_uris"
)

// URIArgument is the name under which a call gives an input port by
// reference: x_uri, or x_uris when the port carries many.
func URIArgument(p Port) string {
	if p.Many {
		return p.Name + urisSuffix
	}
	return p.Name + uriSuffix
}

// InputSchema describes the arguments of a call of the step.
func (s *Step) InputSchema() *Schema { return InputSchema(s.Inputs, s.Params) }

// BriefSchema is [InputSchema] in few words, for a list of many tools: of what
// ports and parameters are about only the first sentence, if it is short, and
// not which arguments exclude each other. A call that it allows may be refused.
func BriefSchema(inputs []Port, params []Param) *Schema {
	return briefSchema(inputs, params, func(p Port) string { return sentences(uriWords(p)) })
}

func briefSchema(inputs []Port, params []Param, about func(Port) string) *Schema {
	s := &Schema{Type: "object", Closed: true}
	for _, p := range inputs {
		uri := URIArgument(p)
		one := &Schema{Type: "string", Description: about(p)}
		if p.Many {
			one = &Schema{Type: "array", Items: &Schema{Type: "string"}, Description: one.Description}
		}
		s.Properties = append(s.Properties, Property{uri, one})
		switch {
		case p.Inline && p.Many:
			s.Properties = append(s.Properties, Property{p.Name, &Schema{Type: "array", Items: &Schema{Type: "string"}}})
		case p.Inline:
			s.Properties = append(s.Properties, Property{p.Name, &Schema{Type: "string"}})
		case !p.Optional:
			s.Required = append(s.Required, uri)
		}
	}
	for i := range params {
		p := params[i]
		p.Description = brief(p.Description)
		s.Properties = append(s.Properties, Property{p.Name, p.schema()})
		if p.Required() {
			s.Required = append(s.Required, p.Name)
		}
	}
	return s
}

// BareSchema is [BriefSchema] without a word about parameters but their names,
// values and units.
func BareSchema(inputs []Port, params []Param) *Schema {
	bare := make([]Param, len(params))
	for i, p := range params {
		p.Description = ""
		bare[i] = p
	}
	return BriefSchema(inputs, bare)
}

// ScantSchema is [BareSchema] without limits, defaults and units of
// parameters: what the arguments are called, of which type they are, and which
// words there are to choose from. A call that it allows may be refused.
func ScantSchema(inputs []Port, params []Param) *Schema {
	scant := make([]Param, len(params))
	for i, p := range params {
		scant[i] = Param{Name: p.Name, Type: p.Type, Items: p.Items, Enum: p.Enum, Optional: p.Optional}
		if p.Default != nil {
			scant[i].Optional = true // it need not be given
		}
	}
	s := briefSchema(inputs, scant, func(p Port) string { return p.carries() })
	s.Closed = false
	for i := range s.Properties {
		s.Properties[i].Schema.MinItems, s.Properties[i].Schema.MaxItems = 0, 0
	}
	return s
}

// briefest is how long the first sentence about something may be in a
// [BriefSchema].
const briefest = 70

// brief is the first sentence of a text, or nothing if that is long.
func brief(text string) string {
	first, _, _ := strings.Cut(strings.Join(strings.Fields(text), " "), ". ")
	if len(first) > briefest {
		return ""
	}
	return first
}

// InputSchema describes the arguments of a call of something that has these
// ports and parameters, be it a step or a pipeline: for each port x a URI as
// x_uri (a list as x_uris when it carries many), or where it may be inline,
// the content itself as x; exactly one of the two. Other arguments are not
// allowed.
//
// What ties two arguments together is written as one "not", because makers of
// language models refuse oneOf, anyOf and allOf at the top of a tool's schema.
func InputSchema(inputs []Port, params []Param) *Schema {
	s := &Schema{Type: "object", Closed: true}
	var forbidden []*Schema
	for _, p := range inputs {
		uri := URIArgument(p)
		s.Properties = append(s.Properties, Property{uri, uriSchema(p)})
		switch {
		case p.Inline:
			s.Properties = append(s.Properties, Property{p.Name, inlineSchema(p)})
			forbidden = append(forbidden, &Schema{Required: []string{uri, p.Name}})
			if !p.Optional {
				forbidden = append(forbidden, &Schema{Properties: Properties{{uri, nil}, {p.Name, nil}}})
			}
		case !p.Optional:
			s.Required = append(s.Required, uri)
		}
	}
	switch len(forbidden) {
	case 0:
	case 1:
		s.Not = forbidden[0]
	default:
		s.Not = &Schema{AnyOf: forbidden}
	}
	for i := range params {
		p := &params[i]
		s.Properties = append(s.Properties, Property{p.Name, p.schema()})
		if p.Required() {
			s.Required = append(s.Required, p.Name)
		}
	}
	return s
}

// uriWords says what the URI of a port is of.
func uriWords(p Port) string {
	what := "URI of a " + p.carries()
	if p.Many {
		what = "URIs, each of a " + p.carries()
	}
	if p.Inline {
		what += fmt.Sprintf("; or give the content as %s", p.Name)
	}
	return what
}

func uriSchema(p Port) *Schema {
	what := uriWords(p)
	s := &Schema{Type: "string", Format: "uri", MinLength: 1}
	if !p.Many {
		s.Description = sentences(p.Description, what)
		return s
	}
	return &Schema{
		Type: "array", Items: s, Description: sentences(p.Description, what),
		MinItems: p.MinItems, MaxItems: p.MaxItems,
	}
}

func inlineSchema(p Port) *Schema {
	what := fmt.Sprintf("Content of a small %s, instead of %s", p.carries(), URIArgument(p))
	s := &Schema{Type: "string", MinLength: 1}
	if !p.Many {
		s.Description = sentences(what)
		return s
	}
	what = fmt.Sprintf("Contents of small values, each a %s, instead of %s", p.carries(), URIArgument(p))
	return &Schema{Type: "array", Items: s, Description: sentences(what), MinItems: p.MinItems, MaxItems: p.MaxItems}
}

// carries says what the port takes: `protein.structure (pdb or mmcif)`.
func (p *Port) carries() string {
	s := p.Type
	if len(p.Formats) > 0 {
		s += " (" + problem.List(p.Formats, "or") + ")"
	}
	if len(p.Columns) > 0 {
		s += " with the columns " + problem.List(p.Columns, "and")
	}
	if p.MaxLength > 0 {
		s += fmt.Sprintf(" of length %d at most", p.MaxLength)
	}
	return s
}

func (p *Param) schema() *Schema {
	s := p.schemaOf(p.Type)
	if p.Type == Array {
		s = &Schema{Type: string(Array), Items: p.schemaOf(p.Items), MaxItems: p.maxItems()}
	}
	unit := ""
	if p.Unit != "" {
		unit = "Unit: " + p.Unit
	}
	s.Description = sentences(p.Description, unit)
	s.Default = p.Default
	return s
}

// schemaOf describes one value: of the parameter, or of an array's items.
func (p *Param) schemaOf(typ ParamType) *Schema {
	s := &Schema{Type: string(typ), Enum: p.Enum, Minimum: p.Minimum, Maximum: p.Maximum}
	if typ == String && len(p.Enum) == 0 {
		if p.Type == String {
			s.MaxLength = p.MaxLength
		}
		if p.Pattern != "" && portable(p.Pattern) {
			s.Pattern = "^(?:" + p.Pattern + ")$"
		}
	}
	return s
}

// portable reports whether an RE2 pattern means the same as an ECMA-262 one,
// which is what JSON Schema asks for. Where not, only our own check applies.
func portable(pattern string) bool {
	for i := 0; i < len(pattern); i++ {
		switch pattern[i] {
		case '\\':
			if i++; i < len(pattern) && strings.IndexByte(`azAQECpPx`, pattern[i]) >= 0 {
				return false
			}
		case '(':
			if strings.HasPrefix(pattern[i:], "(?") && !strings.HasPrefix(pattern[i:], "(?:") {
				return false
			}
		case '[':
			if strings.HasPrefix(pattern[i:], "[[:") {
				return false
			}
		}
	}
	return true
}

// sentences joins parts into one text, each ending like a sentence.
func sentences(parts ...string) string {
	var out []string
	for _, p := range parts {
		if p = strings.TrimSpace(p); p == "" {
			continue
		}
		if !strings.HasSuffix(p, ".") {
			p += "."
		}
		out = append(out, p)
	}
	return strings.Join(out, " ")
}
