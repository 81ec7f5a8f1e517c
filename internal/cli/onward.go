package cli

import (
	"fmt"
	"strings"

	"github.com/ligase-bio/ligase/catalog"
	"github.com/ligase-bio/ligase/steps"
)

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
	if len(have) == 0 {
		fmt.Fprintln(a.Out, "What this is cannot be told by its name and content. Name its type; see `ligase catalog types`.")
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
