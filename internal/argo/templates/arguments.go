package templates

import (
	"encoding/json"
	"strconv"

	"github.com/ligase-bio/ligase/dag"
	"github.com/ligase-bio/ligase/pipelines"
	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/uris"
)

// Arguments are the names of the arguments that a tool's template takes besides
// the task.
type Arguments struct {
	Count map[string]string // by input whose values are worked through one by one: how many there are
	Skip  map[string]string // by node: which of its tasks have committed
	Reuse map[string]string // by node whose items are worked through: what those tasks gave
}

// ArgumentsOf says which arguments the template of a compiled tool takes.
func ArgumentsOf(c *pipelines.Compiled) Arguments {
	t := newTree(c)
	a := Arguments{Count: map[string]string{}, Skip: map[string]string{}, Reuse: map[string]string{}}
	for _, in := range c.Inputs {
		if in.Many && t.opens(endpoint("", in.Name)) {
			a.Count[in.Name] = CountParameter(in.Name)
		}
	}
	for _, n := range c.Nodes {
		a.Skip[n.ID] = SkipParameter(n.ID)
		if t.opensAny(n.ID) {
			a.Reuse[n.ID] = ReuseParameter(n.ID)
		}
	}
	return a
}

// Skipped is how the argument [SkipParameter] lists a task.
func Skipped(index uris.Index, filtered bool) string {
	if filtered {
		return "!" + string(index)
	}
	return string(index)
}

// Reused is what the argument [ReuseParameter] says of a task: by
// [LeftParameter] which items were filtered, and by port how many there are.
type Reused map[string]any

// ReuseOf makes it of a commit record.
func ReuseOf(step *steps.Step, result *steps.Result) (Reused, error) {
	said := Reused{}
	for i := range step.Outputs {
		port := &step.Outputs[i]
		if !port.Many {
			continue
		}
		objects := result.Outputs[port.Name]
		said[port.Name] = len(objects)
		var left []string
		for k := range objects {
			if objects[k].Filtered != nil {
				left = append(left, strconv.Itoa(k))
			}
		}
		if left == nil {
			continue
		}
		list, err := json.Marshal(left)
		if err != nil {
			return nil, err
		}
		said[LeftParameter(port.Name)] = string(list)
	}
	return said, nil
}

// opensAny reports whether some lane works through what a node gives.
func (t *tree) opensAny(node string) bool {
	for _, port := range t.graph.Node(node).Outputs {
		if port.Many && t.opens(endpoint(node, port.Name)) {
			return true
		}
	}
	return false
}

func endpoint(node, port string) dag.Endpoint { return dag.Endpoint{Node: node, Port: port} }
