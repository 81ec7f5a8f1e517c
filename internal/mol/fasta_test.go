package mol_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ligase-bio/ligase/internal/mol"
)

func TestReadFASTA(t *testing.T) {
	tests := []struct {
		name, file string
		want       []mol.Sequence
	}{
		{"one", ">a\nMKV\n", []mol.Sequence{{Name: "a", Header: "a", Residues: "MKV"}}},
		{"header with words", ">sp|P0CG48 Ubiquitin, score=1.2\nMQ\nIF\n", []mol.Sequence{{Name: "sp|P0CG48", Header: "sp|P0CG48 Ubiquitin, score=1.2", Residues: "MQIF"}}},
		{"CRLF, lower case, stop, blank lines", "\r\n> a \r\nmkv\r\n\r\nla*\r\n", []mol.Sequence{{Name: "a", Header: "a", Residues: "MKVLA"}}},
		{"byte order mark", "\xef\xbb\xbf>a\nMKV", []mol.Sequence{{Name: "a", Header: "a", Residues: "MKV"}}},
		{"two", ">a\nMKV\n>b\nACD\n", []mol.Sequence{{Name: "a", Header: "a", Residues: "MKV"}, {Name: "b", Header: "b", Residues: "ACD"}}},
		{"chains of ProteinMPNN", ">a\nMKV/ACD\n", []mol.Sequence{{Name: "a", Header: "a", Residues: "MKV/ACD"}}},
		{"chains of ColabFold", ">a\nMKV:ACD\n", []mol.Sequence{{Name: "a", Header: "a", Residues: "MKV/ACD"}}},
		{"numbered blocks and comments", ">a\n; a comment\n  1 MKVLA MKVLA\n", []mol.Sequence{{Name: "a", Header: "a", Residues: "MKVLAMKVLA"}}},
		{"all glycine is protein", ">a\nGGGGGGGGGGGGGGGG\n", []mol.Sequence{{Name: "a", Header: "a", Residues: "GGGGGGGGGGGGGGGG"}}},
		{"two letters of DNA are protein", ">a\nGAGAGAGAGAGAGAGA\n", []mol.Sequence{{Name: "a", Header: "a", Residues: "GAGAGAGAGAGAGAGA"}}},
		{"short is protein", ">a\nGATTACA\n", []mol.Sequence{{Name: "a", Header: "a", Residues: "GATTACA"}}},
		{"no name", ">\nMKV\n", []mol.Sequence{{Name: "sequence_1", Header: "sequence_1", Residues: "MKV", Notes: []string{"A record without a name is called sequence_1."}}}},
		{"rare and ambiguous", ">a\nMUOBZJX\n", []mol.Sequence{{Name: "a", Header: "a", Residues: "MCKXXXX", Notes: []string{
			"2 residues of U or O (selenocysteine, pyrrolysine) became C or K.", "3 residues of B, J or Z (ambiguous) became X."}}}},
		{"control characters in a header", ">a\x1b[31m\tb\nMKV\n", []mol.Sequence{{Name: "a", Header: "a [31m b", Residues: "MKV"}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := mol.ReadFASTA(strings.NewReader(test.file), nil)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestRefuseFASTA(t *testing.T) {
	tests := []struct {
		name, file string
		limits     *mol.Limits
		fault      mol.Fault
		text       string
	}{
		{"empty", "", nil, mol.FaultEmpty, "no sequence"},
		{"header only", ">a\n", nil, mol.FaultEmpty, "Line 1: The record \"a\" has no residues"},
		{"second header only", ">a\nMKV\n>b\n", nil, mol.FaultEmpty, "Line 3"},
		{"DNA", ">a\nATGGCCATTGTAATGGGCCGC\n", nil, mol.FaultNoProtein, "looks like DNA; translate it to protein first"},
		{"DNA with N", ">a\nATGGCCATTNNNATGGGCCGC\n", nil, mol.FaultNoProtein, "looks like DNA"},
		{"RNA", ">a\nAUGGCCAUUGUAAUGGGCCGC\n", nil, mol.FaultNoProtein, "looks like RNA"},
		{"gaps", ">a\nMKV\n>b\nMK-VL\n", nil, mol.FaultMalformed, "Line 4: The sequence \"b\" has gaps"},
		{"stop within", ">a\nMK*VL\n", nil, mol.FaultMalformed, "after a stop"},
		{"digits are fine, other signs not", ">a\nMK?VL\n", nil, mol.FaultMalformed, "'?'"},
		{"empty chain", ">a\nMKV//ACD\n", nil, mol.FaultMalformed, "empty chain"},
		{"no header", "MKV\n", nil, mol.FaultFormat, "begins with a line '>name'"},
		{"PDB", "HEADER    X\nATOM  \n", nil, mol.FaultFormat, "PDB structure"},
		{"mmCIF", "data_1UBQ\n", nil, mol.FaultFormat, "mmCIF"},
		{"gzip", "\x1f\x8b\x08\x00", nil, mol.FaultFormat, "gunzip"},
		{"too long", ">a\nMKVLA\n", &mol.Limits{Residues: 4}, mol.FaultTooLarge, "longer than 4 residues"},
		{"too many", ">a\nM\n>b\nM\n>c\nM\n", &mol.Limits{Records: 2}, mol.FaultTooLarge, "more than 2 sequences"},
		{"long line", ">a\n" + strings.Repeat("M", 200), &mol.Limits{LineLength: 100}, mol.FaultTooLarge, "Line 2"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s, err := mol.ReadFASTA(strings.NewReader(test.file), test.limits)
			var refused *mol.ReadError
			if !errors.As(err, &refused) {
				t.Fatalf("read %v, error %v", s, err)
			}
			if refused.Fault != test.fault || !strings.Contains(refused.Error(), test.text) {
				t.Errorf("%s: %s; want %s with %q", refused.Fault, refused, test.fault, test.text)
			}
		})
	}
}

func TestWriteFASTA(t *testing.T) {
	var b bytes.Buffer
	err := mol.WriteFASTA(&b, mol.Sequence{Name: "a", Header: "a b\n>c", Residues: strings.Repeat("M", 81)}, mol.Sequence{Name: "d", Residues: "MK/V"})
	if err != nil {
		t.Fatal(err)
	}
	if want := ">a b >c\n" + strings.Repeat("M", 80) + "\nM\n>d\nMK/V\n"; b.String() != want {
		t.Errorf("wrote %q, want %q", b.String(), want)
	}
}

// FuzzReadFASTA: whatever is read holds the twenty letters, X and chain
// separators only, and comes back the same when written and read again.
func FuzzReadFASTA(f *testing.F) {
	f.Add([]byte(">a b\r\nmkv/la*\r\n>\nGGG\n"))
	f.Add([]byte(">a\nATGGCCATTGTAATGGGCC\n"))
	f.Add([]byte(";c\n>a\n  1 MKV-\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		sequences, err := mol.ReadFASTA(bytes.NewReader(data), &mol.Limits{Residues: 5000})
		if err != nil {
			var refused *mol.ReadError
			if !errors.As(err, &refused) || refused.Message == "" {
				t.Fatalf("no sentence: %v", err)
			}
			return
		}
		for i := range sequences {
			sequences[i].Notes = nil
			if s := &sequences[i]; s.Name == "" || strings.Trim(s.Residues, mol.AminoAcids+"X/") != "" || s.Len() == 0 {
				t.Fatalf("read %+v", s)
			}
		}
		var b bytes.Buffer
		if err := mol.WriteFASTA(&b, sequences...); err != nil {
			t.Fatal(err)
		}
		again, err := mol.ReadFASTA(&b, nil)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(sequences, again); diff != "" {
			t.Fatal(diff)
		}
	})
}
