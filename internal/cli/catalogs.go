package cli

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ligase-bio/ligase/catalog"
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
			return a.printTools(tools)
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
				a.printJSON(toolJSON(t))
				return nil
			}
			return a.printTool(c, t)
		},
	}

	var limit int
	search := &cobra.Command{
		Use:   "search WORD...",
		Short: "find tools by words in their names, titles, types, metrics and descriptions",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			hits := a.catalogOrWarn().Search(strings.Join(args, " "), limit)
			tools := make([]*catalog.Tool, len(hits))
			for i, h := range hits {
				tools[i] = h.Tool
			}
			if len(tools) == 0 && !a.json {
				return exitError{ExitNotFound, fmt.Sprintf("ligase: nothing in the catalog speaks of %q. See `ligase catalog list`.", strings.Join(args, " "))}
			}
			return a.printTools(tools)
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
	cmd.AddCommand(list, show, search, next, types)
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
}

func (a *app) printTools(tools []*catalog.Tool) error {
	if a.json {
		out := make([]toolSummary, len(tools))
		for i, t := range tools {
			out[i] = toolSummary{t.Name, t.Kind, t.Version, t.Title, t.Duration, firstSentence(t.Description)}
		}
		a.printJSON(map[string]any{"tools": out})
		return nil
	}
	rows := make([][]string, len(tools))
	for i, t := range tools {
		rows[i] = []string{t.Name, string(t.Kind), t.Version, string(t.Duration), runsOn(t), t.Title}
	}
	table(a.Out, []string{"NAME", "KIND", "VERSION", "TAKES", "RUNS ON", "TITLE"}, rows)
	return nil
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

// toolDetail is a tool as JSON.
type toolDetail struct {
	toolSummary
	Inputs          []steps.Port           `json:"inputs"`
	Params          []steps.Param          `json:"params"`
	Outputs         []steps.Port           `json:"outputs"`
	Metrics         []steps.Metric         `json:"metrics,omitempty"`
	Implementations []steps.Implementation `json:"implementations,omitempty"`
	Origin          string                 `json:"origin"`
}

func toolJSON(t *catalog.Tool) toolDetail {
	return toolDetail{
		toolSummary{t.Name, t.Kind, t.Version, t.Title, t.Duration, t.Description},
		t.Inputs, t.Params, t.Outputs, t.Metrics, t.Implementations, t.Origin,
	}
}

// printTool prints the manual page of a tool.
func (a *app) printTool(c *catalog.Catalog, t *catalog.Tool) error {
	w := a.Out
	fmt.Fprintf(w, "%s %s (%s)\n%s\n", t.Name, t.Version, t.Kind, t.Title)
	if t.Description != "" {
		fmt.Fprintf(w, "\n%s\n", fill(t.Description, 78, ""))
	}
	if t.Duration != "" {
		fmt.Fprintf(w, "\nUsually takes %s.\n", t.Duration)
	}
	heading := func(s string) { fmt.Fprintf(w, "\n%s\n", s) }

	if len(t.Inputs) > 0 {
		heading("INPUTS")
		printPorts(w, t.Inputs)
	}
	if len(t.Params) > 0 {
		heading("PARAMETERS")
		for i := range t.Params {
			p := &t.Params[i]
			fmt.Fprintf(w, "  %s  %s\n", p.Name, paramFacts(p))
			if p.Description != "" {
				fmt.Fprintln(w, fill(p.Description, 78, "      "))
			}
		}
	}
	heading("OUTPUTS")
	printPorts(w, t.Outputs)
	if len(t.Metrics) > 0 {
		heading("METRICS")
		for _, m := range t.Metrics {
			facts := []string{}
			if m.Unit != "" {
				facts = append(facts, m.Unit)
			}
			if m.Better != "" {
				facts = append(facts, m.Better+" is better")
			}
			fmt.Fprintln(w, strings.TrimRight(fmt.Sprintf("  %s  %s", m.Name, strings.Join(facts, ", ")), " "))
			if m.Description != "" {
				fmt.Fprintln(w, fill(m.Description, 78, "      "))
			}
		}
	}
	if len(t.Implementations) > 0 {
		heading("IMPLEMENTATIONS")
		for i, impl := range t.Implementations {
			note := ""
			if i == 0 && len(t.Implementations) > 1 {
				note = " (default)"
			}
			fmt.Fprintf(w, "  %s%s  %s\n", impl.Name, note, resourceFacts(impl))
			for _, text := range []string{impl.Title, impl.Description} {
				if text != "" {
					fmt.Fprintln(w, fill(text, 78, "      "))
				}
			}
			if impl.License != "" {
				fmt.Fprintln(w, fill("Licence: "+impl.License, 78, "      "))
			}
			if impl.Citation != "" {
				fmt.Fprintln(w, fill("Cite: "+impl.Citation, 78, "      "))
			}
		}
	}
	if p := c.Pipeline(t.Name + "@" + t.Version); p != nil {
		heading("NODES")
		var rows [][]string
		for _, n := range p.Nodes {
			rows = append(rows, []string{"  " + n.Name, n.Uses, bindings(n)})
		}
		table(w, []string{"  NODE", "USES", "TAKES"}, rows)
		fmt.Fprintf(w, "  Drawn: ligase graph %s\n", t.Name)
	}
	heading("EXAMPLE")
	fmt.Fprintf(w, "  %s\n", exampleCall(t))
	return nil
}

// bindings says what a pipeline's node takes, as it was written.
func bindings(n pipelines.Node) string {
	var out []string
	say := func(mode string, args []pipelines.Argument) {
		for _, arg := range args {
			from := fmt.Sprint(arg.Value)
			switch {
			case arg.From != nil:
				from = arg.From.String()
			case arg.Param != "":
				from = "$params." + arg.Param
			}
			out = append(out, mode+arg.Name+"="+from)
		}
	}
	say("each ", n.Each)
	say("", n.With)
	return strings.Join(out, ", ")
}

func printPorts(w io.Writer, ports []steps.Port) {
	for _, p := range ports {
		facts := []string{portType(p)}
		if p.Many {
			facts = append(facts, "many")
		}
		if p.Optional {
			facts = append(facts, "optional")
		}
		if p.MaxLength > 0 {
			facts = append(facts, fmt.Sprintf("at most %d long", p.MaxLength))
		}
		if p.Inline {
			facts = append(facts, "may be given inline")
		}
		if len(p.Columns) > 0 {
			facts = append(facts, "columns "+strings.Join(p.Columns, " "))
		}
		fmt.Fprintln(w, hang(fmt.Sprintf("  %s  %s", p.Name, strings.Join(facts, ", ")), 78, "      "))
		if p.Description != "" {
			fmt.Fprintln(w, fill(p.Description, 78, "      "))
		}
	}
}

func portType(p steps.Port) string {
	if len(p.Formats) == 0 {
		return p.Type
	}
	return p.Type + " in " + strings.Join(p.Formats, " or ")
}

func paramFacts(p *steps.Param) string {
	kind := string(p.Type)
	if p.Type == steps.Array {
		kind = "list of " + string(p.Items)
	}
	facts := []string{kind}
	switch {
	case p.Minimum != nil && p.Maximum != nil:
		facts = append(facts, number(*p.Minimum)+"–"+number(*p.Maximum))
	case p.Minimum != nil:
		facts = append(facts, "at least "+number(*p.Minimum))
	case p.Maximum != nil:
		facts = append(facts, "at most "+number(*p.Maximum))
	}
	if len(p.Enum) > 0 {
		values := make([]string, len(p.Enum))
		for i, v := range p.Enum {
			values[i] = v.String()
		}
		facts = append(facts, strings.Join(values, " | "))
	}
	if p.Unit != "" {
		facts = append(facts, p.Unit)
	}
	switch {
	case p.Default != nil:
		facts = append(facts, "default "+p.Default.String())
	case p.Required():
		facts = append(facts, "required")
	default:
		facts = append(facts, "optional")
	}
	return strings.Join(facts, ", ")
}

func resourceFacts(i steps.Implementation) string {
	var facts []string
	if r := i.Resources; true {
		if r.GPU > 0 {
			facts = append(facts, strconv.Itoa(r.GPU)+" GPU")
		}
		facts = append(facts, number(max(r.CPU, 1))+" CPU")
		if r.Memory > 0 {
			facts = append(facts, fmt.Sprintf("%d MiB", r.Memory>>20))
		}
	}
	if i.Image != "" {
		facts = append(facts, "image "+i.Image)
	}
	return strings.Join(facts, ", ")
}

// exampleCall is a call of a tool with what it requires.
func exampleCall(t *catalog.Tool) string {
	words := []string{"ligase", "run", t.Name}
	for _, p := range t.Inputs {
		if p.Optional {
			continue
		}
		ext := "file"
		if len(p.Formats) > 0 {
			ext = p.Formats[0]
		}
		words = append(words, fmt.Sprintf("%s=@my.%s", p.Name, ext))
	}
	for i := range t.Params {
		if p := &t.Params[i]; p.Required() {
			words = append(words, p.Name+"=…")
		}
	}
	return strings.Join(words, " ")
}

func (a *app) printFits(c *catalog.Catalog, have []steps.TypeFormat) error {
	type fitJSON struct {
		Tool   string   `json:"tool"`
		Input  string   `json:"input"`
		Others []string `json:"also_needs,omitempty"`
		Title  string   `json:"title"`
	}
	fits := []fitJSON{}
	for _, h := range have {
		for _, f := range c.Next(h.Type, h.Format) {
			fits = append(fits, fitJSON{f.Tool.Name, f.Input, f.Others, f.Tool.Title})
		}
	}
	if a.json {
		a.printJSON(map[string]any{"next": fits})
		return nil
	}
	if len(fits) == 0 {
		fmt.Fprintf(a.Out, "Nothing in the catalog takes %s. See `ligase catalog types`.\n", typeNames(have))
		return nil
	}
	rows := make([][]string, len(fits))
	for i, f := range fits {
		rows[i] = []string{f.Tool, f.Input, strings.Join(f.Others, ", "), f.Title}
	}
	table(a.Out, []string{"TOOL", "INPUT", "ALSO NEEDS", "TITLE"}, rows)
	return nil
}

func typeNames(have []steps.TypeFormat) string {
	var out []string
	for _, h := range have {
		name := h.Type
		if h.Format != "" {
			name += "/" + h.Format
		}
		out = append(out, name)
	}
	return strings.Join(out, ", ")
}

func (a *app) printChains(chains []catalog.Chain, want string) error {
	type linkJSON struct {
		Tool   string            `json:"tool"`
		Inputs map[string]string `json:"inputs"`
		Each   []string          `json:"each,omitempty"`
		Output string            `json:"output"`
	}
	out := [][]linkJSON{}
	for _, c := range chains {
		links := []linkJSON{}
		for _, l := range c.Links {
			j := linkJSON{Tool: l.Tool.Name, Inputs: map[string]string{}, Output: l.Output}
			for _, in := range l.Inputs {
				j.Inputs[in.Port] = in.From
				if in.Each {
					j.Each = append(j.Each, in.Port)
				}
			}
			links = append(links, j)
		}
		out = append(out, links)
	}
	if a.json {
		a.printJSON(map[string]any{"chains": out})
		return nil
	}
	if len(chains) == 0 {
		return exitError{ExitNotFound, fmt.Sprintf("ligase: nothing in the catalog leads from there to %s.", want)}
	}
	for i, c := range chains {
		if i > 0 {
			fmt.Fprintln(a.Out)
		}
		for n, l := range c.Links {
			var takes []string
			for _, in := range l.Inputs {
				each := ""
				if in.Each {
					each = " (each)"
				}
				takes = append(takes, in.Port+" ← "+in.From+each)
			}
			fmt.Fprintf(a.Out, "%d. %s: %s → %s\n", n+1, l.Tool.Name, strings.Join(takes, ", "), l.Output)
		}
	}
	return nil
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
