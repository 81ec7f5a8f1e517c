package cli

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/uris"
)

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
		return usagef("--to %s: the folder cannot be made: %v.", dir, err)
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
