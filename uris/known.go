package uris

import (
	"os"
	"sync"
	"time"
)

// identity is a state of a local file. Whoever changes the file's bytes
// changes one of these, as far as the system knows: a change time cannot be
// set back.
type identity struct {
	device, inode  uint64
	size           int64
	changed, wrote time.Time
}

// digests remembers the SHA-256 of large local files that this process has
// written or read before. One input that many tasks stage is hashed once
// then, and what a step made is not hashed again for the next: staging is as
// fast as the copy, which hashing alone would halve.
type digests struct {
	mu sync.Mutex
	of map[identity]string
}

const (
	// worthKnowing is the size from which on hashing is worth a memory.
	worthKnowing = 1 << 20

	// mostKnown bounds the memory to about a megabyte.
	mostKnown = 4096

	// settled is how old a change must be to be told from one that comes
	// right after it: no clock of a file system is coarser.
	settled = 2 * time.Second
)

func (d *digests) get(info os.FileInfo) (string, bool) {
	if info.Size() < worthKnowing {
		return "", false
	}
	id, ok := identify(info)
	if !ok {
		return "", false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	digest, ok := d.of[id]
	return digest, ok
}

// put remembers a digest. info must be from after the bytes were read, and
// private says that nobody else can be writing the file.
func (d *digests) put(info os.FileInfo, digest string, private bool) {
	id, ok := identify(info)
	if !ok || info.Size() < worthKnowing || !private && time.Since(id.changed) < settled {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.of == nil {
		d.of = map[identity]string{}
	}
	for old := range d.of {
		if len(d.of) < mostKnown {
			break
		}
		delete(d.of, old) // any one
	}
	d.of[id] = digest
}
