package draft

import "github.com/ligase-bio/ligase/internal/problem"

// Draft is a definition, to be completed by its author where a comment says
// FILL IN.
type Draft struct {
	Name string // of the step
	Text []byte // YAML
	Open int    // places to fill in
	// Warnings are what will not work, or not as its author may think, when
	// ligase runs it. Of a template, those with the codes problem.Missing and
	// problem.UnknownName keep it from running at all.
	Warnings problem.Problems
}
