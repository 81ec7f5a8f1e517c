package uris

import (
	"os"
	"syscall"
	"time"
)

// identify gives a file's identity, where the system tells it.
func identify(info os.FileInfo) (identity, bool) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return identity{}, false
	}
	return identity{
		device: uint64(st.Dev), inode: st.Ino, size: st.Size,
		changed: time.Unix(st.Ctim.Unix()), wrote: time.Unix(st.Mtim.Unix()),
	}, true
}
