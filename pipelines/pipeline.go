// Package pipelines turns definitions of composite tools into plans.
//
// [Parse] reads a definition. [Compile] resolves the names in it, inlines the
// pipelines that it uses, checks every wire and parameter, and gives a
// [Compiled]: all that does not depend on a call's arguments. [Compiled.Bind]
// checks those and gives the [Plan] of a run. Each reports everything that is
// wrong at once; the bytes and digests of what they make are the same each
// time.
package pipelines

import (
	"github.com/ligase-bio/ligase/dag"
	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/steps"
)

// Pipeline is a composite tool as written: nodes that use steps or other
// pipelines, and the wires between their ports. From outside it looks like a
// step.
type Pipeline struct {
	Name        string
	Version     string
	Title       string
	Description string
	Duration    steps.Duration
	Inputs      []steps.Port // a port without a format takes what its consumers take
	Params      []steps.Param
	Nodes       []Node
	Outputs     []Output
	Pos         problem.Pos
	Gaps        steps.Gaps // what [Decode] could not read; nil for a sound pipeline
}

// portsKnown reports whether the inputs, outputs and parameters are all that
// the definition means to have.
func (p *Pipeline) portsKnown() bool {
	return p.Gaps == nil || !p.Gaps.Within("inputs") && !p.Gaps.Within("params") && !p.Gaps.Within("outputs")
}

// Node is one use of a step or a pipeline.
type Node struct {
	Name              string
	Uses              string // name of a step or pipeline, optionally @version
	Kind              Kind   // what Uses was written as
	Implementation    string // "" for the step's default
	With              []Argument
	Each              []Argument
	Keep              []Keep
	ContinueOnFailure bool
	Pos               problem.Pos
}

// Argument binds one input or parameter of a node's step. Exactly one of
// From, Param and Value is set.
type Argument struct {
	Name string
	// From is node.port or $inputs.x. Text that looks like node.port but is
	// given to a string parameter is meant literally.
	From  *dag.Endpoint
	Param string // $params.x: a parameter of the pipeline
	Value any    // a literal, for a parameter: as YAML gave it
	Pos   problem.Pos
}

// Output names a port of a node as the pipeline's.
type Output struct {
	Name        string
	From        dag.Endpoint
	Description string
	Pos         problem.Pos
}

// Kind tells steps from pipelines.
type Kind string

const (
	KindStep     Kind = "step"
	KindPipeline Kind = "pipeline"
)

// Ref names one version of a definition.
type Ref struct {
	Kind    Kind   `json:"kind"`
	Name    string `json:"name"`
	Version string `json:"version"`
}

// String gives "name@version".
func (r Ref) String() string { return r.Name + "@" + r.Version }

// Resolver finds the definitions that a pipeline uses. The catalog is one.
// Definitions with gaps are found too where something is checked only: what
// uses them is checked as far as they are known.
type Resolver interface {
	// Step returns the step of that name ("fold" or "fold@1.0.0"), or nil.
	Step(name string) *steps.Step
	// Pipeline returns the pipeline of that name, or nil.
	Pipeline(name string) *Pipeline
	// Names lists what there is of a kind, sorted, for "did you mean".
	Names(Kind) []string
	// Types is the lattice that wires are checked against.
	Types() *steps.Types
}
