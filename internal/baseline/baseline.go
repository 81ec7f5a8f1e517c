// Package baseline holds the CPU baselines of the step library: small, honest
// programs with which every pipeline runs on any machine. They are commands
// like any other tool (`ligase baseline score --model m.pdb …`), know nothing
// of steps or runs, and read the manifests of gathered inputs by their JSON
// alone. They are for trying the wiring; none is science-grade.
package baseline

import (
	"context"
	"fmt"
	"io"
	"strings"
)

// command is one baseline.
type command struct {
	name    string
	summary string
	run     func(ctx context.Context, args []string, stdout, stderr io.Writer) int
}

// commands lists the baselines in the order of a campaign.
func commands() []command {
	return []command{
		{"backbone", "ideal-geometry backbones to start a campaign from", runBackbone},
		{"extract", "some chains of a structure, by themselves", runExtract},
		{"design", "sequences for a backbone", runDesign},
		{"fold", "a rough structure from a sequence", runFold},
		{"complex_sequence", "the sequence of a complex whose chains were designed in part", runComplexSequence},
		{"score", "a model compared with a reference: TM-score, CA-RMSD, clashes", runScore},
		{"rank", "gathered scores: tables, best structures, ledger, report", runRank},
	}
}

// Run executes the baseline that args[0] names with the flags that follow and
// returns its exit code: 0 done, 1 internal error, 2 wrong flags, 3 an input
// that cannot be worked on, 130 interrupted. Progress goes to stdout, a line
// like "sequence 3/8" a step; notes and errors, which are sentences, to
// stderr. No baseline reads stdin.
func Run(ctx context.Context, args []string, _ io.Reader, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		writeUsage(stderr)
		return exitUsage
	}
	switch args[0] {
	case "-h", "-help", "--help", "help":
		writeUsage(stdout)
		return exitDone
	}
	var names []string
	for _, c := range commands() {
		if c.name == args[0] {
			return c.run(ctx, args[1:], stdout, stderr)
		}
		names = append(names, c.name)
	}
	fmt.Fprintf(stderr, "There is no baseline %q; there are %s.\n", args[0], strings.Join(names, ", "))
	return exitUsage
}

func writeUsage(w io.Writer) {
	fmt.Fprint(w, "CPU baselines for trying the wiring of pipelines; not science-grade.\n\nUsage: ligase baseline NAME [flags]\n\n")
	for _, c := range commands() {
		fmt.Fprintf(w, "  %-16s %s\n", c.name, c.summary)
	}
	fmt.Fprint(w, "\n`ligase baseline NAME --help` lists the flags.\n")
}
