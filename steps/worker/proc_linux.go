package worker

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// procStat is what /proc/PID/stat says (proc(5)).
type procStat struct {
	state           byte
	ppid, pgrp, sid int
	start           uint64 // clock ticks after boot
	resident        int64  // bytes
	cpu             int64  // clock ticks that it, and the children that it has waited for, have used
	threads         int
	kernel          bool // it is a thread of the kernel's

	// envStart and envEnd are where its environment lies; 0 while it is about
	// to become another program.
	envStart, envEnd uint64
}

// kernelThread is PF_KTHREAD among the flags of a process (include/linux/sched.h).
const kernelThread = 0x00200000

// readStat reads a process's state; false when it is gone.
func readStat(pid int) (procStat, bool) {
	var buf [1024]byte
	b := readProc("/proc/"+strconv.Itoa(pid)+"/stat", buf[:])
	// The name, in parentheses, may hold anything; the last one closes it.
	cut := bytes.LastIndexByte(b, ')')
	if cut < 0 || cut+2 >= len(b) {
		return procStat{}, false
	}
	var s procStat
	rest := b[cut+2:]
	for field := 3; len(rest) > 0 && field <= 51; field++ {
		word := rest
		if n := bytes.IndexByte(rest, ' '); n >= 0 {
			word, rest = rest[:n], rest[n+1:]
		} else {
			rest = nil
		}
		switch field {
		case 3:
			s.state = word[0]
		case 4:
			s.ppid = int(number(word))
		case 5:
			s.pgrp = int(number(word))
		case 6:
			s.sid = int(number(word))
		case 9:
			s.kernel = number(word)&kernelThread != 0
		case 14, 15, 16, 17:
			s.cpu += number(word)
		case 20:
			s.threads = int(number(word))
		case 22:
			s.start = uint64(number(word))
		case 24:
			s.resident = number(word) * int64(os.Getpagesize())
		case 50:
			s.envStart = uint64(number(word))
		case 51:
			s.envEnd = uint64(number(word))
		}
	}
	return s, true
}

// dead reports whether nothing of a process runs any more. One whose first
// thread has ended while others go on looks like a zombie, but for their number.
func (s procStat) dead() bool { return s.state == 'X' || s.state == 'Z' && s.threads <= 1 }

// number reads decimal digits; anything else ends it.
func number(b []byte) int64 {
	var n int64
	for _, c := range b {
		if c < '0' || c > '9' {
			break
		}
		n = n*10 + int64(c-'0')
	}
	return n
}

// readProc reads a small file in one go, without the poller; nil when it
// cannot.
func readProc(path string, buf []byte) []byte {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	defer unix.Close(fd)
	n, err := unix.Read(fd, buf)
	if err != nil || n <= 0 {
		return nil
	}
	return buf[:n]
}

// processes lists the numbers of all processes, in the order of /proc, which
// is ascending.
func processes() []int {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1)
	pids := make([]int, 0, len(names))
	for _, name := range names {
		if name[0] < '1' || name[0] > '9' {
			continue
		}
		if pid, err := strconv.Atoi(name); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// groupLives reports whether a process of the group is more than a zombie.
func groupLives(pgid int) bool {
	for _, pid := range processes() {
		if s, ok := readStat(pid); ok && s.pgrp == pgid && !s.dead() {
			return true
		}
	}
	return false
}

// lastPID is the number that was given to a new process last, in our
// namespace; 0 when it cannot be told.
func lastPID() int {
	var buf [128]byte
	b := bytes.TrimRight(readProc("/proc/loadavg", buf[:]), "\n")
	return int(number(b[1+bytes.LastIndexByte(b, ' '):]))
}

// threadOf is the process that a thread belongs to; 0 when it is gone.
func threadOf(tid int) int {
	var buf [512]byte
	for line := range bytes.Lines(readProc("/proc/"+strconv.Itoa(tid)+"/status", buf[:])) {
		if n, ok := bytes.CutPrefix(line, []byte("Tgid:\t")); ok {
			return int(number(n))
		}
	}
	return 0
}

// startTime is when a process started, in clock ticks after boot; 0 when it
// is gone. With the boot id it tells a process from a later one that has the
// same number.
func startTime(pid int) uint64 {
	s, ok := readStat(pid)
	if !ok || s.dead() {
		return 0
	}
	return s.start
}

func bootID() string {
	b, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(b))
}

// proportional is the memory of a process with shared pages divided among
// those that share them (smaps_rollup), in bytes; false when it is not told.
func proportional(pid int) (int64, bool) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/smaps_rollup")
	if err != nil {
		return 0, false
	}
	for line := range bytes.Lines(b) {
		if n, ok := bytes.CutPrefix(line, []byte("Pss:")); ok {
			return number(bytes.TrimLeft(n, " ")) << 10, true
		}
	}
	return 0, false
}

// alive reports whether it is still that process, and more than a zombie.
func (p procID) alive() bool { return p.start != 0 && startTime(p.pid) == p.start }

// signal sends sig to that process and surely to no other.
func (p procID) signal(sig syscall.Signal) {
	fd, err := unix.PidfdOpen(p.pid, 0)
	if err != nil {
		if p.alive() {
			syscall.Kill(p.pid, sig) // a kernel before 5.3
		}
		return
	}
	defer unix.Close(fd)
	if p.alive() {
		unix.PidfdSendSignal(fd, sig, nil, 0)
	}
}

// mark is the environment variable by which the processes of an attempt are
// known, wherever they went: it names the attempt's folder.
//
// A process that is about to become another program has no environment for a
// moment (execve(2): its new memory is there, and what is in it is not yet
// said), which on a busy machine is a long one. Its mark is waited for.
func (p procID) mark() string {
	var mark string
	until(execLimit, func() bool {
		var settled bool
		mark, settled = p.markNow()
		return settled
	})
	return mark
}

// execLimit is how long a process may take to become another program.
const execLimit = 2 * time.Second

// markNow reads the mark. It is not settled when the process is alive and has
// no environment that could be read.
func (p procID) markNow() (mark string, settled bool) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", p.pid))
	if err != nil {
		// Its first thread may have ended: then the others are asked.
		if s, ok := readStat(p.pid); !ok || s.state != 'Z' || s.dead() {
			return "", true
		}
		if b = environOfThreads(p.pid); len(b) == 0 {
			return "", true
		}
	}
	if len(b) == 0 {
		s, ok := readStat(p.pid)
		switch {
		case !ok, s.dead(), s.kernel:
			return "", true
		default:
			return "", s.envEnd != 0 && s.envStart == s.envEnd // it was given none
		}
	}
	for len(b) > 0 {
		var entry []byte
		entry, b, _ = bytes.Cut(b, []byte{0})
		if v, ok := bytes.CutPrefix(entry, []byte(markVariable+"=")); ok {
			return string(v), true
		}
	}
	return "", true
}

// environOfThreads is the environment of a process as any of its threads has
// it; nil when none can be read.
func environOfThreads(pid int) []byte {
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/environ", pid))
	for _, file := range files {
		if b, err := os.ReadFile(file); err == nil && len(b) > 0 {
			return b
		}
	}
	return nil
}
