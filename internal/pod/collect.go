package pod

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/steps/worker"
	"github.com/ligase-bio/ligase/uris"
)

// collect takes what somebody else's template made, checks it as any step's
// outputs and commits. When the template failed, or what it made is not what
// the step promises, it records that and says whether there is to be another
// attempt.
func (p Program) collect(ctx context.Context) int {
	return p.around(ctx, func(preparing context.Context, j *Job) int {
		outputs := j.Node.Types.WithRecords(j.Node.Step.Outputs)
		f := writeCounts(j.Env.Home, outputs, nil)
		if f == nil {
			f = write(j.Env.Home, fileAgain, "false")
		}
		if f != nil {
			return p.fail(ctx, j, f)
		}
		result, f := j.Committed(preparing)
		switch {
		case f != nil:
			return p.fail(ctx, j, f)
		case result != nil:
			return p.done(j.Env.Home, outputs, result)
		}
		attempt, more, f := j.Env.attempted()
		switch {
		case f != nil:
			return p.fail(ctx, j, f)
		case attempt == 0:
			p.say("%s had nothing to work on.", j.Task)
			return 0
		}
		j.Attempt = attempt
		ended, err := readOutcome(j.Env.Home)
		if err != nil {
			return p.fail(ctx, j, installation(steps.FailImage, "How the template ended could not be read: %v.", err))
		}
		if f := ended.failure(j.Node.Implementation.Template); f != nil {
			j.Fail(ctx, f, p.Now())
			return p.orAgain(j, f, more)
		}
		start, f := j.Start(preparing)
		if f != nil {
			return p.fail(ctx, j, f)
		}
		start.Task.Attempt = attempt
		result, f = p.commit(ctx, j, start.Task, ended)
		if f != nil {
			return p.orAgain(j, f, more)
		}
		return p.done(j.Env.Home, outputs, result)
	})
}

// attempted reads what the template says of the attempt: its number, and
// whether there can be another.
func (e *Environment) attempted() (attempt int, more bool, f *steps.Failure) {
	attempt, err := strconv.Atoi(e.Attempt)
	if err == nil {
		more, err = strconv.ParseBool(e.More)
	}
	if err != nil || attempt < 0 {
		return 0, false, installation(steps.FailImage, "LIGASE_ATTEMPT and LIGASE_MORE are %q and %q.", e.Attempt, e.More)
	}
	return attempt, more, nil
}

// orAgain ends a pod whose attempt failed: well, when the template is to be
// tried again. For trouble of this pod's own it is this pod that is retried.
func (p Program) orAgain(j *Job, f *steps.Failure, more bool) int {
	p.tell(f)
	own := f.Code == steps.FailStorage
	if more && !own && slices.Contains(j.Node.Implementation.Retries.On, f.Code) {
		if why := write(j.Env.Home, fileAgain, "true"); why == nil {
			return 0
		}
	}
	return worker.ExitCode(f.Code)
}

// commit checks and commits what the template made. A failure is recorded.
func (p Program) commit(ctx context.Context, j *Job, task worker.Task, ended *outcome) (*steps.Result, *steps.Failure) {
	w, f := p.worker(j)
	if f == nil {
		made := worker.Made{Outputs: map[string]worker.Place{}, Began: ended.StartedAt, Ran: ended.ran()}
		c := collector{job: j, ended: ended}
		for i := range task.Outputs {
			port := &task.Outputs[i]
			if port.RecordsOf != "" {
				continue // they are in that port's file
			}
			if made.Outputs[port.Name], f = c.place(ctx, port); f != nil {
				break
			}
		}
		if f == nil {
			made.Metrics, f = c.metrics()
		}
		if f == nil {
			return w.Commit(ctx, task, made)
		}
	}
	j.Fail(ctx, f, p.Now())
	return nil, f
}

// collector brings what a template made into folders.
type collector struct {
	job   *Job
	ended *outcome
}

func contract(format string, args ...any) *steps.Failure {
	return worker.NewFailure(steps.FailOutputContract, format, args...)
}

// place says where the files of a port are, having made them of texts and
// fetched those that were left in the store.
func (c *collector) place(ctx context.Context, port *steps.Port) (worker.Place, *steps.Failure) {
	text := c.job.Node.Implementation.Collect[port.Name]
	source, err := steps.ParseSource(text)
	if err != nil {
		return worker.Place{}, contract("The implementation says of `%s` to collect %q. %s", port.Name, text, err)
	}
	if source.Kind == steps.FromArtifact {
		return c.artifact(source), nil
	}
	folder := filepath.Join(c.job.Env.Home, dirCollecting, port.Name)
	place := worker.Place{Folder: folder, Pattern: "*"}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return place, worker.NewFailure(steps.FailStorage, "The folder for `%s` could not be made: %v.", port.Name, err)
	}
	value, there := c.ended.text(source)
	if !there {
		if port.Optional {
			return place, nil
		}
		return place, contract("The template ended well, but gave nothing as %s, which `%s` is collected from.", source, port.Name)
	}
	values := []string{value}
	if port.Many {
		if values, err = list(value); err != nil {
			return place, contract("`%s` carries many, and %s is no JSON list of them: %v.", port.Name, source, err)
		}
	}
	for i, v := range values {
		file := filepath.Join(folder, source.String())
		if port.Many {
			file = filepath.Join(folder, source.String()+"_"+strconv.Itoa(i))
		}
		if source.Kind == steps.FromURI {
			if f := c.fetch(ctx, port, v, file); f != nil {
				return place, f
			}
			continue
		}
		if err := os.WriteFile(file, []byte(v), 0o600); err != nil {
			return place, worker.NewFailure(steps.FailStorage, "`%s` could not be written: %v.", port.Name, err)
		}
	}
	return place, nil
}

// artifact is where Argo has put an artifact. One that the template did not
// make is an empty folder there.
func (c *collector) artifact(s steps.Source) worker.Place {
	place := worker.Place{Folder: filepath.Join(c.job.Env.Home, dirTheirs), Pattern: s.Name}
	if s.Glob != "" {
		place.Pattern += "/" + s.Glob
	}
	if _, err := os.Stat(place.Folder); err != nil {
		return worker.Place{Folder: c.job.Env.Home, Pattern: "none"}
	}
	inside, err := os.ReadDir(filepath.Join(place.Folder, s.Name))
	if s.Glob == "" && err == nil && len(inside) == 0 {
		place.Pattern += "/*"
	}
	return place
}

// fetch copies an object that the template left in the store.
func (c *collector) fetch(ctx context.Context, port *steps.Port, text, file string) *steps.Failure {
	u, err := uris.Parse(text)
	if err != nil {
		return contract("The template gave %q as `%s`, which is no URI: %v.", shortened(text), port.Name, err)
	}
	if _, err := c.job.Store.Stage(ctx, u, file, nil); err != nil {
		if ctx.Err() != nil {
			return c.job.storage(ctx, "An output could not be read", err)
		}
		return contract("The template gave %s as `%s`, which could not be read: %v.", u, port.Name, err)
	}
	return nil
}

// metrics says where the template's metrics are, if it has any.
func (c *collector) metrics() (worker.Place, *steps.Failure) {
	text := c.job.Node.Implementation.Metrics
	if text == "" {
		return worker.Place{}, nil
	}
	source, err := steps.ParseSource(text)
	if err != nil {
		return worker.Place{}, contract("The implementation says to take metrics from %q. %s", text, err)
	}
	if source.Kind == steps.FromArtifact {
		return c.artifact(source), nil
	}
	value, there := c.ended.text(source)
	if !there {
		return worker.Place{}, nil
	}
	const name = "metrics.json"
	folder := filepath.Join(c.job.Env.Home, dirCollecting)
	err = os.MkdirAll(folder, 0o700)
	if err == nil {
		err = os.WriteFile(filepath.Join(folder, name), []byte(value), 0o600)
	}
	if err != nil {
		return worker.Place{}, worker.NewFailure(steps.FailStorage, "The metrics could not be written: %v.", err)
	}
	return worker.Place{Folder: folder, Pattern: name}, nil
}

// list reads a JSON list: of texts, or of anything that is to be a text.
func list(text string) ([]string, error) {
	var items []json.RawMessage
	if err := json.Unmarshal([]byte(text), &items); err != nil {
		return nil, err
	}
	if items == nil {
		return nil, errors.New("it is null")
	}
	out := make([]string, len(items))
	for i, item := range items {
		if json.Unmarshal(item, &out[i]) != nil {
			out[i] = string(item)
		}
	}
	return out, nil
}
