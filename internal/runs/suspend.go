package runs

import (
	"context"
	"fmt"
	"time"

	"github.com/ligase-bio/ligase/internal/problem"
)

// suspendedWaiting is why a suspended run does not move.
const suspendedWaiting = "waiting: suspended by request"

// Suspend asks for nothing new of a run to be started, durably, and returns
// the run as it is now. The engine makes it true: attempts that run may end
// and commit. Suspending a run that has ended, or is being cancelled, changes
// nothing.
func (s *Service) Suspend(ctx context.Context, tenant string, id ID) (Run, error) {
	return s.suspend(ctx, tenant, id, true)
}

// Resume takes back what [Service.Suspend] asked for.
func (s *Service) Resume(ctx context.Context, tenant string, id ID) (Run, error) {
	return s.suspend(ctx, tenant, id, false)
}

func (s *Service) suspend(ctx context.Context, tenant string, id ID, suspended bool) (Run, error) {
	if _, can := s.engine.(Suspender); !can {
		return Run{}, fmt.Errorf("%w: the %s engine cannot suspend runs. Cancel the run instead; a retry goes on from what has committed", problem.ErrRefused, s.engine.Name())
	}
	if _, err := s.find(ctx, tenant, id); err != nil {
		return Run{}, err
	}
	run, err := s.store.RequestSuspend(ctx, tenant, id, suspended)
	if err != nil {
		return Run{}, err
	}
	s.desk.wake()
	return shown(run), nil
}

// shown is a run as readers see it: the intent to hold it is the reason that
// counts, whatever its engine says or has yet to say.
func shown(r Run) Run {
	if r.Suspended && !r.CancelRequested && !r.State.Terminal() {
		r.Waiting = suspendedWaiting
	}
	return r
}

// ClusterEvents lists what the engine's cluster says of a run, oldest first.
// An engine without a cluster is problem.ErrRefused.
func (s *Service) ClusterEvents(ctx context.Context, tenant string, id ID, limit int) ([]Event, error) {
	run, err := s.Get(ctx, tenant, id)
	if err != nil {
		return nil, err
	}
	lister, can := s.engine.(EventLister)
	if !can {
		return nil, fmt.Errorf("%w: the %s engine has no cluster that tells of runs. Ask for the run's own events", problem.ErrRefused, s.engine.Name())
	}
	return lister.Events(ctx, run, limit)
}

// StaleSince is since when the engine has not heard from its cluster; zero
// when what is known of runs is fresh.
func (s *Service) StaleSince() time.Time {
	if lagger, can := s.engine.(Lagger); can {
		return lagger.StaleSince()
	}
	return time.Time{}
}
