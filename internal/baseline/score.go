package baseline

import (
	"context"
	"flag"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"strings"

	"github.com/ligase-bio/ligase/internal/compare"
	"github.com/ligase-bio/ligase/internal/mol"
)

// scoreModel compares a model with a reference.
func scoreModel(model, reference *mol.Structure, how string) (compare.Scores, *compare.Correspondence, error) {
	c, err := compare.Pairs(model, reference, how)
	if err != nil {
		return compare.Scores{}, nil, err
	}
	a, b := c.CAs()
	s := compare.Describe(model, reference, c)
	s.TM = tmScore(a, b, len(compare.CATrace(reference)))
	s.RMSD = mol.RMSD(mol.Superpose(a, b), a, b)
	return s, &c, nil
}

// runScore is the command: a model compared with a reference.
func runScore(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("score", flag.ContinueOnError)
	flags.SetOutput(stderr)
	model := flags.String("model", "", "PDB `file` to judge")
	reference := flags.String("reference", "", "PDB `file` to compare it with")
	out := flags.String("out", "", "`folder` to write scores.csv, superposed.pdb and metrics.json to")
	pose := flags.String("pose-of", "", "chains of the reference, like `A,B`, whose place to compare when the others are superposed; none when not given")
	how := flags.String("match", compare.Auto, "how residues correspond: auto, numbers, positions or alignment")
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
	case compare.Auto, compare.Numbers, compare.Positions, compare.Alignment:
	default:
		faults = append(faults, fmt.Sprintf("--match is %q; give auto, numbers, positions or alignment", *how))
	}
	if len(faults) > 0 {
		fmt.Fprintf(stderr, "score: %s.\n", strings.Join(faults, "; "))
		return exitUsage
	}
	return exitFor(scoreFiles(ctx, *model, *reference, *out, *how, *pose, stdout, stderr), "score", stderr)
}

func scoreFiles(ctx context.Context, model, reference, out, how, pose string, stdout, stderr io.Writer) error {
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
	s, c, err := scoreModel(m, r, how)
	if err != nil {
		return err
	}
	if pose != "" {
		x, err := c.Pose(r, pose)
		if err != nil {
			return err
		}
		s.Pose = &x
	}
	if err := s.WriteResults(out, m, c); err != nil {
		return err
	}
	fmt.Fprintf(stdout, "TM-score %.4f, CA-RMSD %.2f Å over %s paired by %s\n",
		s.TM, s.RMSD, counted(int(math.Round(s.Coverage*float64(len(compare.CATrace(r))))), "residue", "residues"), s.By)
	return writeMetricsFile(filepath.Join(out, "metrics.json"), s.Metrics(), nil)
}
