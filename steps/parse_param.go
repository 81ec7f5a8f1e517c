package steps

import (
	"fmt"
	"math"
	"slices"

	"github.com/ligase-bio/ligase/internal/definition"
	"github.com/ligase-bio/ligase/internal/problem"
)

// DecodeParams reads parameters, in the order written.
func DecodeParams(n *definition.Node) []Param {
	var params []Param
	for _, entry := range n.Entries() {
		params = append(params, decodeParam(entry))
	}
	return params
}

func decodeParam(n *definition.Node) Param {
	f := n.Fields()
	p := Param{
		Name:        n.Key(),
		Type:        definition.OneOf(f.Need("type"), String, Integer, Number, Boolean, Array),
		Items:       definition.OneOf(f.Get("items"), String, Integer, Number),
		Description: f.Get("description").Text(),
		Unit:        f.Get("unit").Text(),
		Optional:    f.Get("optional").Bool(),
		Minimum:     limit(f.Get("minimum")),
		Maximum:     limit(f.Get("maximum")),
		MaxLength:   int(f.Get("max_length").Int(1, DefaultMaxLength)),
		Pos:         n.KeyPos(),
	}
	if re := regex(f.Get("pattern")); re != nil {
		p.Pattern = re.String()
	}
	enum, given := f.Get("enum"), f.Get("default")
	values := enum.List()
	f.Done()
	if p.Type == "" {
		return p
	}
	before := n.Document().Count()
	p.checkLimits(f)
	if n.Document().Count() == before {
		p.Enum = p.decodeEnum(enum, values)
	}
	if given.Given() && p.Optional {
		given.KeyProblem(problem.Invalid, "Remove optional or default.",
			"The parameter has a default, so it is never unset.")
	}
	// Judged by wrong limits the default would be a second problem.
	if given.Given() && n.Document().Count() == before {
		raw := given.Literal()
		if v, err := p.Check(raw, false); raw != nil && err != nil {
			given.Problem(problem.OutOfRange, err.Error(), "The default is not a value that the parameter takes.")
		} else if raw != nil {
			p.Default = &v
		}
	}
	return p
}

func limit(n *definition.Node) *float64 {
	if !n.Given() || n.Broken() {
		return nil
	}
	v := n.Float()
	return &v
}

// checkLimits reports limits that the parameter's type does not have, and
// those that leave nothing over.
func (p *Param) checkLimits(f *definition.Fields) {
	one := p.Type // of the value, or of an array's items
	items := f.Get("items")
	if p.Type == Array {
		one = p.Items
		if !items.Given() {
			f.Node().KeyProblem(problem.Missing, "Add items: string, integer or number.", "An array needs items.")
			return
		}
		if one == "" {
			return
		}
	} else if items.Given() {
		items.KeyProblem(problem.Invalid, "Remove it, or write type: array.", "items is about arrays.")
	}
	numeric := one == Integer || one == Number
	refuse := func(field, about string, ok bool) {
		if item := f.Get(field); item.Given() && !ok {
			item.KeyProblem(problem.Invalid, "Remove it.", "%s is about %s; this is of type %s.", field, about, p.Type)
		}
	}
	refuse("minimum", "numbers", numeric)
	refuse("maximum", "numbers", numeric)
	refuse("pattern", "strings", one == String)
	refuse("max_length", "strings and arrays", p.Type == String || p.Type == Array)
	refuse("enum", "strings and numbers", one != Boolean)
	if !numeric {
		return
	}
	if one == Integer {
		for _, field := range []string{"minimum", "maximum"} {
			v := p.Minimum
			if field == "maximum" {
				v = p.Maximum
			}
			if v != nil && (*v != math.Trunc(*v) || math.Abs(*v) > 1<<53) {
				f.Get(field).Problem(problem.Invalid, "Write a whole number of at most 53 bits.", "The %s of an integer is not such a number.", field)
			}
		}
	}
	if p.Minimum != nil && p.Maximum != nil && *p.Minimum > *p.Maximum {
		f.Get("minimum").Problem(problem.OutOfRange, fmt.Sprintf("Write %s or less.", shortest(*p.Maximum)),
			"minimum is larger than maximum: no value is left.")
	}
}

func (p *Param) decodeEnum(n *definition.Node, items []*definition.Node) []Value {
	if n.Shape() == definition.List && len(items) == 0 {
		n.Problem(problem.Missing, "Add the values, or remove enum.", "The enum is empty.")
	}
	one := Param{Type: p.Type, Minimum: p.Minimum, Maximum: p.Maximum, Pattern: p.Pattern}
	if p.Type == Array {
		one.Type = p.Items
	} else {
		one.MaxLength = p.MaxLength
	}
	var values []Value
	for _, item := range items {
		raw := item.Literal()
		if raw == nil {
			if item.Shape() == definition.Null {
				item.Problem(problem.Missing, "Write a value or remove it.", "A value of the enum is empty.")
			}
			continue
		}
		v, err := one.Check(raw, false)
		switch {
		case err != nil:
			fix := err.Error()
			if one.Type == String && item.Shape() != definition.List {
				fix = fmt.Sprintf("Put it in quotes: %q.", fmt.Sprint(raw))
			}
			item.Problem(problem.Invalid, fix, "This value of the enum is not one that the parameter takes.")
		case slices.ContainsFunc(values, v.Equal):
			item.Problem(problem.Duplicate, "Remove one of them.", "The value %.60q is given twice.", v.String())
		default:
			values = append(values, v)
		}
	}
	return values
}
