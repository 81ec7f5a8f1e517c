package steps

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Value is a checked parameter value: a string, int64, float64, bool or a
// list of one of the first three. Its JSON is canonical: integers without a
// fraction, floats with a fraction or exponent in the shortest form that
// reads back the same, so that its kind survives.
type Value struct {
	v any
}

// NewValue checks that v (as JSON, YAML or Go gives it) is of a kind that a
// parameter can have.
func NewValue(v any) (Value, error) {
	switch x := v.(type) {
	case nil:
		return Value{}, errors.New("there is no value")
	case Value:
		return x, nil
	case bool:
		return Value{x}, nil
	case string:
		return Value{x}, checkText(x)
	case float64:
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return Value{}, errors.New("NaN and infinities are not values")
		}
		return Value{x + 0}, nil // no negative zero
	case float32:
		return NewValue(float64(x))
	case json.Number:
		if i, err := strconv.ParseInt(string(x), 10, 64); err == nil {
			return Value{i}, nil
		}
		f, err := strconv.ParseFloat(string(x), 64)
		if err != nil {
			return Value{}, fmt.Errorf("%.40s is too large", x)
		}
		return NewValue(f)
	case []any:
		return listValue(x)
	}
	r := reflect.ValueOf(v)
	switch {
	case r.CanInt():
		return Value{r.Int()}, nil
	case r.CanUint():
		if r.Uint() > math.MaxInt64 {
			return Value{}, fmt.Errorf("%d is too large", r.Uint())
		}
		return Value{int64(r.Uint())}, nil
	case r.Kind() == reflect.Slice:
		items := make([]any, r.Len())
		for i := range items {
			items[i] = r.Index(i).Interface()
		}
		return listValue(items)
	}
	return Value{}, fmt.Errorf("%T is not a kind of value that a parameter has", v)
}

// listValue makes a list of one kind; whole numbers among floats are floats.
func listValue(items []any) (Value, error) {
	values := make([]Value, len(items))
	strs, ints, floats := 0, 0, 0
	for i, item := range items {
		v, err := NewValue(item)
		if err != nil {
			return Value{}, fmt.Errorf("item %d: %w", i+1, err)
		}
		switch v.v.(type) {
		case string:
			strs++
		case int64:
			ints++
		case float64:
			floats++
		default:
			return Value{}, fmt.Errorf("item %d: a list holds texts or numbers", i+1)
		}
		values[i] = v
	}
	switch len(values) {
	case strs:
		return Value{collect[string](values)}, nil
	case ints:
		return Value{collect[int64](values)}, nil
	case ints + floats:
		out := make([]float64, len(values))
		for i, v := range values {
			out[i] = v.float()
		}
		return Value{out}, nil
	}
	return Value{}, errors.New("a list holds either texts or numbers")
}

func collect[T any](values []Value) []T {
	out := make([]T, len(values))
	for i, v := range values {
		out[i] = v.v.(T)
	}
	return out
}

// checkText refuses what cannot be an argument of a command.
func checkText(s string) error {
	switch {
	case !utf8.ValidString(s):
		return errors.New("the text is not valid UTF-8")
	case strings.IndexByte(s, 0) >= 0:
		return errors.New("the text has a NUL character")
	}
	return nil
}

// Any returns the value: string, int64, float64, bool, []string, []int64 or
// []float64; nil for the zero Value. Lists are shared: do not change them.
func (v Value) Any() any { return v.v }

// IsZero reports whether v holds no value at all.
func (v Value) IsZero() bool { return v.v == nil }

// Equal reports whether two values are of the same kind and the same.
func (v Value) Equal(other Value) bool { return reflect.DeepEqual(v.v, other.v) }

func (v Value) float() float64 {
	if i, is := v.v.(int64); is {
		return float64(i)
	}
	f, _ := v.v.(float64)
	return f
}

// String renders the value as one argv element: integers and floats in their
// shortest form, booleans as true and false, lists joined by commas.
func (v Value) String() string {
	switch x := v.v.(type) {
	case string:
		return x
	case int64:
		return strconv.FormatInt(x, 10)
	case float64:
		return shortest(x)
	case bool:
		return strconv.FormatBool(x)
	case []string:
		return strings.Join(x, ",")
	case []int64:
		return joinWith(x, func(i int64) string { return strconv.FormatInt(i, 10) })
	case []float64:
		return joinWith(x, shortest)
	}
	return ""
}

func joinWith[T any](items []T, text func(T) string) string {
	out := make([]string, len(items))
	for i, item := range items {
		out[i] = text(item)
	}
	return strings.Join(out, ",")
}

// shortest is plain decimal notation where that stays readable: many tools
// read 0.00001 but not 1e-05.
func shortest(f float64) string {
	if a := math.Abs(f); a == 0 || 1e-9 <= a && a < 1e15 {
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	return strconv.FormatFloat(f, 'g', -1, 64)
}

// MarshalJSON writes the canonical JSON of the value.
func (v Value) MarshalJSON() ([]byte, error) {
	switch x := v.v.(type) {
	case float64:
		return appendFloat(nil, x), nil
	case []float64:
		out := []byte{'['}
		for i, f := range x {
			if i > 0 {
				out = append(out, ',')
			}
			out = appendFloat(out, f)
		}
		return append(out, ']'), nil
	}
	return json.Marshal(v.v)
}

func appendFloat(out []byte, f float64) []byte {
	data, err := json.Marshal(f)
	if err != nil {
		return append(out, "null"...) // NewValue lets no such float in
	}
	out = append(out, data...)
	if !bytes.ContainsAny(data, ".eE") {
		out = append(out, ".0"...)
	}
	return out
}

// UnmarshalJSON reads what MarshalJSON wrote: a number without fraction or
// exponent is an integer.
func (v *Value) UnmarshalJSON(data []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var raw any
	if err := decoder.Decode(&raw); err != nil {
		return err
	}
	if raw == nil {
		*v = Value{}
		return nil
	}
	read, err := NewValue(raw)
	if err != nil {
		return err
	}
	*v = read
	return nil
}
