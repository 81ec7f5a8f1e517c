package draft

import (
	"fmt"
	"path"
	"path/filepath"
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

// split parts the words into programs.
func (r *reader) split() error {
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

var (
	// outFlag is a flag whose value the command writes. That of -o may be a
	// file, a folder or the beginning of names.
	outFlag    = regexp.MustCompile(`^(o|out|output|.*out|out(put)?[-_]?(file|dir|folder|path|prefix|name)|(out(put)?)[-_].*)$`)
	folderFlag = regexp.MustCompile(`(dir|folder)$`)
	inFlag     = regexp.MustCompile(`^(i|in|input|in(put)?[-_].*|.*(ref|reference|query|target|fasta|fastq|seqs?|sequences?|pdb|structure|model|template|ligand|receptor|genome|reads?|bam|vcf|bed|db|file))$`)
	seedFlag   = regexp.MustCompile(`^(random[-_]?)?seed$`)
	cpuFlag    = regexp.MustCompile(`^(n|num[-_]?)?(threads?|cpus?|cores?|jobs|procs?)$|^nproc$`)

	// fileForm is a name with an ending, as files have it and numbers do not.
	fileForm   = regexp.MustCompile(`^[^\s:]*[A-Za-z0-9_)-]\.[A-Za-z][A-Za-z0-9]{0,9}(\.gz)?$`)
	numberWord = regexp.MustCompile(`^-?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$`)
)

// word makes elements of the next word, and of its value where it is a flag
// that has one. It returns how many words those are.
func (r *reader) word(s *segment, words []Word) int {
	text := words[0].Text
	isFlag := len(text) > 1 && text[0] == '-' && !numberWord.MatchString(text) && strings.Trim(text, "-") != ""
	if !isFlag {
		n := r.several(s, words)
		if n == 0 {
			another := slices.ContainsFunc(words[1:], func(w Word) bool { return isFileName(w.Text) })
			s.elements = append(s.elements, r.positional(text, another))
			n = 1
		}
		return n
	}
	if name, value, joined := strings.Cut(text, "="); joined {
		e := r.value(name, value)
		e.text = strings.ReplaceAll(name, "$(", "$$(") + "=" + e.text
		s.elements = append(s.elements, e)
		return 1
	}
	s.elements = append(s.elements, literal(text))
	if len(words) == 1 || strings.HasPrefix(words[1].Text, "-") && !numberWord.MatchString(words[1].Text) {
		return 1
	}
	s.elements = append(s.elements, r.value(text, words[1].Text))
	return 2
}

func isFileName(text string) bool { return fileForm.MatchString(text) && !numberWord.MatchString(text) }

// isOutFlag reports whether a word says what the command writes.
func isOutFlag(w Word) bool {
	name, _, _ := strings.Cut(w.Text, "=")
	return strings.HasPrefix(name, "-") && outFlag.MatchString(strings.ToLower(strings.TrimLeft(name, "-")))
}

// positional is a word that no flag is before; another says that there are
// more names of files after it.
func (r *reader) positional(text string, another bool) element {
	f := r.c.Look(text)
	switch {
	case f.There && !f.Folder:
		return r.input("", text, f)
	case f.There:
		return r.folder(text, f)
	case numberWord.MatchString(text):
		return r.param("value", text, "it has no name on the command line; give it one")
	case !isFileName(text):
		return literal(text)
	case r.writes || another:
		return r.input("", text, f)
	}
	e := r.outputFile("", text, "")
	r.outs[len(r.outs)-1].Ask = "taken for an output, as there is no such file; is it?"
	return e
}

// value is the value of a flag, which is as it was typed.
func (r *reader) value(typed, text string) element {
	f := r.c.Look(text)
	isFile := isFileName(text)
	flag := strings.TrimLeft(typed, "-")
	name := strings.ToLower(flag)
	switch {
	case outFlag.MatchString(name) && (isFile || f.There || strings.HasSuffix(text, "/") || flag == "o" || folderFlag.MatchString(name) || strings.HasSuffix(name, "prefix")):
		return r.outputOf(name, text, f)
	case f.There && !f.Folder:
		if !inFlag.MatchString(name) || len(name) < 2 {
			flag = "" // it may be one without a value
		}
		return r.input(flag, text, f)
	case f.There:
		return r.folder(text, f)
	case cpuFlag.MatchString(name) && wholeNumber(text) > 0:
		r.cpu = max(r.cpu, wholeNumber(text))
		return literal(text)
	case numberWord.MatchString(text):
		return r.param(typed, text, "")
	case isFile && inFlag.MatchString(name):
		return r.input(flag, text, f)
	case isFile:
		return r.outputOf(name, text, f)
	case strings.Contains(text, "/") && !strings.Contains(text, "://"):
		return r.folder(text, f)
	}
	ask := ""
	if len(flag) == 1 {
		ask = fmt.Sprintf("taken for the value of %s; is it?", typed)
	}
	return r.param(typed, text, ask)
}

func wholeNumber(text string) int {
	n := 0
	if len(text) > 4 || strings.Trim(text, "0123456789") != "" {
		return 0
	}
	_, _ = fmt.Sscan(text, &n) // digits only
	return n
}

// folder is a path on this machine that no file is at.
func (r *reader) folder(text string, f File) element {
	r.remark("%s%s is a place on this machine. A step takes files: make those that it needs inputs, or many of them one with many: true, whose folder is $(inputs.NAME.dir).", fillIn, text)
	return literal(f.Path)
}

// param makes a parameter of the value of a flag as it was typed.
func (r *reader) param(typed, text, ask string) element {
	flag := strings.TrimLeft(typed, "-")
	if numberWord.MatchString(text) {
		text = plainNumber(text)
	}
	p := Param{Name: r.names.Take(flag), Type: KindOf([]string{text}), Default: &text, Ask: ask}
	switch {
	case seedFlag.MatchString(strings.ToLower(flag)):
		p.Description = "Seed of the random numbers. The same seed gives the same result."
	case ask == "":
		if len(flag) == 1 {
			p.Ask = "what is it? A longer name would say so"
		}
		p.Description = "What the command has as " + typed + "."
	}
	r.params = append(r.params, p)
	return element{text: "$(params." + p.Name + ")", refs: true}
}

// plainNumber is a number as definitions have it: .5 is 0.5.
func plainNumber(text string) string {
	sign := ""
	if strings.HasPrefix(text, "-") {
		sign, text = "-", text[1:]
	}
	if strings.HasPrefix(text, ".") {
		text = "0" + text
	}
	return sign + strings.Replace(text, ".e", "e", 1)
}

// indexes are endings of files that a program looks for beside another.
var indexes = []string{"amb", "ann", "bwt", "pac", "sa", "fai", "bai", "csi", "tbi", "dict", "idx", "crai", "gzi"}

// input makes an input of a file; flag is its name where that says something.
func (r *reader) input(flag, text string, f File) element {
	p := Port{}
	if f.There {
		p.Type, p.Others, p.Guessed = ByContent(r.c.Types, text, f.Head, f.Whole)
	} else {
		p.Type, p.Others, p.Guessed = ByName(r.c.Types, text)
		p.Ask = "taken for an input, and not there to be looked into; is it?"
		r.warnings.Addf(problem.Pos{}, "", problem.NotAccessible, "Have the files of the command line there: what one is, it says itself.", "The file %s is not there.", text)
	}
	p.Name = r.names.Take(r.portName(flag, p.Type, "input"))
	var beside []string
	for _, other := range f.Beside {
		if slices.Contains(indexes, strings.TrimPrefix(filepath.Ext(other), ".")) {
			beside = append(beside, other)
		}
	}
	if len(beside) > 0 {
		p.Ask = fmt.Sprintf("%s beside it will not be there: have the command make them, or make them inputs", strings.Join(beside, ", "))
	}
	r.ins = append(r.ins, p)
	r.samples = append(r.samples, Sample{p.Name, text})
	return element{text: "$(inputs." + p.Name + ")", refs: true}
}

// portName is the name of a port: the flag's, else the last word of its type.
func (r *reader) portName(flag string, t steps.TypeFormat, otherwise string) string {
	switch {
	case len(flag) > 1:
		return flag
	case t.Type == Fallback.Type:
		return otherwise
	}
	return t.Type[strings.LastIndexByte(t.Type, '.')+1:]
}

// several makes one input of files of one type in a row, as a shell's pattern
// gives them: from three on, as two are often a pair.
func (r *reader) several(s *segment, words []Word) int {
	ext := filepath.Ext(words[0].Text)
	n := 0
	for n < len(words) && ext != "" && filepath.Ext(words[n].Text) == ext {
		if f := r.c.Look(words[n].Text); !f.There || f.Folder {
			break
		}
		n++
	}
	if n < 3 || len(r.segments) > 1 {
		return 0
	}
	e := r.input("", words[0].Text, r.c.Look(words[0].Text))
	p := &r.ins[len(r.ins)-1]
	p.Many = true
	for _, w := range words[1:n] {
		r.samples = append(r.samples, Sample{p.Name, w.Text})
	}
	e.many = true
	s.elements = append(s.elements, e)
	return n
}

// outputOf makes an output of what a flag names.
func (r *reader) outputOf(flag, text string, f File) element {
	name := flag
	if len(flag) < 3 || slices.Contains([]string{"out", "output", "outfile", "output_file", "output-file", "out-file", "out_file"}, flag) {
		name = ""
	}
	base := path.Base(strings.TrimRight(text, "/"))
	switch {
	case f.Folder || strings.HasSuffix(text, "/") || folderFlag.MatchString(flag):
		return r.outputMany(base, base+"/*", "which of its files, and of what type? A port for each kind; see also many: true")
	case f.There || fileForm.MatchString(text):
		return r.outputFile(name, text, "")
	}
	return r.outputMany(base, base+"*", "is it a file, a folder, or what names begin with?")
}

// outputFile makes an output of a file that the command writes.
func (r *reader) outputFile(flag, text, ask string) element {
	o := output{collect: path.Base(text)}
	if f := r.c.Look(text); f.There && !f.Folder {
		o.Type, o.Others, o.Guessed = ByContent(r.c.Types, text, f.Head, f.Whole)
	} else {
		o.Type, o.Others, o.Guessed = ByName(r.c.Types, text)
	}
	o.Name, o.Ask = r.portName(flag, o.Type, "output"), ask
	r.outs = append(r.outs, o)
	return element{text: "$(work)/" + o.collect, refs: true}
}

// outputMany makes an output of files whose names are not known.
func (r *reader) outputMany(base, collect, ask string) element {
	o := output{collect: collect, ask: ask}
	o.Port = Port{Name: "output", Type: steps.TypeFormat{Type: Fallback.Type, Format: "bytes"}, Guessed: true, Many: true}
	o.Ask = "see `ligase catalog types`"
	r.outs = append(r.outs, o)
	return element{text: "$(work)/" + strings.ReplaceAll(base, "$(", "$$("), refs: true}
}

// printed makes an output of what the last program prints, where there is no
// other.
func (r *reader) printed() {
	if len(r.outs) > 0 {
		return
	}
	o := output{collect: "printed.txt"}
	o.Port = Port{Name: "printed", Type: Fallback, Ask: "taken from what it prints; or does it write a file?"}
	r.outs = append(r.outs, o)
	r.segments[len(r.segments)-1].out = &element{text: "$(work)/printed.txt", refs: true}
}

// nameOutputs gives the outputs the names that the inputs and parameters have
// left: nothing in a command refers to them.
func (r *reader) nameOutputs() {
	for i := range r.outs {
		name := r.outs[i].Name
		if r.names.Has(name) && name != "output" {
			name = "out_" + name
		}
		r.outs[i].Name = r.names.Take(name)
	}
}
