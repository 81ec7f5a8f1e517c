package templates

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/ligase-bio/ligase/catalog"
	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/pipelines"
	"github.com/ligase-bio/ligase/steps"
)

// Options say where templates run. The zero value will do for tests only: a
// cluster needs images of a version.
type Options struct {
	// WorkerImage holds /ligase-worker, which an init container copies beside
	// every step's command. Default: ghcr.io/ligase-bio/ligase-worker:dev.
	WorkerImage string
	// DefaultImage is for implementations that name none and whose command is
	// ligase itself. Default: ghcr.io/ligase-bio/ligase:dev.
	DefaultImage string
	// Namespace of the templates; empty: they name none, and are put where they
	// are applied.
	Namespace string
	// ServiceAccount is what pods report their end with: it creates and patches
	// workflowtaskresults. Default: ligase-step.
	ServiceAccount string
	// Claims are the PersistentVolumeClaims of volumes whose names are not
	// theirs, by the volume's name.
	Claims map[string]string
}

func (o Options) withDefaults() Options {
	o.WorkerImage = cmp.Or(o.WorkerImage, "ghcr.io/ligase-bio/ligase-worker:dev")
	o.DefaultImage = cmp.Or(o.DefaultImage, "ghcr.io/ligase-bio/ligase:dev")
	o.ServiceAccount = cmp.Or(o.ServiceAccount, "ligase-step")
	return o
}

// Labels and annotations of templates and of their pods.
const (
	LabelKind           = "ligase.dev/kind"           // step or pipeline
	LabelTool           = "ligase.dev/tool"           // its name
	LabelImplementation = "ligase.dev/implementation" // of a step
	LabelGPU            = "ligase.dev/gpu"            // "true" of a step that needs one
	LabelStep           = "ligase.dev/step"           // of a pod

	AnnotationVersion         = "ligase.dev/version"         // of the tool
	AnnotationDigest          = "ligase.dev/digest"          // pipelines.Compiled.Digest of the tool
	AnnotationImplementations = "ligase.dev/implementations" // JSON: what was chosen instead of the default, by node
	AnnotationNode            = "ligase.dev/node"            // of a pod
	AnnotationIndex           = "ligase.dev/index"           // of a pod
)

// runTemplate is every template's entrypoint.
const runTemplate = "run"

// Template is a WorkflowTemplate, for callers that only pass it on.
type Template = wfv1.WorkflowTemplate

// Render writes the WorkflowTemplate of a compiled step or pipeline, which has
// no title of its own: see [Of]. The templates of a pipeline's steps must be in
// the same namespace. The error is a sentence, or problem.Problems.
func Render(c *pipelines.Compiled, o Options) (*wfv1.WorkflowTemplate, error) {
	o = o.withDefaults()
	name, err := NameOf(c)
	if err != nil {
		return nil, err
	}
	t := &wfv1.WorkflowTemplate{
		TypeMeta: metav1.TypeMeta{APIVersion: wfv1.SchemeGroupVersion.String(), Kind: "WorkflowTemplate"},
		ObjectMeta: metav1.ObjectMeta{
			Name: name, Namespace: o.Namespace,
			Labels: map[string]string{
				"app.kubernetes.io/managed-by": "ligase",
				"app.kubernetes.io/part-of":    "ligase",
				LabelKind:                      string(c.Tool.Kind),
				LabelTool:                      c.Tool.Name,
			},
			Annotations: map[string]string{
				AnnotationVersion: c.Tool.Version,
				AnnotationDigest:  c.Digest(),
			},
		},
	}
	if len(c.Chosen) > 0 {
		chosen, err := json.Marshal(c.Chosen)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.Tool, err)
		}
		t.Annotations[AnnotationImplementations] = string(chosen)
	}
	plan := newTree(c)
	arguments, err := plan.arguments()
	if err != nil {
		return nil, err
	}
	t.Spec = wfv1.WorkflowSpec{
		Entrypoint: runTemplate,
		Arguments:  wfv1.Arguments{Parameters: arguments},
		// The account of pods that are not ours, if there ever are any.
		ServiceAccountName: o.ServiceAccount,
		// What pods print is in the store by the time that they end.
		PodGC: &wfv1.PodGC{Strategy: wfv1.PodGCOnWorkflowSuccess, DeleteDelayDuration: "10m"},
	}
	if usesForeign(c) {
		// Templates of others say nothing of how their pods report their end.
		no := false
		t.Spec.Executor = &wfv1.ExecutorConfig{ServiceAccountName: o.ServiceAccount}
		t.Spec.AutomountServiceAccountToken = &no
	}
	if t.Spec.Templates, err = plan.templates(o); err != nil {
		return nil, err
	}
	if c.Tool.Kind == pipelines.KindStep {
		n := &c.Nodes[0]
		impl := c.Steps[n.Step].Implementation(n.Implementation)
		t.Labels[LabelImplementation] = impl.Name
		own, err := stepTemplates(c, impl, o)
		if err != nil {
			return nil, err
		}
		t.Spec.Templates = append(t.Spec.Templates, own...)
		if impl.Resources.GPU > 0 && impl.Template == nil {
			t.Labels[LabelGPU] = "true"
		}
	}
	return t, nil
}

// stepTemplates are the template `main` of a step and what it consists of.
func stepTemplates(c *pipelines.Compiled, impl *steps.Implementation, o Options) ([]wfv1.Template, error) {
	if impl.Template != nil {
		return foreignTemplates(c, o)
	}
	pod, err := podTemplate(c, o)
	if err != nil {
		return nil, err
	}
	return []wfv1.Template{*pod}, nil
}

// Of compiles a step or pipeline of a catalog with the implementations chosen,
// by node or step name, and renders it with its title and description.
func Of(cat *catalog.Catalog, tool string, implementations map[string]string, o Options) (*wfv1.WorkflowTemplate, error) {
	c, err := cat.Compile(tool, implementations)
	if err != nil {
		return nil, err
	}
	t, err := Render(c, o)
	if err != nil {
		return nil, err
	}
	about, err := cat.Tool(tool)
	if err != nil {
		return nil, err
	}
	t.Annotations["workflows.argoproj.io/title"] = about.Title
	if about.Description != "" {
		t.Annotations["workflows.argoproj.io/description"] = about.Description
	}
	return t, nil
}

// For renders a step or pipeline of a catalog with the implementations chosen,
// by node or step name, and behind it what it refers to: each of a pipeline's
// steps, in the version that the pipeline uses. Of a step without a choice it
// renders every implementation.
func For(cat *catalog.Catalog, tool string, implementations map[string]string, o Options) ([]*wfv1.WorkflowTemplate, error) {
	c, err := cat.Compile(tool, implementations)
	if err != nil {
		return nil, err
	}
	type use struct{ step, implementation string }
	var uses []use
	var out []*wfv1.WorkflowTemplate
	if c.Tool.Kind == pipelines.KindPipeline {
		one, err := Of(cat, tool, implementations, o)
		if err != nil {
			return nil, err
		}
		out = append(out, one)
		for i := range c.Nodes {
			if u := (use{c.Nodes[i].Step, c.Nodes[i].Implementation}); !slices.Contains(uses, u) {
				uses = append(uses, u)
			}
		}
	} else {
		step := c.Tool.Name + "@" + c.Tool.Version
		for _, i := range cat.Step(step).Implementations {
			if len(implementations) == 0 || i.Name == c.Nodes[0].Implementation {
				uses = append(uses, use{step, i.Name})
			}
		}
	}
	for _, u := range uses {
		name, _, _ := strings.Cut(u.step, "@")
		one, err := Of(cat, u.step, map[string]string{name: u.implementation}, o)
		if err != nil {
			return nil, err
		}
		out = append(out, one)
	}
	return out, nil
}

// All renders each implementation of every step and every pipeline of a
// catalog, in the order of their names. What cannot be rendered is left out and
// said: the error is problem.Problems, and the templates beside it are sound.
func All(cat *catalog.Catalog, o Options) ([]*wfv1.WorkflowTemplate, error) {
	var out []*wfv1.WorkflowTemplate
	var problems problem.Problems
	add := func(tool *catalog.Tool, path string, choice map[string]string) {
		t, err := Of(cat, tool.Name, choice, o)
		if err == nil {
			out = append(out, t)
			return
		}
		problems = append(problems, problemsOf(err, tool, path)...)
	}
	for _, tool := range cat.Tools() {
		if tool.Kind == pipelines.KindPipeline {
			add(tool, "", nil)
			continue
		}
		for i := range tool.Implementations {
			impl := tool.Implementations[i].Name
			add(tool, "implementations."+impl, map[string]string{tool.Name: impl})
		}
	}
	out, wrong := whole(cat, out)
	problems = append(problems, wrong...)
	return out, problems.Err()
}

// problemsOf is an error about a tool as problems.
func problemsOf(err error, tool *catalog.Tool, path string) problem.Problems {
	var ps problem.Problems
	if !errors.As(err, &ps) {
		ps = problem.Problems{{Path: path, Code: problem.Invalid, Message: sentence(err)}}
	}
	ps = slices.Clone(ps)
	for i := range ps {
		if ps[i].Pos == (problem.Pos{}) {
			ps[i].Pos = tool.Pos
		}
	}
	return ps
}
