//go:build browser

// Package report opens the report of a real campaign in a browser: Chromium,
// as Debian has it, without a window.
package report

import (
	"encoding/csv"
	"encoding/json"
	"flag"
	"fmt"
	"html"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/ligase-bio/ligase/e2e/built"
)

var screenshots = flag.String("screenshots", "", "`folder` to leave screenshots in (default bin/screenshots)")

var finished = flag.String("campaign", "", "`folder` with report.html and ledger.csv of a campaign that was run elsewhere, to look at instead of running one")

// campaign runs eight backbones with eight sequences each on the CPU
// baselines, with thresholds between stages and at the end, and returns where
// its results lie.
func campaign(t *testing.T, args ...string) map[string]string {
	t.Helper()
	cmd := exec.Command(built.Ligase(t), append([]string{"run", "campaign", "--json"}, args...)...)
	cmd.Env = append(os.Environ(), "LIGASE_DATA="+t.TempDir(), "LIGASE_ENGINE_IDLE=1s")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var summary struct {
		Status     string                     `json:"status"`
		OutputURIs map[string]json.RawMessage `json:"output_uris"`
	}
	if err := json.Unmarshal(out, &summary); err != nil || summary.Status != "succeeded" {
		t.Fatalf("%v\n%s", err, out)
	}
	paths := map[string]string{}
	for port, data := range summary.OutputURIs {
		var uri string
		if json.Unmarshal(data, &uri) == nil {
			paths[port] = strings.TrimPrefix(uri, "file://")
		}
	}
	return paths
}

// counts is what became of candidates.
type counts struct{ accepted, filtered, failed int }

// ledger sums up ledger.csv: all, and by the stage that left them out.
func ledger(t *testing.T, path string) (all counts, byStage map[string]counts) {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	at := map[string]int{}
	for i, name := range rows[0] {
		at[name] = i
	}
	byStage = map[string]counts{}
	for _, r := range rows[1:] {
		s := byStage[r[at["stage"]]]
		switch r[at["outcome"]] {
		case "accepted":
			all.accepted++
			continue
		case "filtered":
			all.filtered++
			s.filtered++
		case "failed":
			all.failed++
			s.failed++
		default:
			t.Errorf("%v has no outcome", r)
		}
		byStage[r[at["stage"]]] = s
	}
	return all, byStage
}

// table finds the rows of the table with a caption in a page as the browser
// has it.
func table(t *testing.T, dom, caption string) [][]string {
	t.Helper()
	_, rest, found := strings.Cut(dom, "<caption>"+caption+"</caption>")
	if !found {
		t.Errorf("there is no table %q", caption)
		return nil
	}
	rest, _, _ = strings.Cut(rest, "</table>")
	_, body, _ := strings.Cut(rest, "<tbody>")
	var rows [][]string
	for _, row := range regexp.MustCompile(`(?s)<tr>(.*?)</tr>`).FindAllStringSubmatch(body, -1) {
		var cells []string
		for _, c := range regexp.MustCompile(`(?s)<td[^>]*>(.*?)</td>`).FindAllStringSubmatch(row[1], -1) {
			cells = append(cells, html.UnescapeString(regexp.MustCompile(`<[^>]*>`).ReplaceAllString(c[1], "")))
		}
		rows = append(rows, cells)
	}
	return rows
}

func number(t *testing.T, s string) int {
	t.Helper()
	n, err := strconv.Atoi(strings.ReplaceAll(s, "\u202f", ""))
	if err != nil {
		t.Error(err)
	}
	return n
}

func TestReportOfACampaign(t *testing.T) {
	b := newBrowser(t)
	paths := map[string]string{"report": filepath.Join(*finished, "report.html"), "ledger": filepath.Join(*finished, "ledger.csv")}
	if *finished == "" {
		paths = campaign(t, "length=40", "num_backbones=8", "num_sequences=8", "min_agreement=55", "min_tm_score=0.25", "max_per_group=4")
	}
	b.serve("/report.html", paths["report"])
	all, byStage := ledger(t, paths["ledger"])
	promised := all.accepted + all.filtered + all.failed
	if promised != 64 || all.accepted == 0 || byStage["fold"].filtered == 0 || byStage["rank"].filtered == 0 {
		t.Errorf("the campaign has not what this test is to look at: %+v, %+v", all, byStage)
	}

	t.Run("numbers", func(t *testing.T) {
		dom := b.dom(t, "/report.html", 1440, false)
		left := promised
		stages := table(t, dom, "Candidates at each stage")
		for _, s := range stages {
			want := byStage[s[0]]
			entered, passed, filtered, failed := number(t, s[1]), number(t, s[2]), number(t, s[3]), number(t, s[4])
			if entered != left || filtered != want.filtered || failed != want.failed || passed != entered-filtered-failed {
				t.Errorf("the funnel has %q; %d came to it, and the ledger has %+v", s, left, want)
			}
			left = passed
		}
		if len(stages) != 5 || left != all.accepted {
			t.Errorf("the funnel ends with %d after %d stages; the ledger has %d accepted", left, len(stages), all.accepted)
		}
		// What is drawn says the same.
		drawn := fmt.Sprintf("Of %d candidates promised", promised)
		for _, s := range stages {
			drawn += fmt.Sprintf(", %s passed %s", s[2], s[0])
		}
		if !strings.Contains(dom, `aria-label="`+drawn+`."`) {
			t.Errorf("the drawing does not say %q", drawn)
		}
		if !strings.Contains(html.UnescapeString(dom), fmt.Sprintf("%d promised = %d accepted + %d filtered + %d failed + 0 cached.", promised, all.accepted, all.filtered, all.failed)) {
			t.Error("the page does not balance as the ledger does")
		}
		if rows := table(t, dom, "Accepted, best first"); len(rows) != all.accepted {
			t.Errorf("%d rows are ranked; the ledger has %d", len(rows), all.accepted)
		}
	})

	t.Run("asks nothing of the network", func(t *testing.T) {
		b.dom(t, "/report.html", 1440, false)
		if asked := b.asked(); len(asked) != 1 || asked[0] != "/report.html" {
			t.Errorf("the browser asked for %q", asked)
		}
	})

	t.Run("sorts", func(t *testing.T) {
		// The page with a press on the head of its third column.
		b.serveWith("/sorted.html", paths["report"], `<script>document.querySelectorAll("table.sorted th button")[2].click()</script>`)
		var values []float64
		for _, r := range table(t, b.dom(t, "/sorted.html", 1440, false), "Accepted, best first") {
			x, err := strconv.ParseFloat(r[2], 64)
			if err != nil {
				t.Fatal(err)
			}
			values = append(values, x)
		}
		for i := 1; i < len(values); i++ {
			if values[i] < values[i-1] {
				t.Fatalf("not sorted: %v", values)
			}
		}
	})

	t.Run("copies", func(t *testing.T) {
		// Of where a model lies the end is shown, in one line; selected, it is all there.
		b.serveWith("/copied.html", paths["report"], `<script>
const cell = document.querySelector("td.uri");
getSelection().selectAllChildren(cell);
document.documentElement.dataset.copied = getSelection().toString();
document.documentElement.dataset.lines = cell.clientHeight / parseFloat(getComputedStyle(cell).fontSize) < 4 ? "one" : "many";
document.documentElement.dataset.hidden = cell.querySelector(".before").getBoundingClientRect().width;
</script>`)
		dom := b.dom(t, "/copied.html", 1440, false)
		if !regexp.MustCompile(`data-copied="[a-z0-9]+://[^"]*/runs/[^"]*\.pdb"`).MatchString(dom) || !strings.Contains(dom, `data-lines="one"`) || !strings.Contains(dom, `data-hidden="0"`) {
			t.Errorf("%q", regexp.MustCompile(`data-[a-z]+="[^"]*"`).FindAllString(dom, -1))
		}
	})

	for _, width := range []int{360, 1440} {
		for _, dark := range []bool{false, true} {
			name := fmt.Sprintf("%d-light", width)
			if dark {
				name = fmt.Sprintf("%d-dark", width)
			}
			t.Run(name, func(t *testing.T) {
				// Wide tables scroll by themselves; the page does not.
				b.serveWith("/measured.html", paths["report"], `<script>parent.document.documentElement.dataset.widths = innerWidth + "/" + document.documentElement.scrollWidth + "/" + getComputedStyle(document.body).backgroundColor</script>`)
				dom := b.dom(t, b.framed("/measured.html", width), width, dark)
				ground := "rgb(255, 255, 255)"
				if dark {
					ground = "rgb(20, 24, 29)"
				}
				if want := fmt.Sprintf(`data-widths="%d/%d/%s"`, width, width, ground); !strings.Contains(dom, want) {
					t.Errorf("the page has not %s but %s", want, regexp.MustCompile(`data-widths="[^"]*"`).FindString(dom))
				}
				shot := b.screenshot(t, b.framed("/report.html", width), "campaign-"+name, width, dark)
				file, err := os.Open(shot)
				if err != nil {
					t.Fatal(err)
				}
				defer file.Close()
				picture, err := png.DecodeConfig(file)
				if err != nil || picture.Width != width {
					t.Errorf("%v, %+v", err, picture)
				}
			})
		}
	}
	b.print(t, "/report.html", "campaign")
	b.silent(t)
}

// TestReportOfNothing: a campaign of which nothing is left ends well, with a
// report that says so.
func TestReportOfNothing(t *testing.T) {
	b := newBrowser(t)
	paths := campaign(t, "length=30", "num_backbones=2", "num_sequences=2", "max_design_energy=-9")
	b.serve("/report.html", paths["report"])
	if dom := b.dom(t, "/report.html", 1440, false); !strings.Contains(dom, "No candidate was accepted.") || !strings.Contains(html.UnescapeString(dom), "4 promised = 0 accepted + 4 filtered + 0 failed") {
		t.Error("the page does not say that all were filtered")
	}
	b.screenshot(t, "/report.html", "nothing-1440-light", 1440, false)
	b.silent(t)
}

// TestHostileReport: the golden page, whose every text tries to take it over,
// runs nothing and loads nothing.
func TestHostileReport(t *testing.T) {
	b := newBrowser(t)
	b.serve("/hostile.html", filepath.Join("..", "..", "internal", "report", "testdata", "page.html"))
	dom := b.dom(t, "/hostile.html", 1440, false)
	if n := strings.Count(dom, "<script"); n != 1 {
		t.Errorf("%d scripts", n)
	}
	if strings.Contains(dom, "<img") || regexp.MustCompile(`<[a-z]+[^>]*\son[a-z]+=`).MatchString(regexp.MustCompile(`"[^"]*"`).ReplaceAllString(dom, `""`)) {
		t.Error("the page has an element or a handler that is not its own")
	}
	if asked := b.asked(); len(asked) != 1 {
		t.Errorf("the browser asked for %q", asked)
	}
	b.silent(t)
}

// TestTheTestSees: what the tests above are sure that a page does not do is
// seen when a page does it.
func TestTheTestSees(t *testing.T) {
	b := newBrowser(t)
	loud := filepath.Join(t.TempDir(), "loud.html")
	if err := os.WriteFile(loud, []byte(`<!doctype html><link rel="icon" href="data:,"><img src="http://elsewhere.test/x.png"><script>console.error("loud")</script>`), 0o600); err != nil {
		t.Fatal(err)
	}
	b.serve("/loud.html", loud)
	b.dom(t, "/loud.html", 1440, false)
	if asked := b.asked(); len(asked) != 2 || asked[1] != "http://elsewhere.test/x.png" {
		t.Errorf("the browser asked for %q", asked)
	}
	if !strings.Contains(strings.Join(b.said, "\n"), "loud") {
		t.Errorf("the console said %q", b.said)
	}
}
