package runs

import (
	"time"

	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/uris"
)

// Summary is the small JSON that a run boils down to: the one shape that
// every surface shows.
type Summary struct {
	RunID        ID                    `json:"run_id"`
	WorkflowName string                `json:"workflow_name"`
	Tool         string                `json:"tool"`
	Status       State                 `json:"status"`
	Waiting      string                `json:"waiting,omitempty"`
	StartedAt    time.Time             `json:"started_at,omitzero"`
	FinishedAt   time.Time             `json:"finished_at,omitzero"`
	Progress     Progress              `json:"progress"`
	Metrics      map[string]float64    `json:"metrics,omitempty"`
	OutputURIs   map[string]OutputList `json:"output_uris,omitempty"`
	Preview      map[string][]string   `json:"preview,omitempty"`
	Next         []NextStep            `json:"next,omitempty"`
	Error        *steps.Failure        `json:"error,omitempty"`
	ResourceURI  string                `json:"resource_uri"`
}

// OutputList is the value of an output port. A port that gives one is a JSON
// string, the URI; one that gives many an object with the count, the first
// few URIs, and the resource that pages through the rest.
type OutputList struct {
	Many     bool
	Count    int
	URIs     []uris.URI // all of one; at most SummaryURIs of many
	Resource string
}

// SummaryURIs is how many URIs of a port that gives many a summary shows.
const SummaryURIs = 3

// NextStep is something to do with an output: the input port of a tool that
// it fits.
type NextStep struct {
	Tool   string `json:"tool"`
	Input  string `json:"input"`
	Output string `json:"output"`
}
