package cli

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/ligase-bio/ligase/catalog"
	"github.com/ligase-bio/ligase/internal/local"
	"github.com/ligase-bio/ligase/pipelines"
	"github.com/ligase-bio/ligase/steps"
)

// toolDetail is a tool as JSON.
type toolDetail struct {
	toolSummary
	Inputs          []steps.Port           `json:"inputs"`
	Params          []steps.Param          `json:"params"`
	Outputs         []steps.Port           `json:"outputs"`
	Metrics         []steps.Metric         `json:"metrics,omitempty"`
	Implementations []steps.Implementation `json:"implementations,omitempty"`
	Origin          string                 `json:"origin"`

	// Places are how implementations run on this machine, by their names.
	Places map[string]local.Place `json:"places,omitempty"`
}

func (a *app) toolJSON(ctx context.Context, t *catalog.Tool) toolDetail {
	d := toolDetail{
		toolSummary: toolSummary{t.Name, t.Kind, t.Version, t.Title, t.Duration, t.Description, nil},
		Inputs:      t.Inputs, Params: t.Params, Outputs: t.Outputs, Metrics: t.Metrics, Implementations: t.Implementations, Origin: t.Origin,
	}
	if here := a.here(); here != nil && len(t.Implementations) > 0 {
		d.Places = map[string]local.Place{}
		for i := range t.Implementations {
			impl := &t.Implementations[i]
			d.Places[impl.Name] = here.Of(ctx, impl)
			if d.Places[impl.Name].Runs() {
				d.Here = append(d.Here, impl.Name)
			}
		}
	}
	return d
}

// printTool prints the manual page of a tool.
func (a *app) printTool(ctx context.Context, c *catalog.Catalog, t *catalog.Tool) error {
	w, here := a.Out, a.here()
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
		for i := range t.Metrics {
			m := &t.Metrics[i]
			fmt.Fprintln(w, strings.TrimRight(fmt.Sprintf("  %s  %s", m.Name, strings.Join(m.Facts(), ", ")), " "))
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
			fmt.Fprintf(w, "  %s%s  %s\n", impl.Name, note, resourceFacts(&impl))
			if here != nil {
				fmt.Fprintln(w, fill("Here: "+here.Of(ctx, &impl).String(), 78, "      "))
			}
			for _, text := range []string{impl.Title, impl.Description} {
				if text != "" {
					fmt.Fprintln(w, fill(text, 78, "      "))
				}
			}
			if impl.Cost != nil && len(impl.Cost.Points) > 0 {
				fmt.Fprintln(w, fill("Known: "+impl.Cost.Says()+".", 78, "      "))
			}
			for _, v := range impl.Volumes {
				fmt.Fprintln(w, fill(volumeFacts(&v), 78, "      "))
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
		fmt.Fprintln(w, hang(fmt.Sprintf("  %s  %s", p.Name, strings.Join(p.Facts(), ", ")), 78, "      "))
		if p.Description != "" {
			fmt.Fprintln(w, fill(p.Description, 78, "      "))
		}
	}
}

func paramFacts(p *steps.Param) string { return strings.Join(append(p.Facts(), p.Standing()), ", ") }

func resourceFacts(i *steps.Implementation) string {
	facts := append(i.Needs(), i.Takes()...)
	if i.Image != "" {
		facts = append(facts, "image "+i.Image)
	}
	return strings.Join(facts, ", ")
}

// volumeFacts is what there is to know of a volume.
func volumeFacts(v *steps.Volume) string {
	text := fmt.Sprintf("Volume %s, at %s. %s", v.Name, v.At, v.Description)
	if v.Get != "" {
		text += " From: " + v.Get
	}
	return strings.TrimRight(text, " ")
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
