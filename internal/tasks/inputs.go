package tasks

import (
	"fmt"
	"maps"
	"reflect"

	"github.com/ligase-bio/ligase/dag"
	"github.com/ligase-bio/ligase/pipelines"
	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/steps/worker"
	"github.com/ligase-bio/ligase/uris"
)

// Made is what a committed task gave, port by port, as tasks after it take it.
type Made []madePort

type madePort struct {
	port  string
	items []worker.Item
}

// Count is how many items there are of a port.
func (m Made) Count(port string) int {
	for _, p := range m {
		if p.port == port {
			return len(p.items)
		}
	}
	return 0
}

// Keep takes from a commit record what tasks after it need (previews, the
// larger part, stay behind), counts the items of the ports that give many and
// of those that gave nothing, and says what was filtered, as a [dag.Frontier]
// wants to be told.
func Keep(step *steps.Step, result *steps.Result) (made Made, counts map[string]int, left dag.Left) {
	ports := make(Made, 0, len(step.Outputs))
	left.All = result.Filtered != nil
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
			if port.Many && o.Filtered != nil {
				if left.Items == nil {
					left.Items = map[string][]int{}
				}
				left.Items[port.Name] = append(left.Items[port.Name], j)
			}
			if !port.Many && len(o.Metrics) == 0 {
				// What the step measured, it measured of its one value.
				items[j].Metrics = result.Metrics
			}
		}
		ports = append(ports, madePort{port.Name, items})
	}
	return ports, counts, left
}

// CauseIn is why nobody takes what a committed task gave, or an item of it; nil
// when its record says nothing of the kind.
func CauseIn(result *steps.Result, c dag.Cause) *worker.ItemFailure {
	why := result.Filtered
	if c.Port != "" {
		why = nil
		if objects := result.Outputs[c.Port]; c.Item < len(objects) {
			why = objects[c.Item].Filtered
		}
	}
	if why == nil {
		return nil
	}
	return worker.FilteredAt(c.Node, why)
}

// Given counts the values that each input of a plan was given, as a
// [dag.Frontier] and [dag.Graph.Trace] want to be told.
func Given(plan *pipelines.Plan) map[string]int {
	given := make(map[string]int, len(plan.Compiled.Inputs))
	for i := range plan.Compiled.Inputs {
		name := plan.Compiled.Inputs[i].Name
		given[name] = len(plan.Inputs[name])
	}
	return given
}

// Past is what is known of a run when one of its tasks is about to start.
type Past struct {
	RunID string
	Root  uris.URI // of the [uris.Layout]
	Given map[string][]pipelines.Input
	// Makers are what made those that runs made; see [pipelines.Input].
	Makers map[string]*steps.Maker
	// Maker says what a node is, to those that gather what it gave; see
	// [pipelines.Plan.Maker].
	Maker func(node string) *steps.Maker
	// Made is what a committed task gave.
	Made func(dag.Task) Made
	// Cause is why a task failed, or what it gave was filtered; nil when that is
	// not known.
	Cause func(dag.Cause) *worker.ItemFailure
}

// Node is a node of a plan as its tasks are made of it.
type Node struct {
	ID             string
	Step           *steps.Step
	Implementation *steps.Implementation
	Types          *steps.Types
	Inputs         []string     // the input ports that are bound, in the step's order
	Outputs        []steps.Port // that are committed
	Params         map[string]steps.Value
	Keep           []steps.Threshold
}

// BoundInputs are the input ports of a node that are bound, in the step's
// order.
func BoundInputs(n *pipelines.CompiledNode) []string {
	names := make([]string, len(n.Inputs))
	for i, b := range n.Inputs {
		names[i] = b.Port
	}
	return names
}

// Task is what a worker is given for an attempt of one task of the node.
// sources says what each of its input ports takes.
func (p *Past) Task(n *Node, index uris.Index, attempt int, sources func(port string) []dag.Source) (worker.Task, *steps.Failure) {
	w := worker.Task{
		RunID:          p.RunID,
		Node:           n.ID,
		Index:          index,
		Attempt:        attempt,
		Root:           p.Root,
		Step:           n.Step.Name,
		Version:        n.Step.Version,
		Implementation: *n.Implementation,
		Outputs:        n.Outputs,
		Types:          n.Types,
		Params:         n.Params,
		Keep:           n.Keep,
	}
	for _, name := range n.Inputs {
		port := n.Step.Input(name)
		list := sources(name)
		in := worker.Input{Port: *port, Items: make([]worker.Item, 0, len(list))}
		for _, s := range list {
			if item, ok := p.item(s); ok {
				in.Items = append(in.Items, item)
			}
		}
		if in.Port.Joined && len(in.Items) == 1 && in.Items[0].Failed == nil {
			in.Port.Unjoin() // it is that file
		}
		switch {
		case !port.Many || len(list) == 0:
		case list[0].From.Node != "":
			in.MadeBy = p.Maker(list[0].From.Node) // all are of one wire
		default:
			madeByOne(&in)
		}
		if !port.Many && len(in.Items) == 0 {
			if port.Optional {
				continue
			}
			return w, &steps.Failure{
				Code:    steps.FailUpstream,
				Message: fmt.Sprintf("%s has no value for its input %s: what it comes from is an optional output that was not made.", n.ID, name),
			}
		}
		w.Inputs = append(w.Inputs, in)
	}
	return w, nil
}

// madeByOne says once of an input what all its items say: that one tool made
// them. Of parameters and thresholds only those are said that were the same.
func madeByOne(in *worker.Input) {
	var one *steps.Maker
	for i := range in.Items {
		m := in.Items[i].MadeBy
		switch {
		case m == nil:
			return
		case one == nil:
			copied := *m
			one = &copied
		case one.Node != m.Node || one.Step != m.Step || one.Version != m.Version || one.Implementation != m.Implementation:
			return
		}
		if !reflect.DeepEqual(one.Params, m.Params) {
			same := maps.Clone(one.Params)
			maps.DeleteFunc(same, func(name string, v steps.Value) bool { return !reflect.DeepEqual(v, m.Params[name]) })
			one.Params = same
		}
		if !reflect.DeepEqual(one.Keep, m.Keep) {
			one.Keep = nil
		}
	}
	in.MadeBy = one
	for i := range in.Items {
		in.Items[i].MadeBy = nil
	}
}

// item is the value of a source; false when it is an optional one that was not
// given or not made.
func (p *Past) item(s dag.Source) (worker.Item, bool) {
	if s.Failed {
		cause := p.Cause(s.Cause)
		if cause == nil {
			cause = &worker.ItemFailure{Node: s.From.Node, Code: steps.FailUpstream, Message: "It failed."}
		}
		// What was filtered right where it comes from is there all the same.
		item := worker.Item{}
		if cause.Code == steps.FailFiltered && s.Cause.Node == s.From.Node && (s.Cause.Port == s.From.Port || s.Cause.Port == "") {
			item, _ = p.made(dag.Endpoint{Node: s.From.Node, Port: s.From.Port}, s.Cause.Index, s.Cause.Item)
		}
		item.Index, item.Failed = s.Index, cause
		return item, true
	}
	at := max(s.Item, 0)
	if s.From.Node == "" {
		given := p.Given[s.From.Port]
		if at >= len(given) {
			return worker.Item{}, false
		}
		in := given[at]
		return worker.Item{
			Index: s.Index, URI: in.URI, Size: in.Size, SHA256: in.SHA256, Format: in.Format, Metrics: in.Metrics, MadeBy: p.Makers[in.MadeBy],
		}, true
	}
	item, there := p.made(s.From, s.Task, at)
	item.Index = s.Index
	return item, there
}

// made is an item of what a task gave.
func (p *Past) made(from dag.Endpoint, task uris.Index, at int) (worker.Item, bool) {
	for _, made := range p.Made(dag.Task{Node: from.Node, Index: task}) {
		if made.port == from.Port && at < len(made.items) {
			return made.items[at], true
		}
	}
	return worker.Item{}, false
}
