package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// A chart is drawn on a small canvas, so that its letters can be read on a
// telephone, where it is as wide as the page; elsewhere several stand in a row.
const (
	chartWidth  = 360.0
	chartHeight = 230.0
	chartLeft   = 44.0
	chartRight  = 338.0
	chartTop    = 24.0
	chartBottom = 186.0
)

// Histogram is how the values of candidates are spread.
type Histogram struct {
	Title      string // of the number: fold.baseline.agreement
	Words      string // what it is
	Unit       string
	Accepted   []float64
	Others     []float64 // of those that have the number and were not accepted
	Thresholds []Threshold
}

// Scatter is two numbers of candidates against each other.
type Scatter struct {
	Title        string
	Words        string
	X, Y         string // the numbers, with their units
	Points       []Point
	XThresholds  []Threshold
	YThresholds  []Threshold
	MostPoints   int    // more are drawn as cells that tell how many; 0: 1,500
	AllAreWhere  string // where to find all of them: "all.csv"
	MissingCount int    // candidates that lack one of the numbers
}

// Point is a candidate in a scatter.
type Point struct {
	X, Y    float64
	Name    string
	Outcome Outcome
}

// drawing is what charts have in common.
type drawing struct {
	Title, Words   string
	Said           string // what the picture shows, in words
	Legend         []legendEntry
	Notes          []string
	XTicks, YTicks []tick
	XName, YName   string
	Lines          []line
	Width, Height  float64
	Left, Right    float64
	Top, Bottom    float64
}

type legendEntry struct {
	Outcome Outcome
	Text    string
}

type tick struct {
	At   float64
	Text string
}

// line is a threshold, across the picture.
type line struct {
	X1, Y1, X2, Y2 float64
	TextX, TextY   float64
	Anchor         string
	Text           string
}

func newDrawing(title, words string) drawing {
	return drawing{
		Title: title, Words: words, Width: chartWidth, Height: chartHeight,
		Left: chartLeft, Right: chartRight, Top: chartTop, Bottom: chartBottom,
	}
}

func (d *drawing) scale(x, y axis) {
	for _, v := range x.ticks() {
		d.XTicks = append(d.XTicks, tick{x.at(v, d.Left, d.Right), number(tidy(v, x.step))})
	}
	for _, v := range y.ticks() {
		d.YTicks = append(d.YTicks, tick{y.at(v, d.Bottom, d.Top), number(tidy(v, y.step))})
	}
}

// tidy takes from a multiple of a step what adding has left behind it.
func tidy(x, step float64) float64 { return math.Round(x/step) * step }

// bounds are the least and the largest of the numbers, with the thresholds
// that do not lie so far away that nothing else could be seen.
func bounds(values []float64, thresholds []Threshold) (low, high float64, far []Threshold) {
	if len(values) == 0 {
		return 0, 1, thresholds
	}
	low, high = slices.Min(values), slices.Max(values)
	reach := math.Max(high-low, math.Max(math.Abs(low), math.Abs(high))*0.1)
	near := func(t Threshold) bool { return t.Value >= low-reach && t.Value <= high+reach }
	l, h := low, high
	for _, t := range thresholds {
		if near(t) {
			l, h = math.Min(l, t.Value), math.Max(h, t.Value)
		} else {
			far = append(far, t)
		}
	}
	return l, h, far
}

// vertical draws thresholds of the x axis, horizontal of the y axis. Labels
// step down so that two do not lie on each other.
func (d *drawing) vertical(thresholds, far []Threshold, x axis) {
	for i, t := range near(thresholds, far) {
		at := x.at(t.Value, d.Left, d.Right)
		anchor, dx := "start", 4.0
		if at > (d.Left+d.Right)/2 {
			anchor, dx = "end", -4.0
		}
		d.Lines = append(d.Lines, line{at, d.Top, at, d.Bottom, at + dx, d.Top + 12 + float64(i%2)*15, anchor, label(t)})
	}
	d.tooFar(far)
}

func (d *drawing) horizontal(thresholds, far []Threshold, y axis) {
	for _, t := range near(thresholds, far) {
		at := y.at(t.Value, d.Bottom, d.Top)
		d.Lines = append(d.Lines, line{d.Left, at, d.Right, at, d.Right, at - 5, "end", label(t)})
	}
	d.tooFar(far)
}

func near(all, far []Threshold) []Threshold {
	return slices.DeleteFunc(slices.Clone(all), func(t Threshold) bool { return slices.Contains(far, t) })
}

func label(t Threshold) string {
	if t.Stage == "" {
		return t.String()
	}
	return t.Stage + " " + t.String()
}

func (d *drawing) tooFar(far []Threshold) {
	for _, t := range far {
		d.Notes = append(d.Notes, fmt.Sprintf("The threshold %s lies outside of the picture.", label(t)))
	}
}

// bin is a range of values and how many candidates have one in it.
type bin struct {
	From, To         float64
	Accepted, Others int
}

// bins counts values in ranges of equal, round width. The last one includes
// its end.
func (h *Histogram) bins(a axis, whole bool) []bin {
	const most = 20
	width := a.step
	for _, m := range []float64{10, 5, 4, 2} {
		if (a.high-a.low)/(a.step/m) <= most+0.5 {
			width = a.step / m
			break
		}
	}
	if whole {
		width = math.Ceil((a.high - a.low) / most)
	}
	n := max(1, int(math.Ceil((a.high-a.low)/width-1e-9)))
	list := make([]bin, n)
	for i := range list {
		list[i].From, list[i].To = a.low+float64(i)*width, a.low+float64(i+1)*width
	}
	place := func(x float64) *bin {
		// What lies on a border belongs above it, also where dividing falls short.
		return &list[min(max(int(math.Floor((x-a.low)/width+1e-9)), 0), n-1)]
	}
	for _, x := range h.Accepted {
		place(x).Accepted++
	}
	for _, x := range h.Others {
		place(x).Others++
	}
	return list
}

// histogramDrawing is a histogram with its places worked out.
type histogramDrawing struct {
	drawing
	Bars []bar
	Bins Table
}

type bar struct {
	X, Y, Width, Height float64
	Outcome             Outcome
	Said                string
}

func (h Histogram) draw() histogramDrawing {
	d := histogramDrawing{drawing: newDrawing(h.Title, h.Words)}
	h.Accepted, h.Others = finite(h.Accepted), finite(h.Others)
	values := slices.Concat(h.Accepted, h.Others)
	d.XName = withUnit(h.Title, h.Unit)
	d.YName = "candidates"
	if len(values) == 0 {
		d.Said = "No candidate has this number."
		return d
	}
	low, high, far := bounds(values, h.Thresholds)
	whole := !slices.ContainsFunc(values, func(x float64) bool { return x != math.Trunc(x) })
	x := axisOver(low, high, 5)
	if whole {
		x = wholeAxis(math.Floor(low), math.Ceil(high), 5)
	}
	bins := h.bins(x, whole)
	x.high = bins[len(bins)-1].To
	tallest := 0
	for _, b := range bins {
		tallest = max(tallest, b.Accepted+b.Others)
	}
	y := axisOver(0, float64(tallest), 4)
	if y.step < 1 {
		y = axis{0, float64(tallest), 1, 0}
	}
	d.scale(x, y)
	d.Bins = Table{Caption: h.Title, Head: []Head{{Name: "from", Number: true}, {Name: "to", Number: true}, {Name: "accepted", Number: true}, {Name: "others", Number: true}}}
	for _, b := range bins {
		left, right := x.at(b.From, d.Left, d.Right), x.at(b.To, d.Left, d.Right)
		if whole { // said as the numbers that lie in it
			b.From, b.To = b.From+0.5, b.To-0.5
		}
		span := number(b.From) + " to " + number(b.To)
		if b.From == b.To {
			span = number(b.From)
		}
		bottom := y.at(0, d.Bottom, d.Top)
		for _, part := range []struct {
			n       int
			outcome Outcome
		}{{b.Accepted, Accepted}, {b.Others, Filtered}} {
			if part.n == 0 {
				continue
			}
			height := d.Bottom - y.at(float64(part.n), d.Bottom, d.Top)
			d.Bars = append(d.Bars, bar{left + 0.5, bottom - height, right - left - 1, height, part.outcome,
				fmt.Sprintf("%s: %s %s", span, count(part.n), map[Outcome]string{Accepted: "accepted", Filtered: "others"}[part.outcome])})
			bottom -= height
		}
		if b.Accepted+b.Others > 0 {
			d.Bins.Rows = append(d.Bins.Rows, []Cell{Number(b.From), Number(b.To), Text(count(b.Accepted)), Text(count(b.Others))})
		}
	}
	d.vertical(h.Thresholds, far, x)
	d.Legend = []legendEntry{{Accepted, fmt.Sprintf("accepted (%s)", count(len(h.Accepted)))}, {Filtered, fmt.Sprintf("others (%s)", count(len(h.Others)))}}
	d.Said = fmt.Sprintf("Histogram of %s of %s candidates, from %s to %s, median %s.", d.XName, count(len(values)), number(slices.Min(values)), number(slices.Max(values)), number(median(values)))
	for _, t := range h.Thresholds {
		d.Said += " Threshold " + label(t) + "."
	}
	return d
}

func finite(values []float64) []float64 {
	return slices.DeleteFunc(slices.Clone(values), func(x float64) bool { return math.IsNaN(x) || math.IsInf(x, 0) })
}

func median(values []float64) float64 {
	v := slices.Sorted(slices.Values(values))
	if n := len(v); n%2 == 0 {
		return (v[n/2-1] + v[n/2]) / 2
	}
	return v[len(v)/2]
}

func withUnit(name, unit string) string {
	if unit == "" {
		return name
	}
	return name + " (" + unit + ")"
}

// scatterDrawing is a scatter with its places worked out.
type scatterDrawing struct {
	drawing
	Marks []mark
	Cells []cell
}

type mark struct {
	X, Y    float64
	Outcome Outcome
	Said    string
}

// cell is a square of a picture with too many points to draw each.
type cell struct {
	X, Y, Width, Height float64
	Opacity             float64
	Outcome             Outcome
	Said                string
}

func (s Scatter) draw() scatterDrawing {
	d := scatterDrawing{drawing: newDrawing(s.Title, s.Words)}
	d.XName, d.YName = s.X, s.Y
	points := slices.DeleteFunc(slices.Clone(s.Points), func(p Point) bool { return len(finite([]float64{p.X, p.Y})) < 2 })
	if s.MissingCount > 0 {
		d.Notes = append(d.Notes, fmt.Sprintf("%s of the candidates are not shown: they have not both numbers.", count(s.MissingCount)))
	}
	if len(points) == 0 {
		d.Said = "No candidate has both numbers."
		return d
	}
	var xs, ys []float64
	counts := map[Outcome]int{}
	for _, p := range points {
		xs, ys = append(xs, p.X), append(ys, p.Y)
		counts[p.Outcome]++
	}
	xLow, xHigh, xFar := bounds(xs, s.XThresholds)
	yLow, yHigh, yFar := bounds(ys, s.YThresholds)
	x, y := axisOver(xLow, xHigh, 5), axisOver(yLow, yHigh, 5)
	d.scale(x, y)
	// Those accepted are drawn last, so that they are seen.
	slices.SortStableFunc(points, func(a, b Point) int { return cmp.Compare(layer(a.Outcome), layer(b.Outcome)) })
	if most := cmp.Or(s.MostPoints, 1500); len(points) > most {
		d.cells(points, x, y)
		d.Notes = append(d.Notes, fmt.Sprintf("%s candidates are drawn as squares: the darker, the more lie there. Each is a row of %s.", count(len(points)), s.AllAreWhere))
	} else {
		for _, p := range points {
			d.Marks = append(d.Marks, mark{x.at(p.X, d.Left, d.Right), y.at(p.Y, d.Bottom, d.Top), p.Outcome,
				fmt.Sprintf("%s: %s, %s (%s)", p.Name, number(p.X), number(p.Y), p.Outcome)})
		}
	}
	d.vertical(s.XThresholds, xFar, x)
	d.horizontal(s.YThresholds, yFar, y)
	for _, o := range []Outcome{Accepted, Filtered, Failed} {
		if n := counts[o]; n > 0 {
			d.Legend = append(d.Legend, legendEntry{o, fmt.Sprintf("%s (%s)", o, count(n))})
		}
	}
	d.Said = fmt.Sprintf("Scatter of %s, up, against %s, to the right, of %s candidates, %s of them accepted.", s.Y, s.X, count(len(points)), count(counts[Accepted]))
	return d
}

func layer(o Outcome) int { return slices.Index([]Outcome{Failed, Filtered, Accepted}, o) }

// cells counts points in a grid.
func (d *scatterDrawing) cells(points []Point, x, y axis) {
	const columns, rows = 38, 20
	type place struct {
		column, row int
		outcome     Outcome
	}
	counts := map[place]int{}
	most := 0
	for _, p := range points {
		at := place{min(int(x.at(p.X, 0, columns)), columns-1), min(int(y.at(p.Y, 0, rows)), rows-1), p.Outcome}
		counts[at]++
		most = max(most, counts[at])
	}
	width, height := (d.Right-d.Left)/columns, (d.Bottom-d.Top)/rows
	var places []place
	for at := range counts {
		places = append(places, at)
	}
	slices.SortFunc(places, func(a, b place) int {
		return cmp.Or(cmp.Compare(layer(a.outcome), layer(b.outcome)), cmp.Compare(a.row, b.row), cmp.Compare(a.column, b.column))
	})
	for _, at := range places {
		n := counts[at]
		d.Cells = append(d.Cells, cell{
			X: d.Left + float64(at.column)*width, Y: d.Bottom - float64(at.row+1)*height, Width: width, Height: height,
			Opacity: 0.25 + 0.75*math.Log1p(float64(n))/math.Log1p(float64(most)),
			Outcome: at.outcome, Said: fmt.Sprintf("%s %s", count(n), at.outcome),
		})
	}
}
