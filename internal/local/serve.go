package local

import (
	"context"
	"time"
)

// ServeOptions configure Serve.
type ServeOptions struct {
	DataDir string // required
	// Active reports whether anything is left to do, as the store has it.
	// Required with Idle.
	Active func(ctx context.Context) (bool, error)
	// Idle is how long nothing may be active before Serve returns; 0: it goes
	// on until its context ends.
	Idle time.Duration
}

// Serve holds the data folder's lock and drives the engine until ctx ends, or
// nothing has been active for a while. drive is the loop (the reconciler of
// runs.Service, which runs the Engine); it returns soon after its context
// ends. It may be called several times.
//
// When it ends for idleness it gives the lock free and then looks once more.
// So whoever writes a run into the store, and then sees the lock held, can
// rely on it: either this process has not looked for the last time, or the
// lock was free.
func Serve(ctx context.Context, o ServeOptions, drive func(ctx context.Context) error) error {
	for {
		lock, err := Lock(o.DataDir)
		if err != nil {
			return err
		}
		err = driveUntilIdle(ctx, o, drive)
		if releaseErr := lock.Release(); err == nil {
			err = releaseErr
		}
		if err != nil || ctx.Err() != nil || o.Idle <= 0 {
			return err
		}
		active, err := o.Active(ctx)
		if err != nil {
			return err
		}
		if !active {
			return nil
		}
		if held, _, err := Held(o.DataDir); err == nil && held {
			return nil // the one who wrote it has a new engine already
		}
	}
}

func driveUntilIdle(ctx context.Context, o ServeOptions, drive func(context.Context) error) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	if o.Idle > 0 {
		go Idle(ctx, o.Idle, o.Active, stop)
	}
	return drive(ctx)
}

// Idle calls stop once active has been false for that long, and returns then
// or when ctx ends. It looks four times within the span, which is close
// enough; what it cannot find out counts as active.
//
// A process that holds a data folder's lock uses [Serve] instead, which does
// not lose what is written while it stops.
func Idle(ctx context.Context, after time.Duration, active func(ctx context.Context) (bool, error), stop func()) {
	tick := time.NewTicker(max(after/4, time.Millisecond))
	defer tick.Stop()
	for quiet := 0; quiet < 4; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if busy, err := active(ctx); busy || err != nil {
			quiet = 0
		} else {
			quiet++
		}
	}
	stop()
}
