package container

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"time"
)

// Use says which program may run images.
type Use string

// The uses there are.
const (
	Auto   Use = "auto"   // podman, or where that is not to be had, docker
	Podman Use = "podman" // that one and no other
	Docker Use = "docker"
	Never  Use = "never" // commands run on the host, whatever image they name
)

// Self is the program that a command names which means this program itself.
const Self = "ligase"

// Options configure a Host.
type Options struct {
	Use    Use  // empty: Auto
	NoPull bool // images that are not here are not fetched
	// Mounts are what every container has of the machine besides its own: the
	// weights that an image comes without.
	Mounts []Mount
	// Volumes are the folders of the machine that are the volumes of
	// implementations, by their names.
	Volumes map[string]string

	look func(name string) (string, error)                                       // of tests; nil: exec.LookPath
	ask  func(ctx context.Context, argv ...string) (out, told string, err error) // of tests; nil: runs it
}

// Host is the machine that this process runs on, as far as containers go. It
// is safe for concurrent use.
type Host struct {
	o Options

	quick, whole finding
}

// finding is what was found out about the program, or about there being none.
type finding struct {
	mu      sync.Mutex
	program *Program
	missing *Unavailable
	asked   time.Time
}

// NewHost returns the machine. Nothing is asked of it yet.
func NewHost(o Options) *Host {
	if o.Use == "" {
		o.Use = Auto
	}
	if o.look == nil {
		o.look = exec.LookPath
	}
	if o.ask == nil {
		o.ask = ask
	}
	return &Host{o: o}
}

// Unavailable says why something cannot run in a container here, and what to
// do about it.
type Unavailable struct{ Message, Fix string }

func (u *Unavailable) Error() string { return u.Message }

// Contains reports whether a command of an implementation with that image
// belongs into a container. One that is this program itself never does: it is
// here already, in the one version that fits, and no image is needed for it.
func (h *Host) Contains(image, program string) bool {
	return image != "" && program != Self && h != nil && h.o.Use != Never
}

// Pulls reports whether images that are not here are fetched.
func (h *Host) Pulls() bool { return !h.o.NoPull }

// Mounts are what every container has of the machine besides its own.
func (h *Host) Mounts() []Mount { return h.o.Mounts }

// askAgain is how long it is believed that no program is here.
const askAgain = 5 * time.Second

// Program is what runs images here, with all that it can do. Which one it is
// is found out once; that there is none is looked at again after a while. The
// error is *Unavailable, or that of ctx. It can take podman seconds to say what
// it is.
func (h *Host) Program(ctx context.Context) (*Program, error) { return h.found(ctx, &h.whole) }

// Sketch is Program for who only wants to know whether there is one that
// works, and will not create a container.
func (h *Host) Sketch(ctx context.Context) (*Program, error) { return h.found(ctx, &h.quick) }

func (h *Host) found(ctx context.Context, f *finding) (*Program, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.program != nil {
		return f.program, nil
	}
	if f.missing != nil && time.Since(f.asked) < askAgain {
		return nil, f.missing
	}
	p, missing := h.find(ctx, f == &h.quick)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	f.program, f.missing, f.asked = p, missing, time.Now()
	if missing != nil {
		return nil, missing
	}
	return p, nil
}

// install is how to get a program, in words.
const install = "Install podman (on Debian and Ubuntu: sudo apt-get install podman)"

func (h *Host) find(ctx context.Context, quick bool) (*Program, *Unavailable) {
	if runtime.GOOS != "linux" {
		return nil, &Unavailable{"Images are run on Linux only.", "Run it on a Linux machine."}
	}
	uses := []Use{h.o.Use}
	if h.o.Use == Auto {
		uses = []Use{Podman, Docker}
	}
	var why []string
	for _, use := range uses {
		path, err := h.o.look(string(use))
		if err != nil {
			continue
		}
		p, err := h.probe(ctx, use, path, quick)
		if err == nil {
			return p, nil
		}
		why = append(why, fmt.Sprintf("%s is here but does not work: %v", use, err))
	}
	switch {
	case len(why) > 0:
		return nil, &Unavailable{"Images cannot be run here: " + strings.Join(why, "; ") + ".", "Try: " + string(triesOf(why)) + " info"}
	case h.o.Use == Auto:
		return nil, &Unavailable{"Images cannot be run here: neither podman nor docker is on PATH.", install + "."}
	}
	return nil, &Unavailable{fmt.Sprintf("Images cannot be run here: %s is not on PATH.", h.o.Use), fmt.Sprintf("Install %s.", h.o.Use)}
}

// triesOf is the program that the first reason is about.
func triesOf(why []string) Use {
	name, _, _ := strings.Cut(why[0], " ")
	return Use(name)
}

// asking bounds how long a program may take to say what it is.
const asking = 20 * time.Second

// ask runs a program that answers at once; told is the last line that it said
// on standard error.
func ask(ctx context.Context, argv ...string) (out, told string, err error) {
	ctx, cancel := context.WithTimeout(ctx, asking)
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir = "/"
	cmd.WaitDelay = time.Second
	var stderr strings.Builder
	cmd.Stderr = &stderr
	b, err := cmd.Output()
	if ctx.Err() == context.DeadlineExceeded {
		err = fmt.Errorf("it did not answer within %s", asking)
	}
	return string(b), Reason(stderr.String()), err
}

// Image reports whether an image is here. The error is *Unavailable when the
// program cannot say.
func (h *Host) Image(ctx context.Context, p *Program, image string) (bool, error) {
	_, told, err := h.o.ask(ctx, append([]string{p.Path}, p.Has(image)...)...)
	var ended *exec.ExitError
	switch {
	case err == nil:
		return true, nil
	case ctx.Err() != nil:
		return false, ctx.Err()
	case errors.As(err, &ended) && ended.ExitCode() == 1:
		return false, nil
	}
	return false, &Unavailable{fmt.Sprintf("%s could not say whether the image %s is here: %s.", p.Name, image, orError(told, err)), "Try: " + p.Name + " images"}
}

func orError(told string, err error) string {
	if told != "" {
		return told
	}
	return err.Error()
}

// Environment is what the programs themselves run with: this process's own,
// where they find their settings and sockets. Commands in containers get
// nothing of it.
func Environment() []string { return os.Environ() }
