package images

import (
	"bytes"
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// nonroot is who runs in the project's images.
const nonroot = 65532

// Options say what the project's images are made from.
type Options struct {
	// Repo is the root of the project's checkout.
	Repo string
	// Build keeps the programs between builds, so that nothing is linked twice.
	Build string
	// Prefix comes before an image's name, as ghcr.io/ligase-bio.
	Prefix string
	// Tag is the images' tag.
	Tag string
	// Version is what the programs say of themselves; empty means Tag.
	Version string
}

func (o Options) name(image string) string { return o.Prefix + "/" + image + ":" + o.Tag }

// Project builds the programs and returns the project's images:
//
//	ligase-worker     the worker alone, to be copied out by an init container
//	ligase            the command line
//	ligase-e2e-tools  a shell and common tools beside ligase, for test steps
//
// It needs Go, a C compiler for SQLite, and for the last one a static busybox.
func Project(ctx context.Context, o Options) ([]Image, error) {
	if o.Version == "" {
		o.Version = o.Tag
	}
	worker, err := o.build(ctx, "ligase-worker", []string{"CGO_ENABLED=0"},
		"-ldflags", "-s -w -X main.version="+o.Version)
	if err != nil {
		return nil, err
	}
	ligase, err := o.build(ctx, "ligase", []string{"CGO_ENABLED=1"},
		"-tags", "netgo osusergo sqlite_omit_load_extension",
		"-ldflags", "-s -w -linkmode external -extldflags -static -X github.com/ligase-bio/ligase/internal/cli.version="+o.Version)
	if err != nil {
		return nil, err
	}
	shell, err := busybox(ctx)
	if err != nil {
		return nil, err
	}
	account := account()
	return []Image{
		{
			Name: o.name("ligase-worker"), User: fmt.Sprint(nonroot), Entrypoint: []string{"/ligase-worker"},
			Files: append([]File{{Path: "/ligase-worker", Source: worker}}, certificates()...),
		},
		{
			Name: o.name("ligase"), User: fmt.Sprint(nonroot), Entrypoint: []string{"ligase"},
			Env:   []string{"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=/home/nonroot"},
			Files: append(append([]File{{Path: "/usr/local/bin/ligase", Source: ligase}}, account...), certificates()...),
		},
		{
			Name: o.name("ligase-e2e-tools"), User: fmt.Sprint(nonroot), Command: []string{"/bin/sh"},
			Env:   []string{"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=/home/nonroot"},
			Files: append(append([]File{{Path: "/usr/local/bin/ligase", Source: ligase}}, account...), shell...),
		},
	}, nil
}

// Shell is what the definitions of tests name as busybox:1.37, of this
// machine's busybox: a cluster that no registry reaches has it from here.
func Shell(ctx context.Context) (Image, error) {
	files, err := busybox(ctx)
	return Image{
		Name: "docker.io/library/busybox:1.37", Command: []string{"sh"},
		Env: []string{"PATH=/bin"}, Files: append(files, File{Path: "/tmp", Folder: true, Mode: 0o1777}),
	}, err
}

// build compiles one of the project's commands and returns where it is.
func (o Options) build(ctx context.Context, command string, env []string, args ...string) (string, error) {
	out := filepath.Join(o.Build, command)
	args = append([]string{"build", "-trimpath", "-buildvcs=false", "-o", out}, append(args, "./cmd/"+command)...)
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir, cmd.Env = o.Repo, append(os.Environ(), env...)
	if output, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, output)
	}
	return out, static(out)
}

// static refuses a program that needs shared libraries, which an image from
// nothing does not have.
func static(program string) error {
	f, err := elf.Open(program)
	if err != nil {
		return err
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			return fmt.Errorf("%s needs shared libraries; an image needs a static one", program)
		}
	}
	return nil
}

// account is a user that is not root, a home for it, and a /tmp.
func account() []File {
	return []File{
		{Path: "/etc/passwd", Data: []byte("root:x:0:0:root:/root:/sbin/nologin\n" +
			fmt.Sprintf("nonroot:x:%d:%d:nonroot:/home/nonroot:/sbin/nologin\n", nonroot, nonroot))},
		{Path: "/etc/group", Data: fmt.Appendf(nil, "root:x:0:\nnonroot:x:%d:\n", nonroot)},
		{Path: "/home/nonroot", Folder: true, Mode: 0o700, Owner: nonroot},
		{Path: "/tmp", Folder: true, Mode: 0o1777},
	}
}

// certificates are this machine's certificate authorities, for stores behind
// TLS; nothing where there are none.
func certificates() []File {
	for _, bundle := range []string{"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"} {
		if _, err := os.Stat(bundle); err == nil {
			return []File{{Path: "/etc/ssl/certs/ca-certificates.crt", Source: bundle, Mode: 0o644}}
		}
	}
	return nil
}

// busybox is this machine's static busybox and a link for each of its applets.
func busybox(ctx context.Context) ([]File, error) {
	program, err := exec.LookPath("busybox")
	if errors.Is(err, exec.ErrNotFound) {
		return nil, errors.New("there is no busybox for images of tests: install a static one (Debian: apt-get install busybox-static)")
	}
	if err != nil {
		return nil, err
	}
	if err := static(program); err != nil {
		return nil, fmt.Errorf("%w (Debian: apt-get install busybox-static)", err)
	}
	list, err := exec.CommandContext(ctx, program, "--list").Output()
	if err != nil {
		return nil, fmt.Errorf("%s --list: %w", program, err)
	}
	files := []File{{Path: "/bin/busybox", Source: program}}
	for _, applet := range bytes.Fields(list) {
		if name := string(applet); name != "busybox" {
			files = append(files, File{Path: "/bin/" + name, Link: "busybox"})
		}
	}
	return files, nil
}
