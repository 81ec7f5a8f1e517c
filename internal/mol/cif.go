package mol

import (
	"errors"
	"io"
	"strings"
)

// cifValue is one value of a CIF file. "." and "?", unless quoted, are no
// value: inapplicable and unknown.
type cifValue struct {
	text string
	none bool
}

// cifScanner takes a CIF 1.1 file apart into tags, values and keywords
// (Hall, Allen & Brown (1991) Acta Cryst. A47, 655; iucr.org/resources/cif).
type cifScanner struct {
	in      *lines
	line    string
	at      int
	started bool
}

type cifKind int

const (
	cifEnd   cifKind = iota
	cifTag           // _atom_site.id
	cifLoop          // loop_
	cifBlock         // data_…
	cifOther         // save_…, global_, stop_
	cifText          // a value
)

type cifToken struct {
	kind  cifKind
	value cifValue // of a tag or keyword: as written
}

// advance reads the next line; false at the end.
func (s *cifScanner) advance() (bool, error) {
	line, err := s.in.next()
	if errors.Is(err, io.EOF) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	s.line, s.at, s.started = string(line), 0, true
	return true, nil
}

// next returns the next token.
func (s *cifScanner) next() (cifToken, error) {
	for {
		for s.at < len(s.line) && (s.line[s.at] == ' ' || s.line[s.at] == '\t') {
			s.at++
		}
		if s.at < len(s.line) && s.line[s.at] != '#' {
			break
		}
		if more, err := s.advance(); err != nil || !more {
			return cifToken{}, err
		}
		if strings.HasPrefix(s.line, ";") {
			return s.field()
		}
	}
	switch c := s.line[s.at]; c {
	case '\'', '"':
		return s.quoted(c)
	}
	end := s.at
	for end < len(s.line) && s.line[end] != ' ' && s.line[end] != '\t' {
		end++
	}
	word := s.line[s.at:end]
	s.at = end
	lower := strings.ToLower(word[:min(len(word), 8)])
	switch {
	case word[0] == '_':
		return cifToken{cifTag, cifValue{text: strings.ToLower(word)}}, nil
	case lower == "loop_":
		return cifToken{kind: cifLoop}, nil
	case strings.HasPrefix(lower, "data_"):
		return cifToken{cifBlock, cifValue{text: word}}, nil
	case strings.HasPrefix(lower, "save_"), lower == "global_", lower == "stop_":
		return cifToken{kind: cifOther}, nil
	}
	return cifToken{cifText, cifValue{word, word == "." || word == "?"}}, nil
}

// quoted reads a value in quotes, which end only before a blank: 'O5” is one.
func (s *cifScanner) quoted(quote byte) (cifToken, error) {
	for end := s.at + 1; end < len(s.line); end++ {
		if s.line[end] == quote && (end+1 == len(s.line) || s.line[end+1] == ' ' || s.line[end+1] == '\t') {
			text := s.line[s.at+1 : end]
			s.at = end + 1
			return cifToken{cifText, cifValue{text: text}}, nil
		}
	}
	return cifToken{}, refuse(FaultMalformed, s.in.number, "A value in quotes has no end on its line; the file is damaged, or no mmCIF.")
}

// field reads a value between lines that begin with a semicolon.
func (s *cifScanner) field() (cifToken, error) {
	began := s.in.number
	var b strings.Builder
	b.WriteString(s.line[1:])
	for {
		more, err := s.advance()
		if err != nil {
			return cifToken{}, err
		}
		if !more {
			return cifToken{}, refuse(FaultMalformed, began, "A text that begins with a semicolon has no end; the file is cut off.")
		}
		if strings.HasPrefix(s.line, ";") {
			s.at = 1
			return cifToken{cifText, cifValue{text: b.String()}}, nil
		}
		b.WriteByte('\n')
		b.WriteString(s.line)
	}
}

// cifTable reads the rows of one category of the first data block that has it,
// calling row with the values of the wanted tags, in their order. It returns
// the tags that there are.
func cifTable(s *cifScanner, category string, wanted []string, row func(line int, values []cifValue) error) (has map[string]bool, err error) {
	has = map[string]bool{}
	t, err := s.next()
	single := make([]cifValue, len(wanted))
	for i := range single {
		single[i].none = true
	}
	place := func(tag string) int {
		for i, w := range wanted {
			if tag == category+"."+w {
				return i
			}
		}
		return -1
	}
	for err == nil {
		switch t.kind {
		case cifEnd, cifBlock:
			if len(has) > 0 || t.kind == cifEnd {
				if len(has) > 0 {
					err = row(s.in.number, single) // one row, written as pairs
				}
				return has, err
			}
			t, err = s.next()
		case cifTag:
			at := place(t.value.text)
			if strings.HasPrefix(t.value.text, category+".") {
				has[strings.TrimPrefix(t.value.text, category+".")] = true
			}
			if t, err = s.next(); err == nil && t.kind == cifText {
				if at >= 0 {
					single[at] = t.value
				}
				t, err = s.next()
			}
		case cifLoop:
			var tags []string
			for t, err = s.next(); err == nil && t.kind == cifTag; t, err = s.next() {
				tags = append(tags, t.value.text)
			}
			mine := len(tags) > 0 && strings.HasPrefix(tags[0], category+".")
			columns := make([]int, len(tags))
			for i, tag := range tags {
				columns[i] = place(tag)
				if mine {
					has[strings.TrimPrefix(tag, category+".")] = true
				}
			}
			values := make([]cifValue, len(wanted))
			for i := range values {
				values[i].none = true
			}
			n := 0
			for ; err == nil && t.kind == cifText; t, err = s.next() {
				if len(tags) == 0 {
					return nil, refuse(FaultMalformed, s.in.number, "A loop_ has values and no names for them; the file is damaged, or no mmCIF.")
				}
				if c := columns[n%len(tags)]; c >= 0 {
					values[c] = t.value
				}
				if n++; mine && n%len(tags) == 0 {
					if err := row(s.in.number, values); err != nil {
						return nil, err
					}
				}
			}
			if err == nil && mine {
				if n%len(tags) != 0 {
					return nil, refuse(FaultMalformed, s.in.number, "The last row of the loop of %s has %d of %d values; the file is cut off or damaged.", category, n%len(tags), len(tags))
				}
				return has, nil
			}
		default:
			t, err = s.next()
		}
	}
	return nil, err
}
