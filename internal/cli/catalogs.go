package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ligase-bio/ligase/catalog"
	"github.com/ligase-bio/ligase/internal/local"
	"github.com/ligase-bio/ligase/pipelines"
	"github.com/ligase-bio/ligase/steps"
)

func (a *app) catalogCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "catalog",
		Short: "browse the steps and pipelines that can be run",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	var kind string
	list := &cobra.Command{
		Use:   "list",
		Short: "list every step and pipeline",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if kind != "" && kind != string(pipelines.KindStep) && kind != string(pipelines.KindPipeline) {
				return usagef("--kind %s: there are step and pipeline.", kind)
			}
			c := a.catalogOrWarn()
			tools := c.Tools()
			if kind != "" {
				tools = slices.DeleteFunc(tools, func(t *catalog.Tool) bool { return string(t.Kind) != kind })
			}
			return a.printTools(cmd.Context(), c, tools)
		},
	}
	list.Flags().StringVar(&kind, "kind", "", "only steps, or only pipelines: step | pipeline")

	show := &cobra.Command{
		Use:               "show TOOL",
		Short:             "show what a tool takes, gives, measures and is good for",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeTools,
		RunE: func(cmd *cobra.Command, args []string) error {
			c := a.catalogOrWarn()
			t, err := c.Tool(args[0])
			if err != nil {
				return a.orProblems(err)
			}
			if a.json {
				a.printJSON(a.toolJSON(cmd.Context(), t))
				return nil
			}
			return a.printTool(cmd.Context(), c, t)
		},
	}

	var limit int
	search := &cobra.Command{
		Use:   "search WORD...",
		Short: "find tools by words in their names, titles, types, metrics and descriptions",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c := a.catalogOrWarn()
			hits := c.Search(strings.Join(args, " "), limit)
			tools := make([]*catalog.Tool, len(hits))
			for i, h := range hits {
				tools[i] = h.Tool
			}
			if len(tools) == 0 && !a.json {
				return exitError{ExitNotFound, fmt.Sprintf("ligase: nothing in the catalog speaks of %q. See `ligase catalog list`.", strings.Join(args, " "))}
			}
			return a.printTools(cmd.Context(), c, tools)
		},
	}
	search.Flags().IntVar(&limit, "limit", 10, "most tools to show")

	var want, wantFormat string
	next := &cobra.Command{
		Use:   "next TYPE[/FORMAT] | URI",
		Short: "say what an output fits, or with --to how to get to a type",
		Long: `What can be done next with something in hand: a type, a type in a format, or
the URI of an output.

  ligase catalog next protein.sequence/fasta
  ligase catalog next file:///…/outputs/design/sequences/0.fasta
  ligase catalog next protein.structure/pdb --to table.ranking`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			have, err := a.inHand(cmd, args[0])
			if err != nil {
				return err
			}
			c := a.catalogOrWarn()
			if want == "" {
				return a.printFits(c, have)
			}
			if c.Types().Lookup(want) == nil {
				return usagef("--to %s: there is no such type. There are: %s.", want, strings.Join(c.Types().Names(), ", "))
			}
			return a.printChains(c.Chains(have, steps.TypeFormat{Type: want, Format: wantFormat}, 0), want)
		},
	}
	next.Flags().StringVar(&want, "to", "", "a type to get to: prints the shortest chains of tools")
	next.Flags().StringVar(&wantFormat, "to-format", "", "the format wanted, with --to")

	types := &cobra.Command{
		Use:   "types",
		Short: "list the types that ports carry",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.printTypes(a.catalogOrWarn().Types())
		},
	}
	cmd.AddCommand(list, show, search, next, types, a.catalogCheckCommand())
	return cmd
}

// toolSummary is one line of a list of tools.
type toolSummary struct {
	Name        string         `json:"name"`
	Kind        pipelines.Kind `json:"kind"`
	Version     string         `json:"version"`
	Title       string         `json:"title"`
	Duration    steps.Duration `json:"duration,omitempty"`
	Description string         `json:"description,omitempty"`
	Here        []string       `json:"here,omitempty"` // implementations that run on this machine
}

func (a *app) printTools(ctx context.Context, c *catalog.Catalog, tools []*catalog.Tool) error {
	here := a.here()
	if a.json {
		out := make([]toolSummary, len(tools))
		for i, t := range tools {
			out[i] = toolSummary{t.Name, t.Kind, t.Version, t.Title, t.Duration, firstSentence(t.Description), runsHere(ctx, here, t)}
		}
		a.printJSON(map[string]any{"tools": out})
		return nil
	}
	heads := []string{"NAME", "KIND", "VERSION", "TAKES", "RUNS ON", "TITLE"}
	if here != nil {
		heads = slices.Insert(heads, 5, "HERE")
	}
	rows := make([][]string, len(tools))
	for i, t := range tools {
		rows[i] = []string{t.Name, string(t.Kind), t.Version, string(t.Duration), runsOn(t), t.Title}
		if here != nil {
			rows[i] = slices.Insert(rows[i], 5, whereHere(ctx, here, c, t))
		}
	}
	table(a.Out, heads, rows)
	return nil
}

// whereHere says at a glance what of a tool runs on this machine: which
// implementations of a step; of a pipeline, whether it does as it is, and which
// nodes do not.
func whereHere(ctx context.Context, here *local.Here, c *catalog.Catalog, t *catalog.Tool) string {
	if t.Kind == pipelines.KindStep {
		return cmp.Or(strings.Join(runsHere(ctx, here, t), ", "), "no")
	}
	compiled, err := c.Compile(t.Name+"@"+t.Version, nil)
	if err != nil {
		return ""
	}
	var not []string
	for _, u := range compiled.Uses() {
		if !here.Glance(ctx, u.Implementation).Runs() {
			not = append(not, u.Node)
		}
	}
	if len(not) > 0 {
		return "no: " + strings.Join(not, ", ")
	}
	return "yes"
}

// runsHere are the implementations of a step that run on this machine, if
// their images can be had.
func runsHere(ctx context.Context, here *local.Here, t *catalog.Tool) []string {
	var names []string
	for i := range t.Implementations {
		if impl := &t.Implementations[i]; here != nil && here.Glance(ctx, impl).Runs() {
			names = append(names, impl.Name)
		}
	}
	return names
}

// runsOn says what a step's implementations need.
func runsOn(t *catalog.Tool) string {
	var out []string
	for _, i := range t.Implementations {
		need := "cpu"
		if i.Resources.GPU > 0 {
			need = "gpu"
		}
		if i.Image != "" {
			need += "+image"
		}
		if !slices.Contains(out, need) {
			out = append(out, need)
		}
	}
	return strings.Join(out, ", ")
}

func (a *app) printTypes(types *steps.Types) error {
	type typeJSON struct {
		Name    string   `json:"name"`
		Is      []string `json:"is,omitempty"`
		Title   string   `json:"title"`
		EDAM    string   `json:"edam,omitempty"`
		Formats []string `json:"formats"`
	}
	var out []typeJSON
	var rows [][]string
	for _, name := range types.Names() {
		t := types.Lookup(name)
		j := typeJSON{Name: name, Is: t.Is, Title: t.Title, EDAM: t.EDAM}
		for _, f := range t.Formats {
			j.Formats = append(j.Formats, f.Name)
		}
		out = append(out, j)
		rows = append(rows, []string{name, strings.Join(t.Is, ", "), strings.Join(j.Formats, ", "), t.EDAM, t.Title})
	}
	if a.json {
		a.printJSON(map[string]any{"types": out})
		return nil
	}
	table(a.Out, []string{"TYPE", "IS A", "FORMATS", "EDAM", "TITLE"}, rows)
	return nil
}

// completeTools completes the name of a tool in the first argument.
func (a *app) completeTools(_ *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	c, _ := a.loadCatalog()
	var out []string
	for _, t := range c.Tools() {
		if strings.HasPrefix(t.Name, prefix) {
			out = append(out, t.Name+"\t"+t.Title)
		}
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}
