package templates

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/ligase-bio/ligase/pipelines"
)

// MaxName is how long a template's name may be. A Workflow made by hand from
// it gets six characters more, its pods' names some again, and 63 is all that
// a label takes.
const MaxName = 52

// Name is the name of the WorkflowTemplate of a step's implementation. It is
// an error when it would be too long.
func Name(step, implementation string) (string, error) {
	return checkedName(dashed(step) + "-" + dashed(implementation))
}

// NameOf is the name of the WorkflowTemplate that runs a compiled tool: of a
// step with its implementation, or of a pipeline. A pipeline whose caller chose
// implementations has a name of its own for each choice.
func NameOf(c *pipelines.Compiled) (string, error) {
	if c.Tool.Kind == pipelines.KindStep {
		return Name(c.Tool.Name, c.Nodes[0].Implementation)
	}
	name := dashed(c.Tool.Name)
	if len(c.Chosen) > 0 {
		text, err := json.Marshal(c.Chosen)
		if err != nil {
			return "", fmt.Errorf("%s: %w", c.Tool, err)
		}
		digest := sha256.Sum256(text)
		name += "-" + hex.EncodeToString(digest[:4])
	}
	return checkedName(name)
}

func checkedName(name string) (string, error) {
	if len(name) > MaxName {
		return "", fmt.Errorf("the name %s has %d characters, and a WorkflowTemplate's can have %d; give the step, implementation or pipeline a shorter one", name, len(name), MaxName)
	}
	return name, nil
}

// dashed is a name as Kubernetes has it. Names hold no dash of their own.
func dashed(name string) string { return strings.ReplaceAll(name, "_", "-") }

// Arguments that every template takes.
const (
	TaskParameter     = "task"     // the call, as tasks.Call encodes it
	PipelineParameter = "pipeline" // the compiled tool; only the template itself gives it
)

// SkipParameter is the argument that lists which of a node's tasks have
// committed, by index, as JSON without spaces: [""] of a node that is not
// scattered. Of one whose outputs were filtered the index follows a "!".
func SkipParameter(node string) string { return "skip-" + parameterName(node) }

// ReuseParameter is the argument that says what a node's committed tasks have
// given: a JSON object, from index to port to number of items, and from
// [LeftParameter] of the port to which of them were filtered.
func ReuseParameter(node string) string { return "reuse-" + parameterName(node) }

// CountParameter is the argument that says how many values an input was given.
func CountParameter(input string) string { return "count-" + input }

// LeftOutput is the output of a pod that says, with "true", that all that its
// task gave was filtered.
const LeftOutput = "left"

// LeftParameter is the output that lists which items of a port were filtered,
// as JSON without spaces: ["1","5"].
func LeftParameter(port string) string { return LeftOutput + "-" + port }

// parameterName is a node's id where Argo takes no dots. Names hold no dash,
// so no two nodes meet.
func parameterName(node string) string { return strings.ReplaceAll(node, ".", "-") }

// namer gives names to templates and tasks, which Argo lets have neither dots
// nor underscores, each once.
type namer map[string]bool

func (n namer) name(text string) string {
	base := strings.NewReplacer("_", "-", ".", "-").Replace(text)
	name := base
	for i := 2; n[name]; i++ {
		name = fmt.Sprintf("%s-%d", base, i)
	}
	n[name] = true
	return name
}
