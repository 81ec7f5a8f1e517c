//go:build cluster

// Package adopt has the tests that run templates of others through ligase on a
// real cluster: the one that `make cluster-up` brought up, or that KUBECONFIG
// names.
package adopt

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/ligase-bio/ligase/e2e/built"
	"github.com/ligase-bio/ligase/e2e/cluster/kube"
)

// examples are from Argo itself: see the notice beside them.
const examples = "../../internal/argo/adopt/testdata/argo"

// site is a namespace as a platform engineer would set one up for templates
// that were not made for ligase: its own artifact repository, and pods that
// may run as root. Everything is done with kubectl and the program.
type site struct {
	*testing.T
	cluster   kube.Cluster
	namespace string
	dir       string // holds definitions/ and config.yaml
	env       []string
}

func newSite(t *testing.T) *site {
	t.Helper()
	c, err := kube.Load()
	if err != nil {
		t.Fatal(err)
	}
	s := &site{T: t, cluster: c, namespace: fmt.Sprintf("e2e-adopt-%d", time.Now().UnixNano()%1e12), dir: t.TempDir()}
	s.env = append(append(os.Environ(), c.Env()...), "HOME="+s.dir, "LIGASE_DATA="+filepath.Join(s.dir, "data"), "LIGASE_ENGINE_IDLE=1s",
		"LIGASE_CONFIG="+filepath.Join(s.dir, "config.yaml"), "AWS_ACCESS_KEY_ID="+c.S3.AccessKey, "AWS_SECRET_ACCESS_KEY="+c.S3.SecretKey)
	root := fmt.Sprintf("s3://%s/%s", c.S3.Bucket, s.namespace)
	s.write("config.yaml", fmt.Sprintf(`
engine: argo
catalogs: [definitions]
allow_roots: [%q]
buckets: {"s3://": {endpoint: %q, region: %s, use_path_style: true, disable_https: true}}
argo: {root: %q, namespace: %s, kubeconfig: %q}
`, root, c.S3.Endpoint, c.S3.Region, root, s.namespace, c.Kubeconfig))
	if err := os.Mkdir(filepath.Join(s.dir, "definitions"), 0o755); err != nil {
		t.Fatal(err)
	}

	s.kubectl("", "create", "namespace", s.namespace)
	t.Cleanup(func() {
		if t.Failed() {
			for _, what := range []string{"workflows", "pods"} {
				t.Log(s.kubectl("", "get", what, "-o", "wide"))
			}
			t.Log(s.kubectl("", "get", "workflows", "-o", `jsonpath={range .items[*]}{range .status.nodes.*}{.displayName}{"\t"}{.phase}{"\t"}{.message}{"\n"}{end}{end}`))
		}
		s.kubectl("", "delete", "namespace", s.namespace, "--wait=false")
	})
	deploy := filepath.Join("..", "..", "deploy", "base")
	s.kubectl("", "apply", "-f", filepath.Join(deploy, "step.yaml"), "-f", filepath.Join(deploy, "gateway.yaml"))
	store, err := json.Marshal(map[string]any{
		"roots":   []any{map[string]any{"uri": root, "write": true}},
		"buckets": map[string]any{"s3://": map[string]any{"endpoint": c.S3.PodEndpoint, "region": c.S3.Region, "use_path_style": true, "disable_https": true}},
	})
	if err != nil {
		t.Fatal(err)
	}
	objects := []any{
		map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "ligase-store"}, "data": map[string]any{"store.json": string(store)}},
		map[string]any{"apiVersion": "v1", "kind": "Secret", "metadata": map[string]any{"name": "ligase-store"},
			"stringData": map[string]any{"AWS_ACCESS_KEY_ID": c.S3.AccessKey, "AWS_SECRET_ACCESS_KEY": c.S3.SecretKey}},
	}
	s.apply(objects...)
	return s
}

// artifactRepository gives the namespace the place where Argo keeps what
// templates hand each other.
func (s *site) artifactRepository() {
	s.Helper()
	repository := fmt.Sprintf(`s3:
  endpoint: %s
  insecure: true
  region: %s
  bucket: %s
  keyFormat: %s/artifacts/{{workflow.name}}/{{pod.name}}
  accessKeySecret: {name: ligase-store, key: AWS_ACCESS_KEY_ID}
  secretKeySecret: {name: ligase-store, key: AWS_SECRET_ACCESS_KEY}
`, regexp.MustCompile(`^https?://`).ReplaceAllString(s.cluster.S3.PodEndpoint, ""), s.cluster.S3.Region, s.cluster.S3.Bucket, s.namespace)
	s.apply(map[string]any{
		"apiVersion": "v1", "kind": "ConfigMap",
		"metadata": map[string]any{"name": "artifact-repositories", "annotations": map[string]any{"workflows.argoproj.io/default-artifact-repository": "default"}},
		"data":     map[string]any{"default": repository},
	})
}

func (s *site) write(name, text string) string {
	s.Helper()
	file := filepath.Join(s.dir, name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		s.Fatal(err)
	}
	return file
}

func (s *site) apply(objects ...any) {
	s.Helper()
	for _, o := range objects {
		data, err := json.Marshal(o)
		if err != nil {
			s.Fatal(err)
		}
		s.kubectl(string(data), "apply", "-f", "-")
	}
}

// run runs a program in the site's environment.
func (s *site) run(in, program string, args ...string) (out, said string, code int) {
	s.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env, cmd.Stdin = s.env, strings.NewReader(in)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		s.Fatalf("%s: %v", filepath.Base(program), err)
	}
	return stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()
}

func (s *site) kubectl(in string, args ...string) string {
	s.Helper()
	out, said, code := s.run(in, s.cluster.Program("kubectl"), append([]string{"--namespace", s.namespace}, args...)...)
	if code != 0 {
		s.Fatalf("kubectl %s: %d\n%s", strings.Join(args, " "), code, said)
	}
	return out
}

// ligase runs the program and wants an exit code.
func (s *site) ligase(code int, args ...string) (out, said string) {
	s.Helper()
	out, said, got := s.run("", built.Ligase(s), args...)
	if got != code {
		s.Fatalf("ligase %s: exit code %d, want %d\n%s\n%s", strings.Join(args, " "), got, code, said, out)
	}
	return out, said
}

// images are what the examples run in, and the image of this cluster that has
// what they use of those: it has no registry to get them from.
var images = regexp.MustCompile(`image: (busybox|alpine:latest|debian:9\.4)\b`)

// theirs puts a template of Argo's examples into the cluster, as a
// WorkflowTemplate: a Workflow cannot be referred to.
func (s *site) theirs(example, name string) {
	s.Helper()
	data, err := os.ReadFile(filepath.Join(examples, example))
	if err != nil {
		s.Fatal(err)
	}
	text := images.ReplaceAllString(string(data), "image: "+s.cluster.Image("ligase-e2e-tools"))
	text = strings.ReplaceAll(text, "kind: Workflow\n", "kind: WorkflowTemplate\n")
	text = regexp.MustCompile(`generateName: ([a-z-]+)-\n`).ReplaceAllString(text, "name: $1\n")
	s.kubectl(text, "apply", "-f", "-")
	if got := s.kubectl("", "get", "workflowtemplate", name, "-o", "name"); !strings.Contains(got, name) {
		s.Fatalf("the cluster has no template %s", name)
	}
}

// adopt imports an example, and puts what runs it into the cluster.
func (s *site) adopt(example, step string, edit func(string) string, flags ...string) {
	s.Helper()
	s.ligase(0, append([]string{"import", filepath.Join(examples, example), "--out", filepath.Join(s.dir, "imported")}, flags...)...)
	data, err := os.ReadFile(filepath.Join(s.dir, "imported", step+".yaml"))
	if err != nil {
		s.Fatal(err)
	}
	text := string(data)
	if edit != nil {
		text = edit(text)
	}
	s.write(filepath.Join("definitions", step+".yaml"), text)
	s.ligase(0, "validate", filepath.Join(s.dir, "definitions"))
	s.render(step)
}

// render puts what runs a tool into the cluster.
func (s *site) render(tool string, flags ...string) {
	s.Helper()
	out, _ := s.ligase(0, append([]string{"render", tool, "--worker-image", s.cluster.Image("ligase-worker"), "--image", s.cluster.Image("ligase")}, flags...)...)
	s.kubectl(out, "apply", "-f", "-")
}

// summary is what `ligase run --json` prints, as far as these tests look.
type summary struct {
	Status  string              `json:"status"`
	RunID   string              `json:"run_id"`
	Outputs map[string]string   `json:"output_uris"`
	Preview map[string][]string `json:"preview"`
	Error   *struct {
		Code     string `json:"code"`
		Message  string `json:"message"`
		Attempt  int    `json:"attempt"`
		ExitCode int    `json:"exit_code"`
	} `json:"error"`
}

// call runs a tool and wants an exit code.
func (s *site) call(code int, args ...string) summary {
	s.Helper()
	out, said := s.ligase(code, append([]string{"run", "--json"}, args...)...)
	var sum summary
	if err := json.Unmarshal([]byte(out), &sum); err != nil {
		s.Fatalf("%v\n%s\n%s", err, out, said)
	}
	if code == 0 && sum.Status != "succeeded" {
		s.Fatalf("the run %s\n%s", sum.Status, out)
	}
	return sum
}
