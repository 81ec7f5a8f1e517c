package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ligase-bio/ligase/internal/plain"
	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/uris"
)

func (a *app) eventsCommand() *cobra.Command {
	var after int64
	var limit int
	var cluster bool
	cmd := &cobra.Command{
		Use:   "events [RUN]",
		Short: "show what happened to a run, in order",
		Long: `Shows what happened to a run, in order. With --cluster it is what the run's
cluster says of it: events of Kubernetes about its Workflow and pods, as long as
the cluster keeps them.`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: a.completeRuns,
		RunE: func(cmd *cobra.Command, args []string) error {
			service, id, err := a.withRun(cmd.Context(), args)
			if err != nil {
				return err
			}
			var events []runs.Event
			switch {
			case cluster && after != 0:
				return usagef("--after goes by the numbers of a run's own events; a cluster's have none.")
			case cluster:
				events, err = service.ClusterEvents(cmd.Context(), tenant, id, limit)
			default:
				events, err = service.Events(cmd.Context(), tenant, id, after, limit)
			}
			if err != nil {
				return err
			}
			if a.json {
				a.printJSON(map[string]any{"events": events})
				return nil
			}
			var rows [][]string
			for _, e := range events {
				rows = append(rows, eventRow(e))
			}
			table(a.Out, []string{"TIME", "EVENT", "TASK", "ATTEMPT", "MESSAGE"}, rows)
			if len(events) == limit && !cluster {
				fmt.Fprintf(a.Err, "more: ligase events %s --after %d\n", id, events[len(events)-1].Seq)
			}
			return nil
		},
	}
	cmd.Flags().Int64Var(&after, "after", 0, "only events after this sequence number")
	cmd.Flags().IntVar(&limit, "limit", 500, "most events to show")
	cmd.Flags().BoolVar(&cluster, "cluster", false, "what the run's cluster says of it")
	return cmd
}

// eventRow is an event in a table. What a cluster tells is about an object of
// its own where it is not about a task, and may have happened often.
func eventRow(e runs.Event) []string {
	about := e.Object
	if e.Node != "" {
		about = taskName(e.Node, e.Index)
	}
	message := e.Message
	if e.Count > 1 {
		message += fmt.Sprintf(" (%d times", e.Count)
		if !e.First.IsZero() {
			message += " since " + e.First.Local().Format("15:04:05")
		}
		message += ")"
	}
	return []string{e.Time.Local().Format("15:04:05.000"), e.Kind, about, count(e.Attempt), message}
}

func (a *app) logsCommand() *cobra.Command {
	var index string
	var attempt int
	var follow bool
	cmd := &cobra.Command{
		Use:   "logs RUN [NODE]",
		Short: "print what a node's command printed; -f follows it",
		Long: `Prints the log of one attempt of a node. Without NODE it is the node that failed,
or the only one. What it prints is the command's own output: on a terminal without
escape sequences, elsewhere as it is; with --json each line as an object.`,
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
			var text io.Reader = log
			if a.Terminal {
				text = plain.Lines(log)
			}
			if a.json {
				lines := bufio.NewScanner(plain.Lines(log))
				enc := json.NewEncoder(a.Out)
				for lines.Scan() {
					_ = enc.Encode(map[string]string{"line": lines.Text()}) // as printJSON
				}
				err = lines.Err()
			} else {
				_, err = io.Copy(a.Out, text)
			}
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
