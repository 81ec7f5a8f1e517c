package worker

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// clockTicks are how many ticks of the clock in /proc are a second: on every
// machine that Go runs on (USER_HZ).
const clockTicks = 100

// machineMemory is how much memory this machine has, in bytes; 0: not told.
func machineMemory() int64 {
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) != nil {
		return 0
	}
	return int64(info.Totalram) * int64(info.Unit)
}

// procLimit is the most processes that our user may have, -1: as many as it
// likes; 0: not told. podman lowers its own limit to the largest number that a
// process may have, and can then give no more.
func procLimit() int64 {
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NPROC, &limit) != nil {
		return 0
	}
	most := int64(-1)
	if b, err := os.ReadFile("/proc/sys/kernel/pid_max"); err == nil {
		most = number(b)
	}
	if limit.Cur == unix.RLIM_INFINITY || most > 0 && limit.Cur > uint64(most) {
		return most
	}
	return int64(limit.Cur)
}

// endMonitors ends the monitors (conmon) of containers that podman knows
// nothing of any more, with what they watch: a client that was killed while it
// started a container leaves them so. A monitor is known by the file that it
// was told to write the number of the first process to. One that is about to
// end by itself is given the time.
func endMonitors(pidFiles []string) {
	if len(pidFiles) == 0 {
		return
	}
	monitors := monitorsOf(pidFiles)
	alive := func() bool {
		for _, m := range monitors {
			if m.alive() {
				return true
			}
		}
		return false
	}
	until(2*time.Second, func() bool { return !alive() })
	if !alive() {
		return
	}
	for _, pid := range processes() {
		s, ok := readStat(pid)
		for _, m := range monitors {
			if ok && s.ppid == m.pid && m.alive() {
				procID{pid, s.start}.signal(syscall.SIGKILL)
			}
		}
	}
	until(2*time.Second, func() bool { return !alive() })
	for _, m := range monitors {
		m.signal(syscall.SIGKILL)
	}
}

// monitorsOf finds the living processes named conmon that have one of the
// files as an argument.
func monitorsOf(pidFiles []string) []procID {
	var list []procID
	for _, pid := range processes() {
		b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "cmdline"))
		if err != nil {
			continue
		}
		argv := bytes.Split(b, []byte{0})
		if len(argv) == 0 || filepath.Base(string(argv[0])) != "conmon" {
			continue
		}
		for _, file := range pidFiles {
			for _, arg := range argv {
				if string(arg) == file {
					list = append(list, procID{pid, startTime(pid)})
				}
			}
		}
	}
	return list
}
