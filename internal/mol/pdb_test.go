package mol_test

import (
	"bytes"
	"os"
	"testing"

	"github.com/ligase-bio/ligase/internal/mol"
)

func read1UBQ(t testing.TB) *mol.Structure {
	t.Helper()
	data, err := os.ReadFile("testdata/1ubq.pdb")
	if err != nil {
		t.Fatal(err)
	}
	s, err := mol.ReadPDB(bytes.NewReader(data), nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestReadUbiquitin(t *testing.T) {
	s := read1UBQ(t)
	const want = "MQIFVKTLTGKTITLEVEPSDTIENVKAKIQDKEGIPPDQQRLIFAGKQLEDGRTLSDYNIQKESTLHLVLRLRGG"
	if got := s.Sequence(); got != want {
		t.Errorf("sequence\n got %s\nwant %s", got, want)
	}
	if s.Atoms() != 602 {
		t.Errorf("%d atoms, want 602", s.Atoms())
	}
	if len(s.Notes) != 1 || s.Notes[0] != "58 atoms of water left out." {
		t.Errorf("notes %q", s.Notes)
	}
	ca := s.Chains[0].Residues[0].Atom("CA")
	if ca.Pos != (mol.Vec{26.266, 25.413, 2.842}) || ca.B != 10.38 || ca.Element != "C" {
		t.Errorf("CA of residue 1: %+v", ca)
	}
}

func TestWriteReadsBack(t *testing.T) {
	s := read1UBQ(t)
	var first, second bytes.Buffer
	if err := mol.WritePDB(&first, s, "a remark"); err != nil {
		t.Fatal(err)
	}
	again, err := mol.ReadPDB(bytes.NewReader(first.Bytes()), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := mol.WritePDB(&second, again, "a remark"); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first.Bytes(), second.Bytes()) {
		t.Error("writing, reading and writing again gives other bytes")
	}
	if s.Sequence() != again.Sequence() || s.Atoms() != again.Atoms() {
		t.Errorf("%d atoms and %s came back", again.Atoms(), again.Sequence())
	}
}
