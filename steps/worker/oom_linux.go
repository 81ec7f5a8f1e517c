package worker

import (
	"bytes"
	"os"
	"path"
	"strconv"
	"strings"
)

// oomKills counts the processes that the kernel has killed for memory: those
// of our own cgroup, as commands are in it, and where it has no such count,
// those of the whole machine. In a pod the machine's would be other people's
// misfortunes.
func oomKills() int64 { return oomKillsBelow("/") }

// oomKillsBelow is oomKills of the system whose file systems are below root.
func oomKillsBelow(root string) int64 {
	if n, told := oomKillsOf(root, "self", true); told {
		return n
	}
	n, _ := oomKillsIn(path.Join(root, "proc/vmstat"))
	return n
}

// oomKillsInside counts those of the cgroup that a container has to itself;
// first is its first process.
func oomKillsInside(first int) int64 {
	n, _ := oomKillsOf("/", strconv.Itoa(first), false)
	return n
}

// machineOOMKills counts the processes of the whole machine that the kernel has
// killed for memory, in whatever cgroup.
func machineOOMKills() int64 {
	n, _ := oomKillsIn("/proc/vmstat")
	return n
}

// oomKillsOf counts those of the cgroup that a process is in, of the system
// whose file systems are below root; false when it has no such count. Our own
// may be what is mounted, under a path that is the host's.
func oomKillsOf(root, pid string, own bool) (int64, bool) {
	mounts := path.Join(root, "sys/fs/cgroup")
	membership, _ := os.ReadFile(path.Join(root, "proc", pid, "cgroup"))
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
		if n, told := oomKillsIn(path.Join(folder, path.Join("/", fields[2]), file)); told {
			return n, true
		}
		if n, told := oomKillsIn(path.Join(folder, file)); told && own {
			return n, true
		}
	}
	return 0, false
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
