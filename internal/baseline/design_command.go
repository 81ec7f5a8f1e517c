package baseline

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"

	"github.com/ligase-bio/ligase/internal/mol"
)

// Exit codes of design and fold, those of ligase as a whole.
const (
	exitDone        = 0
	exitInternal    = 1
	exitUsage       = 2
	exitInvalid     = 3 // the input, or an argument, cannot be worked on
	exitInterrupted = 130
)

// refusal is a sentence that tells the user what about the input cannot be
// worked on, and what to do.
type refusal string

func (r refusal) Error() string { return string(r) }

func refusef(format string, args ...any) error { return refusal(fmt.Sprintf(format, args...)) }

// exitFor says on stderr why a command ended, and gives its exit code.
func exitFor(err error, command string, stderr io.Writer) int {
	var refused refusal
	var unread *mol.ReadError
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		fmt.Fprintf(stderr, "%s: stopped before it was done.\n", command)
		return exitInterrupted
	case errors.As(err, &refused), errors.As(err, &unread), errors.Is(err, os.ErrNotExist):
		fmt.Fprintf(stderr, "%s: %v\n", command, err)
		return exitInvalid
	}
	fmt.Fprintf(stderr, "%s: %v\n", command, err)
	return exitInternal
}

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

// usage is a wrong flag; the caller ends the sentence.
func usage(format string, args ...any) error { return fmt.Errorf(format, args...) }

// parseFlags parses args, which may hold flags only. When it is not ok, the
// command ends with the code.
func parseFlags(flags *flag.FlagSet, args []string, stderr io.Writer) (code int, ok bool) {
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return exitDone, false
	case err != nil:
		return exitUsage, false // flag has said why
	case flags.NArg() > 0:
		fmt.Fprintf(stderr, "%s: %q is no flag; write --name VALUE.\n", flags.Name(), flags.Arg(0))
		return exitUsage, false
	}
	return exitDone, true
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

// readStructure reads a PDB file.
func readStructure(path string) (*mol.Structure, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	s, err := mol.ReadPDB(file, nil)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	return s, nil
}

// emptyFolder makes a folder, and refuses one with results of another run:
// left among new ones they would pass for them.
func emptyFolder(path, pattern string) error {
	if err := os.MkdirAll(path, 0o777); err != nil {
		return err
	}
	// The folder's own name may hold characters that mean something in a pattern.
	entries, err := os.ReadDir(path)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if match, _ := filepath.Match(pattern, e.Name()); match {
			return refusef("%s holds %s of an earlier run already; give an empty folder with --out.", path, e.Name())
		}
	}
	return nil
}

// writeFile writes a file whole or reports why not.
func writeFile(path string, write func(io.Writer) error) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	buffered := bufio.NewWriter(file)
	if err := errors.Join(write(buffered), buffered.Flush(), file.Close()); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// writeMetricsFile writes the JSON that a step's metrics are read from: those
// of the whole, and of each item of an output port in the order of its files.
func writeMetricsFile(path string, metrics map[string]float64, items map[string][]map[string]float64) error {
	return writeFile(path, func(w io.Writer) error {
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		return encoder.Encode(struct {
			Metrics map[string]float64              `json:"metrics"`
			Items   map[string][]map[string]float64 `json:"items,omitempty"`
		}{metrics, items})
	})
}

func mean(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v
	}
	return sum / float64(len(x))
}

// round4 rounds to four decimals: more would say that the number means more.
func round4(x float64) float64 { return math.Round(x*1e4) / 1e4 }
