//go:build tools || cluster

// Package tools runs the examples of the catalog with the real tools that
// they name, as a user does: on this machine (tag tools), and on a cluster
// with images made of the same tools (tag cluster). Debian has them.
package tools

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ligase-bio/ligase/e2e/built"
)

// debian are the programs that the examples run, and the package of each.
var debian = map[string]string{
	"bwa": "bwa", "samtools": "samtools", "wgsim": "samtools", "bcftools": "bcftools",
	"hmmbuild": "hmmer", "hmmemit": "hmmer", "hmmsearch": "hmmer",
}

// install makes the programs available, or fails loudly: these tests were
// asked for by their tag.
func install(t *testing.T) {
	t.Helper()
	missing := func() (packages []string) {
		for program, name := range debian {
			if _, err := exec.LookPath(program); err != nil {
				packages = append(packages, name)
			}
		}
		return packages
	}
	packages := missing()
	if len(packages) == 0 {
		return
	}
	out, err := exec.Command("apt-get", append([]string{"install", "-y", "--no-install-recommends"}, packages...)...).CombinedOutput()
	if left := missing(); len(left) > 0 {
		t.Fatalf("`apt-get install %s` did not help: %v\n%s\nInstall them and try again.", strings.Join(packages, " "), err, out)
	}
}

// lab is a user with the program, the examples, and a data folder of the
// test's own.
type lab struct {
	program, dir string
	env          []string
}

func newLab(t *testing.T) *lab {
	t.Helper()
	install(t)
	l := &lab{program: built.Ligase(t), dir: t.TempDir()}
	l.env = []string{
		"HOME=" + l.dir, "PATH=" + os.Getenv("PATH"), "LIGASE_ENGINE_IDLE=1s", "LIGASE_DATA=" + filepath.Join(l.dir, "data"),
		"LIGASE_CONTAINERS=never", // the programs are Debian's, here
		"LIGASE_CATALOG=" + definitions(t, "variants") + ":" + definitions(t, "families"),
	}
	return l
}

// definitions is the folder of an example.
func definitions(t *testing.T, example string) string {
	t.Helper()
	dir, err := filepath.Abs(filepath.Join("..", "..", "catalog", "examples", example))
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// write puts a file into the user's folder.
func (l *lab) write(t *testing.T, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(l.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// ligase runs the program in the user's folder. said is all that it printed,
// out what it printed for programs.
func (l *lab) ligase(t *testing.T, args ...string) (out, said string, exit int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, l.program, args...)
	cmd.Dir, cmd.Env = l.dir, l.env
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	said = stderr.String() + stdout.String()
	if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() < 0 {
		t.Fatalf("ligase %s: %v\n%s", strings.Join(args, " "), err, said)
	}
	return stdout.String(), said, cmd.ProcessState.ExitCode()
}

// summary is what a run comes to, as a program reads it.
type summary struct {
	RunID   string             `json:"run_id"`
	Metrics map[string]float64 `json:"metrics"`
}

// run runs a tool to its end, which must be a good one.
func (l *lab) run(t *testing.T, args ...string) summary {
	t.Helper()
	out, said, exit := l.ligase(t, append([]string{"run", "--json"}, args...)...)
	if exit != 0 {
		t.Fatalf("ligase run %s ended with exit code %d:\n%s", strings.Join(args, " "), exit, said)
	}
	var s summary
	if err := json.Unmarshal([]byte(out), &s); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return s
}

// outputs copies what a port of a run gave here, and returns the files in
// order.
func (l *lab) outputs(t *testing.T, s summary, port string) []string {
	t.Helper()
	to := filepath.Join(l.dir, "out", s.RunID, port)
	if _, err := os.Stat(to); err != nil { // not yet
		if _, said, exit := l.ligase(t, "outputs", s.RunID, port, "--to", to); exit != 0 {
			t.Fatalf("ligase outputs %s %s: %s", s.RunID, port, said)
		}
	}
	entries, err := os.ReadDir(to)
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	for _, e := range entries { // few enough for the order of names to be that of numbers
		files = append(files, filepath.Join(to, e.Name()))
	}
	if len(files) == 0 || len(files) > 10 {
		t.Fatalf("%s of %s has %d files", port, s.RunID, len(files))
	}
	return files
}

func (l *lab) output(t *testing.T, s summary, port string) string {
	t.Helper()
	files := l.outputs(t, s, port)
	if len(files) != 1 {
		t.Fatalf("%s of %s has %d files, not one", port, s.RunID, len(files))
	}
	return files[0]
}

// read is a file's text.
func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// rows are the fields of a table's rows, without the header and without lines
// that begin with ##.
func rows(t *testing.T, path, delimiter string) [][]string {
	t.Helper()
	var out [][]string
	for _, line := range strings.Split(strings.TrimSuffix(read(t, path), "\n"), "\n") {
		if !strings.HasPrefix(line, "##") {
			out = append(out, strings.Split(line, delimiter))
		}
	}
	return out[1:]
}

// tool runs one of the real tools and returns what it printed.
func tool(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, said.String())
	}
	return string(out)
}
