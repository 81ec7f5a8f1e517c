package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/ligase-bio/ligase/e2e/cluster/images"
	"github.com/ligase-bio/ligase/e2e/cluster/kube"
)

const pauseImage = "ligase.invalid/pause:e2e"

func executorImage(version string) string { return "quay.io/argoproj/argoexec:" + version }

// clusterImages are what Kubernetes and Argo themselves need in containers
// (what holds a pod's network, and what goes beside each step), and the shell
// that the definitions of tests name.
func (p places) clusterImages(ctx context.Context) ([]images.Image, error) {
	pause := filepath.Join(p.buildDir(), "pause")
	if err := os.MkdirAll(p.buildDir(), 0o755); err != nil {
		return nil, err
	}
	if err := p.logged(ctx, p.repo, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", pause, "./e2e/cluster/pause"); err != nil {
		return nil, err
	}
	shell, err := images.Shell(ctx)
	if err != nil {
		return nil, err
	}
	return []images.Image{
		shell,
		{
			Name: pauseImage, User: "65535", Entrypoint: []string{"/pause"},
			Files: []images.File{{Path: "/pause", Source: pause}},
		},
		{
			Name: executorImage(p.argoVersion()), User: "8737", Entrypoint: []string{"argoexec"}, Env: []string{"PATH=/bin"},
			Files: []images.File{{Path: "/bin/argoexec", Source: p.program("argoexec")}, {Path: "/tmp", Folder: true, Mode: 0o1777}},
		},
	}, nil
}

func (p places) buildDir() string { return filepath.Join(p.cache, "build") }

func (p places) imageOptions() images.Options {
	return images.Options{Repo: p.repo, Build: p.buildDir(), Prefix: kube.Images, Tag: kube.ImageTag}
}

// load imports the images that containerd does not have as they are.
func (c *cluster) load(ctx context.Context, all []images.Image) error {
	names, err := c.ctr(ctx, "images", "ls", "-q")
	if err != nil {
		return err
	}
	has := strings.Fields(names)
	loaded := map[string]string{}
	if data, err := os.ReadFile(c.in("images.json")); err == nil {
		if err := json.Unmarshal(data, &loaded); err != nil {
			return fmt.Errorf("%s: %w", c.in("images.json"), err)
		}
	}
	for _, im := range all {
		id, err := im.ID()
		if err != nil {
			return err
		}
		if loaded[im.Name] == id && slices.Contains(has, im.Name) {
			continue
		}
		start := time.Now()
		if err := c.importImage(ctx, im); err != nil {
			return err
		}
		if old := loaded[im.Name]; slices.Contains(has, old) && old != id {
			if _, err := c.ctr(ctx, "images", "rm", old); err != nil {
				return err
			}
		}
		loaded[im.Name] = id
		data, err := json.MarshalIndent(loaded, "", "  ")
		if err != nil {
			return err
		}
		if err := os.WriteFile(c.in("images.json"), data, 0o600); err != nil {
			return err
		}
		c.say.step("imported %s in %.1fs", im.Name, time.Since(start).Seconds())
	}
	return nil
}

func (p places) ctr(ctx context.Context, args ...string) (string, error) {
	return output(ctx, time.Minute, "ctr", append([]string{"--address", p.socket(), "--namespace", "k8s.io"}, args...)...)
}

// importImage streams the archive: an image is never a file here.
func (p places) importImage(ctx context.Context, im images.Image) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "ctr", "--address", p.socket(), "--namespace", "k8s.io", "images", "import", "-")
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		return err
	}
	written := im.Write(in)
	in.Close()
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("importing %s: %w: %s", im.Name, err, strings.TrimSpace(said.String()))
	}
	return written
}

// loadExamples is the command `examples`.
func (c *cluster) loadExamples(ctx context.Context) error {
	if foreign, err := kube.Foreign(); err != nil {
		return err
	} else if foreign != "" {
		return fmt.Errorf("%s names a cluster of yours: write the images with `images --examples --out DIR` and push them to where it finds them", foreign)
	}
	release, err := c.lock()
	if err != nil {
		return err
	}
	defer release()
	if !c.exists() {
		return errors.New("no cluster is up: run `make cluster-up`")
	}
	all, err := c.examples(ctx)
	if err != nil {
		return err
	}
	return c.load(ctx, all)
}

// examples are the images that catalog/examples names, and what they are made
// of is installed for it.
func (c *cluster) examples(ctx context.Context) ([]images.Image, error) {
	var missing []string
	for _, p := range images.ExamplePackages() {
		if _, err := output(ctx, time.Minute, "dpkg", "-L", p); err != nil {
			missing = append(missing, p)
		}
	}
	if err := c.packages(ctx, missing); err != nil {
		return nil, err
	}
	return images.Examples(ctx)
}

// writeImages is the command `images`.
func (c *cluster) writeImages(ctx context.Context, args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("images", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	out := flags.String("out", "", "")
	tag := flags.String("tag", "", "")
	examples := flags.Bool("examples", false, "")
	if err := flags.Parse(args); err != nil {
		return errUsage(err.Error())
	}
	if *out == "" || flags.NArg() > 0 {
		return errUsage("images needs --out DIR and takes no more but --tag TAG or --examples")
	}
	if *examples && *tag != "" {
		return errUsage("the images of examples have the tags that their definitions say; leave out --tag")
	}
	var all []images.Image
	var err error
	if *examples {
		all, err = c.examples(ctx)
	} else {
		options := c.imageOptions()
		if *tag != "" {
			options.Tag = *tag
		}
		// Not where `up` builds, or each would link anew after the other.
		options.Build = filepath.Join(options.Build, "release")
		all, err = images.Project(ctx, options)
	}
	if err != nil {
		return err
	}
	if err := os.MkdirAll(*out, 0o755); err != nil {
		return err
	}
	for _, im := range all {
		name, _, _ := strings.Cut(filepath.Base(im.Name), ":")
		path := filepath.Join(*out, name+".tar")
		if err := writeImage(im, path); err != nil {
			return err
		}
		fmt.Fprintf(stdout, "%s  %s\n", path, im.Name)
	}
	return nil
}

func writeImage(im images.Image, path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := im.Write(f); err != nil {
		return err
	}
	return f.Close()
}
