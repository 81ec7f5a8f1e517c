package catalog_test

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ligase-bio/ligase/catalog"
)

// examples are the folders of definitions that go beyond the library.
var examples = map[string][]string{
	"variants": {"align_reads", "annotate_variants", "call_cohort", "call_variants", "compare_variants", "rehearse_cohort", "simulate_reads"},
	"families": {"build_profile", "emit_sequences", "rank_sequences", "sample_family", "score_sequence", "screen_family"},
}

// example loads the library with the examples of those folders.
func example(t *testing.T, folders ...string) *catalog.Catalog {
	t.Helper()
	sources := catalog.Builtin()
	for _, folder := range folders {
		source, err := catalog.Dir(filepath.Join("examples", folder))
		if err != nil {
			t.Fatal(err)
		}
		sources = append(sources, source)
	}
	c, problems := catalog.Load(sources...)
	if len(problems) > 0 {
		t.Fatalf("%v have problems:\n%v", folders, problems)
	}
	return c
}

// TestExamplesAreSound: each adds its tools to the library, with every wire
// checked, alone and beside the other.
func TestExamplesAreSound(t *testing.T) {
	var folders, all []string
	for folder, want := range examples {
		var got []string
		for _, tool := range example(t, folder).Tools() {
			if builtin(t).Step(tool.Name) == nil && builtin(t).Pipeline(tool.Name) == nil {
				got = append(got, tool.Name)
			}
		}
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s, -want +got:\n%s", folder, diff)
		}
		folders, all = append(folders, folder), append(all, want...)
	}
	c := example(t, folders...)
	for _, name := range all {
		if _, err := c.Compile(name, nil); err != nil {
			t.Errorf("%s does not compile beside the other example: %v", name, err)
		}
	}
}

// positional is a reference to an argument of a script.
var positional = regexp.MustCompile(`\$[1-9@]`)

// TestExamplesSayWhatToolsMustSay: people and agents choose by these words,
// and pods run on what is asked for.
func TestExamplesSayWhatToolsMustSay(t *testing.T) {
	for folder, tools := range examples {
		c := example(t, folder)
		for _, name := range tools {
			step := c.Step(name)
			if step == nil {
				continue // a pipeline
			}
			if step.Duration == "" || len(step.Metrics) == 0 || len(strings.Fields(step.Description)) < 25 {
				t.Errorf("%s does not say how long it takes, what it measures, or what it is good for", name)
			}
			for _, p := range slices.Concat(step.Inputs, step.Outputs) {
				if p.Description == "" {
					t.Errorf("%s says nothing of %s", name, p.Name)
				}
			}
			for _, p := range step.Params {
				if p.Description == "" || (p.Type == "integer" || p.Type == "number") && (p.Minimum == nil || p.Maximum == nil) {
					t.Errorf("%s does not say what %s is, or its range", name, p.Name)
				}
			}
			for _, im := range step.Implementations {
				if im.Image == "" || im.License == "" || im.Title == "" || im.Timeout == 0 || im.Resources.CPU == 0 || im.Resources.Memory == 0 || len(im.Retries.On) == 0 {
					t.Errorf("%s: %s lacks an image, a licence, a title, a timeout, resources or retries", name, im.Name)
				}
				if im.Citation == "" && im.License != "Apache-2.0" {
					t.Errorf("%s: %s cites nobody", name, im.Name)
				}
			}
		}
	}
}

// TestExamplesScriptsAreSafe: what a user gives reaches a script as its
// arguments only, it stops at the first thing that fails, and no pipe hides
// that: sh knows only how the last program of one ended.
func TestExamplesScriptsAreSafe(t *testing.T) {
	scripts := 0
	for folder, tools := range examples {
		c := example(t, folder)
		for _, name := range tools {
			step := c.Step(name)
			if step == nil {
				continue
			}
			for _, im := range step.Implementations {
				var argv []string
				for _, arg := range im.Command {
					argv = append(argv, strings.Join(arg.Templates, " "))
				}
				if len(argv) < 5 || argv[0] != "sh" || argv[1] != "-c" {
					t.Errorf("%s: the command begins with %q", name, argv[:min(2, len(argv))])
					continue
				}
				script := strings.ReplaceAll(argv[2], "$$(", "$(")
				scripts++
				if !strings.HasPrefix(script, "set -eu\n") {
					t.Errorf("%s goes on after something has failed: begin with set -eu", name)
				}
				if strings.Contains(argv[2], "$(inputs") || strings.Contains(argv[2], "$(params") || strings.Contains(argv[2], "$(work") {
					t.Errorf("%s has a value in its script", name)
				}
				if !positional.MatchString(script) {
					t.Errorf("%s takes no arguments", name)
				}
				if at := pipe.FindString(withoutQuotes(script)); at != "" {
					t.Errorf("%s has a pipe at %q: a failure of its first program would be lost", name, at)
				}
				if out, err := exec.Command("sh", "-n", "-c", script).CombinedOutput(); err != nil {
					t.Errorf("%s: sh does not read the script: %v: %s", name, err, out)
				}
			}
		}
	}
	if scripts < 9 {
		t.Errorf("only %d scripts were looked at", scripts)
	}
}

var (
	quoted = regexp.MustCompile(`'[^']*'|"(?:[^"\\]|\\.)*"`)
	remark = regexp.MustCompile(`(?m)^\s*#.*$`)
	pipe   = regexp.MustCompile(`[^|\n]*[^|]\|[^|][^\n]*`)
)

// withoutQuotes is a script without what is in quotes, and without remarks.
func withoutQuotes(script string) string {
	return quoted.ReplaceAllString(remark.ReplaceAllString(script, ""), "''")
}
