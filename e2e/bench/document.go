package main

import (
	"bytes"
	"fmt"
	"os"
)

// document is where the table is kept, from the repository's root.
const document = "docs/benchmarks.md"

const (
	tableBegins = "<!-- the table of go run ./e2e/bench -update begins -->\n"
	tableEnds   = "<!-- the table ends -->\n"
)

// update writes the table into a document, between its two marks.
func update(file string, rows []row, on machine) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("%w. Run this in the repository's root", err)
	}
	before, rest, begins := bytes.Cut(text, []byte(tableBegins))
	_, after, ends := bytes.Cut(rest, []byte(tableEnds))
	if !begins || !ends {
		return fmt.Errorf("%s has lost the comments that the table stands between: %s and %s", file, tableBegins, tableEnds)
	}
	var b bytes.Buffer
	b.Write(before)
	b.WriteString(tableBegins + "\n")
	if err := writeMarkdown(&b, rows, on); err != nil {
		return err
	}
	b.WriteString("\n" + tableEnds)
	b.Write(after)
	return os.WriteFile(file, b.Bytes(), 0o666)
}
