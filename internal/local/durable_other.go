//go:build !linux

package local

import "os"

// syncFileSystems does nothing where no call syncs a whole file system and
// waits.
func syncFileSystems([]string) (done bool, err error) { return false, nil }

func startWriting(*os.File) {}
