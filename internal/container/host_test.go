package container

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// What runs where is a rule of three things: whether there is an image, what
// the program is, and what the user wants.
func TestContains(t *testing.T) {
	for _, c := range []struct {
		use            Use
		image, program string
		want           bool
	}{
		{"", "example.org/tool:1", "tool", true},
		{Auto, "example.org/tool:1", "tool", true},
		{Podman, "example.org/tool:1", "/opt/tool", true},
		{Docker, "example.org/tool:1", "tool", true},
		{Never, "example.org/tool:1", "tool", false},
		{Auto, "", "tool", false},
		{Auto, "example.org/tool:1", Self, false}, // it is here already
		{Podman, "example.org/tool:1", Self, false},
	} {
		if got := NewHost(Options{Use: c.use}).Contains(c.image, c.program); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
	if (*Host)(nil).Contains("example.org/tool:1", "tool") {
		t.Error("in a pod there is the image already")
	}
}

const (
	podmanSays = `{"host": {"cgroupControllers": ["cpu", "memory"], "security": {"rootless": true}, "serviceIsRemote": false}, "version": {"Version": "4.3.1"}}`
	dockerSays = `{"ServerVersion": "28.2.2", "MemoryLimit": true, "CPUShares": true, "PidsLimit": true, "OSType": "linux", "SecurityOptions": ["name=seccomp,profile=builtin", "name=rootless"], "Runtimes": {"runc": {}, "nvidia": {}}, "InitCommit": {"ID": "de40ad0"}}`
)

func TestWhichProgram(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("images are run on Linux only")
	}
	t.Setenv("DOCKER_HOST", "")
	failed := errors.New("exit status 1")
	for name, c := range map[string]struct {
		use     Use
		podman  string // what it says; "": it is not there; "!…": it fails with that
		docker  string
		want    string // the program, in words; "": none
		message string
	}{
		"both":                     {Auto, podmanSays, dockerSays, "podman 4.3.1, rootless", ""},
		"docker only":              {Auto, "", dockerSays, "docker 28.2.2, rootless", ""},
		"podman does not work":     {Auto, "!cannot find newuidmap", dockerSays, "docker 28.2.2, rootless", ""},
		"docker wanted":            {Docker, podmanSays, dockerSays, "docker 28.2.2, rootless", ""},
		"podman wanted":            {Podman, "", dockerSays, "", "podman is not on PATH"},
		"none":                     {Auto, "", "", "", "neither podman nor docker is on PATH"},
		"none works":               {Auto, "!cannot find newuidmap", "!Cannot connect to the Docker daemon", "", "podman is here but does not work: cannot find newuidmap; docker is here but does not work: Cannot connect to the Docker daemon"},
		"podman elsewhere":         {Auto, strings.ReplaceAll(podmanSays, `"serviceIsRemote": false`, `"serviceIsRemote": true`), "", "", "another machine"},
		"podman as docker":         {Docker, "", podmanSays, "docker 4.3.1, rootless", ""},
		"docker of another system": {Auto, "", strings.ReplaceAll(dockerSays, `"linux"`, `"windows"`), "", "not of Linux"},
		"an older docker's way":    {Auto, "", `{"ServerErrors": ["Cannot connect to the Docker daemon"]}`, "", "Cannot connect"},
	} {
		says := map[string]string{"podman": c.podman, "docker": c.docker}
		h := NewHost(Options{Use: c.use,
			look: func(name string) (string, error) {
				if says[name] == "" {
					return "", exec.ErrNotFound
				}
				return "/usr/bin/" + name, nil
			},
			ask: func(_ context.Context, argv ...string) (string, string, error) {
				out := says[filepath.Base(argv[0])]
				if told, fails := strings.CutPrefix(out, "!"); fails && argv[1] != "--version" {
					return "", told, failed
				}
				if argv[1] == "--version" {
					if strings.Contains(out, "cgroupControllers") {
						return "podman version 4.3.1", "", nil
					}
					return "Docker version 28", "", nil
				}
				return out, "", nil
			},
		})
		p, err := h.Program(context.Background())
		switch {
		case c.want != "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case c.want != "" && p.String() != c.want:
			t.Errorf("%s: %s, want %s", name, p, c.want)
		case c.want == "" && err == nil:
			t.Errorf("%s: %s", name, p)
		case c.want == "":
			var u *Unavailable
			if !errors.As(err, &u) || !strings.Contains(u.Message, c.message) || u.Fix == "" {
				t.Errorf("%s: %v", name, err)
			}
		}
		if name == "both" && (!p.Memory || !p.CPU || p.PIDs || !p.SeesProcesses()) {
			t.Errorf("%+v", p)
		}
		if name == "docker only" && (!p.initially || !p.nvidia || !p.PIDs || p.SeesProcesses()) {
			t.Errorf("%+v", p)
		}
		if name == "podman as docker" && p.Docker {
			t.Error("it is podman, whatever it is called")
		}
	}
}

func TestGPUs(t *testing.T) {
	dir := t.TempDir()
	// As nvidia-ctk cdi generate writes it, in short.
	const spec = `cdiVersion: 0.5.0
containerEdits:
  env:
  - NVIDIA_VISIBLE_DEVICES=void
devices:
- containerEdits:
    deviceNodes:
    - path: /dev/nvidia0
  name: "0"
- containerEdits:
    deviceNodes:
    - path: /dev/nvidia1
  name: "1"
- name: all
kind: nvidia.com/gpu
`
	for name, text := range map[string]string{
		"nvidia.yaml": spec, "other.json": `{"cdiVersion": "0.5.0", "kind": "vendor.com/nic", "devices": [{"name": "2"}]}`, "broken.yaml": "{",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	known := cdiDevices([]string{dir, "/no/such/folder"})
	if !slices.Equal(known, []string{"0", "1", "all"}) {
		t.Fatalf("%q", known)
	}
	for _, c := range []struct {
		gpu  GPU
		want string
	}{
		{GPU{"1", 0}, "1"}, {GPU{"GPU-8f5", 1}, "1"}, {GPU{"GPU-8f5", -1}, ""}, {GPU{"GPU-8f5", 2}, ""},
	} {
		if got := c.gpu.nameIn(known); got != c.want {
			t.Errorf("%+v is %q, want %q", c.gpu, got, c.want)
		}
	}

	d := docker()
	s := spec0(GPU{"GPU-8f5", 0}, GPU{"GPU-9a1", 3})
	if _, err := d.Create(s); err == nil || !strings.Contains(err.Error(), "container toolkit") {
		t.Errorf("%v", err)
	}
	d.nvidia = true
	if got := create(t, d, s); !slices.Contains(got, `--gpus="device=GPU-8f5,GPU-9a1"`) || slices.Contains(got, "--env=NVIDIA_VISIBLE_DEVICES=void") {
		t.Errorf("%q", got)
	}
}

func spec0(gpus ...GPU) Spec {
	s := spec()
	s.GPUs = gpus
	return s
}
