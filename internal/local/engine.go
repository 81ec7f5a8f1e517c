package local

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/ligase-bio/ligase/internal/follow"
	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/steps/worker"
	"github.com/ligase-bio/ligase/uris"
)

// Name is what this engine is called in runs and summaries.
const Name = "local"

// Options configure an Engine.
type Options struct {
	Worker *worker.Worker // executes the attempts; required
	Blobs  *uris.Store    // holds the run folders; required

	// DataDir is the folder that one engine at a time may use. Whoever calls
	// Run holds its lock; see [Lock] and [Serve]. Required.
	DataDir string
	WorkDir string // the worker's; empty: work, below DataDir

	// Sync has the engine make every commit durable before it tells of it, many
	// at a time and beside the tasks. With it, and only then, the Worker's
	// store can do without uris.Options.Sync, which has each task wait for the
	// disk.
	Sync bool

	Slots   Slots          // what there is to give; a CPU of 0: DetectSlots
	Jobs    int            // most tasks at the same time; 0: no cap but the slots
	Backoff follow.Backoff // between attempts of a task
	Stop    time.Duration  // how long Run waits for attempts when it ends; 0: 9 s

	Now func() time.Time // nil: time.Now
	Log *slog.Logger     // nil discards
}

// Engine runs plans as processes on this machine. It implements runs.Engine.
type Engine struct {
	options Options
	log     *slog.Logger
	logs    logs

	mu    sync.Mutex // guards all below, and every run
	runs  map[runs.ID]*run
	past  graveyard
	seq   int64
	queue *queue
	slots *ledger
	drive *drive // nil while Run is not running
	quay  quay   // before the outbox, with Options.Sync
	out   outbox
}

// drive is one call of Run.
type drive struct {
	ctx      context.Context // of the attempts
	stopping bool
	working  sync.WaitGroup  // attempts and surveys
	attempts map[taskKey]int // that an engine before this one left behind
	surveys  chan struct{}   // a slot for each survey under way
}

// taskKey names a task across runs.
type taskKey struct {
	run   runs.ID
	node  string
	index uris.Index
}

// New returns an engine. Nothing is started before Run.
func New(o Options) (*Engine, error) {
	switch {
	case o.Worker == nil:
		return nil, errors.New("local engine: no worker")
	case o.Blobs == nil:
		return nil, errors.New("local engine: no store")
	case o.DataDir == "":
		return nil, errors.New("local engine: no data folder")
	}
	if o.WorkDir == "" {
		o.WorkDir = filepath.Join(o.DataDir, workName)
	}
	if o.Slots.CPU <= 0 {
		o.Slots = DetectSlots()
	}
	if o.Jobs <= 0 {
		o.Jobs = maxJobs
	}
	if o.Stop <= 0 {
		o.Stop = 9 * time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	o.Slots.GPUs = slices.Clone(o.Slots.GPUs)
	return &Engine{
		options: o,
		log:     o.Log,
		logs:    logs{worker: o.Worker, store: o.Blobs, dataDir: o.DataDir},
		runs:    map[runs.ID]*run{},
		queue:   newQueue(),
		slots:   newLedger(o.Slots, o.Jobs),
		quay:    newQuay(),
		out:     newOutbox(),
	}, nil
}

// workName is the folder of attempts' private folders, below the data folder.
const workName = "work"

// maxJobs bounds the attempts at a time of tasks that ask for next to nothing.
const maxJobs = 1024

// surveysAtOnce bounds how many run folders are looked at together.
const surveysAtOnce = 16

// Name is "local".
func (e *Engine) Name() string { return Name }

// Submit implements runs.Engine. Before Run is called jobs are kept, and
// start with it.
func (e *Engine) Submit(_ context.Context, job runs.Job) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.drive != nil && e.drive.stopping {
		return fmt.Errorf("the engine is stopping: %w", problem.ErrUnavailable)
	}
	if r := e.runs[job.ID]; r != nil {
		switch {
		case r.job.Digest != job.Digest:
			return conflict(job, r.job.Digest)
		case job.Generation > r.job.Generation:
			return fmt.Errorf("run %s: generation %d has not ended yet: %w", job.ID, r.job.Generation, problem.ErrUnavailable)
		}
		e.suspend(r, job.Suspended)
		return nil
	}
	if g, ok := e.past.find(job.ID); ok {
		switch {
		case g.digest != job.Digest:
			return conflict(job, g.digest)
		case job.Generation <= g.generation:
			return nil
		}
	}
	e.seq++
	r := newRun(job, e.seq)
	e.runs[job.ID] = r
	if e.drive != nil {
		e.begin(r)
	}
	return nil
}

func conflict(job runs.Job, digest string) error {
	return fmt.Errorf("run %s is already there with the plan %.12s, not %.12s: %w", job.ID, digest, job.Digest, problem.ErrConflict)
}

// Cancel implements runs.Engine. Attempts get SIGTERM, and SIGKILL after the
// worker's grace.
func (e *Engine) Cancel(_ context.Context, id runs.ID) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	r := e.runs[id]
	if r == nil || r.cancelled {
		return nil
	}
	r.cancelled = true
	e.withdraw(r)
	for t := range r.running {
		t.cancel()
	}
	e.settle(r)
	e.dispatch() // what it kept others from is free now
	return nil
}

// Active is how many runs the engine has in hand.
func (e *Engine) Active() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.runs)
}

// Run implements runs.Engine. It first ends what an engine that was killed
// left behind. When ctx ends, so do all attempts; their runs are not failed,
// and go on when they are submitted to a later Run. Run returns within
// Options.Stop and about a second. An error says that it could not begin, or
// that the disk does not keep what it is given.
//
// The caller holds the data folder's lock: another engine's processes would
// look like leftovers.
func (e *Engine) Run(ctx context.Context, sink runs.Sink) error {
	attempts, err := leftAttempts(e.options.WorkDir)
	if err != nil {
		return err
	}
	ended, err := e.options.Worker.EndLeftovers()
	if err != nil {
		return fmt.Errorf("end what an earlier engine left behind: %w", err)
	}
	if len(attempts) > 0 || ended > 0 {
		e.log.Info("cleaned up after an engine that was killed", "attempts", len(attempts), "processes", ended)
	}

	work, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	defer stop(nil)
	e.mu.Lock()
	if e.drive != nil {
		e.mu.Unlock()
		return errors.New("local engine: Run is already running")
	}
	d := &drive{ctx: work, attempts: attempts, surveys: make(chan struct{}, surveysAtOnce)}
	e.drive = d
	for _, r := range e.submitted() {
		e.begin(r)
	}
	e.mu.Unlock()

	driving, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	var keeping sync.WaitGroup
	keeping.Go(func() {
		if err := e.keepDurable(driving); err != nil {
			fail(err)
		}
	})
	undelivered := e.deliver(driving, sink)
	keeping.Wait()

	e.mu.Lock()
	d.stopping = true
	e.mu.Unlock()
	stop(&steps.Failure{Code: steps.FailPreempted, Message: "The engine stopped while the attempt ran."})
	if !waitFor(&d.working, e.options.Stop) {
		e.log.Warn("attempts did not end in time; they are ended when an engine starts again")
	}
	if ctx.Err() != nil {
		err = e.makeDurable()
	} else {
		err = context.Cause(driving)
	}
	e.flush(context.WithoutCancel(ctx), sink, undelivered)
	e.mu.Lock()
	e.reset()
	e.mu.Unlock()
	return err
}

// submitted lists the runs in hand by order of submission.
func (e *Engine) submitted() []*run {
	list := make([]*run, 0, len(e.runs))
	for _, r := range e.runs {
		list = append(list, r)
	}
	slices.SortFunc(list, func(a, b *run) int { return cmp.Compare(a.seq, b.seq) })
	return list
}

// reset forgets every run: what is not done is in the run folders, and comes
// back with the next Submit.
func (e *Engine) reset() {
	for _, r := range e.runs {
		r.over = true
		e.withdraw(r)
	}
	e.runs = map[runs.ID]*run{}
	e.queue = newQueue()
	e.slots = newLedger(e.options.Slots, e.options.Jobs)
	e.quay = newQuay()
	e.out = newOutbox()
	e.drive = nil
}

// waitFor waits for wg, at most that long; false when that was not enough.
func waitFor(wg *sync.WaitGroup, limit time.Duration) bool {
	done := make(chan struct{})
	go func() {
		wg.Wait()
		close(done)
	}()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-timer.C:
		return false
	}
}

// graveyard remembers runs that have ended, so that a late Submit of one does
// nothing. It keeps the latest of them: an older one that is submitted again
// is found done, or failing again, from its run folder.
type graveyard struct {
	graves map[runs.ID]grave
	order  []runs.ID
	next   int
}

type grave struct {
	generation int
	digest     string
}

const graves = 1 << 16

func (g *graveyard) find(id runs.ID) (grave, bool) {
	found, ok := g.graves[id]
	return found, ok
}

func (g *graveyard) bury(job runs.Job) {
	if g.graves == nil {
		g.graves = map[runs.ID]grave{}
	}
	if _, again := g.graves[job.ID]; !again {
		if len(g.order) < graves {
			g.order = append(g.order, job.ID)
		} else {
			delete(g.graves, g.order[g.next])
			g.order[g.next] = job.ID
			g.next = (g.next + 1) % graves
		}
	}
	g.graves[job.ID] = grave{job.Generation, job.Digest}
}
