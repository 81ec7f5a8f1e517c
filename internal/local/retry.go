package local

import (
	"slices"
	"time"

	"github.com/ligase-bio/ligase/steps"
)

// Backoff is how long a failed task waits for its next attempt: Base after
// the first failure, twice as long after each further one, at most Max. Each
// wait is then drawn between half and all of that, so that tasks that failed
// together do not come back together.
type Backoff struct {
	Base time.Duration // 0: 1 s
	Max  time.Duration // 0: 5 min
}

func (b Backoff) withDefaults() Backoff {
	if b.Base <= 0 {
		b.Base = time.Second
	}
	if b.Max <= 0 {
		b.Max = 5 * time.Minute
	}
	b.Base = min(b.Base, b.Max)
	return b
}

// wait is the time after the given number of failures (from 1); random is in
// [0, 1).
func (b Backoff) wait(failures int, random float64) time.Duration {
	d := b.Base
	for range failures - 1 {
		if d >= b.Max/2 {
			d = b.Max
			break
		}
		d *= 2
	}
	return d/2 + time.Duration(random*float64(d-d/2))
}

// triesAgain reports whether a task whose counted attempts have all failed,
// the last one with code, is tried once more.
func triesAgain(r steps.Retries, code steps.FailureCode, failures int) bool {
	switch code {
	case steps.FailCanceled, steps.FailUpstream, steps.FailUnschedulable:
		return false // trying again cannot help, whatever the definition says
	}
	return failures <= r.Limit && slices.Contains(r.On, code)
}
