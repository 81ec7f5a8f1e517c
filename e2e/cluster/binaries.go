package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"time"
)

// program is one that is built from a Go module.
type program struct {
	name    string
	module  string
	pkg     string
	version string
	// stamp is the linker's flags that tell the program its version.
	stamp string
}

const argoModule = "github.com/argoproj/argo-workflows/v3"

// programs reads the versions from where they are pinned: Argo in go.mod, as
// the project's own code uses it, the others in e2e/cluster/binaries.
func (p places) programs() ([]program, error) {
	pinned, err := os.ReadFile(filepath.Join(p.repo, "e2e", "cluster", "binaries", "go.mod"))
	if err != nil {
		return nil, err
	}
	var all []program
	for _, name := range []string{"kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "kubectl"} {
		all = append(all, program{name: name, module: "k8s.io/kubernetes", pkg: "k8s.io/kubernetes/cmd/" + name})
	}
	all = append(all,
		program{name: "etcd", module: "go.etcd.io/etcd/server/v3", pkg: "go.etcd.io/etcd/server/v3"},
		program{name: "versitygw", module: "github.com/versity/versitygw", pkg: "github.com/versity/versitygw/cmd/versitygw"})
	for i := range all {
		if all[i].version = required(pinned, all[i].module); all[i].version == "" {
			return nil, fmt.Errorf("e2e/cluster/binaries/go.mod does not require %s", all[i].module)
		}
		if all[i].module == "k8s.io/kubernetes" {
			all[i].stamp = fmt.Sprintf("-X k8s.io/component-base/version.gitVersion=%[1]s -X k8s.io/client-go/pkg/version.gitVersion=%[1]s", all[i].version)
		}
	}
	argo := p.argoVersion()
	if argo == "" {
		return nil, fmt.Errorf("go.mod does not require %s", argoModule)
	}
	for _, name := range []string{"workflow-controller", "argoexec", "argo"} {
		all = append(all, program{name: name, module: argoModule, pkg: "./cmd/" + name, version: argo,
			stamp: "-X " + argoModule + ".version=" + argo})
	}
	return all, nil
}

// argoVersion is empty when go.mod has none, which programs reports.
func (p places) argoVersion() string {
	gomod, err := os.ReadFile(filepath.Join(p.repo, "go.mod"))
	if err != nil {
		return ""
	}
	return required(gomod, argoModule)
}

// required is the version of a module that a go.mod requires.
func required(gomod []byte, module string) string {
	match := regexp.MustCompile(`(?m)^\s*(?:require )?` + regexp.QuoteMeta(module) + `\s+(v\S+)`).FindSubmatch(gomod)
	if match == nil {
		return ""
	}
	return string(match[1])
}

// key is what a program's binary depends on.
func (g program) key() string {
	return g.module + "@" + g.version + " " + runtime.Version() + " " + runtime.GOARCH
}

func (p places) keyFile(g program) string { return filepath.Join(p.bin, "."+g.name+".built-from") }

func (p places) built(g program) bool {
	key, err := os.ReadFile(p.keyFile(g))
	if err != nil || strings.TrimSpace(string(key)) != g.key() {
		return false
	}
	_, err = os.Stat(p.program(g.name))
	return err == nil
}

// binaries builds the programs that are not there in the pinned versions.
func (c *cluster) binaries(ctx context.Context) error {
	all, err := c.programs()
	if err != nil {
		return err
	}
	var todo []program
	for _, g := range all {
		if !c.built(g) {
			todo = append(todo, g)
		}
	}
	if len(todo) == 0 {
		return nil
	}
	c.say.step("building %d programs from Go modules: about 15 minutes on two cores the first time (log: %s)", len(todo), c.buildLog())
	if err := os.MkdirAll(c.bin, 0o755); err != nil {
		return err
	}
	for _, g := range todo {
		start := time.Now()
		if err := c.build(ctx, g); err != nil {
			return err
		}
		c.say.step("built %s %s in %.0fs", g.name, g.version, time.Since(start).Seconds())
	}
	return nil
}

func (p places) buildLog() string { return filepath.Join(p.cache, "build.log") }

func (p places) build(ctx context.Context, g program) error {
	dir := filepath.Join(p.repo, "e2e", "cluster", "binaries")
	if g.module == argoModule {
		var err error
		if dir, err = p.argoSource(ctx, g.version); err != nil {
			return err
		}
	}
	// Under another name first: whatever runs the old one goes on with it.
	next := p.program("." + g.name + ".new")
	args := []string{"build", "-mod=mod", "-trimpath", "-buildvcs=false", "-ldflags", strings.TrimSpace("-s -w " + g.stamp), "-o", next, g.pkg}
	if err := p.logged(ctx, dir, "go", args...); err != nil {
		return fmt.Errorf("building %s: %w", g.name, err)
	}
	if err := os.Rename(next, p.program(g.name)); err != nil {
		return err
	}
	return os.WriteFile(p.keyFile(g), []byte(g.key()+"\n"), 0o644)
}

// argoSource is a copy of Argo's module that compiles. The module's archive
// lacks what Git has as a link and what its build makes: the handling of
// signals on Linux, which is that of macOS, and the web interface, in whose
// place a page stands that says so.
func (p places) argoSource(ctx context.Context, version string) (string, error) {
	dir := p.argoDir(version)
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	module, err := goIn(ctx, p.repo, "mod", "download", "-json", argoModule)
	if err != nil {
		return "", err
	}
	source := regexp.MustCompile(`"Dir":\s*"([^"]+)"`).FindStringSubmatch(module)
	if source == nil {
		return "", fmt.Errorf("go mod download does not say where %s is", argoModule)
	}
	next := dir + ".new"
	if err := os.RemoveAll(next); err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(next), 0o755); err != nil {
		return "", err
	}
	if err := os.CopyFS(next, os.DirFS(source[1])); err != nil {
		return "", err
	}
	signals := filepath.Join(next, "workflow", "executor", "osspecific")
	if _, err := os.Stat(filepath.Join(signals, "signal_linux.go")); errors.Is(err, fs.ErrNotExist) {
		content, err := os.ReadFile(filepath.Join(signals, "signal_darwin.go"))
		if err != nil {
			return "", err
		}
		if err := os.WriteFile(filepath.Join(signals, "signal_linux.go"), content, 0o644); err != nil {
			return "", err
		}
	}
	page := filepath.Join(next, "ui", "dist", "app", "index.html")
	if _, err := os.Stat(page); errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(filepath.Dir(page), 0o755); err != nil {
			return "", err
		}
		if err := os.WriteFile(page, []byte("<!doctype html><p>This Argo Server was built without its web interface.\n"), 0o644); err != nil {
			return "", err
		}
	}
	return dir, os.Rename(next, dir)
}

func (p places) argoDir(version string) string { return filepath.Join(p.cache, "argo-"+version) }

func goIn(ctx context.Context, dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return string(out), nil
}

// logged runs a command without cgo, its output into the build's log.
func (p places) logged(ctx context.Context, dir, name string, args ...string) error {
	log, err := os.OpenFile(p.buildLog(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	fmt.Fprintf(log, "\n=== %s: %s %s\n", time.Now().UTC().Format(time.RFC3339), name, strings.Join(args, " "))
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, log, log
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%w: see the end of %s", err, p.buildLog())
	}
	return nil
}
