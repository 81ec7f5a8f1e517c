package pipelines

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/ligase-bio/ligase/dag"
	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/steps"
)

// level is one pipeline by itself, its own nodes checked.
type level struct {
	pipeline *Pipeline
	nodes    []use
	values   map[*Argument]steps.Value // of literals
	byName   map[string]int            // nodes; made when first asked for
	records  map[*Argument]bool        // what takes the records of a file

	reported  map[string]bool // paths of arguments that something is wrong with
	mentioned []dag.Endpoint  // what arguments name that could not become wires
	unread    bool            // an argument was left out, because a gap leaves open what it is
	lacks     *Node           // the first that uses something which has problems itself
	faulty    bool            // it, or something that it uses, has gaps
	size      int             // nodes once all is inlined
	graph     *dag.Graph      // with all inlined
	inlined   []placed        // the nodes of graph, in the order of its spec

	// From outside.
	inputs  []steps.Port
	outputs []CompiledOutput
}

// use is what a node uses: a step or a pipeline.
type use struct {
	node    *Node
	step    *steps.Step
	level   *level
	inputs  []steps.Port
	outputs []steps.Port
	params  []steps.Param
}

func (u *use) known() bool { return u.step != nil || u.level != nil }

// label is the name of what a node uses, without the version.
func (u *use) label() string {
	name, _, _ := strings.Cut(u.node.Uses, "@")
	return name
}

// level compiles a pipeline by itself; nil when that is not possible.
func (c *compiler) level(p *Pipeline) *level {
	l := &level{pipeline: p, faulty: p.Gaps != nil}
	ok := c.fill(l)
	c.forgetWhatFollows(l)
	if l.lacks != nil {
		l.faulty = true
		if len(c.within) == 0 && len(c.problems) == 0 && p.Gaps == nil && !c.round {
			c.blame(l.lacks)
		}
	}
	if !ok {
		return nil
	}
	return l
}

// fill checks the nodes and wires of a level and builds its graph; false when
// there is none.
func (c *compiler) fill(l *level) bool {
	p := l.pipeline
	before := len(c.problems)
	c.checkBoundary(p)
	if len(p.Nodes) == 0 {
		c.add(p.Pos, "nodes", problem.Missing, "Add at least one.", "The pipeline %q has no nodes.", p.Name)
		return false
	}
	nested := c.findUses(l)
	if l.size > c.options.MaxNodes {
		c.add(p.Pos, "nodes", problem.TooLarge, "Split the work into several runs.",
			"The pipeline %q has more than %d nodes with all that it uses.", p.Name, c.options.MaxNodes)
		return false
	}
	wires := c.arguments(l)
	graph, wrong := c.build(l, wires, nested)
	c.problems = append(c.problems, wrong...)
	if nested && graph != nil {
		c.refuseJoins(l, graph)
	}
	if len(c.problems) > before || l.unread || slices.ContainsFunc(l.nodes, func(u use) bool { return !u.known() }) {
		return false
	}
	if nested {
		if graph = c.inline(l); graph == nil {
			return false
		}
	} else {
		root := &instance{level: l}
		l.inlined = make([]placed, len(l.nodes))
		for i := range l.nodes {
			u := &l.nodes[i]
			l.inlined[i] = placed{use: u, id: u.node.Name, in: root, continueOnFailure: u.node.ContinueOnFailure}
		}
	}
	l.graph = graph
	c.outside(l)
	return true
}

// findUses looks up what the nodes of a level use, and reports whether there
// are pipelines among it.
func (c *compiler) findUses(l *level) (nested bool) {
	l.nodes = make([]use, len(l.pipeline.Nodes))
	for i := range l.pipeline.Nodes {
		n := &l.pipeline.Nodes[i]
		u := &l.nodes[i]
		u.node = n
		if !steps.ValidName(n.Name) {
			c.add(n.Pos, "nodes."+n.Name, problem.Invalid, nameFix, "%.60q is not a name.", n.Name)
		}
		switch n.Kind {
		case KindPipeline:
			nested = true
			c.usePipeline(l, u)
		default:
			if i > 0 && n.Uses == l.nodes[i-1].node.Uses && l.nodes[i-1].step != nil {
				*u = l.nodes[i-1] // nodes that use the same often stand together
				u.node = n
				l.size++
				break
			}
			c.useStep(l, u)
		}
		l.size = min(l.size, 1<<30)
	}
	return nested
}

// forgetWhatFollows drops the problems of a level that are gaps of its
// definition, said once more, or follow from one.
func (c *compiler) forgetWhatFollows(l *level) {
	gaps := l.pipeline.Gaps
	if gaps == nil {
		return
	}
	// What an argument or output that was not read would have used.
	lost := gaps.Within("outputs") || slices.ContainsFunc(gaps, func(gap string) bool {
		node, inNodes := strings.CutPrefix(gap, "nodes")
		_, field, inNode := strings.Cut(strings.TrimPrefix(node, "."), ".")
		return inNodes && (!inNode || strings.HasPrefix(field, "with") || strings.HasPrefix(field, "each") || strings.HasPrefix(field, "keep"))
	})
	c.problems = slices.DeleteFunc(c.problems, func(p problem.Problem) bool {
		switch {
		case p.Code == problem.Unreachable && lost:
			return true
		case p.Code == problem.Missing && (gaps.Within(p.Path) || gaps.Cover(strings.Replace(p.Path, ".with.", ".each.", 1))):
			return true
		}
		return said(gaps, p)
	})
}

// said reports whether a problem is a gap said once more.
func said(gaps steps.Gaps, p problem.Problem) bool {
	port, isType := strings.CutSuffix(p.Path, ".type")
	return gaps.Cover(p.Path) || isType && gaps.Within(port)
}

// checkBoundary checks what a pipeline says of its own ports and parameters.
func (c *compiler) checkBoundary(p *Pipeline) {
	seen := make(map[string]string, len(p.Inputs)+len(p.Params))
	check := func(kind, name, path string, pos problem.Pos) {
		if other := seen[name]; other != "" {
			c.add(pos, path, problem.Duplicate, "Give one of them another name.", "There is %s %q already.", other, name)
		}
		if kind != "an output" { // dag compares these among themselves
			seen[name] = kind
		}
	}
	for i := range p.Inputs {
		check("an input", p.Inputs[i].Name, "inputs."+p.Inputs[i].Name, p.Inputs[i].Pos)
	}
	for i := range p.Params {
		check("a parameter", p.Params[i].Name, "params."+p.Params[i].Name, p.Params[i].Pos)
	}
	if len(seen) > 0 {
		for i := range p.Outputs {
			if o := &p.Outputs[i]; seen[o.Name] != "" {
				check("an output", o.Name, "outputs."+o.Name, o.Pos)
			}
		}
	}
	c.problems = append(c.problems, c.types.CheckPorts("inputs", p.Inputs)...)
}

// build checks the wires of one level. Paths are only written out when there
// is something to report. Where pipelines are used, scatters that seem to
// clash may prove to be one and the same once those are inlined, so that is
// looked at then.
func (c *compiler) build(l *level, wires []dag.Wire, nested bool) (*dag.Graph, problem.Problems) {
	spec := dag.Spec{Inputs: l.pipeline.Inputs, Wires: wires}
	spec.Nodes = make([]dag.Node, len(l.nodes))
	for i := range l.nodes {
		u := &l.nodes[i]
		spec.Nodes[i] = dag.Node{
			ID: u.node.Name, Label: u.label(), Inputs: u.inputs, Outputs: c.outputsOf(u),
			ContinueOnFailure: u.node.ContinueOnFailure, Filters: writtenFilters(u.node.Keep), Unknown: !u.known(), Pos: u.node.Pos,
		}
	}
	spec.Outputs = make([]dag.Output, 0, len(l.pipeline.Outputs))
	for i := range l.pipeline.Outputs {
		if o := &l.pipeline.Outputs[i]; o.From != (dag.Endpoint{}) || l.pipeline.Gaps == nil {
			spec.Outputs = append(spec.Outputs, dag.Output{Name: o.Name, From: o.From, Pos: o.Pos})
		}
	}
	g, problems := dag.Build(spec, c.types)
	if problems == nil {
		return g, nil
	}
	for i := range spec.Nodes {
		spec.Nodes[i].Path = "nodes." + spec.Nodes[i].ID
	}
	for i := range spec.Wires {
		w := &spec.Wires[i]
		w.Path = fmt.Sprintf("nodes.%s.%s.%s", w.To.Node, w.Mode, w.To.Port)
	}
	for i := range spec.Outputs {
		spec.Outputs[i].Path = "outputs." + spec.Outputs[i].Name
	}
	_, problems = dag.Build(spec, c.types)
	strange := make(map[string]bool) // paths of wires from inputs whose type is not known
	for i := range spec.Wires {
		if w := &spec.Wires[i]; w.From.Node == "" {
			if in := steps.FindPort(l.pipeline.Inputs, w.From.Port); in != nil && c.types.Lookup(in.Type) == nil {
				strange[w.Path] = true
			}
		}
	}
	problems = slices.DeleteFunc(problems, func(p problem.Problem) bool {
		return p.Code == problem.TypeMismatch && strange[p.Path] || nested && p.Code == problem.ScatterClash || p.Code == problem.Missing && l.reported[p.Path] ||
			p.Code == problem.Unreachable && l.mentions(p.Path)
	})
	for i := range problems {
		if problems[i].Pos == (problem.Pos{}) {
			problems[i].Pos = l.pipeline.Pos
		}
	}
	return nil, problems
}

// mentions reports whether an argument names a node or input, by its path,
// although no wire came of it.
func (l *level) mentions(path string) bool {
	return slices.ContainsFunc(l.mentioned, func(e dag.Endpoint) bool {
		return e.Node != "" && path == "nodes."+e.Node || e.Node == "" && path == "inputs."+e.Port
	})
}

// outside works out what a pipeline looks like to its users.
func (c *compiler) outside(l *level) {
	p := l.pipeline
	l.inputs = slices.Clone(p.Inputs)
	for i := range l.inputs {
		in := &l.inputs[i]
		in.Formats = l.graph.InputFormats(in.Name)
		if in.MaxLength == 0 {
			in.MaxLength = l.graph.InputMaxLength(in.Name) // too long for a node is too long for the whole
		}
	}
	outputs := l.graph.Outputs()
	l.outputs = make([]CompiledOutput, len(outputs))
	for i, o := range outputs { // in the order of the definition
		written := &p.Outputs[i]
		port := *steps.FindPort(l.graph.Node(o.From.Node).Outputs, o.From.Port)
		scatters := l.graph.NumDims(o.From)
		if port.Many = scatters > 0; scatters > 1 {
			port.MinItems, port.MaxItems = 0, 0
		}
		port.Name = o.Name
		port.Description = cmp.Or(written.Description, port.Description)
		port.Count = "" // names a parameter of the step
		port.Pos = written.Pos
		l.outputs[i] = CompiledOutput{Port: port, From: o.From}
	}
}
