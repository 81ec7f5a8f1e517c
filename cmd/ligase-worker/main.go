// Ligase-worker does one task of a Workflow beside the science program in its
// container: it brings the inputs, runs the command, checks what it made and
// commits. See `ligase-worker --help`.
package main

import (
	"os"

	"github.com/ligase-bio/ligase/internal/pod"
	"github.com/ligase-bio/ligase/uris"
	"github.com/ligase-bio/ligase/uris/drivers/s3"
)

// version is set when a release is built.
var version = "devel"

func main() {
	os.Exit(pod.Program{
		Version: version,
		// It is brought into every pod, so it stays small: Google's library
		// alone would double it.
		Openers: map[string]uris.Opener{"s3": s3.Open, "oss": s3.OpenOSS},
		Env:     os.Environ(),
		Stdout:  os.Stdout, Stderr: os.Stderr,
	}.Main(os.Args[1:]))
}
