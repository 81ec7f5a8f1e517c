package argo

import (
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/ligase-bio/ligase/dag"
	"github.com/ligase-bio/ligase/internal/follow"
	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/internal/tasks"
	"github.com/ligase-bio/ligase/steps"
)

// run is one run in the engine's hands. Engine.mu guards it.
type run struct {
	jobName
	account *follow.Account // nil until the run is looked at for the first time

	// How it was found, set by establish.
	past    tasks.Survey     // what its folder knew
	before  map[dag.Task]int // the highest attempts that were not this Workflow's
	known   time.Time        // when a Workflow was found that others may have told of; zero: it is this call's
	refused *steps.Failure   // it cannot be started

	// Of its Workflow.
	established bool
	early       *sighting // what the watch told before it was established
	uid         types.UID
	seen        *sighting
	heard       time.Time // when it was seen last
	asked       time.Time // when it was asked for last
	left        bool      // the watch has it no longer
	departures  int       // how often it was told so
	refreshing  bool
	gone        string // why there is no Workflow any more

	// Of its tasks: those that are ready and have not ended, in order.
	out     []*task
	reading int // looks at the store that are under way

	started   bool // Running has been told
	cancelled bool
	hold      runs.Hold // the last word on whether it is suspended
	heldTold  string    // that word as the store has it
	over      bool

	sent     intent // what the Workflow was told last
	sending  bool
	storeOff string // why the store cannot be read, while it cannot
	waiting  string // as told last
	progress runs.Progress
}

// task is a task that is ready and has not ended.
type task struct {
	dag.Task
	impl     *steps.Implementation
	attempts []*attempt // one for each pod, in order
	result   *steps.Result
	failure  *steps.Failure // that it has failed for good, whatever Argo says of it
	dropped  bool           // it ends with the run, neither failed nor done
	looked   bool           // once more, after the Workflow had ended
	message  string         // as told last
}

// attempt is one pod of a task.
type attempt struct {
	pod     seenPod
	number  int // claimed in the store; a guess until the attempt has ended
	told    bool
	silent  bool // another process has told of it
	reading bool
	read    bool
	failure *steps.Failure
	retold  bool    // that another attempt follows
	share   float64 // of progress, as told last

	stuck     time.Time // since when its image does not come
	unfit     time.Time // since when it fits on no machine
	note      string    // what the pod itself says of why it does not start
	inspected time.Time
}

func newRun(job runs.Job) *run {
	return &run{jobName: jobName{Job: job, name: workflowName(job)}, hold: job.Hold, heldTold: holdText(job.Hold)}
}

// ended reports whether nothing more will happen in the cluster.
func (r *run) ended() bool {
	return r.gone != "" || r.refused != nil || r.seen != nil && r.seen.done
}

// last is the latest attempt, or nil.
func (t *task) last() *attempt {
	if len(t.attempts) == 0 {
		return nil
	}
	return t.attempts[len(t.attempts)-1]
}

// running reports whether a pod of the task is at work.
func (t *task) running() bool {
	a := t.last()
	return a != nil && a.pod.running() && !t.dropped
}

// why is why the attempt's pod does not start, as far as it is known.
func (a *attempt) why() string {
	if a.note != "" {
		return a.note
	}
	return a.pod.message
}

// image is what the task's container is made from, as the definition has it.
func (t *task) image() string {
	if t.impl == nil || t.impl.Image == "" {
		return "of its template"
	}
	return t.impl.Image
}
