//go:build cluster

package deploy

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ligase-bio/ligase/catalog"
	"github.com/ligase-bio/ligase/e2e/mcp/checkers"
	"github.com/ligase-bio/ligase/internal/argo/templates"
)

const token = "a-token-of-the-tests-0123456789"

// The gateway, deployed as deploy/gateway says: its two replicas answer for
// each other's runs, agents do their work through the Service, and replacing
// all of its pods under load fails no call.
func TestGatewayOnTwoReplicas(t *testing.T) {
	t.Parallel()
	p, namespace := installed(t)
	if !p.cluster.Ours {
		t.Skip("the pods of this cluster are not reached from here: the gateway's replicas are looked at on make cluster-up's only")
	}
	h := p.hold(namespace)
	pdb, err := os.ReadFile(filepath.Join("..", "internal", "cli", "demo", "1ubq.pdb"))
	if err != nil {
		t.Fatal(err)
	}
	structure := h.put("1ubq.pdb", pdb)
	p.deployGateway(namespace)
	p.must("kubectl", "rollout", "status", "-n", namespace, "deployment/ligase-gateway", "--timeout=5m")

	pods := strings.Fields(p.must("kubectl", "get", "pods", "-n", namespace, "-l", "app.kubernetes.io/name=ligase-gateway", "-o", "jsonpath={.items[*].status.podIP}"))
	if len(pods) != 2 {
		t.Fatalf("the gateway has the pods %v, want two", pods)
	}
	service := "http://" + p.must("kubectl", "get", "service", "-n", namespace, "ligase-gateway", "-o", "jsonpath={.spec.clusterIP}") + "/mcp"
	one, other := "http://"+pods[0]+":8414/mcp", "http://"+pods[1]+":8414/mcp"

	t.Run("replicas", func(t *testing.T) {
		const arguments = `{"length":30,"num_backbones":1,"client_request_id":"of both"}`
		run := must(tool(t.Context(), one, "submit_backbone", arguments))(t).RunID
		if same := must(tool(t.Context(), other, "submit_backbone", arguments))(t); same.RunID != run {
			t.Errorf("the same call at the other replica is %s, want %s", same.RunID, run)
		}
		status := ""
		for end := time.Now().Add(5 * time.Minute); status != "succeeded" && time.Now().Before(end); {
			status = must(tool(t.Context(), other, "get_run_status", `{"run_id":"`+run+`","wait_seconds":20}`))(t).Status
		}
		for _, at := range []string{one, other} {
			if sum := must(tool(t.Context(), at, "fetch_run_summary", `{"run_id":"`+run+`"}`))(t); sum.Status != "succeeded" || len(sum.OutputURIs) == 0 {
				t.Errorf("%s says of %s: %+v", at, run, sum)
			}
		}
		if log := must(tool(t.Context(), other, "get_run_logs", `{"run_id":"`+run+`"}`))(t); log.RunID != run {
			t.Errorf("the log at the other replica: %+v", log)
		}
		if _, err := call(t.Context(), service, "list_runs", "{}", ""); err == nil {
			t.Error("a caller without a token was answered")
		}
	})
	t.Run("held", func(t *testing.T) {
		const arguments = `{"length":40,"num_backbones":2,"num_sequences":2,"client_request_id":"held by one"}`
		run := must(tool(t.Context(), one, "submit_campaign", arguments))(t).RunID
		must(tool(t.Context(), other, "get_run_status", `{"run_id":"`+run+`"}`))(t) // it looks after the run, too
		must(tool(t.Context(), one, "suspend_run", `{"run_id":"`+run+`"}`))(t)
		agree := func(suspended bool) {
			t.Helper()
			for _, at := range []string{one, other} {
				now := told{Suspended: !suspended}
				for end := time.Now().Add(30 * time.Second); now.Suspended != suspended && time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
					now = must(tool(t.Context(), at, "get_run_status", `{"run_id":"`+run+`"}`))(t)
				}
				if now.Suspended != suspended || suspended && now.Status == "succeeded" {
					t.Errorf("%s says of %s: %+v, want suspended %v", at, run, now, suspended)
				}
			}
		}
		agree(true)
		time.Sleep(5 * time.Second) // and neither lets it go
		agree(true)
		must(tool(t.Context(), other, "resume_run", `{"run_id":"`+run+`"}`))(t)
		agree(false)
		status := ""
		for end := time.Now().Add(5 * time.Minute); status != "succeeded" && time.Now().Before(end); {
			status = must(tool(t.Context(), one, "get_run_status", `{"run_id":"`+run+`","wait_seconds":20}`))(t).Status
		}
		if status != "succeeded" {
			t.Errorf("%s let go on at the other replica is %s", run, status)
		}
	})
	t.Run("agents", func(t *testing.T) {
		for _, client := range []string{"v1", "v2", "tasks"} {
			t.Run(client, func(t *testing.T) {
				t.Parallel()
				out, err := checkers.Node(t, []string{"LIGASE_TOKEN=" + token}, "chain.mjs", service, client, structure)
				t.Log(out)
				if err != nil {
					t.Error(err)
				}
			})
		}
	})
	t.Run("replaced", func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		var callers sync.WaitGroup
		var calls atomic.Int64
		for i := range 4 {
			callers.Go(func() {
				for ctx.Err() == nil {
					if _, err := tool(context.WithoutCancel(ctx), service, "list_runs", `{"limit":5}`); err != nil {
						t.Errorf("caller %d, call %d: %v", i, calls.Load(), err)
						return
					}
					calls.Add(1)
					time.Sleep(10 * time.Millisecond)
				}
			})
		}
		p.must("kubectl", "rollout", "restart", "-n", namespace, "deployment/ligase-gateway")
		p.must("kubectl", "rollout", "status", "-n", namespace, "deployment/ligase-gateway", "--timeout=5m")
		for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(time.Second) { // the old ones are ending
			if now := strings.Fields(p.must("kubectl", "get", "pods", "-n", namespace, "-l", "app.kubernetes.io/name=ligase-gateway", "-o", "name")); len(now) == 2 {
				break
			}
		}
		stop()
		callers.Wait()
		t.Logf("%d calls were made while the pods were replaced", calls.Load())
		if calls.Load() < 100 {
			t.Errorf("only %d calls were made", calls.Load())
		}
	})
	if t.Failed() {
		logs, _ := p.program("kubectl", "logs", "-n", namespace, "-l", "app.kubernetes.io/name=ligase-gateway", "--tail=50")
		t.Log(logs)
	}
}

// deployGateway applies deploy/gateway with this cluster's images and bucket,
// and a step that fails.
func (p *place) deployGateway(namespace string) {
	p.Helper()
	s3 := p.cluster.S3
	p.write("gateway/config.yaml", fmt.Sprintf(`
engine: argo
argo: {root: "s3://%s/%s", namespace: %s}
buckets:
  s3://: {endpoint: %q, region: %s, use_path_style: true, disable_https: true}
`, s3.Bucket, namespace, namespace, s3.PodEndpoint, s3.Region))
	p.write("gateway/tokens", "tests "+token+"\n")
	image := p.cluster.Image("ligase")
	at := strings.LastIndex(image, ":")
	p.add("gateway/kustomization.yaml", fmt.Sprintf("images:\n  - {name: ghcr.io/ligase-bio/ligase, newName: %s, newTag: %q}\n", image[:at], image[at+1:]))
	p.write("try-gateway/kustomization.yaml", `apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: `+namespace+`
resources: [../gateway]
patches:
  - target: {kind: Deployment}
    patch: |
      - {op: add, path: /spec/template/spec/containers/0/args/-, value: "--catalog=/definitions"}
      - {op: add, path: /spec/template/spec/containers/0/volumeMounts/-, value: {name: definitions, mountPath: /definitions}}
      - {op: add, path: /spec/template/spec/volumes/-, value: {name: definitions, configMap: {name: definitions}}}
`)
	definitions := filepath.Join("..", "e2e", "mcp", "definitions")
	source, err := catalog.Dir(definitions)
	if err != nil {
		p.Fatal(err)
	}
	cat, problems := catalog.Load(append(catalog.Builtin(), source)...)
	if problems != nil {
		p.Fatal(problems)
	}
	all, err := templates.All(cat, templates.Options{WorkerImage: p.cluster.Image("ligase-worker"), DefaultImage: p.cluster.Image("ligase"), Namespace: namespace})
	if err != nil {
		p.Fatal(err)
	}
	for _, one := range all {
		if !strings.HasPrefix(one.Name, "broken") {
			continue
		}
		data, err := templates.Marshal(one)
		if err != nil {
			p.Fatal(err)
		}
		p.write("broken.yaml", strings.ReplaceAll(string(data), `cpu: "1"`, "cpu: 50m"))
	}
	p.must("kubectl", "apply", "-n", namespace, "-f", filepath.Join(p.dir, "broken.yaml"))
	p.must("kubectl", "create", "configmap", "definitions", "-n", namespace, "--from-file="+definitions)
	p.must("kubectl", "apply", "-k", filepath.Join(p.dir, "try-gateway"))
}

func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// told is what is looked at of what tools answer.
type told struct {
	RunID      string         `json:"run_id"`
	Status     string         `json:"status"`
	Suspended  bool           `json:"suspended"`
	OutputURIs map[string]any `json:"output_uris"`
}

func tool(ctx context.Context, url, name, arguments string) (told, error) {
	return call(ctx, url, name, arguments, token)
}

// call calls a tool as the protocol's version 2026-07-28 has it.
func call(ctx context.Context, url, name, arguments, token string) (t told, err error) {
	body := `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"` + name + `","arguments":` + arguments +
		`,"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"e2e","version":"1"},"io.modelcontextprotocol/clientCapabilities":{}}}}`
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return t, err
	}
	for k, v := range map[string]string{
		"Content-Type": "application/json", "Accept": "application/json, text/event-stream",
		"Mcp-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call", "Mcp-Name": name,
	} {
		req.Header.Set(k, v)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return t, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return t, err
	}
	if _, event, found := bytes.Cut(data, []byte("data: ")); found {
		data = event
	}
	var answer struct {
		Result struct {
			Content           []struct{ Text string }
			StructuredContent told
			IsError           bool
		}
		Error *struct{ Message string }
	}
	if err := json.Unmarshal(bytes.TrimSpace(data), &answer); err != nil || resp.StatusCode != http.StatusOK || answer.Error != nil || answer.Result.IsError {
		return t, fmt.Errorf("%s(%s) at %s answered %d: %.500s", name, arguments, url, resp.StatusCode, data)
	}
	return answer.Result.StructuredContent, nil
}
