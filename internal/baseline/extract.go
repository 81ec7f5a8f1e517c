package baseline

import (
	"context"
	"flag"
	"fmt"
	"io"
	"path/filepath"

	"github.com/ligase-bio/ligase/internal/mol"
	"github.com/ligase-bio/ligase/internal/tool"
)

// runExtract is the command: some chains of a structure, by themselves.
func runExtract(_ context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("extract", flag.ContinueOnError)
	flags.SetOutput(stderr)
	structure := flags.String("structure", "", "PDB `file` to take chains from")
	chains := flags.String("chains", "", "chains to take, like `A,B`")
	out := flags.String("out", "", "`folder` to write extracted.pdb and metrics.json to")
	if code, ok := parseFlags(flags, args, stderr); !ok {
		return code
	}
	switch {
	case *structure == "":
		fmt.Fprintln(stderr, "extract: give the structure with --structure FILE.")
		return exitUsage
	case *chains == "":
		fmt.Fprintln(stderr, "extract: say which chains to take with --chains A,B.")
		return exitUsage
	case *out == "":
		fmt.Fprintln(stderr, "extract: say where to write with --out FOLDER.")
		return exitUsage
	}
	return exitFor(extract(*structure, *chains, *out, stdout, stderr), "extract", stderr)
}

func extract(path, chains, out string, stdout, stderr io.Writer) error {
	s, err := readStructure(path)
	if err != nil {
		return err
	}
	for _, note := range s.Notes {
		fmt.Fprintln(stderr, note)
	}
	chosen, err := tool.ChosenChains(s, chains)
	if err != nil {
		return err
	}
	taken := &mol.Structure{}
	for i := range s.Chains {
		if chosen[i] {
			taken.Chains = append(taken.Chains, s.Chains[i])
		}
	}
	if err := emptyFolder(out, "extracted.pdb"); err != nil {
		return err
	}
	if err := writeFile(filepath.Join(out, "extracted.pdb"), func(w io.Writer) error { return mol.WritePDB(w, taken) }); err != nil {
		return err
	}
	fmt.Fprintf(stdout, "%s of %d taken, %s\n", counted(len(taken.Chains), "chain", "chains"), len(s.Chains), counted(taken.Len(), "residue", "residues"))
	return writeMetricsFile(filepath.Join(out, "metrics.json"), map[string]float64{
		"n_chains": float64(len(taken.Chains)), "n_residues": float64(taken.Len()),
	}, nil)
}
