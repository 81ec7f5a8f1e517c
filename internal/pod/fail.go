package pod

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/ligase-bio/ligase/internal/tasks"
	"github.com/ligase-bio/ligase/steps"
)

// Fail records a failure under the job's attempt, claiming a number first if
// it has none. It does so also when ctx has ended. A failure that names
// another place, where something failed before, keeps it.
func (j *Job) Fail(ctx context.Context, f *steps.Failure, now time.Time) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewell)
	defer cancel()
	for name := range strings.SplitSeq(j.Task.Node, ".") {
		if !steps.ValidName(name) {
			return // there is no task whose failure it is
		}
	}
	if j.Attempt == 0 {
		if why := j.Claim(ctx, tasks.Started{StartedAt: now.UTC()}); why != nil {
			j.log.Warn("failure not recorded", "err", why)
			return
		}
	}
	if f.Node == "" {
		f.Node, f.Index, f.Attempt = j.Task.Node, j.Task.Index, j.Attempt
	}
	content, err := json.Marshal(f)
	if err == nil {
		_, err = j.Store.Put(ctx, j.Folder.Failure(j.Task.Node, j.Task.Index, j.Attempt), bytes.NewReader(content))
	}
	if err != nil {
		j.log.Warn("failure not recorded", "err", err)
	}
}
