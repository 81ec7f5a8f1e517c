package steps_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ligase-bio/ligase/steps"
)

func TestBare(t *testing.T) {
	list, ps := steps.ParseTypes("t.yaml", []byte(`
types:
  word:
    title: Word
    formats: {box: {bare: {match: '^[a-z]+$', as: "[{value}]"}}}
  noun: {title: Noun, is: word}
  name:
    title: Name
    is: word
    formats: {box: {bare: {match: '^[A-Z]+$', as: "<{value}>"}}}
`))
	if len(ps) > 0 {
		t.Fatal(ps)
	}
	types, ps := steps.NewTypes(list)
	if len(ps) > 0 {
		t.Fatal(ps)
	}
	for _, tt := range []struct{ typ, format, value, want string }{
		{"word", "box", " abc\n", "[abc]"},
		{"noun", "box", "abc", "[abc]"}, // inherited
		{"name", "box", "abc", ""},      // its own instead
		{"name", "box", "ABC", "<ABC>"},
		{"word", "box", "a b", ""},
		{"word", "box", " ", ""},
		{"word", "box", strings.Repeat("a", steps.HeadBytes+1), ""},
		{"word", "bag", "abc", ""},
		{"verb", "box", "abc", ""},
	} {
		got, ok := types.Bare(tt.typ, tt.format, []byte(tt.value))
		if string(got) != tt.want || ok != (tt.want != "") {
			t.Errorf("bare %.20q as %s in %s is %q (%v), want %q", tt.value, tt.typ, tt.format, got, ok, tt.want)
		}
	}
	_, ps = steps.ParseTypes("t.yaml", []byte(`
types:
  a: {title: A, formats: {x: {bare: {match: '[', as: "{value}{value}"}}}}
  b: {title: B, formats: {x: {bare: {as: none}}}}
`))
	var got []string
	for _, p := range ps {
		got = append(got, p.Path+": "+p.Message)
	}
	want := []string{
		"types.a.formats.x.bare.match: The pattern is not valid: missing closing ]: `[`.",
		"types.a.formats.x.bare.as: It must have {value} in it, once.",
		`types.b.formats.x.bare: "match" is missing.`,
		"types.b.formats.x.bare.as: It must have {value} in it, once.",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("problems (-want +got):\n%s", d)
	}
}
