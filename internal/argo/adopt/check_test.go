package adopt_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"
	"github.com/argoproj/argo-workflows/v3/pkg/client/clientset/versioned/fake"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clienttesting "k8s.io/client-go/testing"
	"sigs.k8s.io/yaml"

	"github.com/ligase-bio/ligase/catalog"
	"github.com/ligase-bio/ligase/internal/argo/adopt"
	"github.com/ligase-bio/ligase/internal/argo/templates"
	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/steps"
)

const lab = `
name: say
version: 1.0.0
title: Say
description: Says something.
params:
  text: {type: string, default: hello}
  mode: {type: string, default: loud, enum: [loud, quiet]}
outputs:
  said: {type: file, format: text}
implementations:
  plain:
    image: example.org/say:1
    command: [say, $(params.text), $(params.mode)]
    collect: {said: out.text}
    volumes: {say-weights: {at: /weights/say}}
    resources: {cpu: 2, memory: 1Gi, gpu: 1}
  theirs:
    template: {name: say-it, entrypoint: say}
    collect: {said: outputs.artifacts.said}
`

const sayIt = `
metadata: {name: say-it, namespace: lab}
spec:
  templates:
    - name: say
      inputs: {parameters: [{name: text}, {name: mode, enum: [loud, quiet]}]}
      container: {image: busybox}
      outputs: {artifacts: [{name: said, path: /said}]}
`

func labCatalog(t *testing.T, edit func(string) string) *catalog.Catalog {
	t.Helper()
	text := lab
	if edit != nil {
		if text = edit(text); text == lab {
			t.Fatal("the edit changes nothing")
		}
	}
	c, ps := catalog.Load(append(catalog.Builtin(), catalog.Source{Name: "lab", FS: fstest.MapFS{"say.yaml": {Data: []byte(text)}}})...)
	if len(ps) > 0 {
		t.Fatal(ps)
	}
	return c
}

func template(t *testing.T, text string) *wfv1.WorkflowTemplate {
	t.Helper()
	w := new(wfv1.WorkflowTemplate)
	if err := yaml.UnmarshalStrict([]byte(text), w); err != nil {
		t.Fatal(err)
	}
	return w
}

var options = templates.Options{Namespace: "lab", WorkerImage: "example.org/worker:1", DefaultImage: "example.org/ligase:1"}

// cluster is one in which a catalog has been applied, as an API server keeps
// it.
func cluster(t *testing.T, c *catalog.Catalog, more ...runtime.Object) *fake.Clientset {
	t.Helper()
	rendered, err := templates.All(c, options)
	if err != nil {
		t.Fatal(err)
	}
	objects := append([]runtime.Object{template(t, sayIt)}, more...)
	for _, r := range rendered {
		data, err := templates.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		objects = append(objects, template(t, string(data)))
	}
	return fake.NewSimpleClientset(objects...)
}

func live(t *testing.T, c *fake.Clientset, name string, change func(*wfv1.WorkflowTemplate)) {
	t.Helper()
	in := c.ArgoprojV1alpha1().WorkflowTemplates("lab")
	w, err := in.Get(t.Context(), name, getOptions)
	if err != nil {
		t.Fatal(err)
	}
	change(w)
	if _, err := in.Update(t.Context(), w, updateOptions); err != nil {
		t.Fatal(err)
	}
}

func check(t *testing.T, client *fake.Clientset, c *catalog.Catalog) map[string]string {
	t.Helper()
	findings, ps, err := adopt.Check(t.Context(), client, c, "lab", options)
	if err != nil || len(ps) > 0 {
		t.Fatal(err, ps)
	}
	out := map[string]string{}
	for _, f := range findings {
		if f.Status == adopt.OK {
			continue
		}
		lines := []string{strings.TrimSpace(string(f.Status) + " " + f.Lacks)}
		for _, d := range f.Differences {
			lines = append(lines, d.String())
		}
		out[f.Template] = strings.TrimSpace(strings.Join(lines, "\n"))
	}
	return out
}

// TestCheck says exactly what differs between catalog and cluster.
func TestCheck(t *testing.T) {
	main := func(w *wfv1.WorkflowTemplate) *wfv1.Template {
		return w.GetTemplateByName("main")
	}
	for _, c := range []struct {
		name   string
		edit   func(string) string               // of the catalog, after it was applied
		change func(*testing.T, *fake.Clientset) // of the cluster
		want   map[string]string
	}{
		{name: "the same"},
		{
			name: "what an API server and an overlay add",
			change: func(t *testing.T, k *fake.Clientset) {
				live(t, k, "say-plain", func(w *wfv1.WorkflowTemplate) {
					w.Labels["team"], w.ResourceVersion, w.Generation = "folding", "17", 3
					m := main(w)
					m.Container.ImagePullPolicy = corev1.PullIfNotPresent
					m.Container.TerminationMessagePath = "/dev/termination-log"
					m.NodeSelector = map[string]string{"gpu": "h200"}
					m.Volumes[len(m.Volumes)-1].PersistentVolumeClaim.ClaimName = "models"
					m.Tolerations = []corev1.Toleration{{Key: "gpu"}}
					m.Metadata.Labels["team"] = "folding"
					for i := range m.Container.Env {
						if from := m.Container.Env[i].ValueFrom; from != nil && from.FieldRef != nil {
							from.FieldRef.APIVersion = "v1"
						}
					}
				})
			},
		},
		{
			name: "image",
			change: func(t *testing.T, k *fake.Clientset) {
				live(t, k, "say-plain", func(w *wfv1.WorkflowTemplate) { main(w).Container.Image = "example.org/say:0" })
			},
			want: map[string]string{"say-plain": "drifted\ntemplates.main.container.image: example.org/say:0 → example.org/say:1"},
		},
		{
			name: "a volume that can be written",
			change: func(t *testing.T, k *fake.Clientset) {
				live(t, k, "say-plain", func(w *wfv1.WorkflowTemplate) {
					m := main(w).Container.VolumeMounts
					m[len(m)-1].ReadOnly = false
				})
			},
			want: map[string]string{"say-plain": "drifted\ntemplates.main.container.volumeMounts.volume-say-weights.readOnly: nothing → true"},
		},
		{
			name: "environment",
			change: func(t *testing.T, k *fake.Clientset) {
				live(t, k, "say-plain", func(w *wfv1.WorkflowTemplate) {
					main(w).Container.Env = append(main(w).Container.Env, corev1.EnvVar{Name: "LD_PRELOAD", Value: "/evil.so"})
				})
			},
			want: map[string]string{"say-plain": "drifted\ntemplates.main.container.env.LD_PRELOAD: {\"name\":\"LD_PRELOAD\",\"value\":\"/evil.so\"} → nothing"},
		},
		{
			name: "command and version",
			edit: func(s string) string {
				return strings.NewReplacer("command: [say,", "command: [tell,", "version: 1.0.0", "version: 1.1.0").Replace(s)
			},
		},
		{
			name: "a parameter",
			edit: func(s string) string {
				return strings.Replace(s, "enum: [loud, quiet]", "enum: [loud, quiet, mute]", 1)
			},
		},
		{
			name: "memory",
			edit: func(s string) string { return strings.Replace(s, "memory: 1Gi", "memory: 2Gi", 1) },
		},
		{
			name: "missing and extra",
			change: func(t *testing.T, k *fake.Clientset) {
				in := k.ArgoprojV1alpha1().WorkflowTemplates("lab")
				if err := in.Delete(t.Context(), "say-plain", deleteOptions); err != nil {
					t.Fatal(err)
				}
				other := template(t, "metadata: {name: gone-plain, namespace: lab, labels: {app.kubernetes.io/managed-by: ligase, ligase.dev/kind: step, ligase.dev/tool: gone}}")
				if _, err := in.Create(t.Context(), other, createOptions); err != nil {
					t.Fatal(err)
				}
			},
			want: map[string]string{"say-plain": "missing", "gone-plain": "extra"},
		},
		{
			name: "the template of others is gone",
			change: func(t *testing.T, k *fake.Clientset) {
				if err := k.ArgoprojV1alpha1().WorkflowTemplates("lab").Delete(t.Context(), "say-it", deleteOptions); err != nil {
					t.Fatal(err)
				}
			},
			want: map[string]string{"say-theirs": "missing say-it"},
		},
		{
			name: "the template of others changed",
			change: func(t *testing.T, k *fake.Clientset) {
				live(t, k, "say-it", func(w *wfv1.WorkflowTemplate) {
					*w = *template(t, `
metadata: {name: say-it, namespace: lab}
spec:
  templates:
    - name: say
      inputs: {parameters: [{name: mode, enum: [loud]}, {name: language}, {name: fine, default: "1"}]}
      container: {image: busybox}
      outputs: {parameters: [{name: said, valueFrom: {path: /said}}]}
`)
				})
			},
			want: map[string]string{"say-theirs": `drifted
say-it.say.inputs.parameters.language: needed → nothing
say-it.say.inputs.parameters.mode.enum: loud → loud, quiet
say-it.say.inputs.parameters.text: nothing → $(params.text)
say-it.say.outputs.artifacts.said: nothing → ` + "`said`"},
		},
		{
			name: "its entrypoint is gone",
			change: func(t *testing.T, k *fake.Clientset) {
				live(t, k, "say-it", func(w *wfv1.WorkflowTemplate) { w.Spec.Templates[0].Name = "tell" })
			},
			want: map[string]string{"say-theirs": "drifted\nsay-it.templates: tell → say"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := cluster(t, labCatalog(t, nil))
			if c.change != nil {
				c.change(t, k)
			}
			got := check(t, k, labCatalog(t, c.edit))
			if c.edit != nil {
				var b strings.Builder
				for _, name := range []string{"say-plain", "say-theirs"} {
					b.WriteString(name + " " + got[name] + "\n")
				}
				golden(t, filepath.Join("testdata", "drift", strings.ReplaceAll(c.name, " ", "_")+".txt"), []byte(b.String()))
				return
			}
			if c.want == nil {
				c.want = map[string]string{}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

// TestDiscover lists what is labelled for it, and leaves out what is broken.
func TestDiscover(t *testing.T) {
	data, err := os.ReadFile("testdata/own/everything.yaml")
	if err != nil {
		t.Fatal(err)
	}
	fine := template(t, string(data))
	fine.Namespace = "lab"
	globals := template(t, `
metadata: {name: globals, namespace: lab, labels: {ligase.dev/expose: "true"}}
spec:
  arguments: {parameters: [{name: x, value: "1"}]}
  templates: [{name: main, container: {image: busybox, args: ["{{workflow.parameters.x}}"]}}]`)
	hidden := template(t, strings.Replace(sayIt, "say-it", "hidden", 1))
	again := fine.DeepCopy()
	again.Name, again.Annotations = "other", map[string]string{"ligase.dev/name": "dock_and_score"}
	wide := &wfv1.ClusterWorkflowTemplate{ObjectMeta: *template(t, sayIt).ObjectMeta.DeepCopy(), Spec: template(t, sayIt).Spec}
	wide.Namespace, wide.Labels = "", map[string]string{"ligase.dev/expose": "true"}
	client := fake.NewSimpleClientset(fine, globals, hidden, again, wide)

	found, problems, err := adopt.Discover(t.Context(), client, "lab", libraryTypes(t))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, d := range found {
		names = append(names, d.Step.Name)
	}
	if diff := cmp.Diff([]string{"dock_and_score", "say_it"}, names); diff != "" {
		t.Errorf("found (-want +got):\n%s", diff)
	}
	said := problems.Error()
	for _, words := range []string{"workflowtemplate/globals: ", "workflow.parameters.x", "workflowtemplate/other: ", "is the step dock_and_score already"} {
		if !strings.Contains(said, words) {
			t.Errorf("the problems do not say %q:\n%s", words, said)
		}
	}

	// They are tools like any other.
	source, err := adopt.Source("the cluster", found)
	if err != nil {
		t.Fatal(err)
	}
	c, ps := catalog.Load(append(catalog.Builtin(), source)...)
	if len(ps) > 0 {
		t.Fatal(ps)
	}
	tool, err := c.Tool("say_it")
	if err != nil || tool.Origin != "the cluster" || !tool.Implementations[0].Template.Cluster {
		t.Errorf("the tool is %+v, %v", tool, err)
	}
	if _, err := templates.Of(c, "dock_and_score", nil, options); err != nil {
		t.Error(err)
	}
}

// TestClusterAway says in words why a cluster could not be asked.
func TestClusterAway(t *testing.T) {
	for _, c := range []struct {
		refusal error
		kind    error
		words   string
	}{
		{apierrors.NewForbidden(schema.GroupResource{Resource: "workflowtemplates"}, "", nil), problem.ErrRefused, "does not let"},
		{apierrors.NewNotFound(schema.GroupResource{Resource: "workflowtemplates"}, ""), problem.ErrUnavailable, "is Argo Workflows installed?"},
		{apierrors.NewInternalError(errors.New("etcd is away")), problem.ErrUnavailable, "etcd is away"},
	} {
		client := fake.NewSimpleClientset()
		client.PrependReactor("list", "workflowtemplates", func(clienttesting.Action) (bool, runtime.Object, error) { return true, nil, c.refusal })
		_, _, err := adopt.Check(t.Context(), client, labCatalog(t, nil), "lab", options)
		if !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.words) {
			t.Errorf("%v", err)
		}
		if _, _, err = adopt.Discover(t.Context(), client, "lab", new(steps.Types)); !errors.Is(err, c.kind) {
			t.Errorf("discover: %v", err)
		}
	}
}

var (
	getOptions    metav1.GetOptions
	updateOptions metav1.UpdateOptions
	createOptions metav1.CreateOptions
	deleteOptions metav1.DeleteOptions
)
