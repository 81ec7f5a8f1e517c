package tasks

import (
	"testing"

	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/steps/worker"
)

// Items that one tool made, one by one, say so once: with the parameters that
// were the same. What several tools made, each item says for itself.
func TestMadeByOne(t *testing.T) {
	value := func(v int64) steps.Value {
		x, err := steps.NewValue(v)
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	maker := func(implementation string, seed int64) *steps.Maker {
		return &steps.Maker{Node: "fold", Step: "fold", Version: "1.0.0", Implementation: implementation, Params: map[string]steps.Value{"models": value(5), "seed": value(seed)}}
	}
	first := maker("baseline", 1)
	in := worker.Input{Items: []worker.Item{{MadeBy: first}, {MadeBy: maker("baseline", 2)}}}
	madeByOne(&in)
	if in.MadeBy == nil || len(in.MadeBy.Params) != 1 || in.MadeBy.Params["models"] != value(5) || in.Items[0].MadeBy != nil || in.Items[1].MadeBy != nil {
		t.Errorf("%+v", in)
	}
	if len(first.Params) != 2 {
		t.Error("what the plan knows was changed")
	}
	for _, items := range [][]worker.Item{{{MadeBy: first}, {MadeBy: maker("esmfold", 1)}}, {{MadeBy: first}, {}}, {}} {
		in := worker.Input{Items: items}
		madeByOne(&in)
		if in.MadeBy != nil || len(items) > 0 && items[0].MadeBy != first {
			t.Errorf("%+v", in)
		}
	}
}
