package draft

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/ligase-bio/ligase/steps"
)

// Names are those that the inputs, outputs and parameters of a step have.
// The zero value has none.
type Names struct{ taken map[string]bool }

// Has reports whether a name is taken.
func (n *Names) Has(name string) bool { return n.taken[Snake(name)] }

// Take gives what is called theirs elsewhere a name of the step's own, each
// once.
func (n *Names) Take(theirs string) string {
	if n.taken == nil {
		n.taken = map[string]bool{}
	}
	name := Snake(theirs)
	if steps.Reserved(name) {
		name = Cut(name, 38) + "_1"
	}
	free := func(name string) bool {
		for _, argument := range []string{name, name + "_uri", name + "_uris"} {
			if n.taken[argument] {
				return false
			}
		}
		return true
	}
	base := name
	for i := 2; !free(name); i++ {
		name = fmt.Sprintf("%s_%d", Cut(base, 36), i)
	}
	// An input is also the arguments name_uri and name_uris of a call.
	for _, argument := range []string{name, name + "_uri", name + "_uris"} {
		n.taken[argument] = true
	}
	return name
}

var (
	notName   = regexp.MustCompile(`[^a-z0-9]+`)
	humpStart = regexp.MustCompile(`([a-z0-9])([A-Z])`)
)

// Snake is a name as definitions have it.
func Snake(name string) string {
	name = humpStart.ReplaceAllString(name, "${1}_${2}")
	name = strings.Trim(notName.ReplaceAllString(strings.ToLower(name), "_"), "_")
	if name == "" || name[0] < 'a' || name[0] > 'z' {
		name = strings.TrimSuffix("x_"+name, "_")
	}
	return strings.TrimRight(Cut(name, 40), "_")
}

// Title is a name as the words of a title.
func Title(name string) string {
	words := strings.NewReplacer("_", " ", "-", " ").Replace(name)
	return strings.ToUpper(words[:1]) + words[1:]
}

// OneLine is a text on one line.
func OneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// Cut is a text with at most n characters.
func Cut(text string, n int) string {
	if runes := []rune(text); len(runes) > n {
		return string(runes[:n])
	}
	return text
}
