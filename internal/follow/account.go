package follow

import (
	"fmt"
	"time"

	"github.com/ligase-bio/ligase/dag"
	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/internal/tasks"
	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/steps/worker"
)

// Account follows one run through its graph. It is not safe for concurrent
// use.
type Account struct {
	job      runs.Job
	frontier *dag.Frontier
	tell     func(runs.Observation)
	now      func() time.Time

	attempts map[dag.Task]int                  // see Recall
	causes   map[dag.Cause]*worker.ItemFailure // of what failed, and what was filtered
	first    map[string]*steps.Failure         // by node: its first failure, log and all
	failure  *steps.Failure                    // what decides the run, once aborted
	aborted  bool
}

// Open starts the account of a job and returns the tasks that can start at
// once. What happens is given to tell, with neither run nor time set.
func Open(job runs.Job, now func() time.Time, tell func(runs.Observation)) (*Account, []dag.Task) {
	a := &Account{
		job: job, tell: tell, now: now,
		causes: map[dag.Cause]*worker.ItemFailure{}, first: map[string]*steps.Failure{},
	}
	frontier, change := job.Plan.Compiled.Graph().NewFrontier(tasks.Given(job.Plan))
	a.frontier = frontier
	return a, a.take(change)
}

// Recall tells the account of attempts that were made before it was opened: by
// task, the highest number. A task that starves may have begun once, when what
// it gathers was still there. It ends with that attempt: the next retry of the
// run counts from there.
func (a *Account) Recall(attempts map[dag.Task]int) { a.attempts = attempts }

// Succeed records a commit and returns the tasks that can start now.
func (a *Account) Succeed(t dag.Task, result *steps.Result) []dag.Task {
	_, counts, left := tasks.Keep(a.job.Plan.Compiled.StepOf(t.Node), result)
	return a.Committed(t, result, counts, left)
}

// Committed is Succeed for a caller that has looked through the result
// ([tasks.Keep]) already.
func (a *Account) Committed(t dag.Task, result *steps.Result, counts map[string]int, left dag.Left) []dag.Task {
	status := &runs.TaskStatus{
		Node: t.Node, Index: t.Index, Attempt: result.Attempt, State: runs.Succeeded,
		Fraction: 1, Result: result, StartedAt: result.StartedAt, FinishedAt: result.FinishedAt,
	}
	if left.All {
		whole := dag.Cause{Task: t}
		cause := tasks.CauseIn(result, whole)
		a.causes[whole] = cause
		status.Message = "Filtered: " + cause.Message
	}
	for port, items := range left.Items {
		for _, k := range items {
			c := dag.Cause{Task: t, Port: port, Item: k}
			a.causes[c] = tasks.CauseIn(result, c)
		}
		if status.Message == "" {
			status.Message = fmt.Sprintf("Filtered %d of %s of %s.", len(items), Count(counts[port], "item"), port)
		}
	}
	a.tell(runs.Observation{Task: status})
	change, err := a.frontier.SucceedBut(t, counts, left)
	if err != nil {
		a.bug(t, result.Attempt, err)
		return nil
	}
	return a.take(change)
}

// Fail records that a task failed for good, in the attempt that f names, and
// returns the tasks that can start now.
func (a *Account) Fail(t dag.Task, f *steps.Failure, began, ended time.Time) []dag.Task {
	a.failed(t, f, began, ended)
	change, err := a.frontier.Fail(t)
	if err != nil {
		a.bug(t, f.Attempt, err)
		return nil
	}
	return a.take(change)
}

// Doom has the run fail with f, whatever its tasks come to.
func (a *Account) Doom(f *steps.Failure) {
	if a.failure == nil {
		a.failure = f
	}
	a.aborted = true
}

// Sources lists what an input port of a task that can start takes.
func (a *Account) Sources(t dag.Task, port string) []dag.Source { return a.frontier.Sources(t, port) }

// Cause is why something never came to be, in short; nil when nothing is known
// against it.
func (a *Account) Cause(c dag.Cause) *worker.ItemFailure { return a.causes[c] }

// Done reports whether no task is left to run.
func (a *Account) Done() bool { return a.frontier.Done() }

// Aborted reports whether something failed that was not allowed to, so that
// nothing more is to start.
func (a *Account) Aborted() bool { return a.aborted }

// End is what the run came to, once it is done or aborted.
func (a *Account) End() (runs.State, *steps.Failure) {
	if a.aborted {
		return runs.Failed, a.failure
	}
	if f := a.empty(); f != nil {
		return runs.Failed, f
	}
	return runs.Succeeded, nil
}

// Progress counts the run's tasks, of which so many run.
func (a *Account) Progress(running int) runs.Progress {
	succeeded, failed, skipped, total := a.frontier.Totals()
	return runs.Progress{
		Done: succeeded + failed + skipped, Total: total,
		Failed: failed, Skipped: skipped, Running: running,
	}
}

// take tells what follows by itself from a change.
func (a *Account) take(change dag.Change) []dag.Task {
	a.aborted = a.aborted || change.Aborted
	for _, t := range change.Starved {
		a.starve(t)
	}
	for _, t := range change.Skipped {
		a.skip(t)
	}
	return change.Ready
}

// failed tells of a task's final failure.
func (a *Account) failed(t dag.Task, f *steps.Failure, began, ended time.Time) {
	placed := *f
	placed.Node, placed.Index = t.Node, t.Index
	f = &placed
	a.tell(runs.Observation{Task: &runs.TaskStatus{
		Node: t.Node, Index: t.Index, Attempt: f.Attempt, State: runs.Failed,
		Failure: f, StartedAt: began, FinishedAt: ended,
	}})
	a.causes[dag.Cause{Task: t}] = &worker.ItemFailure{Node: t.Node, Code: f.Code, Message: f.Message}
	if a.first[t.Node] == nil {
		a.first[t.Node] = f
	}
	if node := a.job.Plan.Compiled.Node(t.Node); a.failure == nil && !node.ContinueOnFailure {
		a.failure = f
	}
}

// skip tells that a task will never run.
func (a *Account) skip(t dag.Task) {
	message := "What it needs failed."
	switch cause := a.causes[a.frontier.Cause(t)]; {
	case cause == nil:
	case cause.Code == steps.FailFiltered:
		message = fmt.Sprintf("What it needs was filtered at %s: %s", cause.Node, cause.Message)
	default:
		message = fmt.Sprintf("What it needs failed at %s: %s", cause.Node, cause.Message)
	}
	a.tell(runs.Observation{Task: &runs.TaskStatus{
		Node: t.Node, Index: t.Index, State: runs.Skipped, Message: message, FinishedAt: a.now(),
	}})
}

// starve tells of the failure of a task that gathers too little. The frontier
// knows of it already.
func (a *Account) starve(t dag.Task) {
	compiled := a.job.Plan.Compiled
	node := tasks.Node{ID: t.Node, Step: compiled.StepOf(t.Node), Inputs: tasks.BoundInputs(compiled.Node(t.Node))}
	past := tasks.Past{Cause: a.Cause}
	f, first := past.Starved(&node, func(port string) []dag.Source { return a.Sources(t, port) })
	var origin *steps.Failure
	if first != nil {
		origin = a.first[first.Node]
	}
	tasks.NameFirst(f, first, origin)
	f.Attempt = a.attempts[t]
	decided := a.failure != nil
	a.failed(t, f, time.Time{}, a.now())
	if !decided && a.failure != nil && origin != nil {
		a.failure = tasks.Blame(f, origin)
	}
}

// empty is the failure of a run whose every task was allowed to fail, so that
// an output that it promises has nothing at all.
func (a *Account) empty() *steps.Failure {
	for _, out := range a.job.Plan.Compiled.Outputs {
		sources := a.frontier.OutputSources(out.Port.Name)
		failed := 0
		for _, s := range sources {
			// That a filter left nothing is an answer, not a failure.
			if cause := a.causes[s.Cause]; s.Failed && (cause == nil || cause.Code != steps.FailFiltered) {
				failed++
			}
		}
		if len(sources) == 0 || out.Port.Optional || failed < len(sources) {
			continue
		}
		f := &steps.Failure{
			Code:    steps.FailUpstream,
			Message: fmt.Sprintf("The output %s has nothing: all of its %s failed.", out.Port.Name, Count(len(sources), "item")),
			Node:    out.From.Node,
			Hint:    "Look at why they failed, and retry the run.",
		}
		first := a.causes[sources[0].Cause]
		if first == nil {
			return f
		}
		tasks.NameFirst(f, first, a.first[first.Node])
		return tasks.Blame(f, a.first[first.Node])
	}
	return nil
}

// bug ends a run about which the frontier and the engine disagree: better a
// failed run than one that hangs.
func (a *Account) bug(t dag.Task, attempt int, err error) {
	a.Doom(&steps.Failure{
		Code:    steps.FailUnknown,
		Message: fmt.Sprintf("The engine lost track of the run: %v.", err),
		Hint:    "This is a defect of ligase; please report it. Retrying the run goes on from what has committed.",
		Node:    t.Node, Index: t.Index, Attempt: attempt, Retryable: true,
	})
}

// Count is a number of things in words: "1 item", "3 items".
func Count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
