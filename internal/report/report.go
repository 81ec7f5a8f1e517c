// Package report writes a report of many candidates as one web page: a funnel,
// distributions, scatters and tables, which are read on a screen, on paper and
// by a screen reader. The page is complete in itself: it asks nothing of a
// network, and says so to the browser. It knows nothing of what candidates
// are.
//
// Everything that is shown is taken to be somebody else's text: it is escaped
// where it stands, and control characters are left out.
package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"
	"unicode"
)

// Page is a report: all that it shows, in order.
type Page struct {
	Title    string
	Lead     string   // a sentence or two below the title
	Notices  []string // what a reader must know first
	Figures  []Figure // the few numbers that matter most
	Sections []Section
}

// Figure is a number that stands by itself.
type Figure struct {
	Name    string
	Value   string
	Outcome Outcome
}

// Section is a part of the page; what is not set is not shown.
type Section struct {
	Title      string
	Text       string
	Funnel     *Funnel
	Histograms []Histogram
	Scatters   []Scatter
	Tables     []Table
}

// Outcome is what became of a candidate, as far as a picture tells them apart:
// by colour, and by pattern or shape for those who do not see the colour.
type Outcome string

const (
	Accepted Outcome = "accepted"
	Filtered Outcome = "filtered"
	Failed   Outcome = "failed"
)

// Threshold is a bound that is drawn where it lies.
type Threshold struct {
	Value float64
	Most  bool   // a maximum, else a minimum
	Stage string // whose it is
}

func (t Threshold) String() string {
	op := "≥"
	if t.Most {
		op = "≤"
	}
	return op + " " + number(t.Value)
}

// Table is a table of text. Rows may be shorter than the head.
type Table struct {
	Caption string
	Note    string // below it
	Head    []Head
	Rows    [][]Cell
	Sorted  bool // offers to be sorted, where scripts run
}

// Head is the head of a column.
type Head struct {
	Name   string
	Under  string // a second, smaller line
	Words  string // what it is, shown when pointed at
	Number bool   // aligned right, and sorted by value
}

// Cell is what stands in a row.
type Cell struct {
	Text string
	Link string // followed if it is a file or a web address, else shown
	Code bool   // letters of one width, broken anywhere
	// Before is what stands before Text and takes no room: it is shown when
	// pointed at, and copied and read out with the rest.
	Before string
}

// Text is a cell of plain text.
func Text(s string) Cell { return Cell{Text: s} }

// Number is a cell with a number, as short as it can be said in four digits.
func Number(x float64) Cell { return Cell{Text: number(x)} }

// Link is a cell that leads to an object. Its name and what is right above it
// tell it from the others in the table; a whole URI in a narrow column would
// make rows of many lines.
func Link(uri string) Cell {
	const most = 40 // runes that are shown
	uri = clean(uri)
	at := 0 // where what is shown begins
	if last := strings.LastIndexByte(uri, '/'); last > 0 {
		at = max(strings.LastIndexByte(uri[:last], '/'), 0)
		if at < strings.Index(uri, "://")+3 {
			at = 0 // there is nothing above it
		}
	}
	if shown := []rune(uri[at:]); len(shown) > most {
		at = len(uri) - len(string(shown[len(shown)-most:]))
	}
	return Cell{Before: uri[:at], Text: uri[at:], Link: uri, Code: true}
}

//go:embed page.html
var pageText string

//go:embed page.css
var styleText string

//go:embed sort.js
var scriptText string

// Write writes the page as HTML.
func Write(w io.Writer, p *Page) error {
	t, err := template.New("page").Funcs(template.FuncMap{
		"clean": clean,
		"href":  href,
		"n":     coordinate,
		"count": count,
		"style": func() template.CSS { return template.CSS(styleText) },
		"script": func() template.JS {
			return template.JS(scriptText)
		},
		"draw": func(chart any) (any, error) {
			switch c := chart.(type) {
			case *Funnel:
				return c.draw(), nil
			case Histogram:
				return c.draw(), nil
			case Scatter:
				return c.draw(), nil
			}
			return nil, fmt.Errorf("a %T is no chart", chart)
		},
	}).Parse(pageText)
	if err != nil {
		return err
	}
	return t.Execute(w, p)
}

// clean leaves out what would change how the text around it is shown: control
// characters, and marks that turn the direction of writing.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n', r == '\t', r == '\r':
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r), unicode.Is(unicode.Co, r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
}

// href is where a link leads: to a file or a web page. Of anything else there
// is no link: no browser follows s3://, and a script is none.
func href(link string) template.URL {
	for _, scheme := range []string{"file:///", "https://", "http://"} {
		if strings.HasPrefix(link, scheme) {
			return template.URL(clean(link))
		}
	}
	return ""
}
