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

// Exit codes of the baselines, those of ligase as a whole.
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

// openInput opens a file that the user named.
func openInput(path string) (*os.File, error) {
	file, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, refusef("There is no file %s; check the path.", path)
	}
	return file, err
}

// readStructure reads a PDB file.
func readStructure(path string) (*mol.Structure, error) {
	file, err := openInput(path)
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
