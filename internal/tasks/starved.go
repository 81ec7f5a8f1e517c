package tasks

import (
	"cmp"
	"fmt"

	"github.com/ligase-bio/ligase/dag"
	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/steps/worker"
)

// Starved is the failure of a task that gathers too little to work on, and one
// of the failures that it is for, nil when there is none: see [NameFirst] and
// [Blame].
func (p *Past) Starved(n *Node, sources func(port string) []dag.Source) (*steps.Failure, *worker.ItemFailure) {
	f := &steps.Failure{
		Code:    steps.FailUpstream,
		Message: fmt.Sprintf("%s has too little to work on.", n.ID),
		Hint:    "Look at why the steps before it failed.",
	}
	for _, name := range n.Inputs {
		port := n.Step.Input(name)
		list := sources(name)
		if !port.Many || len(list) == 0 {
			continue
		}
		failed, filtered, first := 0, 0, (*worker.ItemFailure)(nil)
		for _, s := range list {
			if !s.Failed {
				continue
			}
			cause := p.Cause(s.Cause)
			if cause != nil && cause.Code == steps.FailFiltered {
				filtered++
			} else {
				failed++
			}
			if first == nil || first.Code == steps.FailFiltered {
				first = cmp.Or(cause, first) // a failure says more than a filter
			}
		}
		if len(list)-failed-filtered >= max(port.MinItems, 1) {
			continue
		}
		items := "items"
		if len(list) == 1 {
			items = "item"
		}
		f.Message = fmt.Sprintf("%s has too little to work on: of the %d %s for its input %s, %s.", n.ID, len(list), items, name, lost(failed, filtered))
		return f, first
	}
	return f, nil
}

// lost says how many items there are no more, and why.
func lost(failed, filtered int) string {
	switch {
	case filtered == 0:
		return fmt.Sprintf("%d failed", failed)
	case failed == 0:
		return fmt.Sprintf("%d were filtered", filtered)
	}
	return fmt.Sprintf("%d failed and %d were filtered", failed, filtered)
}

// NameFirst adds to the message of a failure for want of items the failure of
// one: of origin, the first that failed, or where that is not known of any.
func NameFirst(f *steps.Failure, any *worker.ItemFailure, origin *steps.Failure) {
	switch {
	case origin != nil:
		f.Message += fmt.Sprintf(" The first, at %s: %s", origin.Node, origin.Message)
	case any != nil:
		f.Message += fmt.Sprintf(" One, at %s: %s", any.Node, any.Message)
	}
}

// Blame is a failure for want of items as its reader needs it: with the place,
// exit code and log of origin, the first that failed; f itself when that is
// not known.
func Blame(f, origin *steps.Failure) *steps.Failure {
	if origin == nil {
		return f
	}
	b := *origin
	b.Code, b.Message, b.Retryable = f.Code, f.Message, f.Retryable
	return &b
}
