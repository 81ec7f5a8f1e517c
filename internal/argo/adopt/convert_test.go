package adopt_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ligase-bio/ligase/catalog"
	"github.com/ligase-bio/ligase/internal/argo/adopt"
	"github.com/ligase-bio/ligase/steps"
)

var update = flag.Bool("update", false, "write the golden files")

func libraryTypes(t *testing.T) *steps.Types {
	t.Helper()
	c, ps := catalog.Load(catalog.Builtin()...)
	if len(ps) > 0 {
		t.Fatal(ps)
	}
	return c.Types()
}

// TestConvert turns templates as people write them into steps: what is written
// and warned of is in a file beside each. Every step reads without a problem
// as it is.
func TestConvert(t *testing.T) {
	types := libraryTypes(t)
	files, err := filepath.Glob("testdata/*/*.yaml")
	if err != nil || len(files) < 6 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var b bytes.Buffer
			found, ps := adopt.Read(filepath.Base(file), data)
			for _, p := range ps {
				fmt.Fprintln(&b, "problem:", p)
			}
			for _, m := range found {
				draft, ps := adopt.Convert(m, adopt.Options{Types: types})
				for _, p := range ps {
					fmt.Fprintln(&b, "problem:", p)
				}
				if draft == nil {
					continue
				}
				for _, p := range draft.Warnings {
					fmt.Fprintln(&b, "warning:", p)
				}
				fmt.Fprintf(&b, "%s: %d to fill in\n%s", draft.Name, draft.Open, draft.Text)
				if got := strings.Count(string(draft.Text), "FILL IN:"); got != draft.Open {
					t.Errorf("%d places to fill in, and %d are said", got, draft.Open)
				}
				s, ps := steps.ParseStep("drafted.yaml", draft.Text)
				if len(ps) > 0 {
					t.Errorf("the step is not valid:\n%v\n%s", ps, draft.Text)
					continue
				}
				for _, p := range append(types.CheckPorts("inputs", s.Inputs), types.CheckPorts("outputs", s.Outputs)...) {
					t.Errorf("the step is not valid: %s", p)
				}
				if s.Name != draft.Name {
					t.Errorf("the step is called %s, the draft %s", s.Name, draft.Name)
				}
			}
			golden(t, strings.TrimSuffix(file, ".yaml")+".txt", b.Bytes())
		})
	}
}

func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}
