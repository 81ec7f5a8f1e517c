package local

import (
	"bytes"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// dirtyMost is how many bytes may wait to be written on the machine for a sync
// of a whole file system, which waits for what others have written too.
const dirtyMost = 64 << 20

// syncFileSystems makes all that is on the file systems of some folders
// durable. It does nothing and returns false where a sync of each file is the
// better way.
func syncFileSystems(folders []string) (done bool, err error) {
	if !syncfsTells() || dirtyBytes() > dirtyMost {
		return false, nil
	}
	var open []*os.File
	defer func() {
		for _, f := range open {
			f.Close()
		}
	}()
	devices := map[uint64]bool{}
	for _, name := range folders {
		f, err := os.Open(name)
		if err != nil {
			return false, nil // it was removed: each file tells by itself
		}
		open = append(open, f)
		var fs unix.Statfs_t
		var stat unix.Stat_t
		if unix.Fstatfs(int(f.Fd()), &fs) != nil || unix.Fstat(int(f.Fd()), &stat) != nil || !syncedWhole(int64(fs.Type)) {
			return false, nil
		}
		if devices[uint64(stat.Dev)] {
			continue
		}
		devices[uint64(stat.Dev)] = true
		if err := unix.Syncfs(int(f.Fd())); err != nil {
			return false, os.NewSyscallError("syncfs", err)
		}
	}
	return true, nil
}

// syncedWhole reports whether syncfs of a type of file system is known to do
// all that fsync of each file would. That of FUSE, for one, does not ask the
// server to flush.
func syncedWhole(fsType int64) bool {
	switch fsType {
	case unix.EXT4_SUPER_MAGIC, unix.XFS_SUPER_MAGIC, unix.BTRFS_SUPER_MAGIC:
		return true
	}
	return false
}

// syncfsTells reports whether syncfs returns errors of writing: before Linux
// 5.8 it does not (syncfs(2)).
func syncfsTells() bool {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return false
	}
	return kernelFrom(unix.ByteSliceToString(u.Release[:]), 5, 8)
}

// kernelFrom reports whether a kernel's release is of that version or later.
func kernelFrom(release string, major, minor int) bool {
	first, rest, _ := strings.Cut(release, ".")
	digits := len(rest) - len(strings.TrimLeft(rest, "0123456789"))
	x, err := strconv.Atoi(first)
	if err != nil {
		return false
	}
	y, err := strconv.Atoi(rest[:digits])
	return err == nil && (x > major || x == major && y >= minor)
}

// dirtyBytes is how much the machine has not written out yet; very much when
// it cannot be told.
func dirtyBytes() int64 {
	const unknown = 1 << 62
	data, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return unknown
	}
	var total int64
	found := 0
	for line := range bytes.Lines(data) {
		name, value, _ := strings.Cut(string(line), ":")
		if name != "Dirty" && name != "Writeback" {
			continue
		}
		kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		if err != nil {
			return unknown
		}
		total += kib << 10
		found++
	}
	if found != 2 {
		return unknown
	}
	return total
}

// startWriting begins to write a file out and does not wait. It is a hint.
func startWriting(f *os.File) {
	_ = unix.SyncFileRange(int(f.Fd()), 0, 0, unix.SYNC_FILE_RANGE_WRITE)
}
