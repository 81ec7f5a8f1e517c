package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/ligase-bio/ligase/internal/runs"
)

func (a *app) suspendCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "suspend RUN...",
		Short: "start nothing new of runs; what is at work ends and commits",
		Long: `Starts nothing new of the runs until they are resumed. Steps that are at work go
on to their end, and what they commit stays. A suspended run can be cancelled.`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: a.completeRuns,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.eachRun(cmd.Context(), args, (*runs.Service).Suspend, func(run runs.Run) string {
				if run.Progress.Running > 0 {
					return fmt.Sprintf("is suspended; %s still at work", counted(run.Progress.Running, "task"))
				}
				return "is suspended"
			})
		},
	}
}

func (a *app) resumeCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "resume RUN...",
		Short:             "let suspended runs go on",
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: a.completeRuns,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.eachRun(cmd.Context(), args, func(s *runs.Service, ctx context.Context, tenant string, id runs.ID) (runs.Run, error) {
				run, err := s.Resume(ctx, tenant, id)
				if err == nil && !run.State.Terminal() {
					err = a.ensureEngine(ctx)
				}
				return run, err
			}, func(runs.Run) string { return "goes on" })
		},
	}
}

// eachRun asks something of runs and says what became of each, unless there
// was nothing to ask of it any more.
func (a *app) eachRun(ctx context.Context, args []string,
	ask func(s *runs.Service, ctx context.Context, tenant string, id runs.ID) (runs.Run, error), done func(runs.Run) string) error {
	service, err := a.open(nil)
	if err != nil {
		return err
	}
	for _, arg := range args {
		id, err := a.runID(arg)
		if err != nil {
			return err
		}
		run, err := ask(service, ctx, tenant, id)
		if err != nil {
			return err
		}
		switch {
		case a.json:
			a.printJSON(statusJSON(run))
		case run.State.Terminal():
			fmt.Fprintf(a.Out, "%s had ended already: %s\n", id, run.State)
		case run.CancelRequested:
			fmt.Fprintf(a.Out, "%s is being cancelled\n", id)
		default:
			fmt.Fprintf(a.Out, "%s %s\n", id, done(run))
		}
	}
	return nil
}
