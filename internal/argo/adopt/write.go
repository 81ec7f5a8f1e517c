package adopt

import (
	"fmt"
	"strconv"
	"strings"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/ligase-bio/ligase/steps"
)

// fillIn marks what only the author can know.
const fillIn = "FILL IN: "

// writer writes a definition by hand: its comments stand at the places that
// they speak of.
type writer struct {
	b    strings.Builder
	open int
}

func (w *writer) line(format string, args ...any) { fmt.Fprintf(&w.b, format+"\n", args...) }

// fill is a comment that asks the author for something.
func (w *writer) fill(format string, args ...any) string {
	w.open++
	return "  # " + fillIn + oneLine(fmt.Sprintf(format, args...))
}

// text writes a description, one of several lines as a block.
func (w *writer) text(indent, text, note string) {
	lines := strings.Split(text, "\n")
	plain := strings.TrimSpace(lines[0]) == lines[0] && !strings.ContainsFunc(text, func(r rune) bool { return r != '\n' && !printable(r) })
	switch {
	case text == "":
	case len(lines) > 1 && plain:
		w.line("%sdescription: |-%s", indent, note)
		for _, l := range lines {
			w.line("%s", strings.TrimRight(indent+"  "+strings.TrimRight(l, " "), " "))
		}
	default:
		w.line("%sdescription: %s%s", indent, quoted(text), note)
	}
}

// write makes the definition, and says how much is left to fill in.
func (c *converter) write() ([]byte, int) {
	w := &writer{}
	w.line("# Made by `ligase import` of the %s %s, template %s.", c.m.Kind, oneLine(c.m.Name), oneLine(c.entry.Name))
	w.line("name: %s", c.name)
	note := ""
	if c.versionGuessed {
		note = w.fill("what version is this?")
	}
	w.line("version: %s%s", c.version, note)
	w.line("title: %s", quoted(c.title))
	note = ""
	if c.describedBadly {
		note = w.fill("what is it good for, and what not?")
	}
	w.text("", c.description, note)
	if c.duration != "" {
		w.line("duration: %s", c.duration)
	} else {
		w.line("#duration: minutes%s", w.fill("seconds, minutes or hours"))
	}
	if len(c.ins) > 0 {
		w.line("inputs:")
		for i := range c.ins {
			c.writePort(w, &c.ins[i])
		}
	}
	if len(c.params) > 0 {
		w.line("params:")
		for i := range c.params {
			c.writeParam(w, &c.params[i])
		}
	}
	w.line("outputs:")
	for i := range c.outs {
		c.writePort(w, &c.outs[i])
	}
	c.writeImplementation(w)
	return []byte(w.b.String()), w.open
}

func (c *converter) writePort(w *writer, p *port) {
	w.line("  %s:", p.name)
	note := ""
	switch {
	case p.nothing:
		note = w.fill("the template gives nothing")
	case p.guessed && len(p.others) > 0:
		note = w.fill("seen from the file's name; or %s", strings.Join(p.others, ", "))
	case p.guessed && p.typ == fallback:
		note = w.fill("see `ligase catalog types`")
	case p.guessed:
		note = w.fill("seen from the file's name; is it?")
	}
	w.line("    type: %s%s", p.typ.Type, note)
	w.line("    format: %s", p.typ.Format)
	if p.many {
		w.line("    many: true")
	}
	if p.optional {
		w.line("    optional: true")
	}
	w.text("    ", p.description, "")
}

func (c *converter) writeParam(w *writer, p *param) {
	w.line("  %s:", p.name)
	note := ""
	if p.value == nil && len(p.enum) == 0 {
		note = w.fill("string, integer, number or boolean")
	}
	w.line("    type: %s%s", p.kind, note)
	if p.value != nil {
		w.line("    default: %s", p.literal(*p.value))
	}
	if len(p.enum) > 0 {
		values := make([]string, len(p.enum))
		for i, e := range p.enum {
			values[i] = p.literal(e)
		}
		w.line("    enum: [%s]", strings.Join(values, ", "))
	}
	w.text("    ", p.description, "")
}

// literal is a value as YAML has it.
func (p *param) literal(text string) string {
	if p.kind == steps.String {
		return quoted(text)
	}
	return text
}

func (c *converter) writeImplementation(w *writer) {
	w.line("implementations:")
	w.line("  %s:", implementationName)
	w.line("    template:")
	w.line("      name: %s", quoted(c.m.Name))
	if c.m.Kind == KindClusterTemplate {
		w.line("      cluster: true")
	}
	w.line("      entrypoint: %s", quoted(c.entry.Name))
	var arguments [][2]string
	for i := range c.params {
		if p := &c.params[i]; p.name != p.theirs {
			arguments = append(arguments, [2]string{p.theirs, "$(params." + p.name + ")"})
		}
	}
	for i := range c.ins {
		switch p := &c.ins[i]; {
		case p.source == steps.FromURI && p.many:
			arguments = append(arguments, [2]string{p.theirs, "$(inputs." + p.name + ".uris)"})
		case p.source == steps.FromURI:
			arguments = append(arguments, [2]string{p.theirs, "$(inputs." + p.name + ".uri)"})
		case p.name != p.theirs:
			arguments = append(arguments, [2]string{p.theirs, "$(inputs." + p.name + ")"})
		}
	}
	if len(arguments) > 0 {
		w.line("      arguments:")
		for _, a := range arguments {
			w.line("        %s: %s", quoted(a[0]), a[1])
		}
	}
	for _, h := range c.hidden {
		w.line("      # not for callers: %s", oneLine(h))
	}
	w.line("    collect:")
	for i := range c.outs {
		p := &c.outs[i]
		source := steps.Source{Kind: p.source, Name: p.theirs, Glob: p.glob}
		note := ""
		if p.nothing {
			note = w.fill("the template gives nothing")
		}
		w.line("      %s: %s%s", p.name, quoted(source.String()), note)
	}
	c.writeResources(w)
}

// writeResources shows what the template asks for. It stays the template's to
// say; a catalog tells its readers.
func (c *converter) writeResources(w *writer) {
	var most corev1.ResourceList
	for _, t := range c.reachable() {
		for _, container := range containersOf(t) {
			for _, list := range []corev1.ResourceList{container.Resources.Requests, container.Resources.Limits} {
				for name, q := range list {
					if have, there := most[name]; !there || have.Cmp(q) < 0 {
						if most == nil {
							most = corev1.ResourceList{}
						}
						most[name] = q
					}
				}
			}
		}
	}
	var fields []string
	if q, there := most[corev1.ResourceCPU]; there && q.MilliValue() >= 10 {
		fields = append(fields, "cpu: "+strconv.FormatFloat(float64(q.MilliValue())/1000, 'f', -1, 64))
	}
	if q, there := most[corev1.ResourceMemory]; there && q.Value() >= 1<<20 {
		fields = append(fields, "memory: "+mebibytes(q))
	}
	for _, name := range []corev1.ResourceName{"nvidia.com/gpu", "amd.com/gpu"} {
		if q, there := most[name]; there && q.Value() > 0 {
			fields = append(fields, fmt.Sprintf("gpu: %d", q.Value()))
			break
		}
	}
	if len(fields) > 0 {
		w.line("    resources: {%s}", strings.Join(fields, ", "))
	}
	if d := c.entry.ActiveDeadlineSeconds; d != nil {
		w.line("    # the template's own deadline: %s s", d.String())
	}
	if r := c.entry.RetryStrategy; r != nil {
		w.line("    # the template's own retries: %s", retriesOf(r))
	}
}

func mebibytes(q resource.Quantity) string { return fmt.Sprintf("%dMi", q.Value()>>20) }

func retriesOf(r *wfv1.RetryStrategy) string {
	text := "without limit"
	if r.Limit != nil {
		text = r.Limit.String()
	}
	if r.RetryPolicy != "" {
		text += ", " + string(r.RetryPolicy)
	}
	if r.Expression != "" {
		text += ", when " + oneLine(r.Expression)
	}
	return text
}

// quoted is a text as a YAML scalar, bare where that is safe: what YAML 1.1
// and 1.2 read alike and as text.
func quoted(text string) string {
	if plainScalar(text) {
		return text
	}
	return doubleQuoted(text)
}

func plainScalar(text string) bool {
	if text == "" || text != strings.TrimSpace(text) || len(text) > 200 {
		return false
	}
	first := text[0]
	if (first < 'a' || first > 'z') && (first < 'A' || first > 'Z') && first != '/' {
		return false
	}
	if strings.ContainsFunc(text, func(r rune) bool { return !printable(r) }) {
		return false
	}
	switch strings.ToLower(text) {
	case "y", "n", "yes", "no", "on", "off", "true", "false", "null":
		return false
	}
	return !strings.Contains(text, ": ") && !strings.Contains(text, " #") && !strings.HasSuffix(text, ":") && !strings.ContainsAny(text, "[]{},\"'`")
}

// printable reports whether YAML takes a character as it is.
func printable(r rune) bool {
	return r >= ' ' && r != 0x7f && (r < 0x80 || r >= 0xa0) && r != 0xfeff && r != '\u2028' && r != '\u2029' && r != 0xfffd
}

// doubleQuoted escapes as JSON does, which YAML reads.
func doubleQuoted(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range text {
		switch {
		case r == '"', r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case !printable(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
