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
	stoppedByDisk     // it has written more than it asked for
	stoppedByFullDisk // it has written the most, and there is no more room
)

// A process is a running command: the leader of a process group of its own.
//
// The leader's number, which is also the group's, cannot be given to another
// process while the leader has not been reaped. So signals are sent only
// between start and reap, under mu.
type process struct {
	pid   int
	grace time.Duration

	// gentle says that SIGTERM is for the leader alone, which passes it on: it
	// is the client of a container, and what it is told twice, so is the
	// command.
	gentle bool
	kill   func() // instead of SIGKILL to the group, which it may send; nil: that

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
	kill := p.kill
	if kill == nil {
		kill = func() { p.send(syscall.SIGKILL) }
	}
	switch cause {
	case stoppedByMemory, stoppedByDisk, stoppedByFullDisk:
		// It may be growing still, and a handler would need memory, or write on.
		go kill()
		return
	}
	if p.gentle {
		syscall.Kill(p.pid, syscall.SIGTERM)
	} else {
		syscall.Kill(-p.pid, syscall.SIGTERM)
	}
	syscall.Kill(-p.pid, syscall.SIGCONT) // a stopped process would not notice
	p.killer = time.AfterFunc(p.grace, kill)
}

// send sends the group a signal, unless it has ended.
func (p *process) send(sig syscall.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.reaped {
		syscall.Kill(-p.pid, sig)
	}
}

// ended reports whether the leader has ended.
func (p *process) ended() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.reaped
}

// ending is how a command ended.
type ending struct {
	exit   int            // exit code, or 128 plus the signal
	signal syscall.Signal // 0 when it exited by itself
	cause  stopCause
	oom    bool // in a container: the kernel killed it, or a part of it, for memory
	usage  syscall.Rusage
}

// wait waits for the leader, and ends what it left behind in its group.
func (p *process) wait() ending {
	waitEnded(p.pid)
	if p.gentle {
		// What it handed its work to is still at it.
		until(p.grace, func() bool { return !p.followed() })
	}

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

// followed reports whether a process of the group lives besides the leader,
// which has ended and is not reaped.
func (p *process) followed() bool { return groupLives(p.pid) }

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

// launch is a program to be started.
type launch struct {
	argv, env []string // argv[0] is a path
	dir       string
	gentle    bool // when this program dies, it is asked to end, and not killed
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

// start runs a program with its output going to the descriptor out.
func (s *spawner) start(l launch, out int) (int, error) {
	s.once.Do(func() {
		s.requests = make(chan spawnRequest)
		go s.serve()
	})
	r := spawnRequest{
		argv: l.argv,
		attr: syscall.ProcAttr{
			Dir:   l.dir,
			Env:   l.env,
			Files: []uintptr{s.null.Fd(), uintptr(out), uintptr(out)},
			Sys:   groupLeader(l.gentle),
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
