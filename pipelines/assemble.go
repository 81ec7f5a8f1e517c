package pipelines

import (
	"maps"
	"slices"

	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/steps"
)

// assemble makes the Compiled of the outermost level.
func (c *compiler) assemble(l *level) *Compiled {
	p := l.pipeline
	out := &Compiled{
		Tool:    Ref{Kind: KindPipeline, Name: p.Name, Version: p.Version},
		Inputs:  slices.Clone(l.inputs),
		Params:  slices.Clone(p.Params),
		Outputs: l.outputs,
		Steps:   make(map[string]*steps.Step),
		Nodes:   make([]CompiledNode, len(l.inlined)),
		graph:   l.graph,
	}
	type usedStep struct {
		key             string
		implementations map[string]bool
		last            *steps.Implementation
	}
	used := make(map[*steps.Step]*usedStep)
	chosen, complete := c.chooser(l), true
	for i := range l.inlined {
		n := &l.inlined[i]
		s := n.use.step
		as := used[s]
		if as == nil {
			as = &usedStep{key: s.Name + "@" + s.Version, implementations: make(map[string]bool)}
			used[s] = as
		}
		impl := chosen(n)
		if impl == nil {
			complete = false
			continue
		}
		if byDefault := s.Implementation(n.use.node.Implementation); byDefault != nil && byDefault != impl {
			if out.Chosen == nil {
				out.Chosen = make(map[string]string)
			}
			out.Chosen[n.id] = impl.Name
		}
		if impl != as.last {
			as.implementations[impl.Name], as.last = true, impl
		}
		params := c.paramsOf(n)
		c.checkLimits(n, impl, params)
		c.checkJoinedURIs(n, impl, l.graph)
		out.Nodes[l.graph.Position(n.id)] = CompiledNode{
			ID: n.id, Step: as.key, Implementation: impl.Name,
			Params: params, Within: n.within, Keep: n.keepOf(), ContinueOnFailure: n.continueOnFailure,
		}
	}
	if !complete {
		return nil
	}
	ports := [][]steps.Port{l.inputs}
	for s, as := range used {
		snap := snapshot(s, as.implementations)
		if gives := c.gives[s]; gives != nil {
			snap.Outputs = slices.Clone(gives)
		}
		out.Steps[as.key] = snap
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
	joins := out.joinRecords()
	out.narrow()
	clearPositions(out)
	if joins {
		// What the graph knew of by its wires its ports say now.
		if err := out.restore(); err != nil {
			c.problems = append(c.problems, problem.Of(err)...)
			return nil
		}
	} else {
		out.finish()
	}
	c.checkDefaults(p, out)
	return out
}

// checkLimits checks the values of a node's parameters against what its
// implementation takes.
func (c *compiler) checkLimits(n *placed, impl *steps.Implementation, params map[string]Param) {
	for _, name := range slices.Sorted(maps.Keys(impl.Limits)) {
		param := n.use.step.Param(name)
		set, isSet := params[name]
		if param == nil || !isSet || set.Value == nil {
			continue
		}
		if _, err := impl.Narrow(param).Check(set.Value.Any(), false); err != nil {
			c.add(n.use.node.Pos, "nodes."+n.use.node.Name+".with."+name, codeOf(err), sentence(err),
				"The implementation %s of `%s` does not take the %s %s.", impl.Name, n.id, name, set.Value)
		}
	}
}

// narrow gives the inputs of the whole the limits of the implementations that
// they go to: what is too long for one of them is refused before anything runs.
func (c *Compiled) narrow() {
	for i := range c.Nodes {
		n := &c.Nodes[i]
		impl := c.Steps[n.Step].Implementation(n.Implementation)
		for _, b := range n.Inputs {
			most := int(impl.Limits[b.Port])
			if b.From.Node != "" || most == 0 {
				continue
			}
			port := c.Input(b.From.Port)
			if c.Types.OneOfRecords(port, c.Steps[n.Step].Input(b.Port)) {
				continue // the limit of a file is not one of its records
			}
			if port.MaxLength == 0 || most < port.MaxLength {
				port.MaxLength = most
			}
		}
	}
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
		if len(s.Implementations) == 0 {
			return nil // they could not be read
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
