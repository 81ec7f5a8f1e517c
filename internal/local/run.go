package local

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/ligase-bio/ligase/dag"
	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/internal/tasks"
	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/steps/worker"
	"github.com/ligase-bio/ligase/uris"
)

// run is one run in the engine's hands. Engine.mu guards it.
type run struct {
	job runs.Job
	seq int64 // order of submission

	// Known once the run folder has been looked at.
	nodes    map[string]*node
	frontier *dag.Frontier
	attempts map[dag.Task]int                 // highest number that is known of
	spent    map[dag.Task]spent               // under engines before this one
	past     tasks.Past                       // what tasks are made from
	outputs  map[dag.Task]tasks.Made          // of what has committed
	causes   map[dag.Task]*worker.ItemFailure // of what failed
	first    map[string]*steps.Failure        // by node: its first failure, log and all
	failure  *steps.Failure                   // what decides the run, once aborted

	// What is out.
	lanes   []*lane
	ready   int // in lanes
	running map[*task]struct{}
	resting map[*task]*time.Timer // waiting for their next attempt
	parked  []*task               // ready, and kept from starting while the run is suspended
	held    need
	share   float64

	started   bool // Running has been told
	cancelled bool
	suspended bool
	aborted   bool // a task failed that was not allowed to
	over      bool
	waiting   string // as told last
}

// node is what the engine needs of a node of the plan, worked out once.
type node struct {
	id        string
	order     int // in the plan
	depth     int // longest way to a sink
	step      *steps.Step
	impl      *steps.Implementation
	recipe    tasks.Node
	need      need
	lacks     string // what the machine can never give
	continues bool
}

// task is a task that is ready, running or resting.
type task struct {
	run      *run
	node     *node
	index    uris.Index
	attempt  int // number of the latest; 0: none
	failures int // attempts that count against the retry limit
	began    time.Time
	cancel   context.CancelFunc
	devices  []string
}

func (t *task) dag() dag.Task { return dag.Task{Node: t.node.id, Index: t.index} }

func newRun(job runs.Job, seq int64) *run {
	return &run{
		job:     job,
		seq:     seq,
		outputs: map[dag.Task]tasks.Made{},
		causes:  map[dag.Task]*worker.ItemFailure{},
		first:   map[string]*steps.Failure{},
		running: map[*task]struct{}{},
		resting: map[*task]*time.Timer{},

		suspended: job.Suspended,
	}
}

// pastOf is what the run's tasks are made from; root is where its folder lies.
func (r *run) pastOf(root uris.URI) tasks.Past {
	return tasks.Past{
		RunID: string(r.job.ID), Root: root, Given: r.job.Plan.Inputs,
		Made:  func(t dag.Task) tasks.Made { return r.outputs[t] },
		Cause: func(t dag.Task) *worker.ItemFailure { return r.causes[t] },
	}
}

// prepare works out what the engine needs of the plan.
func prepare(job runs.Job, slots *ledger) (map[string]*node, uris.URI, *steps.Failure) {
	// A worker is given the layout's root; the folder is the run's below it.
	base, ok := strings.CutSuffix(job.Folder.URI.String(), "/runs/"+job.Folder.RunID)
	root, err := uris.Parse(base)
	if !ok || err != nil || (uris.Layout{Root: root}).Run(string(job.ID)) != job.Folder {
		return nil, root, &steps.Failure{
			Code:    steps.FailStorage,
			Message: fmt.Sprintf("%s is not the folder of %s below a root of run folders.", job.Folder.URI, job.ID),
			Hint:    "This is a defect of ligase; please report it.",
		}
	}
	compiled := job.Plan.Compiled
	nodes := make(map[string]*node, len(compiled.Nodes))
	for i := range compiled.Nodes {
		c := &compiled.Nodes[i]
		step := compiled.StepOf(c.ID)
		impl := step.Implementation(c.Implementation)
		n := &node{
			id:    c.ID,
			order: i,
			depth: compiled.Graph().Depth(c.ID),
			step:  step,
			impl:  impl,
			recipe: tasks.Node{
				ID: c.ID, Step: step, Implementation: impl, Types: compiled.Types,
				Inputs: tasks.BoundInputs(c), Params: job.Plan.NodeParams(c.ID),
			},
			need:      slots.needOf(impl.Resources),
			continues: c.ContinueOnFailure,
		}
		n.lacks = slots.lacks(n.need)
		nodes[c.ID] = n
	}
	return nodes, root, nil
}

// event is a change of the frontier, with the failure that led to it.
type event struct {
	dag.Change
	cause *worker.ItemFailure
}

// advance takes in a change of the frontier and all that follows from it.
// committed are commit records that the run folder holds; they are used up.
func (e *Engine) advance(r *run, first event, committed map[dag.Task]*steps.Result) {
	todo := []event{first}
	for len(todo) > 0 {
		ev := todo[0]
		todo = todo[1:]
		r.aborted = r.aborted || ev.Aborted
		for _, d := range ev.Starved {
			e.starve(r, d)
		}
		for _, d := range ev.Skipped {
			e.skip(r, d, ev.cause)
		}
		for _, d := range ev.Ready {
			t := e.newTask(r, d)
			if result := committed[d]; result != nil {
				delete(committed, d)
				todo = append(todo, e.succeed(t, result))
				continue
			}
			if t.node.lacks != "" {
				todo = append(todo, e.fail(t, e.unschedulable(t)))
				continue
			}
			if f := r.exhausted(t); f != nil {
				todo = append(todo, e.fail(t, f))
				continue
			}
			e.enqueue(t)
		}
	}
	if r.aborted || r.cancelled {
		e.withdraw(r)
	}
	e.out.touch(r)
}

func (e *Engine) newTask(r *run, d dag.Task) *task {
	return &task{run: r, node: r.nodes[d.Node], index: d.Index, attempt: r.attempts[d], failures: r.spent[d].failures}
}

// succeed records a commit and says what follows.
func (e *Engine) succeed(t *task, result *steps.Result) event {
	r := t.run
	status := runs.TaskStatus{
		Node: t.node.id, Index: t.index, Attempt: result.Attempt, State: runs.Succeeded,
		Fraction: 1, Result: result, StartedAt: result.StartedAt, FinishedAt: result.FinishedAt,
	}
	e.tell(r, runs.Observation{Task: &status}, soon)
	ports, counts := tasks.Keep(t.node.step, result)
	r.outputs[t.dag()] = ports
	change, err := r.frontier.Succeed(t.dag(), counts)
	if err != nil {
		return e.bug(t, err)
	}
	return event{Change: change}
}

// fail records that a task failed for good and says what follows.
func (e *Engine) fail(t *task, f *steps.Failure) event {
	cause := e.failed(t, f)
	change, err := t.run.frontier.Fail(t.dag())
	if err != nil {
		return e.bug(t, err)
	}
	return event{Change: change, cause: cause}
}

// failed tells of a task's final failure.
func (e *Engine) failed(t *task, f *steps.Failure) *worker.ItemFailure {
	r := t.run
	f = placed(f, t)
	e.tell(r, runs.Observation{Task: &runs.TaskStatus{
		Node: t.node.id, Index: t.index, Attempt: t.attempt, State: runs.Failed,
		Failure: f, StartedAt: t.began, FinishedAt: e.options.Now(),
	}}, soon)
	cause := &worker.ItemFailure{Node: t.node.id, Code: f.Code, Message: f.Message}
	r.causes[t.dag()] = cause
	if r.first[t.node.id] == nil {
		r.first[t.node.id] = f
	}
	if !t.node.continues && r.failure == nil {
		r.failure = f
	}
	return cause
}

// starve records the failure of a task that gathers too little. The frontier
// knows of it already.
func (e *Engine) starve(r *run, d dag.Task) {
	t := e.newTask(r, d)
	f, first := r.past.Starved(&t.node.recipe, r.sources(d))
	blame := f
	if first != nil {
		blame = tasks.Blame(f, r.first[first.Node])
	}
	decided := r.failure != nil
	e.failed(t, f)
	if !decided && r.failure != nil && blame != f {
		r.failure = blame
	}
}

// sources says what the input ports of a task take.
func (r *run) sources(d dag.Task) func(port string) []dag.Source {
	return func(port string) []dag.Source { return r.frontier.Sources(d, port) }
}

// skip records that a task will never run.
func (e *Engine) skip(r *run, d dag.Task, cause *worker.ItemFailure) {
	message := "What it needs failed."
	if cause != nil {
		message = fmt.Sprintf("What it needs failed at %s: %s", cause.Node, cause.Message)
	}
	e.tell(r, runs.Observation{Task: &runs.TaskStatus{
		Node: d.Node, Index: d.Index, State: runs.Skipped, Message: message, FinishedAt: e.options.Now(),
	}}, soon)
}

// bug ends a run about which the frontier and the engine disagree: better a
// failed run than one that hangs.
func (e *Engine) bug(t *task, err error) event {
	if t.run.failure == nil {
		t.run.failure = placed(&steps.Failure{
			Code:    steps.FailUnknown,
			Message: fmt.Sprintf("The engine lost track of the run: %v.", err),
			Hint:    "This is a defect of ligase; please report it. Retrying the run goes on from what has committed.",
		}, t)
	}
	return event{Change: dag.Change{Aborted: true}}
}

// placed is f with the place where it happened.
func placed(f *steps.Failure, t *task) *steps.Failure {
	c := *f
	c.Node, c.Index, c.Attempt = t.node.id, t.index, t.attempt
	return &c
}

func (e *Engine) unschedulable(t *task) *steps.Failure {
	f := &steps.Failure{
		Code: steps.FailUnschedulable,
		Message: fmt.Sprintf("%s needs %s, which this machine does not have (it has %s).",
			t.node.id, t.node.lacks, e.options.Slots),
		Hint: "Run it on a machine that has it.",
	}
	for i := range t.node.step.Implementations {
		other := &t.node.step.Implementations[i]
		if e.slots.lacks(e.slots.needOf(other.Resources)) == "" {
			f.Hint = fmt.Sprintf("Its implementation %q would fit here; or run it on a machine that has %s.", other.Name, t.node.lacks)
			break
		}
	}
	return f
}

// withdraw takes back what of a run has not started.
func (e *Engine) withdraw(r *run) {
	e.queue.remove(r)
	r.parked = nil
	for t, timer := range r.resting {
		timer.Stop()
		if !r.over {
			e.tell(r, runs.Observation{Task: &runs.TaskStatus{
				Node: t.node.id, Index: t.index, Attempt: t.attempt, State: runs.Cancelled,
				Message: "Not tried again: the run is ending.", StartedAt: t.began, FinishedAt: e.options.Now(),
			}}, soon)
		}
	}
	clear(r.resting)
}

// settle ends a run that has nothing left to do.
func (e *Engine) settle(r *run) {
	if r.over || r.frontier == nil || len(r.running) > 0 {
		return
	}
	ends := r.frontier.Done() || r.aborted
	var state runs.State
	switch {
	case r.cancelled && (r.aborted || !ends):
		state = runs.Cancelled
	case !ends:
		return
	case r.aborted:
		state = runs.Failed
	default:
		// A cancel that came when all was done changes nothing.
		state = runs.Succeeded
		if f := r.empty(); f != nil {
			state, r.failure = runs.Failed, f
		}
	}
	o := runs.Observation{State: state}
	if state == runs.Failed {
		o.Failure = r.failure
	}
	e.end(r, o)
}

// end tells of a run's end and forgets it.
func (e *Engine) end(r *run, o runs.Observation) {
	r.over = true
	if r.frontier != nil {
		progress := r.progress()
		o.Progress = &progress
	}
	if r.waiting != "" {
		none := ""
		o.Waiting = &none
	}
	e.tell(r, o, atOnce)
	e.out.forget(r)
	delete(e.runs, r.job.ID)
	e.past.bury(r.job)
}

// empty is the failure of a run whose every task was allowed to fail, so that
// an output that it promises has nothing at all.
func (r *run) empty() *steps.Failure {
	for _, out := range r.job.Plan.Compiled.Outputs {
		sources := r.frontier.OutputSources(out.Port.Name)
		if len(sources) == 0 || out.Port.Optional {
			continue
		}
		failed := 0
		for _, s := range sources {
			if s.Failed {
				failed++
			}
		}
		if failed < len(sources) {
			continue
		}
		f := &steps.Failure{
			Code:    steps.FailUpstream,
			Message: fmt.Sprintf("The output %s has nothing: all of its %s failed.", out.Port.Name, count(len(sources), "item")),
			Node:    out.From.Node,
			Hint:    "Look at why they failed, and retry the run.",
		}
		if c := r.causes[sources[0].Cause]; c != nil {
			f.Message += fmt.Sprintf(" The first, at %s: %s", c.Node, c.Message)
			return tasks.Blame(f, r.first[c.Node])
		}
		return f
	}
	return nil
}

// progress counts the run's tasks as they are now.
func (r *run) progress() runs.Progress {
	succeeded, failed, skipped, total := r.frontier.Totals()
	return runs.Progress{
		Done: succeeded + failed + skipped, Total: total,
		Failed: failed, Skipped: skipped, Running: len(r.running),
	}
}
