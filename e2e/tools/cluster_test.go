//go:build cluster

package tools

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/ligase-bio/ligase/catalog"
	"github.com/ligase-bio/ligase/e2e/cluster/kube"
	"github.com/ligase-bio/ligase/internal/argo/templates"
)

// TestExamplesOnACluster runs both examples in pods whose images are made of
// Debian's files, and on this machine: figures and files are the same.
func TestExamplesOnACluster(t *testing.T) {
	here := newLab(t)
	there := newSite(t, here)
	g := here.genomeFiles(t)
	here.write(t, "family.sto", family(3))

	t.Run("variants", func(t *testing.T) {
		t.Parallel()
		local, remote := here.run(t, rehearsal()...), there.run(t, rehearsal()...)
		demand(t, remote, judge(t, there, remote))
		consequences(t, g, there.output(t, remote, "table"))
		agree(t, here, local, there, remote, "comparison", "variants", "table", "planted", "alignments")

		bam := read(t, there.outputs(t, remote, "alignments")[0])
		there.write(t, "cut.bam", []byte(bam[:len(bam)*2/3]))
		_, said, exit := there.ligase(t, "run", "call_variants", "reference=@genome.fasta", "alignments=@cut.bam")
		const told = "Alignment 0 is cut off or damaged, as its end is missing: copy or make the BAM file again."
		if exit != 4 || !strings.Contains(said, told) || !strings.Contains(said, "Mend the input") {
			t.Errorf("a BAM cut off, on a cluster: exit code %d, want 4 and to be told: %s\n%s", exit, told, said)
		}
	})
	t.Run("families", func(t *testing.T) {
		t.Parallel()
		local, remote := here.run(t, sampling()...), there.run(t, sampling()...)
		standOut(t, remote, there.output(t, remote, "table"))
		agree(t, here, local, there, remote, "table", "members", "sequences", "profile")
	})
}

// agree compares two runs: what was measured, and every file, byte for byte.
func agree(t *testing.T, here *lab, local summary, there *lab, remote summary, ports ...string) {
	t.Helper()
	if diff := cmp.Diff(local.Metrics, remote.Metrics); diff != "" {
		t.Errorf("metrics, -on this machine +on the cluster:\n%s", diff)
	}
	for _, port := range ports {
		mine, theirs := here.outputs(t, local, port), there.outputs(t, remote, port)
		if len(mine) != len(theirs) {
			t.Errorf("%s: %d files on this machine, %d on the cluster", port, len(mine), len(theirs))
			continue
		}
		for i := range mine {
			if read(t, mine[i]) != read(t, theirs[i]) {
				t.Errorf("%s %d is another file on the cluster", port, i)
			}
		}
	}
}

// newSite is the same user with a namespace on the cluster, set up as deploy/
// sets one up, that has the templates of the examples.
func newSite(t *testing.T, user *lab) *lab {
	t.Helper()
	c, err := kube.Load()
	if err != nil {
		t.Fatal(err)
	}
	if c.Ours { // one of the user's finds the images where it finds all others
		cmd := exec.Command("go", "run", "./e2e/cluster", "examples")
		cmd.Dir = filepath.Join("..", "..")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", strings.Join(cmd.Args, " "), err, out)
		}
	}
	namespace := fmt.Sprintf("e2e-tools-%d", time.Now().UnixNano()%1e12)
	root := fmt.Sprintf("s3://%s/%s", c.S3.Bucket, namespace)
	kubectl := func(in []byte, args ...string) string {
		t.Helper()
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, c.Program("kubectl"), append([]string{"--namespace", namespace}, args...)...)
		cmd.Env, cmd.Stdin = append(os.Environ(), c.Env()...), bytes.NewReader(in)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("kubectl %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return string(out)
	}
	apply := func(object any) {
		t.Helper()
		data, err := json.Marshal(object)
		if err != nil {
			t.Fatal(err)
		}
		kubectl(data, "apply", "-f", "-")
	}
	apply(map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{
		"name": namespace, "labels": map[string]any{"pod-security.kubernetes.io/enforce": "restricted"},
	}})
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(kubectl(nil, "get", "pods", "-o", "wide"))
			t.Log(kubectl(nil, "get", "events", "--field-selector", "type!=Normal"))
		}
		kubectl(nil, "delete", "namespace", namespace, "--wait=false")
	})
	deploy := filepath.Join("..", "..", "deploy", "base")
	kubectl(nil, "apply", "-f", filepath.Join(deploy, "step.yaml"), "-f", filepath.Join(deploy, "gateway.yaml"))
	store, err := json.Marshal(map[string]any{
		"roots":   []any{map[string]any{"uri": root, "write": true}},
		"buckets": map[string]any{"s3://": map[string]any{"endpoint": c.S3.PodEndpoint, "region": c.S3.Region, "use_path_style": true, "disable_https": true}},
	})
	if err != nil {
		t.Fatal(err)
	}
	apply(map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "ligase-store"}, "data": map[string]any{"store.json": string(store)}})
	apply(map[string]any{"apiVersion": "v1", "kind": "Secret", "metadata": map[string]any{"name": "ligase-store"},
		"stringData": map[string]any{"AWS_ACCESS_KEY_ID": c.S3.AccessKey, "AWS_SECRET_ACCESS_KEY": c.S3.SecretKey}})
	for _, t := range rendered(t, c) {
		apply(t)
	}

	site := &lab{program: user.program, dir: user.dir}
	config := site.write(t, "cluster.yaml", fmt.Appendf(nil, `
engine: argo
buckets: {"s3://": {endpoint: %q, region: %s, use_path_style: true, disable_https: true}}
argo: {root: %q, namespace: %s, kubeconfig: %q}
`, c.S3.Endpoint, c.S3.Region, root, namespace, c.Kubeconfig))
	site.env = append(append([]string{}, user.env...), "LIGASE_CONFIG="+config, "LIGASE_DATA="+filepath.Join(site.dir, "data-of-the-cluster"),
		"AWS_ACCESS_KEY_ID="+c.S3.AccessKey, "AWS_SECRET_ACCESS_KEY="+c.S3.SecretKey)
	return site
}

// rendered are the templates of the examples, with no more reserved for a pod
// than a node of two cores has for several: how much that is, is an operator's
// to say.
func rendered(t *testing.T, c kube.Cluster) (objects []any) {
	t.Helper()
	sources := catalog.Builtin()
	for _, example := range []string{"variants", "families"} {
		source, err := catalog.Dir(definitions(t, example))
		if err != nil {
			t.Fatal(err)
		}
		sources = append(sources, source)
	}
	all, problems := catalog.Load(sources...)
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	list, err := templates.All(all, templates.Options{WorkerImage: c.Image("ligase-worker"), DefaultImage: c.Image("ligase")})
	if err != nil {
		t.Fatal(err)
	}
	most := map[corev1.ResourceName]resource.Quantity{
		corev1.ResourceCPU: resource.MustParse("150m"), corev1.ResourceMemory: resource.MustParse("256Mi"),
	}
	for _, one := range list {
		for i := range one.Spec.Templates {
			if c := one.Spec.Templates[i].Container; c != nil {
				for name, enough := range most {
					if asked, is := c.Resources.Requests[name]; is && asked.Cmp(enough) > 0 {
						c.Resources.Requests[name] = enough
					}
				}
			}
		}
		objects = append(objects, one)
	}
	return objects
}
