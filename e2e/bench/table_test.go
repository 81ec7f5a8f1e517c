package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestVerdicts(t *testing.T) {
	ms := func(x float64) value { return value{x * 1e-3, seconds} }
	rate := func(x float64) value { return value{x, bytesPerSecond} }
	for _, c := range []struct {
		name string
		row  row
		want string
	}{
		{"no goal", row{ours: ms(1)}, ""},
		{"below the most", row{ours: ms(14), goal: atMost(ms(15))}, "met"},
		{"exactly the most", row{ours: ms(15), goal: atMost(ms(15))}, "met"},
		{"over the most", row{ours: ms(16), goal: atMost(ms(15))}, "missed"},
		{"over the least", row{ours: value{2100, perSecond}, goal: atLeast(value{2000, perSecond})}, "met"},
		{"exactly the least", row{ours: value{2000, perSecond}, goal: atLeast(value{2000, perSecond})}, "met"},
		{"below the least", row{ours: value{1900, perSecond}, goal: atLeast(value{2000, perSecond})}, "missed"},
		{"slower than the peer", row{ours: ms(3), theirs: ms(2), goal: ratioAtMost(1)}, "missed"},
		{"as fast as the peer", row{ours: ms(2), theirs: ms(2), goal: ratioAtMost(1)}, "met"},
		{"a rate near the peer's", row{ours: rate(91), theirs: rate(100), goal: ratioAtLeast(0.9)}, "met"},
		{"a rate far from the peer's", row{ours: rate(50), theirs: rate(100), goal: ratioAtLeast(0.9)}, "missed"},
		{"no peer to compare with", row{ours: ms(2), peer: "ninja is not installed", goal: ratioAtMost(1)}, "not compared"},
	} {
		if got := c.row.verdict(); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestValuesReadWell(t *testing.T) {
	for want, v := range map[string]value{
		"15 ms":     {15e-3, seconds},
		"1.5 ms":    {1.5e-3, seconds},
		"999 µs":    {999e-6, seconds},
		"2.73 s":    {2.734, seconds},
		"120 MB":    {120e6, byteCount},
		"0.5 B":     {0.5, byteCount},
		"2.26 GB/s": {2.263e9, bytesPerSecond},
		"2000 /s":   {2000, perSecond},
		"—":         {},
	} {
		if got := v.String(); got != want {
			t.Errorf("%+v is written %q, want %q", v, got, want)
		}
	}
}

func TestUpdateKeepsWhatStandsAroundTheTable(t *testing.T) {
	file := filepath.Join(t.TempDir(), "benchmarks.md")
	if err := os.WriteFile(file, []byte("before\n"+marksOf[onHost].begin+"old\n"+marksOf[onHost].end+"after\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	rows := []row{{what: "new", ours: value{2, seconds}, peer: "peer", theirs: value{1, seconds}, goal: ratioAtMost(1)}}
	for range 2 { // what it wrote it can replace
		if err := update(file, marksOf[onHost], rows, machine{cpu: "a CPU"}); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text := string(got)
	if !strings.HasPrefix(text, "before\n"+marksOf[onHost].begin) || !strings.HasSuffix(text, marksOf[onHost].end+"after\n") {
		t.Errorf("what stands around the table has changed:\n%s", text)
	}
	if n := strings.Count(text, "| new | 2 s | peer 1 s | 2× | ≤ 1× | **missed** |"); n != 1 || strings.Contains(text, "old") {
		t.Errorf("the table:\n%s", text)
	}

	if err := os.WriteFile(file, []byte("no marks"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := update(file, marksOf[onHost], rows, machine{}); err == nil {
		t.Error("a document without the marks is not refused")
	}
}

// Each tool must be told the same graph, or they are not compared.
func TestShapesAreTheSameForEveryTool(t *testing.T) {
	for _, s := range newShapes(3, 4, 2, 2) {
		edges := 0
		for _, before := range s.after {
			edges += len(before)
		}
		if got := strings.Count(s.pipeline(), "step: nothing"); got != len(s.after) {
			t.Errorf("%s: the pipeline has %d nodes, want %d", s.name, got, len(s.after))
		}
		if got := strings.Count(s.pipeline(), "before"); got != edges {
			t.Errorf("%s: the pipeline has %d wires, want %d", s.name, got, edges)
		}
		for tool, lines := range map[string]string{"make": s.makefile(), "ninja": s.ninja()} {
			tasks, needs := 0, 0
			for line := range strings.Lines(lines) {
				line = strings.TrimPrefix(strings.Replace(line, ": nothing", ":", 1), "build ")
				if target, list, ok := strings.Cut(strings.TrimSpace(line), ":"); ok && strings.HasPrefix(target, "n") {
					tasks, needs = tasks+1, needs+len(strings.Fields(list))
				}
			}
			if tasks != len(s.after) || needs != edges {
				t.Errorf("%s: %s has %d tasks and %d needs, want %d and %d", s.name, tool, tasks, needs, len(s.after), edges)
			}
		}
	}
}
