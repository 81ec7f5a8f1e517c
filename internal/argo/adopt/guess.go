package adopt

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/ligase-bio/ligase/steps"
)

var (
	integerForm = regexp.MustCompile(`^(0|-?[1-9][0-9]{0,17})$`) // as it is written again: no 007, no -0
	numberForm  = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]{1,3})?$`)
)

// kindOf is the narrowest kind of parameter that all of the texts are values
// of. Argo has texts only; what they are is seen from defaults and enums.
func kindOf(texts []string) steps.ParamType {
	all := func(is func(string) bool) bool {
		return len(texts) > 0 && !slices.ContainsFunc(texts, func(s string) bool { return !is(s) })
	}
	switch {
	case all(integerForm.MatchString):
		return steps.Integer
	case all(numberForm.MatchString):
		return steps.Number
	case all(func(s string) bool { return s == "true" || s == "false" }):
		return steps.Boolean
	}
	return steps.String
}

// uriSuffix says that a parameter holds where an object lies.
var uriSuffix = regexp.MustCompile(`(?i)[-_]?ur(i|is)$`)

// uriName parts the name of a parameter that holds a URI, or a list of URIs,
// from what says so.
func uriName(name string) (base string, many, is bool) {
	m := uriSuffix.FindString(name)
	base = strings.TrimSuffix(name, m)
	if m == "" || base == "" || m == strings.TrimLeft(m, "-_") && m[:1] != "U" { // "uri" within a word
		return "", false, false
	}
	return base, strings.HasSuffix(strings.ToLower(m), "s"), true
}

// fallback is the type of what nothing is known of.
var fallback = steps.TypeFormat{Type: "file", Format: "text"}

// guess is the type of a parameter or artifact that is called theirs and lies
// in file; guessed says that its author should look at it, others are what it
// could be as well.
func (c *converter) guess(theirs, file string) (t steps.TypeFormat, others []string, guessed bool) {
	if said := c.m.Annotations[typeAnnotation+theirs]; said != "" {
		name, format, _ := strings.Cut(said, "/")
		if typ := c.types.Lookup(name); typ != nil && (format == "" || c.types.FormatOf(name, format) != nil) {
			if format == "" {
				format = typ.Formats[0].Name
			}
			return steps.TypeFormat{Type: name, Format: format}, nil, false
		}
		c.warning(c.m.pos("metadata", "annotations", typeAnnotation+theirs), "metadata.annotations", "Write TYPE or TYPE/FORMAT, as `ligase catalog types` lists them.",
			"%s is said to be of the type %.80q, which is not in the catalog.", theirs, said)
	}
	var found []steps.TypeFormat
	base := strings.ToLower(path.Base(file))
	for _, name := range c.types.Names() {
		typ := c.types.Lookup(name)
		for _, f := range typ.Formats {
			if !slices.ContainsFunc(f.Extensions, func(e string) bool { return strings.HasSuffix(base, "."+e) }) {
				continue
			}
			// Of types that are kinds of each other, the name of a file says
			// no more than the widest.
			at := slices.IndexFunc(found, func(t steps.TypeFormat) bool { return c.types.Related(t.Type, name) })
			switch {
			case at < 0:
				found = append(found, steps.TypeFormat{Type: name, Format: f.Name})
			case c.types.Fits(found[at].Type, name):
				found[at] = steps.TypeFormat{Type: name, Format: f.Name}
			}
		}
	}
	if len(found) == 0 {
		return fallback, nil, true
	}
	for _, t := range found[1:] {
		others = append(others, t.Type)
	}
	return found[0], others, true
}
