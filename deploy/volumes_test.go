package deploy

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/ligase-bio/ligase/catalog"
	"github.com/ligase-bio/ligase/steps"
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

// The scripts of Jobs go on where they were interrupted, and until they have
// ended nobody takes the volume for filled.
func TestFillsGoOn(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("there is no curl, by which the Jobs download")
	}
	cat, problems := catalog.Load(catalog.Builtin()...)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	volume := func(implementation string) *steps.Volume {
		return &cat.Step("fold").Implementation(implementation).Volumes[0]
	}
	source := regexp.MustCompile(`from=https://[^/\n]+`)
	for _, v := range []*steps.Volume{volume("esmfold"), volume("esmfold_hf")} {
		t.Run(v.Name, func(t *testing.T) {
			t.Parallel()
			content := bytes.Repeat([]byte(v.Name), 100_000)
			var mu sync.Mutex
			asked := map[string]int{}
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				mu.Lock()
				asked[r.URL.Path]++
				first := asked[r.URL.Path] == 1
				mu.Unlock()
				if !first {
					http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
					return
				}
				w.Header().Set("Content-Length", fmt.Sprint(len(content)))
				_, _ = w.Write(content[:len(content)/2])
				_ = http.NewResponseController(w).Flush()
				panic(http.ErrAbortHandler)
			}))
			defer server.Close()
			data, err := os.ReadFile(filepath.Join("volumes", v.Name+".yaml"))
			if err != nil {
				t.Fatal(err)
			}
			var job batchv1.Job
			_, second, _ := bytes.Cut(data, []byte("\n---\n"))
			if err := yaml.UnmarshalStrict(second, &job); err != nil {
				t.Fatal(err)
			}
			c, folder := job.Spec.Template.Spec.Containers[0], t.TempDir()
			script := source.ReplaceAllString(strings.ReplaceAll(c.Args[0], "/volume", folder), "from="+server.URL)
			run := func() error {
				out, err := exec.CommandContext(t.Context(), c.Command[0], append(slices.Clone(c.Command[1:]), script)...).CombinedOutput()
				t.Logf("%v\n%s", err, out)
				return err
			}
			files := func() []string {
				mu.Lock()
				defer mu.Unlock()
				return slices.Sorted(maps.Keys(asked))
			}
			interrupted := 0
			for ; interrupted < 10 && run() != nil; interrupted++ {
				if worker.VolumeLacks(v, folder) == "" {
					t.Fatalf("interrupted after %v it is taken for filled", files())
				}
			}
			if asked := files(); interrupted != len(asked) || len(asked) < 2 {
				t.Errorf("it was interrupted %d times, asking for %v; want once for each", interrupted, asked)
			}
			if why := worker.VolumeLacks(v, folder); why != "" {
				t.Error(why)
			}
			err = filepath.WalkDir(folder, func(path string, d os.DirEntry, err error) error {
				if err != nil || d.IsDir() {
					return err
				}
				if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, content) {
					t.Errorf("%s: %v, and %d bytes of %d", path, err, len(got), len(content))
				}
				return os.Rename(path, path+".part") // as if ended just before that
			})
			if err != nil {
				t.Fatal(err)
			}
			for _, what := range []string{"whose files are complete, and have no name yet", "that is filled"} {
				if err := run(); err != nil || worker.VolumeLacks(v, folder) != "" {
					t.Errorf("again, on a volume %s: %v", what, err)
				}
			}
		})
	}
}
