package templates

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	corev1 "k8s.io/api/core/v1"

	"github.com/ligase-bio/ligase/catalog"
	"github.com/ligase-bio/ligase/internal/problem"
)

const things = `types:
  thing: {title: Thing, formats: {txt: {title: Text, media_type: text/plain, extensions: [txt]}}}
`

// stepYAML is a step with the implementations given, each a name and a field.
func stepYAML(name, version string, implementations ...string) string {
	text := "name: " + name + "\nversion: " + version + "\ntitle: T\ndescription: D.\noutputs: {out: {type: thing, format: txt}}\nimplementations:\n"
	for _, i := range implementations {
		text += "  " + i + "\n"
	}
	return text
}

func load(t *testing.T, files map[string]string) *catalog.Catalog {
	t.Helper()
	fs := fstest.MapFS{"types.yaml": {Data: []byte(things)}}
	for name, text := range files {
		fs[name] = &fstest.MapFile{Data: []byte(text)}
	}
	c, problems := catalog.Load(catalog.Source{Name: "test", FS: fs})
	if problems != nil {
		t.Fatal(problems)
	}
	return c
}

const (
	withImage = "here: {image: 'busybox:1.37', command: [/bin/true], collect: {out: x}}"
	itself    = "here: {command: [ligase, baseline, x], collect: {out: x}}"
	onHost    = "here: {command: [blast], collect: {out: x}}"
)

// What cannot be on a cluster is said, with what to do, and keeps nothing else
// from it.
func TestAllSaysWhatCannotBe(t *testing.T) {
	pipeline := func(name, step string) string {
		return "name: " + name + "\nversion: 1.0.0\ntitle: T\ndescription: D.\nnodes: {n: {step: " + step + "}}\noutputs: {out: n.out}\n"
	}
	for name, c := range map[string]struct {
		files map[string]string
		want  string // in the problem
		left  string // names of the templates
	}{
		"no image": {
			map[string]string{"a.yaml": stepYAML("a", "1.0.0", onHost), "b.yaml": stepYAML("b", "1.0.0", withImage), "p.yaml": pipeline("p", "a")},
			`The implementation "here" of a names no image, so a cluster cannot run it; give it one that holds "blast".`, "b-here",
		},
		"and who uses it": {
			map[string]string{"a.yaml": stepYAML("a", "1.0.0", onHost), "b.yaml": stepYAML("b", "1.0.0", withImage), "p.yaml": pipeline("p", "a")},
			`The pipeline "p" uses a-here, of which there is no WorkflowTemplate.`, "b-here",
		},
		"one name for two": {
			map[string]string{"a.yaml": stepYAML("a", "1.0.0", withImage), "p.yaml": pipeline("a_here", "a")},
			`The implementation "here" of the step "a" and the pipeline "a_here" would both be the WorkflowTemplate a-here.`, "a-here",
		},
		"too long": {
			map[string]string{"a.yaml": stepYAML(strings.Repeat("a", 40), "1.0.0", strings.Replace(withImage, "here", "somewhere_else", 1)), "b.yaml": stepYAML("b", "1.0.0", itself)},
			"give the step, implementation or pipeline a shorter one", "b-here",
		},
		"an older version": {
			map[string]string{"a.yaml": stepYAML("a", "1.0.0", withImage), "a2.yaml": stepYAML("a", "1.1.0", withImage), "p.yaml": pipeline("p", "a@1.0.0")},
			`The pipeline "p" uses a in version 1.0.0, and a cluster has one version at a time: 1.1.0.`, "a-here",
		},
	} {
		t.Run(name, func(t *testing.T) {
			all, err := All(load(t, c.files), Options{})
			problems := problem.Of(err)
			if problems == nil || !strings.Contains(problems.Error(), c.want) {
				t.Errorf("problems: %v\nwant: %s", err, c.want)
			}
			for _, p := range problems {
				if p.Pos.File == "" {
					t.Errorf("%v does not say where", p)
				}
			}
			var names []string
			for _, one := range all {
				names = append(names, one.Name)
			}
			if got := strings.Join(names, " "); got != c.left {
				t.Errorf("rendered %s, want %s", got, c.left)
			}
		})
	}
}

// A choice of implementations has a template of its own, and says what it is.
func TestChosenImplementations(t *testing.T) {
	cat := load(t, map[string]string{
		"a.yaml": stepYAML("a", "1.0.0", withImage, strings.Replace(withImage, "here", "there", 1)),
		"p.yaml": "name: p_q\nversion: 1.0.0\ntitle: T\ndescription: D.\nnodes: {n: {step: a}, m: {step: a, implementation: there}}\noutputs: {out: n.out, o: m.out}\n",
	})
	names := map[string]bool{}
	for _, c := range []struct {
		choice map[string]string
		chosen string
	}{
		{nil, ""},
		{map[string]string{"n": "here", "m": "there"}, ""}, // what it is without a choice
		{map[string]string{"n": "there"}, `{"n":"there"}`},
		{map[string]string{"a": "here"}, `{"m":"here"}`},
		{map[string]string{"n": "there", "m": "here"}, `{"m":"here","n":"there"}`},
	} {
		one, err := Of(cat, "p_q", c.choice, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if got := one.Annotations[AnnotationImplementations]; got != c.chosen {
			t.Errorf("%v: %s is annotated %s, want %s", c.choice, one.Name, got, c.chosen)
		}
		if plain := one.Name == "p-q"; plain != (c.chosen == "") || !strings.HasPrefix(one.Name, "p-q") {
			t.Errorf("%v is named %s", c.choice, one.Name)
		}
		names[one.Name] = true
	}
	if len(names) != 4 {
		t.Errorf("four different choices have the names %v", names)
	}
	set, err := For(cat, "p_q", map[string]string{"n": "there"}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	var rendered []string
	for _, one := range set {
		rendered = append(rendered, one.Name)
	}
	if len(rendered) != 2 || rendered[1] != "a-there" {
		t.Errorf("with its steps the pipeline is %v; no node of it uses a-here", rendered)
	}
}

// Nothing that a step's pod has may be more than the strictest Pod Security
// Standard allows, and what runs in it must not be able to speak to the
// cluster.
func TestPodsAreConfined(t *testing.T) {
	for name, cat := range catalogs(t) {
		all, err := All(cat.Catalog, Options{})
		if err != nil {
			t.Fatal(err)
		}
		pods := 0
		for _, one := range all {
			for _, tmpl := range one.Spec.Templates {
				if tmpl.Container == nil {
					continue
				}
				pods++
				containers := []corev1.Container{*tmpl.Container}
				for _, c := range tmpl.InitContainers {
					containers = append(containers, c.Container)
				}
				for _, c := range containers {
					s := c.SecurityContext
					if s == nil || !*s.RunAsNonRoot || *s.AllowPrivilegeEscalation || !*s.ReadOnlyRootFilesystem ||
						len(s.Capabilities.Add) > 0 || len(s.Capabilities.Drop) != 1 || s.Capabilities.Drop[0] != "ALL" ||
						s.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault {
						t.Errorf("%s: %s: the container %q is not confined: %+v", name, one.Name, c.Name, s)
					}
				}
				for _, v := range tmpl.Volumes {
					if claim := v.PersistentVolumeClaim; v.EmptyDir == nil && (claim == nil || !claim.ReadOnly) {
						t.Errorf("%s: %s has the volume %+v", name, one.Name, v)
					}
				}
				if tmpl.AutomountServiceAccountToken == nil || *tmpl.AutomountServiceAccountToken {
					t.Errorf("%s: %s: %s has a token", name, one.Name, tmpl.Name)
				}
				if tmpl.PodSpecPatch != "" || one.Spec.PodSpecPatch != "" {
					t.Errorf("%s: %s patches its pod", name, one.Name)
				}
			}
		}
		if pods == 0 {
			t.Errorf("%s has no pods", name)
		}
	}
}

func TestClaimsOfVolumes(t *testing.T) {
	cat := catalogs(t)["odd"]
	one, err := Of(cat.Catalog, "greedy", nil, Options{Claims: map[string]string{"greedy-db": "databases"}})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	main := one.GetTemplateByName("main")
	for _, v := range main.Volumes {
		if claim := v.PersistentVolumeClaim; claim != nil {
			at := slices.IndexFunc(main.Container.VolumeMounts, func(m corev1.VolumeMount) bool { return m.Name == v.Name && m.ReadOnly })
			if at < 0 {
				t.Fatalf("%s is not mounted read-only", v.Name)
			}
			got[claim.ClaimName] = main.Container.VolumeMounts[at].MountPath
		}
	}
	if want := map[string]string{"greedy-weights": "/weights/greedy", "databases": "/db"}; !maps.Equal(got, want) {
		t.Errorf("claims are at %v, want %v", got, want)
	}
	for _, c := range main.InitContainers {
		if len(c.VolumeMounts) != 2 {
			t.Errorf("%s has %v", c.Name, c.VolumeMounts)
		}
	}
}

// The one argument that carries what a caller gave is put into the environment
// of pods, and in no expression.
func TestNothingOfACallerIsEvaluated(t *testing.T) {
	for _, cat := range catalogs(t) {
		all, err := All(cat.Catalog, Options{})
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range all {
			data, err := Marshal(one)
			if err != nil {
				t.Fatal(err)
			}
			for _, line := range strings.Split(string(data), "\n") {
				if !strings.Contains(line, "parameters.task") && !strings.Contains(line, "parameters['task']") && !strings.Contains(line, "parameters.json") {
					continue
				}
				if strings.TrimSpace(line) != "value: '{{workflow.parameters.task}}'" {
					t.Errorf("%s: %s", one.Name, line)
				}
			}
		}
	}
}
