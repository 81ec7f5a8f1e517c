package pod

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/steps/worker"
)

// writeCounts writes what templates go by: out/count-{port} for each port that
// gives many, how many items the task gave, 0 without a result or when all was
// filtered;
// out/left-{port}, which of them were filtered; and out/left, where all that it
// gave was.
func writeCounts(home string, outputs []steps.Port, result *steps.Result) *steps.Failure {
	if result != nil && result.Filtered != nil {
		if f := writeOut(home, "left", "true"); f != nil {
			return f
		}
	}
	for i := range outputs {
		if !outputs[i].Many {
			continue
		}
		name := outputs[i].Name
		if f := writeCount(home, "count-"+name, "left-"+name, name, result); f != nil {
			return f
		}
	}
	return nil
}

// writeCount writes how many items a task gave on a port, and which of them
// were filtered.
func writeCount(home, count, left, port string, result *steps.Result) *steps.Failure {
	var objects []steps.Object
	if result != nil && result.Filtered == nil { // else nobody is to take them
		objects = result.Outputs[port]
	}
	filtered := []string{}
	for i := range objects {
		if objects[i].Filtered != nil {
			filtered = append(filtered, strconv.Itoa(i))
		}
	}
	list, err := json.Marshal(filtered)
	if err != nil {
		return installation(steps.FailImage, "The number of outputs could not be written: %v.", err)
	}
	if f := writeOut(home, count, strconv.Itoa(len(objects))); f != nil {
		return f
	}
	return writeOut(home, left, string(list))
}

func writeOut(home, name, text string) *steps.Failure {
	out := filepath.Join(home, "out")
	err := os.MkdirAll(out, 0o755)
	if err == nil {
		err = os.WriteFile(filepath.Join(out, name), []byte(text), 0o644)
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
