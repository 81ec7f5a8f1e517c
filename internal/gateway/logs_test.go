package gateway

import (
	"strings"
	"testing"
)

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
