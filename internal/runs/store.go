package runs

import (
	"context"
	"time"

	"github.com/ligase-bio/ligase/pipelines"
	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/uris"
)

// Store keeps runs. Every method that returns nil for a write has made it
// durable, Apply's progress and task rows excepted: those are an index that
// the engine's run folder can rebuild.
//
// Reads of another tenant's run are problem.ErrNotFound, word for word as for
// one that does not exist.
type Store interface {
	// Create records a run and its plan. When (Tenant, RequestID) is already
	// there with the same Digest it returns that run and false; with another
	// Digest problem.ErrConflict, naming both digests.
	Create(ctx context.Context, run Run, plan *pipelines.Plan) (Run, bool, error)

	Get(ctx context.Context, tenant string, id ID) (Run, error)
	ByRequest(ctx context.Context, tenant, requestID string) (Run, error)

	// Has reports whether the run is there, whoever's it is.
	Has(ctx context.Context, id ID) (bool, error)

	// Plan returns what the run was created with.
	Plan(ctx context.Context, id ID) (*pipelines.Plan, error)

	List(ctx context.Context, f RunFilter) (RunPage, error)
	Tasks(ctx context.Context, id ID, f TaskFilter) (TaskPage, error)
	// Nodes counts a run's tasks by node, in order of node.
	Nodes(ctx context.Context, id ID) ([]NodeStatus, error)

	// Events returns what happened after the event of that number, in order.
	Events(ctx context.Context, id ID, after int64, limit int) ([]Event, error)

	// Output looks up an object that a run committed. problem.ErrNotFound when
	// no run of the tenant's did.
	Output(ctx context.Context, tenant string, uri uris.URI) (OutputRef, error)

	// Outputs lists the objects that a run committed, in order of node, index,
	// port and item.
	Outputs(ctx context.Context, id ID, f OutputFilter) (OutputPage, error)

	// Spent gives what the attempts took that committed last, of an
	// implementation and whoever's runs: newest first, those whose results say
	// how much they had to do.
	Spent(ctx context.Context, step, implementation string, limit int) ([]steps.Spent, error)

	// LongestSpent is the greatest length that an attempt of an implementation
	// has committed at; 0: none has.
	LongestSpent(ctx context.Context, step, implementation string) (int, error)

	// Apply records observations in order. It never moves a run or a task
	// backward: a terminal state stays until Retry, and what is of an older
	// generation, or of a run that is not there, is dropped. A run's terminal
	// state, its failure, its summary and the event "finished" are written in
	// one transaction, durably.
	Apply(ctx context.Context, batch []Observation) error

	// SetSummary keeps the final summary of a terminal run.
	SetSummary(ctx context.Context, id ID, summary []byte) error

	// RequestCancel records the intent. It returns the run as it is now; a
	// terminal run is returned unchanged.
	RequestCancel(ctx context.Context, tenant string, id ID) (Run, error)

	// RequestSuspend records the intent to hold a run (true) or to let it go on
	// (false), and when. It returns the run as it is now; one that has ended,
	// or is to be cancelled, is returned unchanged.
	RequestSuspend(ctx context.Context, tenant string, id ID, suspended bool) (Run, error)

	// Retry moves a Failed or Cancelled run to Pending with the next
	// generation, in one step, and clears the intents to cancel and to suspend;
	// any other state is problem.ErrConflict.
	Retry(ctx context.Context, tenant string, id ID) (Run, error)

	// Active lists runs that are not terminal, and terminal ones without a
	// summary, in order of creation: what a reconciler looks after.
	Active(ctx context.Context) ([]Run, error)

	// Version changes whenever another process or this one has written; it
	// costs next to nothing to ask.
	Version(ctx context.Context) (int64, error)
}

// RunFilter selects runs. Zero fields select all.
type RunFilter struct {
	Tenant string // required
	States []State
	Tool   string
	Since  time.Time // created at or after
	Until  time.Time // created before
	Label  map[string]string
	Cursor string // from RunPage.Next
	Limit  int    // 0: 50; at most 1,000
}

// RunPage is one page of runs, newest first.
type RunPage struct {
	Runs []Run
	Next string // cursor of the next page; empty at the end
}

// TaskFilter selects tasks of a run.
type TaskFilter struct {
	Node   string
	States []State
	Cursor string
	Limit  int // 0: 100; at most 10,000
}

// TaskPage is one page of tasks, in order of node and index.
type TaskPage struct {
	Tasks []TaskStatus
	Next  string
}

// NodeStatus is how far a node is: counts of its tasks that are known of.
type NodeStatus struct {
	Node     string  `json:"node"`
	Total    int     `json:"total"`
	Done     int     `json:"done"` // succeeded, failed, cancelled and skipped
	Failed   int     `json:"failed,omitempty"`
	Skipped  int     `json:"skipped,omitempty"`
	Running  int     `json:"running,omitempty"`
	Fraction float64 `json:"fraction,omitempty"` // 0–1: the mean of the running attempts, as far as they tell
	Message  string  `json:"message,omitempty"`  // of the running attempt, or of one that waits
}

// OutputRef is an object that a run made.
type OutputRef struct {
	RunID  ID
	Node   string
	Index  uris.Index // of the task
	Port   string
	Item   int // which of the port's objects, from 0
	Object steps.Object
}

// OutputFilter selects objects of a run.
type OutputFilter struct {
	Node   string
	Port   string
	Cursor string
	Limit  int // 0: 100; at most 10,000
	// Filtered asks for those that a filter left out, instead of the others.
	Filtered bool
}

// OutputPage is one page of objects.
type OutputPage struct {
	Outputs []OutputRef
	Total   int // of all pages
	Next    string
}
