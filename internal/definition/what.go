package definition

import (
	"slices"

	"github.com/ligase-bio/ligase/internal/problem"
)

// What is the sort of definition that a file holds.
type What string

const (
	Step     What = "step"
	Pipeline What = "pipeline"
	Types    What = "types"
	Unknown  What = ""
)

// What says what the document defines, by its fields: nodes make it a
// pipeline, types a list of types, implementations a step. A slip of the pen
// in that field still counts, so that the right reader reports it. Unknown
// has been noted as a problem.
func (d *Document) What() What {
	root := d.root
	if root.kind == broken {
		return Unknown
	}
	if root.kind != Mapping {
		root.Problem(problem.Invalid, "Write fields, as name: value.",
			"The file is %s where a definition is wanted.", root.describe())
		return Unknown
	}
	telling := []struct {
		field string
		what  What
	}{{"nodes", Pipeline}, {"types", Types}, {"implementations", Step}}
	var names []string
	for _, t := range telling {
		names = append(names, t.field)
		for _, n := range root.items {
			if n.key == t.field {
				return t.what
			}
		}
	}
	for _, n := range root.items {
		if near := problem.Nearest(n.key, names); near != "" {
			return telling[slices.Index(names, near)].what
		}
	}
	for _, n := range root.items {
		// Only a step has these and no nodes; its reader says what is missing.
		if n.key == "inputs" || n.key == "params" || n.key == "outputs" {
			return Step
		}
	}
	root.Problem(problem.Missing,
		"Add nodes for a pipeline, implementations for a step, or types for a list of types.",
		"The file defines neither a step, a pipeline nor types.")
	return Unknown
}
