package dag_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/ligase-bio/ligase/dag"
	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/steps"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// parseSpec reads a graph written as lines:
//
//	input structure:protein.structure/pdb
//	node fold sequence:protein.sequence/fasta -> structure:protein.structure/pdb
//	each design.sequences fold.sequence
//	with $inputs.structure score.reference
//	output best rank.best
//
// After a port's name, * is many, ? optional, and a number the fewest items.
// A node's id may be followed by =label, +continue and @within.port.
func parseSpec(t testing.TB, file string) dag.Spec {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var s dag.Spec
	for i, line := range strings.Split(string(data), "\n") {
		pos := problem.Pos{File: filepath.Base(file), Line: i + 1, Column: 1}
		words := strings.Fields(line)
		if len(words) == 0 || strings.HasPrefix(line, "#") {
			continue
		}
		switch words[0] {
		case "input":
			s.Inputs = append(s.Inputs, parsePort(words[1], pos))
		case "node":
			n := dag.Node{ID: words[1], Label: words[1], Path: "nodes." + words[1], Pos: pos}
			outputs := false
			for _, w := range words[2:] {
				switch {
				case w == "->":
					outputs = true
				case w == "+continue":
					n.ContinueOnFailure = true
				case strings.HasPrefix(w, "="):
					n.Label = strings.ReplaceAll(w[1:], "_", " ")
				case strings.HasPrefix(w, "@"):
					n.Within = append(n.Within, parseEndpoint(w[1:]))
				case outputs:
					n.Outputs = append(n.Outputs, parsePort(w, pos))
				default:
					n.Inputs = append(n.Inputs, parsePort(w, pos))
				}
			}
			s.Nodes = append(s.Nodes, n)
		case "with", "each":
			w := dag.Wire{From: parseEndpoint(words[1]), To: parseEndpoint(words[2]), Mode: dag.Mode(words[0]), Pos: pos}
			w.Path = "nodes." + w.To.Node + "." + words[0] + "." + w.To.Port
			s.Wires = append(s.Wires, w)
		case "output":
			s.Outputs = append(s.Outputs, dag.Output{Name: words[1], From: parseEndpoint(words[2]), Path: "outputs." + words[1], Pos: pos})
		default:
			t.Fatalf("%s: what is %q?", pos, line)
		}
	}
	return s
}

func parsePort(text string, pos problem.Pos) steps.Port {
	name, typ, _ := strings.Cut(text, ":")
	p := steps.Port{Pos: pos}
	for len(name) > 0 && strings.ContainsRune("*?0123456789", rune(name[len(name)-1])) {
		switch c := name[len(name)-1]; c {
		case '*':
			p.Many = true
		case '?':
			p.Optional = true
		default:
			p.MinItems = int(c - '0')
		}
		name = name[:len(name)-1]
	}
	p.Name = name
	typ, format, given := strings.Cut(typ, "/")
	p.Type = typ
	if given {
		p.Formats = strings.Split(format, ",")
	}
	return p
}

func parseEndpoint(text string) dag.Endpoint {
	if port, ok := strings.CutPrefix(text, "$inputs."); ok {
		return dag.Endpoint{Port: port}
	}
	dot := strings.LastIndexByte(text, '.')
	return dag.Endpoint{Node: text[:dot], Port: text[dot+1:]}
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (-want +got); -update rewrites it:\n%s", file, diff)
	}
}

func TestProblems(t *testing.T) {
	files, err := filepath.Glob("testdata/problems/*.graph")
	if err != nil || len(files) == 0 {
		t.Fatal("no files", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".graph")
		t.Run(name, func(t *testing.T) {
			g, problems := dag.Build(parseSpec(t, file), lattice(t))
			if (g == nil) == (problems == nil) {
				t.Fatalf("a graph and problems exclude each other: %v, %v", g, problems)
			}
			var out strings.Builder
			for _, p := range problems {
				if p.Path == "" || p.Code == "" || p.Fix == "" {
					t.Errorf("path, code and fix are needed: %+v", p)
				}
				out.WriteString(string(p.Code) + " " + p.String() + "\n")
			}
			golden(t, strings.TrimSuffix(file, ".graph")+".txt", out.String())
		})
	}
}

func TestDrawings(t *testing.T) {
	files, err := filepath.Glob("testdata/drawings/*.graph")
	if err != nil || len(files) == 0 {
		t.Fatal("no files", err)
	}
	for _, file := range files {
		g, problems := dag.Build(parseSpec(t, file), lattice(t))
		if problems != nil {
			t.Fatal(problems)
		}
		base := strings.TrimSuffix(file, ".graph")
		golden(t, base+".mmd", g.Mermaid())
		golden(t, base+".dot", g.DOT())
	}
}
