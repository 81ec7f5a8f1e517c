package local

import (
	"slices"

	"github.com/ligase-bio/ligase/steps"
)

// triesAgain reports whether a task whose counted attempts have all failed,
// the last one with code, is tried once more.
func triesAgain(r steps.Retries, code steps.FailureCode, failures int) bool {
	switch code {
	case steps.FailCanceled, steps.FailUpstream, steps.FailUnschedulable:
		return false // trying again cannot help, whatever the definition says
	}
	return failures <= r.Limit && slices.Contains(r.On, code)
}
