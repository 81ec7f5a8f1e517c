package site

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// NewDocker starts a docker daemon of the tests' own, from Debian's packages,
// which are unpacked and not installed: the machine gets no docker. It takes
// root. Everything is gone when the test is over.
func NewDocker(t testing.TB) *Site {
	t.Helper()
	dir, err := os.MkdirTemp("", "docker") // short: there are sockets in it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	programs := unpack(t, dir, "docker.io", "containerd", "runc", "tini")
	socket := filepath.Join(dir, "docker.sock")
	s := &Site{Program: "docker", Dir: dir, Env: []string{"DOCKER_HOST=unix://" + socket, "PATH=" + programs + string(filepath.ListSeparator) + os.Getenv("PATH")}}
	t.Setenv("PATH", strings.TrimPrefix(s.Env[1], "PATH="))
	var log bytes.Buffer
	daemon := exec.Command("dockerd", "--host=unix://"+socket, "--data-root="+filepath.Join(dir, "data"), "--exec-root="+filepath.Join(dir, "exec"),
		"--pidfile="+filepath.Join(dir, "pid"), "--iptables=false", "--bridge=none", "--ip-forward=false", "--ip-masq=false")
	daemon.Stdout, daemon.Stderr = &log, &log
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		daemon.Process.Signal(os.Interrupt)
		daemon.Wait()
	})
	for end := time.Now().Add(time.Minute); ; time.Sleep(200 * time.Millisecond) {
		if _, err := s.Run("version"); err == nil {
			break
		} else if time.Now().After(end) {
			t.Fatalf("dockerd does not answer: %v", err)
		}
	}
	if err := s.bring(t); err != nil {
		t.Fatal(err)
	}
	out, err := s.Run("run", "--rm", "--network=none", "--entrypoint=", "--workdir=/", Image, "echo", "it runs")
	if err != nil || !strings.Contains(out, "it runs") {
		t.Fatalf("docker does not run here: %v %s", err, out)
	}
	return s
}

// unpack fetches Debian packages and returns the folder with their programs.
func unpack(t testing.TB, dir string, packages ...string) string {
	t.Helper()
	root := filepath.Join(dir, "debian")
	if err := os.Mkdir(root, 0o755); err != nil {
		t.Fatal(err)
	}
	// Not as a user of its own: that one could not write into the folder.
	download := exec.Command("apt-get", append([]string{"-o", "APT::Sandbox::User=root", "download"}, packages...)...)
	download.Dir = root
	if out, err := download.CombinedOutput(); err != nil {
		t.Fatalf("`apt-get download %s`: %v\n%s", strings.Join(packages, " "), err, out)
	}
	files, err := filepath.Glob(filepath.Join(root, "*.deb"))
	if err != nil || len(files) != len(packages) {
		t.Fatalf("downloaded %q (%v)", files, err)
	}
	for _, file := range files {
		if out, err := exec.Command("dpkg-deb", "-x", file, root).CombinedOutput(); err != nil {
			t.Fatalf("dpkg-deb: %v\n%s", err, out)
		}
	}
	bin := filepath.Join(dir, "bin")
	if err := os.Mkdir(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, at := range []string{"usr/bin", "usr/sbin"} {
		programs, _ := filepath.Glob(filepath.Join(root, at, "*"))
		for _, p := range programs {
			if err := os.Symlink(p, filepath.Join(bin, filepath.Base(p))); err != nil && !os.IsExist(err) {
				t.Fatal(err)
			}
		}
	}
	return bin
}
