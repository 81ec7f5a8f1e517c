package steps

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/ligase-bio/ligase/internal/problem"
)

// HeadBytes is how much of an object the content checks look at.
const HeadBytes = 64 << 10

// rule is one declarative rule about the first bytes of an object. Exactly
// one of the first group is set.
type rule struct {
	startsWith string
	magic      []byte
	anyLine    *regexp.Regexp
	everyLine  *regexp.Regexp
	noLine     *regexp.Regexp
	joined     *regexp.Regexp // over the lines joined into one
	minBytes   int
	columns    []string
	json       bool

	at      int            // magic: its offset
	of      *regexp.Regexp // line rules: only lines that match
	skip    *regexp.Regexp // line rules: not lines that match
	atMost  int            // anyLine: how many lines may match; 0: any number
	message string         // a sentence instead of the rule's own
}

// CheckHead applies the content check of a type in a format to the first
// bytes of an object, [HeadBytes] of them at most. whole says that head is
// all of it; if it is not, the last line is not judged unless it is ended.
// The error is a sentence about the content, without its name.
func (t *Types) CheckHead(typ, format string, head []byte, whole bool) error {
	return t.checkHead(typ, format, nil, head, whole)
}

func (t *Types) checkHead(typ, format string, columns []string, head []byte, whole bool) error {
	f := t.FormatOf(typ, format)
	if f == nil {
		return fmt.Errorf("There is no format %q of %s.", format, typ)
	}
	c := newContent(head, whole)
	if err := c.plausible(f); err != nil {
		return err
	}
	for i := range f.rules {
		if err := c.apply(&f.rules[i], f); err != nil {
			return err
		}
	}
	if len(columns) > 0 {
		return c.hasColumns(columns, f)
	}
	return nil
}

// CheckPort applies CheckHead for what a port accepts, with the columns that
// it wants: the error says what the port takes. With an empty format any that
// the port accepts will do.
func (t *Types) CheckPort(p Port, format string, head []byte, whole bool) error {
	accepted := t.Accepts(p)
	takes := fmt.Sprintf("The port %s takes a %s as %s.", p.Name, lowerFirst(t.describe(p.Type)), problem.List(accepted, "or"))
	if format != "" {
		if !slices.Contains(accepted, format) {
			return fmt.Errorf("This is %s. %s", format, takes)
		}
		accepted = []string{format}
	}
	var first error
	for _, f := range accepted {
		err := t.checkHead(p.Type, f, p.Columns, head, whole)
		if err == nil {
			return nil
		}
		if first == nil {
			first = err
		}
	}
	if first == nil {
		return fmt.Errorf("There is no type %q.", p.Type)
	}
	return fmt.Errorf("%w %s", first, takes)
}

// content is the beginning of an object, with its lines split once.
type content struct {
	head  []byte
	whole bool
	lines []string // without line ends and trailing blanks; only whole lines
	rest  string   // the line that the cut fell into
}

func newContent(head []byte, whole bool) *content {
	if len(head) > HeadBytes {
		head, whole = head[:HeadBytes], false
	}
	return &content{head: head, whole: whole}
}

func (c *content) split() {
	if c.lines != nil {
		return
	}
	text := strings.TrimPrefix(string(c.head), "\ufeff")
	c.lines = strings.Split(text, "\n")
	last := len(c.lines) - 1
	if !c.whole {
		c.rest = c.lines[last]
		c.lines = c.lines[:last]
	} else if c.lines[last] == "" {
		c.lines = c.lines[:last]
	}
	for i, line := range c.lines {
		c.lines[i] = strings.TrimRight(line, " \t\r")
	}
}

// plausible is what holds for every format.
func (c *content) plausible(f *Format) error {
	if len(c.head) == 0 && c.whole {
		return errors.New("It is empty.")
	}
	if !f.Text {
		return nil
	}
	switch {
	case bytes.HasPrefix(c.head, []byte{0x1f, 0x8b}):
		return errors.New("It is compressed with gzip; decompress it first.")
	case bytes.HasPrefix(c.head, []byte("PK\x03\x04")):
		return errors.New("It is a zip archive (or an office document); give the plain text file.")
	case bytes.IndexByte(c.head, 0) >= 0:
		return errors.New("It is binary data, not text.")
	case len(bytes.TrimSpace(c.head)) == 0 && c.whole:
		return errors.New("It is empty.")
	}
	return nil
}

func (c *content) apply(r *rule, f *Format) error {
	said := func(format string, args ...any) error {
		if r.message != "" {
			return errors.New(r.message)
		}
		return fmt.Errorf(format, args...)
	}
	switch {
	case r.startsWith != "":
		if !bytes.HasPrefix(bytes.TrimPrefix(c.head, []byte("\ufeff")), []byte(r.startsWith)) {
			return said("It does not start with %q.", r.startsWith)
		}
	case r.magic != nil:
		if len(c.head) < r.at || !bytes.HasPrefix(c.head[r.at:], r.magic) {
			return said("Its first bytes are not those of %s.", f.name())
		}
	case r.minBytes > 0:
		if c.whole && len(c.head) < r.minBytes {
			return said("It has only %d bytes.", len(c.head))
		}
	case r.json:
		if err := c.isJSON(); err != nil {
			return said("It is not JSON: %v.", err)
		}
	case r.columns != nil:
		if err := c.hasColumns(r.columns, f); err != nil {
			return said("%w", err)
		}
	case r.joined != nil:
		if text := c.joined(r); !r.joined.MatchString(text) {
			return said("Its text does not match %s.", r.joined)
		}
	default:
		return c.applyToLines(r, said)
	}
	return nil
}

func (c *content) applyToLines(r *rule, said func(string, ...any) error) error {
	c.split()
	found := 0
	for i, line := range c.lines {
		if !r.judges(line) {
			continue
		}
		switch {
		case r.everyLine != nil && !r.everyLine.MatchString(line):
			return said("Line %d is not as it should be: %.60q.", i+1, line)
		case r.noLine != nil && r.noLine.MatchString(line):
			return said("Line %d should not be there: %.60q.", i+1, line)
		case r.anyLine != nil && r.anyLine.MatchString(line):
			if found++; r.atMost == 0 {
				return nil
			}
		}
	}
	if r.anyLine == nil || found > 0 && found <= r.atMost {
		return nil
	}
	if found > r.atMost {
		return said("%d lines match %s; at most %d may.", found, r.anyLine, r.atMost)
	}
	return said("No line %smatches %s.", c.within(), r.anyLine)
}

func (c *content) within() string {
	if c.whole {
		return ""
	}
	return fmt.Sprintf("of its first %d KB ", HeadBytes>>10)
}

func (r *rule) judges(line string) bool {
	return (r.of == nil || r.of.MatchString(line)) && (r.skip == nil || !r.skip.MatchString(line))
}

// joined is the text of all lines that the rule is about, without blanks and
// line ends, the cut one included when the rule would not skip it.
func (c *content) joined(r *rule) string {
	c.split()
	var b strings.Builder
	for _, line := range c.lines {
		if r.judges(line) {
			b.WriteString(strings.TrimSpace(line))
		}
	}
	if c.rest != "" && r.judges(c.rest) {
		b.WriteString(strings.TrimSpace(c.rest))
	}
	return b.String()
}

// isJSON walks the tokens, so that a cut document is judged as far as it goes
// and depth costs no stack.
func (c *content) isJSON() error {
	decoder := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(c.head, []byte("\ufeff"))))
	decoder.UseNumber()
	depth, values := 0, 0
	for {
		token, err := decoder.Token()
		switch {
		case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
			if c.whole && (depth > 0 || values == 0 || errors.Is(err, io.ErrUnexpectedEOF)) {
				return errors.New("it ends in the middle")
			}
			return nil
		case err != nil:
			// A number or word that the cut fell into reads as a mistake.
			if !c.whole && decoder.InputOffset() >= int64(len(c.head))-64 {
				return nil
			}
			return errors.New(strings.TrimPrefix(err.Error(), "json: "))
		}
		if d, is := token.(json.Delim); is && (d == '[' || d == '{') {
			depth++
		} else if is {
			depth--
		}
		if depth == 0 {
			if values++; values > 1 {
				return errors.New("there is more than one value")
			}
		}
	}
}

// hasColumns looks for columns in the header line of a delimited table, or in
// the first record of a JSON list.
func (c *content) hasColumns(want []string, f *Format) error {
	header, err := c.header(f)
	if err != nil {
		return err
	}
	if header == nil {
		return nil
	}
	var missing []string
	for _, name := range want {
		if !slices.Contains(header, name) {
			missing = append(missing, name)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	shown := header
	more := ""
	if len(shown) > 12 {
		shown, more = shown[:12], " and more"
	}
	return fmt.Errorf("The table has no column %s; its columns are %.400s%s.",
		problem.List(missing, "and"), strings.Join(shown, ", "), more)
}

// header is nil for formats whose columns cannot be told.
func (c *content) header(f *Format) ([]string, error) {
	if f.delimiter == 0 {
		if f.hasJSON() {
			return c.jsonKeys(), nil
		}
		return nil, nil
	}
	c.split()
	first := ""
	for _, line := range c.lines {
		if strings.TrimSpace(line) != "" {
			first = line
			break
		}
	}
	if first == "" {
		return nil, fmt.Errorf("Its first line, which should name the columns, is longer than %d KB.", HeadBytes>>10)
	}
	r := csv.NewReader(strings.NewReader(first))
	r.Comma, r.LazyQuotes, r.TrimLeadingSpace = f.delimiter, true, true
	fields, err := r.Read()
	if err != nil {
		return nil, fmt.Errorf("Its first line does not name columns: %v.", err)
	}
	for i := range fields {
		fields[i] = strings.TrimSpace(fields[i])
	}
	return fields, nil
}

// jsonKeys are the keys of the first object, outermost: of a record in a list
// of records, or of a mapping of columns.
func (c *content) jsonKeys() []string {
	decoder := json.NewDecoder(bytes.NewReader(c.head))
	keys := []string{}
	inside, depth, wantKey := false, 0, false
	for {
		token, err := decoder.Token()
		if err != nil {
			return keys
		}
		switch v := token.(type) {
		case json.Delim:
			switch v {
			case '{':
				if !inside {
					inside, depth, wantKey = true, 1, true
					continue
				}
				depth++
			case '[':
				if !inside {
					continue
				}
				depth++
			default:
				if !inside {
					return keys
				}
				if depth--; depth == 0 {
					return keys
				}
			}
			if depth == 1 {
				wantKey = true
			}
		default:
			if !inside || depth != 1 {
				continue
			}
			if s, is := token.(string); is && wantKey {
				keys = append(keys, s)
				wantKey = false
			} else {
				wantKey = true
			}
		}
	}
}

func (f *Format) hasJSON() bool {
	return slices.ContainsFunc(f.rules, func(r rule) bool { return r.json })
}

func (f *Format) name() string {
	if f.Title != "" {
		return f.Title
	}
	return f.Name
}

// lowerFirst makes a title fit into a sentence, unless it is an abbreviation.
func lowerFirst(s string) string {
	if len(s) > 1 && 'A' <= s[0] && s[0] <= 'Z' && !('A' <= s[1] && s[1] <= 'Z') {
		return strings.ToLower(s[:1]) + s[1:]
	}
	return s
}
