package cli

import (
	"context"
	"time"

	"github.com/ligase-bio/ligase/internal/local"
	"github.com/ligase-bio/ligase/internal/runs"
)

// redraw is how often a watched run is looked at. A look at a run that has
// not changed costs one cheap query.
const redraw = 80 * time.Millisecond

// ensureEvery is how often a command that watches looks after the engine.
const ensureEvery = 3 * time.Second

// ensureEngine starts an engine process when there is none.
func (a *app) ensureEngine(ctx context.Context) error {
	if e, ok := a.engine.(interface{ Ensure(context.Context) error }); ok {
		return e.Ensure(ctx)
	}
	return nil
}

// engineRuns reports whether an engine process has the data folder. What
// cannot be found out counts as yes: it is only for a hint.
func (a *app) engineRuns() bool {
	dataDir, err := a.dataDir()
	if err != nil {
		return true
	}
	held, _, err := local.Held(dataDir)
	return held || err != nil
}

// watch shows the progress of a run until it ends or ctx does.
func (a *app) watch(ctx context.Context, service *runs.Service, id runs.ID) (runs.Run, error) {
	b := &board{w: a.Err, width: a.Width}
	tick := time.NewTicker(redraw)
	defer tick.Stop()
	var ensured time.Time
	for {
		run, err := service.Get(ctx, tenant, id)
		if err != nil {
			return run, err
		}
		lines, err := a.nodeLines(ctx, service, id)
		if err != nil {
			return run, err
		}
		from := run.StartedAt
		if from.IsZero() {
			from = run.CreatedAt
		}
		until := run.FinishedAt
		if until.IsZero() {
			until = time.Now()
		}
		status := string(run.State)
		switch {
		case run.State.Terminal():
		case run.CancelRequested:
			status = "being cancelled"
		case run.Waiting != "":
			status += ", " + run.Waiting
		}
		b.show(lines, status, until.Sub(from))
		if run.State.Terminal() {
			return run, nil
		}
		// The engine may have been killed, or the machine may have restarted,
		// since the run was submitted: whoever watches it wants it to go on.
		if now := time.Now(); now.Sub(ensured) > ensureEvery && (!run.Suspended || run.CancelRequested) {
			ensured = now
			if err := a.ensureEngine(ctx); err != nil && ctx.Err() == nil {
				return run, err
			}
		}
		select {
		case <-ctx.Done():
			return run, ctx.Err()
		case <-tick.C:
		}
	}
}

// nodeLines reads the progress of each node of a run, in the plan's order.
func (a *app) nodeLines(ctx context.Context, service *runs.Service, id runs.ID) ([]nodeLine, error) {
	nodes, err := service.Nodes(ctx, tenant, id)
	if err != nil {
		return nil, err
	}
	lines := make([]nodeLine, len(nodes))
	for i, n := range nodes {
		lines[i] = nodeLine{
			name: n.Node, done: n.Done, failed: n.Failed, running: n.Running, total: n.Total,
			fraction: n.Fraction * float64(n.Running), note: n.Message,
		}
	}
	return lines, nil
}

// latest finds the run that a user means by leaving its id out: the newest.
func (a *app) latest(ctx context.Context, service *runs.Service) (runs.ID, error) {
	page, err := service.List(ctx, runs.RunFilter{Tenant: tenant, Limit: 1})
	if err != nil {
		return "", err
	}
	if len(page.Runs) == 0 {
		return "", errNoRuns
	}
	return page.Runs[0].ID, nil
}
