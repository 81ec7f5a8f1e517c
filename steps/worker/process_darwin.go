package worker

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Here a command does not die with its parent: an engine that was killed
// finds what it left behind by attempt.json.
func groupLeader(bool) *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

func lockThread() {}

// outputPipe is a pipe whose reading end knows deadlines; the writing end is a
// bare descriptor for the command.
func outputPipe() (*os.File, int, error) {
	var p [2]int
	syscall.ForkLock.RLock()
	err := syscall.Pipe(p[:])
	if err == nil {
		syscall.CloseOnExec(p[0])
		syscall.CloseOnExec(p[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, -1, err
	}
	if err := syscall.SetNonblock(p[0], true); err != nil {
		return nil, -1, err
	}
	return os.NewFile(uintptr(p[0]), "output"), p[1], nil
}

// waitEnded returns once the process has ended, and leaves it a zombie.
func waitEnded(pid int) {
	queue, err := unix.Kqueue()
	if err != nil {
		return
	}
	defer unix.Close(queue)
	var watch, got [1]unix.Kevent_t
	unix.SetKevent(&watch[0], pid, unix.EVFILT_PROC, unix.EV_ADD|unix.EV_ONESHOT)
	watch[0].Fflags = unix.NOTE_EXIT
	for {
		_, err := unix.Kevent(queue, watch[:], got[:], nil)
		if !errors.Is(err, unix.EINTR) {
			return
		}
	}
}

func maxRSS(u *syscall.Rusage) int64 { return u.Maxrss }

func groupLives(pgid int) bool { return syscall.Kill(-pgid, 0) == nil }

// startTime is when a process started, in microseconds; 0 when it is gone.
func startTime(pid int) uint64 {
	info, err := unix.SysctlKinfoProc("kern.proc.pid", pid)
	if err != nil || info == nil {
		return 0
	}
	t := info.Proc.P_starttime
	return uint64(t.Sec)*1e6 + uint64(t.Usec)
}

func bootID() string {
	id, _ := unix.Sysctl("kern.bootsessionuuid")
	return id
}

func oomKills() int64 { return 0 }

// Containers are Linux's.
func machineOOMKills() int64 { return 0 }
func machineMemory() int64   { return 0 }
func procLimit() int64       { return 0 }
func endMonitors([]string)   {}

const clockTicks = 100

// keepApart is Linux's.
func keepApart() error { return errors.New("only Linux can keep them from that") }

// Without /proc there is no census: the memory of a command is not limited,
// and of what it starts only its process group is found.
type census struct{}

func newCensus() *census { return &census{} }

func (*census) add(*attempt)                         {}
func (*census) remove(*attempt)                      {}
func (*census) stragglers(*attempt) ([]procID, bool) { return nil, false }

const marksAreFound = false

func markedBelow(string) []procID { return nil }

func (p procID) alive() bool { return p.start != 0 && startTime(p.pid) == p.start }

func (p procID) signal(sig syscall.Signal) {
	if p.alive() {
		syscall.Kill(p.pid, sig)
	}
}
