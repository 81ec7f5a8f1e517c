package adopt

import (
	"context"
	"errors"
	"slices"
	"strings"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"
	"github.com/argoproj/argo-workflows/v3/pkg/client/clientset/versioned"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/ligase-bio/ligase/catalog"
	"github.com/ligase-bio/ligase/internal/argo/drift"
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
	Template       string             `json:"template"` // name in the cluster
	Tool           string             `json:"tool"`
	Implementation string             `json:"implementation,omitempty"`
	Status         Status             `json:"status"`
	Lacks          string             `json:"lacks,omitempty"`       // of Missing: the template that is not there, when it is another's
	Differences    []drift.Difference `json:"differences,omitempty"` // of Drifted
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
		} else if f.Differences = drift.Compare(r, &live[at]); len(f.Differences) > 0 {
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
	spec, err := drift.TheirSpec(ctx, client, namespace, impl.Template)
	switch {
	case apierrors.IsNotFound(err):
		f.Status, f.Lacks = Missing, impl.Template.Name
		return nil
	case err != nil:
		return unreachable("the template "+impl.Template.Name, err)
	}
	if f.Differences = drift.CompareForeign(step, impl, spec); len(f.Differences) > 0 {
		f.Status = Drifted
	}
	return nil
}
