package definition

import (
	"slices"

	"github.com/ligase-bio/ligase/internal/problem"
)

// Kind is the sort of definition that a file holds.
type Kind string

const (
	KindStep     Kind = "step"
	KindPipeline Kind = "pipeline"
	KindTypes    Kind = "types"
	KindUnknown  Kind = ""
)

// Kind says what the document defines, by its fields: nodes make it a
// pipeline, types a list of types, implementations a step. A slip of the pen
// in that field still counts, so that the right reader reports it. KindUnknown
// has been noted as a problem.
func (d *Document) Kind() Kind {
	root := d.root
	if root.shape == broken {
		return KindUnknown
	}
	if root.shape != Mapping {
		root.Problem(problem.Invalid, "Write fields, as name: value.",
			"The file is %s where a definition is wanted.", root.describe())
		return KindUnknown
	}
	telling := []struct {
		field string
		kind  Kind
	}{{"nodes", KindPipeline}, {"types", KindTypes}, {"implementations", KindStep}}
	var names []string
	for _, t := range telling {
		names = append(names, t.field)
		for _, n := range root.items {
			if n.key == t.field {
				return t.kind
			}
		}
	}
	for _, n := range root.items {
		if near := problem.Nearest(n.key, names); near != "" {
			return telling[slices.Index(names, near)].kind
		}
	}
	for _, n := range root.items {
		// Only a step has these and no nodes; its reader says what is missing.
		if n.key == "inputs" || n.key == "params" || n.key == "outputs" {
			return KindStep
		}
	}
	root.Problem(problem.Missing,
		"Add nodes for a pipeline, implementations for a step, or types for a list of types.",
		"The file defines neither a step, a pipeline nor types.")
	return KindUnknown
}
