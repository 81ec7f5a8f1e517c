package pipelines

import (
	"github.com/ligase-bio/ligase/dag"
	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/uris"
)

// Compiled is a pipeline (or a single step as a pipeline of one node) with
// every name resolved, pipelines inlined, wires checked and nodes in order:
// all of a plan that does not depend on a call's arguments. It holds a
// snapshot of each step and type that it uses, so a run goes on as it was planned when
// the catalog changes. It is immutable and can be shared.
type Compiled struct {
	Tool    Ref                    `json:"tool"`
	Inputs  []steps.Port           `json:"inputs,omitempty"`
	Params  []steps.Param          `json:"params,omitempty"`
	Outputs []CompiledOutput       `json:"outputs"`
	Types   *steps.Types           `json:"types"` // those that the ports here speak of, and what they are kinds of
	Steps   map[string]*steps.Step `json:"steps"` // by "name@version", each with only the implementations used
	Nodes   []CompiledNode         `json:"nodes"` // in a stable topological order
	// Chosen are the implementations, by node, that the call chose instead of
	// the definition's. A step has none: which of its implementations it is
	// for is what it is.
	Chosen map[string]string `json:"chosen,omitempty"`

	graph    *dag.Graph
	digest   func() string
	measured func() map[string]bool       // see Measured
	taken    func() map[dag.Endpoint]bool // what some node takes
	limits   map[string][]limit           // by parameter: the nodes' parameters that it sets
}

// CompiledOutput is a port of the whole.
type CompiledOutput struct {
	Port steps.Port   `json:"port"` // Many when what feeds it is scattered
	From dag.Endpoint `json:"from"`
}

// CompiledNode is a use of a step. Nodes of inlined pipelines have ids like
// "refine.fold".
type CompiledNode struct {
	ID                string           `json:"id"`
	Step              string           `json:"step"` // key in Compiled.Steps
	Implementation    string           `json:"implementation"`
	Inputs            []Binding        `json:"inputs,omitempty"` // in the step's order; unbound optional ports are absent
	Params            map[string]Param `json:"params,omitempty"` // every parameter of the step that is bound or has a default
	Within            []dag.Endpoint   `json:"within,omitempty"`
	Keep              []CompiledKeep   `json:"keep,omitempty"` // by port, then metric
	ContinueOnFailure bool             `json:"continue_on_failure,omitempty"`
}

// Binding is the wire into one input port.
type Binding struct {
	Port string       `json:"port"`
	From dag.Endpoint `json:"from"`
	Mode dag.Mode     `json:"mode"`
}

// Param is what a node's parameter is set to: a parameter of the pipeline, or
// a value.
type Param struct {
	From  string       `json:"from,omitempty"` // name of a pipeline parameter
	Value *steps.Value `json:"value,omitempty"`
}

// Input is one resolved value of an input port: what is known of it before
// anything runs.
type Input struct {
	URI    uris.URI `json:"uri"`              // where it lies, or will lie once the run is claimed
	SHA256 string   `json:"sha256,omitempty"` // known for inline values and for outputs of runs
	Size   int64    `json:"size,omitempty"`
	Type   string   `json:"type,omitempty"` // known for outputs of runs, sniffed for others; empty: not known
	Format string   `json:"format,omitempty"`
	Length int      `json:"length,omitempty"` // as its type counts it; 0: not counted
	// Origin says in words what it is, as messages have it, names in
	// backticks: "`score.scores` of run-7k2m9c4x1p0q", "`structure.pdb`".
	Origin string `json:"origin,omitempty"`
	// Split says of what it was a record, when the call gave a file of several:
	// "`all.fasta`".
	Split    string   `json:"split,omitempty"`
	SplitURI uris.URI `json:"split_uri,omitzero"` // where that lay; zero: the call brought it
	Record   int      `json:"record,omitempty"`   // which, from 1
	// Metrics are what was measured of it by the run that made it, and MadeBy
	// says what made it: a key of the plan's Makers.
	Metrics map[string]float64 `json:"metrics,omitempty"`
	MadeBy  string             `json:"made_by,omitempty"`
}

// Arguments are what a call gives, already resolved by the thin I/O around
// this package: inputs looked at, parameters as JSON or text.
type Arguments struct {
	Inputs map[string][]Input
	Params map[string]any          // JSON values; a string is also read as the parameter's type, for command lines
	Makers map[string]*steps.Maker // what made inputs that are outputs of runs
}

// Plan is what one run will do: a compiled pipeline with its arguments bound
// and checked. It is engine-neutral and deterministic.
type Plan struct {
	Compiled *Compiled               `json:"compiled"`
	Inputs   map[string][]Input      `json:"inputs,omitempty"`
	Params   map[string]steps.Value  `json:"params,omitempty"` // every parameter that is set, defaults included
	Makers   map[string]*steps.Maker `json:"makers,omitempty"` // what made inputs that are outputs of runs, see [Input]; no part of what the plan does
}
