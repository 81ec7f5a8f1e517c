package cli

import (
	"cmp"
	"context"
	_ "embed"
	"encoding/csv"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/uris"
)

// Ubiquitin, PDB entry 1UBQ (Vijay-Kumar, Bugg & Cook 1987,
// doi:10.1016/0022-2836(87)90679-6): 76 residues, X-ray, 1.8 Å. Files of the
// wwPDB archive are free of copyright restrictions (CC0 1.0).
//
//go:embed demo/1ubq.pdb
var ubiquitin []byte

func (a *app) demoCommand() *cobra.Command {
	var sequences int
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "design, fold, score and rank on a real protein structure",
		Long: `Runs the pipeline design_and_fold on ubiquitin (PDB entry 1UBQ): sequences are
designed for its backbone, each is folded, each model is scored against the
backbone, and the results are ranked. The steps are CPU baselines: they show the
wiring, and are not science-grade.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			service, err := a.open(nil)
			if err != nil {
				return err
			}
			fmt.Fprintf(a.Err, "Designing %d sequences for the backbone of ubiquitin (1UBQ, 76 residues), folding each,\nscoring each model against the backbone, and ranking them. CPU baselines: the wiring is real,\nthe science is not.\n\n", sequences)
			submission, err := service.Submit(ctx, runs.SubmitRequest{
				Tenant: tenant, Tool: "design_and_fold",
				Inputs: map[string][]runs.InputValue{"structure": {{Inline: ubiquitin, Name: "1ubq.pdb"}}},
				Params: map[string]any{"num_sequences": sequences},
				Labels: map[string]string{"demo": "1ubq"},
			})
			if err != nil {
				return err
			}
			id := submission.Run.ID
			fmt.Fprintf(a.Err, "%s: design_and_fold\n", id)
			run, summary, err := a.follow(ctx, service, id)
			switch {
			case err != nil:
				return err
			case a.json:
				a.printJSON(summary)
			case run.State != runs.Succeeded:
				a.printSummary(run, summary)
			default:
				a.printStatus(run)
				a.printMetrics(summary)
				a.printOutputs(summary)
				err = a.afterDemo(ctx, summary)
			}
			return cmp.Or(err, endOf(run))
		},
	}
	cmd.Flags().IntVar(&sequences, "sequences", 8, "how many sequences to design")
	return cmd
}

// afterDemo shows the ranked table and what to type next.
func (a *app) afterDemo(ctx context.Context, summary runs.Summary) error {
	if list, ok := summary.OutputURIs["table"]; ok && len(list.URIs) == 1 {
		content, err := a.blobs.ReadAll(ctx, list.URIs[0], 1<<20)
		if err != nil {
			return err
		}
		fmt.Fprintln(a.Out, "ranked")
		if err := a.printCSV(string(content), "rank", "id", "fold.agreement", "score.tm_score", "score.ca_rmsd", "score.clashes", "score.sequence_identity"); err != nil {
			return err
		}
	}
	fmt.Fprintln(a.Out, "open")
	for _, port := range []string{"report", "best", "table", "ledger"} {
		if list := summary.OutputURIs[port]; len(list.URIs) == 1 {
			fmt.Fprintf(a.Out, "  %-6s %s\n", port, pathOf(list.URIs[0]))
		}
	}
	fmt.Fprintf(a.Out, `try next
  %[2]s summary %[1]s             the same again, whenever you like
  %[2]s outputs %[1]s --to out    copy the results to a folder
  %[2]s graph design_and_fold                how it is wired
  %[2]s catalog list                         what else there is
  %[2]s run fold sequence=@my.fasta          a step by itself
`, summary.RunID, a.Program)
	return nil
}

// printCSV prints some columns of a table, with rounded numbers. Those named
// after a node and a metric are meant whatever implementation measured them,
// and are headed by the metric.
func (a *app) printCSV(content string, shown ...string) error {
	records, err := csv.NewReader(strings.NewReader(content)).ReadAll()
	if err != nil || len(records) == 0 {
		return err
	}
	var kept []int
	for i, name := range records[0] {
		parts := strings.Split(name, ".")
		if slices.Contains(shown, parts[0]+"."+parts[len(parts)-1]) {
			records[0][i] = parts[len(parts)-1]
		} else if !slices.Contains(shown, name) {
			continue
		}
		kept = append(kept, i)
	}
	pick := func(record []string) []string {
		out := make([]string, len(kept))
		for i, at := range kept {
			out[i] = record[at]
		}
		return out
	}
	header := pick(records[0])
	var rows [][]string
	for _, record := range records[1:] {
		rows = append(rows, pick(record))
	}
	for _, row := range rows {
		for i, cell := range row {
			if f, err := strconv.ParseFloat(cell, 64); err == nil && strings.Contains(cell, ".") {
				row[i] = number(f)
			}
		}
		row[0] = "  " + row[0]
	}
	header[0] = "  " + header[0]
	table(a.Out, header, rows)
	return nil
}

// pathOf is the path of a file URI, else the URI.
func pathOf(u uris.URI) string {
	if u.Scheme() == "file" {
		return "/" + u.Key()
	}
	return u.String()
}
