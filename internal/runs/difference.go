package runs

import (
	"fmt"
	"slices"

	"github.com/ligase-bio/ligase/pipelines"
	"github.com/ligase-bio/ligase/steps"
)

// difference says in a sentence what the first thing is in which two plans
// differ, of those that a caller gave; "" when it cannot be told.
func difference(before, now *pipelines.Plan) string {
	a, b := before.Compiled, now.Compiled
	if a.Tool.Name != b.Tool.Name || a.Tool.Kind != b.Tool.Kind {
		return fmt.Sprintf("It was a call of %s, and is one of %s now.", a.Tool.Name, b.Tool.Name)
	}
	if a.Tool.Version != b.Tool.Version {
		return fmt.Sprintf("It was version %s of %s, which is %s now.", a.Tool.Version, a.Tool.Name, b.Tool.Version)
	}
	for _, name := range portNames(a, b) {
		if s := differentInput(name, before.Inputs[name], now.Inputs[name]); s != "" {
			return s
		}
	}
	for _, name := range paramNames(a, b) {
		had, has := before.Params[name]
		v, is := now.Params[name]
		if has != is || !had.Equal(v) {
			return fmt.Sprintf("The parameter `%s` was %s, and is %s now.", name, valueText(had, has), valueText(v, is))
		}
	}
	for _, n := range a.Nodes {
		if m := b.Node(n.ID); m != nil && m.Implementation != n.Implementation {
			return fmt.Sprintf("%s was to run with the implementation %s, and is with %s now.", n.ID, n.Implementation, m.Implementation)
		}
	}
	if a.Digest() != b.Digest() {
		return fmt.Sprintf("The arguments are the same, but the definition of %s, or of what it uses, has changed since.", a.Tool.Name)
	}
	return ""
}

// portNames and paramNames are those of both, in the order of their
// definition.

func portNames(a, b *pipelines.Compiled) (names []string) {
	for _, ports := range [][]steps.Port{a.Inputs, b.Inputs} {
		for i := range ports {
			if !slices.Contains(names, ports[i].Name) {
				names = append(names, ports[i].Name)
			}
		}
	}
	return names
}

func paramNames(a, b *pipelines.Compiled) (names []string) {
	seen := map[string]bool{}
	for _, params := range [][]steps.Param{a.Params, b.Params} {
		for i := range params {
			if name := params[i].Name; !seen[name] {
				seen[name] = true
				names = append(names, name)
			}
		}
	}
	return names
}

// differentInput says how the values of an input differ: as the digest of a
// plan tells them apart, by content where it is known.
func differentInput(name string, before, now []pipelines.Input) string {
	if len(before) != len(now) {
		return fmt.Sprintf("The input `%s` had %s, and has %d now.", name, countOf(len(before), "value"), len(now))
	}
	for i := range before {
		x, y := &before[i], &now[i]
		if x.SHA256 == y.SHA256 && (x.SHA256 != "" || x.URI == y.URI) {
			continue
		}
		which := ""
		if len(before) > 1 {
			which = fmt.Sprintf("[%d]", i)
		}
		if x.URI != y.URI {
			return fmt.Sprintf("The input `%s%s` was %s, and is %s now.", name, which, x.URI, y.URI)
		}
		return fmt.Sprintf("The input `%s%s` has another content now.", name, which)
	}
	return ""
}

func countOf(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// valueText is a value as a message shows it.
func valueText(v steps.Value, set bool) string {
	if !set {
		return "not set"
	}
	text, err := v.MarshalJSON()
	if err != nil {
		return "set"
	}
	return cut(string(text), 80)
}
