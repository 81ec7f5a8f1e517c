package templates

import (
	"fmt"
	"slices"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/ligase-bio/ligase/internal/tasks"
	"github.com/ligase-bio/ligase/pipelines"
)

const (
	endTemplate   = "end"   // does nothing, and succeeds
	countTemplate = "items" // the pod that counts the items of a port
	countOutput   = "count" // its output, beside LeftOutput, which lists those that were filtered
)

// arguments are what Workflows of the template are given, or its own.
func (t *tree) arguments() ([]wfv1.Parameter, error) {
	packed, err := tasks.EncodeCompiled(t.compiled)
	if err != nil {
		return nil, err
	}
	argument := func(name, value, about string) wfv1.Parameter {
		p := wfv1.Parameter{Name: name, Description: wfv1.AnyStringPtr(about)}
		if value != "" {
			p.Value = wfv1.AnyStringPtr(value)
		}
		return p
	}
	list := []wfv1.Parameter{
		argument(TaskParameter, "", "What to work on, as JSON: inputs, from name to URI, and params, from name to value."),
		argument(PipelineParameter, packed, "What is run, packed. Leave it as it is."),
	}
	for _, in := range t.compiled.Inputs {
		if in.Many && t.opens(endpoint("", in.Name)) {
			list = append(list, argument(CountParameter(in.Name), "0", fmt.Sprintf("How many values %s is given: one runs for each.", in.Name)))
		}
	}
	for _, n := range t.compiled.Nodes {
		list = append(list, argument(SkipParameter(n.ID), "[]", fmt.Sprintf("Indexes of the tasks of %s that have committed, as JSON.", n.ID)))
		if t.opensAny(n.ID) {
			list = append(list, argument(ReuseParameter(n.ID), "{}", fmt.Sprintf("How many items those tasks of %s gave, as JSON: by index, by port.", n.ID)))
		}
	}
	return list, nil
}

// templates writes the lanes as DAGs, the outermost first, and what else they
// refer to.
func (t *tree) templates(o Options) ([]wfv1.Template, error) {
	var out []wfv1.Template
	ends, counts := false, false
	var write func(l *lane) error
	write = func(l *lane) error {
		d := wfv1.Template{Name: l.name, DAG: &wfv1.DAGTemplate{}}
		if l.outer != nil {
			d.Inputs.Parameters = []wfv1.Parameter{{Name: "index"}}
		}
		for _, node := range l.needs {
			d.Inputs.Parameters = append(d.Inputs.Parameters, wfv1.Parameter{Name: hasParameter(node)})
		}
		for _, k := range l.tasks {
			task, err := t.dagTask(l, k)
			if err != nil {
				return err
			}
			d.DAG.Tasks = append(d.DAG.Tasks, task)
			counts = counts || k.count.Node != ""
		}
		if t.needsEnd(l) {
			ends = true
			end := wfv1.DAGTask{Name: endTemplate, Template: endTemplate}
			for _, k := range l.tasks {
				if len(k.feeds) == 0 {
					end.Dependencies = append(end.Dependencies, k.name)
				}
			}
			slices.Sort(end.Dependencies)
			d.DAG.Tasks = append(d.DAG.Tasks, end)
		}
		out = append(out, d)
		for _, k := range l.tasks {
			if k.lane != nil {
				if err := write(k.lane); err != nil {
					return err
				}
			}
		}
		return nil
	}
	if err := write(t.root); err != nil {
		return nil, err
	}
	if counts {
		out = append(out, counting(o))
	}
	if ends {
		out = append(out, wfv1.Template{Name: endTemplate, Suspend: &wfv1.SuspendTemplate{Duration: "0"}})
	}
	return out, nil
}

// dagTask is a task as Argo has it.
func (t *tree) dagTask(l *lane, k *task) (wfv1.DAGTask, error) {
	out := wfv1.DAGTask{Name: k.name}
	for _, a := range k.after {
		out.Dependencies = append(out.Dependencies, a.name)
	}
	argue := func(name, value string) {
		out.Arguments.Parameters = append(out.Arguments.Parameters, wfv1.Parameter{Name: name, Value: wfv1.AnyStringPtr(value)})
	}
	index := ""
	if l.outer != nil {
		index = "{{inputs.parameters.index}}"
	}
	switch {
	case k.lane != nil:
		out.Template = k.lane.name
		out.WithParam = t.items(l, k.lane)
		argue("index", "{{item}}")
		for _, node := range k.lane.needs {
			if t.home[node] == l {
				argue(hasParameter(node), tag(t.there(l, node)))
			} else {
				argue(hasParameter(node), "{{inputs.parameters."+hasParameter(node)+"}}")
			}
		}
	case k.count.Node != "":
		out.Template = countTemplate
		argue("node", k.count.Node)
		argue("port", k.count.Port)
		argue("index", index)
	default:
		n := t.compiled.Node(k.node)
		if t.compiled.Tool.Kind == pipelines.KindStep {
			out.Template = mainTemplate
		} else {
			name, err := Name(t.compiled.Steps[n.Step].Name, n.Implementation)
			if err != nil {
				return out, err
			}
			out.TemplateRef = &wfv1.TemplateRef{Name: name, Template: mainTemplate}
		}
		argue("node", n.ID)
		argue("index", index)
		out.When = t.when(l, k)
		if n.ContinueOnFailure {
			out.ContinueOn = &wfv1.ContinueOn{Failed: true, Error: true}
		}
	}
	return out, nil
}

// needsEnd reports whether a lane's DAG must end with a task that succeeds if,
// and only if, all that may not fail did. To Argo a DAG ends as its last tasks
// did, and one that was left out as what ran before it, be that in a lane. So
// the DAG would fail with a failure that was allowed, when what is last and was
// left out may not fail; and it would succeed in spite of one that was not,
// when what is last may fail.
func (t *tree) needsEnd(l *lane) bool {
	return slices.ContainsFunc(l.tasks, func(k *task) bool {
		switch {
		case len(k.feeds) > 0:
			return false
		case t.tolerates(k):
			return anyBefore(k, func(a *task) bool { return !t.tolerates(a) })
		}
		return anyBefore(k, t.toleratesInside)
	})
}

// tolerates reports whether a task may fail.
func (t *tree) tolerates(k *task) bool {
	return k.node != "" && t.compiled.Node(k.node).ContinueOnFailure
}

// toleratesInside is the same of a task that may be a lane.
func (t *tree) toleratesInside(k *task) bool {
	return t.tolerates(k) || k.lane != nil && slices.ContainsFunc(k.lane.tasks, t.toleratesInside)
}

// anyBefore reports whether a task waits, however indirectly, for one of a
// kind.
func anyBefore(k *task, is func(*task) bool) bool {
	seen := map[*task]bool{}
	var search func(k *task) bool
	search = func(k *task) bool {
		if seen[k] {
			return false
		}
		seen[k] = true
		return slices.ContainsFunc(k.after, func(a *task) bool { return is(a) || search(a) })
	}
	return search(k)
}

// counting is the template of a pod that looks up how many items a task gave.
// It commits nothing, and is tried again whatever it failed with.
func counting(o Options) wfv1.Template {
	limit, factor, deadline := intstr.FromString("5"), intstr.FromInt32(2), intstr.FromInt32(600)
	t := wfv1.Template{
		Name:   countTemplate,
		Inputs: wfv1.Inputs{Parameters: []wfv1.Parameter{{Name: "node"}, {Name: "port"}, {Name: "index"}}},
		Outputs: wfv1.Outputs{Parameters: []wfv1.Parameter{
			{Name: countOutput, ValueFrom: &wfv1.ValueFrom{Path: home + "/out/" + countOutput}},
			{Name: LeftOutput, ValueFrom: &wfv1.ValueFrom{Path: home + "/out/" + LeftOutput}},
		}},
		Metadata: wfv1.Metadata{Labels: map[string]string{"app.kubernetes.io/managed-by": "ligase"}},
		Container: &corev1.Container{
			Image: o.WorkerImage, Command: []string{workerHere},
			Args: []string{"items", "{{inputs.parameters.node}}", "{{inputs.parameters.port}}"},
			Env: append([]corev1.EnvVar{
				{Name: "LIGASE_INDEX", Value: "{{inputs.parameters.index}}"},
			}, workerEnv()...),
			EnvFrom:         credentials(),
			Resources:       small(),
			SecurityContext: restricted(),
			VolumeMounts:    mounts(),
		},
		RetryStrategy: &wfv1.RetryStrategy{
			Limit: &limit, RetryPolicy: wfv1.RetryPolicyAlways,
			Backoff: &wfv1.Backoff{Duration: "5s", Factor: &factor, Cap: "5m"},
		},
		ActiveDeadlineSeconds: &deadline,
	}
	confine(&t, o, 0)
	return t
}
