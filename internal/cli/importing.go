package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ligase-bio/ligase/internal/argo/adopt"
	"github.com/ligase-bio/ligase/internal/definition"
	"github.com/ligase-bio/ligase/internal/draft"
	"github.com/ligase-bio/ligase/internal/problem"
)

func (a *app) importCommand() *cobra.Command {
	var dir, entrypoint string
	cmd := &cobra.Command{
		Use:   "import FILE | -",
		Short: "make step definitions of Argo WorkflowTemplates that there are already",
		Long: `Reads the YAML of a WorkflowTemplate, ClusterWorkflowTemplate or Workflow (or
several, or what kubectl prints; - for standard input) and writes a step for
each: its parameters with type, enum and default, its artifacts and *-uri
parameters as inputs and outputs, and how they become the template's arguments.
What only its author can know is marked FILL IN where it stands. What will not
work is said on standard error.

  ligase import wft.yaml > definitions/dock.yaml
  kubectl get workflowtemplates -o yaml | ligase import - --out definitions
  ligase validate definitions

A step runs the template where it is, on the engine argo; the template stays its
keeper's. Files that are there already are not written over.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			drafts, err := a.importFile(args[0], entrypoint)
			if err != nil {
				return err
			}
			if dir == "" && len(drafts) > 1 {
				return usagef("%s has %d templates, and a definition is a file of its own: say where with --out DIR.", args[0], len(drafts))
			}
			if a.json {
				return a.printDrafts(drafts, dir)
			}
			for _, d := range drafts {
				for _, w := range d.Warnings {
					fmt.Fprintln(a.Err, w)
				}
			}
			if dir == "" {
				fmt.Fprint(a.Out, string(drafts[0].Text))
				return nil
			}
			for _, d := range drafts {
				file, err := writeDraft(dir, d)
				if err != nil {
					return err
				}
				fmt.Fprintf(a.Out, "%s  %s\n", file, toFill(d))
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&dir, "out", "", "folder to write NAME.yaml into (default: standard output)")
	cmd.Flags().StringVar(&entrypoint, "entrypoint", "", "the template to make a step of (default: the one that spec.entrypoint says)")
	return cmd
}

// importFile makes steps of all templates in a file.
func (a *app) importFile(name, entrypoint string) ([]*draft.Draft, error) {
	in := a.In
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, usagef("%v", err)
		}
		defer f.Close()
		in = f
	}
	data, err := definition.ReadAll(in)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if name == "-" {
		name = "standard input"
	}
	c, _ := a.loadCatalog()
	manifests, problems := adopt.Read(name, data)
	var drafts []*draft.Draft
	taken := map[string]string{}
	for _, m := range manifests {
		made, ps := adopt.Convert(m, adopt.Options{Types: c.Types(), Entrypoint: entrypoint})
		if problems = append(problems, ps...); made == nil {
			continue
		}
		if first := taken[made.Name]; first != "" {
			problems.Addf(problem.Pos{File: name}, "metadata.name", problem.Duplicate, "Import them one by one, and rename one.",
				"%s and %s would both be the step %s.", first, m.Name, made.Name)
			continue
		}
		taken[made.Name] = m.Name
		drafts = append(drafts, made)
	}
	if err := problems.Err(); err != nil {
		return nil, err
	}
	return drafts, nil
}

// toFill says how much of a draft is left to its author.
func toFill(d *draft.Draft) string {
	if d.Open == 0 {
		return "complete"
	}
	return counted(d.Open, "place") + " to fill in"
}

// writeDraft writes a definition into a folder.
func writeDraft(dir string, d *draft.Draft) (string, error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return "", err
	}
	file := filepath.Join(dir, d.Name+".yaml")
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if os.IsExist(err) {
		return "", fmt.Errorf("%s is there already; move it away to have it written anew: %w", file, problem.ErrConflict)
	}
	if err != nil {
		return "", err
	}
	if _, err := f.Write(d.Text); err != nil {
		f.Close()
		return "", err
	}
	return file, f.Close()
}

// draftJSON is a draft for programs.
type draftJSON struct {
	Step       string   `json:"step"`
	File       string   `json:"file,omitempty"`
	Definition string   `json:"definition,omitempty"`
	FillIn     int      `json:"fill_in"`
	Warnings   []string `json:"warnings"`
}

func jsonOfDraft(d *draft.Draft) draftJSON {
	out := draftJSON{Step: d.Name, FillIn: d.Open, Warnings: []string{}}
	for _, w := range d.Warnings {
		out.Warnings = append(out.Warnings, strings.TrimSpace(w.String()))
	}
	return out
}

// printDrafts prints what was made for programs.
func (a *app) printDrafts(drafts []*draft.Draft, dir string) error {
	out := make([]draftJSON, len(drafts))
	for i, d := range drafts {
		out[i] = jsonOfDraft(d)
		if dir == "" {
			out[i].Definition = string(d.Text)
			continue
		}
		file, err := writeDraft(dir, d)
		if err != nil {
			return err
		}
		out[i].File = file
	}
	a.printJSON(map[string]any{"steps": out})
	return nil
}
