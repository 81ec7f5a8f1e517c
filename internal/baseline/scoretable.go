package baseline

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"os"
	"strings"
)

// scoreRow is the one row of an item's score table.
type scoreRow struct {
	columns []string // in the table's order
	values  map[string]string
}

// readScoreRow reads a CSV file with a header and one row.
func readScoreRow(path string) (scoreRow, error) {
	const most = 1 << 20 // bytes: a row of scores, not a data set
	file, err := os.Open(path)
	if err != nil {
		return scoreRow{}, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, most+1))
	if err != nil {
		return scoreRow{}, err
	}
	if len(data) > most {
		return scoreRow{}, refusef("The score table is over 1 MiB.")
	}
	return parseScoreRow(data)
}

func parseScoreRow(data []byte) (scoreRow, error) {
	in := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))))
	in.TrimLeadingSpace = true
	header, err := in.Read()
	if errors.Is(err, io.EOF) {
		return scoreRow{}, refusef("The score table is empty.")
	}
	if err != nil {
		return scoreRow{}, refusef("The score table is not CSV: %v.", err)
	}
	row, err := in.Read()
	if errors.Is(err, io.EOF) {
		return scoreRow{}, refusef("The score table has a header but no row.")
	}
	if err != nil {
		return scoreRow{}, refusef("The score table is not CSV: %v.", err)
	}
	if _, err := in.Read(); !errors.Is(err, io.EOF) {
		return scoreRow{}, refusef("The score table has more than one row, so it is not that of one model.")
	}
	r := scoreRow{values: make(map[string]string, len(header))}
	for i, column := range header {
		column = strings.TrimSpace(column)
		if _, twice := r.values[column]; twice || column == "" {
			return scoreRow{}, refusef("The score table has the column %.40q twice or one without a name.", column)
		}
		r.columns = append(r.columns, column)
		r.values[column] = row[i]
	}
	return r, nil
}
