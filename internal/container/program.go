package container

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A Program is podman or docker, as it is set up here. As JSON it has what it
// takes to remove its containers later.
type Program struct {
	Name    string // what to type: "podman" or "docker"
	Path    string
	Version string

	Docker   bool // else it is podman, whatever its name
	Rootless bool // it has no rights but its user's
	remapped bool // docker: containers' users are others outside
	// Of what kinds it can keep a container to a limit: not without the
	// cgroup controller that does it.
	Memory, CPU, PIDs bool
	initially         bool // it brings a first process that passes on signals
	nvidia            bool // docker: it knows how to give GPUs
}

// String says it in words: "podman 4.3.1, rootless".
func (p *Program) String() string {
	s := p.Name + " " + p.Version
	if p.Rootless {
		s += ", rootless"
	}
	return s
}

// SeesProcesses reports whether the processes of a container are this
// machine's, and readable to whoever started it. Those of docker are its
// daemon's.
func (p *Program) SeesProcesses() bool { return !p.Docker }

func (h *Host) probe(ctx context.Context, use Use, path string, quick bool) (*Program, error) {
	if use == Docker {
		out, told, err := h.o.ask(ctx, path, "--version")
		if err != nil {
			return nil, errors.New(orError(told, err))
		}
		if !strings.Contains(strings.ToLower(out), "podman") { // else it is podman under docker's name
			return h.probeDocker(ctx, path)
		}
	}
	if quick {
		// It has to reach its storage and, without root, its namespaces.
		if _, told, err := h.o.ask(ctx, path, "ps", "--quiet"); err != nil {
			return nil, errors.New(orError(told, err))
		}
		return &Program{Name: string(use), Path: path}, nil
	}
	return h.probePodman(ctx, path, string(use))
}

// podmanInfo is what `podman info` says that matters here.
type podmanInfo struct {
	Host struct {
		CgroupControllers []string `json:"cgroupControllers"`
		ServiceIsRemote   bool     `json:"serviceIsRemote"`
		Security          struct {
			Rootless bool `json:"rootless"`
		} `json:"security"`
	} `json:"host"`
	Version struct {
		Version string `json:"Version"`
	} `json:"version"`
}

func (h *Host) probePodman(ctx context.Context, path, name string) (*Program, error) {
	out, told, err := h.o.ask(ctx, path, "info", "--format", "json")
	if err != nil {
		return nil, errors.New(orError(told, err))
	}
	var info podmanInfo
	if err := json.Unmarshal([]byte(out), &info); err != nil {
		return nil, fmt.Errorf("`%s info` is not what podman says: %w", name, err)
	}
	if info.Host.ServiceIsRemote {
		return nil, errors.New("it speaks for another machine, where the files of a run are not")
	}
	has := func(c string) bool { return slices.Contains(info.Host.CgroupControllers, c) }
	return &Program{
		Name: name, Path: path, Version: info.Version.Version, Rootless: info.Host.Security.Rootless,
		Memory: has("memory"), CPU: has("cpu"), PIDs: has("pids"),
		initially: h.hasCatatonit(),
	}, nil
}

// hasCatatonit looks for the first process that podman brings, where podman
// does (containers.conf(5), helper_binaries_dir). Debian only recommends it.
func (h *Host) hasCatatonit() bool {
	for _, dir := range []string{"/usr/local/libexec/podman", "/usr/local/lib/podman", "/usr/libexec/podman", "/usr/lib/podman"} {
		if _, err := h.o.look(filepath.Join(dir, "catatonit")); err == nil {
			return true
		}
	}
	return false
}

// dockerInfo is what `docker info` says that matters here.
type dockerInfo struct {
	ServerVersion   string
	MemoryLimit     bool
	CPUShares       bool
	PidsLimit       bool
	OSType          string
	SecurityOptions []string // name=seccomp,profile=default
	Runtimes        map[string]json.RawMessage
	InitCommit      struct{ ID string }
	ServerErrors    []string
}

func (h *Host) probeDocker(ctx context.Context, path string) (*Program, error) {
	for _, at := range []string{"tcp://", "ssh://", "http://", "https://"} {
		if strings.HasPrefix(os.Getenv("DOCKER_HOST"), at) {
			return nil, errors.New("DOCKER_HOST names another machine, where the files of a run are not")
		}
	}
	out, told, err := h.o.ask(ctx, path, "info", "--format", "{{json .}}")
	var info dockerInfo
	if err == nil {
		err = json.Unmarshal([]byte(out), &info)
	}
	switch {
	case len(info.ServerErrors) > 0: // older versions end well all the same
		return nil, errors.New(Reason(info.ServerErrors[0]))
	case err != nil:
		return nil, errors.New(orError(told, err))
	case info.OSType != "linux":
		return nil, fmt.Errorf("it runs containers of %q, not of Linux", info.OSType)
	}
	option := func(name string) bool {
		return slices.ContainsFunc(info.SecurityOptions, func(o string) bool {
			return slices.Contains(strings.Split(o, ","), "name="+name)
		})
	}
	_, nvidia := info.Runtimes["nvidia"]
	for _, tool := range []string{"nvidia-container-runtime-hook", "nvidia-container-cli"} {
		if _, err := h.o.look(tool); err == nil {
			nvidia = true
		}
	}
	return &Program{
		Name: "docker", Path: path, Version: info.ServerVersion, Docker: true,
		Rootless: option("rootless"), remapped: option("userns"),
		Memory: info.MemoryLimit, CPU: info.CPUShares, PIDs: info.PidsLimit,
		initially: info.InitCommit.ID != "N/A", // what it says where there is none: Debian only recommends it
		nvidia:    nvidia,
	}, nil
}
