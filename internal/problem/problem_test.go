package problem_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/ligase-bio/ligase/internal/problem"
)

func Example() {
	var ps problem.Problems
	ports := []string{"sequence", "structure"}
	ps.Addf(problem.Pos{File: "p.yaml", Line: 9}, "nodes.fold.each.seqence", problem.UnknownName,
		problem.DidYouMean("seqence", ports), "`fold` has no input of this name.")
	ps.Addf(problem.Pos{File: "p.yaml", Line: 2}, "version", problem.Missing, "Add it.", "%q is missing.", "version")
	fmt.Println(ps.Err())
	// Output:
	// p.yaml:2: version: "version" is missing. Add it.
	// p.yaml:9: nodes.fold.each.seqence: `fold` has no input of this name. Did you mean "sequence"?
}

func TestNoProblemsAreNoError(t *testing.T) {
	var ps problem.Problems
	if err := ps.Err(); err != nil {
		t.Errorf("an empty list is the error %v", err)
	}
	if got := problem.Of(errors.New("other")); got != nil {
		t.Errorf("another error holds %v", got)
	}
	wrapped := fmt.Errorf("reading: %w", problem.Problems{{Message: "It is wrong."}}.Err())
	if got := problem.Of(wrapped); len(got) != 1 {
		t.Errorf("a wrapped list holds %v", got)
	}
}

func TestWhereAProblemStands(t *testing.T) {
	for _, tt := range []struct {
		p    problem.Problem
		want string
	}{
		{problem.Problem{Message: "It is wrong."}, "It is wrong."},
		{problem.Problem{Path: "inputs.x", Message: "It is wrong.", Fix: "Mend it."}, "inputs.x: It is wrong. Mend it."},
		{problem.Problem{Pos: problem.Pos{File: "f"}, Message: "It is wrong."}, "f: It is wrong."},
		{problem.Problem{Pos: problem.Pos{Line: 3}, Message: "It is wrong."}, "line 3: It is wrong."},
		{problem.Problem{Pos: problem.Pos{File: "f", Line: 3, Column: 7}, Path: "a", Message: "It is wrong."}, "f:3: a: It is wrong."},
	} {
		if got := tt.p.String(); got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
}

func TestDidYouMean(t *testing.T) {
	many := make([]string, 15)
	for i := range many {
		many[i] = fmt.Sprintf("candidate%02d", i)
	}
	for _, tt := range []struct {
		name       string
		candidates []string
		want       string
	}{
		{"fodl", []string{"design", "fold"}, `Did you mean "fold"?`},
		{"Fold", []string{"design", "fold"}, `Did you mean "fold"?`},
		{"zebra", []string{"design", "fold"}, "There are: design, fold."},
		{"zebra", nil, ""},
		{"zebra", many, "There are: candidate00, candidate01, candidate02, candidate03, candidate04, candidate05, candidate06, candidate07, candidate08, candidate09, candidate10, candidate11 and 3 more."},
	} {
		if got := problem.DidYouMean(tt.name, tt.candidates); got != tt.want {
			t.Errorf("DidYouMean(%q): %q, want %q", tt.name, got, tt.want)
		}
	}
}
