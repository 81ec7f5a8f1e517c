package local

import (
	"fmt"

	"github.com/ligase-bio/ligase/dag"
	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/steps/worker"
)

// keep takes from a commit record what tasks after it need (previews, the
// larger part, stay behind), and counts the items of the ports that give many and of those
// that gave nothing.
func keep(step *steps.Step, result *steps.Result) ([]portItems, map[string]int) {
	ports := make([]portItems, 0, len(step.Outputs))
	var counts map[string]int
	for i := range step.Outputs {
		port := &step.Outputs[i]
		objects := result.Outputs[port.Name]
		if port.Many || len(objects) == 0 {
			if counts == nil {
				counts = map[string]int{}
			}
			counts[port.Name] = len(objects)
		}
		if len(objects) == 0 {
			continue
		}
		items := make([]worker.Item, len(objects))
		for j, o := range objects {
			items[j] = worker.Item{URI: o.URI, Size: o.Size, SHA256: o.SHA256, Format: o.Format, Metrics: o.Metrics}
			if !port.Many && len(o.Metrics) == 0 {
				// What the step measured, it measured of its one value.
				items[j].Metrics = result.Metrics
			}
		}
		ports = append(ports, portItems{port.Name, items})
	}
	return ports, counts
}

// workerTask is what the worker is given for the task's current attempt.
func (r *run) workerTask(t *task) (worker.Task, *steps.Failure) {
	n := t.node
	w := worker.Task{
		RunID:          string(r.job.ID),
		Node:           n.id,
		Index:          t.index,
		Attempt:        t.attempt,
		Root:           r.root,
		Step:           n.step.Name,
		Version:        n.step.Version,
		Implementation: *n.impl,
		Outputs:        n.step.Outputs,
		Types:          r.job.Plan.Compiled.Types,
		Params:         n.params,
	}
	for _, name := range n.inputs {
		port := n.step.Input(name)
		sources := r.frontier.Sources(t.dag(), name)
		in := worker.Input{Port: *port, Items: make([]worker.Item, 0, len(sources))}
		for _, s := range sources {
			if item, ok := r.item(s); ok {
				in.Items = append(in.Items, item)
			}
		}
		if !port.Many && len(in.Items) == 0 {
			if port.Optional {
				continue
			}
			return w, &steps.Failure{
				Code:    steps.FailUpstream,
				Message: fmt.Sprintf("%s has no value for its input %s: what it comes from is an optional output that was not made.", n.id, name),
			}
		}
		w.Inputs = append(w.Inputs, in)
	}
	return w, nil
}

// item is the value of a source; false when it is an optional one that was not
// given or not made.
func (r *run) item(s dag.Source) (worker.Item, bool) {
	if s.Failed {
		cause := r.causes[s.Cause]
		if cause == nil {
			cause = &worker.ItemFailure{Node: s.From.Node, Code: steps.FailUpstream, Message: "It failed."}
		}
		return worker.Item{Index: s.Index, Failed: cause}, true
	}
	at := max(s.Item, 0)
	if s.From.Node == "" {
		given := r.job.Plan.Inputs[s.From.Port]
		if at >= len(given) {
			return worker.Item{}, false
		}
		in := given[at]
		return worker.Item{Index: s.Index, URI: in.URI, Size: in.Size, SHA256: in.SHA256, Format: in.Format}, true
	}
	for _, p := range r.outputs[dag.Task{Node: s.From.Node, Index: s.Task}] {
		if p.port == s.From.Port && at < len(p.items) {
			item := p.items[at]
			item.Index = s.Index
			return item, true
		}
	}
	return worker.Item{}, false
}
