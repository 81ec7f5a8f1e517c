package runs

import (
	"context"
	"io"
	"time"

	"github.com/ligase-bio/ligase/pipelines"
	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/uris"
)

// Job is a run as an engine needs it.
type Job struct {
	ID         ID
	Tenant     string
	Generation int
	Workflow   string
	Digest     string
	Plan       *pipelines.Plan
	Folder     uris.RunFolder
	CreatedAt  time.Time
	Trace      string // id of the trace in which it was submitted; empty: none is known

	// Fresh says that this very call has claimed the run, so that nobody else
	// can have started it: an engine need not look for it first.
	Fresh bool
	// Hold says whether anything of it is to be started before [Suspender]
	// says otherwise. Submit makes it so, also of a job that it finds started,
	// unless a later word reached that one by another process.
	Hold
}

// Engine runs plans. There is one of it per process; it serves all runs.
//
// Its lasting state is the run folder: commit records say what is done. The
// store is an index that the engine feeds through the Sink and never reads.
type Engine interface {
	// Name is "local" or "argo".
	Name() string

	// Submit starts the job, or finds it started: it is idempotent on (ID,
	// Generation). Tasks with a commit record are not run again. It returns
	// once the job is in the engine's hands, not when it has run. A job of
	// the same ID with another Digest is problem.ErrConflict; an engine that
	// cannot take jobs now returns problem.ErrUnavailable and the caller tries
	// again.
	Submit(ctx context.Context, job Job) error

	// Cancel ends the run's tasks; a Cancelled observation of the run follows
	// once none is left. Cancelling what has ended, or is not known, is nil.
	Cancel(ctx context.Context, id ID) error

	// Run drives the engine and delivers observations to sink until ctx ends.
	// On return no process of the engine's is left, or each can be found
	// again by the next Run.
	Run(ctx context.Context, sink Sink) error

	// Logs opens the log of one attempt (0: the latest). With follow, reading
	// goes on until the attempt ends. A task that has not started, or whose
	// log is gone, is problem.ErrNotFound with a sentence that says which.
	Logs(ctx context.Context, q LogQuery) (io.ReadCloser, error)
}

// Suspender is an engine that can hold runs. Both engines of ligase can.
type Suspender interface {
	// Suspend keeps anything new of a run from starting, or lets it go on;
	// attempts that run may end and commit. It is idempotent; for a run that
	// has ended, or is not known, and for a word that came after a later one,
	// it is nil.
	Suspend(ctx context.Context, id ID, hold Hold) error
}

// EventLister is an engine whose cluster has things to tell of a run itself.
type EventLister interface {
	// Events lists what the cluster says of a run, oldest first, at most limit
	// (0: what it keeps).
	Events(ctx context.Context, run Run, limit int) ([]Event, error)
}

// Lagger is an engine that watches a cluster, and can lose sight of it.
type Lagger interface {
	// StaleSince is since when the engine has not heard from its cluster; zero
	// when what it has told is as good as what the cluster knows.
	StaleSince() time.Time
}

// LogQuery names the log of an attempt.
type LogQuery struct {
	Folder  uris.RunFolder
	Node    string
	Index   uris.Index
	Attempt int // 0: the latest
	Follow  bool
}

// Sink takes what an engine observes. A nil return means that the
// observations are recorded (or superseded); on an error the engine keeps
// them and delivers again.
type Sink func(ctx context.Context, batch []Observation) error

// Observation is one change that an engine saw. Exactly one of Task and State
// is set, or neither for a bare Waiting, Hold or Event.
type Observation struct {
	RunID      ID
	Generation int // observations of an older generation are dropped
	Time       time.Time

	State    State          // of the run, when it changed: Running, Succeeded, Failed, Cancelled
	Failure  *steps.Failure // with Failed
	Summary  []byte         // with a terminal State: put in by the [Service] on the way to the store, never by an engine
	Waiting  *string        // set or clear the run's reason for waiting
	Hold     *Hold          // what another process was asked
	Progress *Progress      // current counts
	Task     *TaskStatus    // a task that changed
	Event    *Event         // to be kept in the run's history
}
