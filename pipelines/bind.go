package pipelines

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/ligase-bio/ligase/dag"
	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/steps"
)

// Caps on a call's arguments.
const (
	MaxInputs     = 10_000  // values of all input ports together
	MaxParamBytes = 1 << 20 // of all parameters together
)

// Bind checks a call's arguments against the compiled pipeline and returns
// the plan, or problem.Problems with everything that is wrong; paths are
// inputs.x (inputs.x[3] for one of many) and params.y.
func (c *Compiled) Bind(a Arguments, types *steps.Types) (*Plan, error) {
	b := binder{c: c, types: types}
	plan := &Plan{Compiled: c, Makers: a.Makers}
	plan.Inputs = b.inputs(a.Inputs)
	plan.Params = b.params(a.Params)
	b.checkBounds(plan)
	if err := b.problems.Err(); err != nil {
		return nil, err
	}
	return plan, nil
}

type binder struct {
	c        *Compiled
	types    *steps.Types
	problems problem.Problems
}

func (b *binder) add(path string, code problem.Code, fix, format string, args ...any) {
	b.problems.Addf(problem.Pos{}, path, code, fix, format, args...)
}

func (b *binder) inputs(given map[string][]Input) map[string][]Input {
	b.unknown("input", slices.Sorted(maps.Keys(given)))
	total := 0
	for _, values := range given {
		total += len(values)
	}
	if total > MaxInputs {
		b.add("inputs", problem.TooLarge, "Split the work into several runs.", "%d input values are given; at most %d can be.", total, MaxInputs)
		return nil
	}
	var out map[string][]Input
	for i := range b.c.Inputs {
		p := &b.c.Inputs[i]
		values := given[p.Name]
		path := "inputs." + p.Name
		if len(values) == 0 {
			if !p.Optional && !(p.Many && p.MinItems == 0 && given[p.Name] != nil) {
				b.add(path, problem.Missing, fmt.Sprintf("Give it, as a URI or a file: %s=….", p.Name),
					"The input %q is missing: it takes %s.", p.Name, b.describe(p))
			}
			continue
		}
		switch {
		case !p.Many && len(values) > 1:
			b.add(path, problem.Cardinality, "Give one, or make a run for each.", "%d values are given for %q, which takes one.", len(values), p.Name)
		case p.Many && len(values) < p.MinItems:
			b.add(path, problem.Cardinality, "Give more.", "%q takes at least %d values; %d given.", p.Name, p.MinItems, len(values))
		case p.Many && p.MaxItems > 0 && len(values) > p.MaxItems:
			b.add(path, problem.Cardinality, "Give fewer, or make several runs.", "%q takes at most %d values; %d given.", p.Name, p.MaxItems, len(values))
		}
		for k := range values {
			at := path
			if p.Many {
				at = fmt.Sprintf("%s[%d]", path, k)
			}
			b.input(p, &values[k], at)
		}
		b.joins(p, values, path)
		if out == nil {
			out = make(map[string][]Input, len(b.c.Inputs))
		}
		out[p.Name] = slices.Clone(values)
	}
	return out
}

// input checks one value as far as its type is known.
func (b *binder) input(p *steps.Port, v *Input, path string) {
	if b.suits(v, p) {
		return
	}
	fix := "Give it " + b.describe(p) + "."
	var others []string
	for i := range b.c.Inputs {
		if o := &b.c.Inputs[i]; o != p && b.suits(v, o) {
			others = append(others, "`"+o.Name+"`")
		}
	}
	switch {
	case slices.ContainsFunc(b.types.Holding(p), func(h steps.TypeFormat) bool { return h.Type == v.Type && h.Format == v.Format }):
		fix = "It can hold several: give one of them, or use a pipeline that takes each."
	case v.Type != "" && len(others) > 0:
		fix = "It would fit " + problem.List(others, "or") + "."
	}
	is := "in the format " + v.Format
	if v.Type != "" && !b.types.Fits(v.Type, p.Type) {
		var formats []string
		if v.Format != "" {
			formats = []string{v.Format}
		}
		is = dag.Describe(b.types, v.Type, formats)
	}
	b.add(path, problem.TypeMismatch, fix, "%s is %s; `%s` takes %s.", subject(v), is, p.Name, b.describe(p))
}

func (b *binder) suits(v *Input, p *steps.Port) bool {
	return b.types.Takes(p, v.Type, v.Format)
}

func (b *binder) describe(p *steps.Port) string { return dag.Describe(b.types, p.Type, p.Formats) }

// subject is what begins a sentence about an input, cut when it is long.
func subject(v *Input) string {
	s := v.Origin
	if s == "" {
		s = "`" + v.URI.String() + "`"
	}
	const most = 200
	if utf8.RuneCountInString(s) > most {
		s = string([]rune(s)[:most]) + "…"
		if strings.Count(s, "`")%2 == 1 {
			s += "`"
		}
	}
	return capital(s)
}

func capital(s string) string {
	first, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(first)) + s[n:]
}

func (b *binder) params(given map[string]any) map[string]steps.Value {
	b.unknown("parameter", slices.Sorted(maps.Keys(given)))
	if size(given, MaxParamBytes) > MaxParamBytes {
		b.add("params", problem.TooLarge, "Put large values into a file and give that as an input.",
			"The parameters are larger than %d bytes.", MaxParamBytes)
		return nil
	}
	var out map[string]steps.Value
	for i := range b.c.Params {
		p := &b.c.Params[i]
		value, ok := b.param(p, given[p.Name])
		if !ok {
			continue
		}
		if out == nil {
			out = make(map[string]steps.Value, len(b.c.Params))
		}
		out[p.Name] = value
	}
	return out
}

// param is the value of a parameter, checked by its own limits and by those
// of the nodes that it goes to; false when it stays unset or is wrong.
func (b *binder) param(p *steps.Param, raw any) (steps.Value, bool) {
	path := "params." + p.Name
	if raw == nil { // JSON null is the same as not giving it
		if p.Default != nil {
			return *p.Default, true // checked by Compile
		}
		if !p.Optional {
			b.add(path, problem.Missing, fmt.Sprintf("Give it %s: %s=….", kindOf(p), p.Name), "The parameter %q must be set: it has no default.", p.Name)
		}
		return steps.Value{}, false
	}
	_, text := raw.(string)
	v, err := p.Check(raw, text)
	if err != nil {
		b.add(path, codeOf(err), sentence(err), "%q does not take this value.", p.Name)
		return steps.Value{}, false
	}
	for _, l := range b.c.limits[p.Name] {
		if _, err := l.param.Check(v.Any(), false); err != nil {
			b.add(path, codeOf(err), sentence(err), "`%s.%s`, which %q sets, does not take this value.", l.node, l.param.Name, p.Name)
			return steps.Value{}, false
		}
	}
	return v, true
}

// unknown reports arguments that the tool does not have: names of fields of
// definitions (image, command) are as unknown as any other.
func (b *binder) unknown(kind string, names []string) {
	const most = 20
	var reported int
	for _, name := range names {
		isInput, isParam := b.c.Input(name) != nil, b.c.Param(name) != nil
		if kind == "input" && isInput || kind == "parameter" && isParam {
			continue
		}
		path := kind + "s." + cut(name)
		if kind == "parameter" {
			path = "params." + cut(name)
		}
		if reported++; reported > most {
			b.add(kind+"s", problem.UnknownName, "Remove them.", "There are more unknown arguments.")
			return
		}
		switch {
		case isInput:
			b.add(path, problem.UnknownName, "Give it under inputs.", "%q is an input, not a parameter.", name)
		case isParam:
			b.add(path, problem.UnknownName, "Give it under params.", "%q is a parameter, not an input.", name)
		default:
			// Inputs and parameters share one list of names: a slip in either counts.
			fix := problem.DidYouMean(cut(name), append(b.names("input"), b.names("parameter")...))
			b.add(path, problem.UnknownName, orElse(fix, "Remove it."), "%s has no %s %q.", b.c.Tool.Name, kind, cut(name))
		}
	}
}

func (b *binder) names(kind string) []string {
	var names []string
	for i := range b.c.Inputs {
		if kind == "input" {
			names = append(names, b.c.Inputs[i].Name)
		}
	}
	for i := range b.c.Params {
		if kind == "parameter" {
			names = append(names, b.c.Params[i].Name)
		}
	}
	return names
}

func cut(name string) string {
	if len(name) <= 60 {
		return name
	}
	return strings.ToValidUTF8(name[:60], "") + "…"
}

// size is about how many bytes of JSON a value is; it stops counting over
// limit.
func size(v any, limit int) int {
	switch x := v.(type) {
	case string:
		return len(x) + 2
	case map[string]any:
		n := 2
		for k, v := range x {
			if n += len(k) + 4 + size(v, limit); n > limit {
				break
			}
		}
		return n
	case []any:
		n := 2
		for _, v := range x {
			if n += 1 + size(v, limit); n > limit {
				break
			}
		}
		return n
	case []string:
		n := 2
		for _, s := range x {
			n += len(s) + 3
		}
		return n
	case []int64:
		return 8 * len(x)
	case []float64:
		return 8 * len(x)
	}
	return 8
}

// sentence turns an error's text into one.
func sentence(err error) string {
	s := err.Error()
	if s == "" {
		return s
	}
	s = capital(s)
	if !strings.HasSuffix(s, ".") {
		s += "."
	}
	return s
}

// codeOf is the code of a value that a parameter does not take.
func codeOf(err error) problem.Code {
	if outside := new(steps.RangeError); errors.As(err, &outside) {
		return problem.OutOfRange
	}
	return problem.Invalid
}

// Digest identifies what the plan will do, in hex: equal digests mean the
// same definitions, implementations, parameters and inputs.
func (p *Plan) Digest() string {
	type identity struct {
		Compiled string                 `json:"compiled"`
		Inputs   map[string][]string    `json:"inputs"`
		Params   map[string]steps.Value `json:"params"`
	}
	id := identity{Compiled: p.Compiled.Digest(), Inputs: make(map[string][]string, len(p.Inputs)), Params: p.Params}
	for name, values := range p.Inputs {
		for i := range values {
			content := values[i].URI.String()
			if values[i].SHA256 != "" {
				content = "sha256:" + values[i].SHA256
			}
			id.Inputs[name] = append(id.Inputs[name], content)
		}
	}
	data, err := json.Marshal(id)
	if err != nil {
		// Only values that JSON has ever get into a Plan.
		panic(fmt.Sprintf("plan of %s: %v", p.Compiled.Tool, err))
	}
	return sum(data)
}

// NodeParams are the values of a node's parameters in this plan: those that
// are set, defaults included. It is empty for a node that is not there.
func (p *Plan) NodeParams(node string) map[string]steps.Value {
	n := p.Compiled.Node(node)
	if n == nil {
		return nil
	}
	s := p.Compiled.Steps[n.Step]
	out := make(map[string]steps.Value, len(n.Params))
	for name, set := range n.Params {
		if set.Value != nil {
			out[name] = *set.Value
			continue
		}
		param := s.Param(name)
		if v, given := p.Params[set.From]; given {
			// Bind has checked it; this only gives an integer as the number
			// that the step takes.
			if checked, err := param.Check(v.Any(), false); err == nil {
				out[name] = checked
			}
		} else if param.Default != nil {
			out[name] = *param.Default
		}
	}
	return out
}

// DecodePlan reads what json.Marshal wrote of a Plan.
func DecodePlan(data []byte) (*Plan, error) {
	p := new(Plan)
	if err := json.Unmarshal(data, p); err != nil {
		return nil, fmt.Errorf("plan: %w", err)
	}
	if p.Compiled == nil {
		return nil, errors.New("plan: there is no compiled pipeline in it")
	}
	if err := p.Compiled.restore(); err != nil {
		return nil, fmt.Errorf("plan of %s: %w", p.Compiled.Tool, err)
	}
	return p, nil
}
