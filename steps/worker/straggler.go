package worker

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
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
func (w *Worker) EndLeftovers() (int, error) {
	procs := markedBelow(w.options.WorkDir)
	known := map[int]bool{}
	for _, p := range procs {
		known[p.pid] = true
	}
	var groups []int
	files, err := filepath.Glob(filepath.Join(w.options.WorkDir, "*", "*", "attempt-*", attemptFileName))
	if err != nil {
		return 0, err
	}
	deeper, err := filepath.Glob(filepath.Join(w.options.WorkDir, "*", "*", "*", "attempt-*", attemptFileName))
	if err != nil {
		return 0, err
	}
	for _, path := range append(files, deeper...) {
		var a attemptFile
		b, err := os.ReadFile(path)
		if err != nil || json.Unmarshal(b, &a) != nil || a.PID <= 1 {
			continue // cut off while it was written: the mark finds its processes
		}
		if a.BootID == w.boot && a.Start != 0 && a.Start == startTime(a.PID) && syscall.Kill(-a.PID, 0) == nil {
			groups = append(groups, a.PID)
		}
	}
	ended := len(procs)
	for _, pgid := range groups {
		if !known[pgid] {
			ended++
		}
		p := &process{pid: pgid, grace: w.options.Grace}
		syscall.Kill(-pgid, syscall.SIGTERM)
		p.endGroup()
	}
	endProcs(procs, w.options.Grace)
	entries, err := os.ReadDir(w.options.WorkDir)
	if os.IsNotExist(err) {
		return ended, nil
	}
	if err != nil {
		return ended, fmt.Errorf("work folder: %w", err)
	}
	for _, e := range entries {
		if err := removeAll(filepath.Join(w.options.WorkDir, e.Name())); err != nil {
			return ended, fmt.Errorf("work folder: %w", err)
		}
	}
	return ended, nil
}
