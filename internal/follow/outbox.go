package follow

import (
	"cmp"
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/uris"
)

// How long an observation may wait for others to share a batch with. A write
// to the store costs about as much as a short task, and on a small machine it
// takes a CPU from the tasks.
const (
	AtOnce time.Duration = 0
	Soon                 = 25 * time.Millisecond
	Later                = 250 * time.Millisecond
)

// batchSize is the most observations that a sink is given at a time, so that
// its transactions stay short.
const batchSize = 1000

// Outbox gathers observations until a sink takes them. Of a task only the
// latest status is kept while it waits, and of a run the latest progress and
// reason for waiting, so that it grows with the tasks and not with what they
// say while a sink is away. Everything else keeps its order. It is safe for
// concurrent use.
type Outbox struct {
	log  *slog.Logger
	mu   sync.Mutex
	list []runs.Observation
	at   map[place]int // where what may be overwritten stands in list
	due  time.Time     // when the next batch goes; zero: nothing to send
	wake chan struct{}
}

// place names what an observation is the latest of.
type place struct {
	run   runs.ID
	what  string // task, progress, waiting
	node  string
	index uris.Index
}

// NewOutbox returns an empty one. A nil log discards.
func NewOutbox(log *slog.Logger) *Outbox {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Outbox{log: log, at: map[place]int{}, wake: make(chan struct{}, 1)}
}

// Tell puts an observation in, to be sent within a time.
func (b *Outbox) Tell(o runs.Observation, within time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if p, ok := placeOf(o); ok {
		if i, waits := b.at[p]; waits {
			b.list[i] = o
		} else {
			b.at[p] = len(b.list)
			b.list = append(b.list, o)
		}
	} else {
		b.list = append(b.list, o)
	}
	if due := time.Now().Add(within); b.due.IsZero() || due.Before(b.due) {
		b.due = due
		select {
		case b.wake <- struct{}{}:
		default:
		}
	}
}

// placeOf says what an observation may overwrite, if it says one thing only.
func placeOf(o runs.Observation) (place, bool) {
	switch {
	case o.State != "" || o.Event != nil:
		return place{}, false
	case o.Task != nil:
		return place{o.RunID, "task", o.Task.Node, o.Task.Index}, true
	case o.Progress != nil && o.Waiting == nil:
		return place{run: o.RunID, what: "progress"}, true
	case o.Waiting != nil && o.Progress == nil:
		return place{run: o.RunID, what: "waiting"}, true
	}
	return place{}, false
}

func (b *Outbox) collect() []runs.Observation {
	b.mu.Lock()
	defer b.mu.Unlock()
	batch := b.list
	b.list, b.due = nil, time.Time{}
	clear(b.at)
	return batch
}

// Deliver hands observations to the sink until ctx ends, and then gives it a
// short while to take what is left. What it does not take then is lost to it:
// the next engine finds it where it came from.
func (b *Outbox) Deliver(ctx context.Context, sink runs.Sink) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	var left []runs.Observation
	for ctx.Err() == nil {
		b.mu.Lock()
		due := b.due
		b.mu.Unlock()
		var ripe <-chan time.Time
		if !due.IsZero() {
			timer.Reset(time.Until(due))
			ripe = timer.C
		}
		select {
		case <-ctx.Done():
		case <-b.wake:
		case <-ripe:
			left = Send(ctx, sink, b.collect(), b.log)
		}
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 700*time.Millisecond)
	defer cancel()
	if left = Send(last, sink, append(left, b.collect()...), b.log); len(left) > 0 {
		b.log.Warn("the last observations could not be recorded; they are found again", "observations", len(left))
	}
}

// Send gives a sink a batch, in pieces, again and again until it takes them.
// It returns what is left when ctx ends.
func Send(ctx context.Context, sink runs.Sink, batch []runs.Observation, log *slog.Logger) []runs.Observation {
	pause := Backoff{Base: 50 * time.Millisecond, Max: 5 * time.Second}
	for failures := 0; len(batch) > 0; {
		piece := batch[:min(len(batch), batchSize)]
		err := sink(ctx, piece)
		if err == nil {
			batch, failures = batch[len(piece):], 0
			continue
		}
		if ctx.Err() != nil {
			break
		}
		failures++
		wait := pause.Wait(failures)
		log.Warn("what happened could not be recorded; trying again", "observations", len(batch), "wait", wait, "err", err)
		if Sleep(ctx, wait) != nil {
			break
		}
	}
	return batch
}

// Backoff is how long to wait after failures in a row: Base after the first,
// twice as long after each further one, at most Max.
type Backoff struct {
	Base time.Duration // 0: 1 s
	Max  time.Duration // 0: 5 min
}

// Wait is the time after the given number of failures, from 1: drawn between
// half and all of the bound, so that those who failed together do not come
// back together.
func (b Backoff) Wait(failures int) time.Duration {
	longest := cmp.Or(b.Max, 5*time.Minute)
	d := min(cmp.Or(b.Base, time.Second), longest)
	for range failures - 1 {
		if d >= longest/2 {
			d = longest
			break
		}
		d *= 2
	}
	return d/2 + jitter(d-d/2)
}
