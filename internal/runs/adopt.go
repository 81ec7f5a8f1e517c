package runs

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ligase-bio/ligase/dag"
	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/internal/tasks"
	"github.com/ligase-bio/ligase/pipelines"
	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/uris"
)

// find is the run as the store has it. One that the store lacks may have been
// claimed by another process, with a store of its own, or this one's store may
// be new: then the run is adopted from its folder.
func (s *Service) find(ctx context.Context, tenant string, id ID) (Run, error) {
	run, err := s.store.Get(ctx, tenant, id)
	switch {
	case err == nil && (run.State == Failed || run.State == Cancelled):
		return s.catchUp(ctx, run)
	case !errors.Is(err, problem.ErrNotFound):
		return run, err
	}
	missing := err
	if read, err := ParseID(string(id)); err != nil || read != id {
		return Run{}, missing
	}
	err = s.looks.once(ctx, tenant+"\x00"+string(id), func() error {
		claim, err := s.readClaim(ctx, id)
		if err == nil && claim.Tenant != tenant {
			err = problem.ErrNotFound // whatever else there is to say of it
		}
		if err != nil {
			return err
		}
		found, err := s.claimed(ctx, id, claim)
		if err != nil {
			return err
		}
		return s.adopt(ctx, found)
	})
	switch {
	case err == nil:
		return s.store.Get(ctx, tenant, id)
	case errors.Is(err, problem.ErrNotFound) || errors.Is(err, errTorn):
		return Run{}, missing // nobody has been told of it, or it is not theirs
	}
	return Run{}, err
}

// catchUp takes a run that has failed or was cancelled to the generation that
// another process may have begun.
func (s *Service) catchUp(ctx context.Context, run Run) (Run, error) {
	next := folderOf(run).Generation(run.Generation + 1)
	err := s.looks.once(ctx, next.String(), func() error {
		_, err := s.blobs.Stat(ctx, next)
		return err
	})
	if err != nil {
		return run, nil // it has not, or who could tell is away: what is known is still true
	}
	newer, err := s.store.Retry(ctx, run.Tenant, run.ID)
	switch {
	case errors.Is(err, problem.ErrConflict): // another call was faster
		return s.store.Get(ctx, run.Tenant, run.ID)
	case err != nil:
		return run, err
	}
	s.handOverNow(ctx, newer, nil, false)
	return s.store.Get(ctx, run.Tenant, run.ID)
}

// folderRun is a run as its folder tells of it.
type folderRun struct {
	run    Run
	plan   *pipelines.Plan
	final  *Final       // nil: it has not ended
	survey tasks.Survey // with final
}

// readFolder reads a run from its folder below the configured root. Where
// there is no claim it is problem.ErrNotFound, where there is a piece of one
// errTorn; what cannot be understood is problem.ErrRefused.
func (s *Service) readFolder(ctx context.Context, id ID) (*folderRun, error) {
	claim, err := s.readClaim(ctx, id)
	if err != nil {
		return nil, err
	}
	return s.claimed(ctx, id, claim)
}

// claimed is the rest of readFolder.
func (s *Service) claimed(ctx context.Context, id ID, claim claimOf) (*folderRun, error) {
	folder := s.layout.Run(string(id))
	switch {
	case claim.Format != metaFormat:
		return nil, fmt.Errorf("%w: %s has the format %q, which this version of ligase does not know. Use the version that wrote it", problem.ErrRefused, folder.Meta(), claim.Format)
	case claim.RunID != id || IDOf(claim.Tenant, claim.RequestID) != id:
		return nil, fmt.Errorf("%w: %s is the claim of another run, %s. Was the folder renamed?", problem.ErrRefused, folder.Meta(), claim.RunID)
	}
	plan, err := pipelines.DecodePlan(claim.Plan)
	if err != nil {
		return nil, fmt.Errorf("%w: the plan in %s cannot be read: %w", problem.ErrRefused, folder.Meta(), err)
	}
	if digest := plan.Digest(); digest != claim.Digest {
		return nil, fmt.Errorf("%w: the plan in %s is not the one that was submitted: its digest is %s, not %s", problem.ErrRefused, folder.Meta(), digest, claim.Digest)
	}
	f := &folderRun{plan: plan, run: Run{
		ID: id, Tenant: claim.Tenant, RequestID: claim.RequestID, Digest: claim.Digest, Tool: plan.Compiled.Tool,
		Workflow: claim.Workflow, Engine: claim.Engine, Root: s.layout.Root, Labels: claim.Labels,
		State: Pending, CreatedAt: claim.CreatedAt.UTC(), UpdatedAt: claim.CreatedAt.UTC(),
	}}
	if f.run.Generation, err = s.generationOf(ctx, folder); err != nil {
		return nil, err
	}
	if err := s.readEnd(ctx, f); err != nil || f.final != nil {
		return f, err
	}
	return f, s.checkBrought(ctx, folder, plan)
}

// checkBrought looks whether the inputs that a call brought along are in the
// run's folder. They are written after the claim: where one is missing, the
// call was cut short, or is still at it, and nobody has been told of the run.
func (s *Service) checkBrought(ctx context.Context, folder uris.RunFolder, plan *pipelines.Plan) error {
	for _, port := range plan.Compiled.Inputs {
		for _, in := range plan.Inputs[port.Name] {
			if !folder.URI.Contains(in.URI) {
				continue
			}
			_, err := s.blobs.Stat(ctx, in.URI)
			if errors.Is(err, problem.ErrNotFound) {
				return fmt.Errorf("the input %s of run %s was %w", port.Name, folder.RunID, errTorn)
			}
			if err != nil {
				return fmt.Errorf("the input %s of run %s: %w", port.Name, folder.RunID, err)
			}
		}
	}
	return nil
}

// readEnd adds how the run's generation ended, if it has.
func (s *Service) readEnd(ctx context.Context, f *folderRun) error {
	final, err := ReadFinal(ctx, s.blobs, folderOf(f.run), f.run.Generation)
	if errors.Is(err, problem.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if final.Digest != f.run.Digest {
		return fmt.Errorf("%w: %s tells of another plan (%s) than the run's (%s)", problem.ErrRefused,
			folderOf(f.run).Final(f.run.Generation), final.Digest, f.run.Digest)
	}
	f.final = final
	f.survey, err = tasks.TakeSurvey(ctx, s.blobs, folderOf(f.run))
	return err
}

// adopt makes the row of a run that was read from its folder. One that has not
// ended is given to the engine.
func (s *Service) adopt(ctx context.Context, f *folderRun) error {
	if f.final == nil && f.run.Engine != s.engine.Name() {
		return fmt.Errorf("%w: run %s has not ended, and it is of the %s engine, not of the %s engine. Ask where that one is at work",
			problem.ErrRefused, f.run.ID, f.run.Engine, s.engine.Name())
	}
	run, created, err := s.store.Create(ctx, f.run, f.plan)
	if err != nil || !created {
		return err
	}
	if f.final != nil {
		return s.applyEnd(ctx, f)
	}
	s.note(ctx, Observation{Event: &Event{Kind: "recovered", Message: "The run was found in its folder; another process had claimed it."}}, run)
	s.handOverNow(ctx, run, f.plan, false)
	return nil
}

// applyEnd records a run's end as its folder tells of it, tasks and all. What
// has been recorded of it already stays.
func (s *Service) applyEnd(ctx context.Context, f *folderRun) error {
	final, id := f.final, f.run.ID
	var batch []Observation
	add := func(o Observation) {
		o.RunID, o.Generation = id, f.run.Generation
		if o.Time.IsZero() {
			o.Time = final.FinishedAt
		}
		batch = append(batch, o)
	}
	if !final.StartedAt.IsZero() {
		add(Observation{State: Running, Time: final.StartedAt})
	}
	for _, result := range inOrder(f.survey.Committed) {
		add(Observation{Task: &TaskStatus{
			Node: result.Node, Index: result.Index, Attempt: result.Attempt, State: Succeeded, Fraction: 1,
			Result: result, StartedAt: result.StartedAt, FinishedAt: result.FinishedAt,
		}})
	}
	for i := range final.Tasks {
		add(Observation{Task: &final.Tasks[i]})
	}
	add(Observation{Event: &Event{Kind: "recovered", Message: "The run and its end were found in its folder."}})
	if err := s.store.Apply(ctx, batch); err != nil {
		return err
	}
	batch = nil
	add(Observation{State: final.State, Failure: final.Failure, Progress: &final.Progress, Summary: final.Summary})
	if len(final.Summary) == 0 {
		s.desk.wake() // the next sweep writes it
	}
	return s.tellEnds(ctx, batch)
}

// inOrder lists commit records by node and index.
func inOrder(committed map[dag.Task]*steps.Result) []*steps.Result {
	list := make([]*steps.Result, 0, len(committed))
	for _, r := range committed {
		list = append(list, r)
	}
	slices.SortFunc(list, func(a, b *steps.Result) int {
		return cmp.Or(cmp.Compare(a.Node, b.Node), a.Index.Compare(b.Index))
	})
	return list
}

// adoptEnd records the end of a run that this process would give to its
// engine, when another one has seen it end. It reports whether it has.
func (s *Service) adoptEnd(ctx context.Context, run Run) (bool, error) {
	f := &folderRun{run: run}
	if err := s.readEnd(ctx, f); err != nil || f.final == nil {
		return false, err
	}
	return true, s.applyEnd(ctx, f)
}

// claimOf is a claim as it is read back.
type claimOf struct {
	Format    string            `json:"format"`
	RunID     ID                `json:"run_id"`
	Tenant    string            `json:"tenant"`
	RequestID string            `json:"request_id"`
	Digest    string            `json:"digest"`
	Workflow  string            `json:"workflow"`
	Engine    string            `json:"engine"`
	Labels    map[string]string `json:"labels"`
	CreatedAt time.Time         `json:"created_at"`
	Plan      json.RawMessage   `json:"plan"`
}

// readClaim reads the claim of a run.
func (s *Service) readClaim(ctx context.Context, id ID) (claimOf, error) {
	data, err := s.claims.ReadAll(ctx, s.layout.Run(string(id)).Meta(), maxMeta)
	if err != nil {
		return claimOf{}, fmt.Errorf("the claim of run %s: %w", id, err)
	}
	var c claimOf
	if err := json.Unmarshal(data, &c); err != nil {
		return claimOf{}, fmt.Errorf("the claim of run %s is %w: %w", id, errTorn, err)
	}
	return c, nil
}
