package worker

import (
	"io/fs"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A diskWatch looks from time to time what attempts have written, for all of a
// worker together. It ends the one that has more in its folder than it asked
// for, and, when the disk itself runs out of room, the one that has written the
// most: a disk that is full takes with it the store, the database and whatever
// else the machine does.
//
// Only what lies in the attempt's folder counts: in a container there is nothing
// else that can be written, and in a pod only /tmp, which the kubelet looks at,
// once a minute. How much room there is tells one system call; the files are only
// counted where there is a limit to hold them to, or somebody to be found.
type diskWatch struct {
	root  string                   // below which the folders are
	spare func() (free, low int64) // bytes that are free, and how few are too few

	mu       sync.Mutex
	attempts map[*attempt]*diskEntry
	running  bool
	patient  time.Time // until when a disk that is full is waited for: somebody was ended for it
}

type diskEntry struct {
	folder  string
	process *process
	limit   int64     // bytes; 0: none
	due     time.Time // of the next count
}

const (
	diskEvery = 250 * time.Millisecond
	// diskShare keeps folders of many files from being counted all the time: a
	// count is followed by so many times its own length.
	diskShare = 20
	// culprit is how much an attempt has written at least that is ended because
	// the disk is full: one that has written less is not why.
	culprit = 64 << 20
	// clearing is how long it may take until what an attempt had written is
	// gone, once it was ended.
	clearing = 10 * time.Second
)

func newDiskWatch(root string, least int64) *diskWatch {
	d := &diskWatch{root: root, attempts: map[*attempt]*diskEntry{}}
	d.spare = func() (free, low int64) { return spareOf(root, least) }
	return d
}

// spareOf is how many bytes are free for this user where a folder is, and how
// few are too few: what was said, or a twentieth of the file system, at most
// 2 GiB. That is what a fast disk can be given within a second, and room to end
// in good order. Where it cannot be told nothing is too little.
func spareOf(folder string, least int64) (free, low int64) {
	var s unix.Statfs_t
	if least < 0 || unix.Statfs(folder, &s) != nil {
		return 0, -1
	}
	block := uint64(s.Bsize)
	free = int64(min(s.Bavail*block, 1<<62))
	if least > 0 {
		return free, least
	}
	return free, int64(min(s.Blocks*block/20, 2<<30))
}

// add begins to watch an attempt whose command has been running for a while.
func (d *diskWatch) add(a *attempt, p *process, limit int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.attempts[a] = &diskEntry{folder: a.folder, process: p, limit: limit}
	if !d.running {
		d.running = true
		go d.run()
	}
}

func (d *diskWatch) remove(a *attempt) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.attempts, a)
}

func (d *diskWatch) run() {
	for d.look() {
		time.Sleep(diskEvery)
	}
}

// look looks once. It returns false, and the watch stops, when there is nothing
// left to look at.
func (d *diskWatch) look() bool {
	d.mu.Lock()
	if len(d.attempts) == 0 {
		d.running = false
		d.mu.Unlock()
		return false
	}
	now := time.Now()
	all := make(map[*attempt]diskEntry, len(d.attempts))
	for a, e := range d.attempts {
		all[a] = *e
	}
	full := now.After(d.patient)
	d.mu.Unlock()

	free, low := d.spare()
	full = full && free < low
	var worst *attempt
	var most int64
	for a, e := range all {
		if !full && (e.limit == 0 || now.Before(e.due)) {
			continue
		}
		began := time.Now()
		written := writtenBelow(e.folder)
		d.next(a, time.Now().Add(diskShare*time.Since(began)))
		if e.limit > 0 && written > e.limit {
			a.written.Store(written)
			e.process.stop(stoppedByDisk)
			continue
		}
		if written > most {
			worst, most = a, written
		}
	}
	if full && most >= culprit {
		worst.written.Store(most)
		worst.diskFree.Store(free)
		all[worst].process.stop(stoppedByFullDisk)
		d.mu.Lock()
		d.patient = time.Now().Add(clearing)
		d.mu.Unlock()
	}
	return true
}

func (d *diskWatch) next(a *attempt, due time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if e := d.attempts[a]; e != nil {
		e.due = due
	}
}

// writtenBelow is how many bytes of disk the files below a folder have. What
// has several names there counts once, and what changes meanwhile as it may.
func writtenBelow(folder string) int64 {
	var total int64
	several := map[[2]uint64]bool{}
	_ = filepath.WalkDir(folder, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil // it is gone, or was made unreadable: the rest counts
		}
		info, err := d.Info()
		if err != nil {
			return nil
		}
		s, ok := info.Sys().(*syscall.Stat_t)
		if !ok {
			return nil
		}
		if s.Nlink > 1 && !d.IsDir() {
			id := [2]uint64{uint64(s.Dev), s.Ino}
			if several[id] {
				return nil
			}
			several[id] = true
		}
		total += int64(s.Blocks) * 512
		return nil
	})
	return total
}
