package pod

import (
	"context"
	"fmt"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/ligase-bio/ligase/dag"
	"github.com/ligase-bio/ligase/internal/tasks"
	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/steps/worker"
)

// readers is how many records are read at a time.
const readers = 32

// history is what the tasks before a job's came to, as far as it had to be
// read.
type history struct {
	job *Job

	mu     sync.Mutex
	made   map[dag.Task]tasks.Made
	failed map[dag.Cause]*failure // and what was filtered
}

type failure struct {
	attempt int
	cause   worker.ItemFailure
}

func newHistory(j *Job) *history {
	return &history{job: j, made: map[dag.Task]tasks.Made{}, failed: map[dag.Cause]*failure{}}
}

// look tells [dag.Graph.Trace] how tasks ended.
func (h *history) look(ctx context.Context) func([]dag.Task) ([]dag.Outcome, error) {
	return func(list []dag.Task) ([]dag.Outcome, error) {
		outcomes := make([]dag.Outcome, len(list))
		group, ctx := errgroup.WithContext(ctx)
		group.SetLimit(readers)
		for i, t := range list {
			group.Go(func() (err error) {
				outcomes[i], err = h.read(ctx, t)
				return err
			})
		}
		return outcomes, group.Wait()
	}
}

// read reads the records of one task.
func (h *history) read(ctx context.Context, t dag.Task) (dag.Outcome, error) {
	j := h.job
	result, err := tasks.ReadResult(ctx, j.Store, j.Folder, t)
	if err != nil {
		return dag.Outcome{}, err
	}
	if result != nil {
		made, counts, left := tasks.Keep(j.Compiled.StepOf(t.Node), result)
		h.mu.Lock()
		defer h.mu.Unlock()
		h.made[t] = made
		filtered := func(c dag.Cause) { h.failed[c] = &failure{result.Attempt, *tasks.CauseIn(result, c)} }
		if left.All {
			filtered(dag.Cause{Task: t})
		}
		for port, items := range left.Items {
			for _, k := range items {
				filtered(dag.Cause{Task: t, Port: port, Item: k})
			}
		}
		return dag.Outcome{End: dag.Committed, Counts: counts, Left: left}, nil
	}
	attempts, err := tasks.FailedAttempts(ctx, j.Store, j.Folder, t)
	if err != nil || len(attempts) == 0 {
		return dag.Outcome{}, err
	}
	last := attempts[len(attempts)-1]
	f, err := tasks.ReadFailure(ctx, j.Store, j.Folder, t, last)
	if err != nil {
		return dag.Outcome{}, err
	}
	failed := &failure{last, worker.ItemFailure{Node: t.Node, Code: steps.FailUnknown, Message: "Its failure record is damaged."}}
	if f != nil {
		failed.cause.Code, failed.cause.Message = f.Code, f.Message
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.failed[dag.Cause{Task: t}] = failed
	return dag.Outcome{End: dag.Failed}, nil
}

// readSources reads what the items of a scatter come from: to know that they
// are there, it was enough to know that the job is.
func (h *history) readSources(ctx context.Context, trail dag.Trail) error {
	var list []dag.Task
	wanted := map[dag.Task]bool{}
	for _, sources := range trail.Sources {
		for _, s := range sources {
			t := dag.Task{Node: s.From.Node, Index: s.Task}
			if _, read := h.made[t]; s.Failed || t.Node == "" || read || wanted[t] {
				continue
			}
			wanted[t] = true
			list = append(list, t)
		}
	}
	outcomes, err := h.look(ctx)(list)
	if err != nil {
		return err
	}
	for i, o := range outcomes {
		if o.End != dag.Committed {
			return &dag.UnendedError{Task: list[i], Failed: o.End == dag.Failed}
		}
	}
	for port, sources := range trail.Sources {
		for _, s := range sources {
			if s.Failed || s.From.Node == "" {
				continue
			}
			if made := h.made[dag.Task{Node: s.From.Node, Index: s.Task}]; s.Item >= made.Count(s.From.Port) {
				return fmt.Errorf("the item %s for the input %s is not one of the %d that %s gave", s.Index, port, made.Count(s.From.Port), s.From)
			}
		}
	}
	return nil
}

// madeBy is what a committed task gave.
func (h *history) madeBy(t dag.Task) tasks.Made { return h.made[t] }

// cause is why something never came to be.
func (h *history) cause(c dag.Cause) *worker.ItemFailure {
	if f := h.failed[c]; f != nil {
		return &f.cause
	}
	return &worker.ItemFailure{Node: c.Node, Code: steps.FailUnknown, Message: "It left no record of why it failed: its pod was killed, or never started."}
}

// record is the failure record, log and all, of the first source that has this
// cause; nil when there is none.
func (h *history) record(ctx context.Context, cause *worker.ItemFailure, trail dag.Trail) *steps.Failure {
	if cause == nil {
		return nil
	}
	for _, name := range h.job.Node.Inputs {
		for _, s := range trail.Sources[name] {
			failed := h.failed[s.Cause]
			if !s.Failed || failed == nil || failed.cause != *cause {
				continue
			}
			f, err := tasks.ReadFailure(ctx, h.job.Store, h.job.Folder, s.Cause.Task, failed.attempt)
			if err != nil {
				h.job.log.Warn("the first failure's log could not be read", "task", s.Cause.String(), "err", err)
			}
			return f
		}
	}
	return nil
}
