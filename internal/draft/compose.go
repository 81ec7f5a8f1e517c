package draft

import (
	"fmt"
	"path"
	"regexp"
	"strings"
)

// write makes the definition, and says how much is left to fill in.
func (r *reader) write() ([]byte, int) {
	w := &Writer{}
	program := path.Base(r.segments[0].elements[0].text)
	if r.ownScript != "" {
		program = path.Base(r.ownScript)
		program = strings.TrimSuffix(program, path.Ext(program))
	}
	w.Line("# Begun by `ligase new step %s` of the command", r.c.Name)
	w.Line("#   %s", r.line())
	w.Line("# Every field there is: docs/writing-a-step.md")
	w.Line("name: %s", r.c.Name)
	w.Line("version: 0.1.0  # of this definition: raise it with each change that others would notice")
	title := program
	if len(r.segments) == 1 && len(r.segments[0].elements) > 1 && subcommand.MatchString(r.segments[0].elements[1].text) {
		title += " " + r.segments[0].elements[1].text
	}
	w.Line("title: %s%s", Quoted(Cut(title, 120)), w.Fill("what does it do, in a few words?"))
	w.Description("", "Runs "+program+".", w.Fill("what is it good for, and what not?"))
	w.Line("#duration: minutes%s", w.Fill("seconds, minutes or hours"))
	if len(r.ins) > 0 {
		w.Line("inputs:")
		for _, p := range r.ins {
			w.Port(p)
		}
	}
	if len(r.params) > 0 {
		w.Line("params:")
		for _, p := range r.params {
			w.Param(p)
		}
	}
	w.Line("outputs:")
	for _, o := range r.outs {
		w.Port(o.Port)
	}
	r.writeImplementation(w, program)
	return []byte(w.String()), w.Open()
}

// line is the command line, for a comment.
func (r *reader) line() string {
	words := make([]string, len(r.c.Words))
	for i, word := range r.c.Words {
		words[i] = word.Text
		if !word.Operator {
			words[i] = ShellWord(word.Text)
		}
	}
	return Cut(OneLine(strings.Join(words, " ")), 400)
}

func (r *reader) writeImplementation(w *Writer, program string) {
	w.Line("implementations:")
	w.Line("  %s:", Snake(program))
	for _, remark := range r.remarks {
		if after, asks := strings.CutPrefix(remark, fillIn); asks {
			w.Line("    #%s", strings.TrimPrefix(w.Fill("%s", after), "  #"))
			continue
		}
		w.Line("    # %s", OneLine(remark))
	}
	w.command(r.command())
	if len(r.env) > 0 {
		w.Line("    env:")
		for _, e := range r.env {
			w.Line("      %s: %s", e[0], doubleQuoted(e[1]))
		}
	}
	w.Line("    collect:")
	for _, o := range r.outs {
		note := ""
		if o.ask != "" {
			note = w.Fill("%s", o.ask)
		}
		w.Line("      %s: %s%s", o.Name, Quoted(o.collect), note)
	}
	w.Line("    resources: {cpu: %d}%s", r.cpu, w.Fill("memory: 2Gi and the like, over which it is ended; gpu: 1"))
	w.Line("    timeout: 1h%s", w.Fill("when does it hang for sure?"))
	w.rest(true)
}

// rest are the fields that few steps need, as comments.
func (w *Writer) rest(metrics bool) {
	if metrics {
		w.Line(`    #metrics: metrics.json           # a file that it writes: {"metrics": {"score": 1.5}}; say above what they mean`)
	}
	w.Line("    #progress: '(?P<done>\\d+)/(?P<total>\\d+)'   # of lines that it prints")
	w.Line("    #failures: [{pattern: \"out of memory\", code: oom}]   # what it prints when it fails quietly")
	w.Line("    #retries: {limit: 1, on: [oom, preempted, unknown]}")
	w.Line("    #image: registry/name:tag        # what it runs in on a cluster")
	w.Line("    #license: MIT")
}

// command writes a command: on one line where it fits.
func (w *Writer) command(elements []string) {
	const most = 110
	scalars := make([]string, len(elements))
	long := false
	for i, e := range elements {
		scalars[i] = argument(e)
		long = long || strings.ContainsRune(e, '\n')
	}
	if line := "    command: [" + strings.Join(scalars, ", ") + "]"; !long && len(line) <= most {
		w.Line("%s", line)
		return
	}
	w.Line("    command:")
	for _, s := range scalars {
		w.Line("      - %s", s)
	}
}

// plainArgument is an element of a command that YAML takes as it is.
var plainArgument = regexp.MustCompile(`^(-{1,2}[A-Za-z]|[A-Za-z/]|\$\()[A-Za-z0-9_./$()=@:+-]*$`)

func argument(text string) string {
	if plainArgument.MatchString(text) && !strings.HasSuffix(text, ":") && (plainScalar(text) || text[0] == '-' || text[0] == '$') {
		return text
	}
	if !strings.ContainsFunc(text, func(r rune) bool { return r == '\'' || !printable(r) }) {
		return "'" + text + "'"
	}
	return doubleQuoted(text)
}

// command is argv: the program's own where that is all, else a shell's that
// is given every value as an argument, so that none becomes part of its text.
func (r *reader) command() []string {
	first := &r.segments[0]
	if len(r.segments) == 1 {
		var words []string
		for _, e := range first.elements {
			words = append(words, e.text)
		}
		switch {
		case first.in != nil && first.out != nil:
			return append([]string{"sh", "-c", `in=$1; out=$2; shift 2; exec "$@" < "$in" > "$out"`, r.c.Name, first.in.text, first.out.text}, words...)
		case first.in != nil:
			return append([]string{"sh", "-c", `in=$1; shift; exec "$@" < "$in"`, r.c.Name, first.in.text}, words...)
		case first.out != nil:
			return append([]string{"sh", "-c", `out=$1; shift; exec "$@" > "$out"`, r.c.Name, first.out.text}, words...)
		}
		return words
	}
	var script strings.Builder
	var args []string
	put := func(e element) {
		if !e.refs {
			script.WriteString(ShellWord(e.text))
			return
		}
		args = append(args, e.text)
		if len(args) < 10 {
			fmt.Fprintf(&script, `"$%d"`, len(args))
		} else {
			fmt.Fprintf(&script, `"${%d}"`, len(args))
		}
	}
	script.WriteString("set -e -o pipefail; ")
	for i := range r.segments {
		s := &r.segments[i]
		for k, e := range s.elements {
			if k > 0 {
				script.WriteByte(' ')
			}
			put(e)
		}
		if s.in != nil {
			script.WriteString(" < ")
			put(*s.in)
		}
		if s.out != nil {
			script.WriteString(" > ")
			put(*s.out)
		}
		if i < len(r.segments)-1 {
			if s.then == "|" {
				script.WriteString(" | ")
			} else { // of programs one after the other, set -e ends the rest
				script.WriteString("; ")
			}
		}
	}
	return append([]string{"bash", "-c", script.String(), r.c.Name}, args...)
}

// plainWord is what a shell takes as it is.
var plainWord = regexp.MustCompile(`^[A-Za-z0-9_@%+=:,./-]+$`)

// ShellWord is a word as a POSIX shell reads it back.
func ShellWord(word string) string {
	if plainWord.MatchString(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
