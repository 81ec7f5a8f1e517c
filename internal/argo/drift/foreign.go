package drift

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"
	"github.com/argoproj/argo-workflows/v3/pkg/client/clientset/versioned"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/ligase-bio/ligase/steps"
)

// TheirSpec gets the template of others that an implementation uses. The error
// is the client's.
func TheirSpec(ctx context.Context, client versioned.Interface, namespace string, t *steps.Foreign) (*wfv1.WorkflowSpec, error) {
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
