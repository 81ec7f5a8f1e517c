package uris

import (
	"context"
	"time"
)

// DoNotWait makes the pauses before retries end at once, and says how long
// they would have been.
func (s *Store) DoNotWait(paused func(time.Duration)) {
	s.retry.sleep = func(ctx context.Context, d time.Duration) error {
		paused(d)
		return ctx.Err()
	}
}

const (
	RangeSize  = rangeSize
	TempPrefix = tempPrefix
)
