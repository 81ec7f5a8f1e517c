package steps

import (
	"time"

	"github.com/ligase-bio/ligase/internal/problem"
)

// Implementation is one way to run a step. Each maps to processes or
// containers on the embedded engine and to one WorkflowTemplate on Argo.
type Implementation struct {
	Name        string             `json:"name"`
	Title       string             `json:"title,omitempty"`
	Description string             `json:"description,omitempty"` // what it is good for and what not
	Image       string             `json:"image,omitempty"`       // container image that its commands run in; empty: on the host, as does ligase itself
	Prepare     []Arg              `json:"prepare,omitempty"`     // runs before the command: brings the inputs into the form that it takes
	Command     []Arg              `json:"command,omitempty"`
	Finish      []Arg              `json:"finish,omitempty"`   // runs after a command that ended well: makes what the step promises of what it left
	Template    *Foreign           `json:"template,omitempty"` // instead of a command: somebody else's, on Argo
	Limits      map[string]float64 `json:"limits,omitempty"`   // where it takes less than the step: the longest input, the largest value of a parameter
	Volumes     []Volume           `json:"volumes,omitempty"`  // folders that it finds at fixed paths, and that its image comes without
	Env         map[string]string  `json:"env,omitempty"`      // literal values added to the clean environment
	Collect     map[string]string  `json:"collect,omitempty"`  // output port → glob below $(work), slash-separated; of a template: a [Source]
	Metrics     string             `json:"metrics,omitempty"`  // file below $(work) with the metrics, JSON; of a template: a [Source]
	Resources   Resources          `json:"resources"`
	Cost        *Cost              `json:"cost,omitempty"`    // what an attempt takes, by how long what it works on is
	Timeout     time.Duration      `json:"timeout,omitempty"` // of one attempt; 0: DefaultTimeout
	Retries     Retries            `json:"retries"`
	Failures    []LogPattern       `json:"failures,omitempty"` // what its log says when it fails quietly
	Progress    string             `json:"progress,omitempty"` // RE2 over log lines: groups "done" and "total"
	License     string             `json:"license,omitempty"`
	Citation    string             `json:"citation,omitempty"`

	Pos problem.Pos `json:"-"`
}

// Commands are what an attempt runs, one after the other as long as they end
// well: what prepares, the command, what finishes; none for those that there
// are not. Of a template they are none at all.
func (i *Implementation) Commands() [3][]Arg { return [3][]Arg{i.Prepare, i.Command, i.Finish} }

// Narrow is a parameter as the implementation takes it: with its own limit,
// where that is below the step's.
func (i *Implementation) Narrow(p *Param) *Param {
	most, limited := i.Limits[p.Name]
	if !limited || p.Maximum != nil && *p.Maximum <= most {
		return p
	}
	narrow := *p
	narrow.Maximum = &most
	return &narrow
}

// Arg is one element of a command: a single template, or a group of
// templates that is left out whole when something it refers to is unset.
//
// A template is text with references: $(inputs.x) the staged file of port x,
// $(params.y) a parameter's value, $(work) the attempt's private folder;
// $$(…) is a literal $(…). Of a port that takes many, an element that is
// exactly $(inputs.x) becomes one element per file, $(inputs.x.dir) is the
// folder that holds them, and $(inputs.x.manifest) is a JSON file that lists
// every item, also those that failed upstream ([worker.Manifest]).
type Arg struct {
	Templates []string `json:"t"`
	Group     bool     `json:"g,omitempty"` // written as an inner list
}

// Resources is what one attempt needs.
type Resources struct {
	CPU    float64 `json:"cpu,omitempty"`    // cores; 0: 1
	Memory int64   `json:"memory,omitempty"` // bytes; 0: not limited
	GPU    int     `json:"gpu,omitempty"`    // whole devices
	Disk   int64   `json:"disk,omitempty"`   // bytes of scratch space, staged inputs included; 0: what the machine has to spare
}

// Retries says how often and after which failures a task is tried again.
type Retries struct {
	Limit int           `json:"limit,omitempty"` // attempts after the first
	On    []FailureCode `json:"on,omitempty"`
}

// LogPattern classifies a failure by a line of the log: a tool that exits 0
// (or 1) after running out of memory says so only there.
type LogPattern struct {
	Pattern string      `json:"pattern"` // RE2, tried on each line
	Code    FailureCode `json:"code"`
}

// DefaultTimeout bounds an attempt whose implementation names no timeout.
const DefaultTimeout = 24 * time.Hour
