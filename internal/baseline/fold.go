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

// Limits of what is folded. A chain shorter than that has no fold; on a longer
// one the search would not get anywhere in its time.
const (
	minFoldLength = 10
	maxFoldLength = 400
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
	flags.StringVar(&f.sequence, "sequence", "", "FASTA `file` with one chain of 10–400 residues")
	flags.StringVar(&f.out, "out", "", "`folder` to write model.pdb and metrics.json to")
	flags.IntVar(&f.models, "models", 5, "number of decoys in the ensemble, 2–20")
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
	settings := foldSettings{models: f.models, seed: uint64(f.seed), moves: movesFor(record.Len())}
	folded, err := fold(ctx, record.Residues, settings, func(done int) {
		fmt.Fprintf(stdout, "model %d/%d\n", done, f.models)
	})
	if err != nil {
		return err
	}
	err = writeFile(filepath.Join(f.out, "model.pdb"), func(w io.Writer) error {
		return mol.WritePDB(w, folded.structure(record.Residues), folded.remarks(f)...)
	})
	if err != nil {
		return err
	}
	states := assignSecondary(folded.chain.trace())
	return writeMetricsFile(filepath.Join(f.out, "metrics.json"), map[string]float64{
		"n_residues":         float64(len(folded.chain)),
		"agreement":          math.Round(mean(folded.agreement)*100) / 100,
		"energy":             round4(folded.energy),
		"radius_of_gyration": math.Round(mol.RadiusOfGyration(folded.chain.trace())*100) / 100,
		"helix_fraction":     round4(fractionOf(states, helix)),
		"strand_fraction":    round4(fractionOf(states, strand)),
	}, nil)
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
	if chains := s.Chains(); len(chains) > 1 {
		return nil, refusef("The sequence has %d chains; this baseline folds one chain. Give one of them, or use a predictor of complexes.", len(chains))
	}
	switch n := s.Len(); {
	case n < minFoldLength:
		return nil, refusef("The sequence has %s; this baseline folds %d to %d.", counted(n, "residue", "residues"), minFoldLength, maxFoldLength)
	case n > maxFoldLength:
		return nil, refusef("The sequence has %d residues; this baseline folds %d to %d. Give a single domain, or use another implementation.", n, minFoldLength, maxFoldLength)
	}
	return s, nil
}

// folded is the model that stands for an ensemble.
type folded struct {
	chain     backbone
	energy    float64   // kT per residue
	agreement []float64 // by residue, 0–100
}

// foldSettings say how a sequence is folded.
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
	return &folded{decoys[k], energies[k] / float64(len(sequence)), agreement}, nil
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
// distance, do not count.
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

// structure is the model as it is written: chain A, numbered from 1, backbone
// and Cβ, with the agreement in the B-factor.
func (f *folded) structure(residues string) *mol.Structure {
	names := [...]string{atomN: "N", atomCA: "CA", atomC: "C", atomO: "O", atomCB: "CB"}
	chain := mol.Chain{ID: "A"}
	for i := range f.chain {
		r := mol.Residue{Name: mol.ThreeLetter(residues[i]), Code: residues[i], Number: i + 1}
		for k, name := range names {
			if k == atomCB && residues[i] == 'G' {
				continue
			}
			r.Atoms = append(r.Atoms, mol.Atom{Name: name, Element: name[:1], Pos: f.chain[i][k], Occupancy: 1, B: f.agreement[i]})
		}
		chain.Residues = append(chain.Residues, r)
	}
	return &mol.Structure{Chains: []mol.Chain{chain}}
}

// remarks tell whoever opens the file what it is.
func (f *folded) remarks(flags foldFlags) []string {
	return []string{
		"CPU BASELINE OF LIGASE FOR TRYING THE WIRING; NOT SCIENCE-GRADE.",
		fmt.Sprintf("MEDOID OF %d MONTE CARLO DECOYS, SEED %d.", flags.models, flags.seed),
		"B-FACTOR: AGREEMENT WITH THE OTHER DECOYS, 0-100: THE PERCENTAGE",
		"OF CA-CA DISTANCES UP TO 15 A THAT THEY HAVE WITHIN 2 A. IT IS NO",
		"PLDDT AND NO TEMPERATURE FACTOR, AND SAYS NOTHING OF CORRECTNESS.",
	}
}
