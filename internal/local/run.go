package local

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/ligase-bio/ligase/dag"
	"github.com/ligase-bio/ligase/internal/follow"
	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/internal/tasks"
	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/uris"
)

// run is one run in the engine's hands. Engine.mu guards it.
type run struct {
	job runs.Job
	seq int64 // order of submission

	// Known once the run folder has been looked at.
	nodes    map[string]*node
	account  *follow.Account
	attempts map[dag.Task]int        // highest number that is known of
	spent    map[dag.Task]spent      // under engines before this one
	outgrown map[dag.Task]bool       // ran out of a GPU's memory, under engines before this one
	past     tasks.Past              // what tasks are made from
	outputs  map[dag.Task]tasks.Made // of what has committed

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
	over      bool
	waiting   string // as told last
}

// node is what the engine needs of a node of the plan, worked out once.
type node struct {
	id     string
	order  int // in the plan
	depth  int // longest way to a sink
	step   *steps.Step
	impl   *steps.Implementation
	recipe tasks.Node
	need   need
	lacks  string                   // what the machine can never give
	gpu    func(uris.Index) float64 // bytes that a task is predicted to need of a GPU; nil: that makes no difference here
}

// task is a task that is ready, running or resting.
type task struct {
	run      *run
	node     *node
	index    uris.Index
	attempt  int   // number of the latest; 0: none
	failures int   // attempts that count against the retry limit
	device   int64 // see need
	began    time.Time
	cancel   context.CancelFunc
	devices  []string
}

// need is what an attempt of the task takes.
func (t *task) need() need {
	n := t.node.need
	n.device = t.device
	return n
}

func (t *task) dag() dag.Task { return dag.Task{Node: t.node.id, Index: t.index} }

func newRun(job runs.Job, seq int64) *run {
	return &run{
		job:     job,
		seq:     seq,
		outputs: map[dag.Task]tasks.Made{},
		running: map[*task]struct{}{},
		resting: map[*task]*time.Timer{},

		suspended: job.Suspended,
	}
}

// pastOf is what the run's tasks are made from; root is where its folder lies.
func (r *run) pastOf(root uris.URI, account *follow.Account) tasks.Past {
	return tasks.Past{
		RunID: string(r.job.ID), Root: root, Given: r.job.Plan.Inputs, Makers: r.job.Plan.Makers, Maker: r.job.Plan.Maker,
		Made:  func(t dag.Task) tasks.Made { return r.outputs[t] },
		Cause: account.Cause,
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
				Inputs: tasks.BoundInputs(c), Outputs: compiled.OutputsOf(c.ID), Params: job.Plan.NodeParams(c.ID), Keep: job.Plan.NodeKeep(c.ID),
			},
			need: slots.needOf(impl.Resources),
		}
		n.lacks = slots.lacks(n.need)
		if n.need.gpus > 0 && len(slots.sizes) > 0 {
			n.gpu = job.Plan.GPUMemory(c.ID)
		}
		nodes[c.ID] = n
	}
	return nodes, root, nil
}

// advance takes in tasks that can start and all that follows from them.
// committed are commit records that the run folder holds; they are used up.
func (e *Engine) advance(r *run, ready []dag.Task, committed map[dag.Task]*steps.Result) {
	for len(ready) > 0 {
		d := ready[0]
		ready = ready[1:]
		t := e.newTask(r, d)
		if result := committed[d]; result != nil {
			delete(committed, d)
			ready = append(ready, e.succeed(t, result)...)
			continue
		}
		if t.node.lacks != "" {
			ready = append(ready, e.fail(t, e.unschedulable(t))...)
			continue
		}
		if f := r.exhausted(t); f != nil {
			ready = append(ready, e.fail(t, f)...)
			continue
		}
		e.enqueue(t)
	}
	if r.account.Aborted() || r.cancelled {
		e.withdraw(r)
	}
	e.out.touch(r)
}

func (e *Engine) newTask(r *run, d dag.Task) *task {
	t := &task{run: r, node: r.nodes[d.Node], index: d.Index, attempt: r.attempts[d], failures: r.spent[d].failures}
	if t.node.gpu != nil {
		t.device = e.slots.deviceFor(t.node.need.gpus, t.node.gpu(d.Index))
	}
	if r.outgrown[d] {
		e.outgrow(t)
	}
	return t
}

// succeed records a commit and returns the tasks that can start now.
func (e *Engine) succeed(t *task, result *steps.Result) []dag.Task {
	made, counts, left := tasks.Keep(t.node.step, result)
	t.run.outputs[t.dag()] = made
	return t.run.account.Committed(t.dag(), result, counts, left)
}

// fail records that a task failed for good and returns the tasks that can
// start now.
func (e *Engine) fail(t *task, f *steps.Failure) []dag.Task {
	return t.run.account.Fail(t.dag(), placed(f, t), t.began, e.options.Now())
}

// sources says what the input ports of a task take.
func (r *run) sources(d dag.Task) func(port string) []dag.Source {
	return func(port string) []dag.Source { return r.account.Sources(d, port) }
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
			}}, follow.Soon)
		}
	}
	clear(r.resting)
}

// settle ends a run that has nothing left to do.
func (e *Engine) settle(r *run) {
	if r.over || r.account == nil || len(r.running) > 0 {
		return
	}
	aborted := r.account.Aborted()
	ends := r.account.Done() || aborted
	var o runs.Observation
	switch {
	case r.cancelled && (aborted || !ends):
		o.State = runs.Cancelled
	case !ends:
		return
	default:
		// A cancel that came when all was done changes nothing.
		o.State, o.Failure = r.account.End()
	}
	e.end(r, o)
}

// end tells of a run's end and forgets it.
func (e *Engine) end(r *run, o runs.Observation) {
	r.over = true
	if r.account != nil {
		progress := r.account.Progress(len(r.running))
		o.Progress = &progress
	}
	if r.waiting != "" {
		none := ""
		o.Waiting = &none
	}
	e.tell(r, o, follow.AtOnce)
	e.out.forget(r)
	delete(e.runs, r.job.ID)
	e.past.bury(r.job)
}
