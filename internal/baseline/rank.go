package baseline

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/ligase-bio/ligase/internal/report"
)

// scoresPort is the input with what candidates are ranked by first of all.
const scoresPort = "scores"

// rankFlags are the arguments of a ranking.
type rankFlags struct {
	scores, models, sequences, backbones string
	earlierModels, earlierScores         string
	out                                  string

	title       string
	confidence  string
	perBackbone int
	copies      int
	options     rankOptions
}

// runRank is the command: gathered scores to tables, the best structures, a
// ledger and a report.
func runRank(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var f rankFlags
	var faults []string
	flags := flag.NewFlagSet("rank", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&f.scores, "scores", "", "manifest `file` of the score tables (JSON)")
	flags.StringVar(&f.models, "models", "", "manifest `file` of the models, with the same indexes")
	flags.StringVar(&f.sequences, "sequences", "", "manifest `file` of the sequences, with the same indexes")
	flags.StringVar(&f.backbones, "backbones", "", "manifest `file` of the backbones; their indexes begin those of the models")
	flags.StringVar(&f.earlierModels, "earlier-models", "", "manifest `file` of models of an earlier stage, for what was measured of them")
	flags.StringVar(&f.earlierScores, "earlier-scores", "", "manifest `file` of score tables of an earlier stage, the same")
	flags.StringVar(&f.out, "out", "", "`folder` to write all.csv, ranked.csv, ledger.csv, report.html, best.pdb, best/ and metrics.json to")
	flags.StringVar(&f.title, "title", "Ranking of candidates", "`title` of the report")
	flags.StringVar(&f.options.by, "by", "tm_score", "`column` to rank by: a score or a metric, with its node and implementation where several are called so")
	flags.StringVar(&f.options.better, "better", "", "which way is better, `higher or lower`; as the metric says when not given")
	flags.StringVar(&f.confidence, "confidence", "", "`column` with the predictor's own confidence, for the report; found by itself when not given")
	flags.IntVar(&f.options.top, "top", 0, "accept at most this many; 0: any number")
	flags.IntVar(&f.options.perGroup, "max-per-group", 0, "accept at most this many of one group, the outermost level of the index; 0: any number")
	flags.IntVar(&f.perBackbone, "per-backbone", 0, "how many candidates were to be made for each backbone: one of which nothing came counts as so many; 0: not known")
	flags.IntVar(&f.copies, "num-best", 10, "copy at most this many of the best models to best/")
	threshold := func(name, column string, most bool, usage string) {
		flags.Func(name, usage, func(s string) error {
			x, err := strconv.ParseFloat(s, 64)
			if err != nil || math.IsNaN(x) || math.IsInf(x, 0) {
				return errors.New("give a number")
			}
			f.options.criteria = append(f.options.criteria, criterion{column: column, most: most, limit: x})
			return nil
		})
	}
	threshold("min-tm", "tm_score", false, "smallest TM-score to accept, a `number`")
	threshold("max-rmsd", "ca_rmsd", true, "largest CA-RMSD to accept, a `number` of Å")
	threshold("max-clashes", "clashes", true, "most clashes to accept, a `number`")
	flags.Func("filters", "more thresholds, joined by commas: `agreement>=50,coverage>=0.9`", func(list string) error {
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
	if f.scores == "" {
		faults = append(faults, "give the score tables with --scores MANIFEST")
	}
	if f.models == "" {
		faults = append(faults, "give the models with --models MANIFEST")
	}
	if f.out == "" {
		faults = append(faults, "say where to write with --out FOLDER")
	}
	if f.options.top < 0 || f.options.perGroup < 0 || f.perBackbone < 0 || f.copies < 0 {
		faults = append(faults, "--top, --max-per-group, --per-backbone and --num-best are counts, 0 or more")
	}
	if b := f.options.better; b != "" && b != "higher" && b != "lower" {
		faults = append(faults, fmt.Sprintf("--better is %q; give higher or lower", b))
	}
	if len(faults) > 0 {
		fmt.Fprintf(stderr, "rank: %s.\n", strings.Join(faults, "; "))
		return exitUsage
	}
	return exitFor(rank(ctx, f, stdout), "rank", stderr)
}

// readPorts reads the manifests that were given.
func readPorts(f rankFlags) (gatheredPorts, error) {
	var g gatheredPorts
	for _, p := range []struct {
		name, path string
		into       **gatheredPort
	}{
		{"backbones", f.backbones, &g.backbones}, {"sequences", f.sequences, &g.sequences},
		{"earlier_models", f.earlierModels, &g.earlierModels}, {"earlier_scores", f.earlierScores, &g.earlierScores},
		{"models", f.models, &g.models}, {scoresPort, f.scores, &g.scores},
	} {
		if p.path == "" {
			continue
		}
		port, err := readManifest(p.name, p.path)
		if err != nil {
			return g, err
		}
		*p.into = port
	}
	return g, nil
}

// rank reads the manifests, decides and writes.
func rank(ctx context.Context, f rankFlags, stdout io.Writer) error {
	ports, err := readPorts(f)
	if err != nil {
		return err
	}
	candidates, table, err := gather(ctx, ports, f.perBackbone)
	if err != nil {
		return err
	}
	if err := f.options.resolve(candidates, table); err != nil {
		return err
	}
	if f.confidence != "" && f.options.byColumn != nil {
		if _, err := table.need(f.confidence); err != nil {
			return err
		}
	}
	best := decide(candidates, f.options)
	counts := map[string]int{}
	for _, c := range candidates {
		counts[c.outcome]++
	}
	stages := stagesOf(candidates, ports)
	if counts[accepted]+counts[filtered]+counts[failed] != len(candidates) || counts[accepted] != len(best) || stages[len(stages)-1].passed != len(best) {
		return fmt.Errorf("the ledger does not balance: of %d items %v, stage by stage %+v", len(candidates), counts, stages)
	}

	for _, name := range []string{"all.csv", "ranked.csv", "ledger.csv", "report.html", "best.pdb", "best"} {
		if err := emptyFolder(f.out, name); err != nil {
			return err
		}
	}
	for name, rows := range map[string][][]string{
		"all.csv": allRows(candidates, table), "ranked.csv": rankedRows(best, table), "ledger.csv": ledgerRows(candidates),
	} {
		if err := writeCSVFile(filepath.Join(f.out, name), rows); err != nil {
			return err
		}
	}
	metrics := map[string]float64{
		"promised": float64(len(candidates)),
		accepted:   float64(counts[accepted]),
		filtered:   float64(counts[filtered]),
		failed:     float64(counts[failed]),
		cached:     float64(counts[cached]),
	}
	if err := copyBest(ctx, f, best); err != nil {
		return err
	}
	for _, name := range []string{"tm_score", "ca_rmsd"} {
		if col, _ := table.find(name); col != nil && len(best) > 0 {
			if x, ok := best[0].valueOf(col); ok {
				metrics["best_"+name] = x
			}
		}
	}
	results := results{flags: f, ports: ports, candidates: candidates, best: best, columns: table, stages: stages, counts: counts}
	if err := writeFile(filepath.Join(f.out, "report.html"), func(w io.Writer) error { return report.Write(w, results.page()) }); err != nil {
		return err
	}
	fmt.Fprintf(stdout, "%s: %d accepted, %d filtered, %d failed\n",
		counted(len(candidates), "item", "items"), counts[accepted], counts[filtered], counts[failed])
	return writeMetricsFile(filepath.Join(f.out, "metrics.json"), metrics, nil)
}

// copyBest copies the best model to best.pdb and the first few to best/, by
// rank and id.
func copyBest(ctx context.Context, f rankFlags, best []*candidate) error {
	if len(best) == 0 {
		return nil
	}
	if err := copyFile(best[0].path, filepath.Join(f.out, "best.pdb")); err != nil {
		return err
	}
	folder := filepath.Join(f.out, "best")
	if err := os.Mkdir(folder, 0o777); err != nil {
		return err
	}
	for _, c := range best[:min(len(best), f.copies)] {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := copyFile(c.path, filepath.Join(folder, fmt.Sprintf("%05d_%s.pdb", c.rank, c.id))); err != nil {
			return err
		}
	}
	return nil
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
