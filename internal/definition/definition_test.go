package definition_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ligase-bio/ligase/internal/definition"
	"github.com/ligase-bio/ligase/internal/problem"
)

func TestRefused(t *testing.T) {
	long := strings.Repeat("a: 1 # x\n", definition.MaxBytes/8)
	for _, c := range []struct {
		name, data string
		want       []string
	}{
		{"empty", "", []string{`x.yaml:1: The file is empty. Write a definition in it.`}},
		{"comment only", "# hello\n", []string{`x.yaml:1: The file is empty. Write a definition in it.`}},
		{"anchor", "a: &b 1\n", []string{`x.yaml:1: a: An anchor (&b) stands here; definitions use none. Remove &b.`}},
		{"alias", "a: &b 1\nc: *b\n", []string{
			`x.yaml:1: a: An anchor (&b) stands here; definitions use none. Remove &b.`,
			`x.yaml:2: c: An alias (*b) stands here; definitions use none. Write the value out.`}},
		{"unknown alias", "a: *b\n", []string{`x.yaml:1: This is not YAML: unknown anchor 'b' referenced. Put text that starts with * in quotes.`}},
		{"merge", "a:\n  <<: {b: 1}\n", []string{`x.yaml:2: a: A merge key (<<) stands here; definitions use none. Write the fields out.`}},
		{"tag", "a: !!str 1\nb: !x {}\n", []string{
			`x.yaml:1: a: A tag (!!str) stands here; definitions use none. Remove the tag; put text that looks like a number in quotes.`,
			`x.yaml:2: b: A tag (!x) stands here; definitions use none. Remove the tag; put text that looks like a number in quotes.`}},
		{"second document", "a: 1\n---\nb: 2\n", []string{`x.yaml:2: A second document starts here; a file holds one definition. Move it to a file of its own.`}},
		{"duplicate", "a: 1\nb: 2\na: 3\n", []string{`x.yaml:3: a: "a" is given twice; the first is in line 1. Remove one of them.`}},
		{"number key", "1: a\n", []string{`x.yaml:1: The key 1 is a number, not text. Put it in quotes: "1".`}},
		{"bool key", "true: a\n", []string{`x.yaml:1: The key true is a truth value, not text. Put it in quotes: "true".`}},
		{"list key", "[a]: 1\n", []string{`x.yaml:1: The key is not text. Write a plain word before the colon.`}},
		{"NUL", "a: 1\nb: \x00\n", []string{`x.yaml:2: The file has a NUL byte. Save it as UTF-8 text.`}},
		{"UTF-16", "\xff\xfea\x00:\x00", []string{`x.yaml:1: The file has a NUL byte. Save it as UTF-8 text.`}},
		{"latin-1", "a: caf\xe9\n", []string{`x.yaml:1: The file is not valid UTF-8. Save it as UTF-8 text.`}},
		{"escape in text", `a: "\e[2J"`, []string{`x.yaml:1: a: The text has the control character U+001B. Remove it.`}},
		{"tab", "a:\n\tb: 1\n", []string{`x.yaml:2: This is not YAML: found character that cannot start any token. Indent with spaces: YAML does not allow tabs there.`}},
		{"colon", "a: b: c\n", []string{`x.yaml:1: This is not YAML: mapping values are not allowed in this context. Put text that has ": " in it in quotes, and check the indentation.`}},
		{"open list", "a: [1, 2\nb: 3\n", []string{`x.yaml:1: This is not YAML: did not find expected ',' or ']'. Close the [ with a ], and put a comma between items.`}},
		{"too long", long, []string{`x.yaml: The file is larger than 1048576 bytes, the most that a definition may have. Split it into several files.`}},
		{"too deep", strings.Repeat("[", 70) + strings.Repeat("]", 70), []string{
			`x.yaml:1: ` + strings.Repeat("[0]", 64) + `: This is nested more than 64 deep. Make it flatter.`}},
		{"10,000 deep", strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000), []string{
			`x.yaml:1: ` + strings.Repeat("[0]", 64) + `: This is nested more than 64 deep. Make it flatter.`}},
		{"deeper than the parser goes", strings.Repeat("[", 20_000), []string{`x.yaml:1: This is nested more than 64 deep. Make it flatter.`}},
		{"too many", "[" + strings.Repeat("1,", definition.MaxNodes+5) + "]", []string{
			`x.yaml:1: [299999]: The file has more than 300000 values. Split it into several files.`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			doc := definition.Parse("x.yaml", []byte(c.data))
			for _, p := range doc.Problems() {
				got = append(got, p.String())
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
			// Whatever went wrong, reading on is safe.
			f := doc.Root().Fields()
			f.Need("a").Text()
			f.Done()
		})
	}
}

func TestManyAnchorsStayFew(t *testing.T) {
	var b strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&b, "k%d: &a%d v\n", i, i)
	}
	ps := definition.Parse("x.yaml", []byte(b.String())).Problems()
	if len(ps) != definition.MaxProblems+1 {
		t.Fatalf("%d problems", len(ps))
	}
	if last := ps[len(ps)-1]; last.Message != "There are 19800 more problems." {
		t.Errorf("last problem: %s", last)
	}
}

func TestReads(t *testing.T) {
	for _, c := range []struct {
		value string
		read  func(n *definition.Node) any
		want  any
		fault string
	}{
		{"hello", text, "hello", ""},
		{"on", text, "on", ""},
		{"y", text, "y", ""},
		{"2026-01-02", text, "2026-01-02", ""},
		{`"1.0"`, text, "1.0", ""},
		{"|-\n  two\n  lines", text, "two\nlines", ""},
		{"1.0", text, "", `This is the number 1.0 where text is wanted. Put it in quotes: "1.0".`},
		{"true", text, "", `This is true where text is wanted. Put it in quotes: "true".`},
		{"[a]", text, "", `This is a list where text is wanted. Write a single word or a text in quotes.`},
		{"~", text, "", ""},

		{"true", boolean, true, ""},
		{"False", boolean, false, ""},
		{"yes", boolean, false, `This is the text "yes" where true or false is wanted. Write true.`},
		{"off", boolean, false, `This is the text "off" where true or false is wanted. Write false.`},
		{`"true"`, boolean, false, `This is the text "true" where true or false is wanted. Write true.`},
		{"1", boolean, false, `This is the number 1 where true or false is wanted. Write true.`},

		{"7", integer, int64(7), ""},
		{"1e1", integer, int64(10), ""},
		{"10.0", integer, int64(10), ""},
		{"1.5", integer, int64(0), `1.5 is not a whole number. Write 1 or 2.`},
		{"1000", integer, int64(0), `1000 is outside the limits. Write a number from 0 to 100.`},
		{"1e400", integer, int64(0), `1e400 is too large. Write a number from 0 to 100.`},
		{"010", integer, int64(0), `010 is not a plain decimal number. Write it as a plain decimal number.`},
		{"0x10", integer, int64(0), `0x10 is not a plain decimal number. Write it as a plain decimal number.`},
		{"1_0", integer, int64(0), `1_0 is not a plain decimal number. Write it as a plain decimal number.`},
		{`"3"`, integer, int64(0), `This is the text "3" where a whole number is wanted. Remove the quotes: 3.`},
		{"three", integer, int64(0), `This is the text "three" where a whole number is wanted. Write a whole number.`},

		{"0.25", float, 0.25, ""},
		{".5", float, 0.5, ""},
		{"1e-3", float, 0.001, ""},
		{".inf", float, 0.0, `.inf is not a plain decimal number. Write it as a plain decimal number.`},
		{".nan", float, 0.0, `.nan is not a plain decimal number. Write it as a plain decimal number.`},
		{"1e999", float, 0.0, `1e999 is too large. Write a smaller number.`},

		{"10m", duration, 10 * time.Minute, ""},
		{"1h30m", duration, 90 * time.Minute, ""},
		{"1d12h", duration, 36 * time.Hour, ""},
		{"10", duration, time.Duration(0), `10 has no unit. Add the unit: 10s for seconds, 10m for minutes.`},
		{"soon", duration, time.Duration(0), `"soon" is not a span of time. Write a number with its unit: 90s, 10m, 2h, 1d.`},
		{"-5m", duration, time.Duration(0), `"-5m" is not longer than nothing. Write a time longer than nothing.`},
		{"9999999h", duration, time.Duration(0), `"9999999h" is not a span of time. Write a number with its unit: 90s, 10m, 2h, 1d.`},

		{"512Mi", bytes, int64(512 << 20), ""},
		{"32GiB", bytes, int64(32 << 30), ""},
		{"1.5G", bytes, int64(1_500_000_000), ""},
		{"4096", bytes, int64(4096), ""},
		{"512m", bytes, int64(0), `"512m" is in thousandths of a byte. Did you mean "512Mi"?`},
		{"10 parsecs", bytes, int64(0), `"parsecs" is not a unit of bytes. Write Ki, Mi, Gi or Ti.`},
		{"99999999Ti", bytes, int64(0), `"99999999Ti" is too large. Write a smaller amount.`},

		{"higher", choice, "higher", ""},
		{"highr", choice, "", `"highr" is not known here. Did you mean "higher"?`},
		{"up", choice, "", `"up" is not known here. There are: higher, lower.`},
		{"true", choice, "", `This is true where one of a few words is wanted. There are: higher, lower.`},

		{"[1, a, 2.5, true]", literal, []any{int64(1), "a", 2.5, true}, ""},
		{"9223372036854775808", literal, 9223372036854775808.0, ""},
		{"{a: 1}", literal, nil, `This is a mapping where a value is wanted. Write a text, a number, true, false or a list of these.`},
		{"pdb", texts, []string{"pdb"}, ""},
		{"[pdb, 1]", texts, []string{"pdb"}, `This is the number 1 where text is wanted. Put it in quotes: "1".`},
	} {
		t.Run(c.value, func(t *testing.T) {
			doc := definition.Parse("x.yaml", []byte("v: "+c.value+"\n"))
			got := c.read(doc.Root().Fields().Get("v"))
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("value (-want +got):\n%s", diff)
			}
			var fault string
			for _, p := range doc.Problems() {
				fault += strings.TrimSpace(p.Message + " " + p.Fix)
				if p.Pos.Line != 1 || p.Pos.Column == 0 || !strings.HasPrefix(p.Path, "v") {
					t.Errorf("problem stands at %v %q", p.Pos, p.Path)
				}
			}
			if fault != c.fault {
				t.Errorf("problem\n got %s\nwant %s", fault, c.fault)
			}
		})
	}
}

func text(n *definition.Node) any     { return n.Text() }
func boolean(n *definition.Node) any  { return n.Bool() }
func integer(n *definition.Node) any  { return n.Int(0, 100) }
func float(n *definition.Node) any    { return n.Float() }
func duration(n *definition.Node) any { return n.Duration() }
func bytes(n *definition.Node) any    { return n.Bytes() }
func choice(n *definition.Node) any   { return definition.OneOf(n, "higher", "lower") }
func literal(n *definition.Node) any  { return n.Literal() }
func texts(n *definition.Node) any    { return n.Texts() }

func TestAbsentReadsAreSilentZeros(t *testing.T) {
	doc := definition.Parse("x.yaml", []byte("a: 1\n"))
	n := doc.Root().Fields().Get("b")
	if n.Given() || n.Text() != "" || n.Bool() || n.Int(5, 9) != 0 || n.Float() != 0 || n.Duration() != 0 ||
		n.Bytes() != 0 || n.Literal() != nil || n.List() != nil || n.Entries() != nil {
		t.Error("an absent node reads as something")
	}
	n.Fields().Done()
	if ps := doc.Problems(); len(ps) != 0 {
		t.Errorf("problems: %v", ps)
	}
}

func TestFields(t *testing.T) {
	for _, c := range []struct {
		name, data string
		want       []string
	}{
		{"fine", "name: a\ntitle: b\n", nil},
		{"slip", "nmae: a\n", []string{`x.yaml:1: nmae: There is no field "nmae". Did you mean "name"?`}},
		{"missing", "title: b\n", []string{`x.yaml:1: "name" is missing. Add "name".`}},
		{"empty", "name:\ntitle: b\n", []string{`x.yaml:1: name: "name" is empty. Give "name" a value.`}},
		{"given already", "name: a\nnames: b\n", []string{`x.yaml:2: names: There is no field "names". Remove it: "name" is given already.`}},
		{"unlike any", "name: a\nquux_frob: b\n", []string{`x.yaml:2: quux_frob: There is no field "quux_frob". There are: name, title.`}},
		{"odd key", "name: a\n\"a b\": b\n", []string{`x.yaml:2: ["a b"]: There is no field "a b". There are: name, title.`}},
		{"not a mapping", "- a\n", []string{`x.yaml:1: This is a list where a mapping is wanted. Write fields there, as name: value.`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			doc := definition.Parse("x.yaml", []byte(c.data))
			f := doc.Root().Fields()
			f.Need("name").Text()
			f.Get("title").Text()
			f.Done()
			var got []string
			for _, p := range doc.Problems() {
				got = append(got, p.String())
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEntriesKeepOrder(t *testing.T) {
	doc := definition.Parse("x.yaml", []byte("z: 1\nn: 2\ny: 3\non: 4\noff: 5\na: 6\n"))
	var keys []string
	for _, n := range doc.Root().Entries() {
		keys = append(keys, n.Key())
	}
	if diff := cmp.Diff([]string{"z", "n", "y", "on", "off", "a"}, keys); diff != "" || len(doc.Problems()) > 0 {
		t.Errorf("keys (-want +got):\n%s%v", diff, doc.Problems())
	}
}

func TestJSON(t *testing.T) {
	doc := definition.Parse("x.json", []byte("{\n\t\"name\":\"a\\/b \\ud83d\\ude00 \\\\ud83d\\\\ude00\",\n\t\"n\":[1,2.5e1,-3,true,null]}"))
	f := doc.Root().Fields()
	if got := f.Need("name").Text(); got != `a/b 😀 \ud83d\ude00` {
		t.Errorf("name is %q", got)
	}
	if got := len(f.Need("n").List()); got != 5 {
		t.Errorf("n has %d items", got)
	}
	f.Done()
	if ps := doc.Problems(); len(ps) != 0 {
		t.Error(ps)
	}
}

func TestKind(t *testing.T) {
	for data, want := range map[string]definition.Kind{
		"nodes: {}":                     definition.KindPipeline,
		"name: a\nnodez: {}":            definition.KindPipeline,
		"types: {}":                     definition.KindTypes,
		"name: a\nimplementations: {}":  definition.KindStep,
		"name: a\nimplementation: {}":   definition.KindStep,
		"name: a\noutputs: {}":          definition.KindStep,
		"name: a\ntitle: b\nversion: 1": definition.KindUnknown,
		"[1]":                           definition.KindUnknown,
	} {
		doc := definition.Parse("x.yaml", []byte(data))
		if got := doc.Kind(); got != want {
			t.Errorf("%q defines %q, want %q", data, got, want)
		} else if (got == definition.KindUnknown) != (len(doc.Problems()) == 1) {
			t.Errorf("%q: problems %v", data, doc.Problems())
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"a: 1", "a: [1, {b: c}]\n", "a: &x 1\nb: *x", "{\"a\":\"\\ud83d\\ude00\"}", "- - - a", "a: |\n  x\n y: 1",
		"? [a]\n: b", "a: !!binary aGk=", "%YAML 1.1\n---\na: on", "<<: {a: 1}", "a:\n- b\n-\tc", "\ufeffa: 1", "--- \n...\n---\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		doc := definition.Parse("x.yaml", data)
		var visit func(n *definition.Node)
		visit = func(n *definition.Node) {
			switch n.Shape() {
			case definition.List:
				for _, item := range n.List() {
					visit(item)
				}
			case definition.Mapping:
				for _, item := range n.Entries() {
					visit(item)
				}
			default:
				before := doc.Count()
				n.Int(math.MinInt64, math.MaxInt64)
				n.Bytes()
				n.Duration()
				n.Fields().Done()
				n.Literal()
				if doc.Count() > before+1 {
					t.Errorf("%s: one value was reported %d times", n.Path(), doc.Count()-before)
				}
			}
		}
		visit(doc.Root())
		for _, p := range doc.Problems() {
			if p.Pos.File == "" || p.Message == "" || p.Code == "" || p.Fix == "" {
				t.Errorf("a problem lacks something: %#v", p)
			}
			if p.Pos.Line == 0 && p.Code != problem.TooLarge {
				t.Errorf("a problem has no line: %s", p)
			}
			if p.Pos.Line > strings.Count(string(data), "\n")+strings.Count(string(data), "\r")+strings.Count(string(data), "\u2028")+
				strings.Count(string(data), "\u2029")+strings.Count(string(data), "\u0085")+2 {
				t.Errorf("a problem is beyond the file: %s", p)
			}
		}
	})
}
