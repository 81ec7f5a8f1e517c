package worker_test

import (
	"strings"
	"testing"

	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/steps/worker"
)

const pictures = `
types:
  picture:
    title: Picture
    formats:
      loud: {extensions: [loud], text: true, check: {every_line: '^[^a-z]*$', message: "It has small letters."}, length: {lines: '.'}}
      quiet:
        extensions: [quiet]
        text: true
        check: {every_line: '^[^A-Z]*$', message: "It has capital letters."}
        convert:
          loud: {command: [sh, -c, 'echo "raised the voice of $(wc -l <"$1") lines"; tr a-z A-Z <"$1" >"$2"', sh, $(in), $(out)], loses: Restraint.}
`

func convertLab(t *testing.T, change func(string) string) (*lab, *steps.Types) {
	t.Helper()
	l := newLab(t, nil)
	list, problems := steps.ParseTypes("types.yaml", []byte(change(pictures)))
	if problems != nil {
		t.Fatal(problems)
	}
	own, problems := steps.ParseTypes("types.yaml", []byte(labTypes))
	if problems != nil {
		t.Fatal(problems)
	}
	types, problems := steps.NewTypes(list, own)
	if problems != nil {
		t.Fatal(problems)
	}
	return l, types
}

func as(text, format string, l *lab, name string) worker.Item {
	item := l.put(name, text)
	item.Format = format
	return item
}

// What comes in another format than a port takes is made into one that it
// takes, and the command sees only that.
func TestConversion(t *testing.T) {
	same := func(s string) string { return s }
	for _, c := range []struct {
		name   string
		change func(string) string
		length int
		code   steps.FailureCode // "": it commits
		want   string            // in the output, or in the failure's message
	}{
		{name: "converted", change: same, want: "ABC\nDEF\nin.loud "},
		{name: "a refusal", change: func(s string) string { return strings.Replace(s, "tr a-z", "exit 3; tr a-z", 1) }, code: steps.FailExit, want: "The conversion of the input `in` (quiet → loud) ended with exit code 3."},
		{name: "an empty file", change: func(s string) string { return strings.Replace(s, "tr a-z A-Z", "true", 1) + " " }, code: steps.FailInput, want: "is not what the step takes: It is empty."},
		{name: "what it made is wrong", change: func(s string) string { return strings.Replace(s, "tr a-z A-Z", "tr a-z a-z", 1) }, code: steps.FailInput, want: "It has small letters."},
		{name: "too long once it is converted", change: same, length: 1, code: steps.FailInput, want: "has a length of 2; this step takes at most 1"},
		{name: "no such program", change: func(s string) string { return strings.Replace(s, "[sh, -c", "[nobody-has-this, -c", 1) }, code: steps.FailImage, want: "nobody-has-this"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, types := convertLab(t, c.change)
			task := l.task(`cat "$1" >out.txt; ls -A "$(dirname "$1")" | tr '\n' ' ' >>out.txt`, "$(inputs.in)")
			task.Types = types
			task.Inputs = []worker.Input{{
				Port:  steps.Port{Name: "in", Type: "picture", Formats: []string{"loud"}, MaxLength: c.length},
				Items: []worker.Item{as("abc\ndef\n", "quiet", l, "a.quiet")},
			}}
			task.Outputs = []steps.Port{note("o")}
			task.Implementation.Collect = map[string]string{"o": "out.txt"}
			if c.code != "" {
				l.wants(task, c.code, c.want)
				return
			}
			if got := l.read(l.must(task, nil).Outputs["o"][0].URI); got != c.want {
				t.Errorf("the command saw %q, want %q", got, c.want)
			}
			if log := l.log(task); !strings.Contains(log, "raised the voice of 2 lines") {
				t.Errorf("what was lost is not in the log: %q", log)
			}
		})
	}
}

// Of many, those that need it are converted, and the manifest names the files
// that there are in the end.
func TestConversionOfMany(t *testing.T) {
	l, types := convertLab(t, func(s string) string { return s })
	items := []worker.Item{as("abc\n", "quiet", l, "a.quiet"), as("DEF\n", "loud", l, "b.loud")}
	items[0].Index, items[1].Index = "0", "1"
	task := l.task(`cat "$@" >out.txt`, "$(inputs.in)")
	task.Types = types
	task.Inputs = []worker.Input{{Port: steps.Port{Name: "in", Type: "picture", Formats: []string{"loud"}, Many: true}, Items: items}}
	task.Outputs = []steps.Port{note("o")}
	task.Implementation.Collect = map[string]string{"o": "out.txt"}
	if got := l.read(l.must(task, nil).Outputs["o"][0].URI); got != "ABC\nDEF\n" {
		t.Errorf("got %q", got)
	}
	for _, item := range items { // what lies in the store stays as it is
		if got := l.read(item.URI); got != "abc\n" && got != "DEF\n" {
			t.Errorf("%s is %q now", item.URI, got)
		}
	}
}
