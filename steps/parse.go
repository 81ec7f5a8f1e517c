package steps

import (
	"fmt"
	"math"
	"slices"

	"github.com/ligase-bio/ligase/internal/definition"
	"github.com/ligase-bio/ligase/internal/problem"
)

// ParseStep reads the file of a step. With any problem the step is nil.
func ParseStep(file string, data []byte) (*Step, problem.Problems) {
	s, ps := DecodeStep(definition.Parse(file, data))
	if len(ps) > 0 {
		return nil, ps
	}
	return s, nil
}

// DecodeStep reads a step from a parsed file. The problems are all that the
// document has, those of parsing too. With any, the step is what could be
// read, and its Gaps say what could not, so that what uses it can be checked
// all the same; it is nil when there are no fields to read, or more problems
// than are counted. Whether the types of its ports exist is for
// [Types.CheckPorts].
func DecodeStep(doc *definition.Document) (*Step, problem.Problems) {
	f := doc.Root().Fields()
	s := &Step{
		Name:        DecodeName(f.Need("name"), "a step"),
		Version:     DecodeVersion(f.Need("version")),
		Title:       title(f.Need("title")),
		Description: f.Need("description").Text(),
		Duration:    DecodeDuration(f.Get("duration")),
		Inputs:      DecodeInputs(f.Get("inputs")),
		Params:      DecodeParams(f.Get("params")),
		Outputs:     decodeOutputs(f.Need("outputs")),
		Metrics:     decodeMetrics(f.Get("metrics")),
		Pos:         doc.Root().Pos(),
	}
	CheckNames(doc.Root())
	if outputs := f.Get("outputs"); outputs.Shape() == definition.Mapping && len(outputs.Entries()) == 0 {
		outputs.Problem(problem.Missing, "Add one.", "The step has no output.")
	}
	for _, n := range f.Get("outputs").Entries() {
		checkCount(n, s)
		checkLength(n, s)
	}
	used := &references{inputs: map[string]bool{}, params: map[string]bool{}}
	implementations := f.Need("implementations")
	for _, n := range implementations.Entries() {
		s.Implementations = append(s.Implementations, decodeImplementation(n, s, used))
	}
	if implementations.Shape() == definition.Mapping && len(s.Implementations) == 0 {
		implementations.Problem(problem.Missing, "Add one.", "The step has no implementation.")
	}
	checkMeasurers(f.Get("metrics"), s)
	f.Done()
	if len(s.Implementations) > 0 {
		checkUse(s, used, f)
	}
	ps := doc.Problems()
	if doc.Root().Shape() != definition.Mapping || len(ps) > definition.MaxProblems {
		return nil, ps
	}
	s.Gaps = GapsOf(doc, []string{"name", "outputs", "implementations"}, []string{"inputs", "params"})
	if s.Gaps.Cover("inputs") || s.Gaps.Cover("params") || s.Gaps.Cover("outputs") {
		// What implementations refer to may stand in what could not be read.
		ps = slices.DeleteFunc(ps, func(p problem.Problem) bool {
			return p.Code == problem.UnknownName && below(p.Path, "implementations")
		})
	}
	return s, ps
}

// checkUse reports what no implementation uses: a caller would give it for
// nothing.
func checkUse(s *Step, used *references, f *definition.Fields) {
	if used.unclear {
		return
	}
	for _, o := range s.Outputs {
		used.params[o.Count] = true
	}
	for _, n := range f.Get("inputs").Entries() {
		if !used.inputs[n.Key()] {
			n.KeyProblem(problem.Unreachable, fmt.Sprintf("Use $(inputs.%s) in a command, or remove the input.", n.Key()),
				"No implementation uses the input %s.", n.Key())
		}
	}
	for _, n := range f.Get("params").Entries() {
		if !used.params[n.Key()] {
			n.KeyProblem(problem.Unreachable, fmt.Sprintf("Use $(params.%s) in a command, or remove the parameter.", n.Key()),
				"No implementation uses the parameter %s.", n.Key())
		}
	}
}

// DecodeName reads the name of a definition; what is "a step" or the like.
func DecodeName(n *definition.Node, what string) string {
	s := n.Text()
	if n.Shape() == definition.Text && !ValidName(s) {
		n.Problem(problem.Invalid, nameRule, "%.60q cannot name %s.", s, what)
	}
	return s
}

// DecodeVersion reads the version of a definition.
func DecodeVersion(n *definition.Node) string {
	if n.Shape() == definition.Number {
		n.Problem(problem.Invalid, `Write three numbers, like 1.0.0.`, "The version has fewer than three numbers.")
		return ""
	}
	s := n.Text()
	if n.Shape() == definition.Text && !ValidVersion(s) {
		n.Problem(problem.Invalid, "Write three numbers, like 1.0.0.", "%.60q is not a semantic version.", s)
	}
	return s
}

// DecodeDuration reads an order of magnitude.
func DecodeDuration(n *definition.Node) Duration {
	return definition.OneOf(n, Seconds, Minutes, Hours)
}

// reserved names are words of commands, folders and calls.
var reserved = []string{
	"attempt", "client_request_id", "implementation", "inputs", "meta",
	"outputs", "params", "result", "run_id", "work",
}

// Reserved reports whether a name is one that no port, parameter or node can
// have.
func Reserved(name string) bool { return slices.Contains(reserved, name) }

// CheckNames checks the names of a definition's inputs, params and outputs:
// their form, that none is reserved, and that no two are the same or would
// be the same argument of a call.
func CheckNames(root *definition.Node) {
	f := root.Fields()
	type taker struct {
		section string
		name    string
		line    int
	}
	taken := map[string]taker{}
	for _, section := range []string{"inputs", "params", "outputs"} {
		n := f.Get(section)
		if n.Shape() != definition.Mapping {
			continue
		}
		for _, port := range n.Entries() {
			name := port.Key()
			if !checkName(port, "a port or parameter") {
				continue
			}
			if Reserved(name) {
				port.KeyProblem(problem.NotAllowed, "Choose another name.", "The name %s is reserved.", name)
				continue
			}
			arguments := []string{name}
			if section == "inputs" {
				arguments = append(arguments, name+uriSuffix, name+urisSuffix)
			}
			for _, a := range arguments {
				first, clash := taken[a]
				switch {
				case clash && first.name == name:
					port.KeyProblem(problem.Duplicate, "Rename one of them.",
						"%s is in %s already (line %d); inputs, params and outputs share one list of names.", name, first.section, first.line)
				case clash:
					port.KeyProblem(problem.Duplicate, "Rename one of them.",
						"%s clashes with the argument %s that the input %s (line %d) has in calls.", name, a, nameOfInput(first.name, name), first.line)
				default:
					taken[a] = taker{section, name, port.KeyPos().Line}
					continue
				}
				break
			}
		}
	}
}

// nameOfInput is the one of two clashing names that the longer comes from.
func nameOfInput(a, b string) string {
	if len(a) < len(b) {
		return a
	}
	return b
}

// DecodeInputs reads input ports, in the order written.
func DecodeInputs(n *definition.Node) []Port {
	var ports []Port
	for _, entry := range n.Entries() {
		f := entry.Fields()
		p := decodePort(entry, f)
		for _, format := range f.Get("format").ListOrOne() {
			p.addFormat(format)
		}
		p.Inline = f.Get("inline").Bool()
		p.MaxLength = int(f.Get("max_length").Int(1, math.MaxInt32))
		f.Done()
		ports = append(ports, p)
	}
	return ports
}

func decodeOutputs(n *definition.Node) []Port {
	var ports []Port
	for _, entry := range n.Entries() {
		f := entry.Fields()
		p := decodePort(entry, f)
		format := f.Need("format")
		switch list := format.List; {
		case format.Shape() != definition.List:
			p.addFormat(format)
		case len(list()) == 1:
			p.addFormat(list()[0])
		default:
			format.Problem(problem.Invalid, "Name the one that comes out.", "An output has exactly one format.")
		}
		p.Count = f.Get("count").Text()
		length := f.Get("length")
		if length.Shape() == definition.Mapping {
			of := length.Fields()
			p.Length, p.LengthUnless = of.Need("of").Text(), of.Need("unless").Text()
			of.Done()
		} else {
			p.Length = length.Text()
		}
		f.Done()
		ports = append(ports, p)
	}
	return ports
}

// decodePort reads what inputs and outputs have in common.
func decodePort(n *definition.Node, f *definition.Fields) Port {
	p := Port{
		Name:        n.Key(),
		Type:        f.Need("type").Text(),
		Description: f.Get("description").Text(),
		Many:        f.Get("many").Bool(),
		Optional:    f.Get("optional").Bool(),
		MinItems:    int(f.Get("min_items").Int(0, math.MaxInt32)),
		MaxItems:    int(f.Get("max_items").Int(1, math.MaxInt32)),
		Pos:         n.KeyPos(),
	}
	if t := f.Get("type"); t.Shape() == definition.Text && !ValidTypeName(p.Type) {
		t.Problem(problem.Invalid, "Use lower-case names joined by dots, like protein.structure.", "%.60q cannot be a type.", p.Type)
	}
	for _, c := range f.Get("columns").ListOrOne() {
		column := c.Text()
		if column != "" && slices.Contains(p.Columns, column) {
			c.Problem(problem.Duplicate, "Remove one of them.", "The column %.60s is given twice.", column)
			continue
		}
		if column != "" {
			p.Columns = append(p.Columns, column)
		}
	}
	if !p.Many {
		for _, field := range []string{"min_items", "max_items", "count"} {
			if item := f.Get(field); f.Has(field) {
				item.KeyProblem(problem.Cardinality, "Add many: true, or remove it.", "%s is about ports that carry many.", field)
			}
		}
		return p
	}
	if !f.Has("min_items") {
		p.MinItems = 1
	}
	if p.MaxItems > 0 && p.MinItems > p.MaxItems {
		f.Get("min_items").Problem(problem.OutOfRange, fmt.Sprintf("Write %d or less.", p.MaxItems),
			"min_items is larger than max_items.")
	}
	return p
}

func (p *Port) addFormat(n *definition.Node) {
	s := n.Text()
	switch {
	case s == "":
	case !ValidName(s):
		n.Problem(problem.Invalid, nameRule, "%.60q cannot be a format.", s)
	case slices.Contains(p.Formats, s):
		n.Problem(problem.Duplicate, "Remove one of them.", "The format %s is given twice.", s)
	default:
		p.Formats = append(p.Formats, s)
	}
}

func checkCount(n *definition.Node, s *Step) {
	if n.Shape() != definition.Mapping {
		return
	}
	count := n.Fields().Get("count")
	name := count.Text()
	if name == "" {
		return
	}
	var integers []string
	for _, p := range s.Params {
		if p.Type == Integer {
			integers = append(integers, p.Name)
		}
	}
	switch p := s.Param(name); {
	case p == nil:
		fix := problem.DidYouMean(name, integers)
		if fix == "" {
			fix = "Add an integer parameter of that name, or remove count."
		}
		count.Problem(problem.UnknownName, fix, "There is no parameter %.60q.", name)
	case p.Type != "" && p.Type != Integer:
		count.Problem(problem.TypeMismatch, "Name an integer parameter, or remove count.", "The parameter %s is no integer.", name)
	case p.Optional:
		count.Problem(problem.Invalid, fmt.Sprintf("Give %s a default, or remove count.", name),
			"The parameter %s may stay unset, and then says nothing about how many.", name)
	}
}

// checkLength checks what says how long an output's values are.
func checkLength(n *definition.Node, s *Step) {
	if n.Shape() != definition.Mapping {
		return
	}
	length := n.Fields().Get("length")
	if length.Shape() != definition.Mapping {
		decodeMeasure(length, s, true)
		return
	}
	of := length.Fields()
	decodeMeasure(of.Get("of"), s, true)
	if unless := of.Get("unless"); unless.Text() != "" && s.Param(unless.Text()) == nil {
		var names []string
		for i := range s.Params {
			names = append(names, s.Params[i].Name)
		}
		unless.Problem(problem.UnknownName, problem.DidYouMean(unless.Text(), names), "There is no parameter %.60q.", unless.Text())
	}
}

func decodeMetrics(n *definition.Node) []Metric {
	var metrics []Metric
	for _, entry := range n.Entries() {
		checkName(entry, "a metric")
		f := entry.Fields()
		m := Metric{
			Name:        entry.Key(),
			Unit:        f.Get("unit").Text(),
			Minimum:     bound(f.Get("minimum")),
			Maximum:     bound(f.Get("maximum")),
			Better:      definition.OneOf(f.Get("better"), "higher", "lower"),
			Description: f.Get("description").Text(),
		}
		for _, item := range f.Get("by").ListOrOne() {
			if name := item.Text(); name != "" {
				m.By = append(m.By, name)
			}
		}
		if m.Minimum != nil && m.Maximum != nil && *m.Minimum >= *m.Maximum {
			f.Get("minimum").Problem(problem.OutOfRange, fmt.Sprintf("Write less than %s.", shortest(*m.Maximum)), "minimum is not less than maximum.")
		}
		f.Done()
		metrics = append(metrics, m)
	}
	return metrics
}

func bound(n *definition.Node) *float64 {
	before := n.Document().Count()
	if !n.Given() {
		return nil
	}
	if x := n.Float(); n.Document().Count() == before {
		return &x
	}
	return nil
}

// checkMeasurers checks that what is said to measure a metric is there.
func checkMeasurers(n *definition.Node, s *Step) {
	var names []string
	for i := range s.Implementations {
		names = append(names, s.Implementations[i].Name)
	}
	for _, entry := range n.Entries() {
		if entry.Shape() != definition.Mapping {
			continue
		}
		seen := map[string]bool{}
		for _, item := range entry.Fields().Get("by").ListOrOne() {
			switch name := item.Text(); {
			case name == "":
			case !slices.Contains(names, name):
				item.Problem(problem.UnknownName, problem.DidYouMean(name, names), "There is no implementation %.60q.", name)
			case seen[name]:
				item.Problem(problem.Duplicate, "Remove one of them.", "%s is given twice.", name)
			default:
				seen[name] = true
			}
		}
	}
}

// CheckPorts checks ports against the types that there are: unknown types and
// formats, and limits that the formats know nothing of. path is where the
// ports stand: inputs or outputs.
func (t *Types) CheckPorts(path string, ports []Port) problem.Problems {
	var ps problem.Problems
	for _, p := range ports {
		at := path + "." + p.Name
		typ := t.Lookup(p.Type)
		if typ == nil {
			ps.Addf(p.Pos, at+".type", problem.UnknownName, problem.DidYouMean(p.Type, t.names), "There is no type %.60q.", p.Type)
			continue
		}
		for _, name := range t.Accepts(p) {
			f := t.FormatOf(p.Type, name)
			switch {
			case f == nil:
				var there []string
				for _, g := range typ.Formats {
					there = append(there, g.Name)
				}
				ps.Addf(p.Pos, at+".format", problem.UnknownName, problem.DidYouMean(name, there), "%s has no format %.60q.", p.Type, name)
			case len(p.Columns) > 0 && f.delimiter == 0 && !f.hasJSON():
				ps.Addf(p.Pos, at+".columns", problem.Invalid, "Remove columns, or accept table formats only.",
					"%s in %s has no columns.", p.Type, name)
			}
		}
		// Where one of several formats cannot be counted, the limit holds for
		// the others.
		if p.MaxLength > 0 && !slices.ContainsFunc(t.Accepts(p), func(f string) bool { return t.HasLength(p.Type, f) }) {
			ps.Addf(p.Pos, at+".max_length", problem.Invalid, "Remove it, or accept other formats.",
				"The length of %s in %s is not known.", p.Type, problem.List(t.Accepts(p), "or"))
		}
	}
	return ps
}
