package worker

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A census looks at all processes from time to time, for all attempts of a
// worker together: how much memory each attempt has, and which processes
// belong to it. Commands that end before the first look cost nothing.
//
// A process belongs to an attempt when it is in its process group (of a
// container: is its first process) or its parent belonged to it when it was
// seen; once it does it stays so, wherever it goes.
type census struct {
	reapers map[int]bool

	mu       sync.Mutex
	attempts map[*attempt]map[procID]struct{}
	running  bool
}

const (
	lookEvery = 250 * time.Millisecond
	// lookShare keeps a machine with thousands of processes from being looked
	// at all the time: a look is followed by so many times its own length.
	lookShare = 30
)

func newCensus() *census {
	return &census{attempts: map[*attempt]map[procID]struct{}{}, reapers: reapers()}
}

// add begins to watch an attempt whose command has been running for a while.
func (c *census) add(a *attempt) {
	a.oomBefore.Store(oomKills())
	c.mu.Lock()
	defer c.mu.Unlock()
	if a.ended {
		return
	}
	c.attempts[a] = map[procID]struct{}{}
	if !c.running {
		c.running = true
		go c.run()
	}
}

func (c *census) remove(a *attempt) {
	c.mu.Lock()
	defer c.mu.Unlock()
	a.ended = true
	delete(c.attempts, a)
}

func (c *census) run() {
	for {
		began := time.Now()
		if !c.look() {
			return
		}
		time.Sleep(max(lookEvery, lookShare*time.Since(began)))
	}
}

// look takes one census. It returns false, and the census stops, when there
// is nothing left to look at.
func (c *census) look() bool {
	type member struct {
		pid int
		procStat
	}
	var all []member
	for _, pid := range processes() {
		// Children of kthreadd are the kernel's.
		if s, ok := readStat(pid); ok && s.ppid != 2 && !s.dead() {
			all = append(all, member{pid, s})
		}
	}
	byPID := make(map[int]int, len(all))
	for i, m := range all {
		byPID[m.pid] = i
	}

	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.attempts) == 0 {
		c.running = false
		return false
	}
	byGroup := make(map[int]*attempt, len(c.attempts))
	owner := make([]*attempt, len(all))
	for a, known := range c.attempts {
		if a.pidFile == "" {
			byGroup[a.process.pid] = a
		} else if i, ok := byPID[a.firstInside()]; ok {
			owner[i] = a
		}
		for p := range known {
			if i, ok := byPID[p.pid]; ok && all[i].start == p.start {
				owner[i] = a
			} else {
				delete(known, p)
			}
		}
	}
	const seen = -1
	state := make([]int, len(all))
	var find func(i int) *attempt
	find = func(i int) *attempt {
		if owner[i] != nil || state[i] == seen {
			return owner[i]
		}
		state[i] = seen
		if a := byGroup[all[i].pgrp]; a != nil {
			owner[i] = a
		} else if parent, ok := byPID[all[i].ppid]; ok {
			owner[i] = find(parent)
		}
		return owner[i]
	}
	total, cpu := map[*attempt]int64{}, map[*attempt]int64{}
	for i, m := range all {
		a := find(i)
		if a == nil {
			continue
		}
		c.attempts[a][procID{m.pid, m.start}] = struct{}{}
		total[a] += m.resident
		cpu[a] += m.cpu
		a.peak.Store(max(a.peak.Load(), m.resident))
	}
	for a, resident := range total {
		if a.pidFile != "" {
			a.cpuInside.Store(max(a.cpuInside.Load(), cpu[a]))
			if a.ownCgroup && oomKillsInside(a.firstInside()) > 0 {
				a.oomInside.Store(true)
			}
		}
		if a.memoryLimit > 0 && resident > a.memoryLimit {
			c.overLimit(a, resident)
		}
	}
	return true
}

// overLimit ends an attempt that has more memory than it asked for. The sum of
// resident sets counts shared pages once for each process, so it only starts
// the question.
func (c *census) overLimit(a *attempt, resident int64) {
	var exact int64
	for p := range c.attempts[a] {
		n, ok := proportional(p.pid)
		if !ok {
			if s, alive := readStat(p.pid); alive {
				n = s.resident
			}
		}
		exact += n
	}
	if exact > a.memoryLimit {
		a.overMemory.Store(exact)
		a.process.stop(stoppedByMemory)
	}
}

// marksAreFound says that a process is found by its mark.
const marksAreFound = true

// stragglers lists the living processes of an attempt whose group has ended:
// those that the census saw, and those that carry its mark. alone says that
// there can be no others: that every process which is younger than the
// command is known to belong elsewhere.
//
// It is asked after every command, so it first asks what is cheap: whether
// any process was started since.
func (c *census) stragglers(a *attempt) (list []procID, alone bool) {
	found := map[procID]struct{}{}
	c.mu.Lock()
	for p := range c.attempts[a] {
		found[p] = struct{}{}
	}
	c.mu.Unlock()

	first, last := a.process.pid, lastPID()
	alone = last >= first // else the numbers began anew
	for round := 0; ; round++ {
		for _, pid := range between(first, last) {
			p := procID{pid: pid}
			switch mark := p.mark(); mark {
			case "":
				alone = alone && c.elsewhere(pid, a.process.pid)
			case a.folder:
				if p.start = startTime(pid); p.start != 0 {
					found[p] = struct{}{}
				}
			}
		}
		// What was started while we looked may be the child of one that had
		// ended when its turn came.
		now := lastPID()
		if now == last {
			break
		}
		if round == 3 || now < last {
			alone = false
			break
		}
		first, last = last, now
	}
	for p := range found {
		if p.alive() {
			list = append(list, p)
		}
	}
	return sortProcs(list), alone
}

// elsewhere reports whether what bears a number, and no mark, is surely no
// descendant of an older process. One whose parent lives is what its parent
// is, and a parent that is younger has its own turn; one whose parent has died
// was given to a reaper: so one that has another parent is not an orphan of
// ours. Threads take numbers like processes: that of an older process is
// older than it looks.
func (c *census) elsewhere(pid, older int) bool {
	s, ok := readStat(pid)
	if !ok || s.dead() || !c.reapers[s.ppid] {
		return true
	}
	leader := threadOf(pid)
	return leader != pid && leader != 0 && leader < older
}

// reapers are the processes that can be given orphans of ours: those above us,
// and we ourselves where we have asked for that or are the first.
func reapers() map[int]bool {
	all := map[int]bool{1: true}
	self := os.Getpid()
	var asked int
	if err := unix.Prctl(unix.PR_GET_CHILD_SUBREAPER, uintptr(unsafe.Pointer(&asked)), 0, 0, 0); err != nil || asked != 0 {
		all[self] = true
	}
	for pid := self; pid > 1; {
		s, ok := readStat(pid)
		if !ok {
			break
		}
		pid = s.ppid
		all[pid] = true
	}
	return all
}

// between lists the processes with numbers over first up to last; all there
// are when last is the smaller.
func between(first, last int) []int {
	const few = 64
	if first <= last && last-first <= few {
		pids := make([]int, 0, last-first)
		for pid := first + 1; pid <= last; pid++ {
			pids = append(pids, pid)
		}
		return pids
	}
	return slices.DeleteFunc(processes(), func(pid int) bool {
		return first <= last && (pid <= first || pid > last)
	})
}

// markedBelow lists the living processes whose mark names a folder below dir.
func markedBelow(dir string) []procID {
	var list []procID
	for _, pid := range processes() {
		p := procID{pid: pid}
		mark := p.mark()
		if pid == os.Getpid() {
			continue
		}
		if mark != dir && !strings.HasPrefix(mark, dir+string(filepath.Separator)) {
			continue
		}
		if p.start = startTime(pid); p.start != 0 {
			list = append(list, p)
		}
	}
	return sortProcs(list)
}

func sortProcs(list []procID) []procID {
	slices.SortFunc(list, func(a, b procID) int { return a.pid - b.pid })
	return list
}
