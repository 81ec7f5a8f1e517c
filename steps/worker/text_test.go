package worker

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/ligase-bio/ligase/steps"
)

func TestRedact(t *testing.T) {
	r := newRedactor()
	for in, want := range map[string]string{
		"AKIAIOSFODNN7EXAMPLE":                                 "[redacted]",
		"aws_secret_access_key = wJalrXUtnFEMI/K7MDENG":        "aws_secret_access_key = [redacted]",
		`{"token": "abc-123", "n": 4}`:                         `{"token": "[redacted]", "n": 4}`,
		"HF_TOKEN=hf_abcdefghijklmnopqrstuvwxyz":               "HF_TOKEN=[redacted]",
		"authorization: Basic dXNlcjpwYXNz":                    "authorization: [redacted]",
		"curl -H 'Authorization: Bearer eyJhbGciOi.J9.x'":      "curl -H 'Authorization: [redacted]'",
		"https://user:pa55@example.org/x":                      "https://user:[redacted]@example.org/x",
		"?X-Amz-Signature=0123456789abcdef0123456789abcdef&x=": "?X-Amz-Signature=[redacted]&x=",
		"PASSWORD=hunter2":                                     "PASSWORD=[redacted]",
		// What only looks like one stays.
		"max_tokens: 2048":                  "max_tokens: 2048",
		"token: 17 of 256":                  "token: 17 of 256",
		"loss=0.31 tokens=abc":              "loss=0.31 tokens=abc",
		"step 3/10 at http://localhost:80/": "step 3/10 at http://localhost:80/",
		"MKVLAAGIVGLCAKIAYT":                "MKVLAAGIVGLCAKIAYT",
	} {
		if got := string(r.redact([]byte(in))); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}

func TestSnippet(t *testing.T) {
	var long strings.Builder
	for i := range 100 {
		fmt.Fprintf(&long, "line %d\n", i)
	}
	if got := strings.Split(snippet([]byte(long.String())), "\n"); len(got) != tailLines || got[0] != "line 80" || got[19] != "line 99" {
		t.Errorf("%q", got)
	}
	for in, want := range map[string]string{
		"":                                   "",
		"\n\n  \na\n\n\nb\n\n":               "a\nb",
		"\x1b[1;31mred\x1b[0m \x1b]0;t\x07x": "red x",
		"10%\r20%\r30%\n":                    "30%",
		"a\x00b\x08c\td\n":                   "abc d",
		"bad \xff\xfe bytes":                 "bad \uFFFD\uFFFD bytes",
		"hidden \u202etxt.exe\u200b":         "hidden txt.exe",
		"windows\r\nlines\r\n":               "windows\nlines",
		"\x1b[":                              "",
	} {
		if got := snippet([]byte(in)); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
	if got := snippet([]byte(strings.Repeat(strings.Repeat("é", 3000)+"\n", 30))); len(got) > tailBytes || !strings.HasSuffix(got, "é…") {
		t.Errorf("%d bytes: …%q", len(got), got[len(got)-8:])
	}
}

func TestNaturalOrder(t *testing.T) {
	want := []string{"a", "a01", "a1", "a2", "a10", "a10b2", "a10b10", "b/2.pdb", "b/10.pdb", "b10/1.pdb", "model_2.pdb", "model_10.pdb", "model_99999999999999999999999.pdb"}
	got := slices.Clone(want)
	slices.Reverse(got)
	slices.SortFunc(got, compareNatural)
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

func TestExitCodes(t *testing.T) {
	seen := map[int]bool{}
	for _, c := range classes {
		if CodeOf(ExitCode(c.code)) != c.code || seen[c.exit] || c.exit < 20 || c.exit > 63 {
			t.Errorf("%s has exit code %d", c.code, c.exit)
		}
		seen[c.exit] = true
	}
	for exit, want := range map[int]steps.FailureCode{0: "", 1: steps.FailUnknown, 137: steps.FailUnknown, 143: steps.FailPreempted, 20: steps.FailOOM, 32: steps.FailUnknown} {
		if got := CodeOf(exit); got != want {
			t.Errorf("CodeOf(%d) = %q, want %q", exit, got, want)
		}
	}
	if ExitCode("of tomorrow") != ExitCode(steps.FailUnknown) {
		t.Error("a class that is not in the table is not unknown")
	}
}

func FuzzSnippet(f *testing.F) {
	f.Add([]byte("a\n\x1b[31mb\r\n\xff"))
	f.Add([]byte("token=\"x\nAKIA\x1b]"))
	r := newRedactor()
	f.Fuzz(func(t *testing.T, b []byte) {
		got := snippet(r.redact(b))
		if len(got) > tailBytes || strings.ContainsAny(got, "\x1b\x00\r") || strings.Count(got, "\n") >= tailLines {
			t.Errorf("%q became %q", b, got)
		}
	})
}

func FuzzMetrics(f *testing.F) {
	f.Add([]byte(`{"metrics":{"a":1.5},"items":{"o":[{"b":2}]}}`))
	f.Add([]byte(`{"metrics":{"a":1e999}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := parseMetrics(b)
		if err == nil && m == nil {
			t.Error("nothing")
		}
	})
}
