package steps

import (
	"encoding/json"

	"github.com/ligase-bio/ligase/internal/problem"
)

// ParamType is the type of a parameter's value.
type ParamType string

const (
	String  ParamType = "string"
	Integer ParamType = "integer"
	Number  ParamType = "number"
	Boolean ParamType = "boolean"
	Array   ParamType = "array" // of Param.Items
)

// Param is a scalar (or a short list of scalars) that tunes a step.
type Param struct {
	Name        string    `json:"name"`
	Type        ParamType `json:"type"`
	Items       ParamType `json:"items,omitempty"` // of an Array: String, Integer or Number
	Description string    `json:"description,omitempty"`
	Unit        string    `json:"unit,omitempty"`
	Default     *Value    `json:"default,omitempty"`  // nil: must be given, unless Optional
	Optional    bool      `json:"optional,omitempty"` // may stay unset although it has no default
	Enum        []Value   `json:"enum,omitempty"`
	Minimum     *float64  `json:"minimum,omitempty"`
	Maximum     *float64  `json:"maximum,omitempty"`
	Pattern     string    `json:"pattern,omitempty"`    // strings: RE2, must match the whole value
	MaxLength   int       `json:"max_length,omitempty"` // strings: in characters; arrays: in items; 0: 64 KiB, 1,000 items

	Pos problem.Pos `json:"-"`
}

// Required reports whether a call must give the parameter.
func (p *Param) Required() bool { return p.Default == nil && !p.Optional }

// Value is a checked parameter value: a string, int64, float64, bool or a
// list of one of the first three. Its JSON is canonical: integers without a
// fraction, floats in the shortest form that reads back the same.
type Value struct {
	v any
}

// MarshalJSON writes the canonical JSON of the value.
func (v Value) MarshalJSON() ([]byte, error) { return json.Marshal(v.v) }
