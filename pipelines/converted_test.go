package pipelines_test

import (
	"strings"
	"testing"
	"testing/fstest"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/pipelines"
	"github.com/ligase-bio/ligase/uris"
)

func pictureShelf(t *testing.T, convert string) *shelf {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	return load(t, fstest.MapFS{
		"types.yaml": file(`
types:
  picture:
    title: Picture
    formats:
      loud: {text: true}
      quiet: {text: true` + convert + `}
`),
		"paint.yaml": file(`
name: paint
version: 1.0.0
title: Paint
description: For tests.
outputs: {made: {type: picture, format: quiet}}
implementations: {here: {command: [paint], collect: {made: a.quiet}}}
`),
		"show.yaml": file(`
name: show
version: 1.0.0
title: Show
description: For tests.
inputs:
  one: {type: picture, format: loud}
  other: {type: picture, format: loud}
outputs: {made: {type: picture, format: loud}}
implementations: {here: {command: [show, $(inputs.one), $(inputs.other)], collect: {made: a.loud}}}
`),
	})
}

const gallery = `
name: gallery
version: 1.0.0
title: Gallery
description: For tests.
inputs: {given: {type: picture}}
nodes:
  paint: {step: paint}
  show: {step: show, with: {one: paint.made, other: $inputs.given}}
outputs: {shown: show.made}
`

// A wire, and a value that a call gives, may come in a format that can be made
// into one that is taken, and the plan says so.
func TestConversions(t *testing.T) {
	p, problems := pipelines.Parse("gallery.yaml", []byte(gallery))
	if problems != nil {
		t.Fatal(problems)
	}
	given := func(format string) pipelines.Arguments {
		u, err := uris.Parse("file:///x/a")
		if err != nil {
			t.Fatal(err)
		}
		return pipelines.Arguments{Inputs: map[string][]pipelines.Input{"given": {{URI: u, Type: "picture", Format: format}}}}
	}
	s := pictureShelf(t, ", convert: {loud: {command: [shout, $(in), $(out)], loses: Restraint.}}")
	c, err := pipelines.Compile(p, s, nil)
	if err != nil {
		t.Fatal(err)
	}
	for format, want := range map[string][]string{
		"loud":  {"show.one is converted from quiet to loud; what is lost: Restraint."},
		"quiet": {"show.one is converted from quiet to loud; what is lost: Restraint.", "show.other is converted from quiet to loud; what is lost: Restraint."},
	} {
		plan, err := c.Bind(given(format), s.Types())
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, c := range plan.Conversions() {
			got = append(got, c.String())
		}
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Errorf("given %s, -want +got:\n%s", format, diff)
		}
	}

	without := pictureShelf(t, "")
	_, err = pipelines.Compile(p, without, nil)
	if ps := problem.Of(err); len(ps) != 1 || ps[0].Code != problem.TypeMismatch || !strings.Contains(ps[0].Message, "`paint.made` comes as quiet") {
		t.Errorf("without a conversion: %v", err)
	}
}
