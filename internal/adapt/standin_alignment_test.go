package adapt_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// An unserialized is what ColabFold makes of an .a3m file: per sequence its
// alignment in plain A3M, and the rows that are paired with those of others.
type unserialized struct {
	unpaired, paired []string
	unique           []string
	copies           []int
}

// pythonLines are the ends of lines of Python's str.splitlines.
var pythonLines = regexp.MustCompile("\r\n|[\n\r\v\f\x1c\x1d\x1e\u0085\u2028\u2029]")

// unserializeMSA follows normalize_a3m and unserialize_msa of ColabFold 1.6.0
// (colabfold/batch.py) and parse_fasta of colabfold/input.py.
func unserializeMSA(path string) (*unserialized, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if !utf8.Valid(data) {
		return nil, errors.New("UnicodeDecodeError: 'utf-8' codec can't decode")
	}
	raw := pythonLines.Split(strings.ReplaceAll(string(data), "\x00", ""), -1)
	var lines []string
	if strings.HasPrefix(raw[0], "#") {
		lines = append(lines, raw[0])
		raw = raw[1:]
	}
	var header, sequence string
	flush := func() {
		if header != "" {
			lines = append(lines, header, sequence)
		}
	}
	for _, line := range raw {
		switch line = strings.TrimSpace(line); {
		case line == "":
		case line[0] == '>':
			flush()
			header, sequence = line, ""
		default:
			sequence += strings.Join(strings.Fields(line), "")
		}
	}
	flush()
	form := strings.Split(strings.TrimPrefix(lines[0], "#"), "\t")
	if !strings.HasPrefix(lines[0], "#") || len(form) != 2 {
		if strings.HasPrefix(lines[0], "#") {
			return nil, errors.New("AssertionError")
		}
		return &unserialized{unpaired: []string{strings.Join(lines, "\n") + "\n"}, unique: []string{strings.ToUpper(lines[1])}, copies: []int{1}}, nil
	}
	u := &unserialized{}
	var lengths []int
	for _, text := range strings.Split(form[0], ",") {
		n, err := strconv.Atoi(text)
		if err != nil {
			return nil, err
		}
		lengths = append(lengths, n)
	}
	for _, text := range strings.Split(form[1], ",") {
		n, err := strconv.Atoi(text)
		if err != nil {
			return nil, err
		}
		u.copies = append(u.copies, n)
	}
	at := 0
	for _, n := range lengths {
		u.unique = append(u.unique, lines[2][at:at+n])
		at += n
	}
	u.unpaired, u.paired = make([]string, len(lengths)), make([]string, len(lengths))
	single := len(lengths) == 1 && u.copies[0] == 1
	homomer := len(lengths) == 1 && u.copies[0] > 1
	seen := map[[2]string]bool{}
	for i := 1; i+1 < len(lines); i += 2 {
		header, row := lines[i], lines[i+1]
		if seen[[2]string{header, row}] {
			continue
		}
		seen[[2]string{header, row}] = true
		// Small letters before a column are of the part that it is in.
		parts, has := make([]string, len(lengths)), make([]bool, len(lengths))
		part, columns, start, residues, parted := 0, 0, 0, false, 0
		for k := 0; k < len(row) && part < len(lengths); k++ {
			if 'a' <= row[k] && row[k] <= 'z' {
				continue
			}
			residues = residues || 'A' <= row[k] && row[k] <= 'Z'
			if columns++; columns == lengths[part] {
				parts[part], has[part] = row[start:k+1], residues
				if residues {
					parted++
				}
				part, columns, start, residues = part+1, 0, k+1, false
			}
		}
		if !single && !homomer && parted > 1 {
			names := strings.Split(strings.ReplaceAll(header, ">", ""), "\t")
			for j := range parts {
				u.paired[j] += ">" + names[min(j, len(names)-1)] + "\n" + parts[j] + "\n"
			}
			continue
		}
		for j := range parts {
			if has[j] {
				u.unpaired[j] += header + "\n" + parts[j] + "\n"
			}
		}
	}
	if homomer {
		u.paired = nil
		for k := range u.copies[0] {
			u.paired = append(u.paired, fmt.Sprintf(">%d\n%s\n", 101+k, u.unique[0]))
		}
	} else if single {
		u.paired = nil
	}
	return u, nil
}

// featurize follows make_msa_features of AlphaFold: each alignment has a row,
// the first is the sequence, and all are as long as it. depth is the number of
// rows beyond those.
func (u *unserialized) featurize() (depth int, err error) {
	for j, msa := range u.unpaired {
		lines := strings.Split(strings.TrimSuffix(msa, "\n"), "\n")
		if msa == "" {
			return 0, errors.New("ValueError: MSA 0 must contain at least one sequence.")
		}
		for i := 1; i < len(lines); i += 2 {
			row := strings.Map(func(c rune) rune {
				if 'a' <= c && c <= 'z' {
					return -1
				}
				return c
			}, lines[i])
			if i == 1 && row != u.unique[j] {
				return 0, fmt.Errorf("the alignment of %s begins with %s", u.unique[j], row)
			}
			if len(row) != len(u.unique[j]) || strings.Trim(row, "ABCDEFGHIJKLMNOPQRSTUVWXYZ-") != "" {
				return 0, fmt.Errorf("KeyError or ValueError: %q beside %q", row, u.unique[j])
			}
		}
		depth += len(lines)/2 - 1
	}
	return depth, nil
}

// colabfoldQuery reads the one file of the folder, as get_queries of
// colabfold/input.py, and gives the chains in the order in which models have
// them, those of one sequence together, and the depth of the alignment.
func colabfoldQuery(path string) (chains []string, depth int, err error) {
	u := &unserialized{}
	if filepath.Ext(path) == ".a3m" {
		if u, err = unserializeMSA(path); err != nil {
			return nil, 0, err
		}
		if depth, err = u.featurize(); err != nil {
			return nil, 0, err
		}
	} else {
		_, sequence, err := fastaOf(path)
		if err != nil {
			return nil, 0, err
		}
		for _, chain := range strings.Split(sequence, ":") {
			if i := slices.Index(u.unique, chain); i >= 0 {
				u.copies[i]++
			} else {
				u.unique, u.copies = append(u.unique, chain), append(u.copies, 1)
			}
		}
	}
	for i, sequence := range u.unique {
		chains = append(chains, slices.Repeat([]string{sequence}, u.copies[i])...)
	}
	return chains, depth, nil
}

// boltzMSA follows _parse_a3m of Boltz 2 (boltz/data/parse/a3m.py), which takes
// every line for a row, and its check that the first is the sequence: when it
// is not, Boltz says so in its log and goes on without. It gives the rows.
func boltzMSA(path, sequence string) ([]string, error) {
	if filepath.Ext(path) != ".a3m" {
		return nil, fmt.Errorf("MSA file %s not supported, only a3m or csv", path)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var rows []string
	seen := map[string]bool{}
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || line[0] == '>' {
			continue
		}
		bare := strings.ToUpper(strings.ReplaceAll(line, "-", ""))
		if seen[bare] {
			continue
		}
		seen[bare] = true
		columns := strings.Map(func(c rune) rune {
			if 'a' <= c && c <= 'z' {
				return -1
			}
			return c
		}, line)
		if strings.Trim(columns, "ABCDEFGHIJKLMNOPQRSTUVWXYZ-") != "" {
			return nil, fmt.Errorf("KeyError: %q", columns)
		}
		if len(rows) == 0 && columns != sequence || len(columns) != len(sequence) {
			return nil, fmt.Errorf("MSA does not match input sequence, creating dummy: %q, %q", columns, sequence)
		}
		rows = append(rows, line)
	}
	return rows, nil
}
