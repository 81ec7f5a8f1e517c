package cli

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ligase-bio/ligase/pipelines"
	"github.com/ligase-bio/ligase/steps"
)

// trialJSON is what came of a trial, for programs.
type trialJSON struct {
	Step           string                       `json:"step"`
	Version        string                       `json:"version"`
	Implementation string                       `json:"implementation"`
	Place          string                       `json:"place"` // "as a process", "in podman"
	Sound          bool                         `json:"sound"`
	Commands       [][]string                   `json:"commands,omitempty"`
	Inputs         map[string][]pipelines.Input `json:"inputs,omitempty"`
	Params         map[string]steps.Value       `json:"params,omitempty"`
	Progress       *progressSeen                `json:"progress,omitempty"`
	Result         *steps.Result                `json:"result,omitempty"` // the commit record
	Failures       []*steps.Failure             `json:"failures"`
	Twice          *twiceJSON                   `json:"twice,omitempty"`
	Notes          []problemJSON                `json:"notes"`
	Left           []leftFile                   `json:"left,omitempty"`
	Folder         string                       `json:"folder,omitempty"`
}

type twiceJSON struct {
	Same        bool     `json:"same"`
	Differences []string `json:"differences"`
}

func (t *trial) json(keep bool) trialJSON {
	out := trialJSON{
		Step: t.step.Name, Version: t.step.Version, Implementation: t.impl.Name, Place: cmp.Or(t.place.How, "as a process"), Sound: t.sound(),
		Commands: t.first.commands, Inputs: t.plan.Inputs, Params: t.task.Params, Result: t.first.result,
		Failures: t.failures(), Notes: []problemJSON{}, Left: t.left,
	}
	if t.impl.Progress != "" {
		out.Progress = &t.first.progress
	}
	if t.second != nil {
		out.Twice = &twiceJSON{t.sound(), append([]string{}, t.differences...)}
	}
	for _, n := range t.notes {
		out.Notes = append(out.Notes, problemJSON{n.Pos.File, n.Pos.Line, n.Pos.Column, n.Path, n.Code, n.Message, n.Fix})
	}
	if keep {
		out.Folder = t.folder
	}
	return out
}

// failures are all promises that were not kept.
func (t *trial) failures() []*steps.Failure {
	out := []*steps.Failure{}
	if t.first.failure != nil {
		out = append(append(out, t.first.failure), t.also...)
	}
	if t.second != nil && t.second.failure != nil {
		out = append(out, t.second.failure)
	}
	return out
}

// printTrial says what came of a trial.
func (a *app) printTrial(t *trial) {
	how := ""
	if t.place.Runs() {
		how = ", " + t.place.How
	}
	fmt.Fprintf(a.Out, "%s %s, implementation %s%s\n", t.step.Name, t.step.Version, t.impl.Name, how)
	a.printGiven(t)
	for _, argv := range t.first.commands {
		words := make([]string, len(argv))
		for i, word := range argv {
			// The folder is gone when this is read; what lies in it is told.
			word = strings.ReplaceAll(word, t.attempt(&t.first)+"/", "")
			// A script of many lines is the definition's to show.
			if line, _, more := strings.Cut(word, "\n"); more {
				word = line + " …"
			}
			words[i] = quoted(word)
		}
		fmt.Fprintf(a.Out, "command\n  %s\n", strings.Join(words, " "))
	}
	if t.first.result != nil {
		a.printUse(t)
		a.printCommitted(t)
	}
	if len(t.left) > 0 && t.first.result != nil {
		fmt.Fprintf(a.Out, "left behind, as nothing collects it\n  %s\n", leftText(t.left))
	}
	if len(t.notes) > 0 {
		fmt.Fprintln(a.Out, "notes")
		for _, n := range t.notes {
			fmt.Fprintln(a.Out, "  "+n.String())
		}
	}
	a.printVerdict(t)
}

// printGiven shows the inputs as they were staged, and the parameters.
func (a *app) printGiven(t *trial) {
	var rows [][]string
	for i := range t.task.Inputs {
		port := t.task.Inputs[i].Port.Name
		for _, in := range t.plan.Inputs[port] {
			rows = append(rows, []string{"  " + port, in.Type + "/" + in.Format, size(in.Size), strings.ReplaceAll(in.Origin, "`", "")})
		}
	}
	if len(rows) > 0 {
		fmt.Fprintln(a.Out, "inputs")
		table(a.Out, []string{"  PORT", "TYPE", "SIZE", "FROM"}, rows)
	}
	if len(t.task.Params) > 0 {
		fmt.Fprintln(a.Out, "params")
		for _, name := range slices.Sorted(maps.Keys(t.task.Params)) {
			fmt.Fprintf(a.Out, "  %s=%s\n", name, cut(t.task.Params[name].String(), 200))
		}
	}
}

// printUse shows what the command used of what it asks for.
func (a *app) printUse(t *trial) {
	result := t.first.result
	memory := "too little memory to be seen"
	if peak := result.Usage.PeakMemory; peak > 0 {
		memory = mebibytes(peak) + " of memory"
	}
	if limit := t.impl.Resources.Memory; limit > 0 {
		memory += " of " + mebibytes(limit)
	} else {
		memory += " (no limit is set)"
	}
	limit := took(t.impl.Timeout)
	if t.impl.Timeout == 0 {
		limit = took(steps.DefaultTimeout) + " (no timeout is set)"
	}
	fmt.Fprintf(a.Out, "  exit code 0 after %s of %s; %s CPU; %s; %s printed\n",
		took(seconds(result.Timings.Run)), limit, took(seconds(result.Usage.CPUSeconds)), memory, counted(t.first.logLines, "line"))
	if gpu := gpuUse(result.Usage); gpu != "" {
		fmt.Fprintf(a.Out, "  %s\n", gpu)
	}
	if p := t.first.progress; p.Reports > 0 {
		fmt.Fprintf(a.Out, "  progress was told %s, at the end %.0f %%\n", counted(p.Reports, "time"), 100*p.Last)
	}
}

// gpuUse says what a command used of a GPU; "" where nothing of that is known.
func gpuUse(u steps.Usage) string {
	if u.GPUName == "" && u.GPUMemoryPeak == 0 && u.GPUUtilization == nil {
		return ""
	}
	text := "GPU"
	if u.GPUName != "" {
		text += " " + u.GPUName
	}
	switch {
	case u.GPUMemoryPeak == 0:
		text += "; how much of its memory was used is not known"
	case u.GPUMemory == 0:
		text += "; " + mebibytes(u.GPUMemoryPeak) + " of its memory"
	default:
		text += "; " + mebibytes(u.GPUMemoryPeak) + " of its " + mebibytes(u.GPUMemory)
	}
	if u.GPUUtilization != nil {
		text += fmt.Sprintf("; busy %.0f %% of the time", *u.GPUUtilization)
	}
	return text
}

func mebibytes(n int64) string { return fmt.Sprintf("%d MiB", (n+1<<20-1)>>20) }

const (
	shownItems = 5  // of an output that gives many
	shownLines = 4  // of an object
	shownWidth = 76 // of a line
)

// printCommitted shows what a run would commit.
func (a *app) printCommitted(t *trial) {
	result := t.first.result
	fmt.Fprintln(a.Out, "outputs")
	for i := range t.task.Outputs {
		port := &t.task.Outputs[i]
		objects := result.Outputs[port.Name]
		if len(objects) == 0 {
			fmt.Fprintf(a.Out, "  %s  nothing came, which it may\n", port.Name)
		}
		for k, o := range objects {
			name := port.Name
			if port.Many {
				name = fmt.Sprintf("%s[%d]", port.Name, k)
			}
			if k == shownItems {
				fmt.Fprintf(a.Out, "  and %d more of %s\n", len(objects)-k, port.Name)
				break
			}
			fmt.Fprintf(a.Out, "  %s  %s/%s  %s  sha256 %s…%s\n", name, o.Type, o.Format, size(o.Size), o.SHA256[:12], metricsText(o.Metrics))
			for n, line := range o.Preview {
				if n == shownLines {
					fmt.Fprintln(a.Out, "    | …")
					break
				}
				fmt.Fprintf(a.Out, "    | %s\n", cut(line, shownWidth))
			}
		}
	}
	if len(result.Metrics) == 0 {
		return
	}
	fmt.Fprintln(a.Out, "metrics")
	var rows [][]string
	for _, name := range slices.Sorted(maps.Keys(result.Metrics)) {
		row := []string{"  " + name, number(result.Metrics[name]), "", ""}
		for _, m := range t.step.Metrics {
			if m.Name == name {
				row[2], row[3] = m.Unit, m.Better
			}
		}
		rows = append(rows, row)
	}
	table(a.Out, []string{"  NAME", "VALUE", "UNIT", "BETTER"}, rows)
}

func metricsText(metrics map[string]float64) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(metrics)) {
		b.WriteString("  " + name + "=" + number(metrics[name]))
	}
	return b.String()
}

func leftText(left []leftFile) string {
	const most = 10
	var out []string
	for i, f := range left {
		if i == most {
			out = append(out, fmt.Sprintf("and %d more", len(left)-most))
			break
		}
		out = append(out, fmt.Sprintf("%s (%s)", f.Name, size(f.Size)))
	}
	return strings.Join(out, ", ")
}

// printVerdict says whether the step did what it promises, and if not, all
// that it did not.
func (a *app) printVerdict(t *trial) {
	if f := t.first.failure; f != nil {
		fmt.Fprintln(a.Out, "failed")
		a.explain("why", f)
		for _, f := range t.also {
			a.explain("and", f)
		}
		if f.Code == steps.FailOutputContract {
			there := "nothing else"
			if len(t.left) > 0 {
				there = leftText(t.left)
			}
			fmt.Fprintf(a.Out, "  in its folder, as nothing collects it: %s\n", there)
		}
		return
	}
	switch {
	case t.second == nil:
	case t.second.failure != nil:
		fmt.Fprintln(a.Out, "failed the second time")
		a.explain("why", t.second.failure)
		return
	case len(t.differences) > 0:
		fmt.Fprintln(a.Out, "failed: two attempts on the same arguments differ")
		for _, d := range t.differences {
			fmt.Fprintln(a.Out, "  "+d)
		}
		fmt.Fprintln(a.Out, "  "+t.remedy())
		return
	default:
		fmt.Fprintln(a.Out, "twice: the same outputs and metrics")
	}
	fmt.Fprintln(a.Out, "sound: it did what the step promises")
}

// remedy is what to do about a step that gives something else each time.
func (t *trial) remedy() string {
	if steps.FindParam(t.step.Params, "seed") != nil {
		return "The seed was the same. See that the command uses it, that it takes one thread where order matters, and that times and paths stay out of what it writes."
	}
	return "If it draws random numbers, make its seed a parameter with a default. Keep times and paths out of what it writes."
}
