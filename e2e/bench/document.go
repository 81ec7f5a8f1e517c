package main

import (
	"bytes"
	"fmt"
	"os"
)

// document is where the table is kept, from the repository's root.
const document = "docs/benchmarks.md"

// marks are the comments in the document that a table stands between.
type marks struct{ begin, end string }

var marksOf = map[string]marks{
	onHost:  {"<!-- the table of go run ./e2e/bench -update begins -->\n", "<!-- the table ends -->\n"},
	onArgo:  {"<!-- the table of go run ./e2e/bench -argo -update begins -->\n", "<!-- the table on Argo ends -->\n"},
	overMCP: {"<!-- the table of go run ./e2e/bench -mcp -update begins -->\n", "<!-- the table over MCP ends -->\n"},
}

// update writes the table into a document, between two marks.
func update(file string, m marks, rows []row, on machine) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("%w. Run this in the repository's root", err)
	}
	before, rest, begins := bytes.Cut(text, []byte(m.begin))
	_, after, ends := bytes.Cut(rest, []byte(m.end))
	if !begins || !ends {
		return fmt.Errorf("%s has lost the comments that the table stands between: %s and %s", file, m.begin, m.end)
	}
	var b bytes.Buffer
	b.Write(before)
	b.WriteString(m.begin + "\n")
	if err := writeMarkdown(&b, rows, on); err != nil {
		return err
	}
	b.WriteString("\n" + m.end)
	b.Write(after)
	return os.WriteFile(file, b.Bytes(), 0o666)
}
