package pipelines

import (
	"strings"

	"github.com/ligase-bio/ligase/dag"
	"github.com/ligase-bio/ligase/internal/definition"
	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/steps"
)

// Parse reads the definition of a pipeline. What the file says by itself is
// checked; what it names is checked by [Compile]. The pipeline is nil when
// there are problems.
func Parse(file string, data []byte) (*Pipeline, problem.Problems) {
	return Decode(definition.Parse(file, data))
}

// Decode reads the definition of a pipeline, as [Parse] does, from a document
// that has been parsed.
func Decode(doc *definition.Document) (*Pipeline, problem.Problems) {
	root := doc.Root()
	f := root.Fields()
	p := &Pipeline{
		Name:        steps.DecodeName(f.Need("name"), "a pipeline"),
		Version:     steps.DecodeVersion(f.Need("version")),
		Title:       f.Need("title").Text(),
		Description: f.Need("description").Text(),
		Duration:    steps.DecodeDuration(f.Get("duration")),
		Inputs:      steps.DecodeInputs(f.Get("inputs")),
		Params:      steps.DecodeParams(f.Get("params")),
		Pos:         root.Pos(),
	}
	steps.CheckNames(root)
	for _, n := range f.Need("nodes").Entries() {
		p.Nodes = append(p.Nodes, readNode(n))
	}
	for _, n := range f.Need("outputs").Entries() {
		p.Outputs = append(p.Outputs, readOutput(n))
	}
	f.Done()
	if problems := doc.Problems(); len(problems) > 0 {
		return nil, problems
	}
	return p, nil
}

const nameFix = "Names are up to 40 lower-case letters, digits and _, and start with a letter."

func readKey(n *definition.Node) string {
	if !steps.ValidName(n.Key()) {
		n.KeyProblem(problem.Invalid, nameFix, "%.60q is not a name.", n.Key())
	}
	return n.Key()
}

func readVersion(n *definition.Node) string {
	v := n.Text()
	if n.Given() && !n.Broken() && !steps.ValidVersion(v) {
		n.Problem(problem.Invalid, "Write it like 1.0.0.", "%.60q is not a semantic version.", v)
	}
	return v
}

func readNode(n *definition.Node) Node {
	f := n.Fields()
	node := Node{Name: readKey(n), Pos: n.KeyPos()}
	step, pipeline := f.Get("step"), f.Get("pipeline")
	switch {
	case step.Given() && pipeline.Given():
		pipeline.KeyProblem(problem.Duplicate, "Keep one of them.", "A node uses a step or a pipeline, not both.")
	case pipeline.Given():
		node.Kind, node.Uses = KindPipeline, pipeline.Text()
	case step.Given():
		node.Kind, node.Uses = KindStep, step.Text()
	default:
		if !n.Broken() {
			n.KeyProblem(problem.Missing, "Add step: or pipeline: with its name.", "The node %q does not say what it uses.", node.Name)
		}
	}
	if i := f.Get("implementation"); i.Given() {
		if node.Kind == KindPipeline {
			i.KeyProblem(problem.Invalid, "Choose it on the nodes of the pipeline, or in the call.", "A pipeline has no implementations.")
		}
		node.Implementation = i.Text()
	}
	for _, a := range f.Get("with").Entries() {
		node.With = append(node.With, readArgument(a))
	}
	for _, a := range f.Get("each").Entries() {
		arg := readArgument(a)
		if arg.From == nil && !a.Broken() {
			a.Problem(problem.Invalid, "Name what gives many, like design.sequences; put values under with.", "`each` takes items of a scatter.")
		}
		node.Each = append(node.Each, arg)
	}
	node.ContinueOnFailure = f.Get("continue_on_failure").Bool()
	f.Done()
	return node
}

// readArgument reads $inputs.x, $params.x, node.port, or a literal. $$ at the
// start of a text stands for a single $.
func readArgument(n *definition.Node) Argument {
	a := Argument{Name: readKey(n), Pos: n.Pos()}
	value := n.Literal()
	if value == nil && !n.Broken() {
		n.Problem(problem.Missing, "Give a value, $inputs.x, $params.x or node.port.", "%q is given nothing.", a.Name)
		return a
	}
	text, isText := value.(string)
	if !isText {
		a.Value = value
		return a
	}
	name, isInput := strings.CutPrefix(text, "$inputs.")
	if isInput && steps.ValidName(name) {
		a.From = &dag.Endpoint{Port: name}
		return a
	}
	name, isParam := strings.CutPrefix(text, "$params.")
	if isParam && steps.ValidName(name) {
		a.Param = name
		return a
	}
	if e, ok := endpoint(text); ok {
		a.From = &e
		return a
	}
	if rest, escaped := strings.CutPrefix(text, "$$"); escaped {
		a.Value = "$" + rest
		return a
	}
	if strings.HasPrefix(text, "$") {
		n.Problem(problem.Invalid, "Write $inputs.x or $params.x; for a text that starts with $, begin it with $$.", "%.60q refers to nothing.", text)
		return a
	}
	a.Value = text
	return a
}

// endpoint reads node.port.
func endpoint(text string) (dag.Endpoint, bool) {
	dot := strings.LastIndexByte(text, '.')
	if dot < 0 || !steps.ValidName(text[dot+1:]) {
		return dag.Endpoint{}, false
	}
	for part := range strings.SplitSeq(text[:dot], ".") {
		if !steps.ValidName(part) {
			return dag.Endpoint{}, false
		}
	}
	return dag.Endpoint{Node: text[:dot], Port: text[dot+1:]}, true
}

func readOutput(n *definition.Node) Output {
	o := Output{Name: readKey(n), Pos: n.Pos()}
	from := n
	if n.Shape() == definition.Mapping {
		f := n.Fields()
		from = f.Need("from")
		o.Description = f.Get("description").Text()
		f.Done()
	}
	text := from.Text()
	if !from.Given() || from.Broken() {
		return o
	}
	if name, isInput := strings.CutPrefix(text, "$inputs."); isInput {
		o.From = dag.Endpoint{Port: name} // for dag to refuse
		return o
	}
	var ok bool
	if o.From, ok = endpoint(text); !ok {
		from.Problem(problem.Invalid, "Name a port of a node, like rank.table.", "%.60q is not an output of a node.", text)
	}
	return o
}
