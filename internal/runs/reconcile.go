package runs

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/pipelines"
	"github.com/ligase-bio/ligase/steps"
)

// desk is what this process knows of the runs that it gives to its engine. It
// is only a memory: losing it costs repeated calls, all of which are
// idempotent.
type desk struct {
	mu      sync.Mutex
	files   map[ID]*file
	watched bool // by a reconciler, who clears up; else nothing is kept that need not be
	kicked  chan struct{}
}

// file is one run on the desk.
type file struct {
	tenant     string
	generation int
	opened     time.Time
	busy       bool // a call to the engine is under way
	handed     bool
	cancelSent bool
	hold       Hold         // as the engine was told last
	end        *Observation // seen, and not recorded yet
	failures   int          // in a row
	next       time.Time    // not before; monotonic
	why        string       // what the last failure was
}

const (
	firstPause = 100 * time.Millisecond
	mostPause  = 30 * time.Second
)

func newDesk() *desk { return &desk{files: map[ID]*file{}, kicked: make(chan struct{}, 1)} }

// wake makes the reconciler look at once.
func (d *desk) wake() {
	select {
	case d.kicked <- struct{}{}:
	default:
	}
}

func (d *desk) watch() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.watched = true
}

// clear forgets all but the runs that were active at a moment. A run stays on
// the desk until it is known to have ended, or a late look at an old list
// would hand it over again.
func (d *desk) clear(active map[ID]bool, at time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for id, f := range d.files {
		if !active[id] && !f.busy && f.opened.Before(at) {
			delete(d.files, id)
		}
	}
}

// due reports whether a failed call is to be tried again.
func (d *desk) due(now time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, f := range d.files {
		if f.failures > 0 && !now.Before(f.next) {
			return true
		}
	}
	return false
}

// take claims the run for one call to the engine, if wanted says that one is
// needed and no other is under way.
func (d *desk) take(r *Run, wanted func(f *file) bool) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	f := d.files[r.ID]
	if f == nil || f.generation < r.Generation {
		f = &file{tenant: r.Tenant, generation: r.Generation, opened: time.Now()}
		d.files[r.ID] = f
	}
	if f.generation != r.Generation || f.busy || !wanted(f) || (f.failures > 0 && time.Now().Before(f.next)) {
		return false
	}
	f.busy = true
	return true
}

// give ends what take began. It reports whether the reason for a failure is
// news.
func (d *desk) give(id ID, err error, done func(f *file)) (news bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f := d.files[id]
	if f == nil {
		return err != nil
	}
	f.busy = false
	if err == nil {
		f.failures, f.why = 0, ""
		done(f)
		if !d.watched {
			delete(d.files, id)
		}
		return false
	}
	return f.failed(err)
}

// release ends what take began without a call to the engine.
func (d *desk) release(id ID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f := d.files[id]
	if f == nil {
		return
	}
	f.busy = false
	if !f.handed && f.failures == 0 {
		delete(d.files, id)
	}
}

// keepEnd puts an end that could not be recorded into the run's file, to be
// tried again. It reports whether the reason is news.
func (d *desk) keepEnd(o Observation, why error) (news bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f := d.files[o.RunID]
	if f == nil || f.generation < o.Generation {
		f = &file{generation: o.Generation, opened: time.Now()}
		d.files[o.RunID] = f
	}
	f.end, f.handed = &o, true
	return f.failed(why)
}

// failed notes a failed call. It reports whether the reason is news.
func (f *file) failed(why error) (news bool) {
	news = f.why != why.Error()
	f.why = why.Error()
	f.next = time.Now().Add(min(firstPause<<min(f.failures, 16), mostPause))
	f.failures++
	return news
}

func (d *desk) tenantOf(id ID) (string, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f := d.files[id]
	if f == nil || f.tenant == "" {
		return "", false
	}
	return f.tenant, true
}

func (d *desk) handed(r *Run) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	f := d.files[r.ID]
	return f != nil && f.generation == r.Generation && f.handed
}

// handOverNow gives a run to the engine on the way of a call. That it is not
// taken is no error of the call: the reconciler goes on trying.
func (s *Service) handOverNow(ctx context.Context, run Run, plan *pipelines.Plan, fresh bool) {
	if !s.handOver(ctx, run, plan, fresh) {
		s.desk.wake()
	}
}

// handOver gives a run to the engine, unless it has it already. A nil plan is
// read from the store. fresh says that it has been claimed just now.
func (s *Service) handOver(ctx context.Context, run Run, plan *pipelines.Plan, fresh bool) bool {
	return s.desk.take(&run, notHanded) && s.handOverTaken(ctx, run, plan, fresh)
}

func notHanded(f *file) bool { return !f.handed }

// handOverTaken gives a run to the engine that has been taken from the desk.
func (s *Service) handOverTaken(ctx context.Context, run Run, plan *pipelines.Plan, fresh bool) bool {
	err := s.submit(ctx, run, plan, fresh)
	news := s.desk.give(run.ID, err, func(f *file) { f.handed, f.hold = true, run.Hold })
	switch {
	case err == nil:
		return true
	case ctx.Err() != nil:
	case errors.Is(err, problem.ErrConflict):
		// Another run sits in its place, and trying again will not move it.
		s.note(ctx, Observation{State: Failed, Failure: &steps.Failure{
			Code: steps.FailUnknown, Message: fmt.Sprintf("The %s engine did not take the run: %v.", s.engine.Name(), err),
			Hint: "Submit it again with a new request id.",
		}}, run)
	case news:
		waiting := fmt.Sprintf("waiting: the %s engine does not take runs now (%v)", s.engine.Name(), err)
		s.note(ctx, Observation{Waiting: &waiting}, run)
	}
	return false
}

// submit gives a run to the engine, unless its folder says that it has ended:
// another process may have seen that.
func (s *Service) submit(ctx context.Context, run Run, plan *pipelines.Plan, fresh bool) error {
	if !fresh {
		if ended, err := s.adoptEnd(ctx, run); err != nil || ended {
			return err
		}
	}
	if plan == nil {
		var err error
		if plan, err = s.store.Plan(ctx, run.ID); err != nil {
			return err
		}
	}
	if err := s.beginGeneration(ctx, run); err != nil {
		return err
	}
	return s.engine.Submit(ctx, Job{
		ID: run.ID, Tenant: run.Tenant, Generation: run.Generation, Workflow: run.Workflow,
		Digest: run.Digest, Plan: plan, Folder: folderOf(run), CreatedAt: run.CreatedAt,
		Trace: run.Labels[LabelTrace], Fresh: fresh, Hold: run.Hold,
	})
}

// Reconcile drives the engine until ctx ends: it takes up the runs that were
// active when the last process ended, hands over those that this and other
// processes submit, carries out cancel intents, records what the engine
// observes, and writes summaries that are missing. Exactly one process does
// this for an engine. It returns nil once ctx has ended and the engine has
// stopped, or the engine's error.
func (s *Service) Reconcile(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	s.desk.watch()
	ended := make(chan error, 1)
	go func() { ended <- s.engine.Run(ctx, s.observe) }()

	timer := time.NewTimer(0)
	defer timer.Stop()
	var (
		p     pace
		seen  = int64(-1)
		rest  time.Time // sweeping takes at most a fifth of the time, however many runs there are
		fault string
	)
	for look := true; ; look = false {
		now := time.Now()
		version, err := s.store.Version(ctx)
		changed := version != seen
		if err == nil && (look || changed || s.desk.due(now)) && !now.Before(rest) {
			if err = s.sweep(ctx); err == nil {
				seen = version
			}
			took := time.Since(now)
			rest = now.Add(5 * took)
		}
		if ctx.Err() == nil {
			fault = s.logOnce(fault, err)
		}
		timer.Reset(p.pause(changed, now))
		select {
		case err := <-ended:
			if ctx.Err() != nil && (err == nil || errors.Is(err, ctx.Err())) {
				return nil
			}
			if err == nil {
				err = errors.New("the engine stopped by itself")
			}
			return err
		case <-ctx.Done():
			if err := <-ended; err != nil && !errors.Is(err, ctx.Err()) {
				return err
			}
			return nil
		case <-s.desk.kicked:
			seen = -1
		case <-timer.C:
		}
	}
}

// logOnce logs an error unless it is the one that was logged last.
func (s *Service) logOnce(last string, err error) string {
	if err == nil {
		return ""
	}
	if err.Error() != last {
		s.log.Error("looking after the runs; trying again", "error", err)
	}
	return err.Error()
}

// sweep looks at every run that is not done with, once.
func (s *Service) sweep(ctx context.Context) error {
	at := time.Now()
	active, err := s.store.Active(ctx)
	if err != nil {
		return err
	}
	ids := make(map[ID]bool, len(active))
	for _, r := range active {
		ids[r.ID] = true
	}
	s.desk.clear(ids, at)
	for _, r := range active {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if s.tellKeptEnd(ctx, r) {
			continue
		}
		switch {
		case r.State.Terminal():
			if err := s.writeSummary(ctx, r); err != nil {
				return err
			}
		case r.CancelRequested:
			s.carryOutCancel(ctx, r)
		default:
			s.handOver(ctx, r, nil, false)
			s.carryOutSuspend(ctx, r)
		}
	}
	return nil
}

// carryOutCancel makes the intent true.
func (s *Service) carryOutCancel(ctx context.Context, r Run) {
	if !s.desk.handed(&r) && r.State == Running && !s.handOver(ctx, r, nil, false) {
		// It ran under a process that is gone. Only an engine that has the run
		// can end what may be left of it, so it is handed over first; this is
		// tried again.
		return
	}
	wasHanded := s.desk.handed(&r)
	if !s.desk.take(&r, func(f *file) bool { return !f.cancelSent }) {
		return
	}
	err := s.engine.Cancel(ctx, r.ID)
	news := s.desk.give(r.ID, err, func(f *file) { f.cancelSent = true })
	if err != nil {
		if news && ctx.Err() == nil {
			s.log.Warn("the engine did not cancel a run; trying again", "run", r.ID, "error", err)
		}
		return
	}
	if !wasHanded { // the engine has never had it, so nobody else will say that it has ended
		s.note(ctx, Observation{State: Cancelled}, r)
	}
}

// carryOutSuspend holds a run that the engine has, or lets it go on, when that
// is not what the engine was told last.
func (s *Service) carryOutSuspend(ctx context.Context, r Run) {
	engine, can := s.engine.(Suspender)
	if !can || !s.desk.take(&r, func(f *file) bool { return f.handed && r.Later(f.hold) }) {
		return
	}
	err := engine.Suspend(ctx, r.ID, r.Hold)
	news := s.desk.give(r.ID, err, func(f *file) { f.hold = r.Hold })
	if news && ctx.Err() == nil {
		s.log.Warn("the engine did not suspend or resume a run; trying again", "run", r.ID, "suspend", r.Suspended, "error", err)
	}
}
