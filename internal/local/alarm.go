package local

import (
	"context"
	"time"
)

// alarm is when what gathers somewhere is to be dealt with. Engine.mu guards
// it.
type alarm struct {
	due  time.Time // zero: nothing is there
	wake chan struct{}
}

func newAlarm() alarm { return alarm{wake: make(chan struct{}, 1)} }

// within sets the alarm to go off after that long, unless it does so earlier.
func (a *alarm) within(d time.Duration) {
	due := time.Now().Add(d)
	if !a.due.IsZero() && !due.Before(a.due) {
		return
	}
	a.due = due
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

func (a *alarm) off() { a.due = time.Time{} }

// whenDue calls f each time that the alarm goes off, until ctx ends or f
// returns true. f sets the alarm off.
func (e *Engine) whenDue(ctx context.Context, a *alarm, f func() (done bool)) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		e.mu.Lock()
		due, wake := a.due, a.wake
		e.mu.Unlock()
		var ripe <-chan time.Time
		if !due.IsZero() {
			timer.Reset(time.Until(due))
			ripe = timer.C
		}
		select {
		case <-ctx.Done():
			return
		case <-wake:
		case <-ripe:
			if f() {
				return
			}
		}
	}
}
