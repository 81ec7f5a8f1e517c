package pipelines

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ligase-bio/ligase/dag"
	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/steps"
)

// CompileOptions choose among implementations.
type CompileOptions struct {
	// Implementations by node id ("refine.fold"), else by step name.
	Implementations map[string]string
	MaxNodes        int // 0: 100,000
}

const defaultMaxNodes = 100_000

// maxDepth is how deep pipelines may use pipelines.
const maxDepth = 32

// Compile resolves, inlines and checks a pipeline. The error is
// problem.Problems with everything that is wrong.
func Compile(p *Pipeline, r Resolver, o *CompileOptions) (*Compiled, error) {
	c := newCompiler(r, o)
	top := c.level(p)
	if top != nil && len(c.problems) == 0 {
		if compiled := c.assemble(top); len(c.problems) == 0 {
			return compiled, nil
		}
	}
	return nil, c.problems.Err()
}

// CompileStep makes a pipeline of a single step: one node, named after it,
// that takes and gives all that the step does.
func CompileStep(s *steps.Step, r Resolver, o *CompileOptions) (*Compiled, error) {
	p := &Pipeline{
		Name: s.Name, Version: s.Version, Title: s.Title, Description: s.Description, Duration: s.Duration,
		Inputs: s.Inputs, Params: s.Params, Pos: s.Pos,
	}
	n := Node{Name: s.Name, Uses: s.Name, Kind: KindStep, Pos: s.Pos}
	for i := range s.Inputs {
		n.With = append(n.With, Argument{Name: s.Inputs[i].Name, From: &dag.Endpoint{Port: s.Inputs[i].Name}, Pos: s.Inputs[i].Pos})
	}
	for i := range s.Params {
		n.With = append(n.With, Argument{Name: s.Params[i].Name, Param: s.Params[i].Name, Pos: s.Params[i].Pos})
	}
	p.Nodes = []Node{n}
	for i := range s.Outputs {
		p.Outputs = append(p.Outputs, Output{
			Name: s.Outputs[i].Name, From: dag.Endpoint{Node: s.Name, Port: s.Outputs[i].Name},
			Description: s.Outputs[i].Description, Pos: s.Outputs[i].Pos,
		})
	}
	c := newCompiler(r, o)
	c.steps[s.Name] = s
	top := c.level(p)
	if top == nil || len(c.problems) > 0 {
		return nil, c.problems.Err()
	}
	compiled := c.assemble(top)
	if len(c.problems) > 0 {
		return nil, c.problems.Err()
	}
	compiled.Tool.Kind = KindStep
	return compiled, nil
}

// compiler holds what one Compile finds out.
type compiler struct {
	resolver Resolver
	types    *steps.Types
	options  CompileOptions
	problems problem.Problems

	steps  map[string]*steps.Step           // by name as used; nil: reported as unknown
	levels map[string]*level                // pipelines by name as used; nil: there are problems in it
	within []string                         // the pipelines being compiled, outermost first
	params map[*steps.Step]map[string]Param // defaults
}

func newCompiler(r Resolver, o *CompileOptions) *compiler {
	c := &compiler{
		resolver: r,
		types:    r.Types(),
		steps:    make(map[string]*steps.Step),
		levels:   make(map[string]*level),
		params:   make(map[*steps.Step]map[string]Param),
	}
	if o != nil {
		c.options = *o
	}
	c.options.MaxNodes = cmp.Or(c.options.MaxNodes, defaultMaxNodes)
	return c
}

// level is one pipeline by itself, its own nodes checked.
type level struct {
	pipeline *Pipeline
	nodes    []use
	values   map[*Argument]steps.Value // of literals
	byName   map[string]int            // nodes; only where pipelines are used

	reported  map[string]bool // paths of arguments that something is wrong with
	mentioned []dag.Endpoint  // what arguments name that could not become wires
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
	before := len(c.problems)
	l := &level{pipeline: p}
	c.checkBoundary(p)
	if len(p.Nodes) == 0 {
		c.add(p.Pos, "nodes", problem.Missing, "Add at least one.", "The pipeline %q has no nodes.", p.Name)
		return nil
	}
	nested := false
	l.nodes = make([]use, len(p.Nodes))
	for i := range p.Nodes {
		n := &p.Nodes[i]
		u := &l.nodes[i]
		u.node = n
		if !steps.ValidName(n.Name) {
			c.add(n.Pos, "nodes."+n.Name, problem.Invalid, nameFix, "%.60q is not a name.", n.Name)
		}
		switch n.Kind {
		case KindPipeline:
			nested = true
			if u.level = c.pipeline(n); u.level != nil {
				u.inputs, u.params = u.level.inputs, u.level.pipeline.Params
				u.outputs = make([]steps.Port, len(u.level.outputs))
				for k := range u.level.outputs {
					u.outputs[k] = u.level.outputs[k].Port
				}
				l.size += u.level.size
			}
		default:
			if u.step = c.step(n); u.step != nil {
				u.inputs, u.outputs, u.params = u.step.Inputs, u.step.Outputs, u.step.Params
				l.size++
			}
		}
		l.size = min(l.size, 1<<30)
	}
	if l.size > c.options.MaxNodes {
		c.add(p.Pos, "nodes", problem.TooLarge, "Split the work into several runs.",
			"The pipeline %q has more than %d nodes with all that it uses.", p.Name, c.options.MaxNodes)
		return nil
	}
	wires := c.arguments(l)
	graph, wrong := c.build(l, wires, nested)
	if len(wrong) > 0 {
		c.problems = append(c.problems, wrong...)
	}
	if len(c.problems) > before {
		return nil
	}
	if nested {
		if graph = c.inline(l); graph == nil {
			return nil
		}
	} else {
		root := &instance{level: l}
		l.inlined = make([]placed, len(l.nodes))
		for i := range l.nodes {
			l.inlined[i] = placed{use: &l.nodes[i], id: l.nodes[i].node.Name, in: root}
		}
	}
	l.graph = graph
	c.outside(l)
	return l
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

func (c *compiler) add(pos problem.Pos, path string, code problem.Code, fix, format string, args ...any) {
	c.problems.Addf(pos, path, code, fix, format, args...)
}

// maxSuggestions bounds what looking for similar names costs in a definition in
// which everything is wrong.
const maxSuggestions = 200

func (c *compiler) didYouMean(name string, candidates []string) string {
	if len(c.problems) > maxSuggestions {
		return "Correct the name."
	}
	return problem.DidYouMean(name, candidates)
}

func (c *compiler) nearest(name string, candidates []string) string {
	if len(c.problems) > maxSuggestions {
		return ""
	}
	return problem.Nearest(name, candidates)
}

// step finds the step that a node uses, or reports why there is none.
func (c *compiler) step(n *Node) *steps.Step {
	if s, known := c.steps[n.Uses]; known && s != nil {
		return s
	}
	s := c.resolver.Step(n.Uses)
	c.steps[n.Uses] = s
	if s != nil {
		return s
	}
	path := "nodes." + n.Name + ".step"
	if n.Uses == "" {
		c.add(n.Pos, path, problem.Missing, "Add step: with the name of one.", "The node %q does not say what it uses.", n.Name)
		return nil
	}
	fix := c.didYouMean(n.Uses, c.resolver.Names(KindStep))
	name, _, versioned := strings.Cut(n.Uses, "@")
	if versioned {
		if have := c.resolver.Step(name); have != nil {
			fix = fmt.Sprintf("There is version %s.", have.Version)
		}
	}
	if c.resolver.Pipeline(n.Uses) != nil {
		fix = fmt.Sprintf("It is a pipeline; write pipeline: %s.", n.Uses)
	}
	c.add(n.Pos, path, problem.UnknownName, fix, "There is no step %q.", n.Uses)
	return nil
}

// pipeline compiles the pipeline that a node uses, once however many nodes
// use it.
func (c *compiler) pipeline(n *Node) *level {
	if l, known := c.levels[n.Uses]; known {
		return l
	}
	path := "nodes." + n.Name + ".pipeline"
	p := c.resolver.Pipeline(n.Uses)
	if p == nil {
		fix := c.didYouMean(n.Uses, c.resolver.Names(KindPipeline))
		name, _, versioned := strings.Cut(n.Uses, "@")
		if versioned {
			if have := c.resolver.Pipeline(name); have != nil {
				fix = fmt.Sprintf("There is version %s.", have.Version)
			}
		}
		if c.resolver.Step(n.Uses) != nil {
			fix = fmt.Sprintf("It is a step; write step: %s.", n.Uses)
		}
		c.add(n.Pos, path, problem.UnknownName, fix, "There is no pipeline %q.", n.Uses)
		c.levels[n.Uses] = nil
		return nil
	}
	if at := slices.Index(c.within, p.Name); at >= 0 {
		round := append(slices.Clone(c.within[at:]), p.Name)
		c.add(n.Pos, path, problem.Cycle, "A pipeline cannot use itself; use another one here.",
			"%s is a cycle of pipelines.", strings.Join(round, " → "))
		return nil
	}
	if len(c.within) == maxDepth {
		c.add(n.Pos, path, problem.TooLarge, "Use steps here.", "Pipelines use pipelines more than %d deep.", maxDepth)
		return nil
	}
	c.within = append(c.within, p.Name)
	l := c.level(p)
	c.within = c.within[:len(c.within)-1]
	c.levels[n.Uses] = l
	return l
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
			ID: u.node.Name, Label: u.label(), Inputs: u.inputs, Outputs: u.outputs,
			ContinueOnFailure: u.node.ContinueOnFailure, Unknown: !u.known(), Pos: u.node.Pos,
		}
	}
	spec.Outputs = make([]dag.Output, len(l.pipeline.Outputs))
	for i := range l.pipeline.Outputs {
		o := &l.pipeline.Outputs[i]
		spec.Outputs[i] = dag.Output{Name: o.Name, From: o.From, Pos: o.Pos}
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

// assemble makes the Compiled of the outermost level.
func (c *compiler) assemble(l *level) *Compiled {
	p := l.pipeline
	out := &Compiled{
		Tool:    Ref{Kind: KindPipeline, Name: p.Name, Version: p.Version},
		Inputs:  l.inputs,
		Params:  slices.Clone(p.Params),
		Outputs: l.outputs,
		Steps:   make(map[string]*steps.Step),
		Nodes:   make([]CompiledNode, len(l.inlined)),
		graph:   l.graph,
	}
	keys := make(map[*steps.Step]string)
	used := make(map[*steps.Step]map[string]bool)
	chosen, complete := c.chooser(l), true
	for i := range l.inlined {
		n := &l.inlined[i]
		s := n.use.step
		key, known := keys[s]
		if !known {
			key = s.Name + "@" + s.Version
			keys[s] = key
			used[s] = make(map[string]bool)
		}
		impl := chosen(n)
		if impl == nil {
			complete = false
			continue
		}
		used[s][impl.Name] = true
		dn := l.graph.Node(n.id)
		out.Nodes[l.graph.Position(n.id)] = CompiledNode{
			ID: n.id, Step: key, Implementation: impl.Name,
			Params: c.paramsOf(n), Within: dn.Within, ContinueOnFailure: dn.ContinueOnFailure,
		}
	}
	if !complete {
		return nil
	}
	ports := [][]steps.Port{l.inputs}
	for s, key := range keys {
		out.Steps[key] = snapshot(s, used[s])
		ports = append(ports, s.Inputs, s.Outputs)
	}
	var types []string
	for _, list := range ports {
		for i := range list {
			types = append(types, list[i].Type)
		}
	}
	out.Types = c.types.Of(types...)
	bindings := make([]Binding, 0, l.graph.Size())
	for i := range out.Nodes {
		n := &out.Nodes[i]
		start := len(bindings)
		for w := range l.graph.Wires(n.ID) {
			bindings = append(bindings, Binding{Port: w.To.Port, From: w.From, Mode: w.Mode})
		}
		if len(bindings) > start {
			n.Inputs = bindings[start:len(bindings):len(bindings)]
		}
	}
	clearPositions(out)
	out.finish()
	c.checkDefaults(p, out)
	return out
}

// snapshot copies a step with only the implementations that are used.
func snapshot(s *steps.Step, used map[string]bool) *steps.Step {
	out := *s
	out.Implementations = nil
	for _, i := range s.Implementations {
		if used[i.Name] {
			out.Implementations = append(out.Implementations, i)
		}
	}
	out.Inputs, out.Outputs, out.Params = slices.Clone(s.Inputs), slices.Clone(s.Outputs), slices.Clone(s.Params)
	return &out
}

// clearPositions forgets where things were written: a Compiled says what they
// are, and is equal to what is read back from its JSON.
func clearPositions(c *Compiled) {
	ports := func(list []steps.Port) {
		for i := range list {
			list[i].Pos = problem.Pos{}
		}
	}
	params := func(list []steps.Param) {
		for i := range list {
			list[i].Pos = problem.Pos{}
		}
	}
	ports(c.Inputs)
	params(c.Params)
	for i := range c.Outputs {
		c.Outputs[i].Port.Pos = problem.Pos{}
	}
	for _, s := range c.Steps {
		s.Pos = problem.Pos{}
		ports(s.Inputs)
		ports(s.Outputs)
		params(s.Params)
		for i := range s.Implementations {
			s.Implementations[i].Pos = problem.Pos{}
		}
	}
}

// chooser returns what picks a node's implementation, having checked the
// caller's choices.
func (c *compiler) chooser(l *level) func(*placed) *steps.Implementation {
	if len(c.options.Implementations) > 0 {
		var names []string
		for i := range l.inlined {
			names = append(names, l.inlined[i].id, l.inlined[i].use.step.Name)
		}
		slices.Sort(names)
		names = slices.Compact(names)
		for _, key := range slices.Sorted(maps.Keys(c.options.Implementations)) {
			if _, known := slices.BinarySearch(names, key); !known {
				c.add(problem.Pos{}, "implementations."+key, problem.UnknownName, c.didYouMean(key, names),
					"No node and no step here is named %q.", key)
			}
		}
	}
	reported := make(map[string]bool)
	return func(n *placed) *steps.Implementation {
		s := n.use.step
		want, key := n.use.node.Implementation, ""
		if len(c.options.Implementations) > 0 {
			for _, k := range []string{s.Name, n.id} {
				if choice, ok := c.options.Implementations[k]; ok {
					want, key = choice, k
				}
			}
		}
		impl := s.Implementation(want)
		if impl != nil {
			return impl
		}
		path, pos := "implementations."+key, problem.Pos{}
		if key == "" {
			path, pos = "nodes."+n.use.node.Name+".implementation", n.use.node.Pos
		}
		if once := path + " " + pos.String(); !reported[once] {
			reported[once] = true
			names := make([]string, len(s.Implementations))
			for i := range names {
				names[i] = s.Implementations[i].Name
			}
			c.add(pos, path, problem.UnknownName, c.didYouMean(want, names),
				"The step %q has no implementation %q.", s.Name, want)
		}
		return nil
	}
}
