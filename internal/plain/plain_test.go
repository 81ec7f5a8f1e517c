package plain_test

import (
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/ligase-bio/ligase/internal/plain"
)

func TestPlain(t *testing.T) {
	for _, tt := range []struct{ name, log, want string }{
		{"empty", "", ""},
		{"as it is", "one\n\ntwo\n", "one\n\ntwo\n"},
		{"no newline at the end", "one\ntwo", "one\ntwo\n"},
		{"colours and titles", "\x1b[31mred\x1b[0m \x1b]0;title\x07end\n", "red end\n"},
		{"a progress bar", "10%\r20%\r30%\n", "30%\n"},
		{"bytes that are no text", "a\x00\xff\u200eb\n", "a\ufffdb\n"},
		{"an endless line", strings.Repeat("x", 1<<20) + "\nnext\n", strings.Repeat("x", 400) + "…\nnext\n"},
	} {
		for name, log := range map[string]io.Reader{
			"at once": strings.NewReader(tt.log), "byte by byte": iotest.OneByteReader(strings.NewReader(tt.log)),
		} {
			got, err := io.ReadAll(plain.Lines(log))
			if err != nil || string(got) != tt.want {
				t.Errorf("%s, %s: %.80q, %v, want %.80q", tt.name, name, got, err, tt.want)
			}
		}
	}
	if _, err := io.ReadAll(plain.Lines(iotest.ErrReader(io.ErrUnexpectedEOF))); err != io.ErrUnexpectedEOF {
		t.Errorf("the log's own error became %v", err)
	}
}
