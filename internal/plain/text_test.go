package plain

import (
	"fmt"
	"strings"
	"testing"
)

func TestRedact(t *testing.T) {
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
		if got := string(Redact([]byte(in))); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}

func TestSnippet(t *testing.T) {
	var long strings.Builder
	for i := range 100 {
		fmt.Fprintf(&long, "line %d\n", i)
	}
	if got := strings.Split(Snippet([]byte(long.String())), "\n"); len(got) != tailLines || got[0] != "line 80" || got[19] != "line 99" {
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
		if got := Snippet([]byte(in)); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
	if got := Snippet([]byte(strings.Repeat(strings.Repeat("é", 3000)+"\n", 30))); len(got) > SnippetBytes || !strings.HasSuffix(got, "é…") {
		t.Errorf("%d bytes: …%q", len(got), got[len(got)-8:])
	}
}

func FuzzSnippet(f *testing.F) {
	f.Add([]byte("a\n\x1b[31mb\r\n\xff"))
	f.Add([]byte("token=\"x\nAKIA\x1b]"))
	f.Fuzz(func(t *testing.T, b []byte) {
		got := Snippet(Redact(b))
		if len(got) > SnippetBytes || strings.ContainsAny(got, "\x1b\x00\r") || strings.Count(got, "\n") >= tailLines {
			t.Errorf("%q became %q", b, got)
		}
	})
}

func TestText(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"plain":           {"step 1/2\tfine\n", "step 1/2\tfine\n"},
		"colours":         {"\x1b[31mred\x1b[0m", "red"},
		"a title":         {"\x1b]0;owned\x07text", "text"},
		"backspaces":      {"a\b\b\bb\r", "ab"},
		"direction":       {"safe\u202etxt.exe", "safetxt.exe"},
		"no UTF-8":        {"a\xffb", "a\uFFFDb"},
		"AWS key":         {"id AKIAIOSFODNN7EXAMPLE end", "id [redacted] end"},
		"AWS secret":      {"AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "AWS_SECRET_ACCESS_KEY=[redacted]"},
		"bearer":          {"Authorization: Bearer abcdefghijklmnop1234", "Authorization: [redacted]"},
		"URL":             {"https://user:hunter2@host/x", "https://user:[redacted]@host/x"},
		"GitHub":          {"ghp_0123456789abcdefghijABCDEFGHIJ012345", "[redacted]"},
		"Hugging Face":    {"hf_abcdefghijklmnopqrstuvwxyz", "[redacted]"},
		"JWT":             {"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.abc", "[redacted]"},
		"JSON":            {`{"password": "correct horse"}`, `{"password": "[redacted] horse"}`},
		"presigned":       {"GET /k?X-Amz-Signature=abcdef0123&x=1", "GET /k?X-Amz-Signature=[redacted]&x=1"},
		"a private key":   {"-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc\n-----END RSA PRIVATE KEY-----\nafter", "[redacted private key]\nafter"},
		"a header":        {"X-API-Key: abcdef123", "X-API-Key: [redacted]"},
		"camel case":      {"accessKey=AbCdEf123", "accessKey=[redacted]"},
		"an open escape":  {"a\x1b]0;title\nb\x1b[12\nc", "a\nb\nc"},
		"tokens of words": {"num_tokens: 12, max token 5", "num_tokens: 12, max token 5"},
	} {
		if got := Text(c.in); got != c.want {
			t.Errorf("%s: %q becomes %q, want %q", name, c.in, got, c.want)
		}
	}
}
