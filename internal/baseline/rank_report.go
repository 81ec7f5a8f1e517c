package baseline

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/ligase-bio/ligase/internal/report"
	"github.com/ligase-bio/ligase/internal/tool"
)

// results are what a ranking came to.
type results struct {
	flags      rankFlags
	ports      gatheredPorts
	candidates []*candidate
	best       []*candidate
	columns    *columns
	stages     []stage
	counts     map[string]int
}

const (
	rowsShown       = 100 // of the ranked table
	histogramsShown = 8
	columnsShown    = 6 // of the ranked table
)

// page is the report of the results. It says nothing of when and where it was
// written: the same results give the same page.
func (r *results) page() *report.Page {
	p := &report.Page{
		Title:   cmp.Or(r.flags.title, "Ranking of candidates"),
		Lead:    r.lead(),
		Notices: r.notices(),
		Figures: []report.Figure{
			{Name: "promised", Value: strconv.Itoa(len(r.candidates))},
			{Name: "accepted", Value: strconv.Itoa(r.counts[accepted]), Outcome: report.Accepted},
			{Name: "filtered", Value: strconv.Itoa(r.counts[filtered]), Outcome: report.Filtered},
			{Name: "failed", Value: strconv.Itoa(r.counts[failed]), Outcome: report.Failed},
			{Name: "cached", Value: strconv.Itoa(r.counts[cached])},
		},
	}
	p.Sections = append(p.Sections, r.funnel(), r.spread(), r.ranked(), r.ledger(), r.provenance())
	return p
}

func (r *results) lead() string {
	if r.options().byColumn == nil {
		return fmt.Sprintf("None of %s came far enough to be ranked.", counted(len(r.candidates), "candidate", "candidates"))
	}
	way := "more is better"
	if r.options().lowerBetter {
		way = "less is better"
	}
	return fmt.Sprintf("%d of %s accepted, ranked by %s (%s).", len(r.best), counted(len(r.candidates), "candidate", "candidates"), r.options().byColumn, way)
}

func (r *results) options() *rankOptions { return &r.flags.options }

// notices are what a reader must know before the numbers.
func (r *results) notices() []string {
	var baselines []string
	for _, m := range r.makers() {
		if m.Implementation == "baseline" && m.Step != "score" && !slices.Contains(baselines, m.Step) {
			baselines = append(baselines, m.Step)
		}
	}
	if len(baselines) == 0 {
		return nil
	}
	return []string{fmt.Sprintf("Made with CPU baselines (%s). They show that the wiring works; their numbers say nothing about proteins in a laboratory.", strings.Join(baselines, ", "))}
}

// makers are what made the candidates, in the order of a campaign.
func (r *results) makers() []*maker {
	var list []*maker
	add := func(m *maker) {
		same := func(o *maker) bool {
			return o.Node == m.Node && o.Step == m.Step && o.Version == m.Version && o.Implementation == m.Implementation
		}
		if m != nil && !slices.ContainsFunc(list, same) {
			list = append(list, m)
		}
	}
	for _, p := range r.ports.inOrder() {
		add(p.madeBy)
		for _, index := range indexes(p) {
			add(p.items[index].MadeBy)
		}
	}
	return list
}

func (r *results) funnel() report.Section {
	f := &report.Funnel{Title: "Candidates after each stage", Promised: len(r.candidates)}
	for _, s := range r.stages {
		f.Stages = append(f.Stages, report.Stage{Name: s.name, Entered: s.entered, Passed: s.passed, Filtered: s.filtered, Failed: s.failed})
	}
	return report.Section{Title: "Funnel", Funnel: f, Text: "What each stage was given, let through, filtered by a threshold, and could not finish."}
}

// spread are the distributions of the numbers that matter, and the structure
// against the predictor's own confidence.
func (r *results) spread() report.Section {
	s := report.Section{Title: "Scores"}
	if scatter, ok := r.scatter(); ok {
		s.Scatters = []report.Scatter{scatter}
	}
	for _, col := range r.important() {
		h := report.Histogram{Title: col.String(), Words: col.Description, Unit: col.scale(), Thresholds: r.thresholds(col)}
		for _, c := range r.candidates {
			x, ok := c.valueOf(col)
			switch {
			case !ok:
			case c.outcome == accepted:
				h.Accepted = append(h.Accepted, x)
			default:
				h.Others = append(h.Others, x)
			}
		}
		if len(h.Accepted)+len(h.Others) > 0 {
			s.Histograms = append(s.Histograms, h)
		}
	}
	if len(s.Histograms) == 0 {
		s.Text = "Nothing was measured of any candidate."
	} else {
		s.Text = "Thresholds are dashed lines. A number is named by the node and the implementation that measured it: numbers of two tools are no common scale."
	}
	return s
}

// important are the columns whose spread is shown: what ranks, what filters,
// how well the structure comes back, and the predictor's confidence.
func (r *results) important() []*column {
	var list []*column
	add := func(c *column) {
		if c != nil && !slices.Contains(list, c) && len(list) < histogramsShown {
			list = append(list, c)
		}
	}
	add(r.options().byColumn)
	for _, k := range r.options().criteria {
		add(k.col)
	}
	for _, col := range r.columns.list {
		if len(r.thresholds(col)) > 0 {
			add(col)
		}
	}
	for _, name := range []string{"ca_rmsd", "tm_score"} {
		c, _ := r.columns.find(name)
		add(c)
	}
	add(r.confidence())
	for _, name := range []string{"energy", "clashes"} {
		for _, c := range r.columns.list {
			if c.name == name {
				add(c)
			}
		}
	}
	return list
}

// thresholds are all that bind a column: of the ranking, of its node, and
// those that the ledger tells of.
func (r *results) thresholds(col *column) []report.Threshold {
	var list []report.Threshold
	add := func(t report.Threshold) {
		if !slices.Contains(list, t) {
			list = append(list, t)
		}
	}
	for _, k := range r.options().criteria {
		if k.col == col {
			add(report.Threshold{Value: k.limit, Most: k.most, Stage: rankStage})
		}
	}
	for _, k := range col.keep {
		if k.Min != nil {
			add(report.Threshold{Value: *k.Min, Stage: col.node})
		}
		if k.Max != nil {
			add(report.Threshold{Value: *k.Max, Most: true, Stage: col.node})
		}
	}
	name := col.String()
	for _, c := range r.candidates {
		if c.outcome == filtered && c.metric == name {
			add(report.Threshold{Value: c.threshold, Most: c.most, Stage: c.stage})
		}
	}
	return list
}

// confidence is the column of the predictor's own confidence: the one that was
// named, else one that came with the models, else the B-factors, into which
// predictors write it. It is nil when there is none.
func (r *results) confidence() *column {
	if r.flags.confidence != "" {
		c, _ := r.columns.find(r.flags.confidence)
		return c
	}
	for _, name := range []string{"plddt", "confidence", "agreement", "ptm"} {
		for _, c := range r.columns.list {
			if c.port == "models" && (c.name == name || strings.HasSuffix(c.name, "_"+name)) { // esmfold_plddt
				return c
			}
		}
	}
	c, _ := r.columns.find("mean_b_factor")
	return c
}

func (r *results) scatter() (report.Scatter, bool) {
	rmsd, _ := r.columns.find("ca_rmsd")
	confidence := r.confidence()
	if rmsd == nil || confidence == nil {
		return report.Scatter{}, false
	}
	s := report.Scatter{
		Title:       rmsd.name + " against " + confidence.name,
		Words:       fmt.Sprintf("How far the model is from its backbone (%s), against the confidence of %s. What lies low and to the right folds back, as far as its predictor can tell.", rmsd, toolOf(confidence)),
		X:           named(confidence),
		Y:           named(rmsd),
		XThresholds: r.thresholds(confidence),
		YThresholds: r.thresholds(rmsd),
		AllAreWhere: "all.csv",
	}
	for _, c := range r.candidates {
		x, has := c.valueOf(confidence)
		y, too := c.valueOf(rmsd)
		if !has || !too {
			s.MissingCount++
			continue
		}
		s.Points = append(s.Points, report.Point{X: x, Y: y, Name: c.id, Outcome: report.Outcome(c.outcome)})
	}
	return s, true
}

func toolOf(c *column) string {
	if c.implementation == "" {
		return c.node
	}
	return c.node + ", " + c.implementation
}

func named(c *column) string {
	if c.scale() == "" {
		return c.String()
	}
	return c.String() + " (" + c.scale() + ")"
}

// ranked is the table of the accepted, or of the first of them.
func (r *results) ranked() report.Section {
	s := report.Section{Title: "Ranked candidates"}
	if len(r.best) == 0 {
		s.Text = "No candidate was accepted. The ledger says why."
		return s
	}
	shown := r.important()
	shown = shown[:min(len(shown), columnsShown)]
	t := report.Table{Caption: "Accepted, best first", Sorted: true, Head: []report.Head{{Name: "rank", Number: true}, {Name: "id"}}}
	for _, col := range shown {
		t.Head = append(t.Head, report.Head{Name: col.name, Under: toolOf(col), Words: describe(col), Number: true})
	}
	sequences := slices.ContainsFunc(r.best, func(c *candidate) bool { return c.sequence != "" })
	if sequences {
		t.Head = append(t.Head, report.Head{Name: "length", Number: true}, report.Head{Name: "sequence"})
	}
	t.Head = append(t.Head, report.Head{Name: "model"})
	for _, c := range r.best[:min(len(r.best), rowsShown)] {
		row := []report.Cell{report.Text(strconv.Itoa(c.rank)), report.Text(c.id)}
		for _, col := range shown {
			if x, ok := c.valueOf(col); ok {
				row = append(row, report.Number(x))
			} else {
				row = append(row, report.Text(""))
			}
		}
		if sequences {
			row = append(row, report.Text(c.lengthText()), report.Cell{Text: c.sequence, Code: true})
		}
		t.Rows = append(t.Rows, append(row, report.Link(c.model)))
	}
	if len(r.best) > rowsShown {
		t.Note = fmt.Sprintf("The first %d of %d. All of them are in ranked.csv, and every candidate is in all.csv.", rowsShown, len(r.best))
	} else {
		t.Note = "The same, with every column, is ranked.csv; every candidate is in all.csv."
	}
	s.Tables = []report.Table{t}
	return s
}

// ledger sums up what was left out, by stage and reason.
func (r *results) ledger() report.Section {
	type key struct{ stage, outcome, reason string }
	type entry struct {
		key
		count   int
		example *candidate
	}
	entries := map[key]*entry{}
	for _, c := range r.candidates {
		if c.outcome == accepted {
			continue
		}
		k := key{c.stage, c.outcome, c.reason()}
		if entries[k] == nil {
			entries[k] = &entry{key: k, example: c}
		}
		entries[k].count++
	}
	place := map[string]int{}
	for i, s := range r.stages {
		place[s.name] = i
	}
	order := slices.SortedFunc(maps.Values(entries), func(a, b *entry) int {
		return cmp.Or(cmp.Compare(place[a.stage], place[b.stage]), cmp.Compare(a.outcome, b.outcome), cmp.Compare(b.count, a.count), cmp.Compare(a.reason, b.reason))
	})
	t := report.Table{Caption: "Left out, by stage and reason", Head: []report.Head{{Name: "stage"}, {Name: "outcome"}, {Name: "reason"}, {Name: "candidates", Number: true}, {Name: "for example"}}}
	const most = 50
	for _, e := range order[:min(len(order), most)] {
		said := oneLine(e.example.message)
		if e.outcome == filtered {
			said = fmt.Sprintf("%s is %s", e.example.metric, e.example.value)
		}
		t.Rows = append(t.Rows, []report.Cell{report.Text(e.stage), report.Text(e.outcome), report.Text(e.reason), report.Text(strconv.Itoa(e.count)), report.Text(e.example.id + ": " + said)})
	}
	s := report.Section{Title: "Ledger"}
	s.Text = fmt.Sprintf("%d promised = %d accepted + %d filtered + %d failed + %d cached. Each is a row of ledger.csv.",
		len(r.candidates), r.counts[accepted], r.counts[filtered], r.counts[failed], r.counts[cached])
	if len(t.Rows) == 0 {
		s.Text += " None was left out."
		return s
	}
	if len(order) > most {
		t.Note = fmt.Sprintf("And %d more reasons, in ledger.csv.", len(order)-most)
	}
	s.Tables = []report.Table{t}
	return s
}

// provenance says what made the candidates, with which parameters, and what
// the numbers mean.
func (r *results) provenance() report.Section {
	s := report.Section{Title: "How it was made"}
	t := report.Table{Caption: "Stages", Head: []report.Head{{Name: "node"}, {Name: "step"}, {Name: "version"}, {Name: "implementation"}, {Name: "seed"}, {Name: "parameters"}, {Name: "keeps"}}}
	for _, m := range r.makers() {
		t.Rows = append(t.Rows, []report.Cell{report.Text(m.Node), report.Text(m.Step), report.Text(m.Version), report.Text(m.Implementation),
			report.Text(paramText(m.Params["seed"])), report.Text(paramsText(m.Params)), report.Text(keepText(m.Keep))})
	}
	if len(t.Rows) > 0 {
		s.Tables = append(s.Tables, t)
	} else {
		s.Text = "The manifests do not say which tools made the candidates."
	}
	o := r.options()
	options := report.Table{Caption: "Ranking", Head: []report.Head{{Name: "setting"}, {Name: "value"}}}
	set := func(name, value string) {
		options.Rows = append(options.Rows, []report.Cell{report.Text(name), report.Text(value)})
	}
	set("by", o.by)
	if o.byColumn != nil {
		set("that is", o.byColumn.String())
	}
	for _, k := range o.criteria {
		op := ">="
		if k.most {
			op = "<="
		}
		set("threshold", fmt.Sprintf("%s %s %s", k.column, op, tool.FormatNumber(k.limit)))
	}
	if o.perGroup > 0 {
		set("max_per_group", strconv.Itoa(o.perGroup))
	}
	if o.top > 0 {
		set("top", strconv.Itoa(o.top))
	}
	s.Tables = append(s.Tables, options)

	words := report.Table{Caption: "What the columns of all.csv mean", Head: []report.Head{{Name: "column"}, {Name: "unit"}, {Name: "better"}, {Name: "what it is"}}}
	for _, col := range r.columns.list {
		words.Rows = append(words.Rows, []report.Cell{report.Text(col.String()), report.Text(col.scale()), report.Text(col.Better), report.Text(col.Description)})
	}
	if len(words.Rows) > 0 {
		s.Tables = append(s.Tables, words)
	}
	return s
}

func describe(col *column) string {
	s := col.Description
	if col.scale() != "" {
		s = strings.TrimSpace(s + " Unit: " + col.scale() + ".")
	}
	if col.Better != "" {
		s = strings.TrimSpace(s + " Better: " + col.Better + ".")
	}
	return s
}

// paramsText are parameters as name=value, without the seed, which has its own
// column.
func paramsText(params map[string]any) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(params)) {
		if name != "seed" {
			parts = append(parts, name+"="+paramText(params[name]))
		}
	}
	return strings.Join(parts, ", ")
}

func paramText(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case float64:
		return tool.FormatNumber(v)
	}
	data, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(data)
}

func keepText(keep []interval) string {
	var parts []string
	for _, k := range keep {
		what := k.Metric
		if k.Port != "" {
			what += " of " + k.Port
		}
		if k.Min != nil {
			parts = append(parts, what+" >= "+tool.FormatNumber(*k.Min))
		}
		if k.Max != nil {
			parts = append(parts, what+" <= "+tool.FormatNumber(*k.Max))
		}
	}
	return strings.Join(parts, ", ")
}
