package report_test

import (
	"bytes"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/ligase-bio/ligase/internal/report"
)

var update = flag.Bool("update", false, "write the golden files again")

// hostile is what a tool might put into a name, to take over the page.
const hostile = `</title></style></script></svg><script>alert(1)</script><img src=x onerror=alert(2)>"' onload="alert(3)` + "\u202e\x00\x1b[31m{{.}}"

// page is one with everything that a page can have, and hostile text wherever
// text comes from others.
func page() *report.Page {
	h := report.Histogram{Title: "fold.baseline.agreement", Words: hostile, Unit: "0-100", Thresholds: []report.Threshold{{Value: 50, Stage: "fold"}, {Value: 1e9, Most: true, Stage: hostile}}}
	s := report.Scatter{Title: hostile, Words: "Below and to the right is better.", X: "agreement", Y: "ca_rmsd (Å)", AllAreWhere: "all.csv", MissingCount: 3,
		XThresholds: []report.Threshold{{Value: 50, Stage: "fold"}}, YThresholds: []report.Threshold{{Value: 2, Most: true, Stage: "rank"}}}
	for i := range 12 {
		x := 40 + 3.5*float64(i)
		o := report.Accepted
		switch {
		case x < 50:
			o = report.Filtered
		case i%5 == 4:
			o = report.Failed
		}
		if o == report.Accepted {
			h.Accepted = append(h.Accepted, x)
		} else {
			h.Others = append(h.Others, x)
		}
		s.Points = append(s.Points, report.Point{X: x, Y: 12 - x/8, Name: hostile, Outcome: o})
	}
	h.Others = append(h.Others, math.NaN(), math.Inf(1))
	return &report.Page{
		Title: "Campaign " + hostile, Lead: hostile, Notices: []string{hostile},
		Figures: []report.Figure{{Name: "accepted", Value: "7", Outcome: report.Accepted}, {Name: hostile, Value: hostile, Outcome: report.Failed}},
		Sections: []report.Section{
			{Title: "Funnel", Text: hostile, Funnel: &report.Funnel{Title: hostile, Promised: 12000, Stages: []report.Stage{
				{Name: "fold", Entered: 12000, Passed: 8000, Filtered: 3000, Failed: 1000}, {Name: hostile, Entered: 8000, Passed: 7, Filtered: 7993},
			}}},
			{Title: "Scores", Histograms: []report.Histogram{h, {Title: "clashes", Accepted: []float64{0, 0, 0, 1, 4}}, {Title: "nothing"}}, Scatters: []report.Scatter{s, {Title: "nothing"}}},
			{Title: "Table", Tables: []report.Table{{
				Caption: hostile, Note: hostile, Sorted: true,
				Head: []report.Head{{Name: "rank", Number: true}, {Name: hostile, Under: hostile, Words: hostile}, {Name: "model"}},
				Rows: [][]report.Cell{
					{report.Number(1), report.Text(hostile), report.Link("file:///data/store/runs/run-1/outputs/fold/0.1/structure.pdb")},
					{report.Number(2), {Text: "run", Link: "javascript:alert(1)"}, report.Link("s3://bucket/runs/run-1/outputs/fold/0.1/structure.pdb")},
					{report.Number(3), {Text: "data", Link: "data:text/html,<script>alert(1)</script>"}, report.Link("https://example.org/\" onclick=\"alert(1)/a/b/c/d.pdb")},
					{report.Number(4)},
				},
			}}},
		},
	}
}

func write(t *testing.T, p *report.Page) string {
	t.Helper()
	var b bytes.Buffer
	if err := report.Write(&b, p); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestGolden(t *testing.T) {
	got := write(t, page())
	golden := filepath.Join("testdata", "page.html")
	if *update {
		if err := os.MkdirAll("testdata", 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(golden, []byte(got), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; go test ./internal/report -update writes it, and a browser shows it", golden)
	}
	if again := write(t, page()); again != got {
		t.Error("the same page is written in another way")
	}
}

// TestNothingIsTakenOver: text stays text, and only what can be followed is a
// link.
func TestNothingIsTakenOver(t *testing.T) {
	got := write(t, page())
	if n := strings.Count(got, "<script"); n != 1 {
		t.Errorf("%d script elements", n)
	}
	if n := strings.Count(got, "<style"); n != 1 {
		t.Errorf("%d style elements", n)
	}
	for _, bad := range []string{"<img", "<script>alert", "\u202e", "\x00", "\x1b"} {
		if strings.Contains(got, bad) {
			t.Errorf("the page has %q", bad)
		}
	}
	if m := regexp.MustCompile(`<[a-z]+[^>]*\son[a-z]+\s*=`).FindString(withoutValues(got)); m != "" {
		t.Errorf("an event handler: %s", m)
	}
	links := regexp.MustCompile(`<a href="([^"]*)"`).FindAllStringSubmatch(got, -1)
	if len(links) != 2 {
		t.Errorf("%d links: %q", len(links), links)
	}
	for _, l := range links {
		if !strings.HasPrefix(l[1], "file:///") && !strings.HasPrefix(l[1], "https://") {
			t.Errorf("a link to %s", l[1])
		}
	}
}

// TestWhereObjectsLie: a name and what is right above it are shown, the whole
// when pointed at, and it is what is copied.
func TestWhereObjectsLie(t *testing.T) {
	long := strings.Repeat("x", 60)
	for uri, shown := range map[string]string{
		"s3://bucket/runs/run-1/outputs/fold/0.1/structure.pdb":     "/0.1/structure.pdb",
		"file:///data/store/runs/run-1/outputs/fold/structure.pdb":  "/fold/structure.pdb",
		"https://example.org/a/b.pdb":                               "/a/b.pdb",
		"s3://bucket/b.pdb":                                         "s3://bucket/b.pdb",
		"s3://bucket/a/b.pdb":                                       "/a/b.pdb",
		"s3://bucket/a/" + long + ".pdb":                            long[:36] + ".pdb",
		"s3://bucket/a/\u202e" + strings.Repeat("é", 60) + "/b.pdb": strings.Repeat("é", 34) + "/b.pdb",
		"":      "",
		"a.pdb": "a.pdb",
	} {
		c := report.Link(uri)
		whole := strings.ReplaceAll(uri, "\u202e", "")
		if c.Text != shown || c.Before+c.Text != whole {
			t.Errorf("%s is shown as %q, before it %q", uri, c.Text, c.Before)
		}
		got := write(t, &report.Page{Title: "t", Sections: []report.Section{{Tables: []report.Table{{Head: []report.Head{{Name: "model"}}, Rows: [][]report.Cell{{c}}}}}}})
		if pointed := strings.Contains(got, ` title="`+whole+`"`); pointed != (c.Before != "") {
			t.Errorf("%s: the whole is shown when pointed at: %v", uri, pointed)
		}
		cell := regexp.MustCompile(`<td[^>]*>(.*?)</td>`).FindStringSubmatch(got)
		if text := regexp.MustCompile(`<[^>]*>`).ReplaceAllString(cell[1], ""); text != whole {
			t.Errorf("%s: its text is %q", uri, text)
		}
	}
}

// withoutValues is the page without the values of attributes, in which text
// stands escaped.
func withoutValues(page string) string {
	return regexp.MustCompile(`"[^"]*"`).ReplaceAllString(page, `""`)
}

// TestAsksNothingOfTheNetwork: nothing is loaded, and the browser is told so.
func TestAsksNothingOfTheNetwork(t *testing.T) {
	got := write(t, page())
	if !strings.Contains(got, "default-src &#39;none&#39;") && !strings.Contains(got, "default-src 'none'") {
		t.Error("the page does not forbid itself to load anything")
	}
	if !strings.Contains(got, `<link rel="icon" href="data:,">`) {
		t.Error("a browser would ask for an icon")
	}
	for _, m := range regexp.MustCompile(`(?i)<[a-z]+[^>]*\s(src|srcset|poster|data|xlink:href)=|@import|<link [^>]*>|url\([^)]*\)|<iframe|<object|<embed`).FindAllString(withoutValues(got), -1) {
		if m != `<link rel="" href="">` && m != "url(#hatch)" {
			t.Errorf("the page loads something: %s", m)
		}
	}
}

// TestLargeScatter: many candidates are drawn as cells, all of which are
// counted, and the page says so.
func TestLargeScatter(t *testing.T) {
	s := report.Scatter{Title: "a", X: "x", Y: "y", AllAreWhere: "all.csv"}
	for i := range 10_000 {
		o := report.Filtered
		if i%10 == 0 {
			o = report.Accepted
		}
		s.Points = append(s.Points, report.Point{X: float64(i % 317), Y: float64(i % 211), Name: "bb", Outcome: o})
	}
	got := write(t, &report.Page{Title: "large", Sections: []report.Section{{Scatters: []report.Scatter{s}}}})
	if len(got) > 400<<10 {
		t.Errorf("%d bytes", len(got))
	}
	if !strings.Contains(got, "10\u202f000 candidates are drawn as squares: the darker, the more lie there. Each is a row of all.csv.") {
		t.Error("the page does not say that it draws no points")
	}
	sum := map[string]int{}
	for _, m := range regexp.MustCompile(`<title>(\d+) (accepted|filtered)</title>`).FindAllStringSubmatch(got, -1) {
		n := 0
		fmt.Sscan(m[1], &n)
		sum[m[2]] += n
	}
	if sum["accepted"] != 1000 || sum["filtered"] != 9000 {
		t.Errorf("the squares hold %v", sum)
	}
}

// TestHistogramCountsAll: every value is in one bar, also those on borders.
func TestHistogramCountsAll(t *testing.T) {
	for _, values := range [][]float64{
		{0.1, 0.2, 0.3, 0.30000000000000004, 0.4}, {5, 5, 5}, {0, 100}, {-1e-9, 1e-9}, {1e12, 1e12 + 1}, {-3, -1.5, 0}, {0.5}, {0, 1, 2, 3, 300},
	} {
		got := write(t, &report.Page{Title: "h", Sections: []report.Section{{Histograms: []report.Histogram{{Title: "v", Accepted: values}}}}})
		sum := 0
		for _, m := range regexp.MustCompile(`<title>[^<]*: (\d+) accepted</title>`).FindAllStringSubmatch(got, -1) {
			n := 0
			fmt.Sscan(m[1], &n)
			sum += n
		}
		if sum != len(values) {
			t.Errorf("%v: %d in bars", values, sum)
		}
		for _, m := range regexp.MustCompile(`<rect class="accepted" x="([^"]+)" y="([^"]+)" width="([^"]+)" height="([^"]+)"`).FindAllStringSubmatch(got, -1) {
			for _, s := range m[1:] {
				if strings.Contains(s, "NaN") || strings.Contains(s, "Inf") || strings.HasPrefix(s, "-") {
					t.Errorf("%v: a bar at %v", values, m[1:])
				}
			}
		}
	}
}
