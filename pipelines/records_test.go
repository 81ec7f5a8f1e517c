package pipelines_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/ligase-bio/ligase/dag"
	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/pipelines"
	"github.com/ligase-bio/ligase/steps"
)

// put puts pipelines on the shelf.
func (s *shelf) put(t *testing.T, texts ...string) {
	for _, text := range texts {
		p := parsed(t, strings.TrimPrefix(text, "\n"))
		s.pipelines[p.Name] = p
	}
}

// paperShelf has sheets, books of sheets, and what works on either.
func paperShelf(t *testing.T) *shelf {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	step := func(name, inputs, output string) *fstest.MapFile {
		command := "[" + name
		for _, in := range strings.Split(inputs, ",") {
			if port, _, found := strings.Cut(in, ":"); found {
				command += ", $(inputs." + strings.TrimSpace(port) + ")"
			}
		}
		inputs = strings.NewReplacer("=books", "{type: book, many: true}", "=book", "{type: book}", "=sheets", "{type: sheet, many: true}", "=sheet", "{type: sheet}").Replace(inputs)
		return file("name: " + name + "\nversion: 1.0.0\ntitle: T\ndescription: For tests.\ninputs: {" + inputs + "}\noutputs: {out: " + output + "}\n" +
			"implementations: {here: {command: " + command + "], collect: {out: '*.x'}}}\n")
	}
	const book, sheet, sheets = "{type: book, format: txt}", "{type: sheet, format: txt}", "{type: sheet, format: txt, many: true}"
	return load(t, fstest.MapFS{
		"types.yaml": file(`
types:
  book:
    title: Book
    formats: {txt: {text: true, length: {lines: '^#'}, records: {begin: '^#', each: sheet}}, rec: {text: true, records: {begin: '^#', each: sheet}}, old: {text: true}}
  sheet: {title: Sheet, is: book, formats: {txt: {length: {lines: '.'}}, rec: {}}}
`),
		"write.yaml": step("write", "", book),
		"print.yaml": step("print", "", sheets),
		"edit.yaml":  step("edit", "in: =sheet", book),
		"fold.yaml":  step("fold", "in: =sheet", sheet),
		"bind.yaml":  step("bind", "in: =book", sheet),
		"both.yaml":  step("both", "one: =sheet, all: =book", sheet),
		"sort.yaml":  step("sort", "in: =sheets", sheet),
	})
}

const paperHead = "version: 1.0.0\ntitle: T\ndescription: For tests.\n"

// wires compiles a pipeline and writes down what its nodes take, also after it
// was packed and read back.
func (s *shelf) wires(t *testing.T, text string) (string, *pipelines.Compiled) {
	t.Helper()
	c, err := pipelines.Compile(parsed(t, "name: p\n"+paperHead+text), s, nil)
	if err != nil {
		t.Fatal(err)
	}
	readBack(t, c)
	var lines []string
	for _, n := range c.Nodes {
		line := n.ID
		for _, d := range c.Graph().Dims(n.ID) {
			line += " [" + d.String() + "]"
		}
		for _, b := range n.Inputs {
			line += " " + string(b.Mode) + " " + b.From.String()
			if c.StepOf(n.ID).Input(b.Port).Joined {
				line += " joined"
			}
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n"), c
}

// A file of records goes where each of them, or all, are taken, and many
// values where a file of them is.
func TestRecords(t *testing.T) {
	for name, test := range map[string]struct{ text, want, says string }{
		"each record": {`
nodes: {write: {step: write}, fold: {step: fold, each: {in: write.out}}}
outputs: {out: fold.out}`, `
write
fold [write.out-records] each write.out-records`,
			"fold.in: each file of write.out is split into its records"},
		"all records": {`
nodes: {write: {step: write}, sort: {step: sort, with: {in: write.out}}}
outputs: {out: sort.out}`, `
write
sort with write.out-records`,
			"sort.in: each file of write.out is split into its records"},
		"each record of each file": {`
nodes:
  print: {step: print}
  edit: {step: edit, each: {in: print.out}}
  fold: {step: fold, each: {in: edit.out}}
outputs: {out: fold.out}`, `
print
edit [print.out] each print.out
fold [print.out] [edit.out-records] each edit.out-records`,
			"fold.in: each file of edit.out is split into its records"},
		"joined": {`
nodes: {print: {step: print}, fold: {step: fold, each: {in: print.out}}, bind: {step: bind, with: {in: fold.out}}}
outputs: {out: bind.out}`, `
print
fold [print.out] each print.out
bind with fold.out joined`,
			"bind.in: the values of fold.out are joined into one file; what failed or was filtered is not in it"},
		"joined from a call": {`
inputs: {sheets: {type: sheet, many: true}}
nodes: {bind: {step: bind, with: {in: $inputs.sheets}}}
outputs: {out: bind.out}`, `
bind with $inputs.sheets joined`,
			"bind.in: the values of $inputs.sheets are joined into one file; what failed or was filtered is not in it"},
		"one and many of a step": {`
nodes:
  print: {step: print}
  write: {step: write}
  fold: {step: fold, each: {in: print.out}}
  all: {step: bind, with: {in: fold.out}}
  one: {step: bind, with: {in: write.out}}
  each: {step: bind, each: {in: fold.out}}
  sort: {step: sort, with: {in: each.out}}
outputs: {all: all.out, one: one.out, sort: sort.out}`, `
print
write
fold [print.out] each print.out
all with fold.out joined
one with write.out joined
each [print.out] each fold.out joined
sort with each.out`,
			"all.in: the values of fold.out are joined into one file; what failed or was filtered is not in it"},
		"split within, joined without": {`
nodes:
  print: {step: print}
  edit: {step: edit, each: {in: print.out}}
  fold: {step: fold, each: {in: edit.out}}
  bind: {step: bind, with: {in: fold.out}}
outputs: {out: bind.out}`, `
print
edit [print.out] each print.out
fold [print.out] [edit.out-records] each edit.out-records
bind with fold.out joined`,
			"fold.in: each file of edit.out is split into its records\n" +
				"bind.in: the values of fold.out are joined into one file; what failed or was filtered is not in it"},
	} {
		t.Run(name, func(t *testing.T) {
			got, c := paperShelf(t).wires(t, test.text)
			if got != strings.TrimPrefix(test.want, "\n") {
				t.Errorf("got\n%s\nwant%s", got, test.want)
			}
			if says := strings.Join((&pipelines.Plan{Compiled: c}).Recut(), "\n"); says != test.says {
				t.Errorf("says\n%s\nwant\n%s", says, test.says)
			}
		})
	}
}

// What crosses the boundary of a pipeline is split or joined as what does not.
func TestRecordsThroughPipelines(t *testing.T) {
	s := paperShelf(t)
	s.put(t, `
name: folds
`+paperHead+`
inputs: {in: {type: sheet, many: true}}
nodes: {fold: {step: fold, each: {in: $inputs.in}}, bind: {step: bind, each: {in: fold.out}}}
outputs: {out: bind.out}`, `
name: folded
`+paperHead+`
inputs: {in: {type: sheet}}
nodes: {fold: {step: fold, with: {in: $inputs.in}}, bind: {step: bind, with: {in: $inputs.in}}, sort: {step: sort, with: {in: bind.out}}}
outputs: {out: fold.out, bound: sort.out}`, `
name: written
`+paperHead+`
nodes: {write: {step: write}}
outputs: {out: write.out}`, `
name: bound
`+paperHead+`
inputs: {in: {type: book}}
nodes: {bind: {step: bind, with: {in: $inputs.in}}}
outputs: {out: bind.out}`)
	got, _ := s.wires(t, `
nodes:
  w: {pipeline: written}
  all: {pipeline: folds, with: {in: w.out}}
  each: {pipeline: folded, each: {in: w.out}}
  book: {pipeline: bound, each: {in: each.out}}
outputs: {all: all.out, each: each.out, bound: each.bound, book: book.out}`)
	want := `
w.write
all.fold [w.write.out-records] each w.write.out-records
all.bind [w.write.out-records] each all.fold.out
each.fold [w.write.out-records] with w.write.out-records
each.bind [w.write.out-records] with w.write.out-records
each.sort [w.write.out-records] with each.bind.out
book.bind [w.write.out-records] with each.fold.out`
	if got != strings.TrimPrefix(want, "\n") {
		t.Errorf("got\n%s\nwant%s", got, want)
	}
}

// What no rule covers is a mistake, as it was.
func TestRecordsAreNoExcuse(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"a sheet forgotten under with": {`
nodes: {print: {step: print}, fold: {step: fold, with: {in: print.out}}}
outputs: {out: fold.out}`, "is many"},
		"one record, which": {`
nodes: {write: {step: write}, fold: {step: fold, with: {in: write.out}}}
outputs: {out: fold.out}`, "Run `fold` for each of its records, with each: {in: write.out}."},
		"one record of each file": {`
nodes: {print: {step: print}, edit: {step: edit, each: {in: print.out}}, fold: {step: fold, with: {in: edit.out}}}
outputs: {out: fold.out}`, "Run `fold` for each of its records, with each: {in: edit.out}."},
		"each with all of them joined": {`
nodes: {write: {step: write}, fold: {step: fold, each: {in: write.out}}, both: {step: both, each: {one: fold.out}, with: {all: fold.out}}}
outputs: {out: both.out}`, "`both` runs for each of them already"},
		"the same with the join elsewhere, too": {`
nodes:
  print: {step: print}
  both: {step: both, each: {one: print.out}, with: {all: print.out}}
  bind: {step: both, with: {one: bound.out, all: print.out}}
  bound: {step: bind, with: {in: print.out}}
outputs: {out: both.out, bound: bind.out}`, "`both` runs for each of them already"},
		"joined for a pipeline": {`
nodes: {print: {step: print}, all: {pipeline: bound, with: {in: print.out}}}
outputs: {out: all.out}`, "Only what a step takes is joined."},
		"a list of files": {`
inputs: {books: {type: book, many: true}}
nodes: {fold: {step: fold, each: {in: $inputs.books}}}
outputs: {out: fold.out}`, "a list of files is not split"},
		"records of records' file, as it is written": {`
nodes: {write: {step: write}, print: {step: print}, fold: {step: fold, each: {in: write.out}}, both: {step: both, each: {one: fold.out, all: print.out}}}
outputs: {out: both.out}`, "`write.out`"},
		"a file that a call gives": {`
inputs: {book: {type: book}}
nodes: {fold: {step: fold, each: {in: $inputs.book}}}
outputs: {out: fold.out}`, "Declare the input `$inputs.book` as many of the type sheet"},
		"what may be left out": {`
inputs: {sheets: {type: sheet, many: true, optional: true}}
nodes: {bind: {step: bind, with: {in: $inputs.sheets}}}
outputs: {out: bind.out}`, "may be left out"},
	} {
		t.Run(name, func(t *testing.T) {
			s := paperShelf(t)
			s.pipelines["bound"] = parsed(t, "name: bound\n"+paperHead+"inputs: {in: {type: book}}\nnodes: {bind: {step: bind, with: {in: $inputs.in}}}\noutputs: {out: bind.out}")
			_, err := pipelines.Compile(parsed(t, "name: p\n"+paperHead+test.text), s, nil)
			var said []string
			for _, p := range problem.Of(err) {
				said = append(said, p.String())
			}
			if len(said) != 1 || !strings.Contains(said[0], test.want) {
				t.Errorf("%q, want one with %q", said, test.want)
			}
		})
	}
}

// Of two uses of a step, only the one whose records are taken gives them.
func TestRecordsNobodyTakes(t *testing.T) {
	_, c := paperShelf(t).wires(t, `
nodes:
  one: {step: write}
  other: {step: write}
  fold: {step: fold, each: {in: one.out}}
  bind: {step: bind, with: {in: other.out}}
outputs: {fold: fold.out, bind: bind.out}`)
	for node, want := range map[string]int{"one": 2, "other": 1, "fold": 1} {
		if got := len(c.OutputsOf(node)); got != want {
			t.Errorf("%s commits %d outputs, want %d", node, got, want)
		}
	}
}

// What is joined is in one format.
func TestJoinedFormats(t *testing.T) {
	_, c := paperShelf(t).wires(t, `
inputs: {sheets: {type: sheet, many: true}}
nodes: {bind: {step: bind, with: {in: $inputs.sheets}}}
outputs: {out: bind.out}`)
	sheet := func(format string) pipelines.Input { return input(t, "file:///a."+format, "sheet", format, "a") }
	_, err := c.Bind(pipelines.Arguments{Inputs: map[string][]pipelines.Input{"sheets": {sheet("txt"), sheet("txt"), sheet("rec")}}}, c.Types)
	if err == nil || !strings.Contains(err.Error(), "come in txt and in rec; `bind` takes them as one file") {
		t.Error(err)
	}
}

// A file of several where one is taken is told from what does not fit at all.
func TestOneOfAFile(t *testing.T) {
	_, c := paperShelf(t).wires(t, `
inputs: {sheet: {type: sheet}}
nodes: {fold: {step: fold, with: {in: $inputs.sheet}}}
outputs: {out: fold.out}`)
	_, err := c.Bind(pipelines.Arguments{Inputs: map[string][]pipelines.Input{"sheet": {input(t, "file:///a.txt", "book", "txt", "a")}}}, paperShelf(t).Types())
	if err == nil || !strings.Contains(err.Error(), "It can hold several: give one of them") {
		t.Error(err)
	}
}

// That another node of the step is given many to join changes nothing for one
// that is given the one file: where that failed, and was allowed to, or was
// filtered, the node is skipped, and the run goes on.
func TestOneFileBesideAJoin(t *testing.T) {
	const one = `
nodes:
  write: {step: write, continue_on_failure: true}
  one: {step: bind, with: {in: write.out}}`
	for name, text := range map[string]string{
		"alone": one + `
outputs: {one: one.out}`,
		"beside a join": one + `
  print: {step: print}
  all: {step: bind, with: {in: print.out}}
outputs: {one: one.out, all: all.out}`,
	} {
		t.Run(name, func(t *testing.T) {
			_, c := paperShelf(t).wires(t, text)
			f, _ := c.Graph().NewFrontier(nil)
			change, err := f.Fail(dag.Task{Node: "write"})
			if err != nil {
				t.Fatal(err)
			}
			if change.Aborted || len(change.Starved) > 0 || len(change.Skipped) != 1 || change.Skipped[0].Node != "one" {
				t.Errorf("when write has failed: %+v; want one to be skipped, and the run to go on", change)
			}
			trail, err := c.Graph().Trace(dag.Task{Node: "one"}, nil, func(asked []dag.Task) ([]dag.Outcome, error) {
				return make([]dag.Outcome, len(asked)), nil
			})
			if err != nil || !trail.Skipped {
				t.Errorf("what one starts from: %+v, %v; want it to be skipped", trail, err)
			}
		})
	}
}

// A pipeline is given no join either where scatters seem to clash until it is
// inlined, and nothing is known of the wires before.
func TestNoJoinForAPipelineBesideAClash(t *testing.T) {
	s := paperShelf(t)
	s.put(t, `
name: folds
`+paperHead+`
inputs: {in: {type: sheet, many: true}}
nodes: {fold: {step: fold, each: {in: $inputs.in}}, bind: {step: bind, each: {in: fold.out}}}
outputs: {folded: fold.out, bound: bind.out}`, `
name: bound
`+paperHead+`
inputs: {in: {type: book}}
nodes: {bind: {step: bind, with: {in: $inputs.in}}}
outputs: {out: bind.out}`)
	_, err := pipelines.Compile(parsed(t, "name: p\n"+paperHead+`
nodes:
  print: {step: print}
  folds: {pipeline: folds, with: {in: print.out}}
  book: {pipeline: bound, with: {in: folds.folded}}
  each: {pipeline: bound, each: {in: folds.folded}}
  both: {step: both, each: {one: folds.folded, all: folds.bound}}
outputs: {book: book.out, each: each.out, both: both.out}`), s, nil)
	if ps := problem.Of(err); len(ps) != 1 || ps[0].Path != "nodes.book.with.in" || !strings.Contains(ps[0].Message, "Only what a step takes is joined.") {
		t.Errorf("%v; want that nothing is joined for book.in", err)
	}
}

// How many records a file may have is not how long one of them may be, and a
// file's limit is the same beside a join.
func TestLimitsOfFilesAndRecords(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		want int
	}{
		"a record, also as a file of one": {`
inputs: {in: {type: sheet}}
nodes: {fold: {step: fold, with: {in: $inputs.in}}, bind: {step: bind, with: {in: $inputs.in}}}
outputs: {out: fold.out, bound: bind.out}`, 40},
		"a file": {`
inputs: {in: {type: book}}
nodes: {bind: {step: bind, with: {in: $inputs.in}}}
outputs: {out: bind.out}`, 3},
		"a file beside a join": {`
inputs: {in: {type: book}}
nodes:
  print: {step: print}
  bind: {step: bind, with: {in: $inputs.in}}
  all: {step: bind, with: {in: print.out}}
outputs: {out: bind.out, all: all.out}`, 3},
	} {
		for by, limit := range map[string]func(s *steps.Step, most int){
			"step":           func(s *steps.Step, most int) { s.Inputs[0].MaxLength = most },
			"implementation": func(s *steps.Step, most int) { s.Implementations[0].Limits = map[string]float64{"in": float64(most)} },
		} {
			s := paperShelf(t)
			limit(s.steps["bind"], 3)
			limit(s.steps["fold"], 40)
			_, c := s.wires(t, test.text)
			if got := c.Input("in").MaxLength; got != test.want {
				t.Errorf("%s, limited by the %s: at most %d long, want %d", name, by, got, test.want)
			}
		}
	}
}

// A template of others that is told where its file lies cannot be given a
// joined one, which lies nowhere; one that is given the file can.
func TestNoJoinForWhatTakesAURI(t *testing.T) {
	for argument, refused := range map[string]bool{"{book-uri: $(inputs.in.uri)}": true, "{book: $(inputs.in)}": false} {
		s := paperShelf(t).with(t, `
name: theirs
version: 1.0.0
title: T
description: For tests.
inputs: {in: {type: book}}
outputs: {out: {type: sheet, format: txt}}
implementations: {far: {template: {name: theirs, arguments: `+argument+`}, collect: {out: outputs.parameters.out}}}
`)
		for text, joins := range map[string]bool{`
nodes: {print: {step: print}, theirs: {step: theirs, with: {in: print.out}}}
outputs: {out: theirs.out}`: true, `
nodes: {write: {step: write}, theirs: {step: theirs, with: {in: write.out}}}
outputs: {out: theirs.out}`: false,
		} {
			_, err := pipelines.Compile(parsed(t, "name: p\n"+paperHead+text), s, nil)
			ps := problem.Of(err)
			if want := refused && joins; want && (len(ps) != 1 || ps[0].Path != "nodes.theirs.with.in" || !strings.Contains(ps[0].Message, "takes that by its URI")) || !want && err != nil {
				t.Errorf("%s%s\ngives %v; refused: %v", argument, text, err, want)
			}
		}
	}
}

// Nor does it when the file is one of a list that a call may leave out.
func TestOneOfAListBesideAJoin(t *testing.T) {
	s := paperShelf(t)
	s.pipelines["bound"] = parsed(t, "name: bound\n"+paperHead+"inputs: {in: {type: book}}\nnodes: {bind: {step: bind, with: {in: $inputs.in}}}\noutputs: {out: bind.out}")
	got, _ := s.wires(t, `
inputs: {books: {type: book, many: true, optional: true}}
nodes:
  print: {step: print}
  all: {step: bind, with: {in: print.out}}
  each: {pipeline: bound, each: {in: $inputs.books}}
outputs: {all: all.out, each: each.out}`)
	if want := "print\nall with print.out joined\neach.bind [$inputs.books] with $inputs.books joined"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
