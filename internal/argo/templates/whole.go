package templates

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"

	"github.com/ligase-bio/ligase/catalog"
	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/pipelines"
)

// whole leaves out of a set of templates those that would overwrite another,
// and those that refer to one which is not in it or has another version, and
// says so.
func whole(cat *catalog.Catalog, all []*wfv1.WorkflowTemplate) (sound []*wfv1.WorkflowTemplate, problems problem.Problems) {
	add := func(t *wfv1.WorkflowTemplate, code problem.Code, fix, format string, args ...any) {
		var pos problem.Pos
		if tool, err := cat.Tool(t.Labels[LabelTool]); err == nil {
			pos = tool.Pos
		}
		problems.Addf(pos, "", code, fix, format, args...)
	}
	byName := make(map[string]*wfv1.WorkflowTemplate, len(all))
	for _, t := range all {
		if other := byName[t.Name]; other != nil {
			add(t, problem.Duplicate, "Give one of them another name.",
				"%s and %s would both be the WorkflowTemplate %s.", capital(described(other)), described(t), t.Name)
			continue
		}
		byName[t.Name] = t
	}
	for _, t := range all {
		if byName[t.Name] != t {
			continue
		}
		missing := false
		for _, ref := range references(t) {
			if byName[ref] == nil {
				missing = true
				add(t, problem.UnknownName, "Mend that first.", "%s uses %s, of which there is no WorkflowTemplate.", capital(described(t)), ref)
			}
		}
		if other, wants, has := otherVersion(cat, t); other != "" {
			missing = true
			add(t, problem.Invalid, fmt.Sprintf("Use %s without a version, or remove the newer one.", other),
				"%s uses %s in version %s, and a cluster has one version at a time: %s.", capital(described(t)), other, wants, has)
		}
		if !missing {
			sound = append(sound, t)
		}
	}
	return sound, problems
}

// described is what a template is for.
func described(t *wfv1.WorkflowTemplate) string {
	name := t.Labels[LabelTool]
	if impl := t.Labels[LabelImplementation]; impl != "" {
		return fmt.Sprintf("the implementation %q of the step %q", impl, name)
	}
	return fmt.Sprintf("the pipeline %q", name)
}

// references are the templates that a pipeline's tasks refer to, each once. A
// step refers to those of others only.
func references(t *wfv1.WorkflowTemplate) []string {
	if t.Labels[LabelKind] == string(pipelines.KindStep) {
		return nil
	}
	var names []string
	seen := map[string]bool{}
	for i := range t.Spec.Templates {
		if t.Spec.Templates[i].DAG == nil {
			continue
		}
		for _, task := range t.Spec.Templates[i].DAG.Tasks {
			if ref := task.TemplateRef; ref != nil && !seen[ref.Name] {
				seen[ref.Name] = true
				names = append(names, ref.Name)
			}
		}
	}
	return names
}

// otherVersion finds a step that a pipeline uses in a version that is not the
// newest, which is the one that is rendered.
func otherVersion(cat *catalog.Catalog, t *wfv1.WorkflowTemplate) (step, wants, has string) {
	c, err := cat.Compile(t.Labels[LabelTool], nil)
	if err != nil {
		return "", "", ""
	}
	for i := range c.Nodes {
		used := c.Steps[c.Nodes[i].Step]
		if newest := cat.Step(used.Name); newest != nil && newest.Version != used.Version {
			return used.Name, used.Version, newest.Version
		}
	}
	return "", "", ""
}

// sentence is an error as a sentence of its own.
func sentence(err error) string {
	text := capital(err.Error())
	if !strings.HasSuffix(text, ".") {
		text += "."
	}
	return text
}

func capital(text string) string {
	first, n := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + text[n:]
}
