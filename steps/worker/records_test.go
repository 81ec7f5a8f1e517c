package worker_test

import (
	"strings"
	"testing"

	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/steps/worker"
	"github.com/ligase-bio/ligase/uris"
)

const bookTypes = `
types:
  book:
    title: Book
    formats: {txt: {extensions: [txt], text: true, length: {lines: '^#'}, records: {begin: '^#', skip: '^;', each: sheet}}, rec: {extensions: [rec], text: true, records: {begin: '^#', each: sheet}}}
  sheet:
    title: Sheet
    is: book
    formats: {txt: {extensions: [txt], text: true, check: {no_line: 'blot', message: "It has a blot."}}}
`

func (l *lab) bookTask(script string, args ...string) worker.Task {
	l.t.Helper()
	list, problems := steps.ParseTypes("types.yaml", []byte(bookTypes))
	types, more := steps.NewTypes(list)
	if problems = append(problems, more...); len(problems) > 0 {
		l.t.Fatal(problems)
	}
	task := l.task(script, args...)
	task.Types = types
	return task
}

// A file of records whose records are taken is committed as it is, and record
// by record.
func TestRecordsAreCut(t *testing.T) {
	l := newLab(t, nil)
	write := func(text string) worker.Task {
		task := l.bookTask(`printf %s "$1" >o.txt`, text)
		book := steps.Port{Name: "o", Type: "book", Formats: []string{"txt"}}
		task.Outputs = []steps.Port{book, *task.Types.RecordsPort(&book)}
		task.Implementation.Collect = map[string]string{"o": "o.txt"}
		return task
	}
	marked := write("\xef\xbb\xbf#one\n#two\n") // a byte order mark
	marked.Index = marked.Index.Child(9)
	if r := l.must(marked, nil); len(r.Outputs["o-records"]) != 2 || l.read(r.Outputs["o-records"][0].URI) != "#one\n" {
		t.Errorf("%+v", r.Outputs)
	}
	r := l.must(write("; by nobody\n#one\n1\n#two\n2"), nil)
	if o := r.Outputs["o"]; len(o) != 1 || l.read(o[0].URI) != "; by nobody\n#one\n1\n#two\n2" {
		t.Errorf("%+v", o)
	}
	var records []string
	for _, o := range r.Outputs["o-records"] {
		if o.Type != "sheet" || o.Format != "txt" {
			t.Errorf("%+v", o)
		}
		records = append(records, l.read(o.URI))
	}
	if got := strings.Join(records, "|"); got != "#one\n1\n|#two\n2" {
		t.Errorf("%q", got)
	}
	for index, test := range map[int]struct{ text, want string }{
		0: {"; only a comment\n", "`o` has no records, and each of them was to be taken"},
		1: {"#one\n#two blot\n", "`o-records` (record 2 of `o`) is not what it should be: It has a blot."},
		2: {strings.Repeat("x", 10), "x"},
		3: {strings.Repeat("#\n", 10_001), "has 10001 records; a file that is split into them may have 10000"},
	} {
		task := write(test.text)
		task.Index = task.Index.Child(index)
		if index == 2 { // more than is held in memory
			task.Implementation.Command = script(`head -c 70000000 /dev/zero | tr '\0' '#' >o.txt`)
			test.want = "has 70000000 bytes; a file that is split into its records may have"
		}
		l.wants(task, steps.FailOutputContract, test.want)
	}
}

// Where a step takes one file and is given many values, it is given one file.
func TestValuesAreJoined(t *testing.T) {
	l := newLab(t, nil)
	port := steps.Port{Name: "in", Type: "book", Formats: []string{"txt"}, MaxLength: 3}
	port.Join()
	read := func(items ...worker.Item) worker.Task {
		task := l.bookTask(`test $# = 1 && cp "$1" o.txt && ls "$(dirname "$1")" >>o.txt`, "$(inputs.in)")
		task.Inputs = []worker.Input{{Port: port, Items: items}}
		task.Outputs = []steps.Port{{Name: "o", Type: "book", Formats: []string{"txt"}}}
		task.Implementation.Collect = map[string]string{"o": "o.txt"}
		return task
	}
	failed := worker.Item{Index: uris.Index("").Child(1), Failed: &worker.ItemFailure{Node: "before", Code: steps.FailExit, Message: "It failed."}}
	items := []worker.Item{l.put("a.txt", "#one\n1"), failed, l.put("b.txt", "\xef\xbb\xbf#two\r\n2\n"), l.put("c.txt", "#three\n")}
	r := l.must(read(items...), nil)
	if got := l.read(r.Outputs["o"][0].URI); got != "#one\n1\n#two\r\n2\n#three\nin.txt\n" {
		t.Errorf("%q", got)
	}

	task := read(l.put("d.txt", "#1\n#2\n"), l.put("e.txt", "#3\n#4\n"))
	task.Index = task.Index.Child(0)
	l.wants(task, steps.FailInput, "The input `in` (2 values, joined) has a length of 4; this step takes at most 3.")

	task = read(failed)
	task.Index = task.Index.Child(1)
	l.wants(task, steps.FailUpstream, "The input `in` has 0 of the at least 1 values it needs: 1 failed before.")

	// An implementation may take less.
	task = read(l.put("f.txt", "#1\n"), l.put("g.txt", "#2\n#3\n"))
	task.Index = task.Index.Child(3)
	task.Implementation.Limits = map[string]float64{"in": 2}
	l.wants(task, steps.FailInput, "The input `in` (2 values, joined) has a length of 3; this step takes at most 2.")

	task = read(l.put("h.txt", "#1\n"), l.put("i.rec", "#2\n"))
	task.Index = task.Index.Child(4)
	task.Inputs[0].Port.Formats, task.Inputs[0].Items[1].Format = []string{"txt", "rec"}, "rec"
	l.wants(task, steps.FailInput, "Values of the input `in` come in txt and in rec, and cannot be joined into one file.")

	// One that may be left out is.
	task = read(failed)
	task.Index = task.Index.Child(2)
	task.Inputs[0].Port.Optional, task.Inputs[0].Port.MinItems = true, 0
	task.Implementation.Command = append(script(`echo "#$#" >o.txt`), steps.Arg{Templates: []string{"$(inputs.in)"}, Group: true})
	if r := l.must(task, nil); l.read(r.Outputs["o"][0].URI) != "#0\n" {
		t.Errorf("%+v", r)
	}
}
