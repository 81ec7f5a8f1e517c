package worker

import (
	"errors"
	"log/slog"
	"os"
	"sync"
	"syscall"
	"time"
)

// stopCause is why a command was ended from outside; the first one counts.
type stopCause int

const (
	notStopped stopCause = iota
	stoppedByContext
	stoppedByDeadline
	stoppedByEngine // Hooks.Started refused
	stoppedByMemory
)

// A process is a running command: the leader of a process group of its own.
//
// The leader's number, which is also the group's, cannot be given to another
// process while the leader has not been reaped. So signals are sent only
// between start and reap, under mu.
type process struct {
	pid   int
	grace time.Duration

	mu     sync.Mutex
	reaped bool
	cause  stopCause
	killer *time.Timer
}

// stop ends the group: SIGTERM, and SIGKILL after the grace. A second stop
// changes nothing.
func (p *process) stop(cause stopCause) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.reaped || p.cause != notStopped {
		return
	}
	p.cause = cause
	if cause == stoppedByMemory {
		// It may be growing still, and a handler would need memory.
		syscall.Kill(-p.pid, syscall.SIGKILL)
		return
	}
	syscall.Kill(-p.pid, syscall.SIGTERM)
	syscall.Kill(-p.pid, syscall.SIGCONT) // a stopped process would not notice
	p.killer = time.AfterFunc(p.grace, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if !p.reaped {
			syscall.Kill(-p.pid, syscall.SIGKILL)
		}
	})
}

// ending is how a command ended.
type ending struct {
	exit   int            // exit code, or 128 plus the signal
	signal syscall.Signal // 0 when it exited by itself
	cause  stopCause
	usage  syscall.Rusage
}

// wait waits for the leader, and ends what it left behind in its group.
func (p *process) wait() ending {
	waitEnded(p.pid)

	p.mu.Lock()
	// While the leader is a zombie the group's number is surely ours.
	syscall.Kill(-p.pid, syscall.SIGTERM)
	var (
		status syscall.WaitStatus
		e      ending
	)
	for {
		_, err := syscall.Wait4(p.pid, &status, 0, &e.usage)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	p.reaped = true
	e.cause = p.cause
	if p.killer != nil {
		p.killer.Stop()
	}
	p.mu.Unlock()

	e.exit = status.ExitStatus()
	if status.Signaled() {
		e.signal = status.Signal()
		e.exit = 128 + int(e.signal)
	}
	p.endGroup()
	return e
}

// endGroup waits for the rest of the group, which has been asked to end, and
// kills it after the grace. As long as a member lives the number stays taken.
func (p *process) endGroup() {
	if !p.groupAlive() {
		return
	}
	syscall.Kill(-p.pid, syscall.SIGCONT)
	until(p.grace, func() bool { return !p.groupAlive() })
	for range 3 {
		if !p.groupAlive() {
			return
		}
		syscall.Kill(-p.pid, syscall.SIGKILL)
		until(time.Second, func() bool { return !p.groupAlive() })
	}
}

// groupAlive reports whether a process of the group lives. Zombies do not
// count: where the parent of orphans is this process (in a container), they
// are reaped here; where it is one that never reaps, they stay for ever.
func (p *process) groupAlive() bool {
	if err := syscall.Kill(-p.pid, 0); err != nil && !errors.Is(err, syscall.EPERM) {
		return false
	}
	for {
		if n, err := syscall.Wait4(-p.pid, nil, syscall.WNOHANG, nil); n <= 0 || err != nil {
			break
		}
	}
	return groupLives(p.pid)
}

// until asks done again and again, ever more slowly, for at most that long.
func until(limit time.Duration, done func() bool) {
	deadline := time.Now().Add(limit)
	for pause := time.Millisecond; !done(); pause = min(2*pause, 50*time.Millisecond) {
		left := time.Until(deadline)
		if left <= 0 {
			return
		}
		time.Sleep(min(pause, left))
	}
}

// A spawner starts every command of a worker on one thread that lives as long
// as this program. On Linux a command is told to die with its parent
// (PR_SET_PDEATHSIG), and the parent in that sense is the *thread* that
// started it: on an ordinary goroutine's thread, commands could be killed out
// of the blue when the runtime ends that thread, as it does when a goroutine
// that had locked it ends.
type spawner struct {
	once     sync.Once
	requests chan spawnRequest
	null     *os.File
	apart    bool
	log      *slog.Logger
}

type spawnRequest struct {
	argv  []string
	attr  syscall.ProcAttr
	reply chan spawned
}

type spawned struct {
	pid int
	err error
}

// start runs argv[0], a path, with its output going to the descriptor out.
func (s *spawner) start(argv, env []string, dir string, out int) (int, error) {
	s.once.Do(func() {
		s.requests = make(chan spawnRequest)
		go s.serve()
	})
	r := spawnRequest{
		argv: argv,
		attr: syscall.ProcAttr{
			Dir:   dir,
			Env:   env,
			Files: []uintptr{s.null.Fd(), uintptr(out), uintptr(out)},
			Sys:   groupLeader(),
		},
		reply: make(chan spawned, 1),
	}
	s.requests <- r
	got := <-r.reply
	return got.pid, got.err
}

func (s *spawner) serve() {
	lockThread()
	if s.apart {
		if err := keepApart(); err != nil {
			s.log.Warn("commands can look into other processes of their user", "err", err)
		}
	}
	for r := range s.requests {
		pid, err := syscall.ForkExec(r.argv[0], r.argv, &r.attr)
		r.reply <- spawned{pid, err}
	}
}
