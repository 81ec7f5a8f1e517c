//go:build cluster

// Package deploy has the tests of what lies beside it: that kustomize takes it,
// and that a cluster which has nothing else runs every tool.
package deploy

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/ligase-bio/ligase/catalog"
	"github.com/ligase-bio/ligase/e2e/cluster/kube"
	"github.com/ligase-bio/ligase/internal/argo/templates"
	"github.com/ligase-bio/ligase/internal/tasks"
	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/uris"
	"github.com/ligase-bio/ligase/uris/drivers"
)

var update = flag.Bool("update", false, "write the golden files")

// place is a copy of this folder that a test may change.
type place struct {
	*testing.T
	dir     string
	cluster kube.Cluster
}

func newPlace(t *testing.T) *place {
	t.Helper()
	c, err := kube.Load()
	if err != nil {
		t.Fatal(err)
	}
	p := &place{T: t, dir: t.TempDir(), cluster: c}
	if err := os.CopyFS(p.dir, os.DirFS(".")); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *place) write(name, text string) {
	p.Helper()
	path := filepath.Join(p.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		p.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		p.Fatal(err)
	}
}

func (p *place) add(name, more string) {
	p.Helper()
	old, err := os.ReadFile(filepath.Join(p.dir, name))
	if err != nil {
		p.Fatal(err)
	}
	p.write(name, string(old)+more)
}

// program runs kubectl or argo and returns what it printed.
func (p *place) program(name string, args ...string) (string, error) {
	p.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, p.cluster.Program(name), args...)
	cmd.Env = append(os.Environ(), p.cluster.Env()...)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("%s %s: %w\n%s%s", name, strings.Join(args, " "), err, out, said.String())
	}
	return string(out), err
}

func (p *place) must(name string, args ...string) string {
	p.Helper()
	out, err := p.program(name, args...)
	if err != nil {
		p.Fatal(err)
	}
	return out
}

// object is what of an object is looked at here.
type object struct {
	Kind     string `json:"kind"`
	Metadata struct {
		Name      string            `json:"name"`
		Namespace string            `json:"namespace"`
		Labels    map[string]string `json:"labels"`
	} `json:"metadata"`
	text string
}

// build is what kustomize makes of a folder.
func (p *place) build(folder string) []object {
	p.Helper()
	var out []object
	for _, text := range strings.Split(p.must("kubectl", "kustomize", filepath.Join(p.dir, folder)), "\n---\n") {
		var o object
		if err := yaml.Unmarshal([]byte(text), &o); err != nil {
			p.Fatal(err)
		}
		o.text = text + "\n"
		out = append(out, o)
	}
	return out
}

// Images can be set, and steps that ask for a GPU, only those, go to where one
// is.
func TestGPUOverlay(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	greedy, err := os.ReadFile(filepath.Join("..", "internal", "argo", "templates", "testdata", "golden", "odd", "greedy-on-gpu.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	p.write("base/templates/greedy-on-gpu.yaml", string(greedy))
	p.add("base/templates/kustomization.yaml", "  - greedy-on-gpu.yaml\n")
	p.add("overlays/gpu/kustomization.yaml", "images:\n  - {name: ghcr.io/ligase-bio/ligase, newTag: 9.9.9}\n  - {name: ghcr.io/ligase-bio/ligase-worker, newName: registry.example/worker, newTag: 9.9.8}\n")
	found := false
	for _, o := range p.build("overlays/gpu") {
		if o.Kind != "WorkflowTemplate" {
			continue
		}
		if strings.Contains(o.text, ":dev\n") {
			t.Errorf("%s has images whose tag was not set", o.Metadata.Name)
		}
		asks := strings.Contains(o.text, "nvidia.com/gpu: ")
		for _, what := range []string{"nodeSelector", "tolerations", "podSpecPatch"} {
			if strings.Contains(o.text, what) != asks {
				t.Errorf("%s asks for a GPU: %v, and has %s: %v", o.Metadata.Name, asks, what, !asks)
			}
		}
		if o.Metadata.Name != "greedy-on-gpu" {
			continue
		}
		found = true
		golden := filepath.Join("testdata", "gpu.yaml")
		if *update {
			if err := os.WriteFile(golden, []byte(o.text), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if string(want) != o.text {
			t.Errorf("the template that asks for a GPU is not as in %s: look at what -update changes\n%s", golden, o.text)
		}
	}
	if !found {
		t.Error("there is no template that asks for a GPU")
	}
}

// installed puts all of it into a namespace of the test's own.
func installed(t *testing.T) (*place, string) {
	t.Helper()
	p := newPlace(t)
	namespace := fmt.Sprintf("e2e-deploy-%d", time.Now().UnixNano()%1e9)
	s3 := p.cluster.S3
	p.write("overlays/dev-s3/credentials.env", fmt.Sprintf("AWS_ACCESS_KEY_ID=%s\nAWS_SECRET_ACCESS_KEY=%s\n", s3.AccessKey, s3.SecretKey))
	p.write("overlays/dev-s3/store.json", fmt.Sprintf(`{"roots": [{"uri": "s3://%s/%s", "write": true}],
		"buckets": {"s3://": {"endpoint": %q, "region": %q, "use_path_style": true, "disable_https": true}}}`, s3.Bucket, namespace, s3.PodEndpoint, s3.Region))
	// A node of two cores would run pods that reserve one each two at a time.
	rendered, err := filepath.Glob(filepath.Join(p.dir, "base", "templates", "*-baseline.yaml"))
	if err != nil || len(rendered) == 0 {
		t.Fatalf("the templates of the base: %q, %v", rendered, err)
	}
	for _, path := range rendered {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, bytes.ReplaceAll(text, []byte(`cpu: "1"`), []byte("cpu: 50m")), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	images := ""
	for _, name := range []string{"ligase", "ligase-worker"} {
		image := p.cluster.Image(name)
		at := strings.LastIndex(image, ":")
		images += fmt.Sprintf("  - {name: ghcr.io/ligase-bio/%s, newName: %s, newTag: %q}\n", name, image[:at], image[at+1:])
	}
	p.add("overlays/dev-s3/kustomization.yaml", "images:\n"+images)
	p.write("try/kustomization.yaml", "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nnamespace: "+namespace+"\nresources:\n  - ../overlays/dev-s3\n")
	t.Cleanup(func() {
		if _, err := p.program("kubectl", "delete", "namespace", namespace, "--wait=false"); err != nil {
			t.Error(err)
		}
	})
	p.must("kubectl", "apply", "-k", filepath.Join(p.dir, "try"))
	return p, namespace
}

// With no ligase anywhere but in the pods, tools of the library run when their
// templates are submitted by hand, and leave the record of a run: steps, and a
// pipeline that runs all of them. (The README submits backbone-baseline so;
// design-and-fold runs in ./e2e/argo.)
func TestToolsRunAlone(t *testing.T) {
	t.Parallel()
	p, namespace := installed(t)
	h := p.hold(namespace)
	put := h.put
	sequence := put("ubiquitin.fasta", []byte(">ubiquitin\nMQIFVKTLTGKTITLEVEPSDTIENVKAKIQDKEGIPPDQQRLIFAGKQLEDGRTLSDYNIQKESTLHLVLRLRGG\n"))
	pdb, err := fs.ReadFile(os.DirFS(filepath.Join("..", "internal", "cli", "demo")), "1ubq.pdb")
	if err != nil {
		t.Fatal(err)
	}
	structure := put("1ubq.pdb", pdb)

	for _, c := range []struct {
		template, task string
		committed      map[string]int // by node: how many tasks
	}{
		{"fold-baseline", fmt.Sprintf(`{"inputs": {"sequence": %q}, "params": {"models": 2}}`, sequence), map[string]int{"fold": 1}},
		{"score-baseline", fmt.Sprintf(`{"inputs": {"model": %q, "reference": %q}}`, structure, structure), map[string]int{"score": 1}},
		{"campaign", `{"params": {"length": 30, "num_backbones": 2, "num_sequences": 2}}`,
			map[string]int{"backbone": 1, "design": 2, "fold": 4, "score": 4, "rank": 1}},
	} {
		t.Run(c.template, func(t *testing.T) {
			t.Parallel()
			got := h.on(t).run(c.template, "-p", "task="+c.task)
			if fmt.Sprint(got) != fmt.Sprint(c.committed) {
				t.Errorf("committed %v, want %v", got, c.committed)
			}
		})
	}
}

// Shapes of pipelines that the library has none of: back into a scatter after a
// gather, failures further out, a list that the call gives, pipelines in
// pipelines.
func TestOddShapesRunAlone(t *testing.T) {
	t.Parallel()
	p, namespace := installed(t)
	internal := filepath.Join("..", "internal")
	var sources []catalog.Source
	for _, dir := range []string{filepath.Join(internal, "runs", "runstest", "definitions"), filepath.Join(internal, "argo", "templates", "testdata", "odd")} {
		source, err := catalog.Dir(dir)
		if err != nil {
			t.Fatal(err)
		}
		sources = append(sources, source)
	}
	cat, problems := catalog.Load(sources...)
	if problems != nil {
		t.Fatal(problems)
	}
	all, err := templates.All(cat, templates.Options{WorkerImage: p.cluster.Image("ligase-worker"), Namespace: namespace})
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range all {
		data, err := templates.Marshal(one)
		if err != nil {
			t.Fatal(err)
		}
		// A node may have no core for each of many pods that need little.
		p.write("odd/"+one.Name+".yaml", strings.ReplaceAll(string(data), `cpu: "1"`, "cpu: 50m"))
	}
	p.must("kubectl", "apply", "-f", filepath.Join(p.dir, "odd"))
	h := p.hold(namespace)
	first, second := h.put("1.txt", []byte("one\n")), h.put("2.txt", []byte("two\n"))
	for _, c := range []struct {
		template  string
		arguments []string
		committed map[string]int
	}{
		{"again", []string{"-p", "task={}"}, map[string]int{"split": 1, "inner": 2, "up": 4, "all": 1, "both": 4, "more": 4}},
		// `check` does not like the second item: nothing is left of it but what
		// does not need it.
		{"outer", []string{"-p", "task={}"}, map[string]int{"split": 1, "check": 1, "inner": 2, "use": 3, "deep": 3, "last": 3}},
		{"inside-out", []string{"-p", "task={}"}, map[string]int{"split": 1, "chop.parts": 2, "chop.upper": 6, "chop.join": 2, "all": 1}},
		{"given-list", []string{"-p", fmt.Sprintf(`task={"inputs": {"texts": [%q, %q]}}`, first, second), "-p", "count-texts=2"}, map[string]int{"upper": 2, "all": 1}},
		{"tolerant", []string{"-p", "task={}"}, map[string]int{"split": 1, "picky": 2, "upper": 2, "gather": 1}},
	} {
		t.Run(c.template, func(t *testing.T) {
			t.Parallel()
			if got := h.on(t).run(c.template, c.arguments...); fmt.Sprint(got) != fmt.Sprint(c.committed) {
				t.Errorf("committed %v, want %v", got, c.committed)
			}
		})
	}
}

// hold is the store of a namespace's runs.
type hold struct {
	*place
	namespace string
	store     *uris.Store
	root      uris.URI
}

func (p *place) hold(namespace string) *hold {
	p.Helper()
	s3 := p.cluster.S3
	// Tests that run side by side may not set these for themselves alone; they
	// are the same for all.
	for name, value := range map[string]string{"AWS_ACCESS_KEY_ID": s3.AccessKey, "AWS_SECRET_ACCESS_KEY": s3.SecretKey} {
		if err := os.Setenv(name, value); err != nil {
			p.Fatal(err)
		}
	}
	root := uris.MustParse("s3://" + s3.Bucket + "/" + namespace)
	store, err := uris.NewStore(uris.Options{
		Roots: []uris.Root{{URI: root, Write: true}}, Openers: drivers.All(),
		Buckets: map[string]uris.BucketConfig{"s3://": {Endpoint: s3.Endpoint, Region: s3.Region, UsePathStyle: true, DisableHTTPS: true}},
	})
	if err != nil {
		p.Fatal(err)
	}
	p.Cleanup(func() { store.Close() })
	return &hold{p, namespace, store, root}
}

// on is the same for a test inside of the test.
func (h *hold) on(t *testing.T) *hold {
	inner := *h
	inner.place = &place{T: t, dir: h.dir, cluster: h.cluster}
	return &inner
}

func (h *hold) put(name string, content []byte) string {
	h.Helper()
	u := h.root.Join("given", name)
	if _, err := h.store.Put(h.Context(), u, bytes.NewReader(content)); err != nil {
		h.Fatal(err)
	}
	return u.String()
}

// run submits a template by hand, waits until it has succeeded, and says how
// many tasks of each node have committed.
func (h *hold) run(template string, arguments ...string) map[string]int {
	h.Helper()
	name := "alone-" + template
	submitted := append([]string{"submit", "--namespace", h.namespace, "--from", "workflowtemplate/" + template, "--name", name, "--wait"}, arguments...)
	_, failed := h.program("argo", submitted...)
	var wf struct {
		Metadata struct{ UID string }
		Status   struct{ Phase string }
	}
	if err := json.Unmarshal([]byte(h.must("argo", "get", "--namespace", h.namespace, name, "-o", "json")), &wf); err != nil {
		h.Fatal(err)
	}
	if wf.Status.Phase != "Succeeded" {
		out, _ := h.program("argo", "get", "--namespace", h.namespace, name)
		logs, _ := h.program("argo", "logs", "--namespace", h.namespace, name)
		h.Fatalf("it ended %s: %v\n%s\n%s", wf.Status.Phase, failed, out, logs)
	}
	folder := uris.Layout{Root: h.root}.Run(tasks.RunIDOf(wf.Metadata.UID))
	got := map[string]int{}
	for o, err := range h.store.List(h.Context(), folder.URI.Join("outputs"), true) {
		if err != nil {
			h.Fatal(err)
		}
		if !strings.HasSuffix(o.URI.String(), "/result.json") {
			continue
		}
		data, err := h.store.ReadAll(h.Context(), o.URI, 1<<20)
		if err != nil {
			h.Fatal(err)
		}
		var r steps.Result
		if err := json.Unmarshal(data, &r); err != nil {
			h.Fatal(err)
		}
		got[r.Node]++
	}
	return got
}
