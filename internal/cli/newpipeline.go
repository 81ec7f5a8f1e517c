package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ligase-bio/ligase/internal/draft"
	"github.com/ligase-bio/ligase/pipelines"
)

func (a *app) newPipelineCommand() *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "pipeline NAME TOOL...",
		Short: "begin the definition of a pipeline, of steps in the order in which they run",
		Long: `Writes definitions/NAME.yaml, a pipeline that runs the steps (or pipelines) one
after the other: each input takes the latest output before it that its type
fits, and takes each of them where there are many and it takes one. What nothing
gives is an input of the pipeline. It is sound and can be run as it is.

Types do not know what is meant: where another output would fit as well, that is
marked FILL IN, and ligase graph draws what came of it. Files that are there
already are not written over.`,
		Example: `  ligase new pipeline design_and_score design fold score
  ligase new pipeline digest_all digest longest --catalog definitions`,
		Args: cobra.MinimumNArgs(2),
		ValidArgsFunction: func(cmd *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
			if len(args) == 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return a.completeTools(cmd, nil, prefix)
		},
		RunE: func(_ *cobra.Command, args []string) error { return a.newPipeline(args[0], args[1:], dir) },
	}
	cmd.Flags().StringVar(&dir, "out", definitionsDir, "folder to write NAME.yaml into")
	return cmd
}

// newPipeline writes the definition of a pipeline that is begun.
func (a *app) newPipeline(name string, names []string, dir string) error {
	c := a.catalogOrWarn()
	if err := freeName(c, name); err != nil {
		return err
	}
	tools := make([]draft.Tool, len(names))
	for i, n := range names {
		t, err := c.Tool(n)
		if err != nil {
			return a.orProblems(err)
		}
		tools[i] = draft.Tool{Name: t.Name, Kind: string(t.Kind), Inputs: t.Inputs, Params: t.Params, Outputs: t.Outputs}
	}
	made := draft.Chain(name, c.Types(), tools)
	p, problems := pipelines.Parse(name+".yaml", made.Text)
	err := problems.Err()
	if err == nil {
		_, err = pipelines.Compile(p, c, nil)
	}
	if err != nil {
		return fmt.Errorf("these tools do not follow from each other by their types alone; write the pipeline by hand, as docs/design.md has it: %w", err)
	}
	file, err := writeDraft(dir, made)
	if err != nil {
		return err
	}
	graph := strings.Join([]string{a.Program, "graph", name, "--catalog", quoted(dir)}, " ")
	if a.json {
		printed := struct {
			Pipeline string `json:"pipeline"`
			File     string `json:"file"`
			FillIn   int    `json:"fill_in"`
			Try      string `json:"try"`
		}{name, file, made.Open, graph}
		a.printJSON(printed)
		return nil
	}
	fmt.Fprintf(a.Out, "%s  %s\nnext\n  %s\n  %s validate %s\n", file, toFill(made), graph, a.Program, quoted(dir))
	return nil
}
