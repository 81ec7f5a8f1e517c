package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ligase-bio/ligase/catalog"
	"github.com/ligase-bio/ligase/internal/draft"
	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/pipelines"
	"github.com/ligase-bio/ligase/steps"
)

func (a *app) newCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "new",
		Short: "begin a definition",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.newStepCommand(), a.newPipelineCommand())
	return cmd
}

func (a *app) newStepCommand() *cobra.Command {
	var dir, line string
	cmd := &cobra.Command{
		Use:   "step NAME [-- COMMAND...]",
		Short: "begin the definition of a step, of a command line that you use already",
		Long: `Writes definitions/NAME.yaml, a definition with remarks that is sound and runs as
it is. Without a command it is a small example to write over. Of a command line,
given after -- or as a text with --from, it makes a step that does the same:

  files that are there   are inputs, of the type that their content shows
  what -o, --out, > and  are outputs: written into the step's own folder and
  the like name          collected from there
  numbers and values of  are parameters, with what you typed as the default
  flags
  --seed, --threads      are a parameter, and what the step asks for
  scripts                belong to the command and stay where they are
  what a program prints  is the output, where there is no other

What is not known is marked FILL IN where it stands, and what will not work is
said on standard error. Have the files there when you call it: a file says what
it is, a name hardly anything. Name it again with ligase step test, which says
what is wrong.

A command line may have pipes and redirections (after --, in quotes: '>'). What
only a running shell knows, $VARIABLES among it, it may not; such a line is a
script, and a script can be named. Files that are there already are not written
over.`,
		Example: `  ligase new step reverse
  ligase new step align --from 'bwa mem -t 4 ref.fa reads.fq > aligned.sam'
  ligase new step search -- hmmsearch --tblout hits.tbl -E 1e-5 globins.hmm proteins.fasta
  ligase new step count --out my-definitions -- python3 count.py --min-length 30 in.fasta -o counts.csv`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: completeCommandLine,
		RunE: func(cmd *cobra.Command, args []string) error {
			command := args[1:]
			switch dash := cmd.ArgsLenAtDash(); {
			case dash == 0:
				return usagef("The name of the step comes before --: %s NAME -- %s", cmd.CommandPath(), strings.Join(args, " "))
			case dash != 1 && len(command) > 0:
				return usagef("Put -- before the command, so that its flags are its own: %s %s -- %s", cmd.CommandPath(), args[0], strings.Join(command, " "))
			case line != "" && len(command) > 0:
				return usagef("Give the command with --from or after --, not both.")
			case cmd.Flags().Changed("from") && strings.TrimSpace(line) == "":
				return usagef("--from is empty; give the command line that you use, as one text.")
			}
			words := draft.ReadArgs(command)
			if line != "" {
				var err error
				if words, err = draft.ReadLine(line); err != nil {
					return usagef("--from: the command line cannot be read: %v.", err)
				}
			}
			return a.newStep(args[0], words, dir)
		},
	}
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usagef("%v. If it is the command's, put -- before the command. See %s --help.", err, cmd.CommandPath())
	})
	cmd.Flags().StringVar(&line, "from", "", "the command line to make a step of, as one text; or give it after --")
	cmd.Flags().StringVar(&dir, "out", definitionsDir, "folder to write NAME.yaml into")
	return cmd
}

// completeCommandLine completes nothing for a name that is yet to be, and
// files in the command.
func completeCommandLine(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return nil, cobra.ShellCompDirectiveDefault
}

// newStep writes the definition of a step that is begun.
func (a *app) newStep(name string, words []draft.Word, dir string) error {
	c := a.catalogOrWarn()
	if err := freeName(c, name); err != nil {
		return err
	}
	made, samples := draft.Blank(name), []draft.Sample(nil)
	if len(words) > 0 {
		var err error
		made, samples, err = draft.Read(draft.Command{
			Name: name, Words: words, Types: c.Types(), Look: look,
			Found: func(program string) bool { _, err := exec.LookPath(program); return err == nil },
		})
		if err != nil {
			return usagef("The command line cannot be made a step of: %v.", err)
		}
	}
	if err := checkDraft(made, oneStep{Catalog: c}); err != nil {
		return err
	}
	file, err := writeDraft(dir, made)
	if err != nil {
		return err
	}
	try := a.tryCommand(file, samples, len(words) == 0)
	if a.json {
		printed := struct {
			draftJSON
			Try string `json:"try"`
		}{jsonOfDraft(made), try}
		printed.File = file
		a.printJSON(printed)
		return nil
	}
	for _, w := range made.Warnings {
		fmt.Fprintln(a.Err, w)
	}
	fmt.Fprintf(a.Out, "%s  %s\nnext\n  %s\n  %s validate %s\n", file, toFill(made), try, a.Program, quoted(dir))
	return nil
}

// freeName refuses what no definition can be named, and what one is named
// already.
func freeName(c *catalog.Catalog, name string) error {
	if !steps.ValidName(name) {
		return usagef("%q cannot name a step or pipeline: use lower-case letters, digits and _, a letter first, at most 40 characters, like %s.", name, draft.Snake(name))
	}
	if t, err := c.Tool(name); err == nil {
		return fmt.Errorf("%s: %w: the catalog has a %s of that name (%s). Choose another, like my_%s", name, problem.ErrConflict, t.Kind, t.Origin, name)
	}
	return nil
}

// tryCommand is what tries the step out on the files of the command line.
func (a *app) tryCommand(file string, samples []draft.Sample, blank bool) string {
	words := []string{a.Program, "step", "test", quoted(file)}
	if blank {
		words = append(words, "text=@"+quoted(file))
	}
	for _, s := range samples {
		words = append(words, quoted(s.Input+"=@"+s.Path))
	}
	return strings.Join(words, " ")
}

// checkDraft holds a draft against what every definition must be: nothing is
// written that is not sound.
func checkDraft(d *draft.Draft, known oneStep) error {
	step, problems := steps.ParseStep(d.Name+".yaml", d.Text)
	err := problems.Err()
	if err == nil {
		known.step = step
		_, err = pipelines.CompileStep(step, known.Catalog, nil)
	}
	if err != nil {
		return fmt.Errorf("the definition that was made is not sound; this is a defect of ligase, please report it:\n%s\n%v", d.Text, err) // its problems are not the user's
	}
	return nil
}

// look says what is at a path.
func look(path string) draft.File {
	f := draft.File{Path: path}
	if abs, err := filepath.Abs(path); err == nil {
		f.Path = abs
	}
	info, err := os.Stat(path)
	if err != nil {
		return f
	}
	f.There, f.Folder = true, info.IsDir()
	if !info.Mode().IsRegular() {
		f.There = f.Folder // of a device nothing is read
		return f
	}
	file, err := os.Open(path)
	if err != nil {
		return f
	}
	defer file.Close()
	head := make([]byte, steps.HeadBytes)
	n, err := io.ReadFull(file, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return f
	}
	f.Head, f.Whole = bytes.Clone(head[:n]), int64(n) == info.Size()
	beside, err := filepath.Glob(globQuoted(path) + ".*")
	if err == nil {
		for _, b := range beside {
			f.Beside = append(f.Beside, filepath.Base(b))
		}
	}
	return f
}

// globQuoted is a path as a pattern that means just it.
func globQuoted(path string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(path)
}
