package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/ligase-bio/ligase/e2e/cluster/images"
	"github.com/ligase-bio/ligase/e2e/cluster/kube"
)

// up brings the cluster up. Every step finds what an earlier run did and does
// the rest, so the same walk mends a cluster that is half up.
func (c *cluster) up(ctx context.Context, withImages bool) error {
	if foreign, err := kube.Foreign(); err != nil {
		return err
	} else if foreign != "" {
		return c.checkForeign(ctx, foreign)
	}
	if err := checkMachine(); err != nil {
		return err
	}
	release, err := c.lock()
	if err != nil {
		return err
	}
	defer release()

	c.say.step("cluster in %s, logs in %s", c.state, c.in("logs"))
	if err := c.checkState(); err != nil {
		return err
	}
	if !c.exists() && len(podGroups()) > 0 {
		return errors.New("another Kubernetes runs on this machine: take it down first, or set KUBECONFIG to use it")
	}
	if c.anotherBoot() {
		c.say.step("the machine was started anew since: beginning from nothing")
		if err := c.remove(ctx); err != nil {
			return err
		}
	}
	if err := c.packages(ctx, missingPackages()); err != nil {
		return err
	}
	if err := c.binaries(ctx); err != nil {
		return err
	}
	if err := c.prepare(ctx); err != nil {
		return err
	}
	var ours []images.Image
	var unbuilt error
	if withImages {
		c.say.step("building the project's images")
		ours, unbuilt = images.Project(ctx, c.imageOptions())
	}
	if err := c.startAll(ctx, ours); err != nil {
		return err
	}
	if err := kube.Save(c.state, c.describe()); err != nil {
		return err
	}
	if unbuilt != nil {
		return fmt.Errorf("the cluster is up, but without the newest of the project's images, as they cannot be built: %w", unbuilt)
	}
	c.say.step("the cluster is up")
	c.say.line("\nexport KUBECONFIG=%s\nexport PATH=%s:$PATH\n\n`go run ./e2e/cluster env` prints all that tests need, `logs COMPONENT` a log.", c.kubeconfig(), c.bin)
	return nil
}

// anotherBoot says whether the cluster's processes are of before a restart of
// the machine: network, mounts and cgroups are gone with them.
func (p places) anotherBoot() bool {
	boot, err := os.ReadFile(p.in("boot"))
	return err == nil && string(boot) != bootID()
}

// prepare makes everything that is not a process.
func (c *cluster) prepare(ctx context.Context) error {
	if err := c.makeState(); err != nil {
		return err
	}
	if err := c.writeFile(bootID(), "boot"); err != nil {
		return err
	}
	if err := c.prepareKernel(); err != nil {
		return err
	}
	if err := c.network(ctx); err != nil {
		return err
	}
	if err := c.secrets(); err != nil {
		return err
	}
	if err := c.makeBucket(); err != nil {
		return err
	}
	return c.configs()
}

// startAll starts the components, and imports images while the API server, the
// slowest, gets ready.
func (c *cluster) startAll(ctx context.Context, ours []images.Image) error {
	if err := c.start(ctx, "etcd", "containerd", "s3"); err != nil {
		return err
	}
	if err := c.startOnly("apiserver"); err != nil {
		return err
	}
	needed, err := c.clusterImages(ctx)
	if err != nil {
		return err
	}
	if err := c.load(ctx, append(needed, ours...)); err != nil {
		return err
	}
	if err := c.start(ctx, "apiserver", "controller-manager", "scheduler", "kubelet", "proxy"); err != nil {
		return err
	}
	c.say.step("installing Argo %s", c.argoVersion())
	if err := c.install(ctx); err != nil {
		return err
	}
	if err := c.start(ctx, "controller", "server"); err != nil {
		return err
	}
	if err := c.countGPUs(ctx); err != nil {
		return err
	}
	c.say.step("the node is ready and counts %d GPUs", gpus)
	return nil
}

// startOnly starts a component that does not run as it should be by now.
func (c *cluster) startOnly(name string) error {
	k, err := c.component(name)
	if err != nil {
		return err
	}
	r := c.running(name)
	if r != nil && r.Digest == k.digest() {
		return nil
	}
	if r != nil {
		c.say.step("%s has a new version or configuration: starting it again", name)
		if err := c.halt(context.Background(), name, grace); err != nil {
			return err
		}
	}
	return c.launch(k)
}

// patience is how long a component may take until it works, on a busy machine.
const patience = 90 * time.Second

// start starts components one after the other, each when the one before works.
// One that runs and does not work is started again, once.
func (c *cluster) start(ctx context.Context, names ...string) error {
	for _, name := range names {
		before := c.running(name)
		if err := c.startOnly(name); err != nil {
			return err
		}
		k, err := c.component(name)
		if err != nil {
			return err
		}
		err = c.untilHealthy(ctx, k)
		if err != nil && before != nil && ctx.Err() == nil {
			c.say.step("%s runs and does not work: starting it again", name)
			if err := c.halt(ctx, name, grace); err != nil {
				return err
			}
			if err := c.launch(k); err != nil {
				return err
			}
			err = c.untilHealthy(ctx, k)
		}
		if err != nil {
			return err
		}
		if now := c.running(name); before != nil && now != nil && now.PID == before.PID {
			c.say.step("%s runs", name)
		} else {
			c.say.step("%s started", name)
		}
	}
	return nil
}

// untilHealthy waits until a component works, or its process has ended.
func (c *cluster) untilHealthy(ctx context.Context, k component) error {
	var last error
	ended := false
	healthy := wait(ctx, patience, func() bool {
		if last = k.healthy(ctx); last == nil {
			return true
		}
		ended = c.running(k.name) == nil
		return ended
	})
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case ended:
		return fmt.Errorf("%s ended; its log %s ends with\n%s", k.name, c.log(k.name), c.tail(k.name))
	case !healthy:
		return fmt.Errorf("%s does not work after %s: %w; its log %s ends with\n%s", k.name, patience, last, c.log(k.name), c.tail(k.name))
	}
	return nil
}

// tail is the last lines of a component's log.
func (c *cluster) tail(name string) string {
	data, err := os.ReadFile(c.log(name))
	if err != nil {
		return err.Error()
	}
	const lines = 15
	all := strings.Split(strings.TrimSpace(string(data)), "\n")
	return "  " + strings.Join(all[max(0, len(all)-lines):], "\n  ")
}

// describe is what tests read.
func (p places) describe() kube.Cluster {
	access, secret := p.s3Keys()
	return kube.Cluster{
		Ours: true, Kubeconfig: p.kubeconfig(), Namespace: kube.Namespace, ControllerNamespace: kube.ControllerNamespace,
		ArgoServer: argoServerURL, Images: kube.Images, ImageTag: kube.ImageTag, Bin: p.bin, Node: nodeName, GPUs: gpus,
		S3: kube.S3{Endpoint: s3URL, PodEndpoint: s3URL, Region: region, Bucket: bucket, AccessKey: access, SecretKey: secret},
	}
}
