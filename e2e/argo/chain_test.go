//go:build cluster

package argo

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ligase-bio/ligase/internal/runs"
)

// chain folds two sequences and scores the models, each by a run of its own, and
// ranks what they gave by its URIs: what was measured, and by what, goes along,
// and the table is that of the pipeline that does the same. On the cluster
// somebody else ranks, who knows of the runs what lies in the store.
func (u *user) chain(t *testing.T) {
	t.Parallel()
	structure := filepath.Join("..", "..", "internal", "cli", "demo", "1ubq.pdb")
	sequences := []string{
		"MQIFVKTLTGKTITLEVEPSDTIENVKAKIQDKEGIPPDQQRLIFAGKQLEDGRTLSDYNIQKESTLHLVLRLRGG",
		"MQIFVKTLTGKTITLEVEASDTIENVKAKIQDAEGIPPDQQRLIFAGKQLEEGRTLSDYNIQKESTLHLVLRLRAG",
	}
	run := func(u *user, engine, port string, args ...string) (id, uri string) {
		t.Helper()
		out, err := u.ligase(t, append([]string{"run", "--json", "--engine", engine}, args...)...)
		var sum runs.Summary
		if err != nil || json.Unmarshal([]byte(out), &sum) != nil || len(sum.OutputURIs[port].URIs) != 1 {
			t.Fatalf("%s: %v: %v\n%s", engine, args, err, out)
		}
		return string(sum.RunID), sum.OutputURIs[port].URIs[0].String()
	}
	// both makes two calls at once, and again, to wait for the same two runs.
	calls := 0
	both := func(port, engine string, pair ...[]string) (outputs []string) {
		t.Helper()
		for i := range pair {
			calls++
			pair[i] = append(pair[i], fmt.Sprintf("--request-id=chain-%d", calls))
			if out, err := u.ligase(t, append([]string{"run", "--detach", "--engine", engine}, pair[i]...)...); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
		}
		for _, args := range pair {
			_, output := run(u, engine, port, args...)
			outputs = append(outputs, output)
		}
		return outputs
	}
	table := func(u *user, engine string, args ...string) []map[string]string {
		t.Helper()
		id, _ := run(u, engine, "all", append(args, "by=fold.baseline.agreement")...)
		folder := t.TempDir()
		if out, err := u.ligase(t, "outputs", id, "all", "--to", folder, "--engine", engine); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return measured(t, filepath.Join(folder, "all.csv"))
	}
	other := *u
	other.env = append(slices.Clone(u.env), "LIGASE_DATA="+t.TempDir())
	tables := map[string][]map[string]string{}
	for engine, whoRanks := range map[string]*user{"local": u, "argo": &other} {
		call := []string{"rank"}
		models := both("structure", engine, []string{"fold", "sequence=" + sequences[0], "seed=37"}, []string{"fold", "sequence=" + sequences[1], "seed=37"})
		scores := both("scores", engine, []string{"score", "model=" + models[0], "reference=@" + structure}, []string{"score", "model=" + models[1], "reference=@" + structure})
		for i := range sequences {
			call = append(call, "models="+models[i], "scores="+scores[i], "sequences="+sequences[i])
		}
		tables[engine] = table(whoRanks, engine, call...)
	}
	pipeline := table(u, "local", "refold_check", "structure=@"+structure, "sequences="+sequences[0], "sequences="+sequences[1])
	if len(pipeline) != 2 || pipeline[0]["fold.baseline.agreement"] == "" || pipeline[0]["score.baseline.tm_score"] == "" {
		t.Errorf("the pipeline measured %v", pipeline)
	}
	for engine, chain := range tables {
		if diff := cmp.Diff(pipeline, chain); diff != "" {
			t.Errorf("-the pipeline +the chain on %s:\n%s", engine, diff)
		}
	}
}

// measured are a table's rows, without what says where in a scatter each is and
// where its files are.
func measured(t *testing.T, file string) []map[string]string {
	t.Helper()
	text := must(os.ReadFile(file))(t)
	table := must(csv.NewReader(bytes.NewReader(text)).ReadAll())(t)
	var rows []map[string]string
	for _, row := range table[1:] {
		values := map[string]string{}
		for i, column := range table[0] {
			if !slices.Contains([]string{"id", "index", "backbone", "sequence_number", "model", "backbone_model"}, column) {
				values[column] = row[i]
			}
		}
		rows = append(rows, values)
	}
	return rows
}
