package deploy

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/ligase-bio/ligase/catalog"
	"github.com/ligase-bio/ligase/steps/worker"
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

// A fill that was cut short leaves nothing that counts as the volume: it is one
// only once the Job has done well. curl is one that brings half of the n-th
// file, and ends.
func TestAVolumeIsFilledWhenItsJobIsDone(t *testing.T) {
	cat, problems := catalog.Load(catalog.Builtin()...)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	for _, implementation := range []string{"esmfold", "esmfold_hf"} {
		v := &cat.Step("fold").Implementation(implementation).Volumes[0]
		data, err := os.ReadFile(filepath.Join("volumes", v.Name+".yaml"))
		if err != nil {
			t.Fatal(err)
		}
		_, second, _ := bytes.Cut(data, []byte("\n---\n"))
		var job batchv1.Job
		if err := yaml.UnmarshalStrict(second, &job); err != nil {
			t.Fatal(err)
		}
		volume, bin := t.TempDir(), t.TempDir()
		c := job.Spec.Template.Spec.Containers[0]
		script := strings.ReplaceAll(c.Args[0], "/volume", volume)
		curl := "#!/bin/sh\nwhile [ \"$1\" != --output ]; do shift; done\necho half >>\"$2\"\n" +
			"n=$(($(cat $0.left) - 1)); echo $n >$0.left; test $n -ge 0\n"
		if err := os.WriteFile(filepath.Join(bin, "curl"), []byte(curl), 0o755); err != nil {
			t.Fatal(err)
		}
		tries := 0
		for done := false; !done; tries++ {
			if why := worker.VolumeLacks(v, volume); why == "" || tries > 10 {
				t.Fatalf("%s: after %d tries that were cut short it counts as filled", v.Name, tries)
			}
			// Every other time the file that was cut short comes, and the next one is.
			if err := os.WriteFile(filepath.Join(bin, "curl.left"), []byte{'0' + byte(tries%2)}, 0o644); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(c.Command[0], append(slices.Clone(c.Command[1:]), script)...)
			cmd.Env = []string{"PATH=" + bin + string(os.PathListSeparator) + os.Getenv("PATH")}
			done = cmd.Run() == nil
		}
		if why := worker.VolumeLacks(v, volume); why != "" {
			t.Errorf("%s: when its Job is done, it is not filled: %s", v.Name, why)
		}
		if tries < 3 {
			t.Errorf("%s: filled after %d tries; this tries nothing", v.Name, tries)
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
