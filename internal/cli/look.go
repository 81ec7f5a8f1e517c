package cli

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/steps"
)

var errNoRuns = fmt.Errorf("there are no runs here yet: %w. Start with `ligase demo`, or `ligase run TOOL`", problem.ErrNotFound)

// runID reads a run's id as a user gives it.
func (a *app) runID(text string) (runs.ID, error) {
	id, err := runs.ParseID(text)
	if err != nil {
		return "", usagef("%v", err)
	}
	return id, nil
}

// newest is what a user may write for the id of the newest run, where nothing
// can be lost by it.
const newest = "latest"

// withRun opens the installation for a command about one run; without an
// argument it is the newest.
func (a *app) withRun(ctx context.Context, args []string) (*runs.Service, runs.ID, error) {
	service, err := a.open(nil)
	if err != nil {
		return nil, "", err
	}
	if len(args) == 0 || args[0] == newest {
		id, err := a.latest(ctx, service)
		return service, id, err
	}
	id, err := a.runID(args[0])
	return service, id, err
}

// runStatus is a run as JSON for programs that poll.
type runStatus struct {
	RunID        runs.ID           `json:"run_id"`
	WorkflowName string            `json:"workflow_name"`
	Tool         string            `json:"tool"`
	Version      string            `json:"version"`
	Status       runs.State        `json:"status"`
	Waiting      string            `json:"waiting,omitempty"`
	Suspended    bool              `json:"suspended,omitempty"`
	Progress     runs.Progress     `json:"progress"`
	Generation   int               `json:"generation"`
	RequestID    string            `json:"request_id,omitempty"`
	Labels       map[string]string `json:"labels,omitempty"`
	CreatedAt    time.Time         `json:"created_at"`
	StartedAt    time.Time         `json:"started_at,omitzero"`
	FinishedAt   time.Time         `json:"finished_at,omitzero"`
	Error        *steps.Failure    `json:"error,omitempty"`
}

func statusJSON(r runs.Run) runStatus {
	return runStatus{r.ID, r.Workflow, r.Tool.Name, r.Tool.Version, r.State, r.Waiting, r.Suspended, r.Progress, r.Generation,
		r.RequestID, r.Labels, r.CreatedAt, r.StartedAt, r.FinishedAt, r.Failure}
}

func (a *app) runsCommand() *cobra.Command {
	var states, labelPairs []string
	var tool, since, cursor string
	var limit int
	cmd := &cobra.Command{
		Use:   "runs",
		Short: "list runs, newest first",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			filter := runs.RunFilter{Tenant: tenant, Tool: tool, Cursor: cursor, Limit: limit}
			all := []runs.State{runs.Pending, runs.Running, runs.Succeeded, runs.Failed, runs.Cancelled}
			for _, s := range states {
				if !slices.Contains(all, runs.State(s)) {
					return usagef("--state %s: there are pending, running, succeeded, failed and cancelled.", s)
				}
				filter.States = append(filter.States, runs.State(s))
			}
			var err error
			if filter.Label, err = labels(labelPairs); err != nil {
				return err
			}
			if since != "" {
				d, err := time.ParseDuration(since)
				if err != nil || d <= 0 {
					return usagef("--since %s is not a span of time like 30m, 12h or 72h.", since)
				}
				filter.Since = time.Now().Add(-d)
			}
			service, err := a.open(nil)
			if err != nil {
				return err
			}
			page, err := service.List(cmd.Context(), filter)
			if err != nil {
				return err
			}
			if a.json {
				out := make([]runStatus, len(page.Runs))
				for i, r := range page.Runs {
					out[i] = statusJSON(r)
				}
				a.printJSON(map[string]any{"runs": out, "next_cursor": page.Next})
				return nil
			}
			if len(page.Runs) == 0 {
				fmt.Fprintln(a.Err, "no runs match")
				return nil
			}
			rows := make([][]string, len(page.Runs))
			now := time.Now()
			for i, r := range page.Runs {
				duration := ""
				if !r.FinishedAt.IsZero() {
					duration = took(r.FinishedAt.Sub(r.CreatedAt))
				}
				rows[i] = []string{string(r.ID), r.Tool.Name, string(r.State),
					fmt.Sprintf("%d/%d", r.Progress.Done, r.Progress.Total), ago(now, r.CreatedAt), duration, labelText(r.Labels)}
			}
			table(a.Out, []string{"RUN", "TOOL", "STATE", "DONE", "CREATED", "TOOK", "LABELS"}, rows)
			if waits := slices.ContainsFunc(page.Runs, func(r runs.Run) bool { return !r.State.Terminal() && !r.Suspended }); waits && !a.engineRuns() {
				fmt.Fprintf(a.Err, "no engine is at work; start one with: %s status RUN --watch\n", a.Program)
			}
			if page.Next != "" {
				fmt.Fprintf(a.Err, "more: ligase runs --cursor %s\n", page.Next)
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.StringSliceVar(&states, "state", nil, "only runs in these states")
	f.StringVar(&tool, "tool", "", "only runs of this tool")
	f.StringVar(&since, "since", "", "only runs created within this span, like 12h")
	f.StringArrayVar(&labelPairs, "label", nil, "only runs with this label: key=value")
	f.StringVar(&cursor, "cursor", "", "go on where the last page ended")
	f.IntVar(&limit, "limit", 20, "most runs to list")
	return cmd
}

func labelText(labels map[string]string) string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(labels)) {
		out = append(out, k+"="+labels[k])
	}
	return strings.Join(out, " ")
}

func (a *app) statusCommand() *cobra.Command {
	var watch bool
	cmd := &cobra.Command{
		Use:               "status [RUN]",
		Short:             "show how far a run is; the newest one without an argument",
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: a.completeRuns,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			service, id, err := a.withRun(ctx, args)
			if err != nil {
				return err
			}
			if watch {
				return a.watchToEnd(ctx, service, id)
			}
			run, err := service.Get(ctx, tenant, id)
			if err != nil {
				return err
			}
			lines, err := a.nodeLines(ctx, service, id)
			if err != nil {
				return err
			}
			if a.json {
				a.printJSON(statusJSON(run))
				return nil
			}
			a.printStatus(run)
			var rows [][]string
			for _, l := range lines {
				total := "?"
				if l.total > 0 {
					total = fmt.Sprint(l.total)
				}
				rows = append(rows, []string{"  " + l.name, fmt.Sprintf("%d/%s", l.done, total), count(l.running), count(l.failed), l.note})
			}
			table(a.Out, []string{"  NODE", "DONE", "RUNNING", "FAILED", "NOTE"}, rows)
			return nil
		},
	}
	cmd.Flags().BoolVarP(&watch, "watch", "w", false, "stay and show progress until the run ends")
	return cmd
}

func count(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n)
}

func (a *app) printStatus(r runs.Run) {
	now := time.Now()
	fmt.Fprintf(a.Out, "%s  %s %s  %s", r.ID, r.Tool.Name, r.Tool.Version, r.State)
	if r.CancelRequested && !r.State.Terminal() {
		fmt.Fprint(a.Out, " (cancel requested)")
	}
	fmt.Fprintf(a.Out, "\n  created %s", ago(now, r.CreatedAt))
	if !r.FinishedAt.IsZero() {
		fmt.Fprintf(a.Out, ", took %s", took(r.FinishedAt.Sub(r.CreatedAt)))
	}
	if r.Generation > 1 {
		fmt.Fprintf(a.Out, ", try %d", r.Generation)
	}
	fmt.Fprintln(a.Out)
	if r.Waiting != "" {
		fmt.Fprintf(a.Out, "  %s\n", r.Waiting)
	}
	if r.Suspended && !r.State.Terminal() && !r.CancelRequested {
		fmt.Fprintf(a.Out, "  go on:  %s resume %s\n", a.Program, r.ID)
	} else if !r.State.Terminal() && !a.engineRuns() {
		fmt.Fprintf(a.Out, "  no engine is at work; start one with: %s status %s --watch\n", a.Program, r.ID)
	}
	a.printFailure(r.ID, r.Failure)
}
