package pod

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/steps/worker"
)

// writeCounts writes out/count-{port} for each port that gives many: how many
// items the task gave, 0 without a result. Templates scatter by them.
func writeCounts(home string, outputs []steps.Port, result *steps.Result) *steps.Failure {
	for i := range outputs {
		if !outputs[i].Many {
			continue
		}
		n := 0
		if result != nil {
			n = len(result.Outputs[outputs[i].Name])
		}
		if f := writeCount(home, "count-"+outputs[i].Name, n); f != nil {
			return f
		}
	}
	return nil
}

func writeCount(home, name string, n int) *steps.Failure {
	out := filepath.Join(home, "out")
	err := os.MkdirAll(out, 0o755)
	if err == nil {
		err = os.WriteFile(filepath.Join(out, name), []byte(strconv.Itoa(n)), 0o644)
	}
	if err == nil {
		return nil
	}
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		f := worker.NewFailure(steps.FailStorage, "The number of outputs could not be written: %v.", err)
		f.Hint = "The pod's scratch space is full: raise resources.disk of the implementation."
		return f
	}
	return installation(steps.FailImage, "The number of outputs could not be written: %v.", err)
}
