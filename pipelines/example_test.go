package pipelines_test

import (
	"fmt"
	"os"
	"testing"

	"github.com/ligase-bio/ligase/pipelines"
	"github.com/ligase-bio/ligase/uris"
)

func Example() {
	catalog := load(&testing.T{}, os.DirFS("testdata/catalog"))
	definition := `
name: fold_and_score
version: 1.0.0
title: Fold a sequence and compare the model
description: How near does a sequence fold to where it should?
inputs:
  sequence: {type: protein.sequence}
  reference: {type: protein.structure}
params:
  seed: {type: integer, default: 1}
nodes:
  fold: {step: fold, with: {sequence: $inputs.sequence, seed: $params.seed}}
  score: {step: score, with: {model: fold.structure, reference: $inputs.reference}}
outputs: {scores: score.scores}
`
	p, problems := pipelines.Parse("fold_and_score.yaml", []byte(definition))
	if problems != nil {
		fmt.Println(problems)
		return
	}
	compiled, err := pipelines.Compile(p, catalog, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("nodes:", compiled.Graph().Order())

	sequence, _ := uris.Parse("s3://lab/a.fasta")
	table, _ := uris.Parse("s3://lab/scores.csv")
	_, err = compiled.Bind(pipelines.Arguments{
		Inputs: map[string][]pipelines.Input{
			"sequence":  {{URI: sequence, Type: "protein.sequence", Format: "fasta"}},
			"reference": {{URI: table, Type: "table.scores", Format: "csv"}},
		},
		Params: map[string]any{"seed": "500"}, // as from a command line
	}, catalog.Types())
	fmt.Println(err)

	model, _ := uris.Parse("s3://lab/a.pdb")
	plan, err := compiled.Bind(pipelines.Arguments{
		Inputs: map[string][]pipelines.Input{
			"sequence":  {{URI: sequence, Type: "protein.sequence", Format: "fasta"}},
			"reference": {{URI: model, Type: "protein.structure", Format: "pdb"}},
		},
		Params: map[string]any{"seed": "50"},
	}, catalog.Types())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("seed of fold:", plan.NodeParams("fold")["seed"])
	// Output:
	// nodes: [fold score]
	// inputs.reference: `s3://lab/scores.csv` is a score table (table.scores, csv); `reference` takes a protein structure (protein.structure, pdb). Give it a protein structure (protein.structure, pdb).
	// params.seed: `fold.seed`, which "seed" sets, does not take this value. Give a whole number from 0 to 100, not 500.
	// seed of fold: 50
}
