package argo

import (
	"strings"
	"time"

	"github.com/ligase-bio/ligase/internal/follow"
	"github.com/ligase-bio/ligase/internal/runs"
)

// The last word on holding a run lies on its Workflow, with the time at which
// it was said: a process that did not take it learns of it there, and of two
// words each process goes by the later one. What the Workflow's spec says may
// be of another making, and tells nothing: a run that has failed is suspended
// until what is at work has ended, and people suspend Workflows by hand.

// holdText is a word as the Workflow's annotation has it; empty when there is
// none.
func holdText(h runs.Hold) string {
	if h.SuspendAsked.IsZero() {
		return ""
	}
	word := "resumed"
	if h.Suspended {
		word = "suspended"
	}
	return word + " " + h.SuspendAsked.UTC().Format(time.RFC3339Nano)
}

// holdOf reads what holdText wrote. What somebody else wrote is no word.
func holdOf(text string) runs.Hold {
	word, at, _ := strings.Cut(text, " ")
	asked, err := time.Parse(time.RFC3339Nano, at)
	if err != nil || word != "suspended" && word != "resumed" {
		return runs.Hold{}
	}
	return runs.Hold{Suspended: word == "suspended", SuspendAsked: asked.UTC()}
}

// heed goes by a later word that the run's Workflow bears.
func (r *run) heed(s *sighting) {
	if s.hold.Later(r.hold) {
		r.hold, r.sent.hold, r.sent.suspended = s.hold, holdText(s.hold), s.suspended
	}
}

// tellHold has the store know of a word that came by the Workflow.
func (e *Engine) tellHold(r *run) {
	if word := holdText(r.hold); word != r.heldTold {
		r.heldTold = word
		hold := r.hold
		e.tell(r, runs.Observation{Hold: &hold}, follow.AtOnce)
	}
}
