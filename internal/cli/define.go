package cli

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ligase-bio/ligase/catalog"
	"github.com/ligase-bio/ligase/internal/adapt"
	"github.com/ligase-bio/ligase/internal/baseline"
	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/uris"
)

func (a *app) validateCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "validate DIR...",
		Short: "check folders of definitions and print every problem",
		Long: `Reads every *.yaml below the folders, together with the built-in library and
the folders of --catalog, and prints each problem as "file:line: path: sentence.
fix". Exit code 3 when there are any.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var given []catalog.Source
			for _, path := range args {
				source, err := definitionSource(path)
				if err != nil {
					return err
				}
				given = append(given, source)
			}
			c, problems := catalog.Load(slices.Concat(catalog.Builtin(), given, a.added())...)
			if len(problems) > 0 {
				if !a.json {
					for _, p := range problems {
						fmt.Fprintln(a.Out, p)
					}
					return exitError{ExitInvalid, counted(len(problems), "problem")}
				}
				return problems
			}
			var own []string
			for _, t := range c.Tools() {
				if slices.ContainsFunc(given, func(s catalog.Source) bool { return s.Holds(t) }) {
					own = append(own, string(t.Kind)+" "+t.Name)
				}
			}
			if a.json {
				a.printJSON(map[string]any{"problems": []string{}, "tools": own})
				return nil
			}
			if len(own) == 0 {
				own = append(own, "no tools")
			}
			fmt.Fprintf(a.Out, "sound: %s\n", strings.Join(own, ", "))
			return nil
		},
	}
}

// definitionSource is a folder, or the one file that was named.
func definitionSource(path string) (catalog.Source, error) {
	info, err := os.Stat(path)
	if err == nil && !info.IsDir() {
		return catalog.File(path), nil
	}
	return catalog.Dir(path)
}

func (a *app) graphCommand() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:               "graph TOOL",
		Short:             "draw how a pipeline is wired, as Mermaid or DOT",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeTools,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, _ := a.loadCatalog()
			compiled, err := c.Compile(args[0], nil)
			if err != nil {
				return a.orProblems(err)
			}
			var text string
			switch format {
			case "mermaid":
				text = compiled.Graph().Mermaid()
			case "dot":
				text = compiled.Graph().DOT()
			default:
				return usagef("--format %s: there are mermaid and dot.", format)
			}
			if a.json {
				a.printJSON(map[string]any{"tool": args[0], "format": format, "graph": text})
				return nil
			}
			fmt.Fprint(a.Out, text)
			return nil
		},
	}
	cmd.Flags().StringVar(&format, "format", "mermaid", "mermaid or dot")
	return cmd
}

// inHand says what an argument of `catalog next` names: a type, a type in a
// format, or the URI of an object.
func (a *app) inHand(cmd *cobra.Command, text string) ([]steps.TypeFormat, error) {
	types := a.catalogOrWarn().Types()
	name, format, _ := strings.Cut(text, "/")
	if types.Lookup(name) != nil {
		if format != "" && types.FormatOf(name, format) == nil {
			return nil, usagef("%s: %s has no format %q.", text, name, format)
		}
		return []steps.TypeFormat{{Type: name, Format: format}}, nil
	}
	if !looksLikeURI.MatchString(text) {
		return nil, usagef("%s is neither a type nor a URI. Types: %s.", text, strings.Join(types.Names(), ", "))
	}
	u, err := uris.Parse(text)
	if err != nil {
		return nil, usagef("%v", err)
	}
	service, err := a.open(nil)
	if err != nil {
		return nil, err
	}
	return service.Describe(cmd.Context(), tenant, u)
}

func (a *app) baselineCommand() *cobra.Command {
	return &cobra.Command{
		Use:                "baseline NAME [flags]",
		Short:              "run one of the library's CPU baselines as a command",
		Hidden:             true,
		DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if code := baseline.Run(cmd.Context(), args, a.In, a.Out, a.Err); code != 0 {
				return exitError{code: code}
			}
			return nil
		},
	}
}

func (a *app) adaptCommand() *cobra.Command {
	return &cobra.Command{
		Use:                "adapt NAME prepare|finish [flags]",
		Short:              "do what stands between a step of the library and the tool that it runs",
		Hidden:             true,
		DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if code := adapt.Run(cmd.Context(), args, a.Out, a.Err); code != 0 {
				return exitError{code: code}
			}
			return nil
		},
	}
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "print the version, and where data is kept",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := a.dataDir()
			if err != nil {
				dir = "nowhere: set LIGASE_DATA"
			}
			if a.json {
				a.printJSON(map[string]any{"version": version, "go": runtime.Version(), "os": runtime.GOOS, "arch": runtime.GOARCH, "data": dir})
				return nil
			}
			fmt.Fprintf(a.Out, "ligase %s (%s, %s/%s)\ndata: %s\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH, dir)
			return nil
		},
	}
}
