//go:build cluster

// Smoke tests of the cluster itself: that what the other tests build on is
// there. They need one that is up (`make cluster-up`), or KUBECONFIG.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ligase-bio/ligase/e2e/cluster/kube"
	"github.com/ligase-bio/ligase/uris"
	"github.com/ligase-bio/ligase/uris/drivers"
)

var lifecycle = flag.Bool("lifecycle", false, "also take the cluster down, kill it and bring it up again; everything on it is lost")

// smoke is a namespace of a test's own on the cluster.
type smoke struct {
	*testing.T
	kube.Cluster
	namespace string
}

func newSmoke(t *testing.T, labels ...string) smoke {
	t.Helper()
	s := onCluster(t)
	s.kubectl("", "create", "namespace", s.namespace)
	t.Cleanup(func() {
		if *lifecycle {
			return // it may have gone with the cluster
		}
		s.kubectl("", "delete", "namespace", s.namespace, "--wait=false")
	})
	for _, label := range labels {
		s.kubectl("", "label", "namespace", s.namespace, label)
	}
	s.kubectl("", "create", "rolebinding", "argo-executor", "--clusterrole=argo-executor", "--serviceaccount="+s.namespace+":default")
	return s
}

// onCluster is the cluster without a namespace.
func onCluster(t *testing.T) smoke {
	t.Helper()
	described, err := kube.Load()
	if err != nil {
		t.Fatal(err)
	}
	return smoke{T: t, Cluster: described, namespace: fmt.Sprintf("smoke-%d", time.Now().UnixNano()%1e12)}
}

// try runs kubectl in the namespace with stdin.
func (s smoke) try(stdin string, args ...string) (string, error) {
	return s.program("kubectl", stdin, append([]string{"--namespace", s.namespace}, args...)...)
}

func (s smoke) program(name, stdin string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, s.Program(name), args...)
	cmd.Env = append(os.Environ(), s.Env()...)
	cmd.Stdin = strings.NewReader(stdin)
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("%s %s: %w: %s%s", name, strings.Join(args, " "), err, out.String(), said.String())
	}
	return out.String(), nil
}

func (s smoke) kubectl(stdin string, args ...string) string {
	s.Helper()
	out, err := s.try(stdin, args...)
	if err != nil {
		s.Fatal(err)
	}
	return out
}

// eventually asks until the answer is as wanted.
func (s smoke) eventually(patience time.Duration, what string, ask func() (string, bool)) {
	s.Helper()
	var last string
	if !wait(context.Background(), patience, func() bool {
		got, ok := ask()
		last = got
		return ok
	}) {
		s.Fatalf("%s: not within %s; last seen: %s", what, patience, last)
	}
}

// cluster runs this very program, as `go run ./e2e/cluster` does.
func (s smoke) cluster(args ...string) {
	s.Helper()
	var out, said bytes.Buffer
	if code := run(args, &out, &said); code != exitDone {
		s.Fatalf("cluster %s: exit code %d\n%s%s", strings.Join(args, " "), code, out.String(), said.String())
	}
}

const passing = `apiVersion: argoproj.io/v1alpha1
kind: WorkflowTemplate
metadata: {name: passing}
spec:
  entrypoint: main
  podSpecPatch: '{"securityContext": {"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}}, "initContainers": [{"name": "init", "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}}}], "containers": [{"name": "wait", "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}}}]}'
  templates:
  - name: main
    dag:
      tasks:
      - {name: give, template: give}
      - {name: take, template: take, depends: give, arguments: {parameters: [{name: word, value: "{{tasks.give.outputs.parameters.word}}"}]}}
  - name: give
    container:
      image: IMAGE
      command: [sh, -c, "printf 'from-the-first-step' > /tmp/word"]
      securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
    outputs: {parameters: [{name: word, valueFrom: {path: /tmp/word}}]}
  - name: take
    inputs: {parameters: [{name: word}]}
    container:
      image: IMAGE
      command: [sh, -c, 'echo "got {{inputs.parameters.word}} as $(id -u)"']
      securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
`

func (s smoke) passing() string {
	return strings.ReplaceAll(passing, "IMAGE", s.Image("ligase-e2e-tools"))
}

func (s smoke) submit() string {
	s.Helper()
	name, err := s.program("argo", "", "--namespace", s.namespace, "submit", "--from", "workflowtemplate/passing", "--output", "name")
	if err != nil {
		s.Fatal(err)
	}
	return strings.TrimSpace(name)
}

func (s smoke) succeeds(workflow string) {
	s.Helper()
	s.eventually(2*time.Minute, "the workflow succeeds", func() (string, bool) {
		phase := s.kubectl("", "get", "workflow", workflow, "--output", "jsonpath={.status.phase} {.status.message}")
		return phase, strings.HasPrefix(phase, "Succeeded")
	})
}

// TestAWorkflowPassesAParameterOnUnderRestrictedSecurity runs in a namespace
// that the controller was never told of, under the strictest pod security.
func TestAWorkflowPassesAParameterOnUnderRestrictedSecurity(t *testing.T) {
	s := newSmoke(t, "pod-security.kubernetes.io/enforce=restricted")
	s.kubectl(s.passing(), "create", "--filename", "-")
	workflow := s.submit()
	s.succeeds(workflow)
	log := s.kubectl("", "logs", "--selector", "workflows.argoproj.io/workflow="+workflow, "--container", "main", "--tail", "-1")
	if want := "got from-the-first-step as 65532"; !strings.Contains(log, want) {
		t.Errorf("the log is %q, want %q in it", log, want)
	}
}

func TestPodSecurityRefusesWhatIsNotRestricted(t *testing.T) {
	s := newSmoke(t, "pod-security.kubernetes.io/enforce=restricted")
	_, err := s.try("", "run", "loose", "--image", s.Image("ligase-e2e-tools"))
	if err == nil || !strings.Contains(err.Error(), "violates PodSecurity") {
		t.Errorf("a pod without any restriction: %v, want a violation of PodSecurity", err)
	}
}

// TestAnInlineWorkflowIsRefused shows that templateReferencing is Strict.
func TestAnInlineWorkflowIsRefused(t *testing.T) {
	s := newSmoke(t)
	s.kubectl(strings.NewReplacer("kind: WorkflowTemplate", "kind: Workflow").Replace(s.passing()), "create", "--filename", "-")
	s.eventually(time.Minute, "the workflow is refused", func() (string, bool) {
		state := s.kubectl("", "get", "workflow", "passing", "--output", "jsonpath={.status.phase} {.status.message}")
		return state, strings.HasPrefix(state, "Error") && strings.Contains(state, "workflowTemplateRef")
	})
}

func (s smoke) pod(name, container string) string {
	return `{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "` + name + `"}, "spec": {"restartPolicy": "Never", "terminationGracePeriodSeconds": 0, "containers": [
		{"name": "main", "image": "` + s.Image("ligase-e2e-tools") + `", ` + container + `}]}}` + "\n"
}

func (s smoke) phase(pod string) string {
	return s.kubectl("", "get", "pod", pod, "--output", "jsonpath={.status.phase}")
}

func TestTheThirdPodThatWantsAGPUWaits(t *testing.T) {
	s := newSmoke(t)
	if !s.Ours {
		t.Skip("how many GPUs a cluster of the user's has, and who uses them, is not for a test to say")
	}
	for _, name := range []string{"one", "two", "three"} {
		s.kubectl(s.pod(name, `"command": ["sleep", "600"], "resources": {"limits": {"nvidia.com/gpu": "1"}}`), "create", "--filename", "-")
		if name != "three" {
			s.eventually(time.Minute, name+" runs", func() (string, bool) { p := s.phase(name); return p, p == "Running" })
		}
	}
	s.eventually(time.Minute, "the third is told why it waits", func() (string, bool) {
		state := s.kubectl("", "get", "pod", "three", "--output", `jsonpath={.status.phase} {.status.conditions[?(@.type=="PodScheduled")].message}`)
		return state, strings.HasPrefix(state, "Pending") && strings.Contains(state, "Insufficient nvidia.com/gpu")
	})
	s.kubectl("", "delete", "pod", "one")
	s.eventually(time.Minute, "the third runs when the first is gone", func() (string, bool) { p := s.phase("three"); return p, p == "Running" })
}

// store is the cluster's bucket through the project's own driver.
func (s smoke) store(endpoint string) *uris.Store {
	s.Helper()
	s.Setenv("AWS_ACCESS_KEY_ID", s.S3.AccessKey)
	s.Setenv("AWS_SECRET_ACCESS_KEY", s.S3.SecretKey)
	store, err := uris.NewStore(uris.Options{
		Roots:   []uris.Root{{URI: uris.MustParse("s3://" + s.S3.Bucket + "/" + s.namespace), Write: true}},
		Buckets: map[string]uris.BucketConfig{"s3://": {Endpoint: endpoint, Region: s.S3.Region, UsePathStyle: true}},
		Openers: drivers.All(),
	})
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() {
		if err := store.Close(); err != nil {
			s.Error(err)
		}
	})
	return store
}

func (s smoke) object(name string) uris.URI {
	return uris.MustParse("s3://" + s.S3.Bucket + "/" + s.namespace + "/" + name)
}

func TestAPodReadsWhatTheHostHasWrittenToS3(t *testing.T) {
	s := newSmoke(t)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if _, err := s.store(s.S3.Endpoint).Put(ctx, s.object("word"), strings.NewReader("written by the host\n")); err != nil {
		t.Fatal(err)
	}
	link, err := s.store(s.S3.PodEndpoint).SignedURL(ctx, s.object("word"), 5*time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	s.kubectl(s.pod("reader", fmt.Sprintf(`"command": ["wget", "-q", "-O", "-", %q]`, link)), "create", "--filename", "-")
	s.eventually(time.Minute, "the pod ends well", func() (string, bool) { p := s.phase("reader"); return p, p == "Succeeded" })
	if got := s.kubectl("", "logs", "reader"); got != "written by the host\n" {
		t.Errorf("the pod read %q", got)
	}
}

// TestAServiceReachesItsPod needs what kube-proxy does.
func TestAServiceReachesItsPod(t *testing.T) {
	s := newSmoke(t)
	s.kubectl(s.pod("web", `"command": ["sh", "-c", "mkdir /tmp/w && echo served > /tmp/w/index.html && exec httpd -f -p 8080 -h /tmp/w"]`), "create", "--filename", "-")
	s.kubectl("", "label", "pod", "web", "app=web")
	s.kubectl("", "create", "service", "clusterip", "web", "--tcp=80:8080")
	s.eventually(time.Minute, "the server runs", func() (string, bool) { p := s.phase("web"); return p, p == "Running" })
	ip := s.kubectl("", "get", "service", "web", "--output", "jsonpath={.spec.clusterIP}")
	s.kubectl(s.pod("reader", fmt.Sprintf(`"command": ["sh", "-c", "for i in $(seq 30); do wget -q -O - http://%s/ && exit; sleep 1; done; exit 1"]`, ip)), "create", "--filename", "-")
	s.eventually(time.Minute, "the reader ends well", func() (string, bool) { p := s.phase("reader"); return p, p == "Succeeded" })
	if got := s.kubectl("", "logs", "reader"); got != "served\n" {
		t.Errorf("the Service gave %q", got)
	}
}

func TestArgoServerListsWorkflows(t *testing.T) {
	s := newSmoke(t)
	if s.ArgoServer == "" {
		t.Skip("LIGASE_E2E_ARGO_SERVER names no Argo Server")
	}
	client := http.Client{Timeout: 10 * time.Second}
	response, err := client.Get(s.ArgoServer + "/api/v1/workflows/" + s.namespace)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK || !strings.Contains(string(body), `"items"`) {
		t.Errorf("%s %s (%v)", response.Status, body, err)
	}
}

// TestFaults stops and starts what can be without waiting for others to
// recover. ./e2e/argo does so with the API server and Argo's controller.
func TestFaults(t *testing.T) {
	s := newSmoke(t)
	if !s.Ours {
		t.Skip("the components of a cluster of the user's are not for a test to stop")
	}
	start := func(component string) func() { return func() { s.cluster("start", component) } }

	t.Run("s3", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if _, err := s.store(s.S3.Endpoint).Put(ctx, s.object("kept"), strings.NewReader("kept")); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(start("s3"))
		s.cluster("stop", "s3")
		client := http.Client{Timeout: 2 * time.Second}
		if response, err := client.Get(s.S3.Endpoint); err == nil {
			response.Body.Close()
			t.Error("S3 answers although it is stopped")
		}
		s.cluster("start", "s3")
		if got, err := s.store(s.S3.Endpoint).ReadAll(ctx, s.object("kept"), 100); err != nil || string(got) != "kept" {
			t.Errorf("after the restart: %q, %v", got, err)
		}
	})
	t.Run("kubelet", func(t *testing.T) {
		t.Cleanup(start("kubelet"))
		s.cluster("stop", "kubelet")
		s.cluster("start", "kubelet")
		if got := s.kubectl("", "get", "node", s.Node, "--output", `jsonpath={.status.allocatable.nvidia\.com/gpu}`); got != fmt.Sprint(s.GPUs) {
			t.Errorf("after the restart the node has %q GPUs, want %d", got, s.GPUs)
		}
	})
}

const sleepOfNobodyElse = "86397"

// TestLifecycle loses everything on the cluster, so it runs only when asked.
func TestLifecycle(t *testing.T) {
	if !*lifecycle {
		t.Skip("it takes the cluster down: ask for it with -lifecycle")
	}
	s := onCluster(t)
	if !s.Ours {
		t.Skip("a cluster of the user's is not for a test to take down")
	}
	places, err := findPlaces(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	nothingLeft := func(t *testing.T) {
		t.Helper()
		for _, is := range traces(t, places) {
			t.Errorf("down left %s", is)
		}
	}
	run := func(t *testing.T) {
		t.Helper()
		s := newSmoke(t)
		s.kubectl(s.passing(), "create", "--filename", "-")
		s.succeeds(s.submit())
	}
	// sleeper is something that runs while the cluster goes away. Its command
	// line is like no other's.
	sleeper := func(t *testing.T) {
		t.Helper()
		s := newSmoke(t)
		s.kubectl(s.pod("sleeper", `"command": ["sleep", "`+sleepOfNobodyElse+`"]`), "create", "--filename", "-")
		s.eventually(time.Minute, "the sleeper runs", func() (string, bool) { p := s.phase("sleeper"); return p, p == "Running" })
	}
	t.Run("down twice", func(t *testing.T) {
		sleeper(t)
		s.cluster("down")
		nothingLeft(t)
		s.cluster("down")
		nothingLeft(t)
	})
	t.Run("up again", func(t *testing.T) {
		s.cluster("up")
		run(t)
	})
	kill := func(t *testing.T) {
		t.Helper()
		strays, err := places.strays()
		if err != nil || len(strays) < len(places.components()) {
			t.Fatalf("%d processes to kill, %v", len(strays), err)
		}
		if err := killAll(t.Context(), strays); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("up after everything was killed", func(t *testing.T) {
		kill(t)
		s.cluster("up")
		run(t)
	})
	t.Run("down after everything was killed", func(t *testing.T) {
		sleeper(t)
		kill(t)
		s.cluster("down")
		nothingLeft(t)
	})
	t.Run("and up", func(t *testing.T) {
		s.cluster("up")
		run(t)
	})
}

// traces are what a cluster leaves on a machine when it is not taken down well.
func traces(t *testing.T, p places) []string {
	t.Helper()
	var found []string
	strays, err := p.strays()
	if err != nil {
		t.Fatal(err)
	}
	all, err := processes()
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range all {
		if slices.Contains(q.command, sleepOfNobodyElse) {
			found = append(found, "a container's process")
		}
	}
	for _, q := range strays {
		found = append(found, "process "+strings.Join(q.command, " "))
	}
	for _, path := range []string{p.state, "/var/lib/kubelet", "/sys/class/net/" + bridge, "/sys/fs/cgroup/kubepods", "/sys/fs/cgroup/memory/kubepods"} {
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			found = append(found, path)
		}
	}
	for _, pattern := range []string{"/var/lib/cni/results/*", "/var/log/containers/*", "/run/containerd/s/*"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, files...)
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	rules := string(mounts)
	for _, program := range []string{"iptables-save", "ip6tables-save"} {
		out, err := exec.Command(program).Output()
		if err != nil {
			t.Fatal(err)
		}
		rules += string(out)
	}
	for line := range strings.Lines(rules) {
		if strings.Contains(line, p.state+"/") || strings.Contains(line, "KUBE-") || strings.Contains(line, "CNI-") || strings.Contains(line, comment) {
			found = append(found, strings.TrimSpace(line))
		}
	}
	return found
}
