package local

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ligase-bio/ligase/internal/problem"
)

// lockName is the file in the data folder that the engine's process holds.
const lockName = "engine.lock"

// Somebody who only looks whether the lock is held holds it for a moment; see
// [Held]. As long as the file names no living process that is likely who it
// is, and Lock is patient.
const (
	shortLockWait = 50 * time.Millisecond
	longLockWait  = 5 * time.Second
)

// Locked is a data folder that this process has for itself.
type Locked struct {
	file *os.File
}

// Lock takes the data folder for this process, until Release or the process's
// end, however that comes. When another process (or another part of this one)
// has it, the error wraps problem.ErrLocked and names the process.
//
// It is an flock(2), so nothing is left to clean up after a crash; on network
// file systems without working locks it cannot protect.
func Lock(dataDir string) (*Locked, error) {
	if err := os.MkdirAll(dataDir, 0o700); err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	path := filepath.Join(dataDir, lockName)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	for began := time.Now(); ; {
		err = flock(f, unix.LOCK_EX)
		if !errors.Is(err, unix.EWOULDBLOCK) {
			break
		}
		wait := longLockWait
		if pid := readPID(f); pid > 0 && !errors.Is(unix.Kill(pid, 0), unix.ESRCH) {
			wait = shortLockWait
		}
		if time.Since(began) > wait {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if err != nil {
		defer f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, inUse(dataDir, readPID(f))
		}
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	if err := writePID(f); err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return &Locked{file: f}, nil
}

// Release gives the folder free. The file stays: removing it could take it
// from under somebody who just locked it.
func (l *Locked) Release() error {
	if l == nil || l.file == nil {
		return nil
	}
	_ = l.file.Truncate(0) // the pid is a courtesy; the lock is what counts
	err := l.file.Close()
	l.file = nil
	return err
}

// Held reports whether a process has the data folder, and its pid (0 when
// that cannot be told).
func Held(dataDir string) (bool, int, error) {
	f, err := os.Open(filepath.Join(dataDir, lockName))
	if errors.Is(err, os.ErrNotExist) {
		return false, 0, nil
	}
	if err != nil {
		return false, 0, fmt.Errorf("data folder: %w", err)
	}
	defer f.Close()
	// A shared lock: several may look at once without seeing each other.
	switch err := flock(f, unix.LOCK_SH); {
	case err == nil:
		return false, 0, nil
	case errors.Is(err, unix.EWOULDBLOCK):
		return true, readPID(f), nil
	default:
		return false, 0, fmt.Errorf("lock %s: %w", f.Name(), err)
	}
}

func inUse(dataDir string, pid int) error {
	if pid == 0 {
		return fmt.Errorf("the data folder %s is in use by another engine; end that one, or use another folder with --data: %w", dataDir, problem.ErrLocked)
	}
	return fmt.Errorf("the data folder %s is in use by the engine in process %d; end that one, or use another folder with --data: %w", dataDir, pid, problem.ErrLocked)
}

func flock(f *os.File, how int) error {
	for {
		if err := unix.Flock(int(f.Fd()), how|unix.LOCK_NB); err != unix.EINTR {
			return err
		}
	}
}

func writePID(f *os.File) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}

func readPID(f *os.File) int {
	text, err := io.ReadAll(io.NewSectionReader(f, 0, 32))
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return 0
	}
	return pid
}
