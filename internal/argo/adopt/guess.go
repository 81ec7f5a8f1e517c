package adopt

import (
	"regexp"
	"strings"

	"github.com/ligase-bio/ligase/internal/draft"
	"github.com/ligase-bio/ligase/steps"
)

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
	return draft.ByName(c.types, file)
}
