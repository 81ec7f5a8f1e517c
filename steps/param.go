package steps

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

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

// Lengths that hold where a parameter names none.
const (
	DefaultMaxLength = 64 << 10 // characters of a string
	DefaultMaxItems  = 1000     // items of an array
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
	Enum        []Value   `json:"enum,omitempty"`     // of an Array: what its items may be, as the limits below
	Minimum     *float64  `json:"minimum,omitempty"`
	Maximum     *float64  `json:"maximum,omitempty"`
	Pattern     string    `json:"pattern,omitempty"`    // strings: RE2, must match the whole value
	MaxLength   int       `json:"max_length,omitempty"` // strings: in characters; arrays: in items; 0: DefaultMaxLength, DefaultMaxItems

	Pos problem.Pos `json:"-"`
}

// Required reports whether a call must give the parameter.
func (p *Param) Required() bool { return p.Default == nil && !p.Optional }

// Check reads a value for the parameter: converts what JSON, YAML or (with
// text) a command line gave, and applies enum, range, pattern and length.
// Lists are written with commas on a command line. The error is a sentence
// that says what is allowed; a [RangeError] when the value is of the right kind
// but outside the limits.
func (p *Param) Check(raw any, text bool) (Value, error) {
	if v, is := raw.(Value); is {
		raw = v.v
	}
	if p.Type != Array {
		return p.checkOne(p.Type, raw, text)
	}
	items, err := p.items(raw, text)
	if err != nil {
		return Value{}, err
	}
	if most := p.maxItems(); len(items) > most {
		return Value{}, outside("Give at most %d items, not %d.", most, len(items))
	}
	values := make([]Value, len(items))
	for i, item := range items {
		v, err := p.checkOne(p.Items, item, text)
		if err != nil {
			return Value{}, fmt.Errorf("Item %d: %w", i+1, err)
		}
		values[i] = v
	}
	switch p.Items {
	case Integer:
		return Value{collect[int64](values)}, nil
	case Number:
		return Value{collect[float64](values)}, nil
	}
	return Value{collect[string](values)}, nil
}

// RangeError is a sentence about a value that is too large, too small or too
// long for its parameter.
type RangeError struct{ sentence string }

func (e *RangeError) Error() string { return e.sentence }

func outside(format string, args ...any) error { return &RangeError{fmt.Sprintf(format, args...)} }

func (p *Param) maxItems() int {
	if p.MaxLength > 0 {
		return p.MaxLength
	}
	return DefaultMaxItems
}

func (p *Param) items(raw any, text bool) ([]any, error) {
	var items []any
	switch x := raw.(type) {
	case []any:
		return x, nil
	case string:
		if !text {
			break
		}
		if strings.TrimSpace(x) == "" {
			return nil, nil
		}
		for item := range strings.SplitSeq(x, ",") {
			items = append(items, strings.TrimSpace(item))
		}
		return items, nil
	default:
		v, err := NewValue(raw)
		if err != nil {
			break
		}
		switch x := v.v.(type) {
		case []string:
			return anys(x), nil
		case []int64:
			return anys(x), nil
		case []float64:
			return anys(x), nil
		}
	}
	return nil, fmt.Errorf("Give a list of %s, not %s.", p.want(p.Items, true), describeRaw(raw))
}

func anys[T any](list []T) []any {
	out := make([]any, len(list))
	for i, item := range list {
		out[i] = item
	}
	return out
}

func (p *Param) checkOne(typ ParamType, raw any, text bool) (Value, error) {
	v, err := convert(typ, raw, text)
	if err != nil {
		if errors.Is(err, errOtherKind) {
			return Value{}, fmt.Errorf("Give %s, not %s.", p.want(typ, false), describeRaw(raw))
		}
		return Value{}, err
	}
	if len(p.Enum) > 0 {
		if !slices.ContainsFunc(p.Enum, v.Equal) {
			return Value{}, p.notInEnum(v)
		}
		return v, nil
	}
	switch x := v.v.(type) {
	case int64, float64:
		f := v.float()
		if p.Minimum != nil && f < *p.Minimum || p.Maximum != nil && f > *p.Maximum {
			return Value{}, outside("Give %s, not %s.", p.want(typ, false), v)
		}
	case string:
		return v, p.checkString(x)
	}
	return v, nil
}

func (p *Param) checkString(s string) error {
	most := p.MaxLength
	if most == 0 || p.Type == Array {
		most = DefaultMaxLength
	}
	if n := utf8.RuneCountInString(s); n > most {
		return outside("Give at most %d characters, not %d.", most, n)
	}
	if p.Pattern == "" {
		return nil
	}
	re, err := regexp.Compile(wholePattern(p.Pattern))
	if err != nil {
		return fmt.Errorf("The pattern of this parameter is not valid (%w); mend its definition.", err)
	}
	if !re.MatchString(s) {
		return fmt.Errorf("Give a text that matches %s, not %.60q.", p.Pattern, s)
	}
	return nil
}

func wholePattern(pattern string) string { return `\A(?:` + pattern + `)\z` }

func (p *Param) notInEnum(v Value) error {
	var allowed []string
	for _, e := range p.Enum {
		allowed = append(allowed, e.String())
	}
	shown := allowed
	if len(shown) > 20 {
		shown = append(slices.Clone(shown[:20]), fmt.Sprintf("%d more", len(allowed)-20))
	}
	did := ""
	if near := problem.Nearest(v.String(), allowed); near != "" && len(allowed) > 3 {
		did = fmt.Sprintf(" Did you mean %q?", near)
	}
	return fmt.Errorf("Give one of %s, not %.60q.%s", strings.Join(shown, ", "), v.String(), did)
}

// want says in words what the parameter takes.
func (p *Param) want(typ ParamType, plural bool) string {
	word, words := "a text", "texts"
	switch typ {
	case Integer:
		word, words = "a whole number", "whole numbers"
	case Number:
		word, words = "a number", "numbers"
	case Boolean:
		return "true or false"
	}
	if plural {
		word = words
	}
	if typ == String {
		return word
	}
	unit := ""
	if p.Unit != "" {
		unit = " (" + p.Unit + ")"
	}
	switch {
	case p.Minimum != nil && p.Maximum != nil:
		return fmt.Sprintf("%s from %s to %s%s", word, shortest(*p.Minimum), shortest(*p.Maximum), unit)
	case p.Minimum != nil:
		return fmt.Sprintf("%s of at least %s%s", word, shortest(*p.Minimum), unit)
	case p.Maximum != nil:
		return fmt.Sprintf("%s of at most %s%s", word, shortest(*p.Maximum), unit)
	}
	return word + unit
}

var errOtherKind = errors.New("another kind of value")

// convert makes a value of the wanted kind, without loss, or fails with
// errOtherKind.
func convert(typ ParamType, raw any, text bool) (Value, error) {
	if s, is := raw.(string); is && text && typ != String {
		var err error
		if raw, err = fromText(typ, strings.TrimSpace(s)); err != nil {
			return Value{}, err
		}
	}
	if n, is := raw.(json.Number); is && typ == Integer {
		return exactInteger(string(n))
	}
	v, err := NewValue(raw)
	if err != nil {
		if raw == nil {
			return Value{}, errOtherKind
		}
		return Value{}, fmt.Errorf("This cannot be used: %w.", err)
	}
	switch x := v.v.(type) {
	case string:
		if typ == String {
			return v, nil
		}
	case bool:
		if typ == Boolean {
			return v, nil
		}
	case int64:
		switch typ {
		case Integer:
			return v, nil
		case Number:
			return Value{float64(x)}, nil
		}
	case float64:
		switch typ {
		case Number:
			return v, nil
		case Integer:
			// Up to here every whole float is exactly one integer.
			if x == math.Trunc(x) && math.Abs(x) <= 1<<53 {
				return Value{int64(x)}, nil
			}
			if x == math.Trunc(x) {
				return Value{}, errTooLarge
			}
		}
	}
	return Value{}, errOtherKind
}

var (
	errTooLarge = errors.New("Give a whole number that fits into 64 bits.")
	numberForm  = regexp.MustCompile(`^[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]{1,4})?$`)
)

func fromText(typ ParamType, s string) (any, error) {
	switch typ {
	case Boolean:
		switch s {
		case "true":
			return true, nil
		case "false":
			return false, nil
		}
		return nil, errOtherKind
	default:
		if !numberForm.MatchString(s) { // no hexadecimal, underscores, NaN or Inf
			return nil, errOtherKind
		}
		return json.Number(strings.TrimPrefix(s, "+")), nil
	}
}

func exactInteger(s string) (Value, error) {
	if i, err := strconv.ParseInt(s, 10, 64); err == nil {
		return Value{i}, nil
	}
	f, err := strconv.ParseFloat(s, 64)
	switch {
	case errors.Is(err, strconv.ErrRange):
		return Value{}, errTooLarge
	case err != nil || f != math.Trunc(f):
		return Value{}, errOtherKind
	case math.Abs(f) > 1<<53:
		return Value{}, errTooLarge
	}
	return Value{int64(f)}, nil
}

func describeRaw(raw any) string {
	switch x := raw.(type) {
	case nil:
		return "nothing"
	case string:
		return fmt.Sprintf("the text %.60q", x)
	case bool, json.Number, int, int64, float64:
		return fmt.Sprint(x)
	case map[string]any:
		return "an object"
	}
	if v, err := NewValue(raw); err == nil && !strings.Contains(fmt.Sprintf("%T", v.v), "[") {
		return v.String()
	}
	return "a list"
}
