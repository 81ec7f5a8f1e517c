//go:build podman && linux

// Package podman tests steps in containers through the built program, as a
// user runs them.
package podman

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ligase-bio/ligase/e2e/built"
	"github.com/ligase-bio/ligase/e2e/podman/site"
)

const types = "types:\n  test.text: {title: Text, formats: {txt: {extensions: [txt], text: true}}}\n"

// Beside the image's own there is what every machine has.
const large = `name: large
version: 1.0.0
title: Make letters large
description: Makes letters large.
inputs: {in: {type: test.text, inline: true}}
params: {word: {type: string, default: plain}}
outputs: {out: {type: test.text, format: txt}}
implementations:
  boxed:
    image: ` + site.Image + `
    prepare: [sh, -c, 'echo "preparing in $container"; tr a-z A-Z <"$1" >large.txt', sh, $(inputs.in)]
    command: [sh, -c, 'echo "working in $container as $(id -u 2>/dev/null)"; cat large.txt >made.txt; printf "%s\n" "$1" >>made.txt', sh, $(params.word)]
    finish: [sh, -c, 'echo "finishing in $container"; cp made.txt out.txt']
    collect: {out: out.txt}
  host:
    command: [sh, -c, 'echo "on the host"; tr a-z A-Z <"$1" >out.txt', sh, $(inputs.in)]
    collect: {out: out.txt}
`

const absent = `name: absent
version: 1.0.0
title: In an image that is nowhere
description: Its image is not there.
inputs: {in: {type: test.text, inline: true}}
outputs: {out: {type: test.text, format: txt}}
implementations:
  boxed: {image: localhost/ligase-test/absent:1, command: [no-such-program], collect: {out: out.txt}}
  host: {command: [cp, $(inputs.in), out.txt], collect: {out: out.txt}}
`

const weigh = `name: weigh
version: 1.0.0
title: Weigh the weights
description: Reads what is mounted.
outputs: {out: {type: test.text, format: txt}}
implementations:
  boxed:
    image: ` + site.Image + `
    command: [sh, -c, 'cat /weights/w; touch /weights/x 2>/dev/null || echo read-only; echo x >out.txt']
    collect: {out: out.txt}
`

const weights = `name: weights
version: 1.0.0
title: Read the weights
description: Reads a volume.
outputs: {out: {type: test.text, format: txt}}
implementations:
  boxed:
    image: ` + site.Image + `
    volumes: {test-weights: {at: /weights/test, description: A word., files: [w], get: echo heavy >w}}
    command: [sh, -c, 'cat /weights/test/w; touch /weights/test/x 2>/dev/null || echo read-only; echo x >out.txt']
    collect: {out: out.txt}
`

const stubborn = `name: stubborn
version: 1.0.0
title: Works on when it is asked to end
description: Ignores SIGTERM and starts daemons.
params: {seconds: {type: integer, default: 6}}
outputs: {out: {type: test.text, format: txt}}
implementations:
  boxed:
    image: ` + site.Image + `
    command: [sh, -c, 'trap "" TERM; setsid sleep 600 & echo ready; n=0; while [ $n -lt $1 ]; do sleep 1; n=$((n+1)); done; echo done >out.txt', sh, $(params.seconds)]
    collect: {out: out.txt}
`

// shop is an installation in a folder of its own.
type shop struct {
	*testing.T
	site *site.Site
	dir  string
	env  []string
}

func TestContainers(t *testing.T) {
	podman := site.New(t)
	for _, test := range []struct {
		name string
		run  func(*shop)
	}{
		{"a step", aStep}, {"volumes", volumes}, {"tried out", triedOut}, {"choosing", choosing}, {"cancelled", cancelled}, {"killed engine", killedEngine}, {"killed at any moment", killedAtAnyMoment},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(open(t, podman)) })
	}
}

func open(t *testing.T, podman *site.Site) *shop {
	t.Helper()
	s := &shop{T: t, site: podman, dir: t.TempDir()}
	for name, text := range map[string]string{"types": types, "large": large, "absent": absent, "stubborn": stubborn, "weigh": weigh, "weights": weights} {
		file := filepath.Join(s.dir, "definitions", name+".yaml")
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		// In YAML, as in a shell, $(…) is a reference; $$(…) is not.
		text = strings.NewReplacer("$(id", "$$(id", "$((", "$$((").Replace(text)
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s.env = append(os.Environ(), s.site.Env...)
	s.env = append(s.env, "LIGASE_DATA="+filepath.Join(s.dir, "data, with: a comma"), "LIGASE_CATALOG="+filepath.Join(s.dir, "definitions"),
		"LIGASE_CONFIG=", "LIGASE_CONTAINERS=podman", "LIGASE_PULL=never", "LIGASE_ENGINE=local", "LIGASE_ENGINE_IDLE=2s", "CUDA_VISIBLE_DEVICES=")
	t.Cleanup(func() {
		for range 200 { // engines end by themselves
			if held, err := os.ReadFile(filepath.Join(s.data(), "engine.lock")); err != nil || len(held) == 0 {
				return
			}
			time.Sleep(50 * time.Millisecond)
		}
		t.Error("an engine did not end")
	})
	return s
}

func (s *shop) data() string { return filepath.Join(s.dir, "data, with: a comma") }

// ligase runs the program; want is its exit code.
func (s *shop) ligase(want int, args ...string) (stdout, stderr string) {
	s.Helper()
	return s.with(nil, want, args...)
}

func (s *shop) with(env []string, want int, args ...string) (stdout, stderr string) {
	s.Helper()
	cmd := exec.Command(built.Ligase(s), args...)
	cmd.Env = append(s.env, env...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		s.Fatal(err)
	}
	if got := cmd.ProcessState.ExitCode(); got != want {
		s.Fatalf("ligase %s: exit code %d, want %d\n%s\n%s", strings.Join(args, " "), got, want, &out, &errs)
	}
	return out.String(), errs.String()
}

func (s *shop) contains(text string, wants ...string) {
	s.Helper()
	for _, want := range wants {
		if !strings.Contains(text, want) {
			s.Errorf("no %q in\n%s", want, text)
		}
	}
}

// clean wants nothing left, of containers or of attempts.
func (s *shop) clean() {
	s.Helper()
	if left := s.site.Left(); len(left) > 0 {
		s.Errorf("left behind:\n%s", strings.Join(left, "\n"))
	}
	folders, _ := filepath.Glob(filepath.Join(s.data(), "work", "run-*", "*", "attempt-*"))
	if len(folders) > 0 {
		s.Errorf("left behind: %q", folders)
	}
}

// logged waits until a line stands in the log of a run.
func (s *shop) logged(run, line string) {
	s.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		cmd := exec.Command(built.Ligase(s), "logs", run)
		cmd.Env = s.env
		if out, _ := cmd.Output(); strings.Contains(string(out), line) {
			return
		}
		if time.Now().After(end) {
			s.Fatalf("%s never logged %q", run, line)
		}
	}
}

func aStep(s *shop) {
	out, _ := s.ligase(0, "catalog", "list")
	s.contains(out, "boxed, host")
	out, _ = s.ligase(0, "catalog", "show", "large")
	s.contains(out, "boxed (default)", "Here: in podman\n", "Here: as a process\n")
	out, _ = s.ligase(0, "plan", "large", "in=abc")
	s.contains(out, "HERE", "in podman")

	weights := filepath.Join(s.dir, "weights")
	if err := os.Mkdir(weights, 0o755); err != nil {
		s.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(weights, "w"), []byte("heavy\n"), 0o644); err != nil {
		s.Fatal(err)
	}
	s.ligase(0, "run", "weigh", "--mount", weights+":/weights")
	out, _ = s.ligase(0, "logs", "latest")
	s.contains(out, "heavy\nread-only\n")

	hostile := `$(touch /pwned) '"; --privileged ` + "`id`" + ` é`
	out, _ = s.ligase(0, "run", "large", "in=small letters", "-p", "word="+hostile, "--json")
	s.contains(out, `"succeeded"`)
	out, _ = s.ligase(0, "logs", "latest")
	if want := fmt.Sprintf("preparing in podman\nworking in podman as %d\nfinishing in podman\n", os.Getuid()); out != want {
		s.Errorf("log %q, want %q", out, want)
	}
	s.ligase(0, "outputs", "latest", "--to", filepath.Join(s.dir, "out"))
	var made []string
	filepath.Walk(filepath.Join(s.dir, "out"), func(path string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().IsRegular() {
			made = append(made, path)
		}
		return nil
	})
	if len(made) != 1 {
		s.Fatalf("%q", made)
	}
	text, err := os.ReadFile(made[0])
	if err != nil {
		s.Fatal(err)
	}
	s.contains(string(text), "SMALL LETTERS", hostile)
	filepath.Walk(s.data(), func(path string, info os.FileInfo, err error) error {
		if err == nil && int(info.Sys().(*syscall.Stat_t).Uid) != os.Getuid() {
			s.Errorf("%s is not the caller's", path)
		}
		return nil
	})
	s.clean()
}

// A volume is a folder that the configuration or a flag names, and a run is
// refused as long as none does or it is not filled.
func volumes(s *shop) {
	words := func(text string) string { return strings.Join(strings.Fields(text), " ") }
	folder := filepath.Join(s.dir, "the weights")
	if err := os.Mkdir(folder, 0o755); err != nil {
		s.Fatal(err)
	}
	_, errs := s.ligase(3, "run", "weights")
	s.contains(errs, "The implementation boxed of weights cannot run here. Its image comes without the volume test-weights, and nothing says which folder here is that. Name it: --volume test-weights=FOLDER")
	_, errs = s.ligase(3, "run", "weights", "--volume", "test-weights="+folder)
	s.contains(errs, "which is the volume test-weights, has no w. Fill it, or name another", "To fill it: echo heavy >w")
	out, _ := s.ligase(0, "catalog", "show", "weights")
	s.contains(words(out), "volume test-weights", "Here: no. Its image comes without the volume test-weights", "Volume test-weights, at /weights/test. A word. From: echo heavy >w")
	here := func(args ...string) (says string) {
		out, _ := s.ligase(0, append([]string{"catalog", "list"}, args...)...)
		for line := range strings.Lines(out) {
			if strings.HasPrefix(line, "weights ") {
				says = words(line)
			}
		}
		return says
	}
	s.contains(here(), "cpu+image no ")

	if err := os.WriteFile(filepath.Join(folder, "w"), []byte("heavy\n"), 0o644); err != nil {
		s.Fatal(err)
	}
	config := filepath.Join(s.dir, "config.yaml")
	if err := os.WriteFile(config, []byte("volumes: {test-weights: the weights}\n"), 0o644); err != nil {
		s.Fatal(err)
	}
	out, _ = s.ligase(0, "catalog", "show", "weights", "--config", config)
	s.contains(out, "Here: in podman\n")
	s.contains(here("--config", config), "cpu+image boxed ")
	s.ligase(0, "run", "weights", "--config", config)
	out, _ = s.ligase(0, "logs", "latest")
	s.contains(out, "heavy\nread-only\n")
	s.clean()
}

// What step test proves is what will run: in the image, with its volumes.
func triedOut(s *shop) {
	tmp := filepath.Join(s.dir, "tmp")
	if err := os.Mkdir(tmp, 0o755); err != nil {
		s.Fatal(err)
	}
	s.env = append(s.env, "TMPDIR="+tmp)
	out, _ := s.ligase(0, "step", "test", "large", "in=small letters", "--twice")
	s.contains(out, "large 1.0.0, implementation boxed, in podman\n", "SMALL LETTERS", "twice: the same outputs and metrics", "\nsound: ")
	if strings.Contains(out, "notes") {
		s.Error(out)
	}
	out, _ = s.ligase(0, "step", "test", "large", "in=x", "--keep", "--json")
	s.contains(out, `"place": "in podman"`)
	logs, _ := filepath.Glob(filepath.Join(tmp, "ligase-step-test-*", "store", "runs", "run-*", "logs", "large", "*"))
	if len(logs) != 1 {
		s.Fatalf("logs: %q", logs)
	}
	log, err := os.ReadFile(logs[0])
	if err != nil {
		s.Fatal(err)
	}
	s.contains(string(log), fmt.Sprintf("working in podman as %d\n", os.Getuid()))
	if err := os.RemoveAll(tmp); err != nil {
		s.Fatal(err)
	}
	if err := os.Mkdir(tmp, 0o755); err != nil {
		s.Fatal(err)
	}
	out, _ = s.ligase(0, "step", "test", "large", "in=x", "--containers", "never")
	s.contains(out, "large 1.0.0, implementation boxed\n", "What was run is what this machine has, not its image "+site.Image)
	out, _ = s.ligase(0, "step", "test", "large", "in=x", "--implementation", "host")
	s.contains(out, "implementation host\n")

	_, errs := s.ligase(3, "step", "test", "absent", "in=x")
	s.contains(errs, "The implementation boxed of absent cannot run here. Its image localhost/ligase-test/absent:1 is not here", "podman pull localhost/ligase-test/absent:1")
	_, errs = s.ligase(3, "step", "test", "weights")
	s.contains(errs, "Its image comes without the volume test-weights", "--volume test-weights=FOLDER")
	folder := filepath.Join(s.dir, "filled")
	if err := os.Mkdir(folder, 0o755); err != nil {
		s.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "w"), []byte("heavy\n"), 0o644); err != nil {
		s.Fatal(err)
	}
	out, _ = s.ligase(0, "step", "test", "weights", "--volume", "test-weights="+folder)
	s.contains(out, "\nsound: ")

	// Whoever stops it leaves nothing.
	cmd := exec.Command(built.Ligase(s), "step", "test", "stubborn", "seconds=600")
	cmd.Env = s.env
	if err := cmd.Start(); err != nil {
		s.Fatal(err)
	}
	for end := time.Now().Add(time.Minute); len(s.site.Containers()) == 0; time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			s.Fatal("no container came to be")
		}
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		s.Fatal(err)
	}
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 130 {
		s.Errorf("exit code %d", code)
	}
	if left, _ := os.ReadDir(tmp); len(left) > 0 {
		s.Errorf("left behind: %v", left)
	}
	s.clean()
}

func choosing(s *shop) {
	// On the host, where its program is another, or none.
	s.ligase(0, "run", "large", "in=x", "--containers", "never", "--request-id", "host")
	out, _ := s.ligase(0, "logs", "latest")
	s.contains(out, "working in  as")
	_, errs := s.ligase(3, "run", "absent", "in=x", "--containers", "never")
	s.contains(errs, "The implementation boxed of absent cannot run here.", "Its program no-such-program is not on PATH here.", "--impl absent=host")

	// What cannot run is refused before anything is, with what to do.
	_, errs = s.ligase(3, "run", "absent", "in=x")
	s.contains(errs, "Its image localhost/ligase-test/absent:1 is not here", "podman pull localhost/ligase-test/absent:1", "--impl absent=host", "implementation=host")
	_, errs = s.ligase(3, "plan", "absent", "in=x")
	s.contains(errs, "podman pull localhost/ligase-test/absent:1")
	s.ligase(0, "run", "absent", "in=x", "--impl", "absent=host")
	out, _ = s.ligase(0, "catalog", "show", "absent")
	s.contains(strings.Join(strings.Fields(out), " "), "Here: no. Its image localhost/ligase-test/absent:1 is not here, and images are not to be pulled. Pull it: podman pull localhost/ligase-test/absent:1")

	// Without any program.
	bare := filepath.Join(s.dir, "bin")
	if err := os.Mkdir(bare, 0o755); err != nil {
		s.Fatal(err)
	}
	for _, name := range []string{"cp", "sh"} {
		path, err := exec.LookPath(name)
		if err != nil {
			s.Fatal(err)
		}
		if err := os.Symlink(path, filepath.Join(bare, name)); err != nil {
			s.Fatal(err)
		}
	}
	_, errs = s.with([]string{"PATH=" + bare, "LIGASE_CONTAINERS=auto"}, 3, "run", "large", "in=x")
	s.contains(errs, "neither podman nor docker is on PATH", "--impl large=host", "apt-get install podman")
	out, _ = s.with([]string{"PATH=" + bare, "LIGASE_CONTAINERS=auto"}, 0, "catalog", "list", "--json")
	s.contains(strings.Join(strings.Fields(out), ""), `"here":["host"]`)
	s.clean()
}

func cancelled(s *shop) {
	out, _ := s.ligase(0, "run", "stubborn", "seconds=600", "--detach")
	run := strings.TrimSpace(out)
	s.logged(run, "ready")
	if len(s.site.Containers()) != 1 {
		s.Errorf("containers: %q", s.site.Containers())
	}
	s.ligase(0, "cancel", run)
	s.ligase(0, "status", run)
	s.clean()
}

// What an engine that was killed has left of containers is ended by the next,
// before the task runs again.
func killedEngine(s *shop) {
	out, _ := s.ligase(0, "run", "stubborn", "seconds=8", "--detach")
	run := strings.TrimSpace(out)
	s.logged(run, "ready")
	before := s.site.Containers()
	if len(before) != 1 {
		s.Fatalf("containers: %q", before)
	}
	s.kill()
	if after := s.site.Containers(); len(after) != 1 || after[0] != before[0] {
		s.Fatalf("containers are %q: the test proves nothing", after)
	}
	s.ligase(0, "status", run, "--watch")
	out, _ = s.ligase(0, "status", run)
	s.contains(out, "succeeded")
	out, _ = s.ligase(0, "events", run)
	s.contains(out, "recovered")
	s.clean()
}

// However often the engine dies, at whatever moment of a container's life.
func killedAtAnyMoment(s *shop) {
	out, _ := s.ligase(0, "run", "stubborn", "seconds=1", "--detach")
	run := strings.TrimSpace(out)
	for i := range 4 {
		time.Sleep(time.Duration(300+400*i) * time.Millisecond)
		s.kill()
		s.ligase(0, "run", "large", "in=x", "--impl", "large=host", "--detach") // starts an engine
	}
	s.ligase(0, "status", run, "--watch")
	s.clean()
}

// kill ends the engine's process as a crash would.
func (s *shop) kill() {
	s.Helper()
	for range 100 {
		held, err := os.ReadFile(filepath.Join(s.data(), "engine.lock"))
		pid, _ := strconv.Atoi(strings.TrimSpace(string(held)))
		if err == nil && pid > 1 {
			syscall.Kill(pid, syscall.SIGKILL)
			for syscall.Kill(pid, 0) == nil {
				if stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); err != nil || bytes.Contains(stat, []byte(") Z ")) {
					break
				}
				time.Sleep(5 * time.Millisecond)
			}
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	s.Fatal("there is no engine to kill")
}
