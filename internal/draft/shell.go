package draft

import (
	"fmt"
	"slices"
	"strings"
)

// Word is one word of a command line as a program gets it, or an operator of
// the shell.
type Word struct {
	Text     string
	Operator bool
	Pattern  bool // it has a *, ? or [ that the shell would look for files by
}

// operators are those that a command line may have, the longer before those
// that they begin with.
var operators = []string{"2>&1", "2>>", "2>", "&>", "&&", ">>", ">", "<", "|", ";"}

// ReadArgs are the words of a command line that a shell has taken apart
// already. An operator can only have come through in quotes, by itself.
func ReadArgs(args []string) []Word {
	words := make([]Word, len(args))
	for i, a := range args {
		words[i] = Word{Text: a, Operator: slices.Contains(operators, a)}
	}
	return words
}

// ReadLine takes a command line apart as a POSIX shell does (2.2 Quoting, 2.3
// Token Recognition). What only a running shell could work out, variables and
// the output of commands among it, is an error that says so.
//
// https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html
func ReadLine(line string) ([]Word, error) {
	var words []Word
	var word strings.Builder
	begun, pattern := false, false
	end := func() {
		if begun {
			words = append(words, Word{Text: word.String(), Pattern: pattern})
		}
		word.Reset()
		begun, pattern = false, false
	}
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case c == ' ' || c == '\t' || c == '\n':
			end()
		case c == '\\':
			if i+1 == len(line) {
				return nil, fmt.Errorf("it ends in a backslash")
			}
			if i++; line[i] != '\n' { // a line that goes on
				word.WriteByte(line[i])
				begun = true
			}
		case c == '\'':
			n := strings.IndexByte(line[i+1:], '\'')
			if n < 0 {
				return nil, fmt.Errorf("a ' is not closed")
			}
			word.WriteString(line[i+1 : i+1+n])
			i, begun = i+1+n, true
		case c == '"':
			text, n, err := doubleQuotedWord(line[i+1:])
			if err != nil {
				return nil, err
			}
			word.WriteString(text)
			i, begun = i+1+n, true
		case c == '#' && !begun:
			return words, nil
		case strings.IndexByte("$`(){}!", c) >= 0:
			return nil, needsShell(c)
		case c == '~' && !begun:
			return nil, needsShell(c)
		default:
			if op := operatorAt(line[i:], begun); op != "" {
				end()
				words = append(words, Word{Text: op, Operator: true})
				i += len(op) - 1
				continue
			}
			if c == '&' {
				return nil, needsShell(c)
			}
			pattern = pattern || c == '*' || c == '?' || c == '['
			word.WriteByte(c)
			begun = true
		}
	}
	end()
	return words, nil
}

// operatorAt is the operator that a text begins with. The digit of 2> belongs
// to it only where no word has begun.
func operatorAt(text string, within bool) string {
	for _, op := range operators {
		if strings.HasPrefix(text, op) && !(within && op[0] == '2') {
			return op
		}
	}
	return ""
}

// doubleQuotedWord reads up to the closing quote, and says where that is.
func doubleQuotedWord(text string) (word string, end int, err error) {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			return b.String(), i, nil
		case c == '\\' && i+1 < len(text) && strings.IndexByte("$`\"\\\n", text[i+1]) >= 0:
			if i++; text[i] != '\n' {
				b.WriteByte(text[i])
			}
		case c == '$' || c == '`':
			return "", 0, needsShell(c)
		default:
			b.WriteByte(c)
		}
	}
	return "", 0, fmt.Errorf("a \" is not closed")
}

func needsShell(c byte) error {
	return fmt.Errorf("it has a %c, which a running shell works out; write what comes of it, or put the line into a script and name that", c)
}
