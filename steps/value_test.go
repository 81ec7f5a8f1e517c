package steps_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ligase-bio/ligase/steps"
)

func ptr(f float64) *float64 { return &f }

func TestParamCheck(t *testing.T) {
	integer := steps.Param{Type: steps.Integer, Minimum: ptr(1), Maximum: ptr(1000)}
	plain := steps.Param{Type: steps.Integer}
	number := steps.Param{Type: steps.Number, Minimum: ptr(0), Unit: "Å"}
	text := steps.Param{Type: steps.String, Pattern: `[a-z]+|\d`, MaxLength: 5}
	enum := steps.Param{Type: steps.String, Enum: []steps.Value{value(t, "fast"), value(t, "exact")}}
	sizes := steps.Param{Type: steps.Integer, Enum: []steps.Value{value(t, 8), value(t, 16)}}
	flag := steps.Param{Type: steps.Boolean}
	list := steps.Param{Type: steps.Array, Items: steps.Integer, Minimum: ptr(0), MaxLength: 3}
	floats := steps.Param{Type: steps.Array, Items: steps.Number}
	names := steps.Param{Type: steps.Array, Items: steps.String, Pattern: "[A-Z]"}
	for _, c := range []struct {
		name  string
		param steps.Param
		raw   any
		text  bool
		want  any
		fault string
	}{
		{"int", integer, 5, false, int64(5), ""},
		{"float that is whole", integer, 5.0, false, int64(5), ""},
		{"1e3", integer, json.Number("1e3"), false, int64(1000), ""},
		{"1.0", integer, json.Number("1.0"), false, int64(1), ""},
		{"text", integer, "5", true, int64(5), ""},
		{"text with blanks", integer, " 5 ", true, int64(5), ""},
		{"text with plus", integer, "+5", true, int64(5), ""},
		{"text from JSON", integer, "5", false, nil, `Give a whole number from 1 to 1000, not the text "5".`},
		{"fraction", integer, 1.5, false, nil, "Give a whole number from 1 to 1000, not 1.5."},
		{"too small", integer, 0, false, nil, "Give a whole number from 1 to 1000, not 0."},
		{"too large", integer, "1001", true, nil, "Give a whole number from 1 to 1000, not 1001."},
		{"word", integer, "ten", true, nil, `Give a whole number from 1 to 1000, not the text "ten".`},
		{"hex", integer, "0x10", true, nil, `Give a whole number from 1 to 1000, not the text "0x10".`},
		{"underscore", integer, "1_0", true, nil, `Give a whole number from 1 to 1000, not the text "1_0".`},
		{"bool", integer, true, false, nil, "Give a whole number from 1 to 1000, not true."},
		{"nothing", integer, nil, false, nil, "Give a whole number from 1 to 1000, not nothing."},
		{"object", integer, map[string]any{"a": 1}, false, nil, "This cannot be used: map[string]interface {} is not a kind of value that a parameter has."},
		{"64 bits", plain, json.Number("9223372036854775807"), false, int64(math.MaxInt64), ""},
		{"65 bits", plain, json.Number("9223372036854775808"), false, nil, "Give a whole number that fits into 64 bits."},
		{"65 bits of text", plain, "-9223372036854775809", true, nil, "Give a whole number that fits into 64 bits."},
		{"2^53 as float", plain, float64(1 << 53), false, int64(1 << 53), ""},
		{"beyond 2^53 as float", plain, float64(1<<53) * 2, false, nil, "Give a whole number that fits into 64 bits."},
		{"1e999", plain, json.Number("1e999"), false, nil, "Give a whole number that fits into 64 bits."},

		{"float", number, 2.5, false, 2.5, ""},
		{"whole float", number, 2, false, 2.0, ""},
		{"text float", number, "2.50", true, 2.5, ""},
		{"small", number, "-1", true, nil, "Give a number of at least 0 (Å), not -1."},
		{"NaN", number, math.NaN(), false, nil, "This cannot be used: NaN and infinities are not values."},
		{"NaN text", number, "NaN", true, nil, `Give a number of at least 0 (Å), not the text "NaN".`},
		{"Inf", number, "Inf", true, nil, `Give a number of at least 0 (Å), not the text "Inf".`},
		{"1e999 text", number, "1e999", true, nil, "This cannot be used: 1e999 is too large."},

		{"string", text, "abc", false, "abc", ""},
		{"string text", text, "7", true, "7", ""},
		{"pattern is whole", text, "abc7", false, nil, `Give a text that matches [a-z]+|\d, not "abc7".`},
		{"newline", text, "abc\n", false, nil, `Give a text that matches [a-z]+|\d, not "abc\n".`},
		{"long", text, "abcdef", false, nil, "Give at most 5 characters, not 6."},
		{"number for string", text, 7, false, nil, "Give a text, not 7."},
		{"NUL", steps.Param{Type: steps.String}, "a\x00", false, nil, "This cannot be used: the text has a NUL character."},
		{"not UTF-8", steps.Param{Type: steps.String}, "a\xff", false, nil, "This cannot be used: the text is not valid UTF-8."},
		{"shell", steps.Param{Type: steps.String}, "'; id # $(id) {{x}}\n", false, "'; id # $(id) {{x}}\n", ""},
		{"a megabyte", steps.Param{Type: steps.String}, strings.Repeat("x", 1<<20), false, nil, "Give at most 65536 characters, not 1048576."},

		{"enum", enum, "exact", false, "exact", ""},
		{"not in enum", enum, "exat", false, nil, `Give one of fast, exact, not "exat".`},
		{"number enum", sizes, "16", true, int64(16), ""},
		{"not in number enum", sizes, 17, false, nil, `Give one of 8, 16, not "17".`},

		{"true", flag, true, false, true, ""},
		{"true text", flag, "true", true, true, ""},
		{"yes", flag, "yes", true, nil, `Give true or false, not the text "yes".`},
		{"1", flag, 1, false, nil, `Give true or false, not 1.`},

		{"list", list, []any{1, 2.0}, false, []int64{1, 2}, ""},
		{"list text", list, "1, 2,3", true, []int64{1, 2, 3}, ""},
		{"empty list", list, "", true, []int64{}, ""},
		{"long list", list, "1,2,3,4", true, nil, "Give at most 3 items, not 4."},
		{"bad item", list, []any{1, -2}, false, nil, "Item 2: Give a whole number of at least 0, not -2."},
		{"no list", list, 5, false, nil, "Give a list of whole numbers of at least 0, not 5."},
		{"Go list", floats, []float64{1, 2.5}, false, []float64{1, 2.5}, ""},
		{"strings", names, []string{"A", "B"}, false, []string{"A", "B"}, ""},
		{"string pattern", names, "A,b", true, nil, `Item 2: Give a text that matches [A-Z], not "b".`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := c.param.Check(c.raw, c.text)
			var fault string
			if err != nil {
				fault = err.Error()
			}
			if fault != c.fault {
				t.Errorf("fault\n got %s\nwant %s", fault, c.fault)
			}
			if err == nil {
				if diff := cmp.Diff(c.want, got.Any()); diff != "" {
					t.Errorf("value (-want +got):\n%s", diff)
				}
				// What was checked once passes again.
				if again, err := c.param.Check(got, false); err != nil || !again.Equal(got) {
					t.Errorf("checked again: %v, %v", again.Any(), err)
				}
			}
		})
	}
}

func value(t *testing.T, v any) steps.Value {
	t.Helper()
	out, err := steps.NewValue(v)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestValueText(t *testing.T) {
	for _, c := range []struct {
		v    any
		json string
		text string
	}{
		{"a<b", `"a\u003cb"`, "a<b"},
		{42, "42", "42"},
		{uint8(4), "4", "4"},
		{int64(math.MinInt64), "-9223372036854775808", "-9223372036854775808"},
		{1.0, "1.0", "1"},
		{0.1, "0.1", "0.1"},
		{1e-7, "1e-7", "0.0000001"},
		{1e21, "1e+21", "1e+21"},
		{1e20, "100000000000000000000.0", "1e+20"},
		{math.Copysign(0, -1), "0.0", "0"},
		{true, "true", "true"},
		{[]any{1, 2.5}, "[1.0,2.5]", "1,2.5"},
		{[]any{1, 2}, "[1,2]", "1,2"},
		{[]string{"a", "b"}, `["a","b"]`, "a,b"},
		{json.Number("1e3"), "1000.0", "1000"},
	} {
		v := value(t, c.v)
		data, err := json.Marshal(v)
		if err != nil || string(data) != c.json || v.String() != c.text {
			t.Errorf("%v: JSON %s, text %s, %v", c.v, data, v, err)
		}
		var back steps.Value
		if err := json.Unmarshal(data, &back); err != nil || !back.Equal(v) {
			t.Errorf("%v came back as %v (%T), %v", c.v, back.Any(), back.Any(), err)
		}
	}
	for _, bad := range []any{nil, math.Inf(1), []any{true}, []any{"a", 1}, map[string]any{}, struct{}{}, uint64(math.MaxUint64), "\x00"} {
		if v, err := steps.NewValue(bad); err == nil {
			t.Errorf("%v became %v", bad, v)
		}
	}
}

func TestNames(t *testing.T) {
	for s, want := range map[string]bool{
		"a": true, "a_1": true, strings.Repeat("a", 40): true,
		"": false, "A": false, "1a": false, "_a": false, "a-b": false, "a.b": false, "a\n": false, "é": false, strings.Repeat("a", 41): false,
	} {
		if got := steps.ValidName(s); got != want {
			t.Errorf("ValidName(%q) = %v", s, got)
		}
	}
	for s, want := range map[string]bool{
		"1.0.0": true, "0.1.2-rc.1+build.5": true, "1.0.0-alpha": true,
		"1": false, "1.0": false, "v1.0.0": false, "01.0.0": false, "1.0.0-01": false, "": false, "1.0.0 ": false,
	} {
		if got := steps.ValidVersion(s); got != want {
			t.Errorf("ValidVersion(%q) = %v", s, got)
		}
	}
}

func TestParseTemplate(t *testing.T) {
	lit := func(s string) steps.Part { return steps.Part{Kind: steps.Literal, Text: s} }
	for _, c := range []struct {
		text  string
		want  steps.Template
		fault string
	}{
		{"", nil, ""},
		{"plain", steps.Template{lit("plain")}, ""},
		{"$5 and $$", steps.Template{lit("$5 and $$")}, ""},
		{"$(work)/a", steps.Template{{Kind: steps.WorkRef}, lit("/a")}, ""},
		{"--x=$(params.y)!", steps.Template{lit("--x="), {Kind: steps.ParamRef, Name: "y"}, lit("!")}, ""},
		{"$(inputs.x)$(inputs.x.dir)", steps.Template{{Kind: steps.InputRef, Name: "x"}, {Kind: steps.InputRef, Name: "x", Sub: "dir"}}, ""},
		{"$$(id) $$$(work)", steps.Template{lit("$(id) $$(work)")}, ""},
		{"$(inputs.x", nil, "A $( has no ) after it; write $$( for the characters themselves."},
		{"$(work/out)", nil, "$(work/out) is not known; there are $(inputs.x), $(inputs.x.dir), $(inputs.x.manifest), $(params.y) and $(work), and $$( for the characters themselves."},
		{"$(work.out)", nil, "$(work.out) is not known; write $(work) and a path after it: $(work)/out."},
		{"$(inputs.x.path)", nil, "$(inputs.x.path) is not known; there are $(inputs.x), $(inputs.x.dir), $(inputs.x.manifest), $(params.y) and $(work), and $$( for the characters themselves."},
		{"$()", nil, "$() is not known; there are $(inputs.x), $(inputs.x.dir), $(inputs.x.manifest), $(params.y) and $(work), and $$( for the characters themselves."},
	} {
		got, err := steps.ParseTemplate(c.text)
		var fault string
		if err != nil {
			fault = err.Error()
		}
		if diff := cmp.Diff(c.want, got); diff != "" || fault != c.fault {
			t.Errorf("%q (-want +got):\n%s%s", c.text, diff, fault)
		}
	}
}
