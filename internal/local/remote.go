package local

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/steps/worker"
	"github.com/ligase-bio/ligase/uris"
)

// RemoteOptions configure a Remote.
type RemoteOptions struct {
	DataDir string      // required
	Blobs   *uris.Store // required
	// Self is the path of this program, and Args what follows it to start an
	// engine process; nil Args are "engine --data DATADIR --idle 10s". Such a
	// process must come to hold the data folder's lock, or end. Self is
	// required.
	Self string
	Args []string
	// Wait bounds how long a new engine process may take to hold the lock;
	// 0: 15 s.
	Wait time.Duration
	Log  *slog.Logger // nil discards
}

// Remote implements runs.Engine for a process that does not run the engine
// but shares its data folder: the command line. What is to be done stands in
// the store, where the engine's process finds it; Remote makes sure that there
// is such a process.
type Remote struct {
	options RemoteOptions
	log     *slog.Logger
	logs    logs
}

// NewRemote returns a Remote. Nothing is started before the first Submit.
func NewRemote(o RemoteOptions) (*Remote, error) {
	if o.DataDir == "" || o.Blobs == nil || o.Self == "" {
		return nil, errors.New("remote engine: data folder, store and the program's path are required")
	}
	if o.Args == nil {
		o.Args = []string{"engine", "--data", o.DataDir, "--idle", "10s"}
	}
	if o.Wait <= 0 {
		o.Wait = 15 * time.Second
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	// It knows where logs are; it executes nothing.
	w, err := worker.New(worker.Options{
		Store: o.Blobs, WorkDir: filepath.Join(o.DataDir, workName), Self: o.Self,
	})
	if err != nil {
		return nil, err
	}
	return &Remote{options: o, log: o.Log, logs: logs{worker: w, store: o.Blobs, dataDir: o.DataDir}}, nil
}

// Name is "local".
func (m *Remote) Name() string { return Name }

// Submit makes sure that an engine process is there; it takes the job from
// the store.
func (m *Remote) Submit(ctx context.Context, _ runs.Job) error { return m.Ensure(ctx) }

// Cancel makes sure that an engine process is there; it takes the intent from
// the store.
func (m *Remote) Cancel(ctx context.Context, _ runs.ID) error { return m.Ensure(ctx) }

// Run keeps an engine process there until ctx ends: whoever waits for a run
// runs it meanwhile, so that the wait has an end although the engine was
// killed. The sink is not used; observations go to the store.
func (m *Remote) Run(ctx context.Context, _ runs.Sink) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		if err := m.Ensure(ctx); err != nil && ctx.Err() == nil {
			m.log.Warn("no engine; trying again", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Logs implements runs.Engine.
func (m *Remote) Logs(ctx context.Context, q runs.LogQuery) (io.ReadCloser, error) {
	return m.logs.open(ctx, q)
}

// logFile is where an engine process's own output goes, below the data folder.
const logFile = "engine.log"

// logCap is how large the engine's log gets before a new process begins a new
// one; the one before is kept beside it.
const logCap = 8 << 20

// Ensure returns once an engine process holds the data folder, starting one
// when there is none. The error wraps problem.ErrUnavailable and tells the end
// of the engine's log.
//
// Several processes may do so at the same time: each may start one, the lock
// decides, and the others' ends.
func (m *Remote) Ensure(ctx context.Context) error {
	held, _, err := Held(m.options.DataDir)
	if err != nil || held {
		return err
	}
	out, from, err := m.openLog()
	if err != nil {
		return fmt.Errorf("%w: engine log: %w", problem.ErrUnavailable, err)
	}
	defer out.Close()
	cmd := exec.Command(m.options.Self, m.options.Args...)
	cmd.Stdout, cmd.Stderr = out, out // stdin is /dev/null
	cmd.Dir = m.options.DataDir       // the caller's may be removed or unmounted
	// A session of its own: neither Ctrl-C nor the terminal's end reaches it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("%w: the engine process could not be started: %w", problem.ErrUnavailable, err)
	}
	m.log.Debug("started an engine process", "pid", cmd.Process.Pid, "data", m.options.DataDir)
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()

	timeout := time.NewTimer(m.options.Wait)
	defer timeout.Stop()
	for pause := 2 * time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		if held, _, err := Held(m.options.DataDir); err != nil || held {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case why := <-ended:
			if held, _, err := Held(m.options.DataDir); err == nil && held {
				return nil // another one was faster
			}
			if why == nil {
				// It took the lock, found nothing to do and ended, all between
				// two looks: whoever wrote something before asking was seen.
				return nil
			}
			return fmt.Errorf("%w: the engine process ended at once (%w)%s", problem.ErrUnavailable, why, m.said(from))
		case <-timeout.C:
			return fmt.Errorf("%w: the engine process %d does not take up its work%s", problem.ErrUnavailable, cmd.Process.Pid, m.said(from))
		case <-time.After(pause):
		}
	}
}

// openLog opens the engine's log to append to, and says how long it is.
func (m *Remote) openLog() (*os.File, int64, error) {
	if err := os.MkdirAll(m.options.DataDir, 0o700); err != nil {
		return nil, 0, err
	}
	path := filepath.Join(m.options.DataDir, logFile)
	if info, err := os.Stat(path); err == nil && info.Size() > logCap {
		if err := os.Rename(path, path+".1"); err != nil {
			return nil, 0, err
		}
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, info.Size(), nil
}

// said is the last of what the engine's log says after from, for an error.
func (m *Remote) said(from int64) string {
	path := filepath.Join(m.options.DataDir, logFile)
	f, err := os.Open(path)
	if err != nil {
		return "; see " + path
	}
	defer f.Close()
	text, _ := io.ReadAll(io.NewSectionReader(f, from, 64<<10))
	lines := strings.Split(string(bytes.TrimSpace(text)), "\n")
	last := strings.TrimSpace(lines[len(lines)-1])
	if last == "" {
		return "; see " + path
	}
	return ": " + last
}
