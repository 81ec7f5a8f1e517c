package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// checkMachine refuses a machine that cannot have the cluster.
func checkMachine() error {
	if runtime.GOOS != "linux" {
		return errors.New("the cluster needs Linux; elsewhere, set KUBECONFIG to use a cluster of yours")
	}
	if os.Geteuid() != 0 {
		return errors.New("the cluster needs root, as it runs containers and makes a network: run it with sudo, or set KUBECONFIG to use a cluster of yours")
	}
	return nil
}

// needs are the programs that come from the distribution, and the Debian
// package of each.
var needs = []struct{ program, debian string }{
	{"containerd", "containerd"},
	{"ctr", "containerd"},
	{"containerd-shim-runc-v2", "containerd"},
	{"runc", "runc"},
	{"iptables", "iptables"},
	{"conntrack", "conntrack"},
	{"ip", "iproute2"},
	{"mount", "mount"},
	{"busybox", "busybox-static"},
}

// missingPackages are the Debian packages of what is not there.
func missingPackages() []string {
	var missing []string
	for _, n := range needs {
		if !there(n.program) && !slices.Contains(missing, n.debian) {
			missing = append(missing, n.debian)
		}
	}
	if _, err := cniPlugins(); err != nil {
		missing = append(missing, "containernetworking-plugins")
	}
	return missing
}

func there(program string) bool {
	if _, err := exec.LookPath(program); err == nil {
		return true
	}
	for _, dir := range []string{"/usr/local/sbin", "/usr/sbin", "/sbin"} { // not on everybody's PATH
		if _, err := os.Stat(filepath.Join(dir, program)); err == nil {
			return true
		}
	}
	return false
}

// packages installs Debian packages that are missing.
func (c *cluster) packages(ctx context.Context, missing []string) error {
	if len(missing) == 0 {
		return nil
	}
	if _, err := exec.LookPath("apt-get"); err != nil {
		return fmt.Errorf("programs are missing, and this is no Debian to install them on: get what its packages %s have", strings.Join(missing, ", "))
	}
	c.say.step("installing %s", strings.Join(missing, " "))
	install := func() error {
		ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, "apt-get", append([]string{"install", "--yes", "--no-install-recommends"}, missing...)...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("apt-get install %s: %w\n%s", strings.Join(missing, " "), err, out)
		}
		return nil
	}
	if err := install(); err == nil {
		return nil
	}
	// The machine may never have asked which packages there are.
	if _, err := output(ctx, 5*time.Minute, "apt-get", "update"); err != nil {
		return err
	}
	return install()
}
