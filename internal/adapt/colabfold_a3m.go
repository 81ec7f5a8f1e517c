package adapt

import (
	"fmt"
	"io"
	"strconv"
	"strings"
)

// A colabfoldForm is the first line of an alignment of ColabFold: how long the
// sequences are that its rows join, and how many chains have each.
type colabfoldForm struct{ lengths, copies []int }

// form is that of the chains.
func (a *alignment) form() colabfoldForm {
	var f colabfoldForm
	for i := range a.unique {
		f.lengths, f.copies = append(f.lengths, len(a.unique[i])), append(f.copies, a.copies[i])
	}
	return f
}

// parseForm reads such a line; ok is false for any other comment.
func parseForm(line string) (f colabfoldForm, ok bool) {
	before, after, ok := strings.Cut(strings.TrimPrefix(line, "#"), "\t")
	if !ok {
		return f, false
	}
	if f.lengths, ok = counts(before); !ok {
		return f, false
	}
	f.copies, ok = counts(after)
	return f, ok && len(f.lengths) == len(f.copies)
}

// counts reads numbers from 1 on between commas.
func counts(list string) (all []int, ok bool) {
	for text := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return nil, false
		}
		all = append(all, n)
	}
	return all, true
}

// line is the line itself.
func (f colabfoldForm) line() string {
	join := func(all []int) string { return strings.Trim(strings.ReplaceAll(fmt.Sprint(all), " ", ","), "[]") }
	return "#" + join(f.lengths) + "\t" + join(f.copies)
}

// String is the line for sentences.
func (f colabfoldForm) String() string { return strings.ReplaceAll(f.line(), "\t", "<tab>") }

// writeColabFold writes an alignment as colabfold_batch reads it
// (unserialize_msa in colabfold/batch.py): the line above, a row of all
// sequences joined, and the rows of each with gaps for the others. The first of
// each is the sequence itself, without which ColabFold has no alignment of it;
// what a file of all chains has of that already is dropped by it as the same. A
// single chain needs neither that line nor gaps, and copies of one sequence no
// gaps.
func (a *alignment) writeColabFold(w io.Writer) error {
	if len(a.unique) == 1 {
		if a.copies[0] > 1 {
			if _, err := fmt.Fprintln(w, a.form().line()); err != nil {
				return err
			}
		}
		return a.writeChain(w)
	}
	// As many names as sequences; ColabFold counts them from 101.
	var names []string
	for i := range a.unique {
		names = append(names, strconv.Itoa(101+i))
	}
	all := strings.Join(a.unique, "")
	if _, err := fmt.Fprintf(w, "%s\n>%s\n%s\n", a.form().line(), strings.Join(names, "\t"), all); err != nil {
		return err
	}
	before := 0
	for i, sequence := range a.unique {
		left, right := strings.Repeat("-", before), strings.Repeat("-", len(all)-before-len(sequence))
		before += len(sequence)
		if _, err := fmt.Fprintf(w, ">%s\n%s%s%s\n", names[i], left, sequence, right); err != nil {
			return err
		}
		if i == a.of {
			if err := a.writeRows(w, left, right); err != nil {
				return err
			}
		}
	}
	if a.of < 0 {
		return a.writeRows(w, "", "")
	}
	return nil
}
