package catalog

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
)

// Hit is a tool that a search found.
type Hit struct {
	Tool  *Tool
	Score float64  // only for ordering within one search
	In    []string // where the words were found: name, title, description, types, metrics, ports
}

// weights say how much a word counts by where it stands.
var weights = []struct {
	field  string
	weight float64
	text   func(*Tool) []string
}{
	{"name", 8, func(t *Tool) []string { return []string{t.Name} }},
	{"title", 4, func(t *Tool) []string { return []string{t.Title} }},
	{"types", 3, func(t *Tool) []string {
		var out []string
		for _, p := range slices.Concat(t.Inputs, t.Outputs) {
			out = append(append(out, p.Type), p.Formats...)
		}
		return out
	}},
	{"metrics", 2, func(t *Tool) []string {
		var out []string
		for _, m := range t.Metrics {
			out = append(out, m.Name, m.Description)
		}
		return out
	}},
	{"ports", 2, func(t *Tool) []string {
		var out []string
		for _, p := range slices.Concat(t.Inputs, t.Outputs) {
			out = append(out, p.Name, p.Description)
		}
		for _, p := range t.Params {
			out = append(out, p.Name, p.Description)
		}
		for _, i := range t.Implementations {
			out = append(out, i.Name, i.Title)
		}
		return out
	}},
	{"description", 1, func(t *Tool) []string { return []string{t.Description} }},
}

// Search finds tools by words, best first; at most limit of them (0: all).
// Tools that match every word come before those that match some. An empty
// query lists all tools by name.
func (c *Catalog) Search(query string, limit int) []Hit {
	words := tokens(query)
	var hits []Hit
	for _, t := range c.tools {
		h := Hit{Tool: t}
		matched := 0
		in := map[string]bool{}
		for _, w := range words {
			best := 0.0
			for _, f := range weights {
				if m := matchWord(w, f.text(t)); m > 0 {
					in[f.field] = true
					best += f.weight * m
				}
			}
			if len(t.Name) == len(w) && best > 0 && matchWord(w, []string{t.Name}) == 1 {
				best += 20 // the tool's whole name, not a word in it
			} else if len(tokens(t.Name)) == 1 && matchWord(w, []string{t.Name}) > 0 {
				best += 10
			}
			if best > 0 {
				matched++
				h.Score += best
			}
		}
		if matched == 0 && len(words) > 0 {
			continue
		}
		if matched == len(words) {
			h.Score += 1000 // every word counts more than any number of repeats of one
		}
		for _, f := range weights {
			if in[f.field] {
				h.In = append(h.In, f.field)
			}
		}
		hits = append(hits, h)
	}
	slices.SortStableFunc(hits, func(a, b Hit) int { return cmp.Compare(b.Score, a.Score) })
	if limit > 0 && len(hits) > limit {
		hits = hits[:limit]
	}
	return hits
}

// matchWord is 1 for the same word in texts, 0.6 for a beginning of one or an
// inflection ("folding" and "fold"), else 0.
func matchWord(word string, texts []string) float64 {
	best := 0.0
	for _, text := range texts {
		for _, t := range tokens(text) {
			switch {
			case t == word:
				return 1
			case len(word) >= 3 && strings.HasPrefix(t, word), len(t) >= 4 && strings.HasPrefix(word, t):
				best = 0.6
			}
		}
	}
	return best
}

// tokens splits a text into lower-case words; "table.scores" is two.
func tokens(s string) []string {
	return strings.FieldsFunc(strings.ToLower(s), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r)
	})
}
