package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ligase-bio/ligase/catalog"
	"github.com/ligase-bio/ligase/internal/definition"
	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/pipelines"
	"github.com/ligase-bio/ligase/steps"
)

func (a *app) stepCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "step",
		Short: "try a step out while it is written",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.stepTestCommand())
	return cmd
}

func (a *app) stepTestCommand() *cobra.Command {
	var call callFlags
	var o trialOptions
	cmd := &cobra.Command{
		Use:   "test FILE | NAME [name=value...]",
		Short: "run one implementation of a step on a sample and show what would be committed",
		Long: `Runs one implementation of a step, in a definition's file or in the catalog, on
arguments as run takes them: in a private folder, with the worker that runs it
everywhere else. No run is made, and no data folder is needed.

Where an engine on this machine would run it, there it runs: an implementation
with an image in the image, with the volumes that the configuration or --volume
names (see --containers, --pull, --mount), all others as a process.

What is checked is what the step promises:

  inputs     they are of their types and as many as the ports take
  command    it is found, ends with exit code 0 and within its timeout and memory
  outputs    each is there, passes its type's check, and meets its count
  metrics    the file reads, and holds what the step declares, no more, no less
  progress   the pattern matches lines of the log
  failures   no pattern matches the log of an attempt that did well

A file may speak of the built-in types and of those in folders of --catalog.
With --twice it runs a second time, and outputs or metrics that differ are a
failure. With --keep the private folder stays: in/ has the staged inputs, work/
what the command left, store/ what would be committed and the log.

Exit code 0 when the step does what it promises (what is worth mending is under
notes), 3 when the definition or an argument is wrong or the image cannot be run
here, 4 when the command fails
or does not keep a promise, 5 when there is no such step or file.`,
		Example: `  ligase step test definitions/reverse.yaml sequence=@my.fasta
  ligase step test definitions/reverse.yaml sequence=MKTAYIAKQRQISFVKSHFSRQ
  ligase step test fold sequence=@my.fasta models=3 --implementation baseline --twice
  ligase step test fold sequence=@my.fasta --implementation esmfold --volume esmfold-weights=/srv/weights/esmfold
  ligase step test my_step --catalog ./definitions reads=@a.fastq reads=@b.fastq --keep`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: a.completeStepCall,
		// The step may be in no catalog; its volumes count as well.
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return a.begin(cmd.Context()) },
		RunE: func(cmd *cobra.Command, args []string) error {
			step, err := a.stepOf(args[0])
			if err != nil {
				return err
			}
			if err := a.checkVolumes(step); err != nil {
				return err
			}
			return a.tryOut(cmd.Context(), step, args[1:], call, o)
		},
	}
	call.registerArguments(cmd)
	cmd.Flags().StringVar(&o.implementation, "implementation", "", "the implementation to run (default: the first)")
	cmd.Flags().BoolVar(&o.twice, "twice", false, "run it twice and compare what comes out")
	cmd.Flags().BoolVar(&o.keep, "keep", false, "leave the private folder, and say where it is")
	// Of a step that cannot be read nothing is completed; the command says why.
	_ = cmd.RegisterFlagCompletionFunc("implementation", func(_ *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
		var out []string
		if len(args) > 0 {
			if step, err := a.stepOf(args[0]); err == nil {
				for _, i := range step.Implementations {
					out = append(out, i.Name+"\t"+i.Title)
				}
			}
		}
		return out, cobra.ShellCompDirectiveNoFileComp
	})
	return cmd
}

// completeStepCall completes a step of the catalog or a file, and then what it
// takes.
func (a *app) completeStepCall(_ *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		step, err := a.stepOf(args[0])
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return completeArguments(step.Inputs, step.Params, prefix)
	}
	c, _ := a.loadCatalog()
	var out []string
	for _, t := range c.Tools() {
		if t.Kind == pipelines.KindStep && strings.HasPrefix(t.Name, prefix) {
			out = append(out, t.Name+"\t"+t.Title)
		}
	}
	return out, cobra.ShellCompDirectiveDefault // and files
}

// stepOf finds a step: in a file, when that is what was named, else in the
// catalog.
func (a *app) stepOf(name string) (*steps.Step, error) {
	if ext := filepath.Ext(name); ext == ".yaml" || ext == ".yml" || strings.ContainsRune(name, filepath.Separator) {
		return readStep(name)
	}
	c := a.catalogOrWarn()
	if step := c.Step(name); step != nil {
		return step, nil
	}
	if c.Pipeline(name) != nil {
		return nil, usagef("%s is a pipeline, and what is tested is a step. See what it would do with: %s plan %s", name, a.Program, name)
	}
	if _, err := os.Stat(name); err == nil {
		return readStep(name)
	}
	_, err := c.Tool(name)
	err = a.orProblems(err)
	if file := filepath.Join(definitionsDir, name+".yaml"); errors.Is(err, problem.ErrNotFound) {
		if _, missing := os.Stat(file); missing == nil {
			return nil, fmt.Errorf("%w There is a file %s: name it, or add its folder with --catalog %s", err, file, definitionsDir)
		}
	}
	return nil, err
}

// definitionsDir is the folder that definitions are in by custom.
const definitionsDir = "definitions"

// readStep reads the step that a file defines.
func readStep(file string) (*steps.Step, error) {
	switch info, err := os.Stat(file); {
	case os.IsNotExist(err):
		return nil, fmt.Errorf("the file %s is %w. To begin one: ligase new step NAME", file, problem.ErrNotFound)
	case err != nil:
		return nil, err
	case info.IsDir():
		return nil, usagef("%s is a folder; name the file of one step, or a step of it with --catalog %s.", file, file)
	case !info.Mode().IsRegular():
		return nil, usagef("%s is a device or a pipe; name the file of a step.", file)
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := definition.ReadAll(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	doc := definition.Parse(file, data)
	switch doc.Kind() {
	case definition.KindPipeline:
		return nil, usagef("%s defines a pipeline, and what is tested is a step. See what it would do with ligase plan.", file)
	case definition.KindTypes:
		return nil, usagef("%s defines types, and what is tested is a step. Check it with: ligase validate %s", file, file)
	}
	step, problems := steps.DecodeStep(doc)
	if err := problems.Err(); err != nil {
		return nil, err
	}
	return step, nil
}

// oneStep is a catalog as a service sees it that knows one step: whatever
// else a catalog has of that name is not meant.
type oneStep struct {
	*catalog.Catalog
	step *steps.Step
}

// Step is the step.
func (o oneStep) Step(string) *steps.Step { return o.step }

// Compile compiles the step.
func (o oneStep) Compile(_ string, implementations map[string]string) (*pipelines.Compiled, error) {
	return pipelines.CompileStep(o.step, o.Catalog, &pipelines.CompileOptions{Implementations: implementations})
}
