package runs_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/internal/runs"
)

// A file of many sequences is as good as many files of one, where many are
// taken: the same plan, and the same values in the run's folder.
func TestFilesOfManyValues(t *testing.T) {
	b := newBench(t)
	s := b.library(b.store())
	structure := []runs.InputValue{{URI: b.put("x.pdb", strings.Repeat(atoms, 30))}}
	one, two, three := ">one\n"+sequence+"\n", ">two\nMKLVEEHHLLKKMMAAGGWW\nMKLV\n", ">three\nMKLVEEHHLLKKMMAAGGWW\n"
	call := func(id string, values ...runs.InputValue) runs.SubmitRequest {
		return runs.SubmitRequest{Tenant: "t", RequestID: id, Tool: "refold_check", Inputs: map[string][]runs.InputValue{"structure": structure, "sequences": values}}
	}
	whole := runs.InputValue{URI: b.put("all.fasta", strings.ReplaceAll("\n"+one+two+"\n"+three, "\n", "\r\n"))}
	apart, err := s.Plan(t.Context(), call("r", runs.InputValue{Inline: []byte(one)}, runs.InputValue{Inline: []byte(two)}, runs.InputValue{Inline: []byte(three)}))
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range map[string][]runs.InputValue{
		"by URI":                     {whole},
		"in the call":                {{Inline: []byte(one + two + three), Name: "all.faa"}},
		"in the call without a name": {{Inline: []byte(one + two + three)}},
		"behind a comment":           {{Inline: []byte("; made by hand\n\n" + one + two + three), Name: "all.fasta"}},
		"by another name":            {{Inline: []byte(one + two + three), Name: "all.seqs"}},
		"beside a single one":        {{Inline: []byte(one)}, {Inline: []byte(two + three)}},
	} {
		p, err := s.Plan(t.Context(), call("r", values...))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if p.Digest() != apart.Digest() && name != "by URI" {
			t.Errorf("%s: another plan than of three files", name)
		}
		for i, in := range p.Inputs["sequences"] {
			if in.URI != apart.Inputs["sequences"][i].URI || in.Length != apart.Inputs["sequences"][i].Length {
				t.Errorf("%s: value %d is %+v", name, i, in)
			}
		}
	}
	sub, err := s.Submit(t.Context(), call("s", whole))
	if err != nil {
		t.Fatal(err)
	}
	p, err := s.PlanOf(t.Context(), "t", sub.Run.ID)
	if err != nil {
		t.Fatal(err)
	}
	if says := p.Recut(); len(says) != 1 || says[0] != "sequences: `all.fasta` is split into its 3 records" {
		t.Errorf("%q", says)
	}
	twice, err := s.Plan(t.Context(), call("r", whole, runs.InputValue{Inline: []byte(one + two), Name: "all.fasta"}, runs.InputValue{Inline: []byte(two + one), Name: "all.fasta"}))
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(twice.Recut(), "; "); got != "sequences: `all.fasta` is split into its 3 records; sequences: `all.fasta` is split into its 2 records; sequences: `all.fasta` is split into its 2 records" {
		t.Error(got)
	}
	for i, want := range []string{one, two + "\n", three} {
		in := p.Inputs["sequences"][i]
		got, err := b.blobs.ReadAll(t.Context(), in.URI, 1<<20)
		if err != nil || string(got) != want || in.Origin != fmt.Sprintf("record %d of `all.fasta`", i+1) {
			t.Errorf("record %d (%s): %q %v", i, in.Origin, got, err)
		}
	}

	// A name is what its giver likes; sentences hold nothing that drives a terminal.
	odd, err := s.Plan(t.Context(), call("r", runs.InputValue{Inline: []byte(one + two), Name: "x\x1b[31m\u202e\n{{=1}}.fasta"}))
	if err != nil {
		t.Fatal(err)
	}
	if got := odd.Recut()[0]; got != "sequences: `x\ufffd[31m\ufffd\ufffd{{=1}}.fasta` is split into its 2 records" {
		t.Errorf("%q", got)
	}

	long := ">long\n" + strings.Repeat("MKLVEEHHLL", 50) + "\n"
	for name, c := range map[string]struct {
		call runs.SubmitRequest
		path string
		want string
	}{
		"one is too long": {call("r", runs.InputValue{Inline: []byte(one + long), Name: "all.fasta"}), "inputs.sequences[0]", "Record 2 of `all.fasta` has a length of 500; `sequences` takes at most 400."},
		"one is DNA":      {call("r", runs.InputValue{Inline: []byte(one + ">dna\nACGTACGTACGT\n"), Name: "all.fasta"}), "inputs.sequences[0]", "Record 2 of `all.fasta`: It looks like DNA or RNA"},
		"one is empty":    {call("r", runs.InputValue{Inline: []byte(one + ">nothing\n" + two), Name: "all.fasta"}), "inputs.sequences[0]", "Record 2 of `all.fasta`: It has a name but no residues"},
		"an alignment":    {call("r", runs.InputValue{Inline: []byte(">a\nMK-LV\n>b\nMKKLV\n"), Name: "all.fasta"}), "inputs.sequences[0]", "It has gaps"},
		"too many":        {call("r", runs.InputValue{Inline: []byte(strings.Repeat(three, 10_001)), Name: "all.fasta"}), "inputs.sequences[0]", "`all.fasta` has 10001 records; at most 10000 values are taken."},
		"one is wanted": {runs.SubmitRequest{Tenant: "t", RequestID: "r", Tool: "fold", Inputs: map[string][]runs.InputValue{"sequence": {{Inline: []byte(one + two), Name: "all.fasta"}}}},
			"inputs.sequence", "It has several records"},
	} {
		_, err := s.Plan(t.Context(), c.call)
		if ps := problem.Of(err); len(ps) != 1 || ps[0].Path != c.path || !strings.Contains(ps[0].Message, c.want) {
			t.Errorf("%s: %+v", name, ps)
		}
	}
}
