// Package layers keeps the rules of the repository that the compiler does
// not: who may import whom, and what may stand at the top.
package layers

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/ligase-bio/ligase/"

// floors are the layers from the ground up. A package imports only what is on
// a lower floor; packages on one floor never import each other.
var floors = [][]string{
	{"internal/problem", "internal/mol", "internal/plain", "internal/report", "internal/nvidia"},
	{"internal/definition", "uris", "internal/tool"},
	{"uris/drivers/s3", "uris/drivers/gs", "uris/drivers/azblob", "internal/compare"},
	{"uris/drivers", "steps", "internal/config", "internal/baseline", "internal/adapt", "internal/gateway/identity", "internal/gateway/mcptasks"},
	{"internal/container"},
	{"steps/worker", "dag", "internal/gateway/record", "internal/draft"},
	{"pipelines", "internal/gateway/door"},
	{"catalog", "internal/tasks"},
	{"internal/runs", "internal/pod", "internal/argo/templates"},
	{"internal/follow", "internal/argo/drift"},
	{"internal/runs/runstest", "internal/sqlite", "internal/local", "internal/argo", "internal/argo/adopt", "internal/gateway"},
	{"internal/cli"},
	{"cmd/ligase", "cmd/ligase-worker", "e2e/mcp/fixture", "e2e/cluster/kube", "e2e/cluster/images", "e2e/cluster/pause", "e2e/built", "e2e/mcp/checkers", "e2e/podman/site"},
	{"deploy", "e2e", "e2e/argo/gateway", "e2e/bench", "e2e/gpu", "e2e/cluster", "internal/layers"},
}

// only lists packages that may import nothing of the project but these.
var only = map[string][]string{
	"internal/baseline": {"internal/mol", "internal/tool", "internal/compare", "internal/report"},
	"internal/adapt":    {"internal/mol", "internal/tool", "internal/compare"},
	"internal/compare":  {"internal/mol", "internal/tool"},
	"internal/tool":     {"internal/mol"},
	"internal/mol":      {},
	"internal/report":   {},
}

// foreign are modules that only some packages may import, in the program
// itself (tests apart).
var foreign = map[string][]string{
	"github.com/mattn/go-sqlite3":      {"internal/sqlite", "e2e/bench"},
	"github.com/dominikbraun/graph":    {"dag", "e2e/bench"}, // a peer to measure against
	"gocloud.dev":                      {"uris", "uris/drivers/s3", "uris/drivers/gs", "uris/drivers/azblob"},
	"go.yaml.in/yaml/v3":               {"internal/definition", "internal/argo/adopt"}, // writes definitions with remarks
	"github.com/spf13/cobra":           {"internal/cli"},
	"k8s.io":                           {"internal/argo", "internal/argo/templates", "internal/argo/drift", "internal/argo/adopt", "e2e/bench"},
	"github.com/argoproj":              {"internal/argo", "internal/argo/templates", "internal/argo/drift", "internal/argo/adopt", "e2e/bench"},
	"github.com/modelcontextprotocol/": {"internal/gateway", "internal/gateway/identity", "internal/gateway/mcptasks", "internal/gateway/record", "internal/gateway/door", "internal/cli", "e2e/mcp/fixture", "e2e/bench"}, // internal/cli: the transport
	"github.com/prometheus/":           {"internal/gateway/record"},
	"go.opentelemetry.io/":             {"internal/gateway/record", "internal/cli"},
}

type pkg struct {
	ImportPath   string
	Imports      []string
	TestImports  []string
	XTestImports []string
}

func list(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports,TestImports,XTestImports", module+"...")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	var pkgs []pkg
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		pkgs = append(pkgs, p)
	}
	if len(pkgs) < 5 {
		t.Fatalf("go list names only %d packages: this test sees nothing", len(pkgs))
	}
	return pkgs
}

func TestImportsGoStrictlyDown(t *testing.T) {
	floor := map[string]int{}
	for i, names := range floors {
		for _, n := range names {
			floor[n] = i
		}
	}
	for _, p := range list(t) {
		name := strings.TrimPrefix(p.ImportPath, module)
		at, placed := floor[name]
		if !placed {
			t.Errorf("%s has no floor: place it in floors", name)
			continue
		}
		for _, imported := range p.Imports {
			below, ours := strings.CutPrefix(imported, module)
			if !ours {
				for prefix, allowed := range foreign {
					if strings.HasPrefix(imported, prefix) && !slices.Contains(allowed, name) {
						t.Errorf("%s imports %s, which is for %v only", name, imported, allowed)
					}
				}
				continue
			}
			if floor[below] >= at {
				t.Errorf("%s (floor %d) imports %s (floor %d): imports go strictly down", name, at, below, floor[below])
			}
			if allowed, limited := only[name]; limited && !slices.Contains(allowed, below) {
				t.Errorf("%s imports %s, but may use only %v", name, below, allowed)
			}
		}
	}
}

func TestTopLevelIsGiven(t *testing.T) {
	given := []string{"cmd", "pipelines", "dag", "steps", "uris", "catalog", "deploy", "e2e", "internal", "docs",
		"go.mod", "go.sum", "Makefile", "README.md", "LICENSE", "CHANGELOG.md", "CONTRIBUTING.md"}
	cmd := exec.Command("git", "ls-files")
	cmd.Dir = filepath.Join("..", "..")
	out, err := cmd.Output()
	if err != nil {
		t.Skipf("not a git checkout, so there is no list of files to check: %v", err)
	}
	for _, file := range strings.Fields(string(out)) {
		top, _, _ := strings.Cut(file, "/")
		if !slices.Contains(given, top) && !strings.HasPrefix(top, ".") {
			t.Errorf("%s: nothing but %v and dotfiles stands at the top level", file, given)
		}
	}
}

func TestEveryDirectDependencyHasAReason(t *testing.T) {
	mod, err := exec.Command("go", "mod", "edit", "-json").Output()
	if err != nil {
		t.Fatal(err)
	}
	var m struct {
		Require []struct {
			Path     string
			Indirect bool
		}
	}
	if err := json.Unmarshal(mod, &m); err != nil {
		t.Fatal(err)
	}
	doc, err := os.ReadFile(filepath.Join("..", "..", "docs", "dependencies.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range m.Require {
		if !r.Indirect && !bytes.Contains(doc, []byte("`"+r.Path+"`")) {
			t.Errorf("docs/dependencies.md does not say what %s is for", r.Path)
		}
	}
}
