package baseline

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files again")

// gathered is a folder with the manifests of a ranking.
type gathered struct {
	dir                                  string
	scores, models, sequences, backbones manifest
	earlierModels, earlierScores         manifest
}

func newGathered(t *testing.T) *gathered { return &gathered{dir: t.TempDir()} }

// file writes a file into the folder.
func (g *gathered) file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(g.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// add gives an item a model and, unless it is empty, a score table.
func (g *gathered) add(t *testing.T, index, table string) {
	t.Helper()
	g.models.Items = append(g.models.Items, manifestItem{Index: index, Path: g.file(t, "model"+index+".pdb", "MODEL "+index), URI: "file:///run/fold/" + index + ".pdb"})
	if table != "" {
		g.scores.Items = append(g.scores.Items, manifestItem{Index: index, Path: g.file(t, "scores"+index+".csv", table)})
	}
}

// fail gives an item that failed in a node.
func (g *gathered) fail(index, node, code, message string) {
	failure := &manifestFailure{Node: node, Code: code, Message: message}
	if node == "fold" {
		g.models.Items = append(g.models.Items, manifestItem{Index: index, Failed: failure})
	}
	g.scores.Items = append(g.scores.Items, manifestItem{Index: index, Failed: failure})
}

// rank runs the command and returns its exit code, output folder and stderr.
func (g *gathered) rank(t *testing.T, flags ...string) (code int, out, stderr string) {
	t.Helper()
	args := []string{"rank", "--out", filepath.Join(t.TempDir(), "out")}
	for name, m := range map[string]manifest{
		"scores": g.scores, "models": g.models, "sequences": g.sequences, "backbones": g.backbones,
		"earlier-models": g.earlierModels, "earlier-scores": g.earlierScores,
	} {
		if m.Items == nil && name != "scores" && name != "models" {
			continue
		}
		data, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(g.dir, name+".json")
		if err := os.WriteFile(path, data, 0o666); err != nil {
			t.Fatal(err)
		}
		args = append(args, "--"+name, path)
	}
	var o, e bytes.Buffer
	code = Run(context.Background(), append(args, flags...), nil, &o, &e)
	return code, args[2], e.String()
}

func row(tm, rmsd string) string {
	return "tm_score,ca_rmsd,clashes,correspondence\n" + tm + "," + rmsd + ",0,numbers\n"
}

// campaign is a gather of three backbones with sequences, and of all that can
// go wrong.
func campaign(t *testing.T) *gathered {
	g := newGathered(t)
	g.add(t, "0.0", row("0.91", "1.5"))
	g.add(t, "0.1", row("0.95", "1.1"))
	g.add(t, "0.2", row("0.93", "1.2"))
	g.add(t, "0.10", row("0.95", "1.1"))
	g.add(t, "1.0", row("0.45", "6.2"))
	g.add(t, "1.1", row("0.97", "2.5"))
	g.add(t, "1.2", "\xef\xbb\xbftm_score, ca_rmsd\r\n 0.88, 1.9\r\n")
	g.fail("1.3", "fold", "gpu_oom", "The model did not fit\ninto the GPU's memory.")
	g.add(t, "2.0", "")
	g.fail("2.1", "score", "exit", "score ended with exit code 3.")
	g.models.Items = append(g.models.Items, manifestItem{Index: "2.1", Path: "/nowhere/2.1.pdb"})
	g.add(t, "2.2", row("nan", "1.0"))
	g.add(t, "2.3", "tm_score,ca_rmsd\n")
	g.add(t, "2.4", row("0.9", "1.0")+"0.8,1.0,0,numbers\n")
	g.add(t, "2.5", "ca_rmsd\n1.0\n")
	g.add(t, "2.6", row("0.80", "1.0"))
	return g
}

func TestRankGolden(t *testing.T) {
	tests := []struct{ name, flags string }{
		{"all", ""},
		{"thresholds", "--min-tm 0.5 --max-rmsd 2"},
		{"caps", "--max-per-group 2 --top 3"},
		{"by_rmsd", "--by ca_rmsd --filters tm_score>=0.9,ca_rmsd<=1.2"},
		{"nothing", "--min-tm 1"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			code, out, stderr := campaign(t).rank(t, strings.Fields(test.flags)...)
			if code != exitDone {
				t.Fatalf("exit code %d: %s", code, stderr)
			}
			var got strings.Builder
			for _, name := range []string{"all.csv", "ranked.csv", "ledger.csv", "metrics.json", "best.pdb"} {
				data, err := os.ReadFile(filepath.Join(out, name))
				if err != nil && (name != "best.pdb" || test.name != "nothing") {
					t.Fatal(err)
				}
				fmt.Fprintf(&got, "-- %s --\n%s\n", name, strings.TrimSuffix(string(data), "\n"))
			}
			golden := filepath.Join("testdata", "rank", test.name+".txt")
			if *update {
				if err := os.MkdirAll(filepath.Dir(golden), 0o777); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(golden, []byte(got.String()), 0o666); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got.String() != string(want) {
				t.Errorf("%s: got\n%swant\n%s", golden, got.String(), want)
			}
			if _, err := os.Stat(filepath.Join(out, "best.pdb")); (err == nil) == (test.name == "nothing") {
				t.Errorf("best.pdb: %v", err)
			}
		})
	}
}

// TestRankReadsTheWorkersManifest: the JSON as the worker writes it.
func TestRankReadsTheWorkersManifest(t *testing.T) {
	path := filepath.Join(t.TempDir(), "manifest.json")
	text := `{"port":"scores","items":[
		{"index":"0","path":"/attempt/in/0.csv","uri":"file:///run/0.csv","metrics":{"tm_score":0.5}},
		{"index":"1","failed":{"node":"score","code":"exit","message":"It ended with exit code 3."}}]}`
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	port, err := readManifest("scores", path)
	if err != nil {
		t.Fatal(err)
	}
	items := port.items
	if items["0"].Path != "/attempt/in/0.csv" || items["0"].URI != "file:///run/0.csv" || items["1"].Failed.Code != "exit" {
		t.Errorf("%+v", items)
	}
}

func TestRankRefuses(t *testing.T) {
	type testCase struct {
		name  string
		flags string
		make  func(g *gathered)
		code  int
		text  string
	}
	for _, test := range []testCase{
		{"a column that is not there", "--by plddt", func(g *gathered) {}, exitInvalid, `no score table or metric is called "plddt"; there are scores.ca_rmsd`},
		{"a column that is neither better high nor low", "--by n_residues", func(g *gathered) { g.add(t, "7.0", "tm_score,n_residues\n0.5,80\n") }, exitInvalid, "say which with better: higher or lower"},
		{"a direction that is none", "--better up", func(g *gathered) {}, exitUsage, "give higher or lower"},
		{"a confidence that is not there", "--confidence plddt", func(g *gathered) {}, exitInvalid, `called "plddt"`},
		{"a filter on a column that is not there", "--filters plddt>=70", func(g *gathered) {}, exitInvalid, `"plddt"`},
		{"a filter that is none", "--filters plddt>70", func(g *gathered) {}, exitUsage, "is no threshold"},
		{"a bound that is none", "--min-tm high", func(g *gathered) {}, exitUsage, "give a number"},
		{"top under 0", "--top -1", func(g *gathered) {}, exitUsage, "0 or more"},
		{"indexes that do not join", "", func(g *gathered) {
			for i := range g.scores.Items {
				g.scores.Items[i].Index += ".0"
			}
		}, exitInvalid, "gather both from the same scatter"},
		{"an index twice", "", func(g *gathered) { g.scores.Items = append(g.scores.Items, g.scores.Items[0]) }, exitInvalid, "twice"},
		{"an index that is none", "", func(g *gathered) { g.scores.Items[0].Index = "a.b" }, exitInvalid, "numbers joined by dots"},
		{"neither file nor failure", "", func(g *gathered) { g.models.Items[0].Path = "" }, exitInvalid, "neither a path nor a failure"},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := campaign(t)
			test.make(g)
			code, _, stderr := g.rank(t, strings.Fields(test.flags)...)
			if code != test.code || !strings.Contains(strings.ToLower(stderr), strings.ToLower(test.text)) {
				t.Errorf("exit code %d, %s; want %d and %q", code, stderr, test.code, test.text)
			}
		})
	}
}

func TestRankWhenEverythingFailed(t *testing.T) {
	g := newGathered(t)
	g.fail("0", "fold", "oom", "Out of memory.")
	g.fail("1", "fold", "oom", "Out of memory.")
	code, out, stderr := g.rank(t)
	if code != exitDone {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	ranked, err := os.ReadFile(filepath.Join(out, "ranked.csv"))
	if err != nil {
		t.Fatal(err)
	}
	if string(ranked) != "rank,id,index,backbone,sequence_number,length,sequence,model,backbone_model\n" {
		t.Errorf("ranked.csv: %q", ranked)
	}
}

// TestLedgerBalances: of many items with every mix of options, each has one
// outcome, and ranks run from 1 without a gap.
func TestLedgerBalances(t *testing.T) {
	x := &column{node: "score", name: "x"}
	for _, o := range []rankOptions{
		{}, {lowerBetter: true, top: 7}, {perGroup: 1}, {perGroup: 3, top: 10},
		{criteria: []criterion{{most: true, limit: 50, col: x}, {limit: 20, col: x}}, perGroup: 2, top: 4},
	} {
		o.byColumn = x
		var candidates []*candidate
		for i := range 200 {
			c := &candidate{index: fmt.Sprintf("%d.%d", i%13, i), values: []string{fmt.Sprint(i * 37 % 101)}}
			switch {
			case i%11 == 0:
				c.fail("fold", "oom", "")
			case i%17 == 0:
				c.filter("fold", "fold.baseline.agreement", false, 50, "41.2")
			}
			candidates = append(candidates, c)
		}
		best := decide(candidates, o)
		counts, groups := map[string]int{}, map[string]int{}
		for _, c := range candidates {
			counts[c.outcome]++
			if c.outcome == accepted {
				groups[c.group()]++
			}
			if (c.outcome == filtered) != (c.stage != "" && c.metric != "" && c.bound() != "" && c.value != "") {
				t.Errorf("%+v: %+v", o, c)
			}
		}
		left := 200
		stages := stagesOf(candidates, gatheredPorts{})
		for _, s := range stages {
			if s.entered != left || s.entered != s.passed+s.filtered+s.failed {
				t.Errorf("%+v: of %d there are %+v", o, left, s)
			}
			left = s.passed
		}
		if left != len(best) || len(stages) != 2 {
			t.Errorf("%+v: %d left of %d accepted after %+v", o, left, len(best), stages)
		}
		if counts[accepted]+counts[filtered]+counts[failed] != 200 || counts[failed] != 19 || counts[accepted] != len(best) {
			t.Errorf("%+v: %v", o, counts)
		}
		if o.top > 0 && len(best) > o.top {
			t.Errorf("%+v: %d accepted", o, len(best))
		}
		for g, n := range groups {
			if o.perGroup > 0 && n > o.perGroup {
				t.Errorf("%+v: %d accepted of group %s", o, n, g)
			}
		}
		for i, c := range best {
			if c.rank != i+1 {
				t.Errorf("%+v: rank %d at place %d", o, c.rank, i+1)
			}
		}
	}
}

func FuzzScoreRow(f *testing.F) {
	f.Add([]byte(row("0.5", "1")))
	f.Add([]byte("a,\"b\nc\",d\n1,2,3\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := parseScoreRow(data)
		if err == nil && (len(r.columns) == 0 || len(r.columns) != len(r.values)) {
			t.Fatalf("read %+v", r)
		}
	})
}
