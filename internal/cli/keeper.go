package cli

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/internal/runs"
)

// keeper is an engine in another process that no call waits for: what is to
// be done stands in the store, and the keeper sees to it that there is
// somebody who does it.
type keeper struct {
	runs.Engine
	log    *slog.Logger
	kicked chan struct{}
}

// Submit implements runs.Engine.
func (k *keeper) Submit(context.Context, runs.Job) error {
	k.kick()
	return nil
}

// Cancel implements runs.Engine.
func (k *keeper) Cancel(context.Context, runs.ID) error {
	k.kick()
	return nil
}

// Suspend implements runs.Suspender.
func (k *keeper) Suspend(context.Context, runs.ID, runs.Hold) error {
	k.kick()
	return nil
}

// Events implements runs.EventLister, where the engine does.
func (k *keeper) Events(ctx context.Context, run runs.Run, limit int) ([]runs.Event, error) {
	if lister, is := k.Engine.(runs.EventLister); is {
		return lister.Events(ctx, run, limit)
	}
	return nil, fmt.Errorf("%w: the engine %s has no cluster that could tell anything", problem.ErrRefused, k.Name())
}

// What an engine can do besides it would hide if it did not do it, too.
var (
	_ runs.Suspender   = (*keeper)(nil)
	_ runs.EventLister = (*keeper)(nil)
)

func (k *keeper) kick() {
	select {
	case k.kicked <- struct{}{}:
	default:
	}
}

// keep starts an engine process when there is something to do and none is
// there, until ctx ends.
func (k *keeper) keep(ctx context.Context, service *runs.Service) error {
	process, is := k.Engine.(interface{ Ensure(context.Context) error })
	if !is {
		return nil
	}
	tick := time.NewTicker(2 * time.Second)
	defer tick.Stop()
	for wanted := true; ; {
		if busy, err := service.Busy(ctx); err != nil && ctx.Err() == nil {
			k.log.Warn("what is to be done cannot be read", "err", err)
		} else if busy || wanted {
			if err := process.Ensure(ctx); err != nil && ctx.Err() == nil {
				k.log.Error("there is no engine; trying again", "err", err)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-k.kicked:
			wanted = true
		case <-tick.C:
			wanted = false
		}
	}
}
