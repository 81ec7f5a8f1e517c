// Package built has the project's programs for tests that run them as a user
// does: each is compiled and linked once, for all tests of all packages.
package built

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

const module = "github.com/ligase-bio/ligase/"

// Ligase is the program, as a release has it: the path of an executable file
// named "ligase".
func Ligase(t testing.TB) string { return Program(t, "cmd/ligase") }

// Program is the program that the package in that folder makes. It lies in a
// folder of its own, named after the package, which may be put on a PATH.
func Program(t testing.TB, folder string) string {
	t.Helper()
	mu.Lock()
	defer mu.Unlock()
	if programs[folder] == nil {
		programs[folder] = sync.OnceValues(func() (string, error) { return build(folder) })
	}
	program, err := programs[folder]()
	if err != nil {
		t.Fatal(err)
	}
	return program
}

var (
	mu       sync.Mutex
	programs = map[string]func() (string, error){} // of this process
)

// build links a program below bin/, unless it is there and up to date: that is
// for go build to say. Stripped, as linking what debuggers want takes three
// times as long.
func build(folder string) (program string, err error) {
	root, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", strings.TrimSuffix(module, "/")).Output()
	if err != nil {
		return "", fmt.Errorf("the module's folder: %w", err)
	}
	dir := filepath.Join(strings.TrimSpace(string(root)), "bin", "tests", filepath.Base(folder))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	// Tests of several packages run at once: none may replace what another runs.
	lock, err := os.OpenFile(filepath.Join(filepath.Dir(dir), filepath.Base(folder)+".lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return "", err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", fmt.Errorf("%s: %w", lock.Name(), err)
	}
	program = filepath.Join(dir, filepath.Base(folder))
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", program, module+folder)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build %s: %w\n%s", folder, err, out)
	}
	return program, nil
}
