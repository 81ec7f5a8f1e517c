package steps_test

import (
	"strings"
	"testing"

	"github.com/ligase-bio/ligase/steps"
)

const recordTypes = `
types:
  bag: {title: Bag, formats: {txt: {title: Text, extensions: [txt], records: {begin: '^#', skip: '^;', each: EACH}}}}
  thing: {title: Thing, is: bag}
`

func TestRecords(t *testing.T) {
	read := func(each string) (*steps.Types, string) {
		list, problems := steps.ParseTypes("types.yaml", []byte(strings.Replace(recordTypes, "EACH", each, 1)))
		types, more := steps.NewTypes(list)
		var all []string
		for _, p := range append(problems, more...) {
			all = append(all, p.String())
		}
		return types, strings.Join(all, "\n")
	}
	types, problems := read("thing")
	if problems != "" {
		t.Fatal(problems)
	}
	if types.Records("thing", "txt") != nil {
		t.Error("a kind of what holds several need not hold several itself")
	}
	if h := types.Holding(&steps.Port{Type: "thing"}); len(h) != 1 || h[0] != (steps.TypeFormat{Type: "bag", Format: "txt"}) {
		t.Errorf("%v", h)
	}
	if h := types.Holding(&steps.Port{Type: "thing", Formats: []string{"other"}}); len(h) != 0 {
		t.Errorf("%v", h)
	}
	for content, want := range map[string]string{
		"#a\n1\n#b\n2":                     "#a\n1\n|#b\n2",
		"\n \n#a\n#b\n":                    "#a\n|#b\n", // blank lines before the first are no record
		"before\n#a\n":                     "before\n|#a\n",
		"; a comment\n#a\n; another\n#b\n": "#a\n; another\n|#b\n",
		"":                                 "",
		"no record\n":                      "no record\n",
		"#a\n1\n\n\n#b  \n":                "#a\n1\n\n\n|#b  \n",
	} {
		var parts []string
		for _, p := range types.Records("bag", "txt").Cut([]byte(content)) {
			parts = append(parts, string(p))
		}
		if got := strings.Join(parts, "|"); got != want {
			t.Errorf("%q: %q, want %q", content, got, want)
		}
	}
	if part := types.Of("bag"); part.Lookup("thing") == nil {
		t.Error("a part of the types lacks what its records are")
	}
	for each, want := range map[string]string{"nothing": `There is no type "nothing"`, "bag": "A record of bag would be one itself"} {
		if _, problems := read(each); !strings.Contains(problems, want) {
			t.Errorf("%s: %s", each, problems)
		}
	}
}
