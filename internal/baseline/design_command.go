package baseline

import (
	"context"
	"flag"
	"fmt"
	"io"
	"math"
	"path/filepath"

	"github.com/ligase-bio/ligase/internal/mol"
)

// designFlags are the arguments of a design.
type designFlags struct {
	structure   string
	out         string
	chains      string
	fixed       string
	count       int
	temperature float64
	seed        int64
}

const maxDesigns = 1000

// runDesign is the command: sequences for a structure.
func runDesign(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var f designFlags
	flags := flag.NewFlagSet("design", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&f.structure, "structure", "", "PDB `file` of the backbone to design for")
	flags.StringVar(&f.out, "out", "", "`folder` to write design_000.fasta … and metrics.json to")
	flags.IntVar(&f.count, "num", 8, "number of sequences, 1–1000")
	flags.Float64Var(&f.temperature, "temperature", 0.1, "final temperature of the annealing, 0.01–2: the higher, the more diverse")
	flags.Int64Var(&f.seed, "seed", 37, "seed of the random numbers, 0 or more")
	flags.StringVar(&f.fixed, "fixed", "", "residues that keep their amino acid, like `1-5,A:10`")
	flags.StringVar(&f.chains, "chains", "", "chains to design, like `A,B`; others stay as they are, as surroundings (default all)")
	if code, ok := parseFlags(flags, args, stderr); !ok {
		return code
	}
	err := func() error {
		switch {
		case f.structure == "":
			return usage("give the structure to design for with --structure FILE")
		case f.out == "":
			return usage("say where to write the sequences with --out FOLDER")
		case f.count < 1 || f.count > maxDesigns:
			return usage("--num is %d; give 1 to %d sequences", f.count, maxDesigns)
		case !(f.temperature >= 0.01 && f.temperature <= 2):
			return usage("--temperature is %g; give 0.01 to 2", f.temperature)
		case f.seed < 0:
			return usage("--seed is %d; give 0 or more", f.seed)
		}
		return nil
	}()
	if err != nil {
		fmt.Fprintf(stderr, "design: %v.\n", err)
		return exitUsage
	}
	return exitFor(design(ctx, f, stdout, stderr), "design", stderr)
}

// design reads the structure, makes the sequences and writes them.
func design(ctx context.Context, f designFlags, stdout, stderr io.Writer) error {
	structure, err := readStructure(f.structure)
	if err != nil {
		return err
	}
	target, notes, err := newDesignTarget(structure, f.chains, f.fixed)
	if err != nil {
		return err
	}
	for _, note := range append(structure.Notes, notes...) {
		fmt.Fprintln(stderr, note)
	}
	if err := emptyFolder(f.out, "design_*.fasta"); err != nil {
		return err
	}

	items := make([]map[string]float64, 0, f.count)
	var energy, recovery []float64
	seen := make(map[string]bool, f.count)
	for i := range f.count {
		d, err := target.anneal(ctx, f.temperature, uint64(f.seed), i, seen)
		if err != nil {
			return err
		}
		item := map[string]float64{"energy": round4(d.energy)}
		header := fmt.Sprintf("design_%03d index=%d energy=%.4f", i, i, d.energy)
		energy = append(energy, d.energy)
		if !math.IsNaN(d.recovery) {
			item["recovery"] = round4(d.recovery)
			header += fmt.Sprintf(" recovery=%.4f", d.recovery)
			recovery = append(recovery, d.recovery)
		}
		header += fmt.Sprintf(" temperature=%g seed=%d", f.temperature, f.seed)
		items = append(items, item)
		record := mol.Sequence{Name: fmt.Sprintf("design_%03d", i), Header: header, Residues: d.sequence}
		err = writeFile(filepath.Join(f.out, fmt.Sprintf("design_%03d.fasta", i)), func(w io.Writer) error {
			return mol.WriteFASTA(w, record)
		})
		if err != nil {
			return err
		}
		fmt.Fprintf(stdout, "sequence %d/%d\n", i+1, f.count)
	}

	metrics := map[string]float64{
		"energy":      round4(mean(energy)),
		"n_residues":  float64(len(target.sites)),
		"n_sequences": float64(f.count),
	}
	if len(recovery) > 0 {
		metrics["recovery"] = round4(mean(recovery))
	}
	return writeMetricsFile(filepath.Join(f.out, "metrics.json"), metrics, map[string][]map[string]float64{"sequences": items})
}
