package adopt

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"

	"github.com/ligase-bio/ligase/internal/draft"
	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/steps"
)

// Options configure Convert.
type Options struct {
	Types      *steps.Types // what ports are guessed from; required
	Entrypoint string       // the template to make a step of; empty: the one that the manifest says
}

// Annotations by which the keeper of a template says what it does not.
const (
	annotation            = "ligase.dev/"
	nameAnnotation        = annotation + "name"
	versionAnnotation     = annotation + "version"
	durationAnnotation    = annotation + "duration"
	typeAnnotation        = annotation + "type." // and the name of a parameter or artifact: TYPE or TYPE/FORMAT
	titleAnnotation       = "workflows.argoproj.io/title"
	descriptionAnnotation = "workflows.argoproj.io/description"
	appVersionLabel       = "app.kubernetes.io/version"
)

// implementationName is what the implementation of an adopted step is called.
const implementationName = "argo"

// Convert makes a step of a template. The problems say why it cannot; the
// draft's warnings say what will not work.
func Convert(m *Manifest, o Options) (*draft.Draft, problem.Problems) {
	c := &converter{m: m, types: o.Types}
	if c.entry = c.entrypoint(o.Entrypoint); c.entry == nil {
		return nil, c.problems
	}
	c.head()
	c.inputs()
	c.outputs()
	c.warn()
	text, open := c.write()
	return &draft.Draft{Name: c.name, Text: text, Open: open, Warnings: c.warnings.Sorted()}, nil
}

// converter holds what one Convert finds out.
type converter struct {
	m     *Manifest
	types *steps.Types
	entry *wfv1.Template
	at    int // of entry among the templates

	name, title, description, version, duration string
	versionGuessed, describedBadly              bool
	params                                      []param
	ins, outs                                   []port
	hidden                                      []string // what callers cannot set, and why: comments

	names    draft.Names // of ports and parameters
	problems problem.Problems
	warnings problem.Problems
}

// param is a parameter of the step.
type param struct {
	name, theirs string
	kind         steps.ParamType
	value        *string // the default, as text of its kind
	enum         []string
	description  string
}

// port is an input or output of the step.
type port struct {
	name, theirs string
	source       steps.SourceKind // of an output; of an input: FromArtifact or FromURI
	glob         string
	typ          steps.TypeFormat
	others       []string // types that it could be as well
	guessed      bool
	many         bool
	optional     bool
	description  string
	nothing      bool // a placeholder: the template gives nothing
}

func (c *converter) problem(pos problem.Pos, path string, code problem.Code, fix, format string, args ...any) {
	c.problems.Addf(pos, path, code, fix, format, args...)
}

func (c *converter) warning(pos problem.Pos, path, fix, format string, args ...any) {
	c.warnings.Addf(pos, path, problem.Invalid, fix, format, args...)
}

// entrypoint finds the template to make a step of; nil when there is none.
func (c *converter) entrypoint(wanted string) *wfv1.Template {
	templates := c.m.Spec.Templates
	var names []string
	for i := range templates {
		names = append(names, templates[i].Name)
	}
	switch {
	case len(templates) == 0 && c.m.Spec.WorkflowTemplateRef != nil:
		c.problem(c.m.pos("spec", "workflowTemplateRef"), "spec.workflowTemplateRef", problem.Missing,
			fmt.Sprintf("Import %s itself.", c.m.Spec.WorkflowTemplateRef.Name), "%s only refers to another template.", c.m.Name)
		return nil
	case len(templates) == 0:
		c.problem(c.m.pos("spec"), "spec.templates", problem.Missing, "", "%s has no templates.", c.m.Name)
		return nil
	}
	name := cmp.Or(wanted, c.m.Spec.Entrypoint)
	if name == "" {
		if len(templates) > 1 {
			c.problem(c.m.pos("spec"), "spec.entrypoint", problem.Missing,
				fmt.Sprintf("Say which is meant with --entrypoint, or set spec.entrypoint. There are: %s.", strings.Join(names, ", ")),
				"%s has %d templates and does not say which it begins with.", c.m.Name, len(templates))
			return nil
		}
		name = templates[0].Name
	}
	c.at = slices.Index(names, name)
	if c.at < 0 {
		pos, path := c.m.pos("spec", "entrypoint"), "spec.entrypoint"
		if wanted != "" {
			pos, path = c.m.pos("spec", "templates"), "spec.templates"
		}
		c.problem(pos, path, problem.UnknownName, problem.DidYouMean(name, names), "%s has no template %q.", c.m.Name, name)
		return nil
	}
	return &templates[c.at]
}

// head finds what is said of the template as a whole.
func (c *converter) head() {
	notes := c.m.Annotations
	c.name = notes[nameAnnotation]
	if !steps.ValidName(c.name) {
		c.name = draft.Snake(c.m.Name)
		if c.m.Spec.Entrypoint != c.entry.Name && len(c.m.Spec.Templates) > 1 {
			c.name = draft.Snake(c.m.Name + "-" + c.entry.Name)
		}
	}
	c.title = draft.Cut(draft.OneLine(cmp.Or(notes[titleAnnotation], draft.Title(c.m.Name))), 120)
	c.description = strings.TrimSpace(cmp.Or(notes[descriptionAnnotation], c.entry.Metadata.Annotations[descriptionAnnotation]))
	if c.describedBadly = c.description == ""; c.describedBadly {
		c.description = fmt.Sprintf("Runs the template %s of %s.", c.entry.Name, c.m.Name)
	}
	c.version = cmp.Or(notes[versionAnnotation], c.m.Labels[appVersionLabel])
	if c.versionGuessed = !steps.ValidVersion(c.version); c.versionGuessed {
		c.version = "0.1.0"
	}
	if d := notes[durationAnnotation]; slices.Contains([]string{"seconds", "minutes", "hours"}, d) {
		c.duration = d
	}
}
