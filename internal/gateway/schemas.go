package gateway

import "encoding/json"

// property is one of a schema of the gateway's own.
type property struct {
	Type        string    `json:"type"`
	Description string    `json:"description,omitempty"`
	Enum        []string  `json:"enum,omitempty"`
	Items       *property `json:"items,omitempty"`
	Minimum     *int      `json:"minimum,omitempty"`
	Maximum     *int      `json:"maximum,omitempty"`
	Default     any       `json:"default,omitempty"`
}

type field struct {
	name     string
	property property
	required bool
}

func required(name string, p property) field { return field{name, p, true} }
func optional(name string, p property) field { return field{name, p, false} }

func text(description string) property {
	return property{Type: "string", Description: description}
}

func whole(description string, least, most, otherwise int) property {
	return property{Type: "integer", Description: description, Minimum: &least, Maximum: &most, Default: otherwise}
}

func flag(description string) property { return property{Type: "boolean", Description: description} }

var (
	runIDProperty     = text("As submit_… answered.")
	requestIDProperty = text("A UUID: repeated, the call gives the same run.")
)

// objectSchema is the schema of an object whose properties stay in order.
type objectSchema struct{ fields []field }

// object is the schema of arguments: these, and no others.
func object(fields ...field) any { return objectSchema{fields} }

// MarshalJSON writes it as JSON Schema.
func (o objectSchema) MarshalJSON() ([]byte, error) {
	out := []byte(`{"type":"object","properties":{`)
	var required []string
	for i, f := range o.fields {
		if i > 0 {
			out = append(out, ',')
		}
		name, err := json.Marshal(f.name)
		if err != nil {
			return nil, err
		}
		schema, err := json.Marshal(f.property)
		if err != nil {
			return nil, err
		}
		out = append(append(append(out, name...), ':'), schema...)
		if f.required {
			required = append(required, f.name)
		}
	}
	out = append(out, '}')
	if required != nil {
		list, err := json.Marshal(required)
		if err != nil {
			return nil, err
		}
		out = append(append(out, `,"required":`...), list...)
	}
	return append(out, `,"additionalProperties":false}`...), nil
}

// Output schemas say what a program can rely on and no more: they are in
// every list of tools, and a reply that says what went wrong has none of it.
var (
	submittedSchema = json.RawMessage(`{"type":"object","properties":{"run_id":{"type":"string"}}}`)
	statusSchema    = json.RawMessage(`{"type":"object","properties":{"run_id":{"type":"string"},"status":{"type":"string"},"poll_after_seconds":{"type":"integer"}}}`)
	summarySchema   = json.RawMessage(`{"type":"object","properties":{"run_id":{"type":"string"},"status":{"type":"string"},"metrics":{"type":"object"},"output_uris":{"type":"object"},"error":{"type":"object"}}}`)
	anySchema       = json.RawMessage(`{"type":"object"}`)
)

func yes() *bool { b := true; return &b }
func no() *bool  { b := false; return &b }
