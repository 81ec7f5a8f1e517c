package runs

import (
	"time"

	"github.com/ligase-bio/ligase/pipelines"
	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/uris"
)

// ID names a run: "run-" and twelve characters of Crockford's base 32 in
// lower case, derived from the tenant and the client's request id.
type ID string

// State is where a run or a task is in its life.
type State string

const (
	Pending   State = "pending"   // accepted, not started
	Running   State = "running"   // at least one attempt has started
	Succeeded State = "succeeded" // terminal
	Failed    State = "failed"    // terminal
	Cancelled State = "cancelled" // terminal
	Skipped   State = "skipped"   // tasks only, terminal: what it needs failed and was allowed to
)

// Terminal reports whether nothing more happens without a retry.
func (s State) Terminal() bool {
	return s == Succeeded || s == Failed || s == Cancelled || s == Skipped
}

// Run is one execution of a plan, as the store knows it.
type Run struct {
	ID        ID
	Tenant    string
	RequestID string // the client's, or one made for it
	Digest    string // of the plan: what "same arguments" means
	Tool      pipelines.Ref
	Workflow  string // the engine's name for it: fold-baseline-7k2m9c4x1p0q
	Engine    string
	Root      uris.URI // of the [uris.Layout] that it commits into
	Labels    map[string]string

	State           State
	Generation      int    // 1, and one more for each retry
	CancelRequested bool   // the intent; the engine makes it true
	Hold                   // the intent to keep it from going on
	Waiting         string // why it does not move, when it does not: "waiting: 0/1 nodes have a free nvidia.com/gpu"
	Failure         *steps.Failure
	Progress        Progress
	Summary         []byte // JSON of the final Summary; nil until terminal

	CreatedAt  time.Time
	StartedAt  time.Time // zero until it runs
	FinishedAt time.Time // zero until terminal
	UpdatedAt  time.Time
}

// Hold is an intent to keep a run from going on, or to let it go on, and when
// that was said last. Several processes may look after a run, each with a store
// of its own: among them the later word counts.
type Hold struct {
	Suspended    bool      // nothing new is to start
	SuspendAsked time.Time // zero: nobody has said anything
}

// Later reports whether h was said after what was said before.
func (h Hold) Later(before Hold) bool { return h.SuspendAsked.After(before.SuspendAsked) }

// Progress counts tasks. Total grows while scatters unfold; Expected is what
// the plan foresees, 0 when it cannot.
type Progress struct {
	Done    int `json:"done"` // succeeded, failed and skipped
	Total   int `json:"total"`
	Failed  int `json:"failed,omitempty"`
	Skipped int `json:"skipped,omitempty"`
	Running int `json:"running,omitempty"`
}

// TaskStatus is one task of a run as the store knows it.
type TaskStatus struct {
	Node       string         `json:"node"`
	Index      uris.Index     `json:"index,omitempty"`
	Attempt    int            `json:"attempt,omitempty"`
	State      State          `json:"state"`
	Message    string         `json:"message,omitempty"`  // why it waits, or what it last said of its progress
	Fraction   float64        `json:"fraction,omitempty"` // 0–1 of the running attempt, when it tells
	Failure    *steps.Failure `json:"failure,omitempty"`
	Result     *steps.Result  `json:"result,omitempty"`
	StartedAt  time.Time      `json:"started_at,omitzero"`
	FinishedAt time.Time      `json:"finished_at,omitzero"`
}

// Event is something that happened to a run, for people who ask why.
type Event struct {
	Seq     int64      `json:"seq"` // grows by the order of recording
	Time    time.Time  `json:"time"`
	Node    string     `json:"node,omitempty"`
	Index   uris.Index `json:"index,omitempty"`
	Attempt int        `json:"attempt,omitempty"`
	Kind    string     `json:"kind"` // submitted started attempt_started attempt_failed retrying committed skipped cancel_requested suspended resumed finished retried recovered …
	Message string     `json:"message,omitempty"`

	// Of what a cluster tells (see [EventLister]); it has no Seq.
	Source string    `json:"source,omitempty"` // "kubernetes"; empty: ligase itself
	Object string    `json:"object,omitempty"` // what it is about: "pod/fold-baseline-7k2m9c4x1p0q-1234"
	Count  int       `json:"count,omitempty"`  // how often it happened, when more than once
	First  time.Time `json:"first,omitzero"`   // when it first happened, with a Count; Time is the last
}
