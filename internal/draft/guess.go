package draft

import (
	"bytes"
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

// KindOf is the narrowest kind of parameter that all of the texts are values
// of. Elsewhere there are texts only; what they are is
// seen from defaults and enums.
func KindOf(texts []string) steps.ParamType {
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

// Fallback is the type of what nothing is known of.
var Fallback = steps.TypeFormat{Type: "file", Format: "text"}

// ByName is the type that the name of a file lets guess; guessed says that its
// author should look at it, others are what it could be as well.
func ByName(types *steps.Types, file string) (t steps.TypeFormat, others []string, guessed bool) {
	var found []steps.TypeFormat
	base := strings.ToLower(path.Base(file))
	for _, name := range types.Names() {
		typ := types.Lookup(name)
		for _, f := range typ.Formats {
			if !slices.ContainsFunc(f.Extensions, func(e string) bool { return strings.HasSuffix(base, "."+e) }) {
				continue
			}
			// Of types that are kinds of each other, the name of a file says
			// no more than the widest.
			at := slices.IndexFunc(found, func(t steps.TypeFormat) bool { return types.Related(t.Type, name) })
			switch {
			case at < 0:
				found = append(found, steps.TypeFormat{Type: name, Format: f.Name})
			case types.Fits(found[at].Type, name):
				found[at] = steps.TypeFormat{Type: name, Format: f.Name}
			}
		}
	}
	if len(found) == 0 {
		return Fallback, nil, true
	}
	for _, t := range found[1:] {
		others = append(others, t.Type)
	}
	return found[0], others, true
}

// ByContent is ByName for a file that can be looked into.
func ByContent(types *steps.Types, file string, head []byte, whole bool) (t steps.TypeFormat, others []string, guessed bool) {
	found := types.Guess(file, head, whole)
	if len(found) == 0 {
		if bytes.IndexByte(head, 0) >= 0 {
			return steps.TypeFormat{Type: Fallback.Type, Format: "bytes"}, nil, true
		}
		return Fallback, nil, true
	}
	for _, t := range found[1:] {
		others = append(others, t.Type)
	}
	return found[0], others, len(others) > 0
}
