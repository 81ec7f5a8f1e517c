package site

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// innerVariable is set in a test program that AsUser has started.
const innerVariable = "LIGASE_TEST_AS_USER"

// uid is of a user that no machine has.
const uid = 64242

// Outer reports whether the tests run as root, and not within AsUser.
func Outer(t testing.TB) bool {
	t.Helper()
	return os.Getuid() == 0 && os.Getenv(innerVariable) == ""
}

// AsUser runs a test of this test program again, as a user without any rights
// who may have user namespaces: podman without root. The user is there in a
// mount namespace only, where files that name users are others; the machine
// keeps its own.
func AsUser(t *testing.T, name string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "as-user")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	home := filepath.Join(dir, "home")
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for file, line := range map[string]string{
		"passwd": fmt.Sprintf("ligase-test:x:%d:%d::%s:/bin/sh\n", uid, uid, home),
		"group":  fmt.Sprintf("ligase-test:x:%d:\n", uid),
	} {
		text, err := os.ReadFile(filepath.Join("/etc", file))
		if err != nil {
			t.Fatal(err)
		}
		write(file, strings.TrimRight(string(text), "\n")+"\n"+line)
	}
	write("subuid", "ligase-test:2000000:65536\n")
	write("subgid", "ligase-test:2000000:65536\n")
	program, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "test"), program, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(home, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{home, dir} {
		if err := os.Chown(path, uid, uid); err != nil {
			t.Fatal(err)
		}
	}
	const script = `set -e
for f in passwd group subuid subgid; do
  [ -e /etc/$f ] || { echo "/etc/$f is not there: install uidmap" >&2; exit 1; }
  mount --bind "$1/$f" /etc/$f
done
exec setpriv --reuid=$2 --regid=$2 --clear-groups -- env -i PATH="$PATH" HOME="$1/home" TMPDIR="$1/home" ` + innerVariable + `=1 "$1/test" -test.v -test.run="^$3\$"`
	cmd := exec.Command("unshare", "--mount", "--propagation", "private", "/bin/sh", "-c", script, "sh", dir, fmt.Sprint(uid), name)
	cmd.Dir = dir
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr // as it comes
	if err := cmd.Run(); err != nil {
		t.Error(err)
	}
}
