package steps_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/ligase-bio/ligase/steps"
)

// A plan carries the types that it needs: what reads them back must check the
// same.
func TestTypesSurviveJSON(t *testing.T) {
	all, err := steps.LibraryTypes()
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	var back steps.Types
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(all.Names(), back.Names()) {
		t.Fatalf("%v came back as %v", all.Names(), back.Names())
	}
	again, err := json.Marshal(&back)
	if err != nil || string(again) != string(data) {
		t.Errorf("a second round differs (%v):\n%s\n%s", err, data, again)
	}
	for _, sample := range []string{"", ">a\nMKV\n", ">a\nACGTACGT\n", "ATOM      1  N   ALA A   1      11.104   6.134  -6.504\n", "a,b\n1,2\n", "\x1f\x8b\x08\x04BC\x02", "zzz", "MKV"} {
		for _, name := range all.Names() {
			for _, f := range all.Lookup(name).Formats {
				want := all.CheckHead(name, f.Name, []byte(sample), true)
				got := back.CheckHead(name, f.Name, []byte(sample), true)
				if (want == nil) != (got == nil) || want != nil && want.Error() != got.Error() {
					t.Errorf("%s in %s of %q: %v, was %v", name, f.Name, sample, got, want)
				}
				full, ok := all.Bare(name, f.Name, []byte(sample))
				if again, stillOK := back.Bare(name, f.Name, []byte(sample)); ok != stillOK || string(full) != string(again) {
					t.Errorf("bare %q as %s in %s is %q (%v), was %q (%v)", sample, name, f.Name, again, stillOK, full, ok)
				}
			}
		}
	}
}

func TestTypesOfIsWhatANameNeeds(t *testing.T) {
	all, err := steps.LibraryTypes()
	if err != nil {
		t.Fatal(err)
	}
	some := all.Of("protein.backbone", "no.such.type")
	if want := []string{"protein.backbone", "protein.structure"}; !slices.Equal(some.Names(), want) {
		t.Errorf("Of(protein.backbone) has %v, want %v", some.Names(), want)
	}
	if !some.Fits("protein.backbone", "protein.structure") || some.Fits("protein.structure", "protein.backbone") {
		t.Error("the part of the lattice has another order")
	}
}
