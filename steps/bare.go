package steps

import (
	"bytes"
	"regexp"
)

// bare is how a value that stands without what its format puts around it is
// brought into the format: a sequence without the header of FASTA.
type bare struct {
	match         *regexp.Regexp
	before, after string
}

// bareValue stands for the value in a definition.
const bareValue = "{value}"

// Bare brings a value that was given without what its format puts around it
// into the format, by the format's own rule; false when there is no rule, the
// rule is not about such a value, or it has more than [HeadBytes]. What comes
// out has yet to pass the content check.
func (t *Types) Bare(typ, format string, value []byte) ([]byte, bool) {
	f := t.FormatOf(typ, format)
	if f == nil || f.bare == nil || len(value) > HeadBytes {
		return nil, false
	}
	value = bytes.TrimSpace(value)
	if len(value) == 0 || !f.bare.match.Match(value) {
		return nil, false
	}
	return []byte(f.bare.before + string(value) + f.bare.after), true
}
