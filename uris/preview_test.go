package uris_test

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/ligase-bio/ligase/uris"
)

func TestPreview(t *testing.T) {
	tests := []struct {
		name, head   string
		lines, bytes int
		want         []string
	}{
		{"lines", "a\nb\nc\n", 2, 100, []string{"a", "b"}},
		{"fewer", "a\nb", 5, 100, []string{"a", "b"}},
		{"CRLF and CR", "a\r\nb\rc", 5, 100, []string{"a", "b", "c"}},
		{"blank lines", "a\n\nb", 5, 100, []string{"a", "", "b"}},
		{"bytes", "abc\ndef", 5, 4, []string{"abc", "d"}},
		{"bytes within a character", "aβγ", 5, 4, []string{"aβ"}},
		{"head within a character", "aβ\xce", 5, 100, []string{"aβ"}},
		{"tabs stay", "a\tb", 5, 100, []string{"a\tb"}},
		{"colour", "\x1b[1;31mred\x1b[0m", 5, 100, []string{"red"}},
		{"title", "\x1b]0;evil\x07after", 5, 100, []string{"after"}},
		{"link", "\x1b]8;;http://evil\x1b\\text\x1b]8;;\x1b\\", 5, 100, []string{"text"}},
		{"sequence cut off", "text\x1b[31", 5, 100, []string{"text"}},
		{"lone escape", "text\x1b", 5, 100, []string{"text"}},
		{"backspaces", "safe\b\b\b\bevil", 5, 100, []string{"safeevil"}},
		{"direction marks", "a\u202eb\u200bc", 5, 100, []string{"abc"}},
		{"C1 controls", "a\u009b31mb\u0085c", 5, 100, []string{"a31mbc"}},
		{"a stray Latin-1 byte", "REMARK   M\xfcller, long enough to be text", 5, 100, []string{"REMARK   M\ufffdller, long enough to be text"}},
		{"empty", "", 5, 100, []string{}},
		{"NUL", "a\x00b", 5, 100, nil},
		{"gzip", "\x1f\x8b\x08\x08\xd4\xe2\x99\xff\x9c\xfd", 5, 100, nil},
		{"ELF", "\x7fELF\x02\x01\x01\x00", 5, 100, nil},
		{"no lines", "a", 0, 100, []string{}},
		{"no bytes", "a", 5, 0, []string{}},
	}
	for _, test := range tests {
		got := uris.Preview([]byte(test.head), test.lines, test.bytes)
		if !slices.Equal(got, test.want) || (got == nil) != (test.want == nil) {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
	long := strings.Repeat("x", 1<<20)
	if got := uris.Preview([]byte(long), 5, 200); len(got) != 1 || len(got[0]) != 200 {
		t.Errorf("a long line is cut to %d lines", len(got))
	}
}

func FuzzPreview(f *testing.F) {
	f.Add([]byte("a\nb\x1b[31m\xffc\r\n"), 3, 10)
	f.Add([]byte("\x1b]0;\x1b"), 1, 1)
	f.Fuzz(func(t *testing.T, head []byte, lines, bytes int) {
		total := 0
		got := uris.Preview(head, lines, bytes)
		for _, line := range got {
			total += len(line)
			if !utf8.ValidString(line) || strings.ContainsAny(line, "\x1b\n\r\b\x7f") {
				t.Fatalf("%q", line)
			}
		}
		if len(got) > max(lines, 0) || total > max(bytes, 0) {
			t.Fatalf("%d lines of %d bytes for %d and %d", len(got), total, lines, bytes)
		}
	})
}
