package report

import "fmt"

// Funnel is how many candidates there were at first and after each stage.
type Funnel struct {
	Title    string
	Promised int
	Cached   int
	Stages   []Stage
}

// Stage is what one stage made of the candidates that came to it: entered is
// passed + filtered + failed.
type Stage struct {
	Name     string
	Words    string // what it is, for the table
	Entered  int
	Passed   int
	Filtered int
	Failed   int
}

// funnelDrawing is a funnel with its places worked out, in percent of its
// width: its letters stay as large as the page's.
type funnelDrawing struct {
	Title  string
	Said   string
	Rows   []funnelRow
	Height float64
	Table  Table
}

type funnelRow struct {
	Name, Number string
	TextY, BarY  float64
	Parts        []funnelPart
}

type funnelPart struct {
	X, Width float64 // percent
	Outcome  Outcome
	Said     string
}

// short cuts a name to n characters: in the picture a figure stands beside it,
// and the table has it in full.
func short(name string, n int) string {
	if r := []rune(clean(name)); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return name
}

func (f *Funnel) draw() funnelDrawing {
	const row = 46.0
	d := funnelDrawing{Title: f.Title, Height: row*float64(len(f.Stages)+1) + 4}
	percent := func(n int) float64 { return 100 * float64(n) / float64(max(f.Promised, 1)) }
	add := func(name, number string, parts ...funnelPart) {
		y := row * float64(len(d.Rows))
		x := 0.0
		for i := range parts {
			parts[i].X = x
			x += parts[i].Width
		}
		d.Rows = append(d.Rows, funnelRow{name, number, y + 15, y + 21, parts})
	}
	add("promised", count(f.Promised), funnelPart{Width: percent(f.Promised), Outcome: Accepted, Said: count(f.Promised) + " promised"})
	d.Said = fmt.Sprintf("Of %s candidates promised", count(f.Promised))
	d.Table = Table{
		Caption: "Candidates at each stage",
		Head: []Head{{Name: "stage"}, {Name: "came to it", Number: true}, {Name: "passed", Number: true},
			{Name: "filtered", Number: true}, {Name: "failed", Number: true}},
	}
	for i, s := range f.Stages {
		name := "after " + short(s.Name, 24)
		if i == len(f.Stages)-1 {
			name = "accepted, after " + short(s.Name, 24)
		}
		figures := count(s.Passed)
		if s.Filtered > 0 {
			figures += fmt.Sprintf(" · %s filtered", count(s.Filtered))
		}
		if s.Failed > 0 {
			figures += fmt.Sprintf(" · %s failed", count(s.Failed))
		}
		var parts []funnelPart
		for _, p := range []funnelPart{
			{Width: percent(s.Passed), Outcome: Accepted, Said: fmt.Sprintf("%s passed %s", count(s.Passed), s.Name)},
			{Width: percent(s.Filtered), Outcome: Filtered, Said: fmt.Sprintf("%s filtered by %s", count(s.Filtered), s.Name)},
			{Width: percent(s.Failed), Outcome: Failed, Said: fmt.Sprintf("%s failed in %s", count(s.Failed), s.Name)},
		} {
			if p.Width > 0 {
				parts = append(parts, p)
			}
		}
		add(name, figures, parts...)
		d.Said += fmt.Sprintf(", %s passed %s", count(s.Passed), s.Name)
		d.Table.Rows = append(d.Table.Rows, []Cell{Text(s.Name), Text(count(s.Entered)), Text(count(s.Passed)), Text(count(s.Filtered)), Text(count(s.Failed))})
	}
	d.Said += "."
	return d
}
