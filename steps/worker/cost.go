package worker

import (
	"math"

	"github.com/ligase-bio/ligase/steps"
)

// goesBy reports whether the cost of the implementation goes by the length of
// a port's value.
func (a *attempt) goesBy(port *steps.Port) bool {
	cost := a.task.Implementation.Cost
	return cost != nil && cost.By == port.Name
}

// amount is how much the attempt had to do: what predictions of others go by.
func (a *attempt) amount() *steps.Work {
	cost := a.task.Implementation.Cost
	if cost == nil {
		return nil
	}
	w := &steps.Work{Length: a.length, Times: a.integer(cost.Times)}
	if w.Length == 0 {
		w.Length = a.integer(cost.By)
	}
	if w.Length == 0 {
		return nil
	}
	return w
}

func (a *attempt) integer(param string) int {
	if v, ok := a.task.Params[param].Any().(int64); ok {
		return int(max(min(v, math.MaxInt32), 0))
	}
	return 0
}
