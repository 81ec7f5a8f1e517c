package cli

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/uris"
)

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
	a.explain("failed"+at, f)
	if f.Node != "" {
		index := ""
		if f.Index != "" {
			index = " --index " + string(f.Index)
		}
		fmt.Fprintf(a.Out, "  all of it:  %[1]s logs %[2]s %[3]s%[4]s\n  go on:      %[1]s retry %[2]s\n", a.Program, id, f.Node, index)
	}
}

// explain prints what a failure says: why, what to do, and the end of the log.
func (a *app) explain(what string, f *steps.Failure) {
	fmt.Fprintf(a.Out, "  %s: %s (%s)\n", what, f.Message, f.Code)
	if f.Hint != "" {
		fmt.Fprintf(a.Out, "  %s\n", f.Hint)
	}
	if f.LogTail != "" {
		fmt.Fprintln(a.Out, "  the end of its log:")
		for line := range strings.SplitSeq(strings.TrimRight(f.LogTail, "\n"), "\n") {
			fmt.Fprintf(a.Out, "  | %s\n", line)
		}
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
	if !s.StaleSince.IsZero() {
		fmt.Fprintf(a.Out, "  the cluster has not been heard of for %s; this is what was known then\n", took(time.Since(s.StaleSince)))
	}
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
		words := []string{a.Program + " run", n.Tool, quoted(n.Input + "=" + list.URIs[0].String())}
		for _, p := range t.Inputs {
			with, known := n.With[p.Name]
			switch {
			case p.Name == n.Input || p.Optional:
			case known:
				words = append(words, quoted(p.Name+"="+with.String()))
			default:
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
