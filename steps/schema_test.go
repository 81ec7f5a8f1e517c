package steps_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ligase-bio/ligase/steps"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden compares with a file below testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
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
		t.Errorf("%s (-want +got; -update rewrites it):\n%s", file, diff)
	}
}

func TestInputSchema(t *testing.T) {
	for _, name := range []string{"everything", "inline"} {
		t.Run(name, func(t *testing.T) {
			s := parseFile(t, filepath.Join("testdata", name+".yaml"))
			var b bytes.Buffer
			e := json.NewEncoder(&b)
			e.SetEscapeHTML(false)
			e.SetIndent("", "  ")
			if err := e.Encode(s.InputSchema()); err != nil {
				t.Fatal(err)
			}
			golden(t, name+".schema.json", b.Bytes())
		})
	}
}

func TestSchemaLeavesOutWhatOthersReadDifferently(t *testing.T) {
	for pattern, want := range map[string]string{
		`[a-z]+(?:-\d+)*`: `^(?:[a-z]+(?:-\d+)*)$`,
		`(?i)abc`:         "",
		`\pL+`:            "",
		`[[:alpha:]]`:     "",
		`\\p`:             `^(?:\\p)$`,
	} {
		s := steps.InputSchema(nil, []steps.Param{{Name: "x", Type: steps.String, Pattern: pattern}})
		if got := s.Properties[0].Schema.Pattern; got != want {
			t.Errorf("%s became %q, want %q", pattern, got, want)
		}
	}
}

func TestStepJSONSurvives(t *testing.T) {
	s := parseFile(t, "testdata/everything.yaml")
	first, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "everything.json", append(first, '\n'))
	var back steps.Step
	if err := json.Unmarshal(first, &back); err != nil {
		t.Fatal(err)
	}
	second, err := json.MarshalIndent(&back, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(first), string(second)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(s.Params[1].Default.Any(), back.Params[1].Default.Any()); diff != "" {
		t.Errorf("the kind of a default changed: %s", diff)
	}
}

func parseFile(t *testing.T, file string) *steps.Step {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s, ps := steps.ParseStep(filepath.Base(file), data)
	if len(ps) > 0 {
		t.Fatal(strings.ReplaceAll(ps.Error(), "\n", "\n  "))
	}
	types := libraryTypes(t)
	if ps := append(types.CheckPorts("inputs", s.Inputs), types.CheckPorts("outputs", s.Outputs)...); len(ps) > 0 {
		t.Fatal(ps)
	}
	return s
}
