// Package steps says what a tool is: a [Step] with typed ports, parameters
// and metrics, the ways to run it ([Implementation]), the lattice of [Types]
// that its ports carry, and the commit record ([Result]) of what it did.
//
// Definitions are YAML. [ParseStep] and [ParseTypes] read them and return
// every problem with file, line, path and fix; [Library] is what the program
// carries. Nothing here knows what a protein is: types and the checks on
// their content are definitions too.
package steps
