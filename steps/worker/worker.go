package worker

import (
	"context"
	"io"
	"log/slog"
	"time"

	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/uris"
)

// Options configure a Worker.
type Options struct {
	Store    *uris.Store
	Types    *steps.Types
	WorkDir  string // attempts' private folders are made below it
	Self     string // path of this program: what the command "ligase" means; empty: os.Executable
	Path     string // PATH for commands; empty: the process's own
	Version  string
	MaxLog   int64         // bytes of log kept per attempt: the first and the last halves; 0: 8 MiB
	Grace    time.Duration // between SIGTERM and SIGKILL; 0: 5 s
	KeepWork bool          // leave the private folder of failed attempts
	Log      *slog.Logger  // nil discards
}

// Worker executes tasks. It is safe for concurrent use.
type Worker struct{}

// New returns a worker.
func New(o Options) (*Worker, error) { panic("unwritten") }

// Hooks let an engine watch an attempt. All are optional.
type Hooks struct {
	// Started is called with the process group once the command runs. What it
	// returns ends the attempt.
	Started  func(pid int) error
	Progress func(fraction float64, line string)
	// Env is added to the command's environment: what the engine granted.
	Env map[string]string
}

// Execute runs one attempt and commits. It returns the commit record (its
// own, or the one that was there before) or why there is none. Ending ctx
// ends the command's whole process group.
func (w *Worker) Execute(ctx context.Context, t Task, h *Hooks) (*steps.Result, *steps.Failure) {
	panic("unwritten")
}

// Folder is the private folder of an attempt; the engine looks there for what
// a killed engine left behind.
func (w *Worker) Folder(runID, node string, index uris.Index, attempt int) string {
	panic("unwritten")
}

// LogOf opens an attempt's log: the live file while it runs, else what was
// uploaded; problem.ErrNotFound when there is neither.
func (w *Worker) LogOf(ctx context.Context, f uris.RunFolder, node string, index uris.Index, attempt int) (io.ReadCloser, error) {
	panic("unwritten")
}
