package adapt

import (
	"encoding/csv"
	"encoding/json"
	"io"
	"math"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/ligase-bio/ligase/internal/tool"
)

// foldseekColumns are what foldseek is told to write (--format-output), in
// order; those after the names are numbers.
func foldseekColumns() []string {
	return []string{"target", "prob", "evalue", "bits", "fident", "alnlen", "qstart", "qend", "tstart", "tend", "qtmscore", "ttmscore", "lddt"}
}

// foldseekFinish makes hits.csv, with the URIs of the targets, and metrics.json
// of the table without a header that foldseek wrote, which is empty when it
// found nothing.
func foldseekFinish() *action {
	return &action{needs: []string{"from", "targets", "out"}, run: func(c *call) error {
		data, err := readWhole(c.path("from"))
		if err != nil {
			return err
		}
		indexes, sources, err := readTargets(c.path("targets"))
		if err != nil {
			return err
		}
		columns := foldseekColumns()
		header := append([]string{"target_index", "target_uri", "target_chain"}, columns[1:]...)
		rows := [][]string{header}
		bestScore, bestProbability := 0.0, 0.0
		for line := range strings.Lines(string(data)) {
			line = strings.TrimRight(line, "\r\n")
			if line == "" {
				continue
			}
			fields := strings.Split(line, "\t")
			if len(fields) != len(columns) {
				return tool.Refusef("A line of foldseek has %d columns where it was told to write %d.", len(fields), len(columns))
			}
			numbers := map[string]float64{}
			for i, text := range fields[1:] {
				x, err := strconv.ParseFloat(text, 64)
				if err != nil || math.IsNaN(x) {
					return tool.Refusef("A line of foldseek has %.20q in the column %s, which is of numbers.", text, columns[i+1])
				}
				numbers[columns[i+1]] = x
			}
			index, chain, known := targetOf(fields[0], indexes)
			if !known {
				return tool.Refusef("foldseek names the target %.60q, which was not among those given.", fields[0])
			}
			bestScore, bestProbability = max(bestScore, numbers["qtmscore"]), max(bestProbability, numbers["prob"])
			rows = append(rows, append([]string{index, sources[index], chain}, fields[1:]...))
		}
		if err := tool.EmptyFolder(c.path("out"), "hits.csv"); err != nil {
			return err
		}
		err = tool.WriteFile(filepath.Join(c.path("out"), "hits.csv"), func(w io.Writer) error { return csv.NewWriter(w).WriteAll(rows) })
		if err != nil {
			return err
		}
		metrics := map[string]float64{"n_hits": float64(len(rows) - 1), "n_targets": float64(len(indexes))}
		if len(rows) > 1 {
			metrics["best_tm_score"], metrics["best_probability"] = tool.Round4(bestScore), tool.Round4(bestProbability)
		}
		return tool.WriteMetrics(filepath.Join(c.path("out"), "metrics.json"), metrics, nil)
	}}
}

// readTargets gives of a manifest the index of each file by its name without
// what it ends with, and the URI by index.
func readTargets(path string) (indexes, sources map[string]string, err error) {
	data, err := readInput(path)
	if err != nil {
		return nil, nil, err
	}
	var m struct {
		Items []struct{ Index, Path, URI string }
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return nil, nil, tool.Refusef("%s is not a manifest (JSON with \"items\"): %v.", filepath.Base(path), err)
	}
	indexes, sources = map[string]string{}, map[string]string{}
	for _, item := range m.Items {
		if item.Path == "" {
			continue // it failed upstream
		}
		name := filepath.Base(item.Path)
		indexes[strings.TrimSuffix(name, filepath.Ext(name))] = item.Index
		sources[item.Index] = item.URI
	}
	return indexes, sources, nil
}

// targetOf finds a target by the name that foldseek gives it: the file's, with
// or without its extension, and _CHAIN behind it where there are several.
func targetOf(name string, indexes map[string]string) (index, chain string, known bool) {
	for _, ext := range []string{"", ".pdb", ".cif"} {
		if index, ok := indexes[strings.TrimSuffix(name, ext)]; ok && strings.HasSuffix(name, ext) {
			return index, "", true
		}
	}
	if at := strings.LastIndexByte(name, '_'); at > 0 {
		index, _, known = targetOf(name[:at], indexes)
		return index, name[at+1:], known
	}
	return "", "", false
}
