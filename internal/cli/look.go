package cli

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/uris"
)

var errNoRuns = fmt.Errorf("there are no runs here yet: %w. Start with `ligase demo`, or `ligase run TOOL`", problem.ErrNotFound)

// runID reads a run's id as a user gives it.
func (a *app) runID(text string) (runs.ID, error) {
	id, err := runs.ParseID(text)
	if err != nil {
		return "", usagef("%v. See `ligase runs`.", err)
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
	return runStatus{r.ID, r.Workflow, r.Tool.Name, r.Tool.Version, r.State, r.Waiting, r.Progress, r.Generation,
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
	a.printFailure(r.ID, r.Failure)
}

func (a *app) printFailure(id runs.ID, f *steps.Failure) {
	if f == nil {
		return
	}
	at := ""
	if f.Node != "" {
		at = " in " + taskName(f.Node, f.Index)
		if f.Attempt > 0 {
			at += fmt.Sprintf(", attempt %d", f.Attempt)
		}
	}
	fmt.Fprintf(a.Out, "  failed%s: %s (%s)\n", at, f.Message, f.Code)
	if f.Hint != "" {
		fmt.Fprintf(a.Out, "  %s\n", f.Hint)
	}
	if f.LogTail != "" {
		fmt.Fprintln(a.Out, "  the end of its log:")
		for line := range strings.SplitSeq(strings.TrimRight(f.LogTail, "\n"), "\n") {
			fmt.Fprintf(a.Out, "  | %s\n", line)
		}
	}
	if f.Node != "" {
		index := ""
		if f.Index != "" {
			index = " --index " + string(f.Index)
		}
		fmt.Fprintf(a.Out, "  all of it:  %[1]s logs %[2]s %[3]s%[4]s\n  go on:      %[1]s retry %[2]s\n", a.Program, id, f.Node, index)
	}
}

func taskName(node string, index uris.Index) string {
	if index == "" {
		return node
	}
	return node + "[" + string(index) + "]"
}

func (a *app) summaryCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "summary [RUN]",
		Short:             "show what a run came to: metrics, outputs, what to do next, or why it failed",
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: a.completeRuns,
		RunE: func(cmd *cobra.Command, args []string) error {
			service, id, err := a.withRun(cmd.Context(), args)
			if err != nil {
				return err
			}
			summary, err := service.Summary(cmd.Context(), tenant, id)
			if err != nil {
				return err
			}
			if a.json {
				a.printJSON(summary)
				return nil
			}
			run, err := service.Get(cmd.Context(), tenant, id)
			if err != nil {
				return err
			}
			a.printSummary(run, summary)
			return nil
		},
	}
}

func (a *app) printSummary(run runs.Run, s runs.Summary) {
	a.printStatus(run)
	a.printMetrics(s)
	a.printOutputs(s)
	if run.State == runs.Succeeded {
		a.printNext(s)
	}
}

func (a *app) printMetrics(s runs.Summary) {
	if len(s.Metrics) == 0 {
		return
	}
	fmt.Fprintln(a.Out, "metrics")
	var rows [][]string
	for _, name := range slices.Sorted(maps.Keys(s.Metrics)) {
		rows = append(rows, []string{"  " + name, number(s.Metrics[name])})
	}
	table(a.Out, []string{"  NAME", "VALUE"}, rows)
}

func (a *app) printOutputs(s runs.Summary) {
	if len(s.OutputURIs) == 0 {
		return
	}
	fmt.Fprintln(a.Out, "outputs")
	var rows [][]string
	for _, port := range slices.Sorted(maps.Keys(s.OutputURIs)) {
		list := s.OutputURIs[port]
		switch {
		case !list.Many && len(list.URIs) > 0:
			rows = append(rows, []string{"  " + port, list.URIs[0].String()})
		case list.Many && list.Count > 1:
			rows = append(rows, []string{"  " + port, fmt.Sprintf("%s  and %d more: %s outputs %s %s", list.URIs[0], list.Count-1, a.Program, s.RunID, port)})
		case list.Many && list.Count == 1:
			rows = append(rows, []string{"  " + port, list.URIs[0].String()})
		}
	}
	table(a.Out, []string{"  PORT", "URI"}, rows)
}

// printNext prints calls that go on with what a run gave: complete ones,
// where only the words in capitals are the user's to fill in.
func (a *app) printNext(s runs.Summary) {
	c, _ := a.loadCatalog()
	var calls []string
	for _, n := range s.Next {
		t, err := c.Tool(n.Tool)
		list := s.OutputURIs[n.Output]
		if err != nil || len(list.URIs) == 0 {
			continue
		}
		words := []string{a.Program + " run", n.Tool, n.Input + "=" + list.URIs[0].String()}
		for _, p := range t.Inputs {
			if p.Name != n.Input && !p.Optional {
				words = append(words, p.Name+"="+strings.ToUpper(p.Name))
			}
		}
		for i := range t.Params {
			if p := &t.Params[i]; p.Required() {
				words = append(words, p.Name+"="+strings.ToUpper(p.Name))
			}
		}
		calls = append(calls, strings.Join(words, " "))
	}
	const most = 4
	if len(calls) == 0 {
		return
	}
	fmt.Fprintln(a.Out, "next")
	for _, call := range calls[:min(most, len(calls))] {
		fmt.Fprintf(a.Out, "  %s\n", call)
	}
}

func (a *app) outputsCommand() *cobra.Command {
	var to, cursor string
	var limit int
	var bare bool
	cmd := &cobra.Command{
		Use:   "outputs RUN [PORT]",
		Short: "list the objects that a run gave, or copy them to a folder with --to",
		Long: `Lists the objects that a run gave: of its output PORT, or of all. RUN may be
"latest". With --uris it prints bare URIs, for the next call:

  ligase run fold sequence="$(ligase outputs latest sequences --uris | head -n 1)"`,
		ValidArgsFunction: a.completeRuns,
		Args:              cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			service, id, err := a.withRun(ctx, args)
			if err != nil {
				return err
			}
			port := ""
			if len(args) > 1 {
				port = args[1]
			}
			page, err := service.Outputs(ctx, tenant, id, port, cursor, limit)
			if err != nil {
				return err
			}
			if to != "" {
				return a.copyOutputs(ctx, page.Outputs, to)
			}
			if bare {
				for _, o := range page.Outputs {
					fmt.Fprintln(a.Out, o.Object.URI)
				}
				return nil
			}
			if a.json {
				a.printJSON(map[string]any{"outputs": page.Outputs, "next_cursor": page.Next})
				return nil
			}
			var rows [][]string
			for _, o := range page.Outputs {
				var metrics []string
				for _, name := range slices.Sorted(maps.Keys(o.Object.Metrics)) {
					metrics = append(metrics, name+"="+number(o.Object.Metrics[name]))
				}
				rows = append(rows, []string{o.Port, string(o.Index), size(o.Object.Size), strings.Join(metrics, " "), o.Object.URI.String()})
			}
			table(a.Out, []string{"PORT", "INDEX", "SIZE", "METRICS", "URI"}, rows)
			if page.Next != "" {
				fmt.Fprintf(a.Err, "more: ligase outputs %s --cursor %s\n", strings.Join(args, " "), page.Next)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&bare, "uris", false, "print the URIs, and nothing else")
	cmd.Flags().StringVar(&to, "to", "", "copy them into this folder; files that are there already are never overwritten")
	cmd.Flags().StringVar(&cursor, "cursor", "", "go on where the last page ended")
	cmd.Flags().IntVar(&limit, "limit", 1000, "most objects to list or copy")
	return cmd
}

// copyOutputs copies objects to files named port[-index].ext, verifying their
// digests.
func (a *app) copyOutputs(ctx context.Context, outputs []runs.OutputRef, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, o := range outputs {
		name := o.Port
		if o.Index != "" {
			name += "-" + string(o.Index)
		}
		path := filepath.Join(dir, name+filepath.Ext(o.Object.URI.Key()))
		if _, err := os.Lstat(path); err == nil {
			return fmt.Errorf("%s is there already: %w. Give an empty folder", path, problem.ErrConflict)
		}
		if _, err := a.blobs.Stage(ctx, o.Object.URI, path, &uris.StageOptions{Size: o.Object.Size, SHA256: o.Object.SHA256}); err != nil {
			return err
		}
		fmt.Fprintln(a.Out, path)
	}
	return nil
}

func (a *app) eventsCommand() *cobra.Command {
	var after int64
	var limit int
	cmd := &cobra.Command{
		Use:               "events [RUN]",
		Short:             "show what happened to a run, in order",
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: a.completeRuns,
		RunE: func(cmd *cobra.Command, args []string) error {
			service, id, err := a.withRun(cmd.Context(), args)
			if err != nil {
				return err
			}
			events, err := service.Events(cmd.Context(), tenant, id, after, limit)
			if err != nil {
				return err
			}
			if a.json {
				a.printJSON(map[string]any{"events": events})
				return nil
			}
			var rows [][]string
			for _, e := range events {
				task := ""
				if e.Node != "" {
					task = taskName(e.Node, e.Index)
				}
				rows = append(rows, []string{e.Time.Local().Format("15:04:05.000"), e.Kind, task, count(e.Attempt), e.Message})
			}
			table(a.Out, []string{"TIME", "EVENT", "TASK", "ATTEMPT", "MESSAGE"}, rows)
			if len(events) == limit {
				fmt.Fprintf(a.Err, "more: ligase events %s --after %d\n", id, events[len(events)-1].Seq)
			}
			return nil
		},
	}
	cmd.Flags().Int64Var(&after, "after", 0, "only events after this sequence number")
	cmd.Flags().IntVar(&limit, "limit", 500, "most events to show")
	return cmd
}

func (a *app) logsCommand() *cobra.Command {
	var index string
	var attempt int
	var follow bool
	cmd := &cobra.Command{
		Use:   "logs RUN [NODE]",
		Short: "print what a node's command printed; -f follows it",
		Long: `Prints the log of one attempt of a node. Without NODE it is the node that failed,
or the only one. What it prints is the command's own output.`,
		Args:              cobra.RangeArgs(1, 2),
		ValidArgsFunction: a.completeRuns,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			service, id, err := a.withRun(ctx, args)
			if err != nil {
				return err
			}
			ix, err := uris.ParseIndex(index)
			if err != nil {
				return usagef("--index: %v.", err)
			}
			node := ""
			if len(args) > 1 {
				node = args[1]
			} else if node, ix, err = a.nodeForLogs(ctx, service, id, ix); err != nil {
				return err
			}
			log, err := service.Logs(ctx, tenant, id, runs.LogSelector{Node: node, Index: ix, Attempt: attempt, Follow: follow})
			if err != nil {
				return err
			}
			defer log.Close()
			_, err = io.Copy(a.Out, log)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return err
		},
	}
	cmd.Flags().StringVar(&index, "index", "", "which item of a scattered node, like 3 or 3.5")
	cmd.Flags().IntVar(&attempt, "attempt", 0, "which attempt; the latest if left out")
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on printing until the attempt ends")
	return cmd
}

// nodeForLogs chooses the task whose log a user most likely wants.
func (a *app) nodeForLogs(ctx context.Context, service *runs.Service, id runs.ID, index uris.Index) (string, uris.Index, error) {
	run, err := service.Get(ctx, tenant, id)
	if err != nil {
		return "", "", err
	}
	if f := run.Failure; f != nil && f.Node != "" {
		if index == "" {
			index = f.Index
		}
		return f.Node, index, nil
	}
	nodes, err := service.Nodes(ctx, tenant, id)
	if err != nil {
		return "", "", err
	}
	if len(nodes) == 1 {
		return nodes[0].Node, index, nil
	}
	var names []string
	for _, n := range nodes {
		names = append(names, n.Node)
	}
	return "", "", usagef("%s has several nodes; name one: %s.", id, strings.Join(names, ", "))
}
