package main

import (
	"fmt"
	"io"
	"time"
)

// teller says what is being done, each line with the seconds since the start.
type teller struct {
	out   io.Writer
	start time.Time
}

func newTeller(out io.Writer) *teller { return &teller{out: out, start: time.Now()} }

func (t *teller) step(format string, args ...any) {
	fmt.Fprintf(t.out, "%6.1fs  %s\n", time.Since(t.start).Seconds(), fmt.Sprintf(format, args...))
}

// line says something without the time.
func (t *teller) line(format string, args ...any) { fmt.Fprintf(t.out, format+"\n", args...) }
