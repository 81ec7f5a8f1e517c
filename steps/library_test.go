package steps_test

import (
	"io/fs"
	"testing"

	"github.com/ligase-bio/ligase/steps"
)

// libraryFiles are the steps of the built-in library, by file name.
func libraryFiles(t *testing.T) map[string][]byte {
	t.Helper()
	names, err := fs.Glob(steps.Library(), "*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, name := range names {
		if name == "types.yaml" {
			continue
		}
		if files[name], err = fs.ReadFile(steps.Library(), name); err != nil {
			t.Fatal(err)
		}
	}
	return files
}
