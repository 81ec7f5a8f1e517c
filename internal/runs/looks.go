package runs

import (
	"context"
	"sync"
	"time"

	"github.com/ligase-bio/ligase/internal/problem"
)

// looks keeps what is asked for and not there from being looked for in the
// store of objects again and again: callers who want the same share one look,
// there are only so many looks at a time, and what came of a failed one holds
// for a moment. The zero value is ready.
type looks struct {
	mu    sync.Mutex
	byKey map[string]*look
	slots chan struct{}
}

type look struct {
	done  chan struct{} // closed once err is known
	err   error
	until time.Time // when err is forgotten
}

const (
	looksAtOnce = 8
	lookHolds   = 2 * time.Second
	looksKept   = 4096
)

// once calls f unless the same key was looked for without success a moment
// ago: then, and while another call looks, it returns what came of that.
func (l *looks) once(ctx context.Context, key string, f func() error) error {
	it, mine := l.open(key)
	if !mine {
		select {
		case <-it.done:
			return it.err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	var err error
	select {
	case l.slots <- struct{}{}:
		err = f()
		<-l.slots
	case <-ctx.Done():
		err = ctx.Err()
	}
	l.close(key, it, err, ctx.Err() != nil)
	return err
}

// open finds a look that is under way or still holds, or begins one.
func (l *looks) open(key string) (it *look, mine bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if it := l.byKey[key]; it != nil && (it.until.IsZero() || now.Before(it.until)) {
		return it, false
	}
	if l.byKey == nil {
		l.byKey, l.slots = map[string]*look{}, make(chan struct{}, looksAtOnce)
	}
	if len(l.byKey) >= looksKept {
		for key, it := range l.byKey {
			if !it.until.IsZero() && (now.After(it.until) || len(l.byKey) >= looksKept) {
				delete(l.byKey, key)
			}
		}
	}
	it = &look{done: make(chan struct{})}
	l.byKey[key] = it
	return it, true
}

// close tells what came of a look. Success, and a caller's leaving, are not
// kept.
func (l *looks) close(key string, it *look, err error, left bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	it.err = err
	if left && err != nil {
		it.err = problem.ErrUnavailable
	}
	it.until = time.Now().Add(lookHolds)
	if err == nil || left {
		delete(l.byKey, key)
	}
	close(it.done)
}
