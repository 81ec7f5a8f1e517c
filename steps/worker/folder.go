package worker

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
)

// folders makes the private folders of attempts and takes them back.
//
// Making and removing the five or six directories of an attempt takes ext4
// longer than it takes Linux to run a small command, a rename next to
// nothing. So a folder that an attempt left as clean as it got it is kept as
// it is, moved aside, and moved into place for a later one. Clean means that
// its directories are empty, have the mode that they were made with, and that
// no process can be left that knows them.
type folders struct {
	root string // WorkDir

	mu      sync.Mutex
	clean   []string       // task folders that hold attempt-1/{work,tmp} and nothing else
	made    int            // so far, for their names
	parents map[string]int // folders above task folders, with the attempts below them
}

const (
	cleanName    = ".clean" // below root
	cleanMost    = 64
	parentsMost  = 64 // that stay though nothing is below them
	firstAttempt = "attempt-1"
)

// parts are the directories of an attempt's folder.
var parts = [...]string{"work", "tmp"}

// take makes the folder of an attempt, fresh.
func (f *folders) take(folder string) error {
	task := filepath.Dir(folder)
	parent := filepath.Dir(task)
	f.mu.Lock()
	if f.parents == nil {
		f.parents = map[string]int{}
	}
	_, there := f.parents[parent]
	f.parents[parent]++
	var spare string
	if n := len(f.clean); n > 0 && filepath.Base(folder) == firstAttempt {
		spare, f.clean = f.clean[n-1], f.clean[:n-1]
	}
	f.mu.Unlock()

	if !there {
		err := os.MkdirAll(parent, 0o700)
		for try := 0; errors.Is(err, os.ErrNotExist) && try < 10; try++ {
			err = os.MkdirAll(parent, 0o700) // leave has just removed a folder above
		}
		if err != nil {
			return err
		}
	}
	if spare != "" {
		// Where there is a task folder already, that of a scatter's items or
		// of an attempt that was kept, this fails unless it is empty.
		if syscall.Rename(spare, task) == nil {
			return nil
		}
		removeAll(spare)
	}
	err := os.Mkdir(folder, 0o700)
	if errors.Is(err, os.ErrExist) {
		if err = removeAll(folder); err == nil {
			err = os.Mkdir(folder, 0o700)
		}
	}
	if errors.Is(err, os.ErrNotExist) {
		err = os.MkdirAll(folder, 0o700)
	}
	for _, part := range parts {
		if err == nil {
			err = os.Mkdir(filepath.Join(folder, part), 0o700)
		}
	}
	return err
}

// give takes the folder of an attempt that has ended back. forgotten says
// that no process is left that may know it.
func (f *folders) give(folder string, forgotten bool) error {
	task := filepath.Dir(folder)
	defer f.leave(filepath.Dir(task))
	if forgotten && filepath.Base(folder) == firstAttempt && f.isClean(task, folder) {
		f.mu.Lock()
		f.made++
		spare := filepath.Join(f.root, cleanName, strconv.Itoa(f.made))
		room := len(f.clean) < cleanMost
		f.mu.Unlock()
		if room {
			err := syscall.Rename(task, spare)
			if errors.Is(err, syscall.ENOENT) {
				if err = os.MkdirAll(filepath.Join(f.root, cleanName), 0o700); err == nil {
					err = syscall.Rename(task, spare)
				}
			}
			if err == nil {
				f.mu.Lock()
				f.clean = append(f.clean, spare)
				f.mu.Unlock()
				return nil
			}
		}
	}
	if err := removeAll(folder); err != nil {
		return err
	}
	syscall.Rmdir(task) // unless other attempts are there
	return nil
}

// keep leaves a folder where it is.
func (f *folders) keep(folder string) { f.leave(filepath.Dir(filepath.Dir(folder))) }

// leave counts an attempt out, and removes parents that nothing is below of
// when too many of them have gathered.
func (f *folders) leave(parent string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.parents[parent]--
	if len(f.parents) <= parentsMost {
		return
	}
	for dir, below := range f.parents {
		if below > 0 {
			continue
		}
		delete(f.parents, dir)
		// Up to a parent that is not empty. take, which is told by parents
		// whether one is there, makes what is missing above the others.
		for ; dir != f.root && len(dir) > len(f.root); dir = filepath.Dir(dir) {
			if f.parents[dir] > 0 || syscall.Rmdir(dir) != nil {
				break
			}
			delete(f.parents, dir)
		}
	}
}

// isClean reports whether a task folder is as take made it.
func (f *folders) isClean(task, folder string) bool {
	return holds(task, filepath.Base(folder)) && holds(folder, parts[:]...) &&
		holds(filepath.Join(folder, parts[0])) && holds(filepath.Join(folder, parts[1]))
}

// holds reports whether a directory of ours has exactly these entries, and
// the mode that it was made with.
func holds(dir string, names ...string) bool {
	d, err := os.Open(dir)
	if err != nil {
		return false
	}
	defer d.Close()
	if info, err := d.Stat(); err != nil || info.Mode() != os.ModeDir|0o700 {
		return false
	}
	there, _ := d.Readdirnames(len(names) + 1)
	if len(there) != len(names) {
		return false
	}
	for _, name := range names {
		if there[0] != name && there[len(there)-1] != name {
			return false
		}
	}
	return true
}

// removeAll is os.RemoveAll that also gets rid of folders which a command
// made unwritable.
func removeAll(path string) error {
	if err := os.RemoveAll(path); err == nil {
		return nil
	}
	filepath.WalkDir(path, func(p string, d os.DirEntry, err error) error {
		if d != nil && d.IsDir() {
			os.Chmod(p, 0o700)
		}
		return nil
	})
	return os.RemoveAll(path)
}
