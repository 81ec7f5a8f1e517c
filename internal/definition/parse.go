package definition

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/ligase-bio/ligase/internal/problem"
)

// Caps on what a file may hold.
const (
	MaxBytes    = 1 << 20
	MaxDepth    = 64
	MaxNodes    = 300_000
	MaxProblems = 200 // kept per document; the rest is counted
)

// Document is one parsed file and the problems found in it so far. It is not
// safe for concurrent use.
type Document struct {
	file     string
	root     *Node
	problems problem.Problems
	unlisted int // problems over MaxProblems
	nodes    int
}

// Parse reads one document. It always returns one: a file that cannot be read
// at all is a document whose problems say so and whose reads stay silent.
func Parse(file string, data []byte) *Document {
	d := &Document{file: file}
	d.root = d.read(data)
	if d.root == nil {
		d.root = &Node{doc: d, shape: broken}
	}
	return d
}

// ReadAll reads a file for Parse: no more of it than Parse needs to refuse one
// that is too large.
func ReadAll(r io.Reader) ([]byte, error) { return io.ReadAll(io.LimitReader(r, MaxBytes+1)) }

// File is the name that the document was parsed under.
func (d *Document) File() string { return d.file }

// Root is the document's outermost value.
func (d *Document) Root() *Node { return d.root }

// Add notes a problem. Most callers use [Node.Problem], which knows the place.
func (d *Document) Add(p problem.Problem) {
	if len(d.problems) >= MaxProblems {
		d.unlisted++
		return
	}
	d.problems.Add(p)
}

// Count is how many problems were found so far: cheaper than len(Problems()).
func (d *Document) Count() int { return len(d.problems) + d.unlisted }

// Problems is everything found wrong so far, in the order of the file.
func (d *Document) Problems() problem.Problems {
	ps := d.problems.Sorted()
	if d.unlisted > 0 {
		ps.Add(problem.Problem{
			Pos: problem.Pos{File: d.file}, Code: problem.TooLarge,
			Message: fmt.Sprintf("There are %d more problems.", d.unlisted),
			Fix:     "Mend these first.",
		})
	}
	return ps
}

func (d *Document) addAt(line, column int, code problem.Code, fix, format string, args ...any) {
	d.Add(problem.Problem{
		Pos:  problem.Pos{File: d.file, Line: line, Column: column},
		Code: code, Message: fmt.Sprintf(format, args...), Fix: fix,
	})
}

// read returns nil when there is nothing to read on from; the reason has been
// noted.
func (d *Document) read(data []byte) *Node {
	if len(data) > MaxBytes {
		d.addAt(0, 0, problem.TooLarge, "Split it into several files.",
			"The file is larger than %d bytes, the most that a definition may have.", MaxBytes)
		return nil
	}
	if i := bytes.IndexByte(data, 0); i >= 0 {
		line, column := place(data, i)
		d.addAt(line, column, problem.Syntax, "Save it as UTF-8 text.", "The file has a NUL byte.")
		return nil
	}
	if i := invalidUTF8(data); i >= 0 {
		line, column := place(data, i)
		d.addAt(line, column, problem.Syntax, "Save it as UTF-8 text.", "The file is not valid UTF-8.")
		return nil
	}
	decoder := yaml.NewDecoder(bytes.NewReader(yamlEscapes(data)))
	var first yaml.Node
	switch err := decoder.Decode(&first); {
	case errors.Is(err, io.EOF):
		d.addAt(1, 1, problem.Missing, "Write a definition in it.", "The file is empty.")
		return nil
	case err != nil:
		d.syntax(data, err)
		return nil
	}
	var second yaml.Node
	switch err := decoder.Decode(&second); {
	case errors.Is(err, io.EOF):
	case err != nil:
		d.syntax(data, err)
		return nil
	default:
		d.addAt(max(second.Line, 1), 1, problem.Syntax, "Move it to a file of its own.",
			"A second document starts here; a file holds one definition.")
	}
	return d.convert(first.Content[0], nil, 1)
}

// convert turns a parsed node into ours and refuses what definitions do not
// use. It returns nil over a cap.
func (d *Document) convert(y *yaml.Node, parent *Node, depth int) *Node {
	n := &Node{doc: d, parent: parent, line: y.Line, column: y.Column}
	return d.fill(n, y, depth)
}

func (d *Document) fill(n *Node, y *yaml.Node, depth int) *Node {
	d.nodes++
	switch {
	case depth > MaxDepth:
		n.shape = broken
		n.Problem(problem.TooLarge, "Make it flatter.", "This is nested more than %d deep.", MaxDepth)
		return n
	case d.nodes > MaxNodes:
		n.shape = broken
		if d.nodes == MaxNodes+1 {
			n.Problem(problem.TooLarge, "Split it into several files.",
				"The file has more than %d values.", MaxNodes)
		}
		return n
	case y.Kind == yaml.AliasNode:
		n.shape = broken
		n.Problem(problem.Syntax, "Write the value out.",
			"An alias (*%.40s) stands here; definitions use none.", y.Value)
		return n
	}
	if y.Anchor != "" {
		n.Problem(problem.Syntax, fmt.Sprintf("Remove &%.40s.", y.Anchor),
			"An anchor (&%.40s) stands here; definitions use none.", y.Anchor)
	}
	if y.Style&yaml.TaggedStyle != 0 {
		n.shape = broken
		n.Problem(problem.Syntax, "Remove the tag; put text that looks like a number in quotes.",
			"A tag (%.40s) stands here; definitions use none.", y.Tag)
		return n
	}
	switch y.Kind {
	case yaml.MappingNode:
		n.shape = Mapping
		d.fillMapping(n, y, depth)
	case yaml.SequenceNode:
		n.shape = List
		n.items = make([]*Node, 0, len(y.Content))
		for i, item := range y.Content {
			child := &Node{doc: d, parent: n, index: i, line: item.Line, column: item.Column}
			n.items = append(n.items, d.fill(child, item, depth+1))
		}
	default:
		d.fillScalar(n, y)
	}
	return n
}

func (d *Document) fillMapping(n *Node, y *yaml.Node, depth int) {
	n.items = make([]*Node, 0, len(y.Content)/2)
	seen := make(map[string]int, len(y.Content)/2)
	for i := 0; i+1 < len(y.Content); i += 2 {
		key, value := y.Content[i], y.Content[i+1]
		child := &Node{
			doc: d, parent: n, key: key.Value,
			line: value.Line, column: value.Column, keyLine: key.Line, keyColumn: key.Column,
		}
		if fix, what := refusedKey(key); what != "" {
			n.problemAt(key.Line, key.Column, problem.Syntax, fix, "%s", what)
			continue
		}
		if line, twice := seen[key.Value]; twice {
			child.KeyProblem(problem.Duplicate, "Remove one of them.",
				"%.60q is given twice; the first is in line %d.", key.Value, line)
			continue
		}
		seen[key.Value] = key.Line
		n.items = append(n.items, d.fill(child, value, depth+1))
	}
}

// refusedKey says why a mapping key is refused, with the fix; "" when it is
// fine.
func refusedKey(key *yaml.Node) (fix, what string) {
	quote := fmt.Sprintf("Put it in quotes: %q.", key.Value)
	switch {
	case key.Kind == yaml.AliasNode:
		return "Write the key out.", fmt.Sprintf("The key is an alias (*%.40s); definitions use none.", key.Value)
	case key.Kind != yaml.ScalarNode:
		return "Write a plain word before the colon.", "The key is not text."
	case key.Anchor != "":
		return fmt.Sprintf("Remove &%.40s.", key.Anchor),
			fmt.Sprintf("The key has an anchor (&%.40s); definitions use none.", key.Anchor)
	case key.Style&yaml.TaggedStyle != 0:
		return "Remove the tag.", fmt.Sprintf("The key has a tag (%.40s); definitions use none.", key.Tag)
	case key.Tag == "!!merge":
		return "Write the fields out.", "A merge key (<<) stands here; definitions use none."
	case key.Tag == "!!str" || key.Tag == "!!timestamp":
		if i := strings.IndexFunc(key.Value, isControl); i >= 0 {
			return "Remove it.", fmt.Sprintf("The key %.60q has a control character.", key.Value)
		}
		return "", ""
	case key.Tag == "!!null" && key.Value == "":
		return "Write a word before the colon.", "The key is empty."
	}
	return quote, fmt.Sprintf("The key %.40s is %s, not text.", key.Value, shapeOfTag(key.Tag))
}

func (d *Document) fillScalar(n *Node, y *yaml.Node) {
	n.text = y.Value
	n.shape = shapeOfTag(y.Tag)
	n.plain = y.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) == 0
	if n.shape == Text {
		if n.plain && isDecimal(n.text) {
			n.shape = Number // too large for the YAML parser to call it one
			return
		}
		if i := strings.IndexFunc(n.text, isControl); i >= 0 {
			r, _ := utf8.DecodeRuneInString(n.text[i:])
			n.shape = broken
			n.Problem(problem.Syntax, "Remove it.", "The text has the control character U+%04X.", r)
		}
	}
}

func shapeOfTag(tag string) Shape {
	switch tag {
	case "!!null":
		return Null
	case "!!bool":
		return Bool
	case "!!int", "!!float":
		return Number
	}
	return Text // also dates: YAML 1.2 does not know them
}

// isControl is about characters that have no place in words for people: they
// can rewrite what a terminal shows.
func isControl(r rune) bool {
	return r < 0x20 && r != '\t' && r != '\n' && r != '\r' || r >= 0x7f && r < 0xa0
}

var lineOfError = regexp.MustCompile(`^(?:yaml: )?(?:line (\d+): )?(.*)$`)

// syntax notes an error of the YAML parser in words that say what to do.
func (d *Document) syntax(data []byte, err error) {
	text, _, _ := strings.Cut(err.Error(), "\n")
	line, what := 1, text
	if m := lineOfError.FindStringSubmatch(text); m != nil {
		what = m[2]
		if n, err := strconv.Atoi(m[1]); err == nil {
			line = n
		}
	}
	if strings.Contains(what, "max depth") {
		d.addAt(line, 0, problem.TooLarge, "Make it flatter.", "This is nested more than %d deep.", MaxDepth)
		return
	}
	fix := "Check the indentation, colons and quotes there and in the line above."
	switch {
	case strings.Contains(what, "mapping values are not allowed"):
		fix = `Put text that has ": " in it in quotes, and check the indentation.`
	case strings.Contains(what, "unknown anchor"):
		fix = "Put text that starts with * in quotes."
	case strings.Contains(what, "cannot start any token"), strings.Contains(what, "tab"):
		if at := tabIndent(data); at > 0 {
			line, fix = at, "Indent with spaces: YAML does not allow tabs there."
		} else {
			fix = "Put text that starts with @, ` or % in quotes."
		}
	case strings.Contains(what, "flow sequence"), strings.Contains(what, "expected ',' or ']'"):
		fix = "Close the [ with a ], and put a comma between items."
	case strings.Contains(what, "flow mapping"), strings.Contains(what, "expected ',' or '}'"):
		fix = "Close the { with a }, and put a comma between fields."
	case strings.Contains(what, "quoted scalar"), strings.Contains(what, "end of stream"):
		fix = "Close the quotes."
	case strings.Contains(what, "escape"):
		fix = `Use single quotes for text with backslashes, or write \\.`
	}
	d.addAt(line, 0, problem.Syntax, fix, "This is not YAML: %s.", what)
}

// tabIndent is the first line whose indentation has a tab, or 0.
func tabIndent(data []byte) int {
	for i, line := range bytes.Split(data, []byte("\n")) {
		blank := line[:len(line)-len(bytes.TrimLeft(line, " \t"))]
		if bytes.IndexByte(blank, '\t') >= 0 && len(blank) < len(line) {
			return i + 1
		}
	}
	return 0
}

func invalidUTF8(data []byte) int {
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && size <= 1 {
			return i
		}
		i += size
	}
	return -1
}

// place gives line and column of an offset, counted from 1.
func place(data []byte, offset int) (line, column int) {
	before := data[:offset]
	return bytes.Count(before, []byte("\n")) + 1, offset - bytes.LastIndexByte(before, '\n')
}

// An escaped backslash is matched so that what follows it is not taken for an
// escape.
var jsonEscape = regexp.MustCompile(`\\\\|\\/|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}`)

// yamlEscapes rewrites what JSON escapes in a way that the YAML parser does
// not read: the slash, and characters beyond U+FFFF as two halves, which most
// JSON writers make.
func yamlEscapes(data []byte) []byte {
	if bytes.IndexByte(data, '\\') < 0 || !json.Valid(data) {
		return data
	}
	return jsonEscape.ReplaceAllFunc(data, func(escape []byte) []byte {
		switch len(escape) {
		case 12:
			high, _ := strconv.ParseUint(string(escape[2:6]), 16, 16)
			low, _ := strconv.ParseUint(string(escape[8:12]), 16, 16)
			return fmt.Appendf(nil, `\U%08X`, utf16.DecodeRune(rune(high), rune(low)))
		case 2:
			if escape[1] == '/' {
				return escape[1:]
			}
		}
		return escape
	})
}
