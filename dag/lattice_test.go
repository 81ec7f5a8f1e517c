package dag_test

import (
	"testing"

	"github.com/ligase-bio/ligase/steps"
)

const latticeYAML = `
types:
  t: {title: Thing, formats: {f: {title: F, media_type: text/plain, extensions: [f]}}}
  protein.structure:
    title: Protein structure
    formats:
      pdb: {title: PDB, media_type: chemical/x-pdb, extensions: [pdb]}
      cif: {title: mmCIF, media_type: chemical/x-cif, extensions: [cif]}
  protein.backbone: {title: Protein backbone, is: protein.structure}
  protein.sequence:
    title: Protein sequence
    formats: {fasta: {title: FASTA, media_type: text/plain, extensions: [fasta]}}
  table.scores:
    title: Score table
    formats: {csv: {title: CSV, media_type: text/csv, extensions: [csv]}}
`

func lattice(t testing.TB) *steps.Types {
	list, problems := steps.ParseTypes("types.yaml", []byte(latticeYAML))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	types, problems := steps.NewTypes(list)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return types
}
