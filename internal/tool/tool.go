// Package tool is what the library's own programs share, the baselines and the
// adapters: flags, sentences of refusal, exit codes, and the files of results
// that a worker reads.
package tool

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
	"strconv"

	"github.com/ligase-bio/ligase/internal/mol"
)

// Exit codes of the programs, those of ligase as a whole.
const (
	ExitDone        = 0
	ExitInternal    = 1
	ExitUsage       = 2
	ExitInvalid     = 3 // what the program was given, or an argument, cannot be worked on
	ExitInterrupted = 130
)

// Refusal is a sentence that tells the user what about that which was given
// cannot be worked on, and what to do.
type Refusal string

func (r Refusal) Error() string { return string(r) }

// Refusef makes a [Refusal].
func Refusef(format string, args ...any) error { return Refusal(fmt.Sprintf(format, args...)) }

// ExitFor says on stderr why a command ended, and gives its exit code.
func ExitFor(err error, command string, stderr io.Writer) int {
	var refused Refusal
	var unread *mol.ReadError
	switch {
	case err == nil:
		return ExitDone
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		fmt.Fprintf(stderr, "%s: stopped before it was done.\n", command)
		return ExitInterrupted
	case errors.As(err, &refused), errors.As(err, &unread), errors.Is(err, os.ErrNotExist):
		fmt.Fprintf(stderr, "%s: %v\n", command, err)
		return ExitInvalid
	}
	fmt.Fprintf(stderr, "%s: %v\n", command, err)
	return ExitInternal
}

// ParseFlags parses args, which may hold flags only. When it is not ok, the
// command ends with the code.
func ParseFlags(flags *flag.FlagSet, args []string, stderr io.Writer) (code int, ok bool) {
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return ExitDone, false
	case err != nil:
		return ExitUsage, false // flag has said why
	case flags.NArg() > 0:
		fmt.Fprintf(stderr, "%s: %q is no flag; write --name VALUE.\n", flags.Name(), flags.Arg(0))
		return ExitUsage, false
	}
	return ExitDone, true
}

// Open opens a file that the user named.
func Open(path string) (*os.File, error) {
	file, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, Refusef("There is no file %s; check the path.", path)
	}
	return file, err
}

// ReadStructure reads a PDB file.
func ReadStructure(path string) (*mol.Structure, error) {
	file, err := Open(path)
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

// EmptyFolder makes a folder, and refuses one with results of another run:
// left among new ones they would pass for them.
func EmptyFolder(path, pattern string) error {
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
			return Refusef("%s holds %s of an earlier run already; give an empty folder with --out.", path, e.Name())
		}
	}
	return nil
}

// WriteFile writes a file whole or reports why not.
func WriteFile(path string, write func(io.Writer) error) error {
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

// WriteMetrics writes the JSON that a step's metrics are read from: those of
// the whole, and of each item of an output port in the order of its files.
func WriteMetrics(path string, metrics map[string]float64, items map[string][]map[string]float64) error {
	return WriteFile(path, func(w io.Writer) error {
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		return encoder.Encode(struct {
			Metrics map[string]float64              `json:"metrics"`
			Items   map[string][]map[string]float64 `json:"items,omitempty"`
		}{metrics, items})
	})
}

// Mean is that of the values; NaN of none.
func Mean(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v
	}
	return sum / float64(len(x))
}

// Round4 rounds to four decimals: more would say that the number means more.
func Round4(x float64) float64 { return math.Round(x*1e4) / 1e4 }

// FormatNumber writes a number in its shortest form.
func FormatNumber(x float64) string {
	if x == math.Trunc(x) && math.Abs(x) < 1e15 {
		return strconv.FormatInt(int64(x), 10)
	}
	return strconv.FormatFloat(x, 'f', -1, 64)
}
