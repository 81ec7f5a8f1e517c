package baseline

import (
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/ligase-bio/ligase/internal/mol"
	"github.com/ligase-bio/ligase/internal/tool"
)

// What the library's programs share, by the short names that it has here.

const (
	exitDone        = tool.ExitDone
	exitUsage       = tool.ExitUsage
	exitInvalid     = tool.ExitInvalid
	exitInterrupted = tool.ExitInterrupted
)

type refusal = tool.Refusal

func refusef(format string, args ...any) error { return tool.Refusef(format, args...) }

func exitFor(err error, command string, stderr io.Writer) int {
	return tool.ExitFor(err, command, stderr)
}

// usage is a wrong flag; the caller ends the sentence.
func usage(format string, args ...any) error { return fmt.Errorf(format, args...) }

func parseFlags(flags *flag.FlagSet, args []string, stderr io.Writer) (code int, ok bool) {
	return tool.ParseFlags(flags, args, stderr)
}

func openInput(path string) (*os.File, error) { return tool.Open(path) }

func readStructure(path string) (*mol.Structure, error) { return tool.ReadStructure(path) }

func emptyFolder(path, pattern string) error { return tool.EmptyFolder(path, pattern) }

func writeFile(path string, write func(io.Writer) error) error { return tool.WriteFile(path, write) }

func writeMetricsFile(path string, metrics map[string]float64, items map[string][]map[string]float64) error {
	return tool.WriteMetrics(path, metrics, items)
}

func mean(x []float64) float64 { return tool.Mean(x) }

func round4(x float64) float64 { return tool.Round4(x) }
