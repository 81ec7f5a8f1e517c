package baseline

import (
	"context"
	"flag"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"path/filepath"

	"github.com/ligase-bio/ligase/internal/mol"
)

// Limits of what is folded, in residues of all chains. Fewer have no fold; on
// more the search would not get anywhere in its time. A chain beside others
// may be a short peptide, but a decoy needs distances to agree on. Chains are
// called A to Z.
const (
	minFoldLength = 10
	maxFoldLength = 400
	minFoldChain  = 3
	maxFoldChains = 26
	minModels     = 2
	maxModels     = 20
)

// foldFlags are the arguments of a fold.
type foldFlags struct {
	sequence string
	out      string
	models   int
	seed     int64
}

// runFold is the command: a model of the structure of a sequence.
func runFold(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var f foldFlags
	flags := flag.NewFlagSet("fold", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&f.sequence, "sequence", "", "FASTA `file` with one sequence of 10–400 residues; chains, joined by /, are folded one at a time")
	flags.StringVar(&f.out, "out", "", "`folder` to write model.pdb and metrics.json to")
	flags.IntVar(&f.models, "models", 5, "number of decoys in the ensemble of each chain, 2–20")
	flags.Int64Var(&f.seed, "seed", 37, "seed of the random numbers, 0 or more")
	if code, ok := parseFlags(flags, args, stderr); !ok {
		return code
	}
	err := func() error {
		switch {
		case f.sequence == "":
			return usage("give the sequence to fold with --sequence FILE")
		case f.out == "":
			return usage("say where to write the model with --out FOLDER")
		case f.models < minModels || f.models > maxModels:
			return usage("--models is %d; give %d to %d, agreement needs more than one", f.models, minModels, maxModels)
		case f.seed < 0:
			return usage("--seed is %d; give 0 or more", f.seed)
		}
		return nil
	}()
	if err != nil {
		fmt.Fprintf(stderr, "fold: %v.\n", err)
		return exitUsage
	}
	return exitFor(foldCommand(ctx, f, stdout, stderr), "fold", stderr)
}

// foldCommand reads the sequence, folds it and writes the model.
func foldCommand(ctx context.Context, f foldFlags, stdout, stderr io.Writer) error {
	record, err := readSequence(f.sequence)
	if err != nil {
		return err
	}
	for _, note := range record.Notes {
		fmt.Fprintln(stderr, note)
	}
	if err := emptyFolder(f.out, "model.pdb"); err != nil {
		return err
	}
	chains := record.Chains()
	if len(chains) > 1 {
		fmt.Fprintf(stdout, "The %d chains are folded one at a time and put side by side: no interface is predicted, and scores of how they lie to each other mean nothing.\n", len(chains))
	}
	models, err := foldChains(ctx, chains, f.models, uint64(f.seed), func(done, total int) {
		fmt.Fprintf(stdout, "model %d/%d\n", done, total)
	})
	if err != nil {
		return err
	}
	err = writeFile(filepath.Join(f.out, "model.pdb"), func(w io.Writer) error {
		return mol.WritePDB(w, models.structure(), models.remarks(f)...)
	})
	if err != nil {
		return err
	}
	return writeMetricsFile(filepath.Join(f.out, "metrics.json"), models.metrics(), nil)
}

// readSequence reads the one sequence of a FASTA file and refuses what cannot
// be folded.
func readSequence(path string) (*mol.Sequence, error) {
	file, err := openInput(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	records, err := mol.ReadFASTA(file, nil)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	if len(records) != 1 {
		return nil, refusef("%s holds %d sequences; give a file with one, or run once for each.", filepath.Base(path), len(records))
	}
	s := &records[0]
	switch n := s.Len(); {
	case n < minFoldLength:
		return nil, refusef("The sequence has %s; this baseline folds %d to %d.", counted(n, "residue", "residues"), minFoldLength, maxFoldLength)
	case n > maxFoldLength:
		return nil, refusef("The sequence has %d residues; this baseline folds %d to %d. Give a single domain, or use another implementation.", n, minFoldLength, maxFoldLength)
	}
	chains := s.Chains()
	if len(chains) > maxFoldChains {
		return nil, refusef("The sequence has %d chains; this baseline folds up to %d. Fold them in several runs.", len(chains), maxFoldChains)
	}
	for i, chain := range chains {
		if len(chain) < minFoldChain {
			return nil, refusef("Chain %s has %s; this baseline folds chains of %d or more. Leave it out.",
				foldChainID(i), counted(len(chain), "residue", "residues"), minFoldChain)
		}
	}
	return s, nil
}

// folded is the model that stands for an ensemble of decoys of one chain.
type folded struct {
	residues  string
	chain     backbone
	energy    float64   // kT per residue
	agreement []float64 // by residue, 0–100
}

// foldSettings say how a chain is folded.
type foldSettings struct {
	models int
	seed   uint64
	moves  int // tried for each model
}

// fold predicts secondary structure, searches for a number of independent
// decoys and returns the one that agrees most with the others. done is called
// after each decoy.
func fold(ctx context.Context, residues string, with foldSettings, done func(n int)) (*folded, error) {
	sequence := make([]amino, len(residues))
	for i := range sequence {
		sequence[i] = aminoOf(residues[i])
	}
	field, states := newField(sequence), predictSecondary(sequence)
	decoys := make([]backbone, with.models)
	energies := make([]float64, with.models)
	for k := range with.models {
		s := newSearch(field, states, rand.New(rand.NewPCG(with.seed, uint64(k))))
		if err := s.run(ctx, with.moves); err != nil {
			return nil, err
		}
		decoys[k], energies[k] = s.now.chain, s.now.energy
		done(k + 1)
	}
	k, agreement := medoid(decoys, energies)
	return &folded{residues, decoys[k], energies[k] / float64(len(sequence)), agreement}, nil
}

// Agreement looks at the distances between Cα atoms up to agreementRadius and
// counts those that another decoy has within agreementTolerance, in Å: an
// lDDT (Mariani et al. (2013) Bioinformatics 29, 2722–2728) with one
// tolerance.
const (
	agreementRadius    = 15.0
	agreementTolerance = 2.0
)

// medoid finds the decoy that agrees most with the others, the one of lower
// energy when two do alike, and its agreement by residue: the mean over the
// other decoys of the fraction of its distances that they share, times 100.
func medoid(decoys []backbone, energies []float64) (best int, agreement []float64) {
	highest := math.Inf(-1)
	for k := range decoys {
		sum := make([]float64, len(decoys[k]))
		for l := range decoys {
			if l == k {
				continue
			}
			for i, x := range agreementWith(decoys[k].trace(), decoys[l].trace()) {
				sum[i] += 100 * x / float64(len(decoys)-1)
			}
		}
		m := mean(sum)
		if m > highest || m == highest && energies[k] < energies[best] {
			best, highest, agreement = k, m, sum
		}
	}
	return best, agreement
}

// agreementWith is, for each point of a, the fraction of its distances to
// others that b has too, 0–1. The bonded neighbours, always at the same
// distance, do not count; a residue with no others near shares nothing.
func agreementWith(a, b []mol.Vec) []float64 {
	shared := make([]float64, len(a))
	for i := range a {
		total, same := 0, 0
		for j := range a {
			if abs(i-j) < 2 {
				continue
			}
			d := a[i].Distance(a[j])
			if d > agreementRadius {
				continue
			}
			total++
			if math.Abs(d-b[i].Distance(b[j])) <= agreementTolerance {
				same++
			}
		}
		if total > 0 {
			shared[i] = float64(same) / float64(total)
		}
	}
	return shared
}
