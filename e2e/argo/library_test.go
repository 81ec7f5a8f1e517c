//go:build cluster

package argo

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ligase-bio/ligase/catalog"
	"github.com/ligase-bio/ligase/e2e/built"
)

// builtin are the folders of the built-in library.
func builtin() []fs.FS {
	var folders []fs.FS
	for _, s := range catalog.Builtin() {
		folders = append(folders, s.FS)
	}
	return folders
}

// TestLibraryAgreesWithTheLaptop runs the library's pipelines by the program
// as a user does, on this machine and on the cluster: apart from names, times
// and places their summaries are the same.
func TestLibraryAgreesWithTheLaptop(t *testing.T) {
	t.Parallel()
	s := newSite(t, builtin()...)
	u := s.user(t)
	structure := filepath.Join("..", "..", "internal", "cli", "demo", "1ubq.pdb")
	for _, tt := range []struct {
		name string
		args []string
	}{
		{"design_and_fold", []string{"design_and_fold", "structure=@" + structure, "num_sequences=3"}},
		{"campaign", []string{"campaign", "length=40", "num_backbones=2", "num_sequences=2", "min_agreement=60"}}, // half of it is filtered
		{"design", []string{"design", "structure=@" + structure, "num_sequences=2"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			summaries := map[string]any{}
			for _, engine := range []string{"local", "argo"} {
				args := append([]string{"run", "--engine", engine, "--json", "--request-id", tt.name}, tt.args...)
				out, err := u.ligase(t, args...)
				if err != nil {
					t.Fatalf("%s: %v\n%s", engine, err, out)
				}
				summaries[engine] = withoutPlaces(t, out)
			}
			evenOut(summaries["local"], summaries["argo"])
			if diff := cmp.Diff(summaries["local"], summaries["argo"]); diff != "" {
				t.Errorf("-laptop +cluster:\n%s", diff)
			}
		})
	}
	t.Run("chain", u.chain)
}

var aURI = regexp.MustCompile(`(file|s3)://[^",]*?(/runs/[^",]*|…)`)

// withoutPlaces is a summary without when and where.
func withoutPlaces(t *testing.T, out string) any {
	t.Helper()
	var summary map[string]any
	if err := json.Unmarshal([]byte(aURI.ReplaceAllString(out, "somewhere")), &summary); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if summary["status"] != "succeeded" {
		t.Errorf("it did not succeed:\n%s", out)
	}
	for _, name := range []string{"started_at", "finished_at"} {
		if summary[name] == nil {
			t.Errorf("the summary has no %s", name)
		}
		delete(summary, name)
	}
	return summary
}

// evenOut cuts what two summaries show of each output, and what they say can be
// done next, to the shorter of the two: a summary has a fixed size, and longer
// URIs leave less room in it.
func evenOut(a, b any) {
	one, _ := a.(map[string]any)["preview"].(map[string]any)
	other, _ := b.(map[string]any)["preview"].(map[string]any)
	for port := range one {
		x, _ := one[port].([]any)
		y, _ := other[port].([]any)
		if n := min(len(x), len(y)); n > 0 {
			one[port], other[port] = x[:n], y[:n]
		}
	}
	x, _ := a.(map[string]any)["next"].([]any)
	y, _ := b.(map[string]any)["next"].([]any)
	if n := min(len(x), len(y)); n > 0 {
		a.(map[string]any)["next"], b.(map[string]any)["next"] = x[:n], y[:n]
	}
}

// user is somebody with the program and a configuration for the site.
type user struct {
	program, home, config string
	env                   []string
	patience              time.Duration // of one command; 0: the test's
}

// user builds the program and sets it up for the site.
func (s *site) user(t *testing.T) *user {
	t.Helper()
	home := t.TempDir()
	u := &user{program: built.Ligase(t), home: home, config: filepath.Join(home, "config.yaml"), patience: 5 * time.Minute}
	config := fmt.Sprintf(`
buckets:
  s3://: {endpoint: %q, region: %s, use_path_style: true, disable_https: true}
argo: {root: %q, namespace: %s, kubeconfig: %q}
`, s.cluster.S3.Endpoint, s.cluster.S3.Region, s.root.Join("user"), s.namespace, s.cluster.Kubeconfig)
	if err := os.WriteFile(u.config, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	u.env = append(os.Environ(), "HOME="+home, "LIGASE_ENGINE_IDLE=1s", "LIGASE_DATA="+filepath.Join(home, "data"),
		"AWS_ACCESS_KEY_ID="+s.cluster.S3.AccessKey, "AWS_SECRET_ACCESS_KEY="+s.cluster.S3.SecretKey)
	return u
}

// ligase runs the program and returns its standard output; what it said
// besides goes to the test's log.
func (u *user) ligase(t *testing.T, args ...string) (string, error) {
	t.Helper()
	if strings.Contains(strings.Join(args, " "), "--engine argo") {
		args = append(args, "--config", u.config)
	}
	ctx := t.Context()
	if u.patience > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, u.patience)
		defer cancel()
	}
	cmd := exec.CommandContext(ctx, u.program, args...)
	cmd.Env = u.env
	cmd.Stderr = testWriter{t}
	out, err := cmd.Output()
	return string(out), err
}
