package worker

import (
	"bytes"
	"os"
	"path"
	"strings"
)

// oomKills counts the processes that the kernel has killed for memory: those
// of our own cgroup, as commands are in it, and where it has no such count,
// those of the whole machine. In a pod the machine's would be other people's
// misfortunes.
func oomKills() int64 { return oomKillsBelow("/") }

// oomKillsBelow is oomKills of the system whose file systems are below root.
func oomKillsBelow(root string) int64 {
	mounts := path.Join(root, "sys/fs/cgroup")
	membership, _ := os.ReadFile(path.Join(root, "proc/self/cgroup"))
	for line := range bytes.Lines(membership) {
		// hierarchy:controllers:path (cgroups(7)); the hierarchy of version 2
		// has no controllers.
		fields := strings.SplitN(strings.TrimSpace(string(line)), ":", 3)
		if len(fields) != 3 {
			continue
		}
		var folder, file string
		switch {
		case fields[0] == "0" && fields[1] == "":
			folder, file = mounts, "memory.events"
			if _, err := os.Stat(path.Join(mounts, "unified")); err == nil {
				folder = path.Join(mounts, "unified") // beside version 1
			}
		case fields[1] == "memory":
			folder, file = path.Join(mounts, "memory"), "memory.oom_control"
		default:
			continue
		}
		// In a container the path may be the host's, while what is mounted is
		// the container's own cgroup.
		for _, own := range []string{path.Join(folder, path.Join("/", fields[2])), folder} {
			if n, told := oomKillsIn(path.Join(own, file)); told {
				return n
			}
		}
	}
	n, _ := oomKillsIn(path.Join(root, "proc/vmstat"))
	return n
}

// oomKillsIn reads the count from one file; false when it has none.
func oomKillsIn(file string) (int64, bool) {
	b, err := os.ReadFile(file)
	if err != nil {
		return 0, false
	}
	for line := range bytes.Lines(b) {
		if n, ok := bytes.CutPrefix(line, []byte("oom_kill ")); ok {
			return number(n), true
		}
	}
	return 0, false
}
