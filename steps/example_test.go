package steps_test

import (
	"encoding/json"
	"fmt"

	"github.com/ligase-bio/ligase/steps"
)

const count = `
name: count
version: 1.0.0
title: Count residues
description: Counts the residues of a sequence.
inputs:
  sequence: {type: protein.sequence, format: fasta}
params:
  gaps: {type: boolean, default: false, description: Count gaps too}
outputs:
  table: {type: table, format: csv}
implementations:
  baseline:
    command: [count, $(inputs.sequence), --gaps=$(params.gaps), $(work)/out.csv]
    collect: {table: out.csv}
`

func ExampleParseStep() {
	s, problems := steps.ParseStep("count.yaml", []byte(count))
	if len(problems) > 0 {
		fmt.Println(problems)
		return
	}
	fmt.Println(s.Title, s.Version)
	for _, p := range s.Inputs {
		fmt.Println(p.Name, p.Type, p.Formats)
	}
	// Output:
	// Count residues 1.0.0
	// sequence protein.sequence [fasta]
}

func ExampleStep_InputSchema() {
	s, _ := steps.ParseStep("count.yaml", []byte(count))
	data, err := json.MarshalIndent(s.InputSchema(), "", "  ")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(string(data))
	// Output:
	// {
	//   "type": "object",
	//   "properties": {
	//     "sequence_uri": {
	//       "type": "string",
	//       "description": "URI of a protein.sequence (fasta).",
	//       "format": "uri",
	//       "minLength": 1
	//     },
	//     "gaps": {
	//       "type": "boolean",
	//       "description": "Count gaps too.",
	//       "default": false
	//     }
	//   },
	//   "required": [
	//     "sequence_uri"
	//   ],
	//   "additionalProperties": false
	// }
}

func ExampleTypes_CheckHead() {
	types, err := steps.LibraryTypes()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(types.Fits("protein.backbone", "protein.structure"))
	fmt.Println(types.CheckHead("protein.sequence", "fasta", []byte(">gene\nATGGCATTCGATTAA\n"), true))
	// Output:
	// true
	// It looks like DNA or RNA (only the letters A, C, G, T, U and N); translate it to protein first.
}

func ExampleParam_Check() {
	most := 1000.0
	p := steps.Param{Name: "samples", Type: steps.Integer, Maximum: &most}
	v, err := p.Check("1e3", true) // from a command line
	fmt.Println(v, err)
	_, err = p.Check("many", true)
	fmt.Println(err)
	// Output:
	// 1000 <nil>
	// Give a whole number of at most 1000, not the text "many".
}
