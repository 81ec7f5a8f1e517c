package worker

import (
	"errors"
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

func groupLeader(gentle bool) *syscall.SysProcAttr {
	death := syscall.SIGKILL
	if gentle {
		death = syscall.SIGTERM
	}
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: death}
}

func lockThread() { runtime.LockOSThread() }

// outputPipe is a pipe whose reading end knows deadlines; the writing end is a
// bare descriptor for the command.
func outputPipe() (*os.File, int, error) {
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
		return nil, -1, err
	}
	if err := unix.SetNonblock(p[0], true); err != nil {
		return nil, -1, err
	}
	return os.NewFile(uintptr(p[0]), "output"), p[1], nil
}

// waitEnded returns once the process has ended, and leaves it a zombie.
func waitEnded(pid int) {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			return
		}
	}
}

// maxRSS is the largest resident set of the command, in bytes, or 0 when it is
// not known: up to its exec a child is counted with the memory of the process
// that forked it, so a figure that is not over our own says nothing.
func maxRSS(u *syscall.Rusage) int64 {
	var self syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &self) != nil || u.Maxrss <= self.Maxrss {
		return 0
	}
	return u.Maxrss << 10
}
