//go:build e2e

package e2e

import (
	"bytes"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ligase-bio/ligase/e2e/built"
)

var (
	fence     = regexp.MustCompile("(?ms)^```(sh|yaml)\n(.*?)^```")
	fileNamed = regexp.MustCompile(`^# (\S+\.yaml)\n`)
)

// TestReadme runs every command of the README, in order, in a fresh checkout's
// shape: its YAML files are written where their first line says.
func TestReadme(t *testing.T) {
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Symlink(filepath.Join(root, "internal"), filepath.Join(dir, "internal")); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "my.fasta"), ">mine\nMQIFVKTLTGKTITLEVEPSDTIENVKAKIQDKEG\n")
	env := environment(t)
	// What needs a cluster is run on one, by e2e/argo.
	before, after, _ := strings.Cut(string(readme), "\n## On a cluster\n")
	_, after, _ = strings.Cut(after, "\n## ")
	blocks := fence.FindAllStringSubmatch(before+after, -1)
	ran := 0
	// Definitions first: their blocks stand between commands that use them.
	for _, b := range blocks {
		if b[1] == "yaml" {
			name := fileNamed.FindStringSubmatch(b[2])
			if name == nil {
				t.Errorf("a YAML block of the README names no file in its first line:\n%s", b[2])
				continue
			}
			write(t, filepath.Join(dir, name[1]), b[2])
		}
	}
	for _, b := range blocks {
		if b[1] != "sh" {
			continue
		}
		for _, line := range strings.Split(strings.TrimSpace(b[2]), "\n") {
			if strings.HasPrefix(line, "make ") {
				continue // make demo: TestDemo; make test: CI itself
			}
			if strings.HasPrefix(line, "ligase serve") {
				serve(t, dir, env, line)
				ran++
				continue
			}
			script := line
			wantFailure := false
			if strings.Contains(line, " RUN") {
				id := strings.TrimSpace(shell(t, dir, env, "ligase run fold sequence=@my.fasta --detach 2>/dev/null", false))
				script = strings.Replace(line, "RUN", id, 1)
				if strings.HasPrefix(line, "ligase retry") {
					shell(t, dir, env, "ligase cancel "+id, false)
					// It may have ended before it could be cancelled; then
					// there is nothing to go on with, and it says so.
					wantFailure = strings.Contains(shell(t, dir, env, "ligase status "+id, false), "succeeded")
				}
			}
			t.Log("$ " + script)
			t.Log(shell(t, dir, env, script, wantFailure))
			ran++
		}
	}
	if ran < 15 {
		t.Errorf("only %d commands of the README were run: this test sees too little", ran)
	}
}

// serve starts a gateway as a line of the README says, sees that it is ready,
// and ends it as an init system does.
func serve(t *testing.T, dir string, env []string, line string) {
	t.Helper()
	t.Log("$ " + line)
	cmd := exec.Command("sh", "-c", "exec "+line)
	cmd.Dir, cmd.Env = dir, env
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ready := false
	for end := time.Now().Add(20 * time.Second); !ready && time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if resp, err := http.Get("http://127.0.0.1:8414/ready"); err == nil {
			resp.Body.Close()
			ready = resp.StatusCode == http.StatusOK
		}
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	if err := cmd.Wait(); err != nil || !ready {
		t.Errorf("$ %s\nready: %v, ended: %v\n%s", line, ready, err, said.String())
	}
}

// TestDemo runs the program's demo as `make demo` does.
func TestDemo(t *testing.T) {
	out := shell(t, t.TempDir(), environment(t), "ligase demo", false)
	for _, want := range []string{"succeeded", "ranked", "tm_score", "try next"} {
		if !strings.Contains(out, want) {
			t.Errorf("the demo's output has no %q:\n%s", want, out)
		}
	}
}

// environment is that of a new user: an empty home, and ligase on the PATH.
func environment(t *testing.T) []string {
	t.Helper()
	return []string{"HOME=" + t.TempDir(), "PATH=" + filepath.Dir(built.Ligase(t)) + ":" + os.Getenv("PATH"), "LIGASE_ENGINE_IDLE=1s"}
}

// shell runs a line and returns what it printed on both streams; it fails the
// test unless the line ends as wanted.
func shell(t *testing.T, dir string, env []string, line string, wantFailure bool) string {
	t.Helper()
	cmd := exec.Command("sh", "-c", line)
	cmd.Dir, cmd.Env = dir, env
	out, err := cmd.CombinedOutput()
	if (err != nil) != wantFailure {
		t.Errorf("$ %s\n%v\n%s", line, err, out)
	}
	return string(out)
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}
