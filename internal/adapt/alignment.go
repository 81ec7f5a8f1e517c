package adapt

import (
	"bytes"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/ligase-bio/ligase/internal/mol"
	"github.com/ligase-bio/ligase/internal/tool"
)

// copyAlignment copies an A3M file whose first sequence is the one to predict.
// Of several chains only ColabFold's own form tells which column is of which:
// it begins with a line like "#76,52<tab>1,1".
func copyAlignment(from, to string, s mol.Sequence) error {
	data, err := readInput(from)
	if err != nil {
		return err
	}
	if err := checkAlignment(data, s); err != nil {
		return err
	}
	return tool.WriteFile(to, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

func checkAlignment(data []byte, s mol.Sequence) error {
	chains := s.Chains()
	first, header := firstRecord(data)
	if len(chains) > 1 {
		var lengths []string
		for _, chain := range chains {
			lengths = append(lengths, fmt.Sprint(len(chain)))
		}
		if !strings.HasPrefix(header, "#") {
			return tool.Refusef("The alignment does not say which of its columns are of which of the %d chains; give one in ColabFold's form, which begins with a line like #%s<tab>…, or none.", len(chains), strings.Join(lengths, ","))
		}
		return nil
	}
	// Columns of the query are its residues; what it lacks is an insertion,
	// in small letters, of others only.
	if got := strings.ReplaceAll(first, "-", ""); got != s.Residues {
		return tool.Refusef("The alignment begins with another sequence (%s) than the one to predict (%s); put that one first.", lengths(got), lengths(s.Residues))
	}
	return nil
}

// firstRecord is the first sequence of an A3M file, and the line before the
// first '>' where there is one.
func firstRecord(data []byte) (residues, before string) {
	var b strings.Builder
	records := 0
	for line := range bytes.Lines(data) {
		line = bytes.TrimSpace(line)
		switch {
		case len(line) == 0:
		case line[0] == '>':
			if records++; records > 1 {
				return b.String(), before
			}
		case records == 0:
			before = string(line)
		default:
			b.Write(line)
		}
	}
	return b.String(), before
}

// readInput reads a file that the user gave, of at most 512 MiB.
func readInput(path string) ([]byte, error) {
	file, err := tool.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	const most = 512 << 20
	data, err := io.ReadAll(io.LimitReader(file, most+1))
	if err != nil {
		return nil, err
	}
	if len(data) > most {
		return nil, tool.Refusef("%s is over %d MiB; give a smaller file.", filepath.Base(path), most>>20)
	}
	return data, nil
}
