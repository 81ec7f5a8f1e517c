package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// field finds "name: value" in a file like /proc/cpuinfo.
func field(file, name string) string {
	data, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	for s := bufio.NewScanner(bytes.NewReader(data)); s.Scan(); {
		if key, is, ok := strings.Cut(s.Text(), ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(is)
		}
	}
	return ""
}

// kilobytes reads a field like "23456 kB" in bytes.
func kilobytes(file, name string) int64 {
	n, err := strconv.ParseInt(strings.TrimSuffix(field(file, name), " kB"), 10, 64)
	if err != nil {
		return 0
	}
	return n << 10
}

func cpuModel() string {
	if m := field("/proc/cpuinfo", "model name"); m != "" {
		return m
	}
	return "unknown"
}

func memoryTotal() int64 { return kilobytes("/proc/meminfo", "MemTotal") }

func kernel() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return "Linux"
	}
	return "Linux " + unix.ByteSliceToString(u.Release[:])
}

func loadAverage() string {
	data, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	one, _, _ := strings.Cut(string(data), " ")
	return one
}

// filesystemOf names the file system of a folder: that of the longest mount
// point above it.
func filesystemOf(dir string) string {
	data, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return "unknown"
	}
	name, at := "unknown", ""
	for s := bufio.NewScanner(bytes.NewReader(data)); s.Scan(); {
		before, after, ok := strings.Cut(s.Text(), " - ")
		fields := strings.Fields(before)
		if !ok || len(fields) < 5 {
			continue
		}
		point := fields[4]
		if inside := point == "/" || dir == point || strings.HasPrefix(dir, point+"/"); inside && len(point) >= len(at) {
			name, at = strings.Fields(after)[0], point
		}
	}
	return name
}

// inMemory reports whether files in dir are in memory, where a flush to the
// disk costs nothing and says nothing.
func inMemory(dir string) bool {
	for {
		var s unix.Statfs_t
		if err := unix.Statfs(dir, &s); err == nil {
			return s.Type == unix.TMPFS_MAGIC || s.Type == unix.RAMFS_MAGIC
		}
		if parent := filepath.Dir(dir); parent != dir {
			dir = parent // it is yet to be made
			continue
		}
		return false
	}
}

func flushData(f *os.File) error { return unix.Fdatasync(int(f.Fd())) }

// memoryIsRead says that the three functions below work here.
const memoryIsRead = true

// resident is this process's resident memory in bytes.
func resident() (int64, error) { return status("VmRSS") }

// residentPeak is the most it has been since forgetPeak.
func residentPeak() (int64, error) { return status("VmHWM") }

func status(name string) (int64, error) {
	if n := kilobytes("/proc/self/status", name); n > 0 {
		return n, nil
	}
	return 0, fmt.Errorf("/proc/self/status has no %s", name)
}

// forgetPeak sets the peak to what is resident now; see proc_pid_clear_refs(5).
func forgetPeak() error { return os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) }

// dyingWithUs makes a child end with this program, whatever ends that.
func dyingWithUs() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }

// forgetCached has the kernel drop a file that is on the disk from the page
// cache; see posix_fadvise(2).
func forgetCached(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED)
}

// peakMemory is the most that this process had resident, in bytes.
func peakMemory() int64 { return kilobytes("/proc/self/status", "VmHWM") }
