//go:build cluster && campaign

package argo

import (
	"encoding/csv"
	"flag"
	"os"
	"path/filepath"
	"regexp"
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
	s := newSite(t, builtin()...)
	u := s.user(t)
	u.patience = 0 // as long as the test has
	tables := map[string]map[string]string{}
	for _, engine := range []string{"local", "argo"} {
		out, err := u.ligase(t, "run", "--engine", engine, "--json", "--request-id", "campaign", "campaign",
			"length=40", "num_backbones=8", "num_sequences=8", "min_agreement=55", "min_tm_score=0.25", "max_per_group=4")
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
			if engine == "argo" && *results != "" {
				if err := os.MkdirAll(*results, 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(*results, filepath.Base(file)), data, 0o644); err != nil {
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
	if err != nil || len(rows) != 65 {
		t.Fatalf("%v: %d rows in the ledger, not one for each of 64 candidates", err, len(rows)-1)
	}
	outcomes := map[string]int{}
	for _, r := range rows[1:] {
		outcomes[r[2]]++
	}
	t.Logf("64 promised: %v", outcomes)
	if outcomes["accepted"]+outcomes["filtered"] != 64 || outcomes["accepted"] == 0 || outcomes["filtered"] == 0 {
		t.Errorf("the ledger has %v", outcomes)
	}
}
