package worker

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/ligase-bio/ligase/internal/container"
	"github.com/ligase-bio/ligase/internal/plain"
	"github.com/ligase-bio/ligase/steps"
)

// A box is the container of one command.
//
// The command's leader is then the client that started it and stays with it
// (podman start --attach): its output, signals and exit code are the
// command's. What differs is what must not be left to that client. It is never
// killed while it may be at work on the container, as that would leave one
// that its own program does not know of; the container is killed instead, by
// its name. How the command ended is what the program says of the container.
// And removing it is the worker's, after every end that the client may have
// come to.
type box struct {
	program  *container.Program
	name     string
	pidFile  string // where podman writes the number of the first process
	oomKills int64  // of the machine, before it was made
}

// Labels of containers. The folder is for people; programs go by its digest,
// which needs no quoting.
const (
	labelFolder = "dev.ligase.folder"
	labelWork   = "dev.ligase.work"
)

const (
	callLimit   = time.Minute     // for what a container program does at once
	makeLimit   = 2 * time.Hour   // for making a container: the first of an image may have to copy it
	pullLimit   = 12 * time.Hour  // for fetching an image
	clientGrace = 2 * time.Minute // for a client to end once its container is killed
)

// workLabel is what containers of attempts below a work folder are found by.
func workLabel(workDir string) string {
	sum := sha256.Sum256([]byte(workDir))
	return hex.EncodeToString(sum[:8])
}

// boxName names the container of an attempt, for people too.
func (a *attempt) boxName() string {
	t := a.task
	parts := []string{"ligase", t.RunID, t.Node}
	if t.Index != "" {
		parts = append(parts, string(t.Index))
	}
	sum := sha256.Sum256([]byte(a.folder))
	return strings.Join(append(parts, strconv.Itoa(t.Attempt), hex.EncodeToString(sum[:4])), ".")
}

// makeBox makes the container that a part runs in. What that takes does not
// count against the step's timeout: how long an image takes to come is not the
// step's doing.
func (a *attempt) makeBox(ctx context.Context) (launch, *steps.Failure) {
	began := time.Now()
	defer func() { a.excused += time.Since(began) }()
	w := a.worker
	program, err := w.options.Containers.Program(ctx)
	if err != nil {
		return launch{}, a.unavailable(ctx, err)
	}
	a.pidFile, a.first, a.ownCgroup = filepath.Join(a.folder, "container.pid"), 0, program.Memory
	a.oomInside.Store(false)
	os.Remove(a.pidFile) // of the part before
	a.box = &box{program: program, name: a.boxName(), pidFile: a.pidFile, oomKills: machineOOMKills()}
	// From here on an engine after this one has to look for it.
	if err := a.noteBox(0); err != nil {
		return launch{}, storageFailure("The attempt could not be noted", err)
	}
	create, err := program.Create(a.spec(a.part.argv))
	if err != nil {
		return launch{}, a.unavailable(ctx, err)
	}
	said, exit, err := w.call(ctx, program, create, makeLimit, a.noteClient)
	if err == nil && exit != 0 && w.imageMissing(ctx, program, a.task.Implementation.Image) {
		if f := a.pull(ctx); f != nil {
			return launch{}, f
		}
		said, exit, err = w.call(ctx, program, create, makeLimit, a.noteClient)
	}
	switch {
	case ctx.Err() != nil:
		return launch{}, canceled(ctx)
	case errors.Is(err, syscall.E2BIG):
		return launch{}, a.notStarted(a.part.argv[0], err)
	case err != nil:
		return launch{}, fail(steps.FailUnknown, "The container could not be made: %v.", err)
	case exit != 0:
		return launch{}, a.notMade(container.Reason(said))
	}
	return launch{argv: append([]string{program.Path}, program.Start(a.box.name)...), env: container.Environment(), dir: "/", gentle: true}, nil
}

// notMade is the failure of a container that its program did not make or
// start, with what it said.
func (a *attempt) notMade(reason string) *steps.Failure {
	if reason == "" {
		reason = "it did not say why"
	}
	p, image := a.box.program, a.task.Implementation.Image
	code := steps.FailImage
	if strings.Contains(reason, "no space left on device") || strings.Contains(reason, "disk quota exceeded") {
		code = steps.FailDisk
	}
	f := fail(code, "%s could not start the command in the image %s: %s.", p.Name, image, reason)
	if code == steps.FailDisk {
		f.Hint, f.Retryable = fmt.Sprintf("Free some space where %s keeps images and containers (%s system df), then retry the run.", p.Name, p.Name), true
	}
	if code == steps.FailImage {
		f.Hint = fmt.Sprintf("Check that the image has what the implementation's command names, and that %s works: %s.", p.Name,
			p.Typed([]string{"run", "--rm", "--network=none", "--entrypoint=", image, a.part.argv[0]}))
	}
	return f
}

func (a *attempt) unavailable(ctx context.Context, err error) *steps.Failure {
	if ctx.Err() != nil {
		return canceled(ctx)
	}
	f := fail(steps.FailImage, "The implementation %q of %s runs in the image %s. %s", a.task.Implementation.Name, a.task.Step, a.task.Implementation.Image, sentence(err))
	var u *container.Unavailable
	if errors.As(err, &u) {
		f.Hint = u.Fix
	}
	return f
}

// spec is the container of a command.
func (a *attempt) spec(argv []string) container.Spec {
	impl, tmp := &a.task.Implementation, filepath.Join(a.folder, "tmp")
	s := container.Spec{
		Name: a.box.name, PIDFile: a.box.pidFile,
		Labels: map[string]string{
			labelWork: workLabel(a.worker.options.WorkDir), labelFolder: a.folder,
			"dev.ligase.run": a.task.RunID, "dev.ligase.node": a.task.Node,
			"dev.ligase.index": string(a.task.Index), "dev.ligase.attempt": strconv.Itoa(a.task.Attempt),
		},
		Image: impl.Image, Argv: argv, Env: a.boxEnvironment(), Dir: a.work(),
		User: os.Getuid(), Group: os.Getgid(),
		CPU: impl.Resources.CPU, GPUs: a.hooks.GPUs,
	}
	if s.CPU <= 0 {
		s.CPU = 1
	}
	if !a.worker.options.Unlimited {
		s.Memory = impl.Resources.Memory
	}
	// Memory that processes share is memory: what the limit leaves, they may
	// share. The 64 MiB that containers have by themselves stop PyTorch's
	// loaders; Linux's own default is half of what there is.
	if s.Shm = s.Memory; s.Shm == 0 {
		s.Shm = machineMemory() / 2
	}
	s.Files, s.Procs = processLimits()
	s.Mounts = a.volumeMounts()
	if len(a.task.Inputs) > 0 {
		in := filepath.Join(a.folder, "in")
		s.Mounts = append(s.Mounts, container.Mount{Source: in, Target: in, ReadOnly: true})
	}
	s.Mounts = append(s.Mounts, container.Mount{Source: a.work(), Target: a.work()}, container.Mount{Source: tmp, Target: tmp})
	for _, usual := range []string{"/tmp", "/var/tmp"} {
		if strings.HasPrefix(a.folder, usual+"/") {
			// Where the folders of the attempt are to be, there would be
			// folders made in our own, by somebody whose they are then.
			s.Tmpfs = append(s.Tmpfs, usual)
			continue
		}
		s.Mounts = append(s.Mounts, container.Mount{Source: tmp, Target: usual})
	}
	return s
}

// boxEnvironment is what a command in a container sees over its image's own
// variables. PATH is the image's, and so is which devices there are: they are
// counted from 0 inside. Some libraries ask for the user's name, and an image
// does not know the caller's.
func (a *attempt) boxEnvironment() []string {
	env := a.environment()
	kept := env[:0]
	for _, e := range env {
		name, _, _ := strings.Cut(e, "=")
		_, said := a.task.Implementation.Env[name]
		if !said && (name == "PATH" || name == "CUDA_VISIBLE_DEVICES" && len(a.hooks.GPUs) > 0) {
			continue
		}
		kept = append(kept, e)
	}
	for _, name := range []string{"USER", "LOGNAME"} {
		if _, said := a.task.Implementation.Env[name]; !said {
			kept = append(kept, name+"=ligase")
		}
	}
	return kept
}

func (w *Worker) imageMissing(ctx context.Context, p *container.Program, image string) bool {
	here, err := w.options.Containers.Image(ctx, p, image)
	return err == nil && !here
}

// pull fetches the image, and says in the log and to the engine how it is
// getting on. Attempts that want the same image wait for the first.
func (a *attempt) pull(ctx context.Context) *steps.Failure {
	w, p, image := a.worker, a.box.program, a.task.Implementation.Image
	if !w.options.Containers.Pulls() {
		f := fail(steps.FailImage, "The image %s is not on this machine, and images are not to be pulled here.", image)
		f.Hint = "Pull it: " + p.Typed(p.Pull(image))
		return f
	}
	tell := func(what string) {
		if a.hooks.Progress != nil {
			a.hooks.Progress(0, what)
		}
	}
	tell("waiting for the image " + image)
	done, err := w.pulls.enter(ctx, image)
	if err != nil {
		return canceled(ctx)
	}
	defer done()
	if !w.imageMissing(ctx, p, image) {
		return nil
	}
	note := func(line string) {
		a.log.write([]byte(line + "\n"))
		tell("pulling the image: " + line)
	}
	note(p.Typed(p.Pull(image)))
	said, exit, err := w.call(ctx, p, p.Pull(image), pullLimit, a.noteClient, note)
	switch {
	case ctx.Err() != nil:
		return canceled(ctx)
	case err != nil:
		return fail(steps.FailUnknown, "The image %s could not be pulled: %v.", image, err)
	case exit != 0:
		f := fail(steps.FailImage, "The image %s is not on this machine and could not be pulled: %s.", image, container.Reason(said))
		f.Hint = fmt.Sprintf("Try it by hand, where you can log in to its registry: %s. Or bring it as a file: %s load --input FILE.", p.Typed(p.Pull(image)), p.Name)
		return f
	}
	return nil
}

// turns lets one at a time do something for a name.
type turns struct {
	mu    sync.Mutex
	taken map[string]chan struct{}
}

func (t *turns) enter(ctx context.Context, name string) (leave func(), err error) {
	t.mu.Lock()
	if t.taken == nil {
		t.taken = map[string]chan struct{}{}
	}
	turn := t.taken[name]
	if turn == nil {
		turn = make(chan struct{}, 1)
		t.taken[name] = turn
	}
	t.mu.Unlock()
	select {
	case turn <- struct{}{}:
		return func() { <-turn }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// boxEnded takes in how the command in the container ended, once its client
// has. It returns a failure when the command never ran.
func (a *attempt) boxEnded() *steps.Failure {
	w, b := a.worker, a.box
	said, _, err := w.call(context.Background(), b.program, b.program.Inspect(b.name), callLimit, nil)
	var s *container.State
	if err == nil {
		s, err = container.ReadState(said)
	}
	if err != nil {
		// Somebody removed it, then: what its client ended with has to do.
		w.options.Log.Warn("container's state not known", "container", b.name, "err", err)
		return nil
	}
	e := &a.ending
	if !s.Started() {
		if e.cause != notStopped {
			return nil
		}
		reason := s.Error
		if reason == "" {
			reason = container.Reason(string(a.log.tail))
		}
		return a.notMade(reason)
	}
	if e.cause != notStopped {
		return nil
	}
	if s.Running {
		// Its client was killed by somebody.
		e.exit = 128 + int(syscall.SIGKILL)
		return nil
	}
	e.exit, e.signal = s.ExitCode, 0
	if e.exit != 0 {
		if why := container.Unstarted(string(a.log.tail)); why != "" {
			return a.notMade(fmt.Sprintf("%s: %s", a.part.argv[0], why))
		}
	}
	e.oom = s.OOMKilled || a.oomInside.Load() || e.exit == 128+int(syscall.SIGKILL) && machineOOMKills() > b.oomKills
	switch sig := syscall.Signal(e.exit - 128); sig {
	case syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM, syscall.SIGABRT, syscall.SIGSEGV, syscall.SIGBUS, syscall.SIGILL, syscall.SIGFPE, syscall.SIGSYS, syscall.SIGTRAP:
		e.signal = sig
	}
	return nil
}

// unbox removes the container, if there is one, and whatever of it is left. It
// reports whether nothing is.
func (a *attempt) unbox() bool {
	if a.box == nil {
		return true
	}
	b := a.box
	err := a.worker.removeBoxes(b.program, []string{b.name}, []string{b.pidFile})
	if err != nil {
		a.worker.options.Log.Warn("container not removed; the next engine tries again", "container", b.name, "err", err)
		return false
	}
	a.box = nil
	return true
}

// removeBoxes removes containers by name or id, and the monitors of those that
// their program has forgotten.
func (w *Worker) removeBoxes(p *container.Program, names, pidFiles []string) error {
	said, exit, err := w.call(context.Background(), p, p.Remove(names...), callLimit, nil)
	if err != nil {
		return err
	}
	if exit != 0 && !strings.Contains(strings.ToLower(said), "no such container") {
		return errors.New(container.Reason(said))
	}
	if p.SeesProcesses() {
		endMonitors(pidFiles)
	}
	return nil
}

// kill ends the container of a client that is still there. As long as the
// client is about to start it there is nothing to kill yet: it is tried again
// until the client has ended.
func (b *box) kill(w *Worker, p *process) {
	for began := time.Now(); !p.ended() && time.Since(began) < clientGrace; time.Sleep(200 * time.Millisecond) {
		if _, exit, err := w.call(context.Background(), b.program, b.program.Kill(b.name), callLimit, nil); err == nil && exit == 0 {
			until(5*time.Second, p.ended)
		}
	}
	p.send(syscall.SIGKILL)
}

// firstInside is the first process of the container, by its number out here; 0
// as long as there is none.
func (a *attempt) firstInside() int {
	if a.first == 0 {
		b, err := os.ReadFile(a.pidFile)
		if err == nil {
			a.first, _ = strconv.Atoi(strings.TrimSpace(string(b)))
		}
	}
	return a.first
}

// noteBox writes attempt.json with the container, and the number of the
// process that is at work on it, 0 for none.
func (a *attempt) noteBox(pid int) error {
	a.noting.Lock()
	defer a.noting.Unlock()
	if a.box == nil {
		return nil
	}
	file := attemptFile{PID: pid, BootID: a.worker.boot, Container: &boxNote{Program: *a.box.program, Name: a.box.name, PIDFile: a.box.pidFile}}
	if pid > 0 {
		file.Start = startTime(pid)
	}
	if err := writeAttemptFile(a.folder, file); err != nil {
		return err
	}
	a.noted = true
	return nil
}

func (a *attempt) noteClient(pid int) {
	if err := a.noteBox(pid); err != nil {
		a.worker.options.Log.Warn("attempt not noted", "folder", a.folder, "err", err)
	}
}

// call runs a container program to its end and returns the end of what it
// said, which lines are told as they come. When ctx ends it is asked to end,
// and waited for.
func (w *Worker) call(ctx context.Context, p *container.Program, args []string, limit time.Duration, started func(pid int), lines ...func(string)) (said string, exit int, err error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if ctx.Err() != nil {
		return "", 0, ctx.Err()
	}
	r, out, err := outputPipe()
	if err != nil {
		return "", 0, err
	}
	defer r.Close()
	pid, err := w.spawner.start(launch{argv: append([]string{p.Path}, args...), env: container.Environment(), dir: "/", gentle: true}, out)
	syscall.Close(out)
	if err != nil {
		return "", 0, err
	}
	if started != nil {
		started(pid)
	}
	client := &process{pid: pid, grace: clientGrace, gentle: true}
	stop := context.AfterFunc(ctx, func() { client.stop(stoppedByContext) })
	heard := make(chan struct{})
	var all []byte
	go func() {
		defer close(heard)
		all = hear(r, lines)
	}()
	e := client.wait()
	stop()
	r.SetReadDeadline(time.Now().Add(drain))
	<-heard
	if e.cause != notStopped {
		if err = ctx.Err(); errors.Is(err, context.DeadlineExceeded) {
			err = fmt.Errorf("%s %s did not end within %s", p.Name, args[0], limit)
		}
		return string(all), e.exit, err
	}
	return string(all), e.exit, nil
}

// heardMost is how much is kept of what a container program says.
const heardMost = 64 << 10

// hear reads to the end and returns the last of it; lines are told line by
// line, as they are fit for people.
func hear(r *os.File, lines []func(string)) []byte {
	var all, open []byte
	buf := make([]byte, 4<<10)
	for {
		n, err := r.Read(buf)
		all = append(all, buf[:n]...)
		if len(all) > 2*heardMost {
			all = append(all[:0], all[len(all)-heardMost:]...)
		}
		if len(lines) > 0 {
			open = append(open, buf[:n]...)
			for {
				i := strings.IndexAny(string(open), "\r\n")
				if i < 0 {
					break
				}
				if line := plain.Line(open[:i]); line != "" {
					for _, tell := range lines {
						tell(line)
					}
				}
				open = open[i+1:]
			}
		}
		if err != nil {
			return all
		}
	}
}

// softFiles is the most open files that a command in a container may have
// without asking for more: there are tools that close as many as they may have
// before they start another.
const softFiles = 64 << 10

// processLimits are this process's own limits of open files, soft and hard,
// and of processes: what commands outside of containers have, too. Container
// programs would try to raise them, which not everybody may.
func processLimits() (files [2]int64, procs int64) {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) == nil {
		hard := int64(-1) // none
		if limit.Max <= math.MaxInt32 {
			hard = int64(limit.Max)
		}
		files = [2]int64{int64(min(limit.Cur, softFiles)), hard}
	}
	return files, procLimit()
}
