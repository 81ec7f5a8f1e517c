package baseline

import (
	"context"
	"encoding/csv"
	"flag"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/ligase-bio/ligase/internal/mol"
)

// scores is how a model compares with a reference.
type scores struct {
	by          string  // how residues were paired
	tm          float64 // TM-score, normalised by the reference's length
	rmsd        float64 // of the paired CA atoms, Å
	coverage    float64 // paired residues of the reference's, 0–1
	identity    float64 // the same amino acid of the paired ones, 0–1
	clashes     int     // in the model
	gyration    float64 // of the model's CA atoms, Å
	residues    int     // of the model
	temperature float64 // mean B-factor column of the model's CA atoms
}

// scoreModel compares a model with a reference.
func scoreModel(model, reference *mol.Structure, how string) (scores, error) {
	length := len(caTrace(reference))
	trace := caTrace(model)
	switch {
	case length < 3:
		return scores{}, refusef("The reference has %s with CA atoms; scoring takes three or more.", counted(length, "residue", "residues"))
	case len(trace) < 3:
		return scores{}, refusef("The model has %s with CA atoms; scoring takes three or more.", counted(len(trace), "residue", "residues"))
	}
	c, err := correspond(model, reference, how)
	if err != nil {
		return scores{}, err
	}
	a, b := make([]mol.Vec, len(c.pairs)), make([]mol.Vec, len(c.pairs))
	for i, p := range c.pairs {
		a[i], b[i] = p.model.Atom("CA").Pos, p.reference.Atom("CA").Pos
	}
	s := scores{
		by:       c.by,
		tm:       tmScore(a, b, length),
		rmsd:     mol.RMSD(mol.Superpose(a, b), a, b),
		coverage: float64(len(c.pairs)) / float64(length),
		identity: float64(identical(c.pairs)) / float64(len(c.pairs)),
		clashes:  clashes(model),
		gyration: mol.RadiusOfGyration(trace),
		residues: model.Len(),
	}
	sum := 0.0
	for i := range model.Chains {
		for j := range model.Chains[i].Residues {
			if ca := model.Chains[i].Residues[j].Atom("CA"); ca != nil {
				sum += ca.B
			}
		}
	}
	s.temperature = sum / float64(len(trace))
	return s, nil
}

// caTrace returns the CA atoms of all chains.
func caTrace(s *mol.Structure) []mol.Vec {
	var trace []mol.Vec
	for i := range s.Chains {
		for j := range s.Chains[i].Residues {
			if ca := s.Chains[i].Residues[j].Atom("CA"); ca != nil {
				trace = append(trace, ca.Pos)
			}
		}
	}
	return trace
}

// metrics are the numbers by the names of the table's columns.
func (s *scores) metrics() map[string]float64 {
	return map[string]float64{
		"tm_score":           round4(s.tm),
		"ca_rmsd":            round4(s.rmsd),
		"clashes":            float64(s.clashes),
		"radius_of_gyration": round4(s.gyration),
		"n_residues":         float64(s.residues),
		"coverage":           round4(s.coverage),
		"sequence_identity":  round4(s.identity),
		"mean_b_factor":      round4(s.temperature),
	}
}

// scoreColumns are the columns of the table of scores, in order;
// correspondence is the one that is no number.
func scoreColumns() []string {
	return []string{
		"tm_score", "ca_rmsd", "clashes", "radius_of_gyration", "n_residues",
		"coverage", "sequence_identity", "mean_b_factor", "correspondence",
	}
}

func (s *scores) writeCSV(w io.Writer) error {
	columns, numbers := scoreColumns(), s.metrics()
	row := make([]string, len(columns))
	for i, c := range columns {
		if x, ok := numbers[c]; ok {
			row[i] = formatNumber(x)
		} else {
			row[i] = s.by
		}
	}
	return csv.NewWriter(w).WriteAll([][]string{columns, row})
}

// formatNumber writes a number in its shortest form.
func formatNumber(x float64) string {
	if x == math.Trunc(x) && math.Abs(x) < 1e15 {
		return strconv.FormatInt(int64(x), 10)
	}
	return strconv.FormatFloat(x, 'f', -1, 64)
}

// runScore is the command: a model compared with a reference.
func runScore(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("score", flag.ContinueOnError)
	flags.SetOutput(stderr)
	model := flags.String("model", "", "PDB `file` to judge")
	reference := flags.String("reference", "", "PDB `file` to compare it with")
	out := flags.String("out", "", "`folder` to write scores.csv and metrics.json to")
	how := flags.String("match", matchAuto, "how residues correspond: auto, numbers, positions or alignment")
	if code, ok := parseFlags(flags, args, stderr); !ok {
		return code
	}
	var faults []string
	if *model == "" {
		faults = append(faults, "give the structure to judge with --model FILE")
	}
	if *reference == "" {
		faults = append(faults, "give the structure to compare it to with --reference FILE")
	}
	if *out == "" {
		faults = append(faults, "say where to write the scores with --out FOLDER")
	}
	switch *how {
	case matchAuto, matchNumbers, matchPositions, matchAlignment:
	default:
		faults = append(faults, fmt.Sprintf("--match is %q; give auto, numbers, positions or alignment", *how))
	}
	if len(faults) > 0 {
		fmt.Fprintf(stderr, "score: %s.\n", strings.Join(faults, "; "))
		return exitUsage
	}
	return exitFor(scoreFiles(ctx, *model, *reference, *out, *how, stdout, stderr), "score", stderr)
}

func scoreFiles(ctx context.Context, model, reference, out, how string, stdout, stderr io.Writer) error {
	m, err := readStructure(model)
	if err != nil {
		return err
	}
	r, err := readStructure(reference)
	if err != nil {
		return err
	}
	for _, note := range m.Notes {
		fmt.Fprintf(stderr, "model: %s\n", note)
	}
	for _, note := range r.Notes {
		fmt.Fprintf(stderr, "reference: %s\n", note)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := emptyFolder(out, "scores.csv"); err != nil {
		return err
	}
	s, err := scoreModel(m, r, how)
	if err != nil {
		return err
	}
	if err := writeFile(filepath.Join(out, "scores.csv"), s.writeCSV); err != nil {
		return err
	}
	fmt.Fprintf(stdout, "TM-score %.4f, CA-RMSD %.2f Å over %s paired by %s\n",
		s.tm, s.rmsd, counted(int(math.Round(s.coverage*float64(len(caTrace(r))))), "residue", "residues"), s.by)
	return writeMetricsFile(filepath.Join(out, "metrics.json"), s.metrics(), nil)
}
