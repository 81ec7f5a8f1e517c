package runs

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/uris"
)

// Final is how one generation of a run ended: final-{generation}.json in its
// folder. It is created if absent before the end is told to anybody, so of
// several processes that see a run end, all tell the same.
type Final struct {
	Format     string          `json:"format"` // finalFormat
	RunID      ID              `json:"run_id"`
	Generation int             `json:"generation"`
	Digest     string          `json:"digest"` // of the plan
	State      State           `json:"state"`
	Failure    *steps.Failure  `json:"failure,omitempty"`
	Progress   Progress        `json:"progress"`
	StartedAt  time.Time       `json:"started_at,omitzero"`
	FinishedAt time.Time       `json:"finished_at"`
	Summary    json.RawMessage `json:"summary,omitempty"`
	// Tasks are those that did not commit. Those that did have their commit
	// records.
	Tasks []TaskStatus `json:"tasks,omitempty"`
}

const (
	finalFormat = "ligase.final/v1"
	maxFinal    = 256 << 20
	// finalLogs is how many failed tasks keep the end of their logs in the
	// record. Of more, the logs' own objects have it.
	finalLogs = 100
)

// ReadFinal reads how a generation of a run ended; problem.ErrNotFound when it
// has not, or the record was cut off by a loss of power.
func ReadFinal(ctx context.Context, store *uris.Store, folder uris.RunFolder, generation int) (*Final, error) {
	at := folder.Final(generation)
	data, err := store.ReadAll(ctx, at, maxFinal)
	if err != nil {
		return nil, fmt.Errorf("the end of run %s: %w", folder.RunID, err)
	}
	var f Final
	if err := json.Unmarshal(data, &f); err != nil {
		return nil, fmt.Errorf("%s is not written whole (%v): %w", at, err, problem.ErrNotFound)
	}
	if f.Format != finalFormat || string(f.RunID) != folder.RunID || f.Generation != generation || !f.State.Terminal() {
		return nil, fmt.Errorf("%w: %s is not a record that this version of ligase knows. Use the version that wrote it", problem.ErrRefused, at)
	}
	return &f, nil
}

// conclude makes an end that an engine saw fit to be told: with its summary,
// and recorded in the run's folder. When another process has recorded an end
// of this generation already, o becomes that one.
//
// An error says that the record could not be written now.
func (s *Service) conclude(ctx context.Context, o *Observation) error {
	run, err := s.runOf(ctx, o.RunID)
	if err != nil {
		return err
	}
	if run == nil || run.Generation != o.Generation || run.State.Terminal() {
		return nil // it is of no consequence
	}
	run.State, run.Failure, run.FinishedAt, run.Waiting = o.State, o.Failure, o.Time.UTC(), ""
	if o.Progress != nil {
		run.Progress = *o.Progress
	}
	if o.Summary, err = s.summaryJSON(ctx, *run); err != nil {
		// Better an end without a summary, which the next sweep adds, than
		// none.
		s.log.Error("summarizing a run; trying again", "run", run.ID, "error", err)
		s.desk.wake()
	}
	final, err := s.finalOf(ctx, *run, o.Summary)
	if err != nil {
		return err
	}
	told, err := s.keepFinal(ctx, folderOf(*run), final)
	switch {
	case errors.Is(err, problem.ErrRefused):
		// A folder that this process may not write to: the run's row has to do.
		s.log.Warn("the end of a run is not recorded in its folder", "run", run.ID, "error", err)
		return nil
	case err != nil:
		return err
	case told != final:
		o.State, o.Failure, o.Time, o.Progress, o.Summary = told.State, told.Failure, told.FinishedAt, &told.Progress, told.Summary
	}
	return nil
}

func (s *Service) summaryJSON(ctx context.Context, run Run) ([]byte, error) {
	facts, err := s.facts(ctx, run)
	if err != nil {
		return nil, err
	}
	return json.Marshal(Summarize(facts))
}

// finalOf is the record of a run that has ended.
func (s *Service) finalOf(ctx context.Context, run Run, summary []byte) (*Final, error) {
	f := &Final{
		Format: finalFormat, RunID: run.ID, Generation: run.Generation, Digest: run.Digest,
		State: run.State, Failure: run.Failure, Progress: run.Progress,
		StartedAt: run.StartedAt, FinishedAt: run.FinishedAt, Summary: summary,
	}
	if run.State == Succeeded && run.Progress.Failed+run.Progress.Skipped == 0 {
		return f, nil // every task has its commit record
	}
	filter := TaskFilter{States: []State{Pending, Running, Failed, Cancelled, Skipped}, Limit: 10_000}
	for {
		page, err := s.store.Tasks(ctx, run.ID, filter)
		if err != nil {
			return nil, err
		}
		f.Tasks = append(f.Tasks, page.Tasks...)
		if filter.Cursor = page.Next; page.Next == "" {
			break
		}
	}
	logs := 0
	for i := range f.Tasks {
		if failure := f.Tasks[i].Failure; failure != nil && failure.LogTail != "" {
			if logs++; logs > finalLogs {
				less := *failure
				less.LogTail = ""
				f.Tasks[i].Failure = &less
			}
		}
	}
	return f, nil
}

// keepFinal creates the record, or returns the one that is there already.
func (s *Service) keepFinal(ctx context.Context, folder uris.RunFolder, f *Final) (*Final, error) {
	data, err := json.Marshal(f)
	if err != nil {
		return nil, err
	}
	at := folder.Final(f.Generation)
	err = s.claims.PutIfAbsent(ctx, at, data)
	if err == nil {
		return f, nil
	}
	if !errors.Is(err, problem.ErrExists) {
		return nil, fmt.Errorf("recording the end of run %s: %w", f.RunID, err)
	}
	earlier, err := ReadFinal(ctx, s.claims, folder, f.Generation)
	if errors.Is(err, problem.ErrNotFound) { // only a loss of power leaves one that is not whole
		if _, err := s.claims.Put(ctx, at, bytes.NewReader(data)); err != nil {
			return nil, fmt.Errorf("recording the end of run %s: %w", f.RunID, err)
		}
		return f, nil
	}
	return earlier, err
}

// generationOf is the newest generation of a run that its folder knows of: 1
// when no retry has begun.
func (s *Service) generationOf(ctx context.Context, folder uris.RunFolder) (int, error) {
	newest := 1
	for o, err := range s.blobs.List(ctx, folder.URI, false) {
		if err != nil {
			return 0, fmt.Errorf("the folder of run %s: %w", folder.RunID, err)
		}
		for _, kind := range []string{"final-", "generation-"} {
			number, ok := strings.CutPrefix(o.URI.Base(), kind)
			number, json := strings.CutSuffix(number, ".json")
			if n, err := strconv.Atoi(number); ok && json && err == nil {
				newest = max(newest, n)
			}
		}
	}
	return newest, nil
}

// beginGeneration leaves word in the run's folder that a retry has begun, for
// other processes.
func (s *Service) beginGeneration(ctx context.Context, run Run) error {
	if run.Generation < 2 {
		return nil
	}
	data, err := json.Marshal(struct {
		RunID      ID        `json:"run_id"`
		Generation int       `json:"generation"`
		BegunAt    time.Time `json:"begun_at"`
	}{run.ID, run.Generation, run.UpdatedAt})
	if err != nil {
		return err
	}
	err = s.claims.PutIfAbsent(ctx, folderOf(run).Generation(run.Generation), data)
	if err == nil || errors.Is(err, problem.ErrExists) || errors.Is(err, problem.ErrRefused) {
		return nil
	}
	return fmt.Errorf("beginning generation %d of run %s: %w", run.Generation, run.ID, err)
}
