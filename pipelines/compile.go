package pipelines

import (
	"cmp"
	"fmt"
	"slices"

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
// problem.Problems with everything that is wrong. A pipeline with gaps, or one
// that uses something with gaps, does not compile.
func Compile(p *Pipeline, r Resolver, o *CompileOptions) (*Compiled, error) {
	return newCompiler(r, o).compile(p)
}

// Check finds what is wrong with a pipeline beyond what [Decode] said of it,
// as far as it could be read: nothing that follows from a gap. What is wrong
// with the pipelines that it uses is said too. When nothing else is wrong, but
// something that it uses has problems, that is its problem.
func Check(p *Pipeline, r Resolver) problem.Problems {
	c := newCompiler(r, nil)
	c.check(p)
	return c.found().Sorted()
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
	c.problems = append(c.types.CheckPorts("outputs", s.Outputs), checkCosts(s, c.types)...) // a pipeline's are those of its nodes
	compiled, err := c.compile(p)
	if err != nil {
		return nil, err
	}
	compiled.Tool.Kind = KindStep
	compiled.Chosen = nil
	return compiled, nil
}

// CheckStep finds what is wrong with a step beyond what [steps.DecodeStep] said
// of it, as far as it could be read.
func CheckStep(s *steps.Step, types *steps.Types) problem.Problems {
	ps := append(types.CheckPorts("inputs", s.Inputs), types.CheckPorts("outputs", s.Outputs)...)
	ps = append(ps, checkCosts(s, types)...)
	return slices.DeleteFunc(ps, func(p problem.Problem) bool { return said(s.Gaps, p) })
}

// checkCosts reports costs that go by the length of something that has none.
func checkCosts(s *steps.Step, types *steps.Types) problem.Problems {
	var ps problem.Problems
	for i := range s.Implementations {
		impl := &s.Implementations[i]
		if impl.Cost == nil {
			continue
		}
		port := s.Input(impl.Cost.By)
		if port == nil || types.Lookup(port.Type) == nil {
			continue
		}
		if !slices.ContainsFunc(types.Accepts(*port), func(f string) bool { return types.HasLength(port.Type, f) }) {
			ps.Addf(impl.Pos, "implementations."+impl.Name+".cost.by", problem.Invalid, "Name another input or parameter, or remove cost.",
				"The length of %s is not known: %s has no rule for it.", port.Name, port.Type)
		}
	}
	return ps
}

// compiler holds what one Compile finds out.
type compiler struct {
	resolver Resolver
	types    *steps.Types
	options  CompileOptions

	problems  problem.Problems // of the pipeline being compiled
	elsewhere problem.Problems // of those that it uses
	round     bool             // there is a cycle of pipelines

	steps  map[string]*steps.Step // by name as used; nil: reported as unknown
	levels map[*Pipeline]*level   // nil: there are problems in it
	within []string               // the pipelines being compiled, outermost first
	params map[*steps.Step]*knownParams

	held  map[*steps.Port]bool         // whether files hold what a port takes
	gives map[*steps.Step][]steps.Port // what steps give of which records are taken
}

func newCompiler(r Resolver, o *CompileOptions) *compiler {
	c := &compiler{
		resolver: r,
		types:    r.Types(),
		steps:    make(map[string]*steps.Step),
		levels:   make(map[*Pipeline]*level),
		params:   make(map[*steps.Step]*knownParams),
		held:     make(map[*steps.Port]bool),
		gives:    make(map[*steps.Step][]steps.Port),
	}
	if o != nil {
		c.options = *o
	}
	c.options.MaxNodes = cmp.Or(c.options.MaxNodes, defaultMaxNodes)
	return c
}

// check compiles a pipeline; nil when there are problems, or when it or
// something that it uses has gaps.
func (c *compiler) check(p *Pipeline) *Compiled {
	top := c.level(p)
	if top == nil || len(c.found()) > 0 {
		c.checkChoices(p)
		return nil
	}
	compiled := c.assemble(top)
	c.forgetWhatFollows(top)
	if top.faulty || len(c.problems) > 0 {
		return nil
	}
	return compiled
}

// checkChoices reports the implementations that a pipeline's own nodes choose
// and their steps do not have, where other problems keep [compiler.assemble]
// from it: a wrong choice follows from nothing else.
func (c *compiler) checkChoices(p *Pipeline) {
	for i := range p.Nodes {
		n := &p.Nodes[i]
		s := c.steps[n.Uses]
		if n.Implementation == "" || s == nil || len(s.Implementations) == 0 || s.Implementation(n.Implementation) != nil {
			continue
		}
		names := make([]string, len(s.Implementations))
		for i := range names {
			names[i] = s.Implementations[i].Name
		}
		c.add(n.Pos, "nodes."+n.Name+".implementation", problem.UnknownName, c.didYouMean(n.Implementation, names),
			"The step %q has no implementation %q.", s.Name, n.Implementation)
	}
}

func (c *compiler) compile(p *Pipeline) (*Compiled, error) {
	compiled := c.check(p)
	if compiled == nil && len(c.found()) == 0 {
		return nil, fmt.Errorf("%s has problems that were found when it was read", p.Name)
	}
	return compiled, c.found().Err()
}

// found is everything that is wrong.
func (c *compiler) found() problem.Problems {
	if len(c.elsewhere) == 0 {
		return c.problems
	}
	return slices.Concat(c.problems, c.elsewhere)
}

func (c *compiler) add(pos problem.Pos, path string, code problem.Code, fix, format string, args ...any) {
	c.problems.Addf(pos, path, code, fix, format, args...)
}

// maxSuggestions bounds what looking for similar names costs in a definition in
// which everything is wrong.
const maxSuggestions = 200

func (c *compiler) didYouMean(name string, candidates []string) string {
	if len(c.problems)+len(c.elsewhere) > maxSuggestions {
		return "Correct the name."
	}
	return problem.DidYouMean(name, candidates)
}

func (c *compiler) nearest(name string, candidates []string) string {
	if len(c.problems)+len(c.elsewhere) > maxSuggestions {
		return ""
	}
	return problem.Nearest(name, candidates)
}
