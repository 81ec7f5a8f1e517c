package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/ligase-bio/ligase/e2e/cluster/kube"
)

// The one address of the cluster is that of its bridge: the node, the API
// server and S3 have it, so it is the same for pods and for this machine, and
// no other machine can reach it.
const (
	bridge         = "cni0"
	address        = "10.88.0.1"
	podNetwork     = "10.88.0.0/16"
	serviceNetwork = "10.96.0.0/16"
	serviceAddress = "10.96.0.1" // of the API server, as pods see it
	nodeName       = "ligase-node"
	gpus           = 2
)

// places are the folders.
type places struct {
	repo  string // the checkout
	cache string // what is kept between clusters
	bin   string // programs, in the cache
	state string // everything of a cluster that is up
}

func findPlaces(ctx context.Context) (places, error) {
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/ligase-bio/ligase").Output()
	if err != nil {
		return places{}, errors.New("this is not the checkout of ligase: run `go run ./e2e/cluster` at its root")
	}
	cache, err := kube.Cache()
	if err != nil {
		return places{}, err
	}
	state, err := kube.Dir()
	if err != nil {
		return places{}, err
	}
	return places{
		repo: strings.TrimSpace(string(out)), cache: cache, bin: filepath.Join(cache, "bin"), state: state,
	}, nil
}

func (p places) program(name string) string { return filepath.Join(p.bin, name) }

// in is a path in the cluster's folder.
func (p places) in(parts ...string) string {
	return filepath.Join(append([]string{p.state}, parts...)...)
}

func (p places) log(name string) string { return p.in("logs", name+".log") }

func (p places) kubeconfig() string { return kube.Kubeconfig(p.state) }

func (p places) socket() string { return p.in("containerd", "containerd.sock") }

// marker is the file that says that a folder is a cluster's, so that down
// never removes a folder that LIGASE_CLUSTER_DIR names by mistake.
const marker = ".ligase-cluster"

// maxSocketPath is what Linux allows for the path of a socket.
const maxSocketPath = 107

// makeState makes the cluster's folder, or finds it as another run left it.
func (p places) makeState() error {
	if len(p.socket()) > maxSocketPath {
		return fmt.Errorf("%s is too long for a socket in it: set LIGASE_CLUSTER_DIR to a shorter path", p.state)
	}
	if err := p.checkState(); err != nil {
		return err
	}
	if err := os.MkdirAll(p.state, 0o700); err != nil {
		return err
	}
	for _, dir := range []string{"logs", "processes", "pki"} {
		if err := os.MkdirAll(p.in(dir), 0o700); err != nil {
			return err
		}
	}
	return os.WriteFile(p.in(marker), []byte("A cluster of `go run ./e2e/cluster`; `down` removes this folder.\n"), 0o600)
}

// exists says whether there is a cluster, whole or not.
func (p places) exists() bool {
	_, err := os.Stat(p.in(marker))
	return err == nil
}

// checkState refuses a folder that has something else in it.
func (p places) checkState() error {
	entries, err := os.ReadDir(p.state)
	if errors.Is(err, fs.ErrNotExist) || (err == nil && len(entries) == 0) {
		return nil
	}
	if err != nil {
		return err
	}
	if !p.exists() {
		return fmt.Errorf("%s has something in it that is no cluster (no file %s): empty it or set LIGASE_CLUSTER_DIR to another folder", p.state, marker)
	}
	return nil
}

// lock keeps two commands from changing the cluster at once, until release.
func (p places) lock() (release func(), err error) {
	if err := os.MkdirAll(p.cache, 0o755); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(p.cache, "cluster.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return nil, errors.New("another `go run ./e2e/cluster` is at work: wait until it has ended")
	}
	return func() { f.Close() }, nil
}

// writeFile writes a file of the cluster's folder, which has secrets all over.
func (p places) writeFile(data string, parts ...string) error {
	path := p.in(parts...)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(data), 0o600)
}
