package local

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"time"

	"github.com/ligase-bio/ligase/internal/follow"
	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/uris"
)

// unsyncedMost is how many commits may wait to be made durable before nothing
// more is started: what a loss of power can undo stays small, and commits
// reach the disk well before the kernel would write them in an order of its
// own (dirty_expire_centisecs, usually 30 s).
const unsyncedMost = 256

// quay is where observations wait until the commits that they tell of are
// durable, and others behind them. Engine.mu guards it.
//
// A commit is seen by the run's next tasks at once, but told to nobody before
// it is durable, and commits become durable in the order in which they were
// made. So a loss of power undoes the last few of them at most, and never one
// that another durable one was made from; a run that is told to have ended has
// ended for good. Waiting for the disk beside the tasks, for many commits
// together, instead of within each task is what makes short tasks fast.
type quay struct {
	waiting []moored
	commits int  // not durable yet: in waiting, and being synced
	syncing bool // some have left waiting and are not in the outbox yet
	alarm        // for the next sync
}

const (
	// syncManyFrom is the number of files and folders from which on one sync of
	// their whole file system is cheaper than a sync of each.
	syncManyFrom = 24
	// smallObject is the size in bytes up to which a file is written out in one
	// go. The sync of a file system takes larger ones in turns with others, so
	// that a commit record could be on the disk before what it names.
	smallObject = 1 << 20
)

type moored struct {
	runs.Observation
	folder uris.RunFolder
}

func newQuay() quay { return quay{alarm: newAlarm()} }

func isCommit(o runs.Observation) bool {
	return o.Task != nil && o.Task.State == runs.Succeeded && o.Task.Result != nil
}

// holds reports whether an observation has to wait: for its own commit, or for
// those before it.
func (q *quay) holds(o runs.Observation) bool {
	return isCommit(o) || q.syncing || len(q.waiting) > 0
}

func (q *quay) add(o runs.Observation, f uris.RunFolder, within time.Duration) {
	q.waiting = append(q.waiting, moored{o, f})
	if isCommit(o) {
		q.commits++
	}
	q.within(within)
}

// keepDurable makes commits durable until ctx ends. An error is for good:
// after a failed sync nobody knows what is on the disk, and to try again would
// only hide it.
func (e *Engine) keepDurable(ctx context.Context) (err error) {
	e.whenDue(ctx, &e.quay.alarm, func() bool {
		err = e.makeDurable()
		return err != nil
	})
	return err
}

// makeDurable brings the commits on the quay to the disk (objects, then
// records, then the folders that name them) and lets what waits there go.
func (e *Engine) makeDurable() error {
	e.mu.Lock()
	q := &e.quay
	batch := q.waiting
	q.waiting, q.syncing = nil, true
	q.off()
	e.mu.Unlock()

	commits, err := syncCommits(batch)

	e.mu.Lock()
	defer e.mu.Unlock()
	q.syncing = false
	if err != nil {
		return fmt.Errorf("make commits durable: %w", err)
	}
	q.commits -= commits
	for _, o := range batch {
		e.out.add(o.Observation)
	}
	if len(batch) > 0 {
		e.out.within(follow.AtOnce)
	}
	e.dispatch() // which too many commits may have held back
	return nil
}

// syncCommits makes the commits among observations durable and counts them.
func syncCommits(batch []moored) (int, error) {
	var files, runFolders []string
	commits := 0
	folders := map[string]bool{}
	small := true
	add := func(below, u uris.URI) {
		name := u.Path()
		if name == "" {
			return // in a store that is durable by itself
		}
		files = append(files, name)
		for dir := path.Dir(name); dir != "/" && !folders[dir]; dir = path.Dir(dir) {
			folders[dir] = true
			if dir == below.Path() {
				break
			}
		}
	}
	for _, o := range batch {
		if !isCommit(o.Observation) {
			continue
		}
		commits++
		for _, objects := range o.Task.Result.Outputs {
			for _, object := range objects {
				add(o.folder.URI, object.URI)
				small = small && object.Size <= smallObject
			}
		}
		add(o.folder.URI, o.folder.Result(o.Task.Node, o.Task.Index))
		if dir := o.folder.URI.Path(); dir != "" && !slices.Contains(runFolders, dir) {
			runFolders = append(runFolders, dir)
		}
	}
	if len(files) == 0 {
		return commits, nil
	}
	if small && len(files)+len(folders) >= syncManyFrom {
		if done, err := syncFileSystems(runFolders); done || err != nil {
			return commits, err
		}
	}
	dirs := slices.Collect(maps.Keys(folders))
	// The deeper ones first: what a folder names is there before its name.
	slices.SortFunc(dirs, func(a, b string) int { return len(b) - len(a) })
	return commits, syncEach(append(files, dirs...))
}

// syncEach waits until files and folders are on the disk. What is not there
// any more needs no disk.
func syncEach(paths []string) error {
	var open []*os.File
	defer func() {
		for _, f := range open {
			f.Close()
		}
	}()
	for len(paths) > 0 {
		// First all are set going, so that the file system's journal has them
		// all when the first wait makes it commit.
		piece := paths[:min(len(paths), 64)]
		paths = paths[len(piece):]
		for _, name := range piece {
			f, err := os.Open(filepath.FromSlash(name))
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return err
			}
			open = append(open, f)
			startWriting(f)
		}
		for _, f := range open {
			if err := f.Sync(); err != nil {
				return err
			}
			f.Close()
		}
		open = open[:0]
	}
	return nil
}
