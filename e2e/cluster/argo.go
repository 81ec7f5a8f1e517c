package main

import (
	"context"
	"embed"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

//go:embed manifests
var manifests embed.FS

// kubectl runs against this cluster as its administrator.
func (p places) kubectl(ctx context.Context, args ...string) (string, error) {
	return output(ctx, time.Minute, p.program("kubectl"), append([]string{"--kubeconfig", p.kubeconfig()}, args...)...)
}

// install applies Argo's resource definitions and our manifests. Argo's
// controller ends at once when the definitions are not served yet.
func (c *cluster) install(ctx context.Context) error {
	served, err := c.definitionsServed(ctx)
	if err != nil {
		return err
	}
	if !served {
		if err := c.installDefinitions(ctx); err != nil {
			return err
		}
	}
	var all []string
	for _, name := range []string{"argo.yaml", "workflows.yaml"} {
		data, err := manifests.ReadFile("manifests/" + name)
		if err != nil {
			return err
		}
		all = append(all, string(data))
	}
	if err := c.writeFile(strings.Join(all, "\n---\n"), "manifests.yaml"); err != nil {
		return err
	}
	return c.apply(ctx, c.in("manifests.yaml"))
}

// apply takes over what others have changed since.
func (p places) apply(ctx context.Context, file string) error {
	_, err := p.kubectl(ctx, "apply", "--server-side", "--force-conflicts", "--filename", file)
	return err
}

// definitionsServed says whether this version's resource definitions are
// there. They are megabytes, and applying them again takes seconds.
func (c *cluster) definitionsServed(ctx context.Context) (bool, error) {
	installed, err := os.ReadFile(c.in("definitions"))
	if err != nil || string(installed) != c.argoVersion() {
		return false, nil
	}
	groups, err := c.kubectl(ctx, "get", "--raw", "/apis")
	if err != nil || !strings.Contains(groups, `"argoproj.io/v1alpha1"`) {
		return false, err
	}
	kinds, err := c.kubectl(ctx, "get", "--raw", "/apis/argoproj.io/v1alpha1")
	if err != nil {
		return false, err
	}
	files, err := c.definitions(ctx)
	if err != nil {
		return false, err
	}
	for _, file := range files {
		kind := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(file), "argoproj.io_"), ".yaml")
		if !strings.Contains(kinds, `"name":"`+kind+`"`) {
			return false, nil
		}
	}
	return true, nil
}

// definitions are the files of Argo's resource definitions.
func (c *cluster) definitions(ctx context.Context) ([]string, error) {
	source, err := c.argoSource(ctx, c.argoVersion())
	if err != nil {
		return nil, err
	}
	files, err := filepath.Glob(filepath.Join(source, "manifests", "base", "crds", "full", "argoproj.io_*.yaml"))
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("%s has no resource definitions: remove that folder and run `up` again", source)
	}
	return files, err
}

func (c *cluster) installDefinitions(ctx context.Context) error {
	files, err := c.definitions(ctx)
	if err != nil {
		return err
	}
	var all []string
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		all = append(all, string(data))
	}
	if err := c.writeFile(strings.Join(all, "\n---\n"), "definitions.yaml"); err != nil {
		return err
	}
	if err := c.apply(ctx, c.in("definitions.yaml")); err != nil {
		return err
	}
	if _, err := c.kubectl(ctx, "wait", "--for=condition=Established", "--timeout=50s", "--filename", c.in("definitions.yaml")); err != nil {
		return err
	}
	return c.writeFile(c.argoVersion(), "definitions")
}

// countGPUs waits for the node and gives it the count of GPUs that nothing
// real stands behind: enough for the scheduler. The kubelet forgets it when it
// registers the node, so each start of the kubelet is followed by this.
func (c *cluster) countGPUs(ctx context.Context) error {
	if _, err := c.kubectl(ctx, "wait", "--for=create", "--timeout=50s", "node/"+nodeName); err != nil {
		return err
	}
	if _, err := c.kubectl(ctx, "wait", "--for=condition=Ready", "--timeout=50s", "node/"+nodeName); err != nil {
		return err
	}
	want := fmt.Sprint(gpus)
	seen := wait(ctx, time.Minute, func() bool {
		has, err := c.kubectl(ctx, "get", "node", nodeName, "--output", `jsonpath={.status.capacity.nvidia\.com/gpu} {.status.allocatable.nvidia\.com/gpu}`)
		if err == nil && has == want+" "+want {
			return true
		}
		_, _ = c.kubectl(ctx, "patch", "node", nodeName, "--subresource=status", "--type=merge", "--patch",
			fmt.Sprintf(`{"status":{"capacity":{"nvidia.com/gpu":%q},"allocatable":{"nvidia.com/gpu":%q}}}`, want, want))
		return false
	})
	if !seen {
		return fmt.Errorf("the node does not say that it has %d GPUs: see %s", gpus, c.log("kubelet"))
	}
	return ctx.Err()
}
