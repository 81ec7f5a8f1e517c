// Package site sets podman up for tests: with storage and settings of its own,
// in whatever way it works on the machine, so that nothing of a user's own
// podman is seen or touched.
package site

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Image is the image that is there: busybox and nothing else.
const Image = "localhost/ligase-test/busybox:1"

// A Site is a podman, or a docker, of the tests' own.
type Site struct {
	Program string // "podman" or "docker"
	Dir     string
	Env     []string // NAME=value, that it and what calls it need
}

// New sets podman up and brings the image. Its containers are gone, and its
// storage removed, when the test is over. The test fails where podman cannot
// run: whoever asks for these tests wants to know.
func New(t testing.TB) *Site {
	t.Helper()
	install(t)
	dir, err := os.MkdirTemp("", "podman") // short: there are sockets in it
	if err != nil {
		t.Fatal(err)
	}
	s := &Site{Program: "podman", Dir: dir}
	t.Cleanup(func() { s.remove(t) })
	var tried []string
	for _, runtime := range []string{"crun", "runc"} {
		if _, err := exec.LookPath(runtime); err != nil {
			continue
		}
		for _, driver := range []string{"overlay", "vfs"} {
			s.configure(t, runtime, driver)
			err := s.works(t)
			if err == nil {
				t.Logf("podman with %s and %s", runtime, driver)
				return s
			}
			tried = append(tried, fmt.Sprintf("%s and %s: %v", runtime, driver, err))
			s.clear()
		}
	}
	t.Fatalf("podman does not run here, with none of:\n%s", strings.Join(tried, "\n"))
	return nil
}

// install gets what is not there from Debian, where it can: crun does not run
// where both versions of cgroups are mounted, runc not where there are none.
func install(t testing.TB) {
	t.Helper()
	var missing []string
	for _, n := range [][2]string{
		{"podman", "podman"}, {"crun", "crun"}, {"runc", "runc"}, {"/usr/libexec/podman/catatonit", "catatonit"},
		{"newuidmap", "uidmap"}, {"fuse-overlayfs", "fuse-overlayfs"}, {"busybox", "busybox-static"},
	} {
		if _, err := exec.LookPath(n[0]); err != nil {
			missing = append(missing, n[1])
		}
	}
	if len(missing) == 0 {
		return
	}
	out, err := exec.Command("apt-get", append([]string{"install", "-y", "--no-install-recommends"}, missing...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("`apt-get install %s` did not help: %v\n%s\nInstall them and try again.", strings.Join(missing, " "), err, out)
	}
}

func (s *Site) configure(t testing.TB, runtime, driver string) {
	t.Helper()
	files := map[string]string{
		"storage.conf": fmt.Sprintf("[storage]\ndriver = %q\ngraphroot = %q\nrunroot = %q\nrootless_storage_path = %q\n",
			driver, filepath.Join(s.Dir, "root"), filepath.Join(s.Dir, "run"), filepath.Join(s.Dir, "root")),
		"containers.conf": fmt.Sprintf("[engine]\nruntime = %q\ncgroup_manager = \"cgroupfs\"\nevents_logger = \"none\"\n", runtime),
	}
	if os.Getuid() == 0 { // without root it is in XDG_RUNTIME_DIR
		files["containers.conf"] += fmt.Sprintf("tmp_dir = %q\n", filepath.Join(s.Dir, "tmp"))
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(s.Dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s.Env = []string{
		"CONTAINERS_STORAGE_CONF=" + filepath.Join(s.Dir, "storage.conf"),
		"CONTAINERS_CONF=" + filepath.Join(s.Dir, "containers.conf"),
		"XDG_RUNTIME_DIR=" + s.Dir,
	}
}

// works imports the image and runs something in it.
func (s *Site) works(t testing.TB) error {
	t.Helper()
	if err := s.bring(t); err != nil {
		return err
	}
	out, err := s.Run("run", "--rm", "--network=none", "--ulimit=nofile=1000:1000", "--ulimit=nproc=1000:1000", "--entrypoint=", "--workdir=/", Image, "echo", "it runs")
	if err == nil && !strings.Contains(out, "it runs") {
		err = fmt.Errorf("it said %q", out)
	}
	return err
}

// bring makes the image of Debian's busybox, which needs no libraries.
func (s *Site) bring(t testing.TB) error {
	t.Helper()
	root := filepath.Join(s.Dir, "busybox")
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		return err
	}
	program, err := os.ReadFile(busybox)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(root, "bin"), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(root, "bin", "busybox"), program, 0o755); err != nil {
		return err
	}
	applets, err := exec.Command(busybox, "--list").Output()
	if err != nil {
		return err
	}
	for _, name := range strings.Fields(string(applets)) {
		if name != "busybox" {
			if err := os.Symlink("busybox", filepath.Join(root, "bin", name)); err != nil && !os.IsExist(err) {
				return err
			}
		}
	}
	// What an image says by itself must not get in the way.
	return s.Import(root, Image, `ENTRYPOINT ["/bin/false"]`, "CMD never", "USER 1234:1234", "ENV FROM_IMAGE=yes LANG=xx", "WORKDIR /nowhere", "VOLUME /volume")
}

// Import makes an image of what a folder holds.
func (s *Site) Import(root, image string, changes ...string) error {
	archive := filepath.Join(s.Dir, "image.tar")
	if out, err := exec.Command("tar", "--numeric-owner", "--owner=0", "--group=0", "-C", root, "-cf", archive, ".").CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	defer os.Remove(archive)
	args := []string{"import"}
	for _, c := range changes {
		args = append(args, "--change="+c)
	}
	_, err := s.Run(append(args, archive, image)...)
	return err
}

// Run runs the program and returns what it said.
func (s *Site) Run(args ...string) (string, error) {
	cmd := exec.Command(s.Program, args...)
	cmd.Env = append(os.Environ(), s.Env...)
	cmd.Dir = "/"
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%s %s: %w: %s", s.Program, strings.Join(args, " "), err, bytes.TrimSpace(out))
	}
	return string(out), err
}

// Containers are those that podman lists, running or not.
func (s *Site) Containers() []string {
	out, err := s.Run("ps", "--all", "--no-trunc", "--format={{.Names}}")
	if err != nil {
		return []string{err.Error()}
	}
	return strings.Fields(out)
}

// Left says what there is of containers: what podman lists, monitors, mounts.
// It should be nothing, soon after the last one has ended.
func (s *Site) Left() []string {
	var left []string
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		left = s.left()
		if len(left) == 0 || time.Now().After(end) {
			return left
		}
	}
}

func (s *Site) left() []string {
	var left []string
	list := []string{"ps", "--all", "--format={{.ID}} {{.Names}} {{.Status}}"}
	if s.Program == "podman" {
		list = append(list, "--external")
	}
	out, err := s.Run(list...)
	if err != nil {
		left = append(left, err.Error())
	}
	for _, line := range strings.Split(strings.TrimSpace(out), "\n") {
		if line != "" && err == nil {
			left = append(left, "ps: "+line)
		}
	}
	if out, err := s.Run("volume", "ls", "--quiet"); err != nil || strings.TrimSpace(out) != "" {
		left = append(left, fmt.Sprintf("volume ls: %s %v", strings.TrimSpace(out), err))
	}
	commands, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range commands {
		b, err := os.ReadFile(file)
		// Its pause process holds the user's namespace, for as long as the user
		// is there.
		if err == nil && bytes.Contains(b, []byte(s.Dir)) && !bytes.HasPrefix(b, []byte(s.Program+"\x00")) && !bytes.Contains(b, []byte("docker.sock")) && !bytes.Contains(b, []byte("containerd.toml")) {
			left = append(left, "process: "+string(bytes.ReplaceAll(b, []byte{0}, []byte(" "))))
		}
	}
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		left = append(left, err.Error())
	}
	for line := range strings.Lines(string(mounts)) {
		// Both keep their storage's own folder mounted.
		if at := strings.Fields(line)[1]; strings.HasPrefix(at, s.Dir+"/") && at != filepath.Join(s.Dir, "root/overlay") && at != filepath.Join(s.Dir, "data") {
			left = append(left, "mount: "+strings.TrimSpace(line))
		}
	}
	return left
}

// clear removes containers, images and storage.
func (s *Site) clear() {
	s.Run("rm", "--all", "--force", "--time=0")
	s.Run("system", "reset", "--force") // else a mount stays
	for _, name := range []string{"root", "run"} {
		exec.Command("umount", filepath.Join(s.Dir, name, "overlay")).Run()
		os.RemoveAll(filepath.Join(s.Dir, name))
	}
}

func (s *Site) remove(t testing.TB) {
	if len(s.Env) > 0 {
		s.clear()
		if os.Getuid() != 0 {
			s.Run("unshare", "rm", "-rf", filepath.Join(s.Dir, "root"), filepath.Join(s.Dir, "run"))
			s.endPause()
		}
	}
	if err := os.RemoveAll(s.Dir); err != nil {
		t.Errorf("the tests' podman is not removed: %v", err)
	}
}

// endPause ends the process that holds the namespaces of a user's podman.
func (s *Site) endPause() {
	files, _ := filepath.Glob(filepath.Join(s.Dir, "libpod", "tmp", "pause.pid"))
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		exec.Command("kill", strings.TrimSpace(string(b))).Run()
	}
}
