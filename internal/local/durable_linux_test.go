package local

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func TestKernelFrom(t *testing.T) {
	for release, want := range map[string]bool{
		"5.8.0":                   true,
		"5.7.19-generic":          false,
		"4.18.0-553.el8.x86_64":   false,
		"5.15-rc1":                true,
		"6.1.0-18-amd64":          true,
		"10.0":                    true,
		"5.10+":                   true,
		"":                        false,
		"five.eight":              false,
		"6":                       false,
		"5.x":                     false,
		"99999999999999999999.99": false,
	} {
		if got := kernelFrom(release, 5, 8); got != want {
			t.Errorf("kernelFrom(%q, 5, 8) = %v", release, got)
		}
	}
}

// What cannot be synced as a whole is left to the sync of each file.
func TestSyncFileSystemsLeavesTheRest(t *testing.T) {
	dir := t.TempDir()
	if done, err := syncFileSystems([]string{dir, filepath.Join(dir, "gone")}); done || err != nil {
		t.Errorf("with a folder that is not there: %v, %v", done, err)
	}
	if done, err := syncFileSystems([]string{"/proc"}); done || err != nil {
		t.Errorf("of /proc: %v, %v", done, err)
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "file"), []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	done, err := syncFileSystems([]string{dir, dir})
	if err != nil {
		t.Error(err)
	}
	if done && !syncedWhole(int64(fs.Type)) {
		t.Errorf("a file system of type %#x was synced as a whole", fs.Type)
	}
}
