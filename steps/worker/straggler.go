package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/ligase-bio/ligase/internal/container"
)

// markVariable is in the environment of every process of an attempt and names
// the attempt's folder. By it a daemon is found that left its process group
// and its session.
const markVariable = "LIGASE_ATTEMPT"

// procID is a process and surely no later one with its number.
type procID struct {
	pid   int
	start uint64
}

// endProcs ends processes: SIGTERM, and SIGKILL after the grace.
func endProcs(procs []procID, grace time.Duration) {
	if len(procs) == 0 {
		return
	}
	alive := func() bool {
		for _, p := range procs {
			if p.alive() {
				return true
			}
		}
		return false
	}
	for _, p := range procs {
		p.signal(syscall.SIGTERM)
		p.signal(syscall.SIGCONT)
	}
	until(grace, func() bool { return !alive() })
	for _, p := range procs {
		p.signal(syscall.SIGKILL)
	}
	until(time.Second, func() bool { return !alive() })
	for _, p := range procs {
		// Where this process is the parent of orphans (first in a container).
		syscall.Wait4(p.pid, nil, syscall.WNOHANG, nil)
	}
}

// attemptFile is attempt.json: what a later engine needs to know to end what
// an engine that was killed left behind.
type attemptFile struct {
	PID    int    `json:"pid"`             // of the command, and of its process group
	Start  uint64 `json:"start,omitempty"` // of the command, on the system's own scale
	BootID string `json:"boot_id,omitempty"`

	// Container is there before the container is. Its PID is then that of the
	// client at work on it, 0 for none.
	Container *boxNote `json:"container,omitempty"`
}

// boxNote is what it takes to remove a container.
type boxNote struct {
	Program container.Program `json:"program"`
	Name    string            `json:"name"`
	PIDFile string            `json:"pid_file"`
}

const attemptFileName = "attempt.json"

func writeAttemptFile(folder string, a attemptFile) error {
	b, err := json.Marshal(a)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, attemptFileName), b, 0o600)
}

// EndLeftovers ends the processes that workers which are gone (killed with
// their engine) left behind below WorkDir, and then removes all that is there.
// It returns how many processes it ended. Call it before the first Execute,
// and only when no other worker uses WorkDir.
//
// A process is known by its mark in the environment, which its children
// inherit wherever they go, or as a member of the process group of a command
// whose number, start time and boot are those that attempt.json tells. Where
// there is no /proc, what left its process group is not found.
//
// Containers are removed by their names and by the label that all of WorkDir
// have, running or not. When their program does not do it, because it is not
// running or not there any more, the log says so, the folders of those attempts
// stay, and the next EndLeftovers tries again.
func (w *Worker) EndLeftovers() (int, error) {
	procs := markedBelow(w.options.WorkDir)
	known := map[int]bool{}
	for _, p := range procs {
		known[p.pid] = true
	}
	files, err := filepath.Glob(filepath.Join(w.options.WorkDir, "*", "*", "attempt-*", attemptFileName))
	if err != nil {
		return 0, err
	}
	deeper, err := filepath.Glob(filepath.Join(w.options.WorkDir, "*", "*", "*", "attempt-*", attemptFileName))
	if err != nil {
		return 0, err
	}
	var groups []*process
	var boxes []boxNote
	for _, path := range append(files, deeper...) {
		var a attemptFile
		b, err := os.ReadFile(path)
		if err != nil || json.Unmarshal(b, &a) != nil {
			continue // cut off while it was written: the mark finds its processes
		}
		if a.Container != nil {
			boxes = append(boxes, *a.Container)
		}
		if a.PID > 1 && a.BootID == w.boot && a.Start != 0 && a.Start == startTime(a.PID) && syscall.Kill(-a.PID, 0) == nil {
			groups = append(groups, &process{pid: a.PID, grace: w.options.Grace, gentle: a.Container != nil})
		}
	}
	ended := len(procs)
	for _, p := range groups {
		if !known[p.pid] {
			ended++
		}
		syscall.Kill(-p.pid, syscall.SIGTERM)
		if !p.gentle {
			p.endGroup()
		}
	}
	endProcs(procs, w.options.Grace)
	stay := w.endBoxes(boxes)
	for _, p := range groups {
		if p.gentle { // its container is gone now
			p.endGroup()
		}
	}
	entries, err := os.ReadDir(w.options.WorkDir)
	if os.IsNotExist(err) {
		return ended, nil
	}
	if err != nil {
		return ended, fmt.Errorf("work folder: %w", err)
	}
	for _, e := range entries {
		run := filepath.Join(w.options.WorkDir, e.Name())
		if slices.ContainsFunc(stay, func(b boxNote) bool { return strings.HasPrefix(b.PIDFile, run+string(filepath.Separator)) }) {
			continue
		}
		if err := removeAll(run); err != nil {
			return ended, fmt.Errorf("work folder: %w", err)
		}
	}
	return ended, nil
}

// endBoxes removes the containers that attempts have left, and returns those
// that could not be.
func (w *Worker) endBoxes(boxes []boxNote) (stay []boxNote) {
	for len(boxes) > 0 {
		p := boxes[0].Program
		same := func(b boxNote) bool { return b.Program.Path == p.Path }
		var names, pidFiles []string
		for _, b := range boxes {
			if same(b) {
				names, pidFiles = append(names, b.Name), append(pidFiles, b.PIDFile)
			}
		}
		err := w.removeBoxes(&p, names, pidFiles)
		if err == nil {
			err = w.removeListed(&p)
		}
		if err != nil {
			w.options.Log.Warn("containers of an earlier engine not removed", "program", p.Name, "containers", len(names), "err", err)
			for _, b := range boxes {
				if same(b) {
					stay = append(stay, b)
				}
			}
		}
		boxes = slices.DeleteFunc(boxes, same)
	}
	return stay
}

// removeListed removes the containers that have the work folder's label.
func (w *Worker) removeListed(p *container.Program) error {
	said, exit, err := w.call(context.Background(), p, p.List(labelWork, workLabel(w.options.WorkDir)), callLimit, nil)
	if err != nil {
		return err
	}
	if exit != 0 {
		return errors.New(container.Reason(said))
	}
	if ids := container.Listed(said); len(ids) > 0 {
		return w.removeBoxes(p, ids, nil)
	}
	return nil
}
