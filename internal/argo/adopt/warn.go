package adopt

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"
	corev1 "k8s.io/api/core/v1"

	"github.com/ligase-bio/ligase/internal/problem"
)

// warn says what will not work, or not as the template's keeper may think,
// when a Workflow of ligase's refers to the template: only the template itself
// comes along, not what the whole around it says.
func (c *converter) warn() {
	if c.m.Kind == KindWorkflow {
		c.warning(c.m.pos("kind"), "kind", fmt.Sprintf("Make a WorkflowTemplate of it: kind: WorkflowTemplate, and metadata.name: %s.", c.m.Name),
			"A Workflow has run once it is made; nothing can refer to it.")
	}
	if c.m.Spec.Entrypoint == "" && c.m.Kind != KindWorkflow && len(c.m.Spec.Templates) > 0 {
		c.warning(c.m.pos("spec"), "spec.entrypoint", "Set it, or name another template with --entrypoint, if that is not what you mean.", "There is no entrypoint; its template %s is taken.", c.entry.Name)
	}
	reached := c.reachable()
	for _, t := range reached {
		c.warnOfGlobals(t)
		c.warnOfKind(t)
		c.warnOfShell(t)
		c.warnOfVolumes(t)
	}
	c.warnOfWhole()
}

// reachable are the entrypoint and the templates of the same manifest that it
// uses, in the order of the file.
func (c *converter) reachable() []*wfv1.Template {
	seen := map[string]bool{}
	var visit func(name string)
	visit = func(name string) {
		t := c.template(name)
		if t == nil || seen[name] {
			return
		}
		seen[name] = true
		for _, used := range uses(t) {
			visit(used)
		}
	}
	visit(c.entry.Name)
	var out []*wfv1.Template
	for i := range c.m.Spec.Templates {
		if t := &c.m.Spec.Templates[i]; seen[t.Name] {
			out = append(out, t)
		}
	}
	return out
}

func (c *converter) template(name string) *wfv1.Template {
	at := slices.IndexFunc(c.m.Spec.Templates, func(t wfv1.Template) bool { return t.Name == name })
	if at < 0 {
		return nil
	}
	return &c.m.Spec.Templates[at]
}

// uses are the names of the templates that a template's steps and tasks name.
func uses(t *wfv1.Template) []string {
	var out []string
	for _, group := range t.Steps {
		for _, step := range group.Steps {
			out = append(out, step.Template)
		}
	}
	if t.DAG != nil {
		for _, task := range t.DAG.Tasks {
			out = append(out, task.Template)
		}
	}
	return out
}

// placeOf is the place of a template.
func (c *converter) placeOf(t *wfv1.Template, path ...any) problem.Pos {
	at := slices.IndexFunc(c.m.Spec.Templates, func(other wfv1.Template) bool { return other.Name == t.Name })
	return c.m.pos(append([]any{"spec", "templates", at}, path...)...)
}

var globalParameter = regexp.MustCompile(`workflow\.parameters(?:\.([-A-Za-z0-9_]+)|\[\\?['"]([-A-Za-z0-9_]+)\\?['"]\])`)

// warnOfGlobals finds parameters of the workflow: another workflow's are
// others.
func (c *converter) warnOfGlobals(t *wfv1.Template) {
	text, err := json.Marshal(t)
	if err != nil {
		return
	}
	seen := map[string]bool{}
	for _, m := range globalParameter.FindAllStringSubmatch(string(text), -1) {
		name := m[1] + m[2]
		if seen[name] {
			continue
		}
		seen[name] = true
		pos := c.placeOf(t, "name")
		if c.m.Spec.Arguments.GetParameterByName(name) == nil {
			c.warnings.Addf(pos, "spec.templates."+t.Name, problem.UnknownName, "Correct the name, or declare it.",
				"The template uses workflow.parameters.%s, which is not an argument here.", name)
			continue
		}
		fix := fmt.Sprintf("Declare an input parameter %s of %s and use inputs.parameters.%s.", name, t.Name, name)
		if t.Name != c.entry.Name {
			fix = fmt.Sprintf("Hand it on from an input parameter %s of %s.", name, c.entry.Name)
		}
		c.warnings.Addf(pos, "spec.templates."+t.Name, problem.UnknownName, fix,
			"The template uses workflow.parameters.%s: as part of another workflow it is not set, and Argo fails.", name)
	}
}

func (c *converter) warnOfKind(t *wfv1.Template) {
	path := "spec.templates." + t.Name
	switch {
	case t.Resource != nil:
		c.warning(c.placeOf(t, "resource"), path, "Give ligase's ServiceAccount the rights that it needs, or let it name its own serviceAccountName.",
			"The template works on Kubernetes objects, which steps of ligase have no rights for.")
	case t.Suspend != nil:
		c.warning(c.placeOf(t, "suspend"), path, "Leave it out, or resume it with `argo resume`.",
			"The template waits for a person or a time; to ligase it looks like a step that takes long.")
	case t.HTTP != nil, t.Plugin != nil:
		c.warning(c.placeOf(t, "name"), path, "Give ligase's ServiceAccount the rights of Argo's agent.",
			"The template runs in Argo's agent, which needs rights that steps of ligase do not have.")
	}
	if t.ServiceAccountName != "" {
		c.warning(c.placeOf(t, "serviceAccountName"), path, "See that it is in the namespace of the runs.", "The template runs as the ServiceAccount %s.", t.ServiceAccountName)
	}
	if t.IsDaemon() {
		c.warning(c.placeOf(t, "daemon"), path, "Use it within a template that waits for what uses it.", "The template is a daemon: it is taken to be done as soon as it is ready.")
	}
	for _, group := range t.Steps {
		for _, step := range group.Steps {
			c.warnOfMissing(t, step.Template)
		}
	}
	if t.DAG != nil {
		for _, task := range t.DAG.Tasks {
			c.warnOfMissing(t, task.Template)
		}
	}
}

func (c *converter) warnOfMissing(t *wfv1.Template, name string) {
	if name != "" && !strings.Contains(name, "{{") && c.template(name) == nil {
		c.warnings.Addf(c.placeOf(t, "name"), "spec.templates."+t.Name, problem.UnknownName, "", "It uses the template %q, which is not here.", name)
	}
}

var inputInText = regexp.MustCompile(`\{\{=?[^}]*inputs\.parameters(?:\.|\[['"])([-A-Za-z0-9_]+)`)

// warnOfShell finds parameters that become part of a program's text. Whoever
// calls the step chooses them.
func (c *converter) warnOfShell(t *wfv1.Template) {
	var texts []string
	if t.Script != nil {
		texts = append(texts, t.Script.Source)
	}
	if t.Container != nil {
		words := slices.Concat(t.Container.Command, t.Container.Args)
		for i, word := range words[:max(len(words)-1, 0)] {
			if (word == "-c" || word == "-e") && i > 0 {
				texts = append(texts, words[i+1])
			}
		}
	}
	seen := map[string]bool{}
	for _, text := range texts {
		for _, m := range inputInText.FindAllStringSubmatch(text, -1) {
			if seen[m[1]] {
				continue
			}
			seen[m[1]] = true
			c.warning(c.placeOf(t, "name"), "spec.templates."+t.Name,
				fmt.Sprintf("Hand it over in an environment variable, or as an argument of its own (sh -c '… \"$1\"' sh '{{inputs.parameters.%s}}').", m[1]),
				"The parameter %s becomes part of a script: whoever calls the step can have the template run anything.", m[1])
		}
	}
}

// warnOfVolumes finds mounts of volumes that only the whole declares.
func (c *converter) warnOfVolumes(t *wfv1.Template) {
	var mounts []string
	add := func(name string) {
		if !slices.Contains(mounts, name) && !slices.ContainsFunc(t.Volumes, func(v corev1.Volume) bool { return v.Name == name }) {
			mounts = append(mounts, name)
		}
	}
	for _, container := range containersOf(t) {
		for _, m := range container.VolumeMounts {
			add(m.Name)
		}
	}
	for _, name := range mounts {
		c.warnings.Addf(c.placeOf(t, "name"), "spec.templates."+t.Name, problem.Missing, "Declare it under volumes of the template itself.",
			"The template mounts the volume %s, which stands outside of it and does not come along.", name)
	}
}

// warnOfWhole names what stands beside the templates and matters to them.
func (c *converter) warnOfWhole() {
	s := &c.m.Spec
	for _, field := range []struct {
		name  string
		given bool
		fix   string
	}{
		{"serviceAccountName", s.ServiceAccountName != "" && s.ServiceAccountName != "default", "Set serviceAccountName in the template itself."},
		{"imagePullSecrets", len(s.ImagePullSecrets) > 0, "Add them to the ServiceAccount of the runs."},
		{"nodeSelector", len(s.NodeSelector) > 0, "Set nodeSelector in the template itself."},
		{"tolerations", len(s.Tolerations) > 0, "Set tolerations in the template itself."},
		{"affinity", s.Affinity != nil, "Set affinity in the template itself."},
		{"podSpecPatch", s.PodSpecPatch != "", "Set podSpecPatch in the template itself."},
		{"artifactRepositoryRef", s.ArtifactRepositoryRef != nil, "The one that the namespace has by default is used."},
		{"templateDefaults", s.TemplateDefaults != nil, "Write them into the template itself."},
		{"onExit", s.OnExit != "", "Make it a hook of the step or task."},
		{"hooks", len(s.Hooks) > 0, "Make them hooks of the step or task."},
		{"synchronization", s.Synchronization != nil, "Set synchronization in the template itself."},
		{"activeDeadlineSeconds", s.ActiveDeadlineSeconds != nil, "Set activeDeadlineSeconds in the template itself."},
		{"securityContext", s.SecurityContext != nil, "Set securityContext in the template itself."},
	} {
		if field.given {
			c.warning(c.m.pos("spec", field.name), "spec."+field.name, field.fix, "This holds for whole workflows of this template and does not come along.")
		}
	}
}

// containersOf are the containers that a template runs, sidecars apart.
func containersOf(t *wfv1.Template) []corev1.Container {
	var out []corev1.Container
	if t.Container != nil {
		out = append(out, *t.Container)
	}
	if t.Script != nil {
		out = append(out, t.Script.Container)
	}
	if t.ContainerSet != nil {
		for _, node := range t.ContainerSet.Containers {
			out = append(out, node.Container)
		}
	}
	return out
}
