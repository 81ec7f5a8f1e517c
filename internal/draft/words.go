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

var (
	// outFlag is a flag whose value the command writes. That of -o may be a
	// file, a folder or the beginning of names.
	outFlag    = regexp.MustCompile(`^(o|out|output|.*out|out(put)?[-_]?(file|dir|folder|path|prefix|name)|(out(put)?)[-_].*)$`)
	folderFlag = regexp.MustCompile(`(dir|folder)$`)
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
	isFlag := len(text) > 1 && text[0] == '-' && !strings.ContainsAny(text, " \t\n") && !numberWord.MatchString(text) && strings.Trim(text, "-") != ""
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

// inWords are words of flags whose value a command reads.
var inWords = []string{"i", "in", "input", "infile", "ref", "reference", "query", "target", "db", "model", "template", "file"}

// namesInput reports whether a flag, in small letters, is named like something
// to be read: in general, or after a type or format of the catalog.
func (r *reader) namesInput(flag string) bool {
	for _, word := range strings.FieldsFunc(flag, func(c rune) bool { return c == '-' || c == '_' }) {
		one := strings.TrimSuffix(word, "s")
		if slices.Contains(inWords, one) {
			return true
		}
		for _, name := range r.c.Types.Names() {
			if parts := strings.Split(name, "."); slices.Contains(parts, word) || slices.Contains(parts, one) {
				return true
			}
			for _, f := range r.c.Types.Lookup(name).Formats {
				if f.Name == one || slices.Contains(f.Extensions, one) {
					return true
				}
			}
		}
	}
	return false
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
		if !r.namesInput(name) || len(name) < 2 {
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
	case isFile && r.namesInput(name):
		return r.input(flag, text, f)
	case isFile:
		e := r.outputOf(name, text, f)
		r.outs[len(r.outs)-1].Ask = "taken for an output, as there is no such file; is it?"
		return e
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
