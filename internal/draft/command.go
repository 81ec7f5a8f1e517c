package draft

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/steps"
)

// Command is a command line that somebody types already.
type Command struct {
	Name  string // of the step to be
	Words []Word
	Types *steps.Types // what files are guessed from
	// Look says what a word is as the path of a file.
	Look func(path string) File
	// Found reports whether a program is on PATH.
	Found func(program string) bool
}

// File is what is known of a path.
type File struct {
	There, Folder bool
	Path          string // absolute
	Head          []byte // the first bytes of a file that is there
	Whole         bool   // that they are all
	Beside        []string
}

// Sample is what the command line had where the step has an input.
type Sample struct{ Input, Path string }

// Read makes a step of a command line. What a word is follows from the files
// that are there, from the flag before it, and from its form; the command runs
// as it did with the defaults and samples. The error says what cannot be made
// a step of.
func Read(c Command) (*Draft, []Sample, error) {
	r := &reader{c: c, cpu: 1}
	if err := r.split(); err != nil {
		return nil, nil, err
	}
	r.writes = slices.ContainsFunc(r.segments, func(s segment) bool { return s.to != "" || slices.ContainsFunc(s.words, isOutFlag) })
	for i := range r.segments {
		if err := r.segment(&r.segments[i]); err != nil {
			return nil, nil, err
		}
	}
	if slices.ContainsFunc(r.segments, func(s segment) bool { return s.then == "|" }) {
		r.remark("pipefail: any program that fails fails the step, also one whose reader, like head, stops early.")
	}
	r.printed()
	r.nameOutputs()
	text, open := r.write()
	return &Draft{Name: c.Name, Text: text, Open: open, Warnings: r.warnings}, r.samples, nil
}

// reader holds what one Read finds out.
type reader struct {
	c        Command
	segments []segment
	env      [][2]string
	names    Names
	ins      []Port
	params   []Param
	outs     []output
	samples  []Sample
	remarks  []string // on the command
	cpu      int

	ownScript string // a file that is run
	writes    bool   // a flag or > says what it writes
	warnings  problem.Problems
}

// segment is one program of a command line with what follows it.
type segment struct {
	words    []Word
	elements []element
	from, to string   // the files of < and >
	in, out  *element // what they became
	then     string   // the operator to the next: |, && or ;
}

// element is a part of the command to be: a text, in which references are
// written as definitions have them.
type element struct {
	text string
	refs bool
	many bool // a reference that becomes several words
}

// output is an output, and what of the command's files it is.
type output struct {
	Port
	collect string
	ask     string // about collect
}

func literal(text string) element {
	return element{text: strings.ReplaceAll(text, "$(", "$$(")}
}

// otherRef is what a definition does not take for a text.
var otherRef = regexp.MustCompile(`\$\{?(inputs|params|work|outputs)\b|\{\{ ?(inputs|params|work)\b`)

// split parts the words into programs.
func (r *reader) split() error {
	for _, w := range r.c.Words {
		if at := otherRef.FindString(w.Text); at != "" {
			return fmt.Errorf("it has %s, which looks like a reference of definitions; put the line into a script and name that", at)
		}
	}
	var s segment
	next := func(then string) error {
		if len(s.words) == 0 {
			return fmt.Errorf("there is no program before %q", then)
		}
		s.then = then
		r.segments = append(r.segments, s)
		s = segment{}
		return nil
	}
	words := r.c.Words
	for i := 0; i < len(words); i++ {
		w := words[i]
		if !w.Operator {
			if w.Pattern {
				return fmt.Errorf("it has the pattern %s, which a shell looks for files by; give the command after --, where your shell does, or name the files", w.Text)
			}
			s.words = append(s.words, w)
			continue
		}
		switch w.Text {
		case "|", "&&", ";":
			if i == len(words)-1 && w.Text == ";" {
				continue
			}
			if err := next(w.Text); err != nil {
				return err
			}
			continue
		case "2>&1":
			r.remark("2>&1 is left out: what is printed on standard error is in the log.")
			continue
		}
		if i++; i == len(words) || words[i].Operator {
			return fmt.Errorf("no file follows %s", w.Text)
		}
		switch file := words[i].Text; w.Text {
		case "<":
			s.from = file
		case ">", ">>", "&>":
			s.to = file
		default:
			r.remark("%s %s is left out: what is printed on standard error is in the log.", w.Text, file)
		}
	}
	if len(s.words) == 0 {
		return fmt.Errorf("it ends without a program")
	}
	r.segments = append(r.segments, s)
	return nil
}

func (r *reader) remark(format string, args ...any) {
	r.remarks = append(r.remarks, fmt.Sprintf(format, args...))
}

var assignment = regexp.MustCompile(`^([A-Z_][A-Z0-9_]*)=(.*)$`)

// interpreters run a script that is named after them.
var interpreters = regexp.MustCompile(`^(python[0-9.]*|perl|Rscript|ruby|julia|node|java|sh|bash|awk)$`)

// segment makes the elements of one program's words.
func (r *reader) segment(s *segment) error {
	words := s.words
	for len(words) > 0 {
		m := assignment.FindStringSubmatch(words[0].Text)
		if m == nil {
			break
		}
		r.env = append(r.env, [2]string{m[1], m[2]})
		words = words[1:]
	}
	if len(words) == 0 {
		return fmt.Errorf("it sets variables and names no program")
	}
	if s.from != "" {
		e := r.input("", s.from, r.c.Look(s.from))
		s.in = &e
	}
	program := words[0].Text
	s.elements = append(s.elements, r.program(program))
	words = words[1:]
	switch {
	case interpreters.MatchString(path.Base(program)):
		words = r.script(s, words)
	case len(words) > 0 && subcommand.MatchString(words[0].Text) && !r.c.Look(words[0].Text).There:
		s.elements = append(s.elements, literal(words[0].Text))
		words = words[1:]
	}
	for i := 0; i < len(words); {
		i += r.word(s, words[i:])
	}
	if s.to != "" {
		e := r.outputFile("", s.to, "")
		s.out = &e
	}
	return nil
}

var subcommand = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]*$`)

// program is the first word: found on PATH where the step runs, or a file.
func (r *reader) program(name string) element {
	if strings.Contains(name, "/") {
		return r.own(name)
	}
	if name == "ligase" || r.c.Found(name) {
		return literal(name)
	}
	r.warnings.Addf(problem.Pos{}, "", problem.NotAccessible, "Install it before you try the step out.", "The program %s is not on PATH here.", name)
	return literal(name)
}

// own is a file that belongs to the command and is none of its inputs.
func (r *reader) own(name string) element {
	f := r.c.Look(name)
	if !f.There {
		r.warnings.Addf(problem.Pos{}, "", problem.NotAccessible, "Correct the path.", "The file %s is not there.", name)
	}
	r.ownScript = f.Path
	r.remark("%s lies on this machine: where others run the step, have it on PATH or in an image.", f.Path)
	return literal(f.Path)
}

// script takes the words up to an interpreter's script, and returns the rest.
func (r *reader) script(s *segment, words []Word) []Word {
	for i, w := range words {
		switch {
		case w.Text == "-c" || w.Text == "-e" || w.Text == "-m":
			if i+1 < len(words) { // code, or the name of a module
				s.elements = append(s.elements, literal(w.Text), literal(words[i+1].Text))
				return words[i+2:]
			}
		case strings.HasPrefix(w.Text, "-"):
		case r.c.Look(w.Text).There:
			s.elements = append(s.elements, r.own(w.Text))
			return words[i+1:]
		default:
			return words[i:]
		}
		s.elements = append(s.elements, literal(w.Text))
	}
	return nil
}
