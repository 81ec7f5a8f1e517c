package steps

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ligase-bio/ligase/internal/definition"
	"github.com/ligase-bio/ligase/internal/problem"
)

var (
	resourceForm = definition.NewForm(`^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$`, 253) // of a Kubernetes object
	theirForm    = definition.NewForm(`^[A-Za-z0-9_-]+$`, maxTheirs)           // of what Argo names in a template
)

const maxTheirs = 128

// notForeign are the fields of an implementation that say how ligase starts a
// command.
var notForeign = []string{"prepare", "command", "finish", "image", "volumes", "env", "timeout", "failures", "progress"}

// refuseBesides reports what an implementation says about a command although
// it has none.
func refuseBesides(f *definition.Fields) {
	for _, field := range notForeign {
		if n := f.Get(field); f.Has(field) {
			n.KeyProblem(problem.NotAllowed, "Remove it, or set it in the template itself.",
				"%s is about a command of ligase's own; this implementation is a template.", field)
		}
	}
}

// foreignReader reads an implementation that is a template.
type foreignReader struct {
	step  *Step
	used  *references
	given map[string]bool // inputs and parameters that an argument speaks of
}

func (r *foreignReader) read(n *definition.Node) *Foreign {
	r.given = map[string]bool{}
	f := n.Fields()
	t := &Foreign{
		Name:       matching(f.Need("name"), resourceForm, "Write the name that the WorkflowTemplate has in the cluster."),
		Cluster:    f.Get("cluster").Bool(),
		Entrypoint: matching(f.Get("entrypoint"), theirForm, "Write the name of one of its templates."),
	}
	if t.Entrypoint == "" {
		t.Entrypoint = ForeignEntrypoint
	}
	for _, entry := range f.Get("arguments").Entries() {
		if !theirForm.MatchString(entry.Key()) {
			entry.KeyProblem(problem.Invalid, "Write the name of one of its parameters or artifacts.", "%.60q names nothing in a template.", entry.Key())
		}
		r.argument(t, entry)
	}
	f.Done()
	r.byName(n, t)
	return t
}

// argument reads what one parameter or artifact of theirs is given.
func (r *foreignReader) argument(t *Foreign, n *definition.Node) {
	text := n.Text()
	if n.Shape() != definition.Text {
		if n.Shape() == definition.Null {
			n.Problem(problem.Missing, `Write $(params.x), $(inputs.y), or "" for an empty text.`, "The argument is empty.")
		}
		r.used.unclear = true
		return
	}
	parts, err := ParseTemplate(text)
	if err != nil {
		r.used.unclear = true
		n.Problem(problem.Invalid, "", "%s", err)
		return
	}
	artifact := false
	for _, p := range parts {
		switch p.Kind {
		case Literal:
			if err := CheckForeignValue(p.Text); err != nil {
				n.Problem(problem.NotAllowed, "", "%s", err)
			}
		case WorkRef:
			n.Problem(problem.Invalid, "Let the template use a path of its own.", "$(work) is a folder of ligase's worker, which the template does not see.")
		case ParamRef:
			r.param(n, p.Name)
		case InputRef:
			artifact = r.input(n, p, len(parts) == 1) || artifact
		}
	}
	if artifact {
		t.Artifacts = append(t.Artifacts, ForeignArtifact{Name: n.Key(), Input: parts[0].Name, Sub: parts[0].Sub})
		return
	}
	t.Parameters = append(t.Parameters, ForeignArgument{Name: n.Key(), Value: text})
}

func (r *foreignReader) param(n *definition.Node, name string) {
	p := r.step.Param(name)
	if p == nil {
		r.used.unclear = true
		c := commandReader{step: r.step}
		n.Problem(problem.UnknownName, c.otherwise("params", name), "There is no parameter %q.", name)
		return
	}
	r.used.params[name], r.given[name] = true, true
	if p.Optional {
		n.Problem(problem.Invalid, fmt.Sprintf("Give %s a default.", name),
			"The parameter %s is optional, and a template's argument cannot be left out.", name)
	}
}

// input checks a reference to an input, and reports whether it stands for
// files.
func (r *foreignReader) input(n *definition.Node, p Part, alone bool) (files bool) {
	port := r.step.Input(p.Name)
	if port == nil {
		r.used.unclear = true
		c := commandReader{step: r.step}
		n.Problem(problem.UnknownName, c.otherwise("inputs", p.Name), "There is no input %q.", p.Name)
		return false
	}
	r.used.inputs[p.Name], r.given[p.Name] = true, true
	files = p.Sub != "uri" && p.Sub != "uris"
	many := p.Sub == "dir" || p.Sub == "manifest" || p.Sub == "uris"
	switch {
	case port.Many && p.Sub == "":
		n.Problem(problem.Cardinality, fmt.Sprintf("Write $(inputs.%s.dir) for a folder of the files, or $(inputs.%s.uris) for a JSON list of their URIs.", p.Name, p.Name),
			"%s carries many files.", p.Name)
	case port.Many != many:
		fix, what := fmt.Sprintf("Write $(inputs.%s) for the file, or $(inputs.%s.uri) for where it lies.", p.Name, p.Name), "one file"
		if port.Many {
			fix, what = fmt.Sprintf("Write $(inputs.%s.uris).", p.Name), "many files"
		}
		n.Problem(problem.Cardinality, fix, "%s carries %s, which .%s is not about.", p.Name, what, p.Sub)
	case files && !alone:
		n.Problem(problem.Invalid, fmt.Sprintf("Let $(inputs.%s) be an argument of its own.", p.Name), "A file is an artifact of a template, and cannot stand inside a text.")
	case !files && port.Optional:
		n.Problem(problem.Invalid, fmt.Sprintf("Give it as a file, $(inputs.%s), to an artifact that is optional too.", p.Name),
			"The input %s is optional, and a template's parameter cannot be left out.", p.Name)
	case files && strings.HasSuffix(strings.ReplaceAll(n.Key(), "_", "-"), "-uri"):
		n.Problem(problem.Invalid, fmt.Sprintf("Write $(inputs.%s.uri), or rename the artifact.", p.Name), "%.60q sounds like a URI and is given the file itself.", n.Key())
	}
	return files && alone
}

// byName gives what no argument speaks of to what has the same name there.
func (r *foreignReader) byName(n *definition.Node, t *Foreign) {
	for i := range r.step.Params {
		p := &r.step.Params[i]
		if r.given[p.Name] || p.Name == "" {
			continue
		}
		t.Parameters = append(t.Parameters, ForeignArgument{Name: p.Name, Value: Template{{Kind: ParamRef, Name: p.Name}}.String()})
		r.param(n, p.Name)
	}
	for i := range r.step.Inputs {
		p := &r.step.Inputs[i]
		if r.given[p.Name] {
			continue
		}
		a := ForeignArtifact{Name: p.Name, Input: p.Name}
		if p.Many {
			a.Sub = "dir"
		}
		t.Artifacts = append(t.Artifacts, a)
		r.used.inputs[p.Name] = true
	}
	taken := map[string]bool{}
	twice := func(name string) {
		if taken[name] {
			n.Problem(problem.Duplicate, "Say under arguments what it is given.", "%.60q is given two things.", name)
		}
		taken[name] = true
	}
	for _, p := range t.Parameters {
		twice("parameter " + p.Name)
	}
	for _, a := range t.Artifacts {
		twice("artifact " + a.Name)
	}
	slices.SortFunc(t.Parameters, func(a, b ForeignArgument) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(t.Artifacts, func(a, b ForeignArtifact) int { return strings.Compare(a.Name, b.Name) })
}

// decodeSources reads where a template leaves the outputs.
func decodeSources(n *definition.Node, s *Step) map[string]string {
	return decodePorts(n, s, "outputs.artifacts.NAME, outputs.parameters.NAME, outputs.uris.NAME or outputs.result",
		func(entry *definition.Node, port *Port) string {
			source, ok := decodeSource(entry)
			if !ok {
				return ""
			}
			if source.Kind == FromArtifact && port.Many && !wildcard.MatchString(source.Glob) {
				entry.Problem(problem.Cardinality, fmt.Sprintf("Let the artifact be a folder, and say which files in it: outputs.artifacts.%s/*.", source.Name),
					"%s carries many, but %.60q names one file.", port.Name, source)
			}
			return source.String()
		})
}

func decodeSource(n *definition.Node) (Source, bool) {
	text := n.Text()
	if n.Shape() != definition.Text {
		return Source{}, false
	}
	source, err := ParseSource(text)
	if err != nil {
		n.Problem(problem.Invalid, "Write outputs.artifacts.NAME, outputs.parameters.NAME, outputs.uris.NAME (of a parameter that holds a URI) or outputs.result.", "%s", err)
		return Source{}, false
	}
	if source.Glob != "" && checkGlob(n, source.Glob) == "" {
		return Source{}, false
	}
	return source, true
}

// decodeMeasured reads where a template leaves its metrics.
func decodeMeasured(n *definition.Node) string {
	if !n.Given() {
		return ""
	}
	source, ok := decodeSource(n)
	if !ok {
		return ""
	}
	if wildcard.MatchString(source.Glob) {
		n.Problem(problem.Invalid, "Name the file.", "%.60q has wildcards; this is one file.", source)
	}
	return source.String()
}
