// Ligase-worker executes one step of a pipeline beside the science program in
// its container: it brings the inputs, runs the command, checks what it made
// and commits. See `ligase-worker --help`.
package main

import (
	"os"

	"github.com/ligase-bio/ligase/steps/worker"
	"github.com/ligase-bio/ligase/uris/drivers"
)

// version is set when a release is built.
var version = "devel"

func main() {
	os.Exit(worker.Program{
		Version: version,
		Openers: drivers.All(),
		Env:     os.Environ(),
		Stdin:   os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
	}.Main(os.Args[1:]))
}
