// Package runstest holds what every implementation of the interfaces of
// package runs must do: [TestStore] for stores, [TestEngine] for engines.
//
// Its definitions run with /bin/sh and the commands of a small system, on the
// host and in a container alike.
package runstest

import (
	"embed"
	"io/fs"
	"testing"

	"github.com/ligase-bio/ligase/catalog"
	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/pipelines"
)

//go:embed definitions/*.yaml
var definitions embed.FS

// Source are the definitions that the suites use.
func Source(t testing.TB) catalog.Source {
	t.Helper()
	dir, err := fs.Sub(definitions, "definitions")
	if err != nil {
		t.Fatal(err)
	}
	return catalog.Source{Name: "runstest", FS: dir}
}

// Catalog reads the definitions that the suites use.
func Catalog(t testing.TB) *catalog.Catalog {
	t.Helper()
	c, problems := catalog.Load(Source(t))
	if err := problems.Err(); err != nil {
		t.Fatalf("the suite's own definitions:\n%v", err)
	}
	return c
}

// Plan compiles and binds a tool of the suite.
func Plan(t testing.TB, c *catalog.Catalog, tool string, args pipelines.Arguments) *pipelines.Plan {
	t.Helper()
	compiled, err := c.Compile(tool, nil)
	if err != nil {
		t.Fatalf("compiling %s: %v", tool, err)
	}
	plan, err := compiled.Bind(args, c.Types())
	if err != nil {
		t.Fatalf("binding %s: %v %v", tool, err, problem.Of(err))
	}
	return plan
}
