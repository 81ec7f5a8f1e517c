package pipelines

import (
	"github.com/ligase-bio/ligase/dag"
	"github.com/ligase-bio/ligase/steps"
)

// CompileOptions choose among implementations.
type CompileOptions struct {
	// Implementations by node id ("refine.fold"), else by step name.
	Implementations map[string]string
	MaxNodes        int // 0: 100,000
}

// Compile resolves, inlines and checks a pipeline. The error is
// problem.Problems with everything that is wrong.
func Compile(p *Pipeline, r Resolver, o *CompileOptions) (*Compiled, error) { panic("unwritten") }

// CompileStep makes a pipeline of a single step: one node, named after it.
func CompileStep(s *steps.Step, r Resolver, o *CompileOptions) (*Compiled, error) {
	panic("unwritten")
}

// Graph is the checked graph.
func (c *Compiled) Graph() *dag.Graph { return c.graph }

// Node returns a node by id, or nil.
func (c *Compiled) Node(id string) *CompiledNode { panic("unwritten") }

// StepOf returns the step that a node uses.
func (c *Compiled) StepOf(node string) *steps.Step { panic("unwritten") }

// Digest is the SHA-256 of the compiled pipeline's canonical JSON, in hex.
func (c *Compiled) Digest() string { panic("unwritten") }

// DecodeCompiled reads what json.Marshal wrote and checks it again.
func DecodeCompiled(data []byte, types *steps.Types) (*Compiled, error) { panic("unwritten") }

// Bind checks a call's arguments against the compiled pipeline and returns
// the plan, or problem.Problems with everything that is wrong; paths are
// inputs.x and params.y.
func (c *Compiled) Bind(a Arguments, types *steps.Types) (*Plan, error) { panic("unwritten") }

// Digest identifies what the plan will do, in hex: equal digests mean the
// same definitions, implementations, parameters and inputs.
func (p *Plan) Digest() string { panic("unwritten") }

// NodeParams are the values of a node's parameters in this plan.
func (p *Plan) NodeParams(node string) map[string]steps.Value { panic("unwritten") }

// DecodePlan reads what json.Marshal wrote of a Plan.
func DecodePlan(data []byte, types *steps.Types) (*Plan, error) { panic("unwritten") }
