package pod

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/ligase-bio/ligase/internal/tasks"
	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/steps/worker"
)

// Files that the pods around somebody else's template and their templates
// (internal/argo/templates) know: below LIGASE_HOME.
const (
	fileVerdict   = "out/go"           // of stage: verdictRun or verdictDone
	fileAttempt   = "out/task-attempt" // of stage: the attempt's number, 0 when there is none
	fileAgain     = "out/again"        // of collect: whether there is to be another attempt
	fileOutcome   = "in/outcome"       // of collect: how the template ended
	dirArguments  = "out/arguments"    // of stage: what each parameter of the template is given
	dirStaged     = "out/staged"       // of stage: what each artifact of the template is given
	dirTheirs     = "theirs"           // of collect: the artifacts that the template made
	dirStaging    = "work/in"
	dirCollecting = "work/collect"

	verdictRun  = "run"
	verdictDone = "done"
)

// maxArgument is the most that a parameter of a template may have: Argo keeps
// it in the Workflow's status, of which there is about a megabyte.
const maxArgument = 128 << 10

// stage brings the inputs of a task to where somebody else's template can take
// them: parameters as texts, files as artifacts. A task that has committed, or
// has nothing to work on, is done without the template.
func (p Program) stage(ctx context.Context) int {
	return p.around(ctx, func(preparing context.Context, j *Job) int {
		home := j.Env.Home
		if f := write(home, fileVerdict, verdictDone); f != nil {
			return p.fail(ctx, j, f)
		}
		if f := write(home, fileAttempt, "0"); f != nil {
			return p.fail(ctx, j, f)
		}
		result, f := j.Committed(preparing)
		if f != nil {
			return p.fail(ctx, j, f)
		}
		if result != nil {
			p.say("%s has committed already, in attempt %d; nothing is run.", j.Task, result.Attempt)
			return 0
		}
		start, f := j.Start(preparing)
		if f != nil {
			return p.fail(ctx, j, f)
		}
		if why := start.Skipped; why != nil {
			p.say("%s has nothing to work on: %s failed, and was allowed to. %s", j.Task, why.Node, why.Message)
			return 0
		}
		if f := j.Claim(preparing, tasks.Started{StartedAt: p.Now().UTC(), Template: j.Node.Implementation.Template.Name}); f != nil {
			return p.fail(ctx, j, f)
		}
		start.Task.Attempt = j.Attempt
		arguments, f := argumentsOf(&start.Task)
		if f != nil {
			return p.fail(ctx, j, f)
		}
		for name, text := range arguments {
			// Argo takes one newline off the end.
			if f := write(home, filepath.Join(dirArguments, name), text+"\n"); f != nil {
				return p.fail(ctx, j, f)
			}
		}
		if code := p.stageFiles(ctx, j, start.Task); code != 0 {
			return code
		}
		if f := write(home, fileAttempt, fmt.Sprint(j.Attempt)); f != nil {
			return p.fail(ctx, j, f)
		}
		if f := write(home, fileVerdict, verdictRun); f != nil {
			return p.fail(ctx, j, f)
		}
		return 0
	})
}

// around does something for the job of a pod whose implementation is a
// template.
func (p Program) around(ctx context.Context, do func(preparing context.Context, j *Job) int) int {
	e, err := readEnvironment(p.Env)
	if err == nil {
		err = e.lacks("LIGASE_TASK", "LIGASE_PIPELINE", "LIGASE_STEP", "LIGASE_STORE", "LIGASE_NODE")
	}
	if err != nil {
		return p.usage("%v", err)
	}
	preparing, stop := context.WithTimeoutCause(ctx, preparation,
		worker.NewFailure(steps.FailStorage, "The store did not answer within %v.", preparation))
	defer stop()
	j, f := OpenJob(preparing, e, p.Openers, p.logger())
	if j != nil {
		defer j.Store.Close()
	}
	if f == nil {
		f = j.define(true)
	}
	if f == nil && j.Node.Implementation.Template == nil {
		f = installation(steps.FailImage, "The implementation %s of %s is a command, and this pod is for templates.", j.Node.Implementation.Name, j.Node.Step.Name)
	}
	if f != nil {
		return p.fail(ctx, j, f)
	}
	return do(preparing, j)
}

// stageFiles brings the inputs that the template takes as artifacts to where
// Argo fetches them. What it takes by URI stays where it is.
func (p Program) stageFiles(ctx context.Context, j *Job, task worker.Task) int {
	artifacts := task.Implementation.Template.Artifacts
	wanted := map[string]bool{}
	for _, a := range artifacts {
		wanted[a.Input] = true
	}
	var inputs []worker.Input
	for _, in := range task.Inputs {
		if wanted[in.Port.Name] {
			inputs = append(inputs, in)
		}
	}
	task.Inputs = inputs
	w, f := p.worker(j)
	if f != nil {
		return p.fail(ctx, j, f)
	}
	staged, f := w.Stage(ctx, task, filepath.Join(j.Env.Home, dirStaging))
	if f != nil { // and recorded it
		p.tell(f)
		return worker.ExitCode(f.Code)
	}
	for _, a := range artifacts {
		value, given := staged[a.Input]
		if !given { // an optional input
			continue
		}
		from := value.Folder
		switch a.Sub {
		case "":
			from = value.Paths[0]
		case "manifest":
			from = value.Manifest
		}
		if err := handOver(from, filepath.Join(j.Env.Home, dirStaged, a.Name)); err != nil {
			return p.fail(ctx, j, worker.NewFailure(steps.FailStorage, "The input `%s` could not be handed over: %v.", a.Input, err))
		}
	}
	return 0
}

// handOver moves a file or folder to where Argo takes it, readable for
// whatever user the template has.
func handOver(from, to string) error {
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	mode := os.FileMode(0o644)
	if info.IsDir() {
		mode = 0o755
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return os.Chmod(to, mode)
}

// argumentsOf renders what the parameters of the template are given. The
// values are a caller's, and the template is not ligase's: what it would
// evaluate is refused.
func argumentsOf(t *worker.Task) (map[string]string, *steps.Failure) {
	out := map[string]string{}
	for _, a := range t.Implementation.Template.Parameters {
		text, err := argument(t, a.Value)
		if err == nil {
			err = steps.CheckForeignValue(text)
		}
		if err == nil && len(text) > maxArgument {
			err = fmt.Errorf("The text has %d bytes; Argo hands on %d at most.", len(text), maxArgument)
		}
		if err != nil {
			f := worker.NewFailure(steps.FailInput, "The parameter %s of the template %s cannot be given %q. %s",
				a.Name, t.Implementation.Template.Name, shortened(text), err)
			f.Hint = "Give another value and submit again."
			return nil, f
		}
		out[a.Name] = text
	}
	return out, nil
}

func argument(t *worker.Task, value string) (string, error) {
	parts, err := steps.ParseTemplate(value)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, p := range parts {
		switch p.Kind {
		case steps.Literal:
			b.WriteString(p.Text)
		case steps.ParamRef:
			v, given := t.Params[p.Name]
			if !given {
				return "", fmt.Errorf("The parameter %s of the step is not set.", p.Name)
			}
			b.WriteString(v.String())
		default:
			text, err := whereabouts(t, p)
			if err != nil {
				return "", err
			}
			b.WriteString(text)
		}
	}
	return b.String(), nil
}

// whereabouts is where an input lies: its URI, or a JSON list of them.
func whereabouts(t *worker.Task, p steps.Part) (string, error) {
	for _, in := range t.Inputs {
		if in.Port.Name != p.Name {
			continue
		}
		list := []string{}
		for _, item := range in.Items {
			if item.Failed == nil {
				list = append(list, item.URI.String())
			}
		}
		if p.Sub == "uri" && len(list) == 1 {
			return list[0], nil
		}
		if p.Sub == "uris" {
			text, err := json.Marshal(list)
			return string(text), err
		}
	}
	return "", fmt.Errorf("%s stands for nothing here.", steps.Template{p})
}

func shortened(text string) string {
	const most = 60
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return text
}

// worker is what stages and commits for a template.
func (p Program) worker(j *Job) (*worker.Worker, *steps.Failure) {
	w, err := worker.New(worker.Options{Store: j.Store, WorkDir: filepath.Join(j.Env.Home, "work"), Version: p.Version, Now: p.Now, Log: j.log})
	if err != nil {
		return nil, worker.NewFailure(steps.FailUnknown, "The worker could not start: %v.", err)
	}
	return w, nil
}

// write makes a file that the template reads.
func write(home, name, text string) *steps.Failure {
	file := filepath.Join(home, name)
	err := os.MkdirAll(filepath.Dir(file), 0o755)
	if err == nil {
		err = os.WriteFile(file, []byte(text), 0o644)
	}
	if err != nil {
		return installation(steps.FailImage, "What the template waits for could not be written: %v.", err)
	}
	return nil
}
