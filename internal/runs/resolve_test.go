package runs_test

import (
	"strings"
	"testing"

	"github.com/ligase-bio/ligase/catalog"
	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/pipelines"
	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/uris"
)

// Inputs of the library's tools, as their users give them.

func (b *bench) library(store runs.Store) *runs.Service {
	c, ps := catalog.Load(catalog.Builtin()...)
	if len(ps) > 0 {
		b.t.Fatal(ps)
	}
	return b.service(store, func(o *runs.Options) { o.Catalog = c })
}

func (b *bench) put(name, text string) uris.URI {
	b.t.Helper()
	u := b.root.Join("files", name)
	if _, err := b.blobs.Put(b.t.Context(), u, strings.NewReader(text)); err != nil {
		b.t.Fatal(err)
	}
	return u
}

const (
	sequence = "MQIFVKTLTGKTITLEVEPSDTIENVKAKIQDKEGIPPDQQRLIFAGKQLEDGRTLSDYNIQKESTLHLVLRLRGG"
	atoms    = "ATOM      1  N   MET A   1      27.340  24.430   2.614  1.00  9.67           N\n" +
		"ATOM      2  CA  MET A   1      26.266  25.413   2.842  1.00 10.38           C\n" +
		"ATOM      3  CG  MET A   1      26.913  26.639   3.531  1.00 10.38           C\n"
	scores = "tm_score,ca_rmsd,clashes,radius_of_gyration,n_residues,coverage,sequence_identity,mean_b_factor,correspondence\n0.5,2,0,11,76,1,1,50,index\n"
)

// TestFilesOfUsers: what content cannot tell apart is taken as what the port
// wants; what is plainly something else is not.
func TestFilesOfUsers(t *testing.T) {
	b := newBench(t)
	s := b.library(b.store())
	model := runs.InputValue{URI: b.put("model.pdb", atoms)}
	for _, tt := range []struct {
		name   string
		scores runs.InputValue
		want   string // the problem; empty: it is taken
	}{
		{"a table", runs.InputValue{URI: b.put("mine.csv", scores)}, ""},
		{"a table, in the call", runs.InputValue{Inline: []byte(scores), Name: "mine.csv"}, ""},
		{"a table, in the call, without a name", runs.InputValue{Inline: []byte(scores), Name: "scores"}, ""},
		{"a structure", model,
			"inputs.scores[0]: `model.pdb` is a protein structure (protein.structure, pdb); `scores` takes a score table (table.scores, csv). It would fit `models`, `backbones` or `earlier_models`."},
		{"a structure, in the call", runs.InputValue{Inline: []byte(atoms), Name: "model.pdb"},
			"inputs.scores[0]: `model.pdb` is a protein structure (protein.structure, pdb); `scores` takes a score table (table.scores, csv). It would fit `models`, `backbones` or `earlier_models`."},
		{"a structure, in the call, without a name", runs.InputValue{Inline: []byte(atoms), Name: "scores"},
			"inputs.scores[0]: The value given is a protein structure (protein.structure, pdb); `scores` takes a score table (table.scores, csv). It would fit `models`, `backbones` or `earlier_models`."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			plan, err := s.Plan(t.Context(), runs.SubmitRequest{Tenant: "t", Tool: "rank",
				Inputs: map[string][]runs.InputValue{"scores": {tt.scores}, "models": {model}}})
			if tt.want != "" {
				if err == nil || err.Error() != tt.want {
					t.Errorf("got %v\nwant %s", err, tt.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if in := plan.Inputs["scores"][0]; in.Type != "table.scores" || in.Format != "csv" {
				t.Errorf("taken as %s in %s", in.Type, in.Format)
			}
		})
	}
}

// TestEndingsThatSayNothing: a port that takes anything takes it under any
// name that is no other format's; others believe what a name says.
func TestEndingsThatSayNothing(t *testing.T) {
	types, ps := steps.LibraryTypes()
	if ps != nil {
		t.Fatal(ps)
	}
	step, problems := steps.ParseStep("head.yaml", []byte(`
name: head
version: 1.0.0
title: First line
description: Gives it.
inputs: {text: {type: file, format: text}, sequence: {type: protein.sequence, format: fasta, optional: true}, reads: {type: reads, format: fastq_gz, optional: true}}
outputs: {line: {type: file, format: text}}
implementations: {sh: {command: [head, $(inputs.text), [$(inputs.sequence)], [$(inputs.reads)]], collect: {line: x}}}
`))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	b := newBench(t)
	s := b.service(b.store(), func(o *runs.Options) { o.Catalog = fixedStep{step, types} })
	for _, tt := range []struct{ port, file, content, want string }{
		{"text", "notes.txt", "some words\n", ""},
		{"text", "aligned.sam", "@HD\tVN:1.6\n", ""},
		{"text", "notes", "some words\n", ""},
		{"text", "notes.txt", "\x00\x01", "binary data"},
		{"text", "mine.csv", scores, "takes a file (file, text)"},
		{"sequence", "mine.txt", ">mine\n" + sequence + "\n", ""},
		{"sequence", "mine.txt", "some words\n", "of no type that is known here"},
		{"sequence", "mine.fa.gz", "\x1f\x8b\x08\x00", "`mine.fa.gz` is compressed with gzip; `sequence` takes a protein sequence (protein.sequence, fasta). Decompress it (gunzip), and give what comes out."},
		{"sequence", "mine.gz", "\x1f\x8b\x08\x00", "`mine.gz` is of no type that is known here"},
		{"reads", "mine.fastq.gz", "\x1f\x8b\x08\x00", ""},
		{"reads", "mine.gz", "\x1f\x8b\x08\x00", ""},
		{"reads", "mine", "\x1f\x8b\x08\x00", ""},
		{"reads", "mine.fasta.gz", "\x1f\x8b\x08\x00", "compressed with gzip; `reads` takes a sequencing reads (reads, fastq_gz)"},
	} {
		inputs := map[string][]runs.InputValue{"text": {{Inline: []byte("x\n"), Name: "text"}}}
		inputs[tt.port] = []runs.InputValue{{Inline: []byte(tt.content), Name: tt.file}}
		_, err := s.Plan(t.Context(), runs.SubmitRequest{Tenant: "t", Tool: "head", Inputs: inputs})
		switch {
		case tt.want == "" && err != nil:
			t.Errorf("%s as %s: %v", tt.file, tt.port, err)
		case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
			t.Errorf("%s as %s: %v, want …%s…", tt.file, tt.port, err, tt.want)
		}
	}
}

// fixedStep is a catalog of one step.
type fixedStep struct {
	step  *steps.Step
	types *steps.Types
}

func (c fixedStep) Types() *steps.Types                 { return c.types }
func (c fixedStep) Next(string, string) []catalog.Fit   { return nil }
func (c fixedStep) Step(string) *steps.Step             { return c.step }
func (c fixedStep) Pipeline(string) *pipelines.Pipeline { return nil }
func (c fixedStep) Names(pipelines.Kind) []string       { return nil }
func (c fixedStep) Compile(_ string, i map[string]string) (*pipelines.Compiled, error) {
	return pipelines.CompileStep(c.step, c, &pipelines.CompileOptions{Implementations: i})
}

// TestBareValues: a sequence needs no header in a call, and becomes a file
// that has one.
func TestBareValues(t *testing.T) {
	b := newBench(t)
	s := b.library(b.store())
	fold := func(id, name, text string) (*pipelines.Plan, error) {
		sub, err := s.Submit(t.Context(), runs.SubmitRequest{Tenant: "t", RequestID: id, Tool: "fold",
			Inputs: map[string][]runs.InputValue{"sequence": {{Inline: []byte(text), Name: name}}}})
		if err != nil {
			return nil, err
		}
		return s.PlanOf(t.Context(), "t", sub.Run.ID)
	}
	for _, tt := range []struct{ name, file, text, want string }{
		{"bare", "sequence", sequence, ">query\n" + sequence + "\n"},
		{"on several lines", "", " " + sequence[:40] + "\r\n" + sequence[40:] + "*\r\n", ">query\n" + sequence[:40] + "\n" + sequence[40:] + "*\n"},
		{"in a file", "x.fasta", sequence, ">query\n" + sequence + "\n"},
		{"in small letters", "sequence", strings.ToLower(sequence), ">query\n" + strings.ToLower(sequence) + "\n"},
		{"with a header", "sequence", ">mine\n" + sequence, ">mine\n" + sequence + "\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			plan, err := fold(tt.name, tt.file, tt.text)
			if err != nil {
				t.Fatal(err)
			}
			in := plan.Inputs["sequence"][0]
			if got, err := b.blobs.ReadAll(t.Context(), in.URI, 1<<20); err != nil || string(got) != tt.want {
				t.Errorf("%s holds %q (%v), want %q", in.URI, got, err, tt.want)
			}
			if in.Size != int64(len(tt.want)) || in.Type != "protein.sequence" || in.Format != "fasta" {
				t.Errorf("the plan says %+v", in)
			}
		})
	}
	const takes = " The port sequence takes a protein sequence (protein.sequence) as fasta."
	for _, tt := range []struct{ name, text, want string }{
		{"sequence", "ACGTACGTACGTACGT", "inputs.sequence: It looks like DNA or RNA (only the letters A, C, G, T, U and N); translate it to protein first." + takes},
		{"sequence", "", "inputs.sequence: It is empty." + takes},
		{"sequence", "design", "inputs.sequence: It does not begin with '>': a FASTA file has a line '>name' and the sequence below it." + takes},
		{"x.fasta", "design.fasta", "inputs.sequence: `x.fasta`: It does not begin with '>': a FASTA file has a line '>name' and the sequence below it." + takes},
		{"sequence", strings.Repeat("M", 401), "inputs.sequence: The value given has a length of 401; `sequence` takes at most 400. Shorten or split it."},
	} {
		if _, err := fold("refused", tt.name, tt.text); err == nil || err.Error() != tt.want {
			t.Errorf("%q: got %v\nwant %s", tt.text, err, tt.want)
		}
	}
	bare := b.put("bare.fasta", sequence)
	if _, err := s.Plan(t.Context(), runs.SubmitRequest{Tenant: "t", Tool: "fold",
		Inputs: map[string][]runs.InputValue{"sequence": {{URI: bare}}}}); problem.Of(err) == nil {
		t.Errorf("an object that is no FASTA cannot be completed, but: %v", err)
	}
}

// TestWrongTypeNamesWhatFits reads as its user does: what was given, what is
// wanted, and where that lies.
func TestWrongTypeNamesWhatFits(t *testing.T) {
	b := newBench(t)
	store := b.store()
	s := b.library(store)
	table := b.commit(s, store, runs.SubmitRequest{Tenant: "t", RequestID: "a", Tool: "design_and_fold",
		Inputs: map[string][]runs.InputValue{"structure": {{URI: b.put("a.pdb", atoms)}}}}, "rank", "table", "table.ranking", "csv", scores)
	id := runs.IDOf("t", "a")
	design := uris.Layout{Root: b.root}.Run(string(id)).Object("design", "", 1, "sequences", 0, "fasta")
	if err := store.Apply(t.Context(), []runs.Observation{{RunID: id, Generation: 1, Task: &runs.TaskStatus{Node: "design", Attempt: 1, State: runs.Succeeded,
		Result: &steps.Result{Format: steps.ResultFormat, RunID: string(id), Node: "design", Attempt: 1,
			Outputs: map[string][]steps.Object{"sequences": {{URI: design, Type: "protein.sequence", Format: "fasta"}}}}}}}); err != nil {
		t.Fatal(err)
	}
	_, err := s.Plan(t.Context(), runs.SubmitRequest{Tenant: "t", Tool: "fold", Inputs: map[string][]runs.InputValue{"sequence": {{URI: table}}}})
	want := "inputs.sequence: `rank.table` of " + string(id) + " is a ranking (table.ranking, csv); `sequence` takes a protein sequence (protein.sequence, fasta). " +
		"`sequences` of the same run fits: " + design.String() + "."
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

// How long a value is depends on what takes it: a sequence that a run made is
// one record to what takes a file of them, as one that the call brings is.
func TestLengthOfARecordAsAFile(t *testing.T) {
	types, ps := steps.LibraryTypes()
	if ps != nil {
		t.Fatal(ps)
	}
	step, problems := steps.ParseStep("tally.yaml", []byte(`
name: tally
version: 1.0.0
title: Count
description: Counts records.
inputs: {all: {type: protein.sequence_set, format: fasta, max_length: 2}}
outputs: {table: {type: file, format: text}}
implementations: {sh: {command: [grep, -c, '>', $(inputs.all)], collect: {table: x}}}
`))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	b := newBench(t)
	store := b.store()
	sub, err := b.library(store).Submit(t.Context(), folding("one", "baseline", 50))
	if err != nil {
		t.Fatal(err)
	}
	at := uris.Layout{Root: b.root}.Run(string(sub.Run.ID)).Object("fold", "", 1, "sequence", -1, "fasta")
	content := ">one\n" + sequence + "\n"
	if _, err := b.blobs.Put(t.Context(), at, strings.NewReader(content)); err != nil {
		t.Fatal(err)
	}
	result := &steps.Result{Outputs: map[string][]steps.Object{"sequence": {{URI: at, Type: "protein.sequence", Format: "fasta", Size: int64(len(content))}}}}
	if err := store.Apply(t.Context(), []runs.Observation{{RunID: sub.Run.ID, Generation: 1,
		Task: &runs.TaskStatus{Node: "fold", State: runs.Succeeded, Attempt: 1, Result: result}}}); err != nil {
		t.Fatal(err)
	}
	s := b.service(store, func(o *runs.Options) { o.Catalog = fixedStep{step, types} })
	for name, value := range map[string]runs.InputValue{"brought": {Inline: []byte(content)}, "made": {URI: at}} {
		plan, err := s.Plan(t.Context(), runs.SubmitRequest{Tenant: sub.Run.Tenant, RequestID: "r", Tool: "tally", Inputs: map[string][]runs.InputValue{"all": {value}}})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if got := plan.Inputs["all"][0].Length; got != 1 {
			t.Errorf("%s: a length of %d, want 1 record", name, got)
		}
	}
}
