package adopt

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"

	"github.com/argoproj/argo-workflows/v3/pkg/client/clientset/versioned"

	"github.com/ligase-bio/ligase/catalog"
	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/steps"
)

// ExposeLabel marks a template in the cluster that its keeper wants to be a
// tool: "true".
const ExposeLabel = "ligase.dev/expose"

// Discovered is a template of the cluster as a step.
type Discovered struct {
	Step *steps.Step
	File string // what stands for a file name in problems: workflowtemplate/NAME
	Text []byte // the definition, for a catalog to read
}

// Discover makes steps of the templates in a namespace, and of those for the
// whole cluster, that are labelled for it. Types are for their ports: see
// [Convert] for the annotations by which a template says them. Those that
// cannot be used are among the problems, and the others serve; the error says
// that the cluster could not be asked.
func Discover(ctx context.Context, client versioned.Interface, namespace string, types *steps.Types) ([]Discovered, problem.Problems, error) {
	const labelled = ExposeLabel + "=true"
	own, err := templatesIn(ctx, client, namespace, labelled)
	if err != nil {
		return nil, nil, err
	}
	wide, err := clusterTemplates(ctx, client, labelled)
	if err != nil {
		return nil, nil, err
	}
	var manifests []*Manifest
	for i := range own {
		t := &own[i]
		manifests = append(manifests, &Manifest{Kind: KindTemplate, Name: t.Name, Labels: t.Labels, Annotations: t.Annotations, Spec: t.Spec, file: "workflowtemplate/" + t.Name})
	}
	for i := range wide {
		t := &wide[i]
		manifests = append(manifests, &Manifest{Kind: KindClusterTemplate, Name: t.Name, Labels: t.Labels, Annotations: t.Annotations, Spec: t.Spec, file: "clusterworkflowtemplate/" + t.Name})
	}
	var found []Discovered
	var problems problem.Problems
	taken := map[string]string{}
	for _, m := range manifests {
		d, ps := discovered(m, types)
		if d != nil && taken[d.Step.Name] != "" {
			ps.Addf(problem.Pos{File: m.file}, "metadata.annotations", problem.Duplicate, fmt.Sprintf("Give one of them another name with the annotation %s.", nameAnnotation),
				"%s is the step %s already.", taken[d.Step.Name], d.Step.Name)
		}
		if problems = append(problems, ps...); len(ps) == 0 {
			taken[d.Step.Name] = m.file
			found = append(found, *d)
		}
	}
	return found, problems, nil
}

// discovered makes a step of one template. What would not work is a problem
// here: there is no author beside it to mend it.
func discovered(m *Manifest, types *steps.Types) (*Discovered, problem.Problems) {
	draft, ps := Convert(m, Options{Types: types})
	if draft == nil {
		return nil, ps
	}
	for _, w := range draft.Warnings {
		if w.Code == problem.UnknownName || w.Code == problem.Missing {
			ps.Add(w)
		}
	}
	step, more := steps.ParseStep(m.file, draft.Text)
	if ps = append(ps, more...); len(ps) > 0 {
		return nil, ps
	}
	return &Discovered{Step: step, File: m.file, Text: draft.Text}, nil
}

// Source is what was discovered as a source for a catalog, under the name that
// its tools are to have as their origin.
func Source(name string, found []Discovered) (catalog.Source, error) {
	// A zip in memory is the standard library's file system of a few texts.
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, d := range found {
		f, err := w.Create(d.File + ".yaml")
		if err == nil {
			_, err = f.Write(d.Text)
		}
		if err != nil {
			return catalog.Source{}, fmt.Errorf("%s: %w", d.File, err)
		}
	}
	if err := w.Close(); err != nil {
		return catalog.Source{}, err
	}
	files, err := zip.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		return catalog.Source{}, err
	}
	return catalog.Source{Name: name, FS: files}, nil
}
