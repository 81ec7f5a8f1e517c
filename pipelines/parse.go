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
	p, ps := Decode(definition.Parse(file, data))
	if len(ps) > 0 {
		return nil, ps
	}
	return p, nil
}

// Decode reads the definition of a pipeline, as [Parse] does, from a document
// that has been parsed. With problems, the pipeline is what could be read, and
// its Gaps say what could not: [Check] finds what else is wrong with it. It is
// nil when there are no fields to read, or more problems than are counted.
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
	problems := doc.Problems()
	if root.Shape() != definition.Mapping || len(problems) > definition.MaxProblems {
		return nil, problems
	}
	p.Gaps = steps.GapsOf(doc, []string{"name", "nodes", "outputs"}, []string{"inputs", "params"})
	if p.Gaps != nil {
		for _, n := range f.Get("nodes").Entries() {
			p.Gaps.Misnamed(n, "with", "each")
			if !steps.ValidName(n.Key()) { // whose path has its name in quotes
				p.Gaps = append(p.Gaps, "nodes."+n.Key())
			}
		}
	}
	return p, problems
}

// unclear reports whether there is a gap at, above or below a path.
func (p *Pipeline) unclear(path string) bool {
	return p.Gaps.Cover(path) || p.Gaps.Within(path)
}

const nameFix = "Names are up to 40 lower-case letters, digits and _, and start with a letter."

func readKey(n *definition.Node) string {
	if !steps.ValidName(n.Key()) {
		n.KeyProblem(problem.Invalid, nameFix, "%.60q is not a name.", n.Key())
	}
	return n.Key()
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
	for _, k := range f.Get("keep").Entries() {
		node.Keep = append(node.Keep, readKeep(k))
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

// endpoint reads node.port. Names in capital letters or with hyphens count:
// that there is no such node or port says more than that it is no name.
func endpoint(text string) (dag.Endpoint, bool) {
	dot := strings.LastIndexByte(text, '.')
	if dot < 0 || !likeName(text[dot+1:]) {
		return dag.Endpoint{}, false
	}
	for part := range strings.SplitSeq(text[:dot], ".") {
		if !likeName(part) {
			return dag.Endpoint{}, false
		}
	}
	return dag.Endpoint{Node: text[:dot], Port: text[dot+1:]}, true
}

func likeName(s string) bool {
	return steps.ValidName(strings.ToLower(strings.ReplaceAll(s, "-", "_")))
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
