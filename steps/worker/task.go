package worker

import (
	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/uris"
)

// Task is everything a worker needs to execute one attempt of one step. It
// knows no engine and no pipeline; as JSON it is what a container is given.
type Task struct {
	RunID   string     `json:"run_id"`
	Node    string     `json:"node"`
	Index   uris.Index `json:"index,omitempty"`
	Attempt int        `json:"attempt"` // from 1
	Root    uris.URI   `json:"root"`    // of the [uris.Layout] to commit into

	Step           string                 `json:"step"`
	Version        string                 `json:"version"`
	Implementation steps.Implementation   `json:"implementation"`
	Outputs        []steps.Port           `json:"outputs"`
	Types          *steps.Types           `json:"types"` // those of its ports: what content checks go by
	Inputs         []Input                `json:"inputs,omitempty"`
	Params         map[string]steps.Value `json:"params,omitempty"`
	Keep           []steps.Threshold      `json:"keep,omitempty"` // what stays of what it gives
}

// Input is what one input port is given.
type Input struct {
	Port   steps.Port   `json:"port"`
	Items  []Item       `json:"items"`             // exactly one unless Port.Many; in index order
	MadeBy *steps.Maker `json:"made_by,omitempty"` // of a port that takes many: what made all of them; nil when that is not known or not one
}

// Item is one value of an input port. One that failed or was filtered upstream
// is not staged; only a port that takes many can hold such items, and the
// command sees them in the manifest.
type Item struct {
	Index   uris.Index         `json:"index,omitempty"`
	URI     uris.URI           `json:"uri,omitzero"`
	Size    int64              `json:"size,omitempty"`   // 0 with no SHA256: not known
	SHA256  string             `json:"sha256,omitempty"` // verified while staging when known
	Format  string             `json:"format,omitempty"` // empty: the port's
	Metrics map[string]float64 `json:"metrics,omitempty"`
	MadeBy  *steps.Maker       `json:"made_by,omitempty"` // where it is not the input's
	Failed  *ItemFailure       `json:"failed,omitempty"`
}

// ItemFailure says where and why an item failed, or was filtered, upstream.
type ItemFailure struct {
	Node            string            `json:"node"`
	Code            steps.FailureCode `json:"code"`
	Message         string            `json:"message"`
	*steps.Filtered                   // of code filtered: by what
}

// FilteredAt is the failure of an item that a node's filter left out.
func FilteredAt(node string, f *steps.Filtered) *ItemFailure {
	return &ItemFailure{Node: node, Code: steps.FailFiltered, Message: f.Sentence(), Filtered: f}
}

// Manifest is the file that $(inputs.x.manifest) names: every item of the
// port in index order, with those that failed.
type Manifest struct {
	Port   string         `json:"port"`
	MadeBy *steps.Maker   `json:"made_by,omitempty"` // what gave all of them; absent when that is not known, or not one
	Items  []ManifestItem `json:"items"`
}

// ManifestItem is one item as the command sees it.
type ManifestItem struct {
	Index   uris.Index         `json:"index"`
	Path    string             `json:"path,omitempty"` // absolute path of the staged file; empty when it failed or was filtered
	URI     string             `json:"uri,omitempty"`  // empty when there is no such object; what was filtered has one
	Metrics map[string]float64 `json:"metrics,omitempty"`
	MadeBy  *steps.Maker       `json:"made_by,omitempty"` // where it is not the port's
	Failed  *ItemFailure       `json:"failed,omitempty"`
}

// MetricsFile is the JSON that Implementation.Metrics names: numbers that the
// command measured, of the task as a whole and of each item of an output port
// that gives many (in the order of the collected files).
type MetricsFile struct {
	Metrics map[string]float64              `json:"metrics,omitempty"`
	Items   map[string][]map[string]float64 `json:"items,omitempty"` // by output port
}
