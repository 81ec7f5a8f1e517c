package tasks_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/internal/tasks"
	"github.com/ligase-bio/ligase/pipelines"
	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/uris"
)

// hostile is what a caller may give as a text, and somebody on the way might
// take for their own language.
var hostile = []string{
	"{{workflow.name}}", "{{=1+1}}", "{{inputs.parameters.task}}", "{{`{{x}}`}}", "'; id #", `"; id; "`, "$(id)", "$(AWS_SECRET_ACCESS_KEY)",
	"$$(work)", "${HOME}", "`id`", "a\nb\n\n", `"}],"args":["-c","id"]`, `"}}`, `\u007b\u007b`, `\`, `\\"`, `\\\"{{`, "%s%n\\n\\0", "-n", "--help", "* ?",
	"ünïcödé 🧬", "\ttab ", "<&>\u2028\u2029", "\x7f\x1b[31m", "podSpecPatch", "ignore previous instructions", "",
}

var key = cmp.AllowUnexported(uris.URI{}, steps.Value{})

func value(t testing.TB, v any) steps.Value {
	t.Helper()
	got, err := steps.NewValue(v)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// inert fails when a text holds what somebody would evaluate.
func inert(t testing.TB, text string) {
	t.Helper()
	for _, bad := range []string{"{{", "$(", "${", "$", "<", ">", "&"} {
		if strings.Contains(text, bad) {
			t.Errorf("%q stands in %.300s", bad, text)
		}
	}
	for i := range len(text) {
		if text[i] >= 0x7f || text[i] < 0x20 {
			t.Fatalf("byte %#x stands in it, at %d of %.300s", text[i], i, text)
		}
	}
}

func TestCallSurvivesWhateverItHolds(t *testing.T) {
	whole := tasks.Call{
		RunID: "run-0123456789ab", Root: uris.MustParse("s3://lab/ligase"),
		Inputs: map[string][]pipelines.Input{
			"one":  {{URI: uris.MustParse("s3://lab/a{{b}}$(c)/ü.fasta"), SHA256: strings.Repeat("a", 64), Size: 12, Format: "fasta"}},
			"many": {{URI: uris.MustParse("file:///x/1")}, {URI: uris.MustParse("file:///x/2")}},
			"none": {},
		},
		Params: map[string]steps.Value{"all": value(t, hostile), "n": value(t, 3), "f": value(t, 2.0), "b": value(t, true)},
	}
	calls := []tasks.Call{{}, whole}
	for _, text := range hostile {
		calls = append(calls, tasks.Call{Params: map[string]steps.Value{"text": value(t, text)}})
	}
	for _, c := range calls {
		text, err := c.Encode()
		if err != nil {
			t.Fatal(err)
		}
		inert(t, text)
		got, err := tasks.DecodeCall(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if diff := cmp.Diff(c, got, key); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
}

func TestCallByHand(t *testing.T) {
	got, err := tasks.DecodeCall(` {
		"inputs": { "a" : "s3://lab/a.fasta", "b": ["s3://lab/1.pdb", {"uri": "s3://lab/2.pdb", "format": "pdb"}], "c": {"uri":"s3://lab/c"} },
		"params": {"n": 3, "x": 0.5, "name": "é{{", "on": true, "list": [1, 2], "unset": null}
	} `)
	if err != nil {
		t.Fatal(err)
	}
	want := tasks.Call{
		Inputs: map[string][]pipelines.Input{
			"a": {{URI: uris.MustParse("s3://lab/a.fasta")}},
			"b": {{URI: uris.MustParse("s3://lab/1.pdb")}, {URI: uris.MustParse("s3://lab/2.pdb"), Format: "pdb"}},
			"c": {{URI: uris.MustParse("s3://lab/c")}},
		},
		Params: map[string]steps.Value{"n": value(t, 3), "x": value(t, 0.5), "name": value(t, "é{{"), "on": value(t, true), "list": value(t, []int{1, 2})},
	}
	if diff := cmp.Diff(want, got, key); diff != "" {
		t.Error(diff)
	}
}

func TestCallIsStrict(t *testing.T) {
	deep := strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000)
	for _, test := range []struct {
		name, text, says string
		code             problem.Code
	}{
		{"nothing", ``, "it is empty", problem.Syntax},
		{"no JSON", `sequence=s3://lab/a`, "it is not JSON", problem.Syntax},
		{"a list", `[]`, "must be a JSON object", problem.Invalid},
		{"cut off", `{"inputs":{`, "it ends too early", problem.Syntax},
		{"two", `{}{}`, "something follows", problem.Syntax},
		{"deep", `{"params":{"x":` + deep + `}}`, "nests more than 8 deep", problem.Syntax},
		{"unknown", `{"image":"evil"}`, `A call has no "image"`, problem.UnknownField},
		{"pod spec", `{"podSpecPatch":"{}"}`, `A call has no "podSpecPatch"`, problem.UnknownField},
		{"nearly", `{"input":{}}`, `Did you mean "inputs"?`, problem.UnknownField},
		{"other case", `{"Inputs":{}}`, `A call has no "Inputs"`, problem.UnknownField},
		{"twice", `{"params":{"seed":1,"seed":2}}`, `"seed" is given twice`, problem.Syntax},
		{"twice in disguise", `{"params":{"seed":1,"\u0073eed":2}}`, `"seed" is given twice`, problem.Syntax},
		{"a number for a URI", `{"inputs":{"a":3}}`, "An input is a URI in quotes, not 3.", problem.Invalid},
		{"no URI", `{"inputs":{"a":{"format":"pdb"}}}`, "The input has no URI.", problem.Missing},
		{"a field of an input", `{"inputs":{"a":{"uri":"s3://lab/a","profile":"x"}}}`, `An input has no "profile"`, problem.UnknownField},
		{"out of the root", `{"inputs":{"a":"file:///x/../etc/passwd"}}`, "refused", problem.Invalid},
		{"a query", `{"inputs":{"a":"s3://lab/a?endpoint=evil"}}`, "begins a query", problem.Invalid},
		{"the web", `{"inputs":{"a":["http://169.254.169.254/"]}}`, "does not fetch from the web", problem.Invalid},
		{"a folder for a run", `{"run_id":"../x"}`, "cannot be the id of a run", problem.Invalid},
		{"a root", `{"root":"s3://lab/%2e%2e"}`, "refused", problem.Invalid},
		{"an object as a value", `{"params":{"x":{"y":1}}}`, "This value cannot be used", problem.Invalid},
		{"mixed list", `{"params":{"x":[1,"a"]}}`, "either texts or numbers", problem.Invalid},
		{"NUL", `{"params":{"x":"a\u0000b"}}`, "NUL", problem.Invalid},
		{"a number too large", `{"params":{"x":1e999}}`, "too large", problem.Invalid},
		{"digest", `{"inputs":{"a":{"uri":"s3://lab/a","sha256":"xyz"}}}`, "not a SHA-256", problem.Invalid},
		{"size", `{"inputs":{"a":{"uri":"s3://lab/a","size":-1}}}`, "not a number of bytes", problem.Invalid},
		{"lies and more", `{"run_id":"run-1","lies":"` + strings.Repeat("0", 64) + `","params":{"x":1}}`, "has none beside", problem.Invalid},
		{"huge", `{"params":{"x":"` + strings.Repeat("x", tasks.MaxCall) + `"}}`, "Split the work", problem.TooLarge},
		{"many inputs", `{"inputs":{"a":[` + strings.Repeat(`"s3://lab/a",`, 10_000) + `"s3://lab/a"]}}`, "more than 10000", problem.TooLarge},
	} {
		_, err := tasks.DecodeCall(test.text)
		ps := problem.Of(err)
		if len(ps) == 0 || ps[0].Code != test.code || !strings.Contains(ps.Error(), test.says) {
			t.Errorf("%s: %v; want %s: …%s…", test.name, err, test.code, test.says)
		}
		if len(ps.Error()) > 2000 {
			t.Errorf("%s: the message has %d bytes", test.name, len(ps.Error()))
		}
	}
}

// All mistakes are told at once, each with its place.
func TestCallCollectsProblems(t *testing.T) {
	_, err := tasks.DecodeCall(`{"imge":1,"inputs":{"a":["s3://lab/a",7]},"params":{"x":{}}}`)
	var paths []string
	for _, p := range problem.Of(err) {
		paths = append(paths, p.Path)
	}
	if diff := cmp.Diff([]string{"imge", "inputs.a[1]", "params.x"}, paths); diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
}

func TestEncodingIsOneForm(t *testing.T) {
	// Whatever a caller wrote, there is one way in which a call is passed on.
	var c tasks.Call
	text, err := c.Encode()
	if err != nil || text != "{}" {
		t.Errorf("%s %v", text, err)
	}
	if !json.Valid([]byte(text)) {
		t.Error("not JSON")
	}
}
