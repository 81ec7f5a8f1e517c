//go:build cluster && campaign

package argo

import (
	"encoding/csv"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var results = flag.String("results", "", "`folder` to leave the campaign's report and tables in, as the cluster made them")

// aCell is a URI in a table.
var aCell = regexp.MustCompile(`(file|s3)://[^",\n]*`)

// TestCampaign runs eight backbones with eight sequences each, with thresholds
// between the stages and at the end, on this machine and on the cluster: the
// same candidates come through, and each is accounted for. It starts some 150
// pods, so that it is by itself and not in CI.
func TestCampaign(t *testing.T) {
	onBoth(t, 64, *results, "campaign", "length=40", "num_backbones=8", "num_sequences=8", "min_agreement=55", "min_tm_score=0.25", "max_per_group=4")
}

// TestBinders runs two complexes through both stages, of which the first
// leaves some out. Ubiquitin, cut in two, stands for a target with a binder.
func TestBinders(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("..", "..", "internal", "cli", "demo", "1ubq.pdb"))
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"binder_chains=B", "num_sequences=2", "max_binder_ca_rmsd=8.8"}
	for _, last := range []int{40, 45} {
		var cut strings.Builder
		for line := range strings.Lines(string(data)) {
			if !strings.HasPrefix(line, "ATOM") {
				continue
			}
			if n, err := strconv.Atoi(strings.TrimSpace(line[22:26])); err != nil {
				t.Fatal(err)
			} else if n > last {
				line = line[:21] + "B" + line[22:]
			}
			cut.WriteString(line)
		}
		file := filepath.Join(t.TempDir(), "complex.pdb")
		if err := os.WriteFile(file, []byte(cut.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		args = append(args, "complexes=@"+file)
	}
	onBoth(t, 4, "", "binder_cofold", args...)
}

// onBoth runs a pipeline of the library on this machine and on the cluster,
// and compares what they say of its candidates. What the cluster made is left
// in a folder, if one is named.
func onBoth(t *testing.T, candidates int, keep, pipeline string, args ...string) {
	s := newSite(t, builtin()...)
	u := s.user(t)
	u.patience = 0 // as long as the test has
	tables := map[string]map[string]string{}
	for _, engine := range []string{"local", "argo"} {
		out, err := u.ligase(t, append([]string{"run", "--engine", engine, "--json", "--request-id", pipeline, pipeline}, args...)...)
		if err != nil {
			t.Fatalf("%s: %v\n%s", engine, err, out)
		}
		summary, _ := withoutPlaces(t, out).(map[string]any)
		t.Logf("%s: %v", engine, summary["metrics"])
		folder := filepath.Join(t.TempDir(), engine)
		for _, port := range []string{"ledger", "all", "table", "report"} {
			if out, err := u.ligase(t, "outputs", "latest", port, "--engine", engine, "--to", folder); err != nil {
				t.Fatalf("%s: %v\n%s", engine, err, out)
			}
		}
		tables[engine] = map[string]string{}
		files, err := filepath.Glob(filepath.Join(folder, "*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if engine == "argo" && keep != "" {
				if err := os.MkdirAll(keep, 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(keep, filepath.Base(file)), data, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if strings.HasSuffix(file, ".csv") {
				tables[engine][filepath.Base(file)] = aCell.ReplaceAllString(string(data), "somewhere")
			}
		}
	}
	if diff := cmp.Diff(tables["local"], tables["argo"]); diff != "" {
		t.Errorf("-laptop +cluster:\n%s", diff)
	}
	rows, err := csv.NewReader(strings.NewReader(tables["argo"]["ledger.csv"])).ReadAll()
	if err != nil || len(rows) != candidates+1 {
		t.Fatalf("%v: %d rows in the ledger, not one for each of %d candidates", err, len(rows)-1, candidates)
	}
	outcomes := map[string]int{}
	for _, r := range rows[1:] {
		outcomes[r[2]]++
	}
	t.Logf("%d promised: %v", candidates, outcomes)
	if outcomes["accepted"]+outcomes["filtered"] != candidates || outcomes["accepted"] == 0 || outcomes["filtered"] == 0 {
		t.Errorf("the ledger has %v", outcomes)
	}
}
