package local

import (
	"context"
	"errors"
	"fmt"

	"github.com/ligase-bio/ligase/dag"
	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/internal/tasks"
	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/uris"
)

// enginesMost is how many more engines than its retry limit a task may outlive
// before it is taken for what ends them.
const enginesMost = 5

// spent is what a task has used up of its attempts in this generation of its
// run, under engines before this one.
type spent struct {
	failures int            // that count against the retry limit
	last     *steps.Failure // the latest of them
	deaths   int            // attempts that left no word of how they ended
}

// spentBefore works out what tasks have used up, from what their attempts left
// behind: attempts are the highest numbers, found has the failure records. A
// run that is new, or of which nothing had failed, costs nothing.
func spentBefore(ctx context.Context, store *uris.Store, job runs.Job, found tasks.Survey, attempts map[dag.Task]int) (map[dag.Task]spent, error) {
	if len(attempts) == 0 {
		return nil, nil
	}
	before, known, err := attemptsBefore(ctx, store, job)
	if err != nil || !known {
		return nil, err
	}
	all := map[dag.Task]spent{}
	for t, last := range attempts {
		s := spent{deaths: last - min(before[t], last)}
		for _, n := range found.Failures[t] {
			if n <= before[t] {
				continue
			}
			failure, err := tasks.ReadFailure(ctx, store, job.Folder, t, n)
			if err != nil {
				return nil, err
			}
			if failure == nil {
				continue // cut off: it is as if the engine had died with it
			}
			s.deaths--
			switch failure.Code {
			case steps.FailPreempted, steps.FailCanceled: // it did not fail: it was ended
			default:
				s.failures++
				s.last = failure
			}
		}
		all[t] = s
	}
	return all, nil
}

// attemptsBefore are the highest attempts of tasks before this generation of a
// run began: a retry of the run has a new budget. Where that cannot be told
// known is false, and all that was spent is forgiven.
func attemptsBefore(ctx context.Context, store *uris.Store, job runs.Job) (before map[dag.Task]int, known bool, err error) {
	if job.Generation <= 1 {
		return nil, true, nil
	}
	final, err := runs.ReadFinal(ctx, store, job.Folder, job.Generation-1)
	if errors.Is(err, problem.ErrNotFound) || errors.Is(err, problem.ErrRefused) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	before = map[dag.Task]int{}
	for _, t := range final.Tasks {
		before[dag.Task{Node: t.Node, Index: t.Index}] = t.Attempt
	}
	return before, true, nil
}

// exhausted is why a task that is ready is not tried once more; nil: it is.
func (r *run) exhausted(t *task) *steps.Failure {
	s := r.spent[t.dag()]
	retries := t.node.impl.Retries
	switch {
	case s.last != nil && !triesAgain(retries, s.last.Code, s.failures):
		return s.last
	case s.deaths > retries.Limit+enginesMost:
		return &steps.Failure{
			Code:    steps.FailPreempted,
			Message: fmt.Sprintf("The engine died %d times while %s ran, so it is not tried again.", s.deaths, t.node.id),
			Hint: "See whether it is the step that brings the machine down, by its use of memory or disk (engine.log in the data folder, and the system's log, may tell). " +
				"Once that is mended, retry the run.",
			Retryable: true,
		}
	}
	return nil
}
