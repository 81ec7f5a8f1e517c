// Ligase joins pipeline steps end to end. See `ligase --help`.
package main

import (
	"os"

	"github.com/ligase-bio/ligase/internal/cli"
)

func main() { os.Exit(cli.OSMain()) }
