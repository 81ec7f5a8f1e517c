package templates

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/ligase-bio/ligase/internal/tasks"
	"github.com/ligase-bio/ligase/pipelines"
	"github.com/ligase-bio/ligase/steps"
)

// What the pods around somebody else's template are called, and what they hand
// each other. internal/pod reads and writes the files.
const (
	stageTemplate   = "stage"   // brings the inputs to where the template can take them
	collectTemplate = "collect" // takes, checks and commits what the template made

	// The pods have a node and an index under other names than `main` has: they
	// are parts of a task, not one.
	taskNode    = "task-node"
	taskIndex   = "task-index"
	taskAttempt = "task-attempt"
	taskMore    = "task-more" // of collect: whether there can be another attempt

	verdict      = "go"      // of stage: "run" the template, or the task is "done" without it
	again        = "again"   // of collect: "true" when the task is to be tried once more
	outcome      = "outcome" // how the template ended and what its parameters are: base64 of JSON
	argumentMark = "arg-"    // of stage's outputs, before the name that the template has for it

	stagedFolder    = home + "/out/staged"    // of stage's artifacts, each under the template's name for it
	argumentsFolder = home + "/out/arguments" // of stage's parameters, likewise
	outcomeArtifact = "ligase-outcome"        // of collect: the same as a file
	outcomeFile     = home + "/in/outcome"
	artifactsFolder = home + "/theirs" // of collect's artifacts, each under the template's name for it
)

// foreignTemplates are the templates of a step whose implementation is a
// template that somebody else keeps. `main` is a DAG of three tasks for each
// attempt: a worker that stages, the template, a worker that commits. The
// worker decides whether there is another attempt, as it alone can tell what
// went wrong: Argo's retries see nothing of what is inside a DAG.
func foreignTemplates(c *pipelines.Compiled, o Options) ([]wfv1.Template, error) {
	n := &c.Nodes[0]
	step := c.Steps[n.Step]
	impl := step.Implementation(n.Implementation)
	encoded, err := tasks.EncodeStep(step, impl.Name, c.Types)
	if err != nil {
		return nil, err
	}
	f := foreign{step: step, impl: impl, outputs: c.Types.WithRecords(step.Outputs), attempts: 1 + impl.Retries.Limit, options: o, encoded: encoded}
	return []wfv1.Template{f.main(), f.stage(), f.collect()}, nil
}

// usesForeign reports whether a tool has steps that are templates of others.
func usesForeign(c *pipelines.Compiled) bool {
	return slices.ContainsFunc(c.Nodes, func(n pipelines.CompiledNode) bool {
		impl := c.Steps[n.Step].Implementation(n.Implementation)
		return impl != nil && impl.Template != nil
	})
}

type foreign struct {
	step     *steps.Step
	impl     *steps.Implementation
	outputs  []steps.Port
	attempts int
	options  Options
	encoded  string
}

// main runs one task: its attempts, one behind the other.
func (f *foreign) main() wfv1.Template {
	t := wfv1.Template{
		Name:   mainTemplate,
		Inputs: wfv1.Inputs{Parameters: []wfv1.Parameter{{Name: "node"}, {Name: "index"}}},
		DAG:    &wfv1.DAGTemplate{},
	}
	for k := range f.attempts {
		t.DAG.Tasks = append(t.DAG.Tasks, f.attempt(k)...)
	}
	for _, output := range said(f.outputs) {
		t.Outputs.Parameters = append(t.Outputs.Parameters, wfv1.Parameter{Name: output.Name, ValueFrom: f.output(output.Name)})
	}
	return t
}

// attempt are the tasks of one attempt, the first being 0.
func (f *foreign) attempt(k int) []wfv1.DAGTask {
	stage, theirs, collect := fmt.Sprintf("stage-%d", k), fmt.Sprintf("theirs-%d", k), fmt.Sprintf("collect-%d", k)
	place := []wfv1.Parameter{value(taskNode, "{{inputs.parameters.node}}"), value(taskIndex, "{{inputs.parameters.index}}")}
	first := wfv1.DAGTask{Name: stage, Template: stageTemplate, Arguments: wfv1.Arguments{Parameters: place}}
	if k > 0 {
		before := fmt.Sprintf("collect-%d", k-1)
		first.Depends = before + ".Succeeded"
		first.When = fmt.Sprintf("{{tasks.%s.outputs.parameters.%s}} == true", before, again)
	}

	second := wfv1.DAGTask{
		Name: theirs, Depends: stage + ".Succeeded",
		When:        fmt.Sprintf("{{tasks.%s.outputs.parameters.%s}} == run", stage, verdict),
		TemplateRef: &wfv1.TemplateRef{Name: f.impl.Template.Name, Template: f.impl.Template.Entrypoint, ClusterScope: f.impl.Template.Cluster},
	}
	for _, p := range f.impl.Template.Parameters {
		second.Arguments.Parameters = append(second.Arguments.Parameters,
			value(p.Name, fmt.Sprintf("{{tasks.%s.outputs.parameters.%s}}", stage, argumentMark+p.Name)))
	}
	for _, a := range f.impl.Template.Artifacts {
		second.Arguments.Artifacts = append(second.Arguments.Artifacts, handedOn(stage, a.Name))
	}

	third := wfv1.DAGTask{
		Name: collect, Template: collectTemplate,
		// Also when there was nothing to run: then it says how many there are.
		Depends: fmt.Sprintf("%s.Succeeded && (%s.Succeeded || %s.Failed || %s.Errored || %s.Skipped || %s.Daemoned)", stage, theirs, theirs, theirs, theirs, theirs),
		Arguments: wfv1.Arguments{Parameters: append(slices.Clone(place),
			value(taskAttempt, fmt.Sprintf("{{tasks.%s.outputs.parameters.%s}}", stage, taskAttempt)),
			value(taskMore, strconv.FormatBool(k+1 < f.attempts)),
			value(outcome, f.outcomeOf(theirs))),
		},
	}
	for _, name := range f.artifacts() {
		third.Arguments.Artifacts = append(third.Arguments.Artifacts, handedOn(theirs, name))
	}
	return []wfv1.DAGTask{first, second, third}
}

// outcomeOf is all that Argo knows of a task, as base64: nothing in it can be
// taken for something to evaluate. Until Argo knows it, the expression is nil
// and so left as it is. What a script prints is kept only of a task whose
// outputs.result somebody speaks of; that branch is never taken, as a task that
// failed has none.
func (f *foreign) outcomeOf(task string) string {
	known := fmt.Sprintf("sprig.b64enc(toJson(tasks['%s']))", task)
	if f.wants(steps.FromResult) {
		known = fmt.Sprintf("tasks['%s'].status == '' ? (tasks['%s'].outputs.result ?? '') : %s", task, task, known)
	}
	return fmt.Sprintf("{{=tasks['%s'] == nil ? nil : (%s)}}", task, known)
}

// output is what a worker said of the attempt that was not followed by another.
func (f *foreign) output(name string) *wfv1.ValueFrom {
	of := func(k int) string {
		return fmt.Sprintf("tasks['collect-%d'].outputs.parameters['%s']", k, name)
	}
	last := f.attempts - 1
	if last == 0 {
		return &wfv1.ValueFrom{Parameter: fmt.Sprintf("{{tasks.collect-0.outputs.parameters.%s}}", name)}
	}
	expression := of(last)
	for k := last - 1; k >= 0; k-- {
		expression = fmt.Sprintf("tasks['collect-%d'].outputs.parameters.%s != 'true' ? %s : (%s)", k, again, of(k), expression)
	}
	return &wfv1.ValueFrom{Expression: expression}
}

// stage is the pod that brings the inputs to where the template can take them.
func (f *foreign) stage() wfv1.Template {
	t := f.pod(stageTemplate, []wfv1.Parameter{{Name: taskNode}, {Name: taskIndex}}, steps.FailPreempted, steps.FailStorage)
	out := func(name, file string) {
		// A task that is done has no arguments to give.
		none := wfv1.AnyStringPtr("")
		t.Outputs.Parameters = append(t.Outputs.Parameters, wfv1.Parameter{Name: name, ValueFrom: &wfv1.ValueFrom{Path: file, Default: none}})
	}
	out(verdict, home+"/out/"+verdict)
	out(taskAttempt, home+"/out/"+taskAttempt)
	for _, p := range f.impl.Template.Parameters {
		out(argumentMark+p.Name, argumentsFolder+"/"+p.Name)
	}
	for _, a := range f.impl.Template.Artifacts {
		t.Outputs.Artifacts = append(t.Outputs.Artifacts, wfv1.Artifact{Name: a.Name, Path: stagedFolder + "/" + a.Name, Optional: true})
	}
	return t
}

// collect is the pod that takes, checks and commits what the template made.
func (f *foreign) collect() wfv1.Template {
	inputs := []wfv1.Parameter{{Name: taskNode}, {Name: taskIndex}, {Name: taskAttempt}, {Name: taskMore}, {Name: outcome}}
	t := f.pod(collectTemplate, inputs, steps.FailPreempted, steps.FailStorage)
	t.Container.Env = append(t.Container.Env,
		corev1.EnvVar{Name: "LIGASE_ATTEMPT", Value: "{{inputs.parameters." + taskAttempt + "}}"},
		corev1.EnvVar{Name: "LIGASE_MORE", Value: "{{inputs.parameters." + taskMore + "}}"})
	// As a file, since it may be larger than a variable can be.
	t.Inputs.Artifacts = append(t.Inputs.Artifacts, wfv1.Artifact{
		Name: outcomeArtifact, Path: outcomeFile,
		ArtifactLocation: wfv1.ArtifactLocation{Raw: &wfv1.RawArtifact{Data: "{{inputs.parameters." + outcome + "}}"}},
	})
	for _, name := range f.artifacts() {
		t.Inputs.Artifacts = append(t.Inputs.Artifacts, wfv1.Artifact{Name: name, Path: artifactsFolder + "/" + name, Optional: true})
	}
	t.Outputs.Parameters = append(t.Outputs.Parameters, wfv1.Parameter{Name: again, ValueFrom: &wfv1.ValueFrom{Path: home + "/out/" + again}})
	for _, output := range said(f.outputs) {
		// It may fail before it can say anything.
		switch {
		case strings.HasPrefix(output.Name, CountParameter("")):
			output.ValueFrom.Default = wfv1.AnyStringPtr("0")
		case strings.HasPrefix(output.Name, LeftParameter("")):
			output.ValueFrom.Default = wfv1.AnyStringPtr("[]")
		}
		t.Outputs.Parameters = append(t.Outputs.Parameters, output)
	}
	return t
}

// pod is a worker's pod beside somebody else's template. Of the retries that
// the step asks for, those that its own troubles are worth are Argo's.
func (f *foreign) pod(program string, inputs []wfv1.Parameter, own ...steps.FailureCode) wfv1.Template {
	deadline := intstr.FromInt32(int32((timeoutOf(f.impl) + grace).Seconds()))
	mine := f.impl.Retries
	mine.On = slices.DeleteFunc(slices.Clone(mine.On), func(code steps.FailureCode) bool { return !slices.Contains(own, code) })
	t := wfv1.Template{
		Name:   program,
		Inputs: wfv1.Inputs{Parameters: inputs},
		Metadata: wfv1.Metadata{
			Labels: map[string]string{
				"app.kubernetes.io/managed-by": "ligase",
				LabelStep:                      f.step.Name,
				LabelImplementation:            f.impl.Name,
			},
			Annotations: map[string]string{
				AnnotationNode:  "{{inputs.parameters." + taskNode + "}}",
				AnnotationIndex: "{{inputs.parameters." + taskIndex + "}}",
			},
		},
		Container: &corev1.Container{
			Image: f.options.WorkerImage, Command: []string{workerHere, program},
			Env: append([]corev1.EnvVar{
				{Name: "LIGASE_STEP", Value: f.encoded},
				{Name: "LIGASE_NODE", Value: "{{inputs.parameters." + taskNode + "}}"},
				{Name: "LIGASE_INDEX", Value: "{{inputs.parameters." + taskIndex + "}}"},
				{Name: "LIGASE_RETRY", Value: "{{retries}}"},
			}, workerEnv()...),
			EnvFrom:         credentials(),
			Resources:       small(),
			SecurityContext: restricted(),
			VolumeMounts:    mounts(),
		},
		RetryStrategy:         retries(mine, false),
		ActiveDeadlineSeconds: &deadline,
	}
	confine(&t, f.options, 0)
	return t
}

// artifacts are the artifacts of the template that outputs are collected from.
func (f *foreign) artifacts() []string {
	var names []string
	for _, s := range f.sources() {
		if s.Kind == steps.FromArtifact && !slices.Contains(names, s.Name) {
			names = append(names, s.Name)
		}
	}
	slices.Sort(names)
	return names
}

func (f *foreign) wants(kind steps.SourceKind) bool {
	return slices.ContainsFunc(f.sources(), func(s steps.Source) bool { return s.Kind == kind })
}

// sources are where outputs and metrics are collected from. What cannot be read
// is for the worker to refuse: definitions that have it do not load.
func (f *foreign) sources() []steps.Source {
	texts := []string{f.impl.Metrics}
	for i := range f.step.Outputs {
		texts = append(texts, f.impl.Collect[f.step.Outputs[i].Name])
	}
	var out []steps.Source
	for _, text := range texts {
		if s, err := steps.ParseSource(text); err == nil {
			out = append(out, s)
		}
	}
	return out
}

func value(name, text string) wfv1.Parameter {
	return wfv1.Parameter{Name: name, Value: wfv1.AnyStringPtr(text)}
}

// handedOn is an artifact of another task. It may not be there: that task did
// not run or failed, or what is in it was not given.
func handedOn(task, name string) wfv1.Artifact {
	return wfv1.Artifact{Name: name, From: fmt.Sprintf("{{tasks.%s.outputs.artifacts.%s}}", task, name), Optional: true}
}
