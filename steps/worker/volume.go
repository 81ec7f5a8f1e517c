package worker

import (
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/ligase-bio/ligase/internal/container"
	"github.com/ligase-bio/ligase/steps"
)

// VolumeLacks says in a sentence what a folder lacks to be a volume; "" when it
// lacks nothing that can be seen.
func VolumeLacks(v *steps.Volume, folder string) string {
	switch info, err := os.Stat(folder); {
	case os.IsNotExist(err):
		return fmt.Sprintf("There is no folder %s for the volume %s.", folder, v.Name)
	case err != nil:
		return fmt.Sprintf("The folder %s for the volume %s cannot be used: %v.", folder, v.Name, err)
	case !info.IsDir():
		return fmt.Sprintf("%s, which is to be the volume %s, is no folder.", folder, v.Name)
	}
	if _, err := os.ReadDir(folder); err != nil {
		return fmt.Sprintf("The volume %s cannot be read: %v.", v.Name, err)
	}
	for _, files := range v.Files {
		globs := steps.OneOf(files)
		if !slices.ContainsFunc(globs, func(glob string) bool {
			found, err := fs.Glob(os.DirFS(folder), glob)
			return err != nil || len(found) > 0
		}) {
			return fmt.Sprintf("The folder %s, which is the volume %s, has no %s.", folder, v.Name, strings.Join(globs, " and no "))
		}
	}
	return ""
}

// volumes looks whether what the commands find at fixed paths is there. In a
// pod it is mounted already, as it is for a command that is a process.
func (a *attempt) volumes(parts []part) *steps.Failure {
	for i := range parts {
		p := &parts[i]
		if p.own {
			continue
		}
		for j := range a.task.Implementation.Volumes {
			v := &a.task.Implementation.Volumes[j]
			folder := v.At
			if p.boxed {
				if folder = a.worker.options.Containers.Folder(v.Name, v.At); folder == "" {
					f := a.lacks(v, "Nothing says which folder here is that.")
					f.Hint = fmt.Sprintf("Name it: volumes: {%s: FOLDER} in the configuration, or --volume %s=FOLDER. An engine that is at work keeps what it was started with: let it end first. Then retry the run.", v.Name, v.Name)
					return f
				}
			}
			if why := VolumeLacks(v, folder); why != "" {
				return a.lacks(v, why)
			}
		}
	}
	return nil
}

func (a *attempt) lacks(v *steps.Volume, why string) *steps.Failure {
	f := fail(steps.FailImage, "The implementation %q of %s finds %s at %s, and its image comes without it. %s",
		a.task.Implementation.Name, a.task.Step, v.Name, v.At, why)
	f.Retryable = true // the call can stay as it is
	f.Hint = "Fill the volume where the step runs, then retry the run."
	if v.Get != "" {
		f.Hint = "Fill the volume where the step runs (" + v.Get + "), then retry the run."
	}
	return f
}

// volumeMounts are the volumes as a container has them, and the mounts that
// every container has but those that stand in a volume's place.
func (a *attempt) volumeMounts() []container.Mount {
	host := a.worker.options.Containers
	var mounts []container.Mount
	taken := map[string]bool{}
	for _, v := range a.task.Implementation.Volumes {
		if m, ok := host.Volume(v.Name, v.At); ok {
			mounts, taken[m.Target] = append(mounts, m), true
		}
	}
	for _, m := range host.Mounts() {
		if !taken[m.Target] {
			mounts = append(mounts, m)
		}
	}
	return mounts
}
