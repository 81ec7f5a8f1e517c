package pipelines

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"

	"github.com/ligase-bio/ligase/dag"
	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/steps"
)

// Graph is the checked graph.
func (c *Compiled) Graph() *dag.Graph { return c.graph }

// Node returns a node by id, or nil.
func (c *Compiled) Node(id string) *CompiledNode {
	at := c.graph.Position(id)
	if at < 0 {
		return nil
	}
	return &c.Nodes[at]
}

// StepOf returns the step that a node uses, or nil.
func (c *Compiled) StepOf(node string) *steps.Step {
	n := c.Node(node)
	if n == nil {
		return nil
	}
	return c.Steps[n.Step]
}

// Input returns the input port of that name, or nil.
func (c *Compiled) Input(name string) *steps.Port { return steps.FindPort(c.Inputs, name) }

// Param returns the parameter of that name, or nil.
func (c *Compiled) Param(name string) *steps.Param { return steps.FindParam(c.Params, name) }

// Output returns the output of that name, or nil.
func (c *Compiled) Output(name string) *CompiledOutput {
	for i := range c.Outputs {
		if c.Outputs[i].Port.Name == name {
			return &c.Outputs[i]
		}
	}
	return nil
}

// boundInput is an input of a node that is given something.
type boundInput struct {
	Binding
	node   string
	port   *steps.Port
	output *steps.Port // of the node that it is from; nil: from the whole's inputs
}

// bound goes through the inputs that are given something, in the order of the
// nodes and their ports.
func (c *Compiled) bound() iter.Seq[boundInput] {
	return func(yield func(boundInput) bool) {
		for i := range c.Nodes {
			n := &c.Nodes[i]
			step := c.Steps[n.Step]
			for _, b := range n.Inputs {
				in := boundInput{Binding: b, node: n.ID, port: step.Input(b.Port)}
				if b.From.Node != "" {
					in.output = c.StepOf(b.From.Node).Output(b.From.Port)
				}
				if !yield(in) {
					return
				}
			}
		}
	}
}

// Digest is the SHA-256 of the compiled pipeline's canonical JSON, in hex.
func (c *Compiled) Digest() string { return c.digest() }

// limit is a node's parameter that a pipeline's parameter sets.
type limit struct {
	node  string // the first of the nodes that use the step so
	param *steps.Param
}

// finish prepares what is not part of the JSON.
func (c *Compiled) finish() {
	c.digest = sync.OnceValue(func() string {
		data, err := json.Marshal(c)
		if err != nil {
			// Only values that JSON has ever get into a Compiled.
			panic(fmt.Sprintf("compiled %s: %v", c.Tool, err))
		}
		return sum(data)
	})
	c.measured = sync.OnceValue(c.findMeasured)
	c.taken = sync.OnceValue(c.findTaken)
	type setting struct {
		step, implementation, param, from string
	}
	c.limits = make(map[string][]limit)
	if len(c.Params) == 0 {
		return
	}
	seen := make(map[setting]bool)
	for i := range c.Nodes {
		n := &c.Nodes[i]
		for name, p := range n.Params {
			if p.From == "" || seen[setting{n.Step, n.Implementation, name, p.From}] {
				continue
			}
			seen[setting{n.Step, n.Implementation, name, p.From}] = true
			s := c.Steps[n.Step]
			c.limits[p.From] = append(c.limits[p.From], limit{n.ID, s.Implementation(n.Implementation).Narrow(s.Param(name))})
		}
	}
	for _, list := range c.limits {
		slices.SortFunc(list, func(a, b limit) int {
			if a.node != b.node {
				return c.graph.Position(a.node) - c.graph.Position(b.node)
			}
			return compareNames(a.param.Name, b.param.Name)
		})
	}
}

func compareNames(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func sum(data []byte) string {
	digest := sha256.Sum256(data)
	return hex.EncodeToString(digest[:])
}

// checkDefaults checks the defaults of parameters against the nodes that they
// go to: a default that a node refuses could never be used.
func (c *compiler) checkDefaults(p *Pipeline, out *Compiled) {
	for i := range p.Params {
		param := &p.Params[i]
		if param.Default == nil {
			continue
		}
		for _, l := range out.limits[param.Name] {
			if _, err := l.param.Check(param.Default.Any(), false); err != nil {
				c.add(param.Pos, "params."+param.Name+".default", codeOf(err), sentence(err),
					"`%s.%s` does not take the default %s.", l.node, l.param.Name, param.Default)
			}
		}
	}
}

// DecodeCompiled reads what json.Marshal wrote and checks it again.
func DecodeCompiled(data []byte) (*Compiled, error) {
	c := new(Compiled)
	if err := json.Unmarshal(data, c); err != nil {
		return nil, fmt.Errorf("compiled pipeline: %w", err)
	}
	if err := c.restore(); err != nil {
		return nil, fmt.Errorf("compiled pipeline %s: %w", c.Tool, err)
	}
	return c, nil
}

// restore rebuilds the graph of a Compiled that was read back.
func (c *Compiled) restore() error {
	var ps problem.Problems
	bad := func(path, format string, args ...any) {
		ps.Addf(problem.Pos{}, path, problem.Invalid, "", format, args...)
	}
	if c.Types == nil {
		bad("types", "The types are missing.")
		return ps
	}
	for _, key := range slices.Sorted(maps.Keys(c.Steps)) {
		if s := c.Steps[key]; s == nil || s.Name+"@"+s.Version != key {
			bad("steps."+key, "This is not the step %q.", key)
			return ps
		}
	}
	spec := dag.Spec{Inputs: c.Inputs, Nodes: make([]dag.Node, len(c.Nodes))}
	for i := range c.Nodes {
		n := &c.Nodes[i]
		path := "nodes." + n.ID
		s := c.Steps[n.Step]
		if s == nil {
			bad(path, "There is no step %q.", n.Step)
			continue
		}
		if n.Implementation == "" || s.Implementation(n.Implementation) == nil {
			bad(path, "The step %q has no implementation %q.", n.Step, n.Implementation)
		}
		for name, p := range n.Params {
			if s.Param(name) == nil || (p.From == "") == (p.Value == nil) || p.From != "" && c.Param(p.From) == nil {
				bad(path+".params."+name, "This is not a parameter of %q, or set to nothing.", n.Step)
			}
		}
		if wrong := c.checkKept(n, s); wrong != "" {
			bad(path+".keep", "%s", wrong)
		}
		spec.Nodes[i] = dag.Node{
			ID: n.ID, Label: s.Name, Inputs: s.Inputs, Outputs: s.Outputs,
			Within: n.Within, ContinueOnFailure: n.ContinueOnFailure, Filters: filters(n.Keep), Path: path,
		}
		for _, b := range n.Inputs {
			spec.Wires = append(spec.Wires, dag.Wire{From: b.From, To: dag.Endpoint{Node: n.ID, Port: b.Port}, Mode: b.Mode, Path: path})
		}
	}
	for i := range c.Outputs {
		spec.Outputs = append(spec.Outputs, dag.Output{Name: c.Outputs[i].Port.Name, From: c.Outputs[i].From})
	}
	if len(ps) > 0 {
		return ps.Err()
	}
	g, wrong := dag.Build(spec, c.Types)
	if wrong != nil {
		return wrong
	}
	for i, id := range g.Order() {
		if c.Nodes[i].ID != id {
			bad("nodes", "The nodes are not in order.")
			return ps
		}
	}
	c.graph = g
	c.finish()
	return nil
}
