package runs

import (
	"context"
	"fmt"
)

// note records something that the service itself has seen of a run.
func (s *Service) note(ctx context.Context, o Observation, run Run) {
	o.RunID, o.Generation, o.Time = run.ID, run.Generation, s.clock().UTC()
	if err := s.observe(ctx, []Observation{o}); err != nil && ctx.Err() == nil {
		s.log.Error("recording a run", "run", run.ID, "error", err)
	}
}

// observe is the Sink: it records what an engine saw. A run that ends gets its
// summary in the same transaction, made of what was recorded before.
func (s *Service) observe(ctx context.Context, batch []Observation) error {
	// What the engine has seen is kept also while everything is being stopped.
	ctx = context.WithoutCancel(ctx)
	var during, ends []Observation
	for _, o := range batch {
		if o.State.Terminal() {
			ends = append(ends, o)
		} else {
			during = append(during, o)
		}
	}
	if len(during) > 0 {
		if err := s.store.Apply(ctx, during); err != nil {
			return err
		}
	}
	failed := make([]error, len(ends))
	_ = together(ctx, len(ends), func(ctx context.Context, i int) error {
		failed[i] = s.conclude(ctx, &ends[i])
		return nil // one does not keep the others back
	})
	var told []Observation
	for i, o := range ends {
		if failed[i] != nil {
			s.keepEnd(ctx, o, failed[i])
			continue
		}
		told = append(told, o)
	}
	return s.tellEnds(ctx, told)
}

// tellEnds records ends that have been concluded.
func (s *Service) tellEnds(ctx context.Context, ends []Observation) error {
	if len(ends) == 0 {
		return nil
	}
	if err := s.store.Apply(ctx, ends); err != nil {
		return err
	}
	for i := range ends {
		s.ends.ring(ends[i].RunID)
	}
	return nil
}

// keepEnd puts an end on the desk whose record could not be written: the
// engine has done its part, and other runs are not kept waiting. Should this
// process end before it can, the next one finds the end again, as the run's
// row says that it goes on.
func (s *Service) keepEnd(ctx context.Context, o Observation, why error) {
	if !s.desk.keepEnd(o, why) {
		return
	}
	s.log.Error("recording the end of a run; trying again", "run", o.RunID, "error", why)
	waiting := fmt.Sprintf("waiting for the store to take the end of the run (%v)", why)
	err := s.store.Apply(ctx, []Observation{{RunID: o.RunID, Generation: o.Generation, Time: o.Time, Waiting: &waiting}})
	if err != nil {
		s.log.Error("recording a run", "run", o.RunID, "error", err)
	}
}

// tellKeptEnd tries again to record an end that was kept, if the run has one.
func (s *Service) tellKeptEnd(ctx context.Context, r Run) bool {
	var end Observation
	if !s.desk.take(&r, func(f *file) bool {
		if f.end != nil {
			end = *f.end
		}
		return f.end != nil
	}) {
		return end.RunID != ""
	}
	err := s.conclude(ctx, &end)
	if err == nil {
		err = s.tellEnds(ctx, []Observation{end})
	}
	if s.desk.give(r.ID, err, func(f *file) { f.end = nil }) && ctx.Err() == nil {
		s.log.Error("recording the end of a run; trying again", "run", r.ID, "error", err)
	}
	return true
}
