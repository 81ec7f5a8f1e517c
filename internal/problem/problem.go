// Package problem is the vocabulary for things that are wrong.
//
// A mistake in what a user wrote (a definition, an argument, a URI) is a
// [Problem]: where, which kind, a sentence, and the fix. Checks collect all of
// them in [Problems] instead of stopping at the first. What callers branch on
// is one of the sentinels; everything else is an internal error.
package problem

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Sentinels that surfaces map to an exit code, a status or a tool error.
// Wrap them with the noun: fmt.Errorf("run %s: %w", id, problem.ErrNotFound).
var (
	ErrNotFound    = errors.New("not found")
	ErrConflict    = errors.New("conflict")      // the same key was used for something else
	ErrRefused     = errors.New("refused")       // outside of what this installation allows
	ErrUnavailable = errors.New("unavailable")   // a passing fault: trying again can help
	ErrLocked      = errors.New("in use")        // another process holds it
	ErrExists      = errors.New("already there") // put-if-absent found something
)

// Pos is a place in a definition file. Line and Column count from 1; zero
// means unknown.
type Pos struct {
	File         string
	Line, Column int
}

// String gives "file:line", leaving out what is unknown.
func (p Pos) String() string {
	switch {
	case p.File == "" && p.Line == 0:
		return ""
	case p.Line == 0:
		return p.File
	case p.File == "":
		return fmt.Sprintf("line %d", p.Line)
	}
	return fmt.Sprintf("%s:%d", p.File, p.Line)
}

// Code names a kind of problem, for programs. The text is for people and may
// change; codes do not.
type Code string

const (
	Syntax        Code = "syntax"         // not YAML, not JSON, or a feature that is refused
	UnknownField  Code = "unknown_field"  // a field that no definition has
	UnknownName   Code = "unknown_name"   // a node, port, parameter, step, type … that is not there
	Missing       Code = "missing"        // something required is absent
	Duplicate     Code = "duplicate"      // given twice
	Invalid       Code = "invalid"        // a value of the wrong kind or shape
	OutOfRange    Code = "out_of_range"   // a number or length outside its limits
	TypeMismatch  Code = "type_mismatch"  // a wire or URI whose type does not fit the port
	Cardinality   Code = "cardinality"    // one where many is needed, or the reverse
	ScatterClash  Code = "scatter_clash"  // scatters in one node that do not descend from each other
	Cycle         Code = "cycle"          // a → b → a
	Unreachable   Code = "unreachable"    // nothing uses it, or nothing can reach it
	TooLarge      Code = "too_large"      // over a cap on bytes, depth, nodes or lines
	NotAllowed    Code = "not_allowed"    // a URI outside the allowed roots, a reserved name
	NotAccessible Code = "not_accessible" // a URI that could not be read
)

// Problem is one mistake in what a user wrote.
type Problem struct {
	Pos     Pos    // where, when it stands in a file
	Path    string // where, as a path in the document: nodes.fold.each.sequence
	Code    Code
	Message string // one or two sentences
	Fix     string // what to do; empty only when Message already says so
}

// String gives "file:line: path: message Fix", the form that `ligase validate`
// prints and editors understand.
func (p Problem) String() string {
	var b strings.Builder
	if pos := p.Pos.String(); pos != "" {
		b.WriteString(pos + ": ")
	}
	if p.Path != "" {
		b.WriteString(p.Path + ": ")
	}
	b.WriteString(p.Message)
	if p.Fix != "" {
		b.WriteString(" " + p.Fix)
	}
	return b.String()
}

// Problems is every mistake found. It is an error; use [Problems.Err] so that
// an empty list becomes nil.
type Problems []Problem

// Add appends a problem.
func (ps *Problems) Add(p Problem) { *ps = append(*ps, p) }

// Addf appends a problem whose message is formatted.
func (ps *Problems) Addf(pos Pos, path string, code Code, fix, format string, args ...any) {
	ps.Add(Problem{Pos: pos, Path: path, Code: code, Message: fmt.Sprintf(format, args...), Fix: fix})
}

// Err returns nil when there are no problems, else the problems sorted by
// place.
func (ps Problems) Err() error {
	if len(ps) == 0 {
		return nil
	}
	return ps.Sorted()
}

// Sorted returns a copy in the order of file, line, column, path, code.
func (ps Problems) Sorted() Problems {
	out := slices.Clone(ps)
	slices.SortStableFunc(out, func(a, b Problem) int {
		return cmp.Or(
			strings.Compare(a.Pos.File, b.Pos.File),
			cmp.Compare(a.Pos.Line, b.Pos.Line),
			cmp.Compare(a.Pos.Column, b.Pos.Column),
			strings.Compare(a.Path, b.Path),
			strings.Compare(string(a.Code), string(b.Code)),
		)
	})
	return out
}

// Error lists the problems, one a line.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// Of returns the Problems in err's chain, or nil.
func Of(err error) Problems {
	var ps Problems
	if errors.As(err, &ps) {
		return ps
	}
	return nil
}

// Nearest returns the candidate closest to name by edit distance, when it is
// close enough to be a likely slip of the pen, else "". Ties go to the first.
func Nearest(name string, candidates []string) string {
	best, bestDistance := "", len(name)/3+2
	for _, c := range candidates {
		if d := editDistance(strings.ToLower(name), strings.ToLower(c)); d < bestDistance {
			best, bestDistance = c, d
		}
	}
	return best
}

// List joins words as a sentence does: "a, b and c". Of no words it is
// "nothing".
func List(words []string, last string) string {
	switch len(words) {
	case 0:
		return "nothing"
	case 1:
		return words[0]
	}
	return strings.Join(words[:len(words)-1], ", ") + " " + last + " " + words[len(words)-1]
}

// DidYouMean is the usual fix for an unknown name: the nearest candidate, or
// the list of what there is.
func DidYouMean(name string, candidates []string) string {
	if near := Nearest(name, candidates); near != "" {
		return fmt.Sprintf("Did you mean %q?", near)
	}
	if len(candidates) == 0 {
		return ""
	}
	const most = 12
	if len(candidates) > most {
		return fmt.Sprintf("There are: %s and %d more.", strings.Join(candidates[:most], ", "), len(candidates)-most)
	}
	return fmt.Sprintf("There are: %s.", strings.Join(candidates, ", "))
}

// editDistance is the Levenshtein distance in bytes; inputs are short names.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			diagonal, row[j] = row[j], min(row[j]+1, row[j-1]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
