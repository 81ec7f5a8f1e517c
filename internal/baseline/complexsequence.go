package baseline

import (
	"context"
	"flag"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/ligase-bio/ligase/internal/mol"
	"github.com/ligase-bio/ligase/internal/tool"
)

// runComplexSequence is the command: the sequence of a complex whose chains
// were designed in part.
func runComplexSequence(_ context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("complex_sequence", flag.ContinueOnError)
	flags.SetOutput(stderr)
	whole := flags.String("complex", "", "PDB `file` of all chains")
	model := flags.String("model", "", "PDB `file` of the designed chains")
	chains := flags.String("chains", "", "chains of the complex that the model is of, like `A,B`")
	out := flags.String("out", "", "`folder` to write sequence.fasta and metrics.json to")
	if code, ok := parseFlags(flags, args, stderr); !ok {
		return code
	}
	var faults []string
	if *whole == "" {
		faults = append(faults, "give the complex with --complex FILE")
	}
	if *model == "" {
		faults = append(faults, "give the model of the designed chains with --model FILE")
	}
	if *chains == "" {
		faults = append(faults, "say which chains it is of with --chains A,B")
	}
	if *out == "" {
		faults = append(faults, "say where to write with --out FOLDER")
	}
	if len(faults) > 0 {
		fmt.Fprintf(stderr, "complex_sequence: %s.\n", strings.Join(faults, "; "))
		return exitUsage
	}
	return exitFor(writeComplexSequence(*whole, *model, *chains, *out, stdout, stderr), "complex_sequence", stderr)
}

func writeComplexSequence(complexPath, modelPath, chains, out string, stdout, stderr io.Writer) error {
	whole, err := readStructure(complexPath)
	if err != nil {
		return err
	}
	model, err := readStructure(modelPath)
	if err != nil {
		return err
	}
	for _, s := range []struct {
		name  string
		notes []string
	}{{"complex", whole.Notes}, {"model", model.Notes}} {
		for _, note := range s.notes {
			fmt.Fprintf(stderr, "%s: %s\n", s.name, note)
		}
	}
	sequence, err := complexSequence(whole, model, chains)
	if err != nil {
		return err
	}
	if err := emptyFolder(out, "sequence.fasta"); err != nil {
		return err
	}
	err = writeFile(filepath.Join(out, "sequence.fasta"), func(w io.Writer) error { return mol.WriteFASTA(w, sequence) })
	if err != nil {
		return err
	}
	n := len(sequence.Chains())
	fmt.Fprintf(stdout, "%s, %d as in the model; %s\n", counted(n, "chain", "chains"), len(model.Chains), counted(sequence.Len(), "residue", "residues"))
	return writeMetricsFile(filepath.Join(out, "metrics.json"), map[string]float64{
		"n_chains": float64(n), "n_residues": float64(sequence.Len()),
	}, nil)
}

// complexSequence is the sequence of all chains of a complex, in its order,
// where those that are named have the model's. A chain that has not the length
// of the one that it takes the place of is refused: it is of another complex.
func complexSequence(whole, model *mol.Structure, chains string) (mol.Sequence, error) {
	designed, err := tool.ChosenChains(whole, chains)
	if err != nil {
		return mol.Sequence{}, err
	}
	var all []string
	used := 0
	for i := range whole.Chains {
		c := &whole.Chains[i]
		if !designed[i] {
			all = append(all, c.Sequence())
			continue
		}
		if used < len(model.Chains) {
			m := &model.Chains[used]
			if len(m.Residues) != len(c.Residues) {
				return mol.Sequence{}, refusef("Chain %s of the complex has %s and the model's chain %s has %d, so they are not of one design; give the model that was made for this complex.",
					c.ID, counted(len(c.Residues), "residue", "residues"), m.ID, len(m.Residues))
			}
			all = append(all, m.Sequence())
		}
		used++
	}
	if used != len(model.Chains) {
		return mol.Sequence{}, refusef("The model has %s where %d of the complex are named (%s); give a model of these alone.", counted(len(model.Chains), "chain", "chains"), used, chains)
	}
	return mol.Sequence{Name: "complex", Residues: strings.Join(all, mol.ChainSeparator)}, nil
}
