// Package adapt stands between the steps of the library and tools that others
// wrote, where a command line and a pattern for files do not suffice: what
// prepares brings an input into the form that a tool takes, what finishes
// makes of the files that a tool left what the step promises, what converts
// makes a file in one format into one in another. Each is a
// command like any other (`ligase adapt esmfold finish --out …`), in ligase
// and in ligase-worker alike, so that it is there in the images of the tools,
// too.
//
// A tool's files are believed as little as a user's: they are read with
// bounds, and refused by a sentence. Pickles (.pkl, RFdiffusion's .trb) are
// never opened: to load one is to run what it says.
package adapt

import (
	"context"
	"flag"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/ligase-bio/ligase/internal/mol"
	"github.com/ligase-bio/ligase/internal/tool"
)

// adapter is what a tool needs before and after it.
type adapter struct {
	name    string
	summary string
	prepare *action // nil: nothing
	finish  *action // nil: nothing
	convert *action // of formats: from one file to another
}

// An action has flags, each of which names a file, a folder or a value, and
// does one thing with them.
type action struct {
	needs []string // flags that must be given
	takes []string // flags that may be given
	run   func(*call) error
}

// adapters lists them in the order of a campaign.
func adapters() []adapter {
	return []adapter{
		{name: "mmcif", summary: "an mmCIF file of a PDB file", convert: convertStructure(mol.ConvertPDB)},
		{name: "pdb", summary: "a PDB file of an mmCIF file", convert: convertStructure(mol.ConvertMMCIF)},
		{name: "rfdiffusion", summary: "backbones of RFdiffusion", prepare: rfdiffusionPrepare(), finish: rfdiffusionFinish()},
		{name: "proteinmpnn", summary: "structures for and sequences of ProteinMPNN", prepare: proteinmpnnPrepare(), finish: proteinmpnnFinish()},
		{name: "ligandmpnn", summary: "structures for and sequences of LigandMPNN", prepare: ligandmpnnPrepare(), finish: ligandmpnnFinish()},
		{name: "esmfold", summary: "sequences for and models of esm-fold", prepare: esmfoldPrepare(), finish: esmfoldFinish()},
		{name: "esmfold_hf", summary: "sequences for and models of ESMFold in transformers", prepare: esmfoldHFPrepare(), finish: esmfoldHFFinish()},
		{name: "colabfold", summary: "sequences for and models of colabfold_batch", prepare: colabfoldPrepare(), finish: colabfoldFinish()},
		{name: "boltz", summary: "sequences for and models of Boltz", prepare: boltzPrepare(), finish: boltzFinish()},
		{name: "relax", summary: "structures for and of colabfold_relax (OpenMM)", prepare: relaxPrepare(), finish: relaxFinish()},
		{name: "tmscore", summary: "structures for and scores of TMscore", prepare: tmscorePrepare(), finish: tmscoreFinish()},
		{name: "dssp", summary: "structures for and states of mkdssp", prepare: dsspPrepare(), finish: dsspFinish()},
		{name: "foldseek", summary: "hits of Foldseek", finish: foldseekFinish()},
	}
}

// A call is one run of an action.
type call struct {
	ctx    context.Context
	name   string            // "esmfold finish"
	given  map[string]string // by flag; those that were not given are not in it
	stdout io.Writer
	stderr io.Writer
}

// path is the value of a flag.
func (c *call) path(flag string) string { return c.given[flag] }

// number is the value of a flag that must be a whole number.
func (c *call) number(flag string) (int64, error) {
	n, err := strconv.ParseInt(c.given[flag], 10, 64)
	if err != nil {
		return 0, tool.Refusef("--%s is %.40q; give a whole number.", flag, c.given[flag])
	}
	return n, nil
}

// note says on stderr what is worth knowing and no reason to stop.
func (c *call) note(about string, notes []string) {
	for _, n := range notes {
		fmt.Fprintf(c.stderr, "%s: %s\n", about, n)
	}
}

// flags says what each flag of the adapters is.
func flags() map[string]string {
	return map[string]string{
		"alignment": "A3M `file` with an alignment to the sequence",
		"chains":    "chains to design, like `A,B`",
		"fixed":     "residues that keep their amino acid, like `1-5,A:10`",
		"from":      "`file` or folder that the tool wrote",
		"length":    "`residues` of each backbone",
		"match":     "how residues correspond: `auto`, numbers, positions or alignment",
		"model":     "PDB `file` to judge",
		"models":    "`number` of models to predict",
		"num":       "`number` of results that the tool was to make",
		"out":       "`folder` to write to",
		"reference": "PDB `file` to compare the model with",
		"seed":      "`seed` that the tool is given",
		"sequence":  "FASTA `file` with one sequence",
		"structure": "PDB `file` that the tool works on",
		"targets":   "`manifest` of the structures that were searched",
	}
}

// Run executes the adapter that args[0] names, what args[1] says of it
// (prepare, finish or convert), with the flags that follow, and returns its exit code:
// 0 done, 1 internal error, 2 wrong flags, 3 what it was given cannot be
// worked on, 130 interrupted. Errors on stderr are sentences.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		writeUsage(stderr)
		return tool.ExitUsage
	}
	switch args[0] {
	case "-h", "-help", "--help", "help":
		writeUsage(stdout)
		return tool.ExitDone
	}
	var names []string
	for _, a := range adapters() {
		if a.name == args[0] {
			return a.do(ctx, args[1:], stdout, stderr)
		}
		names = append(names, a.name)
	}
	fmt.Fprintf(stderr, "There is no adapter %q; there are %s.\n", args[0], strings.Join(names, ", "))
	return tool.ExitUsage
}

func (a *adapter) do(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var words []string
	for _, w := range []struct {
		word string
		*action
	}{{"prepare", a.prepare}, {"finish", a.finish}, {"convert", a.convert}} {
		if w.action == nil {
			continue
		}
		if len(args) > 0 && args[0] == w.word {
			c := &call{ctx: ctx, name: a.name + " " + w.word, given: map[string]string{}, stdout: stdout, stderr: stderr}
			return c.do(w.action, args[1:])
		}
		words = append(words, w.word)
	}
	fmt.Fprintf(stderr, "Say what the adapter is to do: ligase adapt %s %s.\n", a.name, strings.Join(words, "|"))
	return tool.ExitUsage
}

func (c *call) do(a *action, args []string) int {
	set := flag.NewFlagSet(c.name, flag.ContinueOnError)
	set.SetOutput(c.stderr)
	about := flags()
	for _, name := range slices.Concat(a.needs, a.takes) {
		set.String(name, "", about[name])
	}
	if code, ok := tool.ParseFlags(set, args, c.stderr); !ok {
		return code
	}
	set.Visit(func(f *flag.Flag) { c.given[f.Name] = f.Value.String() })
	var missing []string
	for _, name := range a.needs {
		if c.given[name] == "" {
			missing = append(missing, "--"+name)
		}
	}
	if len(missing) > 0 {
		fmt.Fprintf(c.stderr, "%s: give %s.\n", c.name, strings.Join(missing, " and "))
		return tool.ExitUsage
	}
	return tool.ExitFor(a.run(c), c.name, c.stderr)
}

func writeUsage(w io.Writer) {
	fmt.Fprint(w, "What stands between steps of the library and the tools that they run.\n\nUsage: ligase adapt NAME prepare|finish|convert [flags]\n\n")
	for _, a := range adapters() {
		fmt.Fprintf(w, "  %-12s %s\n", a.name, a.summary)
	}
	fmt.Fprint(w, "\n`ligase adapt NAME finish --help` lists the flags.\n")
}
