package worker

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A redactor blots out what looks like a credential in what a command prints,
// before it is kept anywhere. It is a net for accidents, not a promise.
type redactor struct {
	stems [][]byte // one of them is in every line that a rule can match
	rules []redactionRule
}

type redactionRule struct {
	re   *regexp.Regexp
	with string
}

func newRedactor() *redactor {
	r := &redactor{}
	for _, s := range []string{"AKIA", "ASIA", "oken", "OKEN", "uthorization", "UTHORIZATION", "assw", "ASSW",
		"ecret", "ECRET", "_key", "_KEY", "ikey", "IKEY", "iKey", "ghp_", "gho_", "ghs_", "github_pat_", "hf_", "xox", "://", "ignature=", "PRIVATE KEY"} {
		r.stems = append(r.stems, []byte(s))
	}
	rule := func(pattern, with string) {
		r.rules = append(r.rules, redactionRule{regexp.MustCompile(pattern), with})
	}
	rule(`\b(?:AKIA|ASIA)[0-9A-Z]{16}\b`, "[redacted]")
	rule(`\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|hf_[A-Za-z0-9]{20,}|xox[abprs]-[\w-]{10,})`, "[redacted]")
	rule(`(?i)(authorization["']?\s*[:=]\s*["']?)(?:(?:bearer|basic|token|digest)\s+)?[^\s"',;]+`, "${1}[redacted]")
	rule(`(?i)(\bbearer\s+)[\w.~+/=-]{8,}`, "${1}[redacted]")
	// A value of digits alone stays: "token: 12" is a count far more often than a secret.
	rule(`(?i)((?:\b|_)(?:token|password|passwd|secret|secret_?access_?key|access_?key(?:_?id)?|api_?key|private_?key)["']?\s*[:=]\s*["']?)[^\s"',;&]*[^\s"',;&\d][^\s"',;&]*`, "${1}[redacted]")
	rule(`([a-z][a-z0-9+.-]*://[^\s/:@]*:)[^\s/@]+@`, "${1}[redacted]@")
	rule(`(?i)((?:x-amz-)?signature=)[\w%+/=-]{16,}`, "${1}[redacted]")
	rule(`-----BEGIN [A-Z ]*PRIVATE KEY-----[A-Za-z0-9+/=\s]*`, "[redacted private key]")
	return r
}

// redact returns b itself when there is nothing to hide, which is nearly
// always: the expressions only run where a stem was found.
func (r *redactor) redact(b []byte) []byte {
	for _, stem := range r.stems {
		if bytes.Contains(b, stem) {
			for _, rule := range r.rules {
				if rule.re.Match(b) {
					b = rule.re.ReplaceAll(b, []byte(rule.with))
				}
			}
			return b
		}
	}
	return b
}

const (
	tailLines = 20
	tailBytes = 2 << 10
	lineBytes = 400
)

// snippet makes the end of a log fit to be shown: the last lines that say
// something, without terminal control, at most tailBytes.
func snippet(log []byte) string {
	var lines []string
	size := 0
	for len(log) > 0 && len(lines) < tailLines {
		cut := bytes.LastIndexByte(log, '\n')
		line := plainLine(log[cut+1:])
		log = log[:max(cut, 0)]
		if line == "" {
			continue
		}
		if size += len(line) + 1; size > tailBytes && len(lines) > 0 {
			break
		}
		lines = append(lines, line)
	}
	for i, j := 0, len(lines)-1; i < j; i, j = i+1, j-1 {
		lines[i], lines[j] = lines[j], lines[i]
	}
	return strings.Join(lines, "\n")
}

// plainLine is one line as a person would see it: what a progress bar drew
// last, without escape sequences and control characters, and cut.
func plainLine(b []byte) string {
	b = bytes.TrimRight(b, "\r\n \t")
	if cut := bytes.LastIndexByte(b, '\r'); cut >= 0 {
		b = b[cut+1:]
	}
	const most = 8 * lineBytes // so that a line of megabytes costs little
	if len(b) > most {
		b = b[:most]
	}
	var s strings.Builder
	for i := 0; i < len(b); {
		if b[i] == 0x1b {
			i += escapeLength(b[i:])
			continue
		}
		r, n := utf8.DecodeRune(b[i:])
		i += n
		switch {
		case r == '\t':
			r = ' '
		case r == utf8.RuneError && n == 1:
			r = '\uFFFD'
		case unicode.IsControl(r) || unicode.Is(unicode.Cf, r):
			continue
		}
		if s.Len()+utf8.RuneLen(r) > lineBytes {
			s.WriteString("…")
			break
		}
		s.WriteRune(r)
	}
	return strings.TrimRight(s.String(), " ")
}

// Plain is what of a log can be shown on a terminal: its lines without escape
// sequences and control characters, which are the step's and not to be
// trusted. Long lines are cut.
func Plain(log io.Reader) io.Reader {
	return &plain{log: bufio.NewReaderSize(log, 64<<10)}
}

type plain struct {
	log  *bufio.Reader
	line string // what is left of the line at hand
	err  error  // of log
}

func (p *plain) Read(b []byte) (int, error) {
	for p.line == "" {
		if p.err != nil {
			return 0, p.err
		}
		var line []byte
		line, p.err = p.log.ReadSlice('\n')
		if len(line) > 0 {
			p.line = plainLine(line) + "\n"
		}
		for errors.Is(p.err, bufio.ErrBufferFull) { // the rest of an endless line
			_, p.err = p.log.ReadSlice('\n')
		}
	}
	n := copy(b, p.line)
	p.line = p.line[n:]
	return n, nil
}

// escapeLength is how many bytes the terminal escape sequence at the start of
// b has (ECMA-48: CSI, OSC and other strings, two-byte sequences).
func escapeLength(b []byte) int {
	if len(b) < 2 {
		return len(b)
	}
	switch b[1] {
	case '[':
		for i := 2; i < len(b); i++ {
			if b[i] >= 0x40 && b[i] <= 0x7e {
				return i + 1
			}
		}
		return len(b)
	case ']', 'P', 'X', '^', '_':
		for i := 2; i < len(b); i++ {
			if b[i] == 0x07 {
				return i + 1
			}
			if b[i] == 0x1b && i+1 < len(b) && b[i+1] == '\\' {
				return i + 2
			}
		}
		return len(b)
	}
	return 2
}
