package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/ligase-bio/ligase/internal/local"
	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/internal/sqlite"
)

func (a *app) reindexCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "reindex",
		Short: "rebuild the list of runs from what they have left in their folders",
		Long: `Puts every run whose folder is in the store into the database again, if it is
not there: after ligase.db was lost or damaged, or to list what others have run
in a shared store. A damaged database is kept under another name. Nothing in the
store is changed, and runs that have not ended go on. It can be interrupted and
called again.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			aside, err := a.setAsideDamaged(cmd.Context())
			if err != nil {
				return err
			}
			service, err := a.open(nil)
			if err != nil {
				return err
			}
			got, err := service.Reindex(cmd.Context(), a.reindexProgress())
			if err != nil {
				return err
			}
			if got.Open > 0 {
				if err := a.ensureEngine(cmd.Context()); err != nil {
					return err
				}
			}
			if a.json {
				a.printJSON(reindexedJSON(got, aside))
				return nil
			}
			fmt.Fprintf(a.Out, "%s found: %d listed already, %d added", counted(got.Folders, "run"), got.Known, got.Added)
			if got.Open > 0 {
				fmt.Fprintf(a.Out, " (%d of them not at an end: going on)", got.Open)
			}
			fmt.Fprintln(a.Out)
			if len(got.Left) > 0 {
				rows := make([][]string, len(got.Left))
				for i, l := range got.Left {
					rows[i] = []string{l.URI.String(), l.Reason}
				}
				fmt.Fprintln(a.Out, "left alone")
				table(a.Out, []string{"URI", "WHY"}, rows)
			}
			return nil
		},
	}
}

func reindexedJSON(r runs.Reindexed, aside string) map[string]any {
	type leftJSON struct {
		URI    string `json:"uri"`
		Reason string `json:"reason"`
	}
	left := make([]leftJSON, len(r.Left))
	for i, l := range r.Left {
		left[i] = leftJSON{l.URI.String(), l.Reason}
	}
	out := map[string]any{"found": r.Folders, "known": r.Known, "added": r.Added, "going_on": r.Open, "left_alone": left}
	if aside != "" {
		out["damaged_database"] = aside
	}
	return out
}

// setAsideDamaged looks at the database, and gives a damaged one another name,
// which it returns.
func (a *app) setAsideDamaged(ctx context.Context) (string, error) {
	dataDir, err := a.dataDir()
	if err != nil {
		return "", err
	}
	path := filepath.Join(dataDir, "ligase.db")
	why := sqlite.Check(ctx, path)
	if !errors.Is(why, sqlite.ErrDamaged) {
		return "", why
	}
	lock, err := local.Lock(dataDir) // an engine would go on writing to it
	if err != nil {
		return "", err
	}
	aside, err := sqlite.SetAside(path, time.Now())
	if releaseErr := lock.Release(); err == nil {
		err = releaseErr
	}
	if err != nil {
		return "", err
	}
	fmt.Fprintf(a.Err, "ligase.db is damaged; it is kept as %s\n", aside)
	return aside, nil
}

// reindexProgress prints how far it is, now and then.
func (a *app) reindexProgress() func(runs.Reindexed) {
	const every = time.Second
	last := time.Now()
	return func(r runs.Reindexed) {
		if now := time.Now(); now.Sub(last) >= every {
			last = now
			fmt.Fprintf(a.Err, "%d of %s\n", r.Done, counted(r.Folders, "run"))
		}
	}
}
