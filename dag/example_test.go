package dag_test

import (
	"fmt"

	"github.com/ligase-bio/ligase/dag"
	"github.com/ligase-bio/ligase/steps"
)

func Example() {
	list, problems := steps.ParseTypes("types.yaml", []byte(latticeYAML))
	if problems != nil {
		fmt.Println(problems)
		return
	}
	types, problems := steps.NewTypes(list)
	if problems != nil {
		fmt.Println(problems)
		return
	}
	structure := steps.Port{Name: "structure", Type: "protein.structure", Formats: []string{"pdb"}}
	sequence := steps.Port{Name: "sequence", Type: "protein.sequence", Formats: []string{"fasta"}}
	sequences := steps.Port{Name: "sequences", Type: "protein.sequence", Formats: []string{"fasta"}, Many: true}
	models := steps.Port{Name: "models", Type: "protein.structure", Formats: []string{"pdb"}, Many: true, MinItems: 1}
	spec := dag.Spec{
		Inputs: []steps.Port{structure},
		Nodes: []dag.Node{
			{ID: "design", Inputs: []steps.Port{structure}, Outputs: []steps.Port{sequences}},
			{ID: "fold", Inputs: []steps.Port{sequence}, Outputs: []steps.Port{structure}, ContinueOnFailure: true},
			{ID: "pick", Inputs: []steps.Port{models}, Outputs: []steps.Port{structure}},
		},
		Wires: []dag.Wire{
			{From: dag.Endpoint{Port: "structure"}, To: dag.Endpoint{Node: "design", Port: "structure"}, Mode: dag.With},
			{From: dag.Endpoint{Node: "design", Port: "sequences"}, To: dag.Endpoint{Node: "fold", Port: "sequence"}, Mode: dag.Each},
			{From: dag.Endpoint{Node: "fold", Port: "structure"}, To: dag.Endpoint{Node: "pick", Port: "models"}, Mode: dag.With},
		},
		Outputs: []dag.Output{{Name: "best", From: dag.Endpoint{Node: "pick", Port: "structure"}}},
	}
	g, problems := dag.Build(spec, types)
	if problems != nil {
		fmt.Println(problems)
		return
	}

	// A run: design gives two sequences, and the second cannot be folded.
	f, change := g.NewFrontier(nil)
	fmt.Println("ready:", change.Ready)
	change, _ = f.Succeed(change.Ready[0], map[string]int{"sequences": 2})
	fmt.Println("ready:", change.Ready)
	_, _ = f.Fail(dag.Task{Node: "fold", Index: "1"})
	change, _ = f.Succeed(dag.Task{Node: "fold", Index: "0"}, nil)
	fmt.Println("ready:", change.Ready)
	for _, s := range f.Sources(change.Ready[0], "models") {
		fmt.Println("takes:", s.From, s.Index, "failed:", s.Failed)
	}

	// A wire that does not fit.
	spec.Wires[1].From = dag.Endpoint{Node: "pick", Port: "structure"}
	_, problems = dag.Build(spec, types)
	fmt.Println(problems)
	// Output:
	// ready: [design]
	// ready: [fold/0 fold/1]
	// ready: [pick]
	// takes: fold.structure 0 failed: false
	// takes: fold.structure 1 failed: true
	// `pick.structure` is a protein structure (protein.structure, pdb); `fold.sequence` takes a protein sequence (protein.sequence, fasta). `design.sequences` fits.
}
