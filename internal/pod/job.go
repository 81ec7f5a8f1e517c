package pod

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/ligase-bio/ligase/dag"
	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/internal/tasks"
	"github.com/ligase-bio/ligase/pipelines"
	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/steps/worker"
	"github.com/ligase-bio/ligase/uris"
)

// storeRetries is how often a call of the store is tried again: it rides out a
// service that is away for about a minute, as the work of hours may hang on
// one upload.
const storeRetries = 40

// Job is the task of a pod, in the order in which its methods can be called:
// [OpenJob], Committed, Start, Claim. The failures that they return are not
// recorded yet: see Fail.
type Job struct {
	Env    Environment
	Store  *uris.Store
	Folder uris.RunFolder
	Root   uris.URI
	Task   dag.Task

	// Known once the definitions have been read.
	Compiled *pipelines.Compiled
	Node     tasks.Node
	Plan     *pipelines.Plan

	// Attempt is the number that this pod has claimed; 0: none yet.
	Attempt int

	call    tasks.Call
	history *history
	log     *slog.Logger
}

// OpenJob reads the call and opens the store. Whoever calls it closes the
// store. With a failure there is a job all the same as soon as it is known
// where to record that.
func OpenJob(ctx context.Context, e Environment, openers map[string]uris.Opener, log *slog.Logger) (*Job, *steps.Failure) {
	config, err := uris.DecodeConfig([]byte(e.Store))
	if err != nil {
		return nil, installation(steps.FailStorage, "LIGASE_STORE: %v.", err)
	}
	call, err := tasks.DecodeCall(e.Task)
	if err != nil {
		return nil, refused(err)
	}
	if call.RunID == "" && e.WorkflowUID == "" {
		return nil, installation(steps.FailInput, "The call has no run_id, and there is no LIGASE_WORKFLOW_UID to make one from.")
	}
	if call.RunID == "" {
		call.RunID = tasks.RunIDOf(e.WorkflowUID)
	}
	if call.Root.IsZero() {
		call.Root = config.Home()
	}
	store, err := uris.NewStore(uris.Options{
		Roots: config.Roots, Buckets: config.Buckets, Openers: openers, Retries: storeRetries, Log: log,
		Advice: "add it to the roots in the ConfigMap ligase-store",
	})
	if err != nil {
		return nil, installation(steps.FailStorage, "LIGASE_STORE: %v.", err)
	}
	if err := store.Allowed(call.Root, true); err != nil {
		store.Close()
		return nil, installation(steps.FailStorage, "The run's folder may not be written: %v.", err)
	}
	j := &Job{
		Env: e, Store: store, Root: call.Root, Folder: uris.Layout{Root: call.Root}.Run(call.RunID),
		Task: dag.Task{Node: e.Node, Index: e.Index}, call: call, log: log,
	}
	if j.call.Lies == "" {
		return j, nil
	}
	object, err := store.ReadAll(ctx, j.Folder.Call(), tasks.MaxCall)
	if err != nil {
		return j, j.storage(ctx, "What the run was given could not be read", err)
	}
	if j.call, err = j.call.Whole(object); err != nil {
		return j, worker.NewFailure(steps.FailStorage, "%v.", err)
	}
	return j, nil
}

// define reads the definitions that the job is made of: the pipeline, and the
// step unless the job has none of its own.
func (j *Job) define(withStep bool) *steps.Failure {
	var err error
	if j.Compiled, err = tasks.DecodeCompiled(j.Env.Pipeline); err != nil {
		return installation(steps.FailImage, "LIGASE_PIPELINE: %v.", err)
	}
	for i := range j.Compiled.Nodes {
		// Node ids become folders.
		for name := range strings.SplitSeq(j.Compiled.Nodes[i].ID, ".") {
			if !steps.ValidName(name) {
				return installation(steps.FailImage, "LIGASE_PIPELINE: %.80q cannot be the id of a node.", j.Compiled.Nodes[i].ID)
			}
		}
	}
	if !withStep {
		return nil
	}
	node := j.Compiled.Node(j.Task.Node)
	if node == nil {
		return installation(steps.FailImage, "%s has no node %.80q.", j.Compiled.Tool, j.Task.Node)
	}
	if have, want := j.Task.Index.Depth(), len(j.Compiled.Graph().Dims(node.ID)); have != want {
		return installation(steps.FailImage, "The index %q is %d deep; the items of %s in %s are %d deep.", j.Task.Index, have, node.ID, j.Compiled.Tool, want)
	}
	step, types, err := tasks.DecodeStep(j.Env.Step)
	if err != nil {
		return installation(steps.FailImage, "LIGASE_STEP: %v.", err)
	}
	planned, impl := j.Compiled.StepOf(node.ID), &step.Implementations[0]
	const again = "Render and apply the templates of both again."
	var f *steps.Failure
	switch {
	case step.Name != planned.Name || step.Version != planned.Version:
		f = installation(steps.FailImage, "The template of this pod is of %s@%s; %s was rendered for %s@%s.",
			step.Name, step.Version, j.Compiled.Tool, planned.Name, planned.Version)
	case impl.Name != node.Implementation:
		f = installation(steps.FailImage, "The template of this pod is of the implementation %s of %s; %s was rendered for %s.",
			impl.Name, step.Name, j.Compiled.Tool, node.Implementation)
	case !tasks.SameInterface(step, planned):
		f = installation(steps.FailImage, "The ports or parameters of %s@%s have changed since %s was rendered, without a new version.",
			step.Name, step.Version, j.Compiled.Tool)
	}
	if f != nil {
		f.Hint = again
		return f
	}
	// The ports are the same but for what the pipeline makes of them: records
	// of files, and files of records.
	step.Inputs, step.Outputs = planned.Inputs, planned.Outputs
	j.Node = tasks.Node{ID: node.ID, Step: step, Implementation: impl, Types: types, Inputs: tasks.BoundInputs(node), Outputs: j.Compiled.OutputsOf(node.ID)}
	return nil
}

// Committed reads the task's commit record; nil when there is none yet.
func (j *Job) Committed(ctx context.Context) (*steps.Result, *steps.Failure) {
	r, err := tasks.ReadResult(ctx, j.Store, j.Folder, j.Task)
	if err != nil {
		return nil, j.storage(ctx, "The task's own commit record could not be read", err)
	}
	return r, nil
}

// Start is how a job begins: with a worker's task to execute, or with nothing
// to do at all.
type Start struct {
	Task    worker.Task // its attempt is the job's to claim
	Skipped *worker.ItemFailure
}

// Start reads what the tasks before this one came to and says what to execute.
// A task that has too little to work on is a failure of class upstream.
func (j *Job) Start(ctx context.Context) (Start, *steps.Failure) {
	plan, err := j.call.Bind(j.Compiled)
	if err != nil {
		return Start{}, refused(err)
	}
	j.Plan = plan
	j.Node.Params, j.Node.Keep = plan.NodeParams(j.Node.ID), plan.NodeKeep(j.Node.ID)
	j.history = newHistory(j)
	trail, err := j.Compiled.Graph().Trace(j.Task, tasks.Given(plan), j.history.look(ctx))
	if err == nil && !trail.Skipped {
		err = j.history.readSources(ctx, trail)
	}
	var unended *dag.UnendedError
	switch {
	case errors.As(err, &unended):
		return Start{}, worker.NewFailure(steps.FailUpstream, "%s needs %s, and %v.", j.Task, unended.Task, unended)
	case err != nil:
		return Start{}, j.storage(ctx, "What the steps before came to could not be read", err)
	case trail.Skipped:
		return Start{Skipped: j.history.cause(trail.Cause)}, nil
	}
	past := tasks.Past{RunID: j.Folder.RunID, Root: j.Root, Given: plan.Inputs, Makers: plan.Makers, Maker: plan.Maker, Made: j.history.madeBy, Cause: j.history.cause}
	sources := func(port string) []dag.Source { return trail.Sources[port] }
	if trail.Starved {
		f, first := past.Starved(&j.Node, sources)
		origin := j.history.record(ctx, first, trail)
		tasks.NameFirst(f, first, origin)
		return Start{}, tasks.Blame(f, origin)
	}
	task, f := past.Task(&j.Node, j.Task.Index, 0, sources)
	return Start{Task: task}, f
}

// Claim takes the number of this pod's attempt.
func (j *Job) Claim(ctx context.Context, s tasks.Started) *steps.Failure {
	s.RunID, s.Node, s.Index, s.Retry = j.Folder.RunID, j.Task.Node, j.Task.Index, j.Env.Retry
	s.Workflow, s.WorkflowUID, s.Pod, s.Host = j.Env.Workflow, j.Env.WorkflowUID, j.Env.Pod, j.Env.Host
	claimed, err := tasks.Claim(ctx, j.Store, j.Folder, s)
	if err != nil {
		return j.storage(ctx, "The attempt could not be claimed", err)
	}
	j.Attempt = claimed.Attempt
	return nil
}

// storage is the failure of a read or write that was not to be. What is to be
// said of a record that is damaged, the error says itself.
func (j *Job) storage(ctx context.Context, what string, err error) *steps.Failure {
	var f *steps.Failure
	switch {
	case ctx.Err() != nil && errors.As(context.Cause(ctx), &f):
		return f
	case errors.As(err, &f):
		return f
	}
	f = worker.NewFailure(steps.FailStorage, "%s: %v.", what, err)
	f.Retryable = errors.Is(err, problem.ErrUnavailable)
	return f
}

// refused is the failure of a call that cannot be bound.
func refused(err error) *steps.Failure {
	ps := problem.Of(err)
	const most = 10
	sentences := make([]string, 0, most+1)
	for i, p := range ps {
		if i == most {
			sentences = append(sentences, fmt.Sprintf("And %d more.", len(ps)-most))
			break
		}
		sentences = append(sentences, p.String())
	}
	f := worker.NewFailure(steps.FailInput, "The call is not one for this tool. %s", strings.Join(sentences, " "))
	f.Hint = "Mend the argument `task` and submit again."
	return f
}

// installation is a failure of how things were set up, not of the work.
func installation(code steps.FailureCode, format string, args ...any) *steps.Failure {
	f := worker.NewFailure(code, format, args...)
	f.Hint = "Mend the template or the installation's configuration, and submit again."
	f.Retryable = false
	return f
}
