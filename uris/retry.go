package uris

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/ligase-bio/ligase/internal/problem"
)

const (
	firstPause   = 100 * time.Millisecond
	longestPause = 5 * time.Second
)

// retry says how often and how a call is tried again.
type retry struct {
	times int
	sleep func(ctx context.Context, d time.Duration) error
}

// atMost is r with no more than so many tries after the first.
func (r retry) atMost(times int) retry {
	r.times = min(r.times, times)
	return r
}

// do calls f until it succeeds, fails for good, or has been tried often
// enough. attempt counts from 0. f's errors have their class; only
// problem.ErrUnavailable is tried again. When ctx has ended its Err comes
// back, bare.
func (r retry) do(ctx context.Context, f func(attempt int) error) error {
	for attempt := 0; ; attempt++ {
		err := f(attempt)
		if err == nil {
			return nil
		}
		if e := ctx.Err(); e != nil {
			return e
		}
		if !errors.Is(err, problem.ErrUnavailable) || attempt >= r.times {
			return err
		}
		if e := r.pause(ctx, attempt); e != nil {
			return e
		}
	}
}

// pause waits before try attempt+1: a random time up to a bound that doubles,
// so that callers who failed together do not come back together.
func (r retry) pause(ctx context.Context, attempt int) error {
	bound := min(firstPause<<min(attempt, 10), longestPause)
	return r.sleep(ctx, rand.N(bound)+1)
}

// sleep waits, or ends early with the context's error.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
