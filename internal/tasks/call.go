// Package tasks turns what a run was given and what its tasks have committed
// into what a worker executes next. The local engine asks it while it follows
// a run; a pod asks it for the one task that it is.
package tasks

import (
	"github.com/ligase-bio/ligase/pipelines"
	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/uris"
)

// Call is what a caller gave to one run, as its pods are given it: the
// argument `task` of a Workflow. Written by hand it may be short: an input may
// be a URI or a list of URIs, run id and root may be left out.
type Call struct {
	RunID  string                       `json:"run_id,omitempty"` // empty: made from the Workflow's UID
	Root   uris.URI                     `json:"root,omitzero"`    // of the [uris.Layout]; zero: the store's first root that may be written
	Inputs map[string][]pipelines.Input `json:"inputs,omitempty"`
	Params map[string]steps.Value       `json:"params,omitempty"`
	// Lies is set when inputs and parameters are too large for an argument:
	// the SHA-256, in hex, of the run folder's call.json, which holds them.
	Lies string `json:"lies,omitempty"`
}
