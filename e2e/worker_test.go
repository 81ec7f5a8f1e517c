//go:build e2e && linux

package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ligase-bio/ligase/catalog"
	"github.com/ligase-bio/ligase/internal/tasks"
	"github.com/ligase-bio/ligase/pipelines"
	"github.com/ligase-bio/ligase/uris"
)

// It is brought into every pod, over and over.
const workerBytes = 35 << 20

// builtWorker builds ligase-worker as a release is.
func builtWorker(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "ligase-worker")
	build(t, program, "github.com/ligase-bio/ligase/cmd/ligase-worker")
	return program
}

func build(t *testing.T, to, from string) {
	t.Helper()
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", to, from)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

func TestWorkerIsSmall(t *testing.T) {
	info, err := os.Stat(builtWorker(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("ligase-worker has %.1f MiB", float64(info.Size())/(1<<20))
	if info.Size() > workerBytes {
		t.Errorf("ligase-worker has %d bytes; at most %d are meant", info.Size(), workerBytes)
	}
}

// largeTool is a science program in an image of its own: it is all there is.
const largeTool = `package main

import (
	"bytes"
	"fmt"
	"os"
)

func main() {
	text, err := os.ReadFile(os.Args[1])
	if err == nil {
		err = os.WriteFile(os.Args[2], bytes.ToUpper(text), 0o644)
	}
	fmt.Println("enlarged", err)
	if err != nil {
		os.Exit(1)
	}
}
`

const largeDefinitions = `
name: large
version: 1.0.0
title: Make letters large
description: Make letters large.
inputs: {in: {type: test.text}}
outputs: {out: {type: test.text, format: txt}}
implementations:
  bare: {image: scratch, command: [/tool, $(inputs.in), $(work)/out.txt], collect: {out: out.txt}}
`

// container runs a command as the strictest of pods does: on a root file
// system that holds next to nothing and cannot be written, as a user without
// any privileges, as process 1, with no more environment than it is given.
// Only the volumes can be written.
func container(t *testing.T, image, volumes string, env []string, command ...string) (stdout, stderr string, exit int) {
	t.Helper()
	const script = `set -e
mount --bind "$1" "$1"
mkdir -p "$1"/proc "$1"/dev "$1"/ligase "$1"/store
mount -t proc proc "$1"/proc
mount -t tmpfs tmpfs "$1"/dev
touch "$1"/dev/null && mount --bind /dev/null "$1"/dev/null
mount --bind "$2"/ligase "$1"/ligase
mount --bind "$2"/store "$1"/store
mount -o remount,bind,ro "$1"
root="$1"; shift 2
exec env -i "$@"`
	args := []string{"--mount", "--pid", "--fork", "--propagation", "private", "/bin/sh", "-c", script, "sh", image, volumes}
	args = append(args, env...)
	// Who is not root any more has no capabilities after the next exec.
	args = append(args, "/usr/bin/setpriv", "--no-new-privs", "/usr/sbin/chroot", "--userspec=65532:65532", "--groups=", image)
	cmd := exec.Command("unshare", append(args, command...)...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// The worker comes into an image that knows nothing of it, without a shell,
// libraries, certificates, users, /tmp or HOME, by an init container, and does
// its work there.
func TestWorkerInABareImage(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("making a container takes root")
	}
	worker := builtWorker(t)
	dir := t.TempDir()
	write(t, filepath.Join(dir, "tool.go"), largeTool)
	write(t, filepath.Join(dir, "go.mod"), "module tool\n\ngo 1.24\n")
	science, own := t.TempDir(), t.TempDir() // two images
	build(t, filepath.Join(science, "tool"), filepath.Join(dir, "tool.go"))
	program, err := os.ReadFile(worker)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(own, "ligase-worker"), program, 0o755); err != nil {
		t.Fatal(err)
	}

	write(t, filepath.Join(dir, "definitions", "large.yaml"), largeDefinitions)
	write(t, filepath.Join(dir, "definitions", "types.yaml"), "types:\n  test.text: {title: Text, formats: {txt: {extensions: [txt], text: true}}}\n")
	c, problems := catalog.Load(catalog.Source{Name: "test", FS: os.DirFS(filepath.Join(dir, "definitions"))})
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	compiled, err := c.Compile("large", nil)
	if err != nil {
		t.Fatal(err)
	}
	volumes := t.TempDir()
	write(t, filepath.Join(volumes, "store", "in.txt"), "small\n")
	for _, name := range []string{"ligase", "store"} {
		if err := os.MkdirAll(filepath.Join(volumes, name), 0o755); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command("chown", "-R", "65532:65532", filepath.Join(volumes, name)).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	for _, d := range []string{science, own} {
		for p := d; p != "/" && p != os.TempDir(); p = filepath.Dir(p) {
			if err := os.Chmod(p, 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}

	out, errs, exit := container(t, own, volumes, nil, "/ligase-worker", "install", "/ligase/bin/ligase-worker")
	if exit != 0 {
		t.Fatalf("install: exit code %d: %s%s", exit, out, errs)
	}
	pipeline, err := tasks.EncodeCompiled(compiled)
	if err != nil {
		t.Fatal(err)
	}
	step, err := tasks.EncodeStep(c.Step("large"), "", c.Types())
	if err != nil {
		t.Fatal(err)
	}
	root := uris.MustParse("file:///store")
	plan := &pipelines.Plan{Compiled: compiled, Inputs: map[string][]pipelines.Input{"in": {{URI: root.Join("in.txt")}}}}
	call, err := tasks.CallOf(plan, "run-0123456789ab", root).Encode()
	if err != nil {
		t.Fatal(err)
	}
	out, errs, exit = container(t, science, volumes, []string{
		"LIGASE_TASK=" + call, "LIGASE_PIPELINE=" + pipeline, "LIGASE_STEP=" + step, "LIGASE_NODE=large",
		fmt.Sprintf(`LIGASE_STORE={"roots":[{"uri":%q,"write":true}]}`, root),
	}, "/ligase/bin/ligase-worker")
	if exit != 0 || errs != "" || !strings.HasPrefix(out, "enlarged <nil>\n") {
		t.Errorf("exit code %d: %q %s", exit, out, errs)
	}
	made, err := os.ReadFile(filepath.Join(volumes, "store/runs/run-0123456789ab/outputs/large/out.txt"))
	if err != nil || string(made) != "SMALL\n" {
		t.Errorf("%q %v", made, err)
	}
	if _, err := os.Stat(filepath.Join(volumes, "store/runs/run-0123456789ab/outputs/large/result.json")); err != nil {
		t.Error(err)
	}
}
