//go:build !linux

package uris

import "os"

// identify knows no identities, so every file is hashed whenever it is read.
func identify(os.FileInfo) (identity, bool) { return identity{}, false }
