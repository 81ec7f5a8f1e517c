// Package tasks turns what a run was given and what its tasks have committed
// into what a worker executes next. The local engine asks it while it follows
// a run; a pod asks it for the one task that it is.
package tasks

import (
	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/pipelines"
	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/uris"
)

// Call is what a caller gave to one run, as its pods are given it: the
// argument `task` of a Workflow. Written by hand it may be short: an input may
// be a URI or a list of URIs, run id and root may be left out.
type Call struct {
	RunID  string                       `json:"run_id,omitempty"` // empty: made from the Workflow's UID, see [RunIDOf]
	Root   uris.URI                     `json:"root,omitzero"`    // of the [uris.Layout]; zero: the store's first root that may be written
	Inputs map[string][]pipelines.Input `json:"inputs,omitempty"`
	Params map[string]steps.Value       `json:"params,omitempty"`
	Makers map[string]*steps.Maker      `json:"makers,omitempty"` // see [pipelines.Plan]
	// Lies is set when inputs and parameters are too large for an argument:
	// the SHA-256, in hex, of the run folder's call.json, which holds them.
	Lies string `json:"lies,omitempty"`
}

// CallOf is the call that has pods do what a plan says. [Call.Bind] gives that
// plan back, but for the words and types of its inputs: those have been
// checked against the catalog, which a pod does not have.
func CallOf(plan *pipelines.Plan, runID string, root uris.URI) Call {
	c := Call{RunID: runID, Root: root, Params: plan.Params, Makers: plan.Makers}
	for i := range plan.Compiled.Inputs {
		port := &plan.Compiled.Inputs[i]
		given := plan.Inputs[port.Name]
		if len(given) == 0 && (port.Optional || !port.Many) {
			continue
		}
		if c.Inputs == nil {
			c.Inputs = make(map[string][]pipelines.Input, len(plan.Compiled.Inputs))
		}
		// A list that may be empty must be there to be bound as one.
		short := make([]pipelines.Input, len(given))
		for k, in := range given {
			short[k] = pipelines.Input{URI: in.URI, SHA256: in.SHA256, Size: in.Size, Format: in.Format, Metrics: in.Metrics, MadeBy: in.MadeBy}
		}
		c.Inputs[port.Name] = short
	}
	return c
}

// Bind checks the call against a compiled pipeline and gives the plan, with
// defaults applied. The error is problem.Problems.
func (c Call) Bind(compiled *pipelines.Compiled) (*pipelines.Plan, error) {
	if c.Lies != "" {
		return nil, problem.Problems{{
			Path: "lies", Code: problem.Missing,
			Message: "The inputs and parameters of this call lie in the run folder, and have not been read.",
			Fix:     "Read call.json there.",
		}}
	}
	a := pipelines.Arguments{Inputs: c.Inputs, Makers: c.Makers, Params: make(map[string]any, len(c.Params))}
	for name, v := range c.Params {
		a.Params[name] = v.Any()
	}
	return compiled.Bind(a, compiled.Types)
}
