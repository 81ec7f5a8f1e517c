package deploy

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/ligase-bio/ligase/catalog"
)

// Every volume that the library needs has a claim of its name and a Job that
// fills it, which a namespace of restricted pods lets in.
func TestVolumesOfTheLibrary(t *testing.T) {
	cat, problems := catalog.Load(catalog.Builtin()...)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	needed := map[string]string{}
	for _, tool := range cat.Tools() {
		for _, impl := range tool.Implementations {
			for _, v := range impl.Volumes {
				needed[v.Name] = v.At
			}
		}
	}
	if len(needed) < 2 {
		t.Errorf("the library needs %v", needed)
	}
	var list struct{ Resources []string }
	data, err := os.ReadFile(filepath.Join("volumes", "kustomization.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(data, &list); err != nil {
		t.Fatal(err)
	}
	for name := range needed {
		file := name + ".yaml"
		if !slices.Contains(list.Resources, file) {
			t.Errorf("kustomization.yaml does not list %s", file)
		}
		data, err := os.ReadFile(filepath.Join("volumes", file))
		if err != nil {
			t.Error(err)
			continue
		}
		first, second, _ := bytes.Cut(data, []byte("\n---\n"))
		var claim corev1.PersistentVolumeClaim
		var job batchv1.Job
		if err := yaml.UnmarshalStrict(first, &claim); err != nil {
			t.Errorf("%s: %v", file, err)
		}
		if err := yaml.UnmarshalStrict(second, &job); err != nil {
			t.Errorf("%s: %v", file, err)
		}
		pod := job.Spec.Template.Spec
		if claim.Name != name || job.Name != "fill-"+name || len(pod.Containers) != 1 || len(pod.Volumes) == 0 ||
			pod.Volumes[0].PersistentVolumeClaim == nil || pod.Volumes[0].PersistentVolumeClaim.ClaimName != name || pod.Volumes[0].PersistentVolumeClaim.ReadOnly {
			t.Errorf("%s does not make and fill %s", file, name)
			continue
		}
		c := pod.Containers[0]
		if s, o := pod.SecurityContext, c.SecurityContext; !*s.RunAsNonRoot || s.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault ||
			*o.AllowPrivilegeEscalation || len(o.Capabilities.Drop) != 1 || o.Capabilities.Drop[0] != "ALL" || *pod.AutomountServiceAccountToken {
			t.Errorf("%s is not confined as its namespace asks", file)
		}
	}
}

// What a Job runs in an image of the library is in that image's version.
func TestFillsWithTheImageThatReads(t *testing.T) {
	cat, problems := catalog.Load(catalog.Builtin()...)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	image := cat.Step("fold").Implementation("colabfold").Image
	data, err := os.ReadFile(filepath.Join("volumes", "colabfold-weights.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(data), "image: "+image+" ") {
		t.Errorf("it is not filled by %s", image)
	}
}
