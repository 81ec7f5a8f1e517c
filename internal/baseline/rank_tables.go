package baseline

import (
	"encoding/csv"
	"io"
	"strconv"
	"strings"

	"github.com/ligase-bio/ligase/internal/tool"
)

// allRows are all candidates, in order of their indexes, with everything that
// is known of each.
func allRows(candidates []*candidate, t *columns) [][]string {
	head := []string{"id", "index", "backbone", "sequence_number", "outcome", "rank", "stage", "metric", "bound", "threshold", "value", "code", "message", "length"}
	for _, col := range t.list {
		head = append(head, col.String())
	}
	rows := [][]string{append(head, "sequence", "model", "backbone_model")}
	for _, c := range candidates {
		row := []string{c.id, c.index, c.backbone, c.number, c.outcome, c.place()}
		row = append(row, c.loss()...)
		row = append(row, c.lengthText())
		row = append(row, c.cells(t)...)
		rows = append(rows, append(row, safe(c.sequence), safe(c.model), safe(c.source)))
	}
	return rows
}

// rankedRows are the accepted, best first, with all their scores.
func rankedRows(best []*candidate, t *columns) [][]string {
	head := []string{"rank", "id", "index", "backbone", "sequence_number", "length"}
	for _, col := range t.list {
		head = append(head, col.String())
	}
	rows := [][]string{append(head, "sequence", "model", "backbone_model")}
	for _, c := range best {
		row := []string{c.place(), c.id, c.index, c.backbone, c.number, c.lengthText()}
		row = append(row, c.cells(t)...)
		rows = append(rows, append(row, safe(c.sequence), safe(c.model), safe(c.source)))
	}
	return rows
}

// ledgerRows are all candidates, in order of their indexes, with what became
// of each.
func ledgerRows(candidates []*candidate) [][]string {
	rows := [][]string{{"id", "index", "outcome", "rank", "stage", "metric", "bound", "threshold", "value", "code", "message", "model"}}
	for _, c := range candidates {
		row := []string{c.id, c.index, c.outcome, c.place()}
		row = append(row, c.loss()...)
		rows = append(rows, append(row, safe(c.model)))
	}
	return rows
}

// loss is where and why a candidate was left out, in cells.
func (c *candidate) loss() []string {
	threshold := ""
	if c.outcome == filtered {
		threshold = tool.FormatNumber(c.threshold)
	}
	return []string{safe(c.stage), safe(c.metric), c.bound(), threshold, c.value, safe(c.code), safe(oneLine(c.message))}
}

func (c *candidate) place() string {
	if c.rank == 0 {
		return ""
	}
	return strconv.Itoa(c.rank)
}

func (c *candidate) lengthText() string {
	if c.length == 0 {
		return ""
	}
	return strconv.Itoa(c.length)
}

// cells are what the candidate has in each column.
func (c *candidate) cells(t *columns) []string {
	row := make([]string, len(t.list))
	for i, col := range t.list {
		row[i] = safe(oneLine(c.text(col)))
	}
	return row
}

// safe is text that no spreadsheet takes for a formula. Numbers stay what they
// are.
func safe(s string) string {
	if s == "" || !strings.ContainsRune("=+-@", rune(s[0])) {
		return s
	}
	if _, err := strconv.ParseFloat(s, 64); err == nil {
		return s
	}
	return "'" + s
}

// oneLine makes a text that another step wrote fit into a cell.
func oneLine(s string) string {
	const most = 500
	s = strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))), " ")
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}

func writeCSVFile(path string, rows [][]string) error {
	return writeFile(path, func(w io.Writer) error { return csv.NewWriter(w).WriteAll(rows) })
}
