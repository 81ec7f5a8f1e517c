package adapt

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ligase-bio/ligase/internal/mol"
	"github.com/ligase-bio/ligase/internal/tool"
)

// mostAlignment bounds an alignment, as it is given and as it is written.
const mostAlignment = 512 << 20

// An alignment is what a user gave to a sequence, in A3M: of one chain, whose
// sequence comes first, and so of all chains of that sequence; or of all
// chains, in ColabFold's form. It is read as it is written.
type alignment struct {
	file   *os.File
	rows   *a3mReader // the query has been read
	unique []string   // the sequences of the chains, each once
	copies []int      // how many chains have each
	of     int        // the sequence, in unique, that the rows are of; all where it is -1
	gaps   []bool     // columns of the file that are gaps of the query
}

// openAlignment reads the beginning of an alignment and finds out which chains
// it is of.
func openAlignment(path string, s mol.Sequence) (*alignment, error) {
	file, err := tool.Open(path)
	if err != nil {
		return nil, err
	}
	a := &alignment{file: file, rows: newA3MReader(file)}
	if err := a.begin(s.Chains()); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return a, nil
}

func (a *alignment) Close() error { return a.file.Close() }

func (a *alignment) begin(chains []string) error {
	info, err := a.file.Stat()
	if err != nil {
		return err
	}
	if info.Size() > mostAlignment {
		return tool.Refusef("The alignment is over %d MiB; give a smaller one.", mostAlignment>>20)
	}
	if err := a.rows.next(); errors.Is(err, io.EOF) {
		return tool.Refusef("The alignment has no record that begins with '>'; give it in A3M.")
	} else if err != nil {
		return err
	}
	for _, chain := range chains {
		if i := slices.Index(a.unique, chain); i >= 0 {
			a.copies[i]++
		} else {
			a.unique, a.copies = append(a.unique, chain), append(a.copies, 1)
		}
	}
	query := a.query()
	if form, ok := parseForm(a.rows.form); ok && len(form.lengths) > 1 {
		return a.beginWhole(form, query, chains)
	} else if a.of = slices.Index(a.unique, query); a.of < 0 {
		return a.ofNone(query, chains)
	} else if ok && (form.lengths[0] != len(query) || form.copies[0] != 1 && form.copies[0] != a.copies[a.of]) {
		return tool.Refusef("The first line of the alignment is %.200s, and it is of %s, which %d of the chains have; leave that line out.", form, lengths(query), a.copies[a.of])
	}
	return nil
}

// query gives the first sequence as sequences are read here: without gaps, and
// with the twenty letters and X. It marks the gaps.
func (a *alignment) query() string {
	var b strings.Builder
	a.gaps = make([]bool, 0, len(a.rows.row))
	for _, c := range a.rows.row {
		a.gaps = append(a.gaps, c == '-')
		switch c {
		case '-':
			continue
		case 'U':
			c = 'C'
		case 'O':
			c = 'K'
		case 'B', 'J', 'Z':
			c = 'X'
		}
		b.WriteByte(c)
	}
	return b.String()
}

// beginWhole is for an alignment of all chains. Those of the form may come in
// another order than those of the sequence.
func (a *alignment) beginWhole(form colabfoldForm, query string, chains []string) error {
	want := slices.Clone(chains)
	slices.SortFunc(want, func(a, b string) int { return len(a) - len(b) })
	var given []int
	columns := 0
	for i, n := range form.lengths {
		if form.copies[i] > len(chains) {
			given = nil
			break
		}
		columns += n
		given = append(given, slices.Repeat([]int{n}, form.copies[i])...)
	}
	slices.Sort(given)
	if !slices.EqualFunc(given, want, func(n int, chain string) bool { return n == len(chain) }) {
		return tool.Refusef("The first line of the alignment is %.200s, and of these chains (%s) it would be %.200s; give an alignment of them, or of one of them without that line.", form, lengths(strings.Join(chains, mol.ChainSeparator)), a.form())
	}
	var parts, all []string
	if len(query) == columns && len(a.gaps) == columns {
		rest := query
		for i, n := range form.lengths {
			parts = append(parts, rest[:n])
			all = append(all, slices.Repeat([]string{rest[:n]}, form.copies[i])...)
			rest = rest[n:]
		}
	}
	slices.Sort(all)
	slices.Sort(want)
	if !slices.Equal(all, want) {
		return tool.Refusef("The first sequence of the alignment (%s) is not what its first line, %.200s, says: the chains (%s), each sequence once, without gaps; put that there.", lengths(query), form, lengths(strings.Join(chains, mol.ChainSeparator)))
	}
	a.unique, a.copies, a.of = parts, form.copies, -1
	return nil
}

// ofNone says what is wrong with an alignment to another sequence.
func (a *alignment) ofNone(query string, chains []string) error {
	switch {
	case strings.ToUpper(query) != query:
		return tool.Refusef("The first sequence of the alignment has small letters, which in A3M are insertions into it; write it in capitals.")
	case len(chains) == 1:
		// Columns of the query are its residues; what it lacks is an insertion,
		// in small letters, of others only.
		return tool.Refusef("The alignment begins with another sequence (%s) than the one to predict (%s); put that one first.", lengths(query), lengths(chains[0]))
	}
	return tool.Refusef("The alignment begins with a sequence of %s, which is none of the chains (%s); put the chain first that it is of. One of all chains, joined, begins with a line like %.200s.", lengths(query), lengths(strings.Join(chains, mol.ChainSeparator)), a.form())
}

// each goes over the rows after the query, each as long as the query without
// small letters.
func (a *alignment) each(do func(header string, row []byte) error) error {
	for {
		if err := a.rows.next(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		row, err := a.aligned(a.rows.row)
		if err != nil {
			return err
		}
		if err := do(a.rows.header, row); err != nil {
			return err
		}
	}
}

// aligned brings a row, in place, to the columns that are residues of the
// query: what it has elsewhere is an insertion.
func (a *alignment) aligned(row []byte) ([]byte, error) {
	out := row[:0]
	column := 0
	for _, c := range row {
		if 'a' <= c && c <= 'z' {
			out = append(out, c)
			continue
		}
		switch {
		case column >= len(a.gaps) || !a.gaps[column]:
			out = append(out, c)
		case c != '-':
			out = append(out, c-'A'+'a')
		}
		column++
	}
	if column != len(a.gaps) {
		return nil, tool.Refusef("Record %d of the alignment has %d columns (capitals and gaps), and its first sequence %d; align it again, or leave it out.", a.rows.record, column, len(a.gaps))
	}
	return out, nil
}

// writeChain writes the alignment of one chain as plain A3M.
func (a *alignment) writeChain(w io.Writer) error {
	if _, err := fmt.Fprintf(w, ">101\n%s\n", a.unique[a.of]); err != nil {
		return err
	}
	return a.writeRows(w, "", "")
}

// writeRows writes the rows after the query, each between gaps.
func (a *alignment) writeRows(w io.Writer, before, after string) error {
	return a.each(func(header string, row []byte) error {
		if a.of >= 0 {
			header = strings.ReplaceAll(header, "\t", " ")
		}
		_, err := fmt.Fprintf(w, ">%s\n%s%s%s\n", header, before, row, after)
		return err
	})
}

// to writes a file, by one of the above. None is left that is not whole, and
// it may be the one that is read.
func (a *alignment) to(path string, write func(io.Writer) error) error {
	part := path + ".part"
	file, err := os.Create(part)
	if err != nil {
		return err
	}
	buffered := bufio.NewWriterSize(&bounded{w: file, left: mostAlignment}, 64<<10)
	err = write(buffered)
	if err == nil {
		err = buffered.Flush()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return errors.Join(err, os.Remove(part))
	}
	return os.Rename(part, path)
}

// bounded passes on so many bytes: rows of a short chain beside a long one
// take far more than what was given.
type bounded struct {
	w    io.Writer
	left int64
}

func (b *bounded) Write(p []byte) (int, error) {
	if b.left -= int64(len(p)); b.left < 0 {
		return 0, tool.Refusef("With gaps for the other chains the alignment is over %d MiB; leave out some of its sequences.", mostAlignment>>20)
	}
	return b.w.Write(p)
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
