package gateway

import (
	"strings"
	"testing"
)

func TestLogsAreCleaned(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"plain":           {"step 1/2\tfine\n", "step 1/2\tfine\n"},
		"colours":         {"\x1b[31mred\x1b[0m", "red"},
		"a title":         {"\x1b]0;owned\x07text", "text"},
		"backspaces":      {"a\b\b\bb\r", "ab"},
		"direction":       {"safe\u202etxt.exe", "safetxt.exe"},
		"no UTF-8":        {"a\xffb", "a\uFFFDb"},
		"AWS key":         {"id AKIAIOSFODNN7EXAMPLE end", "id [redacted] end"},
		"AWS secret":      {"AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "AWS_SECRET_ACCESS_KEY=[redacted]"},
		"bearer":          {"Authorization: Bearer abcdefghijklmnop1234", "Authorization: Bearer [redacted]"},
		"URL":             {"https://user:hunter2@host/x", "https://[redacted]@host/x"},
		"GitHub":          {"ghp_0123456789abcdefghijABCDEFGHIJ012345", "[redacted]"},
		"Hugging Face":    {"hf_abcdefghijklmnopqrstuvwxyz", "[redacted]"},
		"JWT":             {"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.abc", "[redacted]"},
		"JSON":            {`{"password": "correct horse"}`, `{"password": "[redacted] horse"}`},
		"presigned":       {"GET /k?X-Amz-Signature=abcdef0123&x=1", "GET /k?X-Amz-Signature=[redacted]&x=1"},
		"a private key":   {"-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc\n-----END RSA PRIVATE KEY-----\nafter", "[redacted private key]\nafter"},
		"tokens of words": {"num_tokens: 12, max token 5", "num_tokens: 12, max token 5"},
	} {
		if got := clean(c.in); got != c.want {
			t.Errorf("%s: %q becomes %q, want %q", name, c.in, got, c.want)
		}
	}
}

func TestTheEndOfALog(t *testing.T) {
	var b strings.Builder
	for range 100_000 {
		b.WriteString("a line of the log\n")
	}
	b.WriteString(strings.Repeat("x", 1<<20) + "\nlast")
	text, n, truncated, err := tailOf(strings.NewReader(b.String()), 3, 1<<20)
	if err != nil || n != 3 || !truncated || !strings.HasPrefix(text, "a line") || !strings.HasSuffix(text, "\nlast") || len(text) > 3000 {
		t.Errorf("%d lines, truncated %v, %v: %.60q…%q", n, truncated, err, text, text[max(0, len(text)-20):])
	}
	text, n, truncated, err = tailOf(strings.NewReader("one\ntwo\n"), 3, 1<<20)
	if err != nil || n != 2 || truncated || text != "one\ntwo" {
		t.Errorf("%d lines, truncated %v, %v: %q", n, truncated, err, text)
	}
	if text, _, truncated, _ := tailOf(strings.NewReader("one\ntwo\nthree\n"), 3, 9); text != "three" || !truncated {
		t.Errorf("truncated %v: %q", truncated, text)
	}
}
