package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// down ends everything and removes what it left. It goes by what is there, not
// by what up wrote down, so it works after half an up or a crash.
func (c *cluster) down(ctx context.Context) error {
	if err := checkMachine(); err != nil {
		return err
	}
	release, err := c.lock()
	if err != nil {
		return err
	}
	defer release()
	if err := c.checkState(); err != nil {
		return err
	}
	strays, err := c.strays()
	if err != nil {
		return err
	}
	// Without a cluster nothing is touched: rules and control groups that look
	// like ours are those of another Kubernetes.
	if !c.exists() && len(strays) == 0 {
		c.say.step("no cluster is up")
		return nil
	}
	if err := c.remove(ctx); err != nil {
		return err
	}
	c.say.step("nothing of the cluster is left; the programs stay in %s", c.bin)
	return nil
}

// remove takes things away in the order in which nothing brings them back.
func (c *cluster) remove(ctx context.Context) error {
	if err := c.endProcesses(ctx); err != nil {
		return err
	}
	if err := c.unmount(ctx); err != nil {
		return err
	}
	if err := c.removeNetwork(ctx); err != nil {
		return err
	}
	if err := removeCgroups(ctx); err != nil {
		return err
	}
	if err := c.removeElsewhere(); err != nil {
		return err
	}
	if err := c.restoreKernel(); err != nil {
		return err
	}
	return os.RemoveAll(c.state)
}

// endProcesses ends the kubelet and Argo before containers, as they would
// start them anew; then the containers; then what both talk to.
func (c *cluster) endProcesses(ctx context.Context) error {
	names := []string{"controller", "server", "kubelet", "proxy", "scheduler", "controller-manager"}
	for _, name := range names {
		if err := c.halt(ctx, name, haste); err != nil {
			return err
		}
	}
	containers, err := c.endContainers(ctx)
	if err != nil {
		return err
	}
	for _, name := range []string{"containerd", "apiserver", "etcd", "s3"} {
		if err := c.halt(ctx, name, haste); err != nil {
			return err
		}
	}
	// Whatever was started and not written down, as by an up that was killed.
	strays, err := c.strays()
	if err != nil {
		return err
	}
	if err := killAll(ctx, strays); err != nil {
		return err
	}
	c.say.step("ended the processes, %d of them in containers", containers)
	return nil
}

// process is a running one as the kernel tells it.
type process struct {
	record
	command []string
}

func processes() ([]process, error) {
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil, err
	}
	boot := bootID()
	var all []process
	for _, dir := range dirs {
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err != nil {
			continue
		}
		// One that has ended in between is none.
		started, state, err := processStat(pid)
		if err != nil || state == "Z" {
			continue
		}
		command, err := os.ReadFile(filepath.Join(dir, "cmdline"))
		if err != nil {
			continue
		}
		all = append(all, process{
			record:  record{PID: pid, Started: started, Boot: boot},
			command: strings.Split(strings.TrimSuffix(string(command), "\x00"), "\x00"),
		})
	}
	return all, nil
}

// ours says whether a process is of this cluster: one of the programs, with
// the cluster's folder in its arguments. Nobody else's has both.
func (p places) ours(q process) bool {
	programs := []string{"containerd", "containerd-shim-runc-v2"}
	for _, c := range p.components() {
		programs = append(programs, filepath.Base(c.path))
	}
	if !slices.Contains(programs, filepath.Base(q.command[0])) {
		return false
	}
	return slices.ContainsFunc(q.command[1:], func(arg string) bool { return strings.Contains(arg, p.state+"/") })
}

func (p places) strays() ([]process, error) {
	all, err := processes()
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(q process) bool { return !p.ours(q) }), nil
}

// endContainers kills the shims of our containerd and all in the kubelet's
// control groups, and says how many those were. A container whose shim was
// killed is found there, too.
func (p places) endContainers(ctx context.Context) (int, error) {
	all, err := processes()
	if err != nil {
		return 0, err
	}
	grouped, err := groupMembers()
	if err != nil {
		return 0, err
	}
	var shims, contained []process
	for _, q := range all {
		switch {
		case grouped[q.PID]:
			contained = append(contained, q)
		case filepath.Base(q.command[0]) == "containerd-shim-runc-v2" && p.ours(q):
			shims = append(shims, q)
		}
	}
	if err := killAll(ctx, contained); err != nil {
		return 0, err
	}
	return len(contained), killAll(ctx, shims)
}

// groupMembers are the processes in the kubelet's control groups.
func groupMembers() (map[int]bool, error) {
	members := map[int]bool{}
	for _, root := range podGroups() {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) { // a container that has just ended
				return nil
			}
			if err != nil || d.Name() != "cgroup.procs" {
				return err
			}
			list, err := os.ReadFile(path)
			if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENODEV) {
				return nil
			}
			for _, field := range strings.Fields(string(list)) {
				pid, err := strconv.Atoi(field)
				if err != nil {
					return fmt.Errorf("%s: %w", path, err)
				}
				members[pid] = true
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return members, nil
}

func killAll(ctx context.Context, all []process) error {
	for _, q := range all {
		if q.alive() {
			_ = syscall.Kill(q.PID, syscall.SIGKILL)
		}
	}
	for _, q := range all {
		if !wait(ctx, grace, func() bool { return !q.alive() }) {
			return errors.Join(ctx.Err(), fmt.Errorf("process %d (%s) does not end", q.PID, q.command[0]))
		}
	}
	return nil
}

// unmount takes away the mounts of pods and containers, the innermost first.
func (p places) unmount(ctx context.Context) error {
	table, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return err
	}
	const mountPoint = 4
	var points []string
	for line := range strings.Lines(string(table)) {
		fields := strings.Fields(line)
		if len(fields) > mountPoint && strings.HasPrefix(fields[mountPoint], p.state+"/") {
			points = append(points, unescape(fields[mountPoint]))
		}
	}
	for _, point := range slices.Backward(points) {
		if err := command10s(ctx, "umount", "--lazy", point); err != nil {
			return err
		}
	}
	return nil
}

// unescape undoes how the kernel writes blanks in a path.
func unescape(path string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(path)
}

// podGroups are the kubelet's control groups: one, or one for each controller.
func podGroups() []string {
	one, _ := filepath.Glob("/sys/fs/cgroup/kubepods")
	each, _ := filepath.Glob("/sys/fs/cgroup/*/kubepods")
	return append(one, each...)
}

// removeCgroups removes the kubelet's groups, which are empty now. The kernel
// may take a moment to see it.
func removeCgroups(ctx context.Context) error {
	gone := wait(ctx, 10*time.Second, func() bool {
		for _, root := range podGroups() {
			var dirs []string
			_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
				if err == nil && d.IsDir() {
					dirs = append(dirs, path)
				}
				return nil
			})
			for _, dir := range slices.Backward(dirs) {
				_ = os.Remove(dir)
			}
		}
		return len(podGroups()) == 0
	})
	if !gone {
		return fmt.Errorf("the control groups %s are in use: is there another Kubernetes on this machine?", strings.Join(podGroups(), ", "))
	}
	return nil
}

// removeElsewhere removes what the kubelet, containerd and the network plugins
// write outside of the folder that they are given.
func (p places) removeElsewhere() error {
	var all []error
	remove := func(path string) {
		if err := os.RemoveAll(path); err != nil {
			all = append(all, err)
		}
	}
	logs, _ := filepath.Glob("/var/log/containers/*.log")
	for _, link := range logs {
		if target, err := os.Readlink(link); err == nil && strings.HasPrefix(target, p.state+"/") {
			remove(link)
		}
	}
	results, _ := filepath.Glob("/var/lib/cni/results/ligase-*")
	for _, result := range results {
		remove(result)
		// Each pod has a loopback, too, which does not say whose it is.
		pod := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(result), "ligase-"), "-eth0")
		remove(filepath.Join(filepath.Dir(result), "cni-loopback-"+pod+"-lo"))
	}
	remove("/var/lib/kubelet/device-plugins")
	sockets, _ := filepath.Glob("/run/containerd/s/*")
	for _, socket := range sockets {
		if deaf(socket) {
			remove(socket)
		}
	}
	// The folders themselves go when nobody else has anything in them.
	for _, dir := range []string{"/var/log/containers", "/var/lib/cni/results", "/var/lib/cni", "/var/lib/kubelet", "/run/containerd/s", "/run/containerd"} {
		_ = os.Remove(dir)
	}
	return errors.Join(all...)
}
