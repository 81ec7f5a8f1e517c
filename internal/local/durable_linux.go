package local

import (
	"os"

	"golang.org/x/sys/unix"
)

// syncManyFrom is the number of files from which on one sync of their whole
// file system is cheaper than a sync of each.
const syncManyFrom = 512

func syncAll(paths []string) error {
	if len(paths) < syncManyFrom {
		return syncEach(paths)
	}
	f, err := os.Open(paths[len(paths)-1]) // a folder: the least deep
	if err != nil {
		return err
	}
	defer f.Close()
	if err := unix.Syncfs(int(f.Fd())); err != nil {
		return os.NewSyscallError("syncfs", err)
	}
	return nil
}

// startWriting begins to write a file out and does not wait. It is a hint.
func startWriting(f *os.File) {
	_ = unix.SyncFileRange(int(f.Fd()), 0, 0, unix.SYNC_FILE_RANGE_WRITE)
}
