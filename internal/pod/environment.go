package pod

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/ligase-bio/ligase/uris"
)

// Environment is what the template of a step tells its pod.
type Environment struct {
	Task, Pipeline, Step, Store string // LIGASE_TASK, _PIPELINE, _STEP, _STORE: as they are given

	Node  string
	Index uris.Index
	Retry int // how often the Workflow has retried the task

	Attempt, More string // LIGASE_ATTEMPT, LIGASE_MORE: of what collects for a template

	Workflow, WorkflowUID string
	Pod, Host             string

	Home     string // LIGASE_HOME: work/ and out/ are made in it
	Progress string // the file that Argo reads progress from; empty: none
	Path     string // PATH, for commands

	image map[string]string // what is left: the image's own, for commands
}

// defaultHome is where templates mount the folder that pods share with their
// worker.
const defaultHome = "/ligase"

// defaultPath is PATH in an image that sets none.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// readEnvironment reads an environment as os.Environ gives it.
func readEnvironment(environ []string) (Environment, error) {
	e := Environment{Home: defaultHome, Path: defaultPath, image: map[string]string{}}
	texts := map[string]*string{
		"LIGASE_TASK": &e.Task, "LIGASE_PIPELINE": &e.Pipeline, "LIGASE_STEP": &e.Step, "LIGASE_STORE": &e.Store,
		"LIGASE_NODE": &e.Node, "LIGASE_WORKFLOW": &e.Workflow, "LIGASE_WORKFLOW_UID": &e.WorkflowUID,
		"LIGASE_ATTEMPT": &e.Attempt, "LIGASE_MORE": &e.More,
		"LIGASE_POD": &e.Pod, "LIGASE_HOST": &e.Host, "LIGASE_HOME": &e.Home,
		"ARGO_PROGRESS_FILE": &e.Progress, "PATH": &e.Path,
	}
	for _, entry := range environ {
		name, value, ok := strings.Cut(entry, "=")
		if !ok || value == "" {
			continue
		}
		if to := texts[name]; to != nil {
			*to = value
			continue
		}
		var err error
		switch name {
		case "LIGASE_INDEX":
			e.Index, err = uris.ParseIndex(value)
		case "LIGASE_RETRY":
			if e.Retry, err = strconv.Atoi(value); err != nil || e.Retry < 0 {
				err = fmt.Errorf("%.40q is not a number of retries", value)
			}
		default:
			if isImages(name) {
				e.image[name] = value
			}
		}
		if err != nil {
			return e, fmt.Errorf("%s: %w", name, err)
		}
	}
	if !filepath.IsAbs(e.Home) {
		return e, fmt.Errorf("LIGASE_HOME: %.80q is not an absolute path", e.Home)
	}
	return e, nil
}

// lacks names the first variable that is not there and has to be.
func (e *Environment) lacks(names ...string) error {
	has := map[string]string{
		"LIGASE_TASK": e.Task, "LIGASE_PIPELINE": e.Pipeline, "LIGASE_STEP": e.Step,
		"LIGASE_STORE": e.Store, "LIGASE_NODE": e.Node,
	}
	for _, name := range names {
		if has[name] == "" {
			return fmt.Errorf("%s is not set: this program runs in the pods of templates that `ligase render` makes, which set it; see --help", name)
		}
	}
	return nil
}

// isImages reports whether a variable is for the command to see: one that the
// image sets (LD_LIBRARY_PATH, CONDA_PREFIX, …) or the device plugin
// (NVIDIA_VISIBLE_DEVICES), and not what tells this program, Argo and the
// storage libraries what to do, credentials least of all.
func isImages(name string) bool {
	switch name {
	case "PWD", "OLDPWD", "SHLVL", "_":
		return false // of the shell or program that started this one
	}
	for _, prefix := range []string{"LIGASE_", "ARGO_", "KUBERNETES_", "AWS_", "GOOGLE_", "GCLOUD_", "CLOUDSDK_", "AZURE_", "ALIBABA_"} {
		if strings.HasPrefix(name, prefix) {
			return false
		}
	}
	upper := strings.ToUpper(name)
	for _, part := range []string{"SECRET", "TOKEN", "PASSW", "CREDENTIAL", "ACCESS_KEY", "API_KEY"} {
		if strings.Contains(upper, part) {
			return false
		}
	}
	return true
}
