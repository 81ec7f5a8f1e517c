package baseline

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// sixCandidates is a campaign of three backbones with two sequences each, as the
// worker's manifests tell of it: of the first backbone both sequences come to
// the end, of the second one is filtered by the predictor and one by the
// ranking, the third was never designed for.
func sixCandidates(t *testing.T) *gathered {
	g := newGathered(t)
	made := func(node, version string, params map[string]any, metrics ...metricWords) *maker {
		return &maker{Node: node, Step: node, Version: version, Implementation: "baseline", Params: params, Metrics: metrics}
	}
	agreement := metricWords{Name: "agreement", Unit: "0-100", Better: "higher", Description: "How alike the models are."}
	g.backbones.MadeBy = made("backbone", "1.0.0", map[string]any{"length": 80, "seed": 37})
	g.sequences.MadeBy = made("design", "1.0.0", map[string]any{"num_sequences": 2, "seed": 37}, metricWords{Name: "energy", Unit: "kT", Better: "lower"})
	g.models.MadeBy = made("fold", "1.1.0", map[string]any{"seed": 37}, agreement, metricWords{Name: "energy", Unit: "kT per residue", Better: "lower"})
	fifty := 50.0
	g.models.MadeBy.Keep = []interval{{Metric: "agreement", Min: &fifty}}
	g.scores.MadeBy = made("score", "1.0.0", nil, metricWords{Name: "tm_score", Unit: "0-1", Better: "higher"}, metricWords{Name: "ca_rmsd", Unit: "Å", Better: "lower"})

	for i := range 3 {
		index := strconv.Itoa(i)
		g.backbones.Items = append(g.backbones.Items, manifestItem{Index: index, Path: g.file(t, "backbone"+index+".pdb", "BACKBONE"), URI: "file:///run/backbone/" + index + ".pdb", Metrics: map[string]float64{"helix_fraction": 0.5}})
	}
	add := func(index, sequence, tm, rmsd string, agreement float64) {
		g.sequences.Items = append(g.sequences.Items, manifestItem{Index: index, Path: g.file(t, "sequence"+index+".fasta", ">"+index+"\n"+sequence+"\n"), Metrics: map[string]float64{"energy": -1}})
		g.add(t, index, row(tm, rmsd))
		at := len(g.models.Items) - 1
		g.models.Items[at].Metrics = map[string]float64{"agreement": agreement, "energy": -2}
		g.scores.Items[at].Metrics = map[string]float64{"tm_score": 0, "extra": 3}
	}
	add("0.0", "MKVLAAGIV", "0.91", "1.5", 81.25)
	add("0.1", "MKVLAAGIL", "0.95", "1.1", 78)
	add("1.1", "MKVLAAGIM", "0.30", "9", 55)
	g.sequences.Items = append(g.sequences.Items, manifestItem{Index: "1.0", Path: g.file(t, "sequence1.0.fasta", ">1.0\nMKVLAAGIK\n")})
	value := 41.2
	left := func(metrics map[string]float64, uri string) manifestItem {
		return manifestItem{Index: "1.0", URI: uri, Metrics: metrics, Failed: &manifestFailure{
			Node: "fold", Code: "filtered", Message: "agreement is 41.2, below 50", Metric: "agreement", Value: &value, Threshold: &fifty}}
	}
	g.models.Items = append(g.models.Items, left(map[string]float64{"agreement": value, "energy": -1}, "file:///run/fold/1.0.pdb"))
	g.scores.Items = append(g.scores.Items, left(nil, ""))
	lost := &manifestFailure{Node: "design", Code: "exit", Message: "design ended with exit code 3."}
	for _, m := range []*manifest{&g.sequences, &g.models, &g.scores} {
		m.Items = append(m.Items, manifestItem{Index: "2", Failed: lost})
	}
	return g
}

// table reads a table that a ranking wrote, a map for each row.
func table(t *testing.T, out, name string) []map[string]string {
	t.Helper()
	file, err := os.Open(filepath.Join(out, name))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var list []map[string]string
	for _, r := range rows[1:] {
		m := map[string]string{}
		for i, column := range rows[0] {
			if _, twice := m[column]; twice {
				t.Errorf("%s has the column %s twice", name, column)
			}
			m[column] = r[i]
		}
		list = append(list, m)
	}
	return list
}

// pick are some columns of a row.
func pick(row map[string]string, columns ...string) string {
	var parts []string
	for _, c := range columns {
		parts = append(parts, row[c])
	}
	return strings.Join(parts, " ")
}

func page(t *testing.T, out string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(out, "report.html"))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestResultsOfACampaign(t *testing.T) {
	code, out, stderr := sixCandidates(t).rank(t, "--per-backbone", "2", "--min-tm", "0.5", "--title", "Six candidates")
	if code != exitDone {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	var got []string
	all := table(t, out, "all.csv")
	for _, r := range all {
		got = append(got, pick(r, "id", "index", "backbone", "sequence_number", "outcome", "rank", "stage", "metric", "bound", "threshold", "value", "sequence", "length", "code"))
	}
	want := []string{
		"bb000_seq00 0.0 0 0 accepted 2      MKVLAAGIV 9 ",
		"bb000_seq01 0.1 0 1 accepted 1      MKVLAAGIL 9 ",
		"bb001_seq00 1.0 1 0 filtered  fold fold.baseline.agreement min 50 41.2 MKVLAAGIK 9 ",
		"bb001_seq01 1.1 1 1 filtered  rank score.baseline.tm_score min 0.5 0.30 MKVLAAGIM 9 ",
		"bb002_seq00 2.0 2 0 failed  design       exit",
		"bb002_seq01 2.1 2 1 failed  design       exit",
	}
	if !slices.Equal(got, want) {
		t.Errorf("all.csv:\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	// A column says which tool made it, and what a table says of its model is
	// believed before what was measured beside it.
	r := all[0]
	if s := pick(r, "backbone.baseline.helix_fraction", "design.baseline.energy", "fold.baseline.energy", "fold.baseline.agreement", "score.baseline.tm_score", "score.baseline.extra", "backbone_model", "model"); s != "0.5 -1 -2 81.25 0.91 3 file:///run/backbone/0.pdb file:///run/fold/0.0.pdb" {
		t.Errorf("the first candidate has %s, of %v", s, r)
	}
	// What was filtered where it was made can still be looked at.
	if s := pick(all[2], "fold.baseline.agreement", "model"); s != "41.2 file:///run/fold/1.0.pdb" {
		t.Errorf("what was filtered has %s", s)
	}
	if ranked := table(t, out, "ranked.csv"); len(ranked) != 2 || ranked[0]["id"] != "bb000_seq01" || ranked[0]["fold.baseline.agreement"] != "78" {
		t.Errorf("ranked.csv: %v", ranked)
	}
	if ledger := table(t, out, "ledger.csv"); len(ledger) != 6 || ledger[4]["message"] != "design ended with exit code 3." {
		t.Errorf("ledger.csv: %v", ledger)
	}
	files, _ := filepath.Glob(filepath.Join(out, "best", "*"))
	if len(files) != 2 || filepath.Base(files[0]) != "00001_bb000_seq01.pdb" {
		t.Errorf("best models: %q", files)
	}
	best, _ := os.ReadFile(files[0])
	if first, _ := os.ReadFile(filepath.Join(out, "best.pdb")); string(first) != "MODEL 0.1" || string(best) != string(first) {
		t.Errorf("the best model is %q, in the folder %q", first, best)
	}
	p := page(t, out)
	for _, want := range []string{
		"<h1>Six candidates</h1>", "2 of 6 candidates accepted, ranked by score.baseline.tm_score (more is better).",
		"6 promised = 2 accepted + 2 filtered + 2 failed + 0 cached.",
		"Made with CPU baselines (backbone, design, fold).",
		"fold ≥ 50", "rank ≥ 0.5", // drawn into the histograms
		"<td class=\"\">design</td><td class=\"\">failed</td><td class=\"\">exit</td><td class=\"number\">2</td><td class=\"\">bb002_seq00: design ended with exit code 3.</td>",
		"<td class=\"\">fold</td><td class=\"\">fold</td><td class=\"\">1.1.0</td><td class=\"\">baseline</td><td class=\"\">37</td>",
		"agreement &gt;= 50", "How alike the models are.", "num_sequences=2",
	} {
		if !strings.Contains(strings.ReplaceAll(p, "&#43;", "+"), want) {
			t.Errorf("the report does not have %q", want)
		}
	}
	// The funnel, as its table has it.
	var stages []string
	for _, m := range regexp.MustCompile(`<tr><td class="">(backbone|design|fold|score|rank)</td><td class="number">(\d+)</td><td class="number">(\d+)</td><td class="number">(\d+)</td><td class="number">(\d+)</td></tr>`).FindAllStringSubmatch(p, -1) {
		stages = append(stages, strings.Join(m[1:], " "))
	}
	if want := []string{"backbone 6 6 0 0", "design 6 4 0 2", "fold 4 3 1 0", "score 3 3 0 0", "rank 3 2 1 0"}; !slices.Equal(stages, want) {
		t.Errorf("the funnel is %q, want %q", stages, want)
	}
}

// TestABackboneWithoutSequences counts as one where nobody said how many were
// to be made.
func TestABackboneWithoutSequences(t *testing.T) {
	code, out, stderr := sixCandidates(t).rank(t)
	if code != exitDone {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	ledger := table(t, out, "ledger.csv")
	if last := ledger[len(ledger)-1]; len(ledger) != 5 || last["id"] != "bb002" && last["id"] != "seq02" || last["index"] != "2" {
		t.Errorf("%v", ledger)
	}
}

// TestNumbersOfTwoToolsAreNoScale: a name that two tools' columns answer to is
// refused, and so is what one tool reports of the files of others.
func TestNumbersOfTwoToolsAreNoScale(t *testing.T) {
	t.Run("two nodes", func(t *testing.T) {
		code, _, stderr := sixCandidates(t).rank(t, "--by", "energy")
		if code != exitInvalid || !strings.Contains(stderr, `"energy" is measured by different tools (design.baseline.energy, fold.baseline.energy), whose numbers are no common scale; name one of them in full.`) {
			t.Errorf("exit code %d: %s", code, stderr)
		}
		code, out, stderr := sixCandidates(t).rank(t, "--by", "fold.energy")
		if code != exitDone || table(t, out, "ranked.csv")[0]["rank"] != "1" {
			t.Errorf("exit code %d: %s", code, stderr)
		}
	})
	mixed := func(t *testing.T) *gathered {
		g := sixCandidates(t)
		boltz := &maker{Node: "fold", Step: "fold", Version: "1.1.0", Implementation: "boltz", Metrics: []metricWords{{Name: "agreement", Better: "higher"}}}
		g.models.Items[0].MadeBy = boltz
		for i := range g.scores.Items {
			if item := &g.scores.Items[i]; item.Path != "" {
				item.Path = g.file(t, "b"+item.Index+".csv", "tm_score,ca_rmsd,mean_b_factor\n0.5,3,70\n")
			}
		}
		return g
	}
	t.Run("two predictors", func(t *testing.T) {
		code, _, stderr := mixed(t).rank(t, "--by", "agreement")
		if code != exitInvalid || !strings.Contains(stderr, "fold.boltz.agreement") || !strings.Contains(stderr, "fold.baseline.agreement") {
			t.Errorf("exit code %d: %s", code, stderr)
		}
		code, _, stderr = mixed(t).rank(t, "--filters", "fold.agreement>=50")
		if code != exitInvalid || !strings.Contains(stderr, "no common scale") {
			t.Errorf("a filter: exit code %d: %s", code, stderr)
		}
	})
	t.Run("their B-factors", func(t *testing.T) {
		code, _, stderr := mixed(t).rank(t, "--by", "mean_b_factor", "--better", "higher")
		if code != exitInvalid || !strings.Contains(stderr, "The models were made by different tools (fold.boltz, fold.baseline)") {
			t.Errorf("exit code %d: %s", code, stderr)
		}
		if code, _, stderr := mixed(t).rank(t, "--by", "tm_score"); code != exitDone {
			t.Errorf("by what compares them: exit code %d: %s", code, stderr)
		}
	})
	t.Run("and one's alone", func(t *testing.T) {
		code, out, stderr := mixed(t).rank(t, "--by", "fold.boltz.agreement")
		if code != exitDone {
			t.Fatalf("exit code %d: %s", code, stderr)
		}
		if all := table(t, out, "all.csv"); all[1]["outcome"] != failed || all[1]["message"] != "It has no fold.boltz.agreement." {
			t.Errorf("the other predictor's: %v", all[1])
		}
	})
}

// TestDirectionFollowsTheMetric: what is better low ranks from the lowest, and
// a call can say otherwise.
// TestEarlierStages: what was measured on the way to the models stands in the
// tables; a name that both stages measure means the last one, and the losses
// of each are where they were.
func TestEarlierStages(t *testing.T) {
	g := newGathered(t)
	by := func(node, step string) *maker {
		return &maker{Node: node, Step: step, Version: "1.0.0", Implementation: "baseline"}
	}
	g.earlierModels.MadeBy, g.earlierScores.MadeBy = by("fold", "fold"), by("score", "score")
	g.models.MadeBy, g.scores.MadeBy = by("cofold", "fold"), by("interface", "score")
	g.add(t, "0", row("0.9", "1"))
	g.add(t, "1", row("0.4", "3"))
	g.earlierModels.Items = []manifestItem{
		{Index: "0", Path: "a", Metrics: map[string]float64{"agreement": 80}},
		{Index: "1", Path: "b", Metrics: map[string]float64{"agreement": 70}},
		{Index: "2", Path: "c", Metrics: map[string]float64{"agreement": 60}},
	}
	value, bound := 9.5, 2.0
	lost := &manifestFailure{Node: "score", Code: codeFiltered, Metric: "ca_rmsd", Value: &value, Threshold: &bound, Bound: "max"}
	g.earlierScores.Items = []manifestItem{
		{Index: "0", Path: "a", Metrics: map[string]float64{"tm_score": 0.5}},
		{Index: "1", Path: "b", Metrics: map[string]float64{"tm_score": 0.6}},
		{Index: "2", Failed: lost, URI: "file:///c", Metrics: map[string]float64{"tm_score": 0.2, "ca_rmsd": 9.5}},
	}
	g.models.Items = append(g.models.Items, manifestItem{Index: "2", Failed: lost})
	g.scores.Items = append(g.scores.Items, manifestItem{Index: "2", Failed: lost})
	code, out, stderr := g.rank(t, "--min-tm", "0.45")
	if code != exitDone {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	all := table(t, out, "all.csv")
	for i, want := range []map[string]string{
		{"outcome": "accepted", "fold.baseline.agreement": "80", "score.baseline.tm_score": "0.5", "interface.baseline.tm_score": "0.9"},
		{"outcome": "filtered", "stage": "rank", "metric": "interface.baseline.tm_score", "score.baseline.tm_score": "0.6"},
		{"outcome": "filtered", "stage": "score", "metric": "score.baseline.ca_rmsd", "value": "9.5", "fold.baseline.agreement": "60", "interface.baseline.tm_score": ""},
	} {
		for column, text := range want {
			if all[i][column] != text {
				t.Errorf("%s: %s is %q, want %q", all[i]["id"], column, all[i][column], text)
			}
		}
	}
	g.dir = t.TempDir()
	_, out, _ = g.rank(t, "--by", "score.tm_score")
	if first := table(t, out, "ranked.csv")[0]; first["index"] != "1" {
		t.Errorf("by the earlier score the first is %v", first)
	}
}

func TestDirectionFollowsTheMetric(t *testing.T) {
	for flags, first := range map[string]string{"--by ca_rmsd": "bb000_seq01", "--by ca_rmsd --better higher": "bb001_seq01", "--by agreement": "bb000_seq00"} {
		_, out, stderr := sixCandidates(t).rank(t, strings.Fields(flags)...)
		if ranked := table(t, out, "ranked.csv"); len(ranked) == 0 || ranked[0]["id"] != first {
			t.Errorf("%s: %v %s", flags, ranked, stderr)
		}
	}
}

// TestNothingToRank: a campaign whose candidates are all gone, or that never
// had any, ends with empty tables, a full ledger and a report.
func TestNothingToRank(t *testing.T) {
	value, fifty := 41.2, 50.0
	gone := newGathered(t)
	for i := range 3 {
		f := &manifestFailure{Node: "fold", Code: "filtered", Message: "agreement is 41.2, below 50", Metric: "agreement", Value: &value, Threshold: &fifty}
		index := strconv.Itoa(i)
		gone.models.Items = append(gone.models.Items, manifestItem{Index: index, URI: "file:///run/fold/" + index + ".pdb", Metrics: map[string]float64{"agreement": value}, Failed: f})
		gone.scores.Items = append(gone.scores.Items, manifestItem{Index: index, Failed: f})
	}
	for name, g := range map[string]*gathered{"all filtered": gone, "none at all": newGathered(t)} {
		t.Run(name, func(t *testing.T) {
			// Also a filter on what nobody measured any more is no reason to fail.
			code, out, stderr := g.rank(t, "--filters", "coverage>=0.9")
			if code != exitDone {
				t.Fatalf("exit code %d: %s", code, stderr)
			}
			if n := len(table(t, out, "ranked.csv")); n != 0 {
				t.Errorf("%d ranked", n)
			}
			if n := len(table(t, out, "ledger.csv")); n != len(g.models.Items) {
				t.Errorf("%d in the ledger", n)
			}
			if p := strings.ReplaceAll(page(t, out), "&#43;", "+"); !strings.Contains(p, "No candidate was accepted.") || !strings.Contains(p, fmt.Sprintf("%d promised = 0 accepted + %[1]d filtered + 0 failed + 0 cached.", len(g.models.Items))) {
				t.Error("the report does not say so")
			}
			if _, err := os.Stat(filepath.Join(out, "best.pdb")); err == nil {
				t.Error("there is a best model")
			}
		})
	}
}

// TestHostileTextStaysText: what tools write is text in the report and no
// formula in a spreadsheet.
func TestHostileTextStaysText(t *testing.T) {
	const evil = `</td><script>alert(1)</script>"'`
	g := sixCandidates(t)
	g.models.MadeBy.Params = map[string]any{"x": evil}
	g.scores.Items[0].Path = g.file(t, "evil.csv", "tm_score,\"<b onclick=alert(1)>\",note\n0.5,=HYPERLINK(1),\"@SUM(A1)\"\n")
	g.fail("0.2", "fold"+evil, evil, "=1+1 "+evil)
	code, out, stderr := g.rank(t, "--title", evil)
	if code != exitDone {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	p := page(t, out)
	if strings.Count(p, "<script") != 1 || strings.Contains(p, "<b onclick") {
		t.Error("the report has an element that a tool wrote")
	}
	for _, name := range []string{"all.csv", "ledger.csv", "ranked.csv"} {
		for _, r := range table(t, out, name) {
			for column, cell := range r {
				if _, err := strconv.ParseFloat(cell, 64); err != nil && cell != "" && strings.ContainsAny(cell[:1], "=+-@") {
					t.Errorf("%s: %s is %q", name, column, cell)
				}
			}
		}
	}
}

// TestLargeCampaign: of ten thousand candidates the report stays one that a
// browser opens at once.
func TestLargeCampaign(t *testing.T) {
	g := newGathered(t)
	path, model := g.file(t, "score.csv", row("0.5", "3.25")), g.file(t, "model.pdb", "MODEL")
	for i := range 10_000 {
		index := fmt.Sprintf("%d.%d", i/8, i%8)
		g.models.Items = append(g.models.Items, manifestItem{Index: index, Path: model, URI: "s3://bucket/runs/run-7k2m9c4x1p0q/outputs/fold/" + index + "/structure.pdb", Metrics: map[string]float64{"agreement": float64(i*7919%1000) / 10}})
		g.scores.Items = append(g.scores.Items, manifestItem{Index: index, Path: path, Metrics: map[string]float64{"energy": float64(i % 977)}})
	}
	code, out, stderr := g.rank(t, "--filters", "agreement>=50")
	if code != exitDone {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	p := page(t, out)
	if len(p) > 500<<10 {
		t.Errorf("the report has %d bytes", len(p))
	}
	if !strings.Contains(p, "The first 100 of 5000.") || !strings.Contains(p, "are drawn as squares") {
		t.Error("the report does not say what it leaves out")
	}
	if n := len(table(t, out, "all.csv")); n != 10_000 {
		t.Errorf("%d candidates in all.csv", n)
	}
}

// TestManifestContract: the keys that the worker writes are those that are
// read.
func TestManifestContract(t *testing.T) {
	var m manifest
	text := `{"port":"models","made_by":{"node":"fold","step":"fold","version":"1.0.0","implementation":"baseline","params":{"seed":37},
		"metrics":[{"name":"agreement","unit":"0-100","better":"higher","description":"x"}],"keep":[{"metric":"agreement","min":50}]},
		"items":[{"index":"0","uri":"file:///x.pdb","metrics":{"agreement":41.2},
		"failed":{"node":"fold","code":"filtered","message":"agreement is 41.2, below 50","metric":"agreement","value":41.2,"threshold":50}}]}`
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		t.Fatal(err)
	}
	f := m.Items[0].Failed
	if m.MadeBy.Metrics[0].Better != "higher" || *m.MadeBy.Keep[0].Min != 50 || f.Metric != "agreement" || *f.Value != 41.2 || *f.Threshold != 50 {
		t.Errorf("%+v", m)
	}
}
