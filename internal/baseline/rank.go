package baseline

import (
	"context"
	"encoding/csv"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// rankFlags are the arguments of a ranking.
type rankFlags struct {
	scores, models, out string
	options             rankOptions
}

// runRank is the command: gathered scores to a ranked table, the best
// structure and a ledger.
func runRank(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var f rankFlags
	var faults []string
	flags := flag.NewFlagSet("rank", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&f.scores, "scores", "", "manifest `file` of the score tables (JSON)")
	flags.StringVar(&f.models, "models", "", "manifest `file` of the models, with the same indexes")
	flags.StringVar(&f.out, "out", "", "`folder` to write ranked.csv, ledger.csv, best.pdb and metrics.json to")
	flags.StringVar(&f.options.by, "by", "tm_score", "`column` to rank by; of ca_rmsd, clashes and radius_of_gyration less is better, of others more")
	flags.IntVar(&f.options.top, "top", 0, "accept at most this many; 0: any number")
	flags.IntVar(&f.options.perGroup, "max-per-group", 0, "accept at most this many of one group, the outermost level of the index; 0: any number")
	threshold := func(name, column string, most bool, usage string) {
		flags.Func(name, usage, func(s string) error {
			x, err := strconv.ParseFloat(s, 64)
			if err != nil || x != x {
				return errors.New("give a number")
			}
			f.options.criteria = append(f.options.criteria, criterion{column, most, x})
			return nil
		})
	}
	threshold("min-tm", "tm_score", false, "smallest TM-score to accept, a `number`")
	threshold("max-rmsd", "ca_rmsd", true, "largest CA-RMSD to accept, a `number` of Å")
	threshold("max-clashes", "clashes", true, "most clashes to accept, a `number`")
	flags.Func("filters", "more thresholds, joined by commas: `mean_b_factor>=70,coverage>=0.9`", func(list string) error {
		for s := range strings.SplitSeq(list, ",") {
			c, err := parseCriterion(s)
			if err != nil {
				return err
			}
			f.options.criteria = append(f.options.criteria, c)
		}
		return nil
	})
	if code, ok := parseFlags(flags, args, stderr); !ok {
		return code
	}
	f.options.lowerBetter = lowerIsBetter(f.options.by)
	if f.scores == "" {
		faults = append(faults, "give the score tables with --scores MANIFEST")
	}
	if f.models == "" {
		faults = append(faults, "give the models with --models MANIFEST")
	}
	if f.out == "" {
		faults = append(faults, "say where to write with --out FOLDER")
	}
	if f.options.top < 0 || f.options.perGroup < 0 {
		faults = append(faults, "--top and --max-per-group are counts, 0 or more")
	}
	if len(faults) > 0 {
		fmt.Fprintf(stderr, "rank: %s.\n", strings.Join(faults, "; "))
		return exitUsage
	}
	return exitFor(rank(ctx, f, stdout), "rank", stderr)
}

// rank reads the manifests, decides and writes.
func rank(ctx context.Context, f rankFlags, stdout io.Writer) error {
	scores, err := readManifest(f.scores)
	if err != nil {
		return err
	}
	models, err := readManifest(f.models)
	if err != nil {
		return err
	}
	candidates, err := gather(ctx, scores, models)
	if err != nil {
		return err
	}
	if err := knownColumns(candidates, f.options); err != nil {
		return err
	}
	best := decide(candidates, f.options)
	counts := map[string]int{}
	for _, c := range candidates {
		counts[c.outcome]++
	}
	if counts[accepted]+counts[filtered]+counts[failed] != len(candidates) || counts[accepted] != len(best) {
		return fmt.Errorf("the ledger does not balance: of %d items %v", len(candidates), counts)
	}

	for _, name := range []string{"ranked.csv", "ledger.csv", "best.pdb"} {
		if err := emptyFolder(f.out, name); err != nil {
			return err
		}
	}
	columns := columnsOf(candidates)
	if err := writeCSVFile(filepath.Join(f.out, "ranked.csv"), rankedRows(best, columns)); err != nil {
		return err
	}
	if err := writeCSVFile(filepath.Join(f.out, "ledger.csv"), ledgerRows(candidates, f.options.by)); err != nil {
		return err
	}
	metrics := map[string]float64{
		"promised": float64(len(candidates)),
		accepted:   float64(counts[accepted]),
		filtered:   float64(counts[filtered]),
		failed:     float64(counts[failed]),
	}
	if len(best) > 0 {
		if err := copyFile(best[0].path, filepath.Join(f.out, "best.pdb")); err != nil {
			return err
		}
		for _, column := range []string{"tm_score", "ca_rmsd"} {
			if x, ok := best[0].row.number(column); ok {
				metrics["best_"+column] = x
			}
		}
	}
	fmt.Fprintf(stdout, "%s: %d accepted, %d filtered, %d failed\n",
		counted(len(candidates), "item", "items"), counts[accepted], counts[filtered], counts[failed])
	return writeMetricsFile(filepath.Join(f.out, "metrics.json"), metrics, nil)
}

// gather joins scores and models by index: one candidate for each index that
// either has, in order.
func gather(ctx context.Context, scores, models map[string]manifestItem) ([]*candidate, error) {
	shared := 0
	var candidates []*candidate
	for n, index := range indexes(scores, models) {
		if n%100 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		score, scored := scores[index]
		model, modelled := models[index]
		if scored && modelled {
			shared++
		}
		c := &candidate{index: index, uri: model.URI, path: model.Path}
		candidates = append(candidates, c)
		switch {
		// What went wrong first comes first: without a model there is no score.
		case modelled && model.Failed != nil:
			c.fail(model.Failed.Node, model.Failed.Code, model.Failed.Message)
		case scored && score.Failed != nil:
			c.fail(score.Failed.Node, score.Failed.Code, score.Failed.Message)
		case !modelled:
			c.fail("rank", "input", "There is a score table but no model of this index.")
		case !scored:
			c.fail("rank", "input", "There is a model but no score table of this index.")
		default:
			row, err := readScoreRow(score.Path)
			var refused refusal
			if errors.As(err, &refused) {
				c.fail("rank", "input", refused.Error())
			} else if err != nil {
				return nil, err // not the item's fault: the file is not to be read
			}
			c.row = row
		}
	}
	if len(candidates) > 0 && shared == 0 {
		return nil, refusef("No score table has the index of a model, so none can be joined; gather both from the same scatter.")
	}
	return candidates, nil
}

// knownColumns refuses a column that no table has: a slip of the pen, which
// must not look like a failure of every item.
func knownColumns(candidates []*candidate, o rankOptions) error {
	columns := columnsOf(candidates)
	if len(columns) == 0 {
		return nil // everything failed before
	}
	wanted := []string{o.by}
	for _, c := range o.criteria {
		wanted = append(wanted, c.column)
	}
	for _, w := range wanted {
		if !slices.Contains(columns, w) {
			return refusef("No score table has a column %q; there are %s.", w, strings.Join(columns, ", "))
		}
	}
	return nil
}

// columnsOf returns the columns of all tables, in the order in which they are
// first met.
func columnsOf(candidates []*candidate) []string {
	var columns []string
	seen := map[string]bool{}
	for _, c := range candidates {
		for _, column := range c.row.columns {
			if !seen[column] {
				seen[column] = true
				columns = append(columns, column)
			}
		}
	}
	return columns
}

// rankedRows are the accepted, best first, with all their scores.
func rankedRows(best []*candidate, columns []string) [][]string {
	rows := [][]string{append(append([]string{"rank", "index"}, columns...), "model")}
	for _, c := range best {
		row := []string{strconv.Itoa(c.rank), c.index}
		for _, column := range columns {
			row = append(row, c.row.values[column])
		}
		rows = append(rows, append(row, c.uri))
	}
	return rows
}

// ledgerRows are all items, in order of their indexes, with what became of
// each. threshold and value are of those filtered; stage, code and message of
// those failed.
func ledgerRows(candidates []*candidate, by string) [][]string {
	rows := [][]string{{"index", "outcome", "rank", by, "threshold", "value", "stage", "code", "message", "model"}}
	for _, c := range candidates {
		rank := ""
		if c.rank > 0 {
			rank = strconv.Itoa(c.rank)
		}
		rows = append(rows, []string{
			c.index, c.outcome, rank, c.row.values[by], c.threshold, c.value,
			c.stage, c.code, oneLine(c.message), c.uri,
		})
	}
	return rows
}

// oneLine makes a message that another step wrote fit into a cell.
func oneLine(s string) string {
	const most = 500
	s = strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))), " ")
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}

func writeCSVFile(path string, rows [][]string) error {
	return writeFile(path, func(w io.Writer) error { return csv.NewWriter(w).WriteAll(rows) })
}

func copyFile(from, to string) error {
	file, err := os.Open(from)
	if err != nil {
		return err
	}
	defer file.Close()
	return writeFile(to, func(w io.Writer) error {
		_, err := io.Copy(w, file)
		return err
	})
}
