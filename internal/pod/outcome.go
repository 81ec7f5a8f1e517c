package pod

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/steps/worker"
)

// outcome is what Argo says of the template's end, as its expressions have it.
type outcome struct {
	Status     string    `json:"status"` // Succeeded, Failed, Error, Skipped
	ExitCode   string    `json:"exitCode"`
	ID         string    `json:"id"` // of its node
	StartedAt  time.Time `json:"startedAt"`
	FinishedAt time.Time `json:"finishedAt"`
	Outputs    struct {
		Parameters map[string]*string `json:"parameters"`
		Result     *string            `json:"result"`
	} `json:"outputs"`
}

func readOutcome(home string) (*outcome, error) {
	text, err := os.ReadFile(filepath.Join(home, fileOutcome))
	if err != nil {
		return nil, err
	}
	data, err := base64.StdEncoding.DecodeString(string(text))
	if err != nil {
		return nil, err
	}
	o := new(outcome)
	if err := json.Unmarshal(data, o); err != nil {
		return nil, err
	}
	return o, nil
}

// text is what the template left in a parameter or printed; not there when it
// left nothing.
func (o *outcome) text(s steps.Source) (string, bool) {
	value := o.Outputs.Result
	if s.Kind != steps.FromResult {
		value = o.Outputs.Parameters[s.Name]
	}
	if value == nil {
		return "", false
	}
	return *value, true
}

const killed = 137 // 128 + SIGKILL: what ends a container that takes too much memory

// failure is why the template did not succeed, as far as Argo tells those who
// run beside it; nil when it did.
func (o *outcome) failure(t *steps.Foreign) *steps.Failure {
	what := fmt.Sprintf("The template %s of %s", t.Entrypoint, t.Name)
	exit, err := strconv.Atoi(o.ExitCode)
	known := err == nil && exit > 0
	var f *steps.Failure
	switch {
	case o.Status == "Succeeded":
		return nil
	case known && exit == killed:
		f = worker.NewFailure(steps.FailOOM, "%s was killed (exit code %d), most likely since it took more memory than it asks for.", what, exit)
		f.Hint = "Ask for more memory in the template, or give it less to do at once."
	case known:
		f = worker.NewFailure(steps.FailExit, "%s ended with exit code %d.", what, exit)
	case o.Status == "Failed":
		f = worker.NewFailure(steps.FailExit, "%s failed.", what)
	default:
		f = worker.NewFailure(steps.FailPreempted, "%s ended without an exit code (%s): its pod was taken away, or could not be made.", what, o.Status)
		f.Hint = "Retry the run; if it fails again, look at the Workflow's events."
	}
	if known {
		f.ExitCode = &exit
	}
	if f.Code == steps.FailExit {
		f.Hint = fmt.Sprintf("Read its log in Argo (node %s): the tool says there what it did not like.", o.ID)
	}
	return f
}

// ran is how long the template took, by its machine's clock.
func (o *outcome) ran() time.Duration {
	if o.StartedAt.IsZero() || o.FinishedAt.Before(o.StartedAt) {
		return 0
	}
	return o.FinishedAt.Sub(o.StartedAt)
}
