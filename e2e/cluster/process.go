package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// record is what is kept of a process that was started. The number alone could
// be a stranger's by now: the kernel gives it out again, and a boot starts the
// count anew.
type record struct {
	PID     int       `json:"pid"`
	Started uint64    `json:"started"` // in clock ticks since boot
	Boot    string    `json:"boot"`
	Since   time.Time `json:"since"`
	// Digest is that of the command line and the configuration.
	Digest string `json:"digest"`
}

func (p places) recordFile(name string) string { return p.in("processes", name+".json") }

// running is the record of a process that is alive, or nil.
func (p places) running(name string) *record {
	data, err := os.ReadFile(p.recordFile(name))
	if err != nil {
		return nil
	}
	var r record
	if json.Unmarshal(data, &r) != nil || !r.alive() {
		return nil
	}
	return &r
}

func (r record) alive() bool {
	started, state, err := processStat(r.PID)
	return err == nil && started == r.Started && state != "Z" && r.Boot == bootID()
}

func bootID() string {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(id))
}

// processStat reads when a process started and its state from the kernel. The
// name, the second field, may have blanks and brackets in it: fields count
// from the last bracket.
func processStat(pid int) (started uint64, state string, err error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, "", err
	}
	fields := bytes.Fields(data[bytes.LastIndexByte(data, ')')+1:])
	const stateField, startedField = 0, 19
	if len(fields) <= startedField {
		return 0, "", fmt.Errorf("/proc/%d/stat has %d fields after the name", pid, len(fields))
	}
	started, err = strconv.ParseUint(string(fields[startedField]), 10, 64)
	return started, string(fields[stateField]), err
}

// digest changes with whatever a running component would not notice.
func (c component) digest() string {
	h := sha256.New()
	for _, s := range append(append([]string{c.path}, c.args...), c.env...) {
		fmt.Fprintf(h, "%q\n", s)
	}
	for _, path := range c.files {
		data, err := os.ReadFile(path)
		fmt.Fprintf(h, "%q %v\n", data, err != nil)
	}
	if info, err := os.Stat(c.path); err == nil {
		fmt.Fprintln(h, info.Size(), info.ModTime().UnixNano())
	}
	return hex.EncodeToString(h.Sum(nil))
}

// launch starts a component in a session of its own, so that it outlives this
// program and the terminal, with its output appended to its log.
func (p places) launch(c component) error {
	for _, port := range c.listens {
		if err := free(port); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
	}
	log, err := os.OpenFile(p.log(c.name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	fmt.Fprintf(log, "\n=== started at %s\n", time.Now().UTC().Format(time.RFC3339))
	cmd := exec.Command(c.path, c.args...)
	cmd.Dir = "/"
	// Memory is cheaper than the two cores that all of them share.
	cmd.Env = append(append(inherited(), "GOGC=300"), c.env...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	digest := c.digest()
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("%s: %w", c.name, err)
	}
	started, _, err := processStat(cmd.Process.Pid)
	if err != nil {
		return fmt.Errorf("%s ended at once: see %s", c.name, p.log(c.name))
	}
	// Reaping it is for as long as this program lives; then init does it.
	go func() { _ = cmd.Wait() }()
	data, err := json.Marshal(record{PID: cmd.Process.Pid, Started: started, Boot: bootID(), Since: time.Now().UTC(), Digest: digest})
	if err != nil {
		return err
	}
	return os.WriteFile(p.recordFile(c.name), data, 0o600)
}

// inherited is what components take of this program's environment. Nothing
// that configures Go, Kubernetes or S3 clients leaks into them.
func inherited() []string {
	env := []string{"PATH=" + os.Getenv("PATH") + ":/usr/local/sbin:/usr/sbin:/sbin"}
	for _, name := range []string{"HOME", "TMPDIR", "LANG"} {
		if v := os.Getenv(name); v != "" {
			env = append(env, name+"="+v)
		}
	}
	return env
}

// How long a process may take to end by itself: grace when it shall go on
// later, haste when all that it keeps is removed next. The API server waits
// for its clients.
const (
	grace = 20 * time.Second
	haste = 2 * time.Second
)

// halt ends a component's process, after patience by force; nothing happens if
// it is not there.
func (p places) halt(ctx context.Context, name string, patience time.Duration) error {
	r := p.running(name)
	if r != nil {
		if err := end(ctx, *r, patience); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	if err := os.Remove(p.recordFile(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// end asks a process to end, and after patience ends it.
func end(ctx context.Context, r record, patience time.Duration) error {
	_ = syscall.Kill(r.PID, syscall.SIGTERM)
	if wait(ctx, patience, func() bool { return !r.alive() }) {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	_ = syscall.Kill(r.PID, syscall.SIGKILL)
	if wait(ctx, grace, func() bool { return !r.alive() }) {
		return nil
	}
	return fmt.Errorf("process %d does not end", r.PID)
}

// wait asks until the answer is yes, and says whether it was in time.
func wait(ctx context.Context, patience time.Duration, done func() bool) bool {
	deadline := time.Now().Add(patience)
	for !done() {
		if time.Now().After(deadline) {
			return false
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(100 * time.Millisecond):
		}
	}
	return true
}
