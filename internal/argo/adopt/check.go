package adopt

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"
	"github.com/argoproj/argo-workflows/v3/pkg/client/clientset/versioned"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/ligase-bio/ligase/catalog"
	"github.com/ligase-bio/ligase/internal/argo/templates"
	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/steps"
)

// Status is how a template of the catalog stands in the cluster.
type Status string

const (
	OK      Status = "ok"
	Missing Status = "missing" // it, or a template of others that it uses, is not there
	Drifted Status = "drifted" // it is there, and is another
	Extra   Status = "extra"   // it is there and ligase's, and not in the catalog
)

// Finding is what was found of one template.
type Finding struct {
	Template       string       `json:"template"` // name in the cluster
	Tool           string       `json:"tool"`
	Implementation string       `json:"implementation,omitempty"`
	Status         Status       `json:"status"`
	Lacks          string       `json:"lacks,omitempty"`       // of Missing: the template that is not there, when it is another's
	Differences    []Difference `json:"differences,omitempty"` // of Drifted
}

// Check compares all that a catalog has with the templates in a namespace, in
// the order of their names. Options are those that the cluster's templates were
// rendered with. The problems are of what the catalog cannot render; the error
// says that the cluster could not be asked.
func Check(ctx context.Context, client versioned.Interface, cat *catalog.Catalog, namespace string, o templates.Options) ([]Finding, problem.Problems, error) {
	rendered, err := templates.All(cat, o)
	var problems problem.Problems
	if err != nil && !errors.As(err, &problems) {
		return nil, nil, err
	}
	live, err := templatesIn(ctx, client, namespace, "app.kubernetes.io/managed-by=ligase,"+templates.LabelKind)
	if err != nil {
		return nil, nil, err
	}
	var findings []Finding
	for _, r := range rendered {
		f := findingOf(r)
		at := slices.IndexFunc(live, func(t wfv1.WorkflowTemplate) bool { return t.Name == r.Name })
		if at < 0 {
			f.Status = Missing
		} else if f.Differences = Compare(r, &live[at]); len(f.Differences) > 0 {
			f.Status = Drifted
		}
		if step := cat.Step(f.Tool); f.Status == OK && step != nil {
			if err := checkTheirs(ctx, client, namespace, step, &f); err != nil {
				return nil, nil, err
			}
		}
		findings = append(findings, f)
	}
	for i := range live {
		if !slices.ContainsFunc(rendered, func(r *wfv1.WorkflowTemplate) bool { return r.Name == live[i].Name }) {
			f := findingOf(&live[i])
			f.Status = Extra
			findings = append(findings, f)
		}
	}
	slices.SortFunc(findings, func(a, b Finding) int { return strings.Compare(a.Template, b.Template) })
	return findings, problems, nil
}

func findingOf(t *wfv1.WorkflowTemplate) Finding {
	return Finding{Template: t.Name, Tool: t.Labels[templates.LabelTool], Implementation: t.Labels[templates.LabelImplementation], Status: OK}
}

// checkTheirs looks at the template of others that an implementation uses.
func checkTheirs(ctx context.Context, client versioned.Interface, namespace string, step *steps.Step, f *Finding) error {
	impl := step.Implementation(f.Implementation)
	if f.Implementation == "" || impl == nil || impl.Template == nil {
		return nil
	}
	spec, err := theirSpec(ctx, client, namespace, impl.Template)
	switch {
	case apierrors.IsNotFound(err):
		f.Status, f.Lacks = Missing, impl.Template.Name
		return nil
	case err != nil:
		return unreachable("the template "+impl.Template.Name, err)
	}
	if f.Differences = CompareForeign(step, impl, spec); len(f.Differences) > 0 {
		f.Status = Drifted
	}
	return nil
}

func theirSpec(ctx context.Context, client versioned.Interface, namespace string, t *steps.Foreign) (*wfv1.WorkflowSpec, error) {
	if t.Cluster {
		theirs, err := client.ArgoprojV1alpha1().ClusterWorkflowTemplates().Get(ctx, t.Name, metav1.GetOptions{})
		if err != nil {
			return nil, err
		}
		return &theirs.Spec, nil
	}
	theirs, err := client.ArgoprojV1alpha1().WorkflowTemplates(namespace).Get(ctx, t.Name, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	return &theirs.Spec, nil
}

// CompareForeign lists where a template of others no longer takes and gives
// what an implementation says of it: parameters and artifacts that are gone,
// that it needs now, or whose values are others.
func CompareForeign(step *steps.Step, impl *steps.Implementation, theirs *wfv1.WorkflowSpec) []Difference {
	t := impl.Template
	prefix := t.Name + "." + t.Entrypoint
	at := slices.IndexFunc(theirs.Templates, func(other wfv1.Template) bool { return other.Name == t.Entrypoint })
	if at < 0 {
		var names []string
		for i := range theirs.Templates {
			names = append(names, theirs.Templates[i].Name)
		}
		return []Difference{{Path: t.Name + ".templates", Cluster: strings.Join(names, ", "), Catalog: t.Entrypoint}}
	}
	entry := &theirs.Templates[at]
	var out []Difference
	add := func(path, cluster, catalog string) {
		out = append(out, Difference{Path: prefix + "." + path, Cluster: cluster, Catalog: catalog})
	}
	for _, a := range t.Parameters {
		p := entry.Inputs.GetParameterByName(a.Name)
		if p == nil {
			add("inputs.parameters."+a.Name, "", a.Value)
			continue
		}
		if diff := enumDifference(step, a.Value, p); diff != "" {
			add("inputs.parameters."+a.Name+".enum", strings.Join(textsOf(p.Enum), ", "), diff)
		}
	}
	for _, a := range t.Artifacts {
		if entry.Inputs.GetArtifactByName(a.Name) == nil {
			add("inputs.artifacts."+a.Name, "", "$(inputs."+a.Input+")")
		}
	}
	for _, p := range entry.Inputs.Parameters {
		given := slices.ContainsFunc(t.Parameters, func(a steps.ForeignArgument) bool { return a.Name == p.Name })
		if !given && p.Value == nil && p.Default == nil && p.ValueFrom == nil {
			add("inputs.parameters."+p.Name, "needed", "")
		}
	}
	for _, a := range entry.Inputs.Artifacts {
		given := slices.ContainsFunc(t.Artifacts, func(other steps.ForeignArtifact) bool { return other.Name == a.Name })
		if !given && !a.Optional && !a.HasLocationOrKey() && a.From == "" {
			add("inputs.artifacts."+a.Name, "needed", "")
		}
	}
	for i := range step.Outputs {
		port := step.Outputs[i].Name
		source, err := steps.ParseSource(impl.Collect[port])
		if err != nil {
			continue // definitions that have it do not load
		}
		switch source.Kind {
		case steps.FromArtifact:
			if !slices.ContainsFunc(entry.Outputs.Artifacts, func(a wfv1.Artifact) bool { return a.Name == source.Name }) {
				add("outputs.artifacts."+source.Name, "", "`"+port+"`")
			}
		case steps.FromParameter, steps.FromURI:
			if !slices.ContainsFunc(entry.Outputs.Parameters, func(p wfv1.Parameter) bool { return p.Name == source.Name }) {
				add("outputs.parameters."+source.Name, "", "`"+port+"`")
			}
		}
	}
	slices.SortStableFunc(out, func(a, b Difference) int { return cmp.Compare(a.Path, b.Path) })
	return out
}

// enumDifference names the values that a step's parameter can have and theirs
// cannot; "" when there are none.
func enumDifference(step *steps.Step, value string, theirs *wfv1.Parameter) string {
	parts, err := steps.ParseTemplate(value)
	if len(theirs.Enum) == 0 || err != nil || len(parts) != 1 || parts[0].Kind != steps.ParamRef {
		return ""
	}
	p := step.Param(parts[0].Name)
	if p == nil {
		return ""
	}
	if len(p.Enum) == 0 {
		return fmt.Sprintf("any %s", p.Type)
	}
	allowed := textsOf(theirs.Enum)
	var ours []string
	beyond := false
	for _, v := range p.Enum {
		ours = append(ours, v.String())
		beyond = beyond || !slices.Contains(allowed, v.String())
	}
	if !beyond {
		return ""
	}
	return strings.Join(ours, ", ")
}

func textsOf(values []wfv1.AnyString) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = v.String()
	}
	return out
}
