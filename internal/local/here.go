package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/ligase-bio/ligase/internal/container"
	"github.com/ligase-bio/ligase/internal/follow"
	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/steps/worker"
)

// Here says of implementations whether and how they run on this machine,
// before anything is run. It is safe for concurrent use.
type Here struct {
	containers *container.Host
	path       string
	slots      func() Slots
}

// NewHere looks at the machine that this process runs on, where the engine
// runs as well. path is PATH for commands; empty: this process's own.
func NewHere(containers *container.Host, path string) *Here {
	if path == "" {
		path = os.Getenv("PATH")
	}
	return &Here{containers: containers, path: path, slots: sync.OnceValue(DetectSlots)}
}

// Place is how an implementation runs here, or why it cannot.
type Place struct {
	How string `json:"how,omitempty"` // "as a process", "in podman"; empty: it cannot
	Why string `json:"why,omitempty"` // a sentence: why it cannot
	Fix string `json:"fix,omitempty"` // what to do about it; may be empty
}

// Runs reports whether it runs here.
func (p Place) Runs() bool { return p.How != "" }

// String says it in words.
func (p Place) String() string {
	if p.Runs() {
		return p.How
	}
	return strings.TrimSpace("no. " + p.Why + " " + p.Fix)
}

// Glance is [Here.Of] without asking for images: one that is not here, and may
// not be pulled, counts as here.
func (h *Here) Glance(ctx context.Context, impl *steps.Implementation) Place {
	return h.of(ctx, impl, false)
}

// Of says how an implementation runs here.
func (h *Here) Of(ctx context.Context, impl *steps.Implementation) Place {
	return h.of(ctx, impl, true)
}

func (h *Here) of(ctx context.Context, impl *steps.Implementation, images bool) Place {
	if impl.Template != nil {
		return Place{Why: fmt.Sprintf("It is the template %s in a cluster.", impl.Template.Name), Fix: "Run it with the engine argo."}
	}
	if why := h.lacks(impl.Resources); why != "" {
		return Place{Why: why, Fix: "Run it on a machine that has it."}
	}
	how := "as a process"
	for i, command := range impl.Commands() {
		if len(command) == 0 && i != 1 {
			continue
		}
		program := programOf(command)
		if h.containers.Contains(impl.Image, program) {
			place := h.boxed(ctx, impl, images)
			if !place.Runs() {
				if program != "" && program != "sh" && h.process(impl, program).Runs() {
					place.Fix += fmt.Sprintf(" Or run %s as it is installed here, whatever version that is: --containers never.", program)
				}
				return place
			}
			how = place.How
			continue
		}
		if p := h.process(impl, program); !p.Runs() {
			return p
		}
	}
	if p := h.Volumes(impl); !p.Runs() {
		return p
	}
	return Place{How: how}
}

// Volumes is the part of [Here.Of] that is about volumes: whether what the
// commands find at fixed paths is here.
func (h *Here) Volumes(impl *steps.Implementation) Place {
	for i, command := range impl.Commands() {
		program := programOf(command)
		if len(command) == 0 && i != 1 || program == container.Self {
			continue
		}
		if p := h.volumes(impl, h.containers.Contains(impl.Image, program)); !p.Runs() {
			return p
		}
	}
	return Place{How: "as a process"}
}

// lacks says what the machine can never give.
func (h *Here) lacks(r steps.Resources) string {
	if r.GPU == 0 && r.Memory == 0 {
		return ""
	}
	slots := h.slots()
	switch {
	case r.GPU > 0 && len(slots.GPUs) == 0:
		return fmt.Sprintf("It needs %s, and there is none here.", follow.Count(r.GPU, "GPU"))
	case r.GPU > len(slots.GPUs):
		return fmt.Sprintf("It needs %s, and there are %d here.", follow.Count(r.GPU, "GPU"), len(slots.GPUs))
	case slots.Memory > 0 && r.Memory > slots.Memory:
		return fmt.Sprintf("It needs %s of memory, and there are %s here.", bytesText(r.Memory), bytesText(slots.Memory))
	}
	return ""
}

// programOf is the program that a command names; "" where a value decides.
func programOf(command []steps.Arg) string {
	if len(command) == 0 || len(command[0].Templates) == 0 {
		return ""
	}
	parts, err := steps.ParseTemplate(command[0].Templates[0])
	if err != nil || len(parts) != 1 || parts[0].Kind != steps.Literal {
		return ""
	}
	return parts[0].Text
}

func (h *Here) process(impl *steps.Implementation, program string) Place {
	found := Place{How: "as a process"}
	if program == "" || program == container.Self {
		return found
	}
	path := h.path
	if p, ok := impl.Env["PATH"]; ok {
		path = p
	}
	candidates := []string{program}
	if !filepath.IsAbs(program) {
		candidates = nil
		for _, dir := range filepath.SplitList(path) {
			if filepath.IsAbs(dir) && !strings.Contains(program, "/") {
				candidates = append(candidates, filepath.Join(dir, program))
			}
		}
	}
	for _, c := range candidates {
		if info, err := os.Stat(c); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return found
		}
	}
	return Place{Why: fmt.Sprintf("Its program %s is not on PATH here.", program), Fix: "Install it."}
}

// volumes says so of one command: for a container, whether they are somewhere;
// for a process, whether they are where it looks for them.
func (h *Here) volumes(impl *steps.Implementation, boxed bool) Place {
	for i := range impl.Volumes {
		v := &impl.Volumes[i]
		folder := h.containers.Folder(v.Name, v.At)
		fill := ""
		if v.Get != "" {
			fill = " To fill it: " + v.Get
		}
		switch {
		case boxed && folder == "":
			return Place{
				Why: fmt.Sprintf("Its image comes without the volume %s, and nothing says which folder here is that.", v.Name),
				Fix: fmt.Sprintf("Name it: --volume %s=FOLDER, or volumes: {%s: FOLDER} in the configuration.%s", v.Name, v.Name, fill),
			}
		case boxed:
			if why := worker.VolumeLacks(v, folder); why != "" {
				return Place{Why: why, Fix: strings.TrimSpace("Fill it, or name another: --volume " + v.Name + "=FOLDER." + fill)}
			}
		default:
			if why := worker.VolumeLacks(v, v.At); why != "" {
				if folder == "" {
					folder = "FOLDER"
				}
				return Place{
					Why: fmt.Sprintf("As a process it finds the volume %s at %s and nowhere else. %s", v.Name, v.At, why),
					Fix: fmt.Sprintf("Have it there: sudo mkdir -p %s && sudo ln -s %s %s.%s", filepath.Dir(v.At), folder, v.At, fill),
				}
			}
		}
	}
	return Place{How: "as a process"}
}

// boxed says how a command that belongs into a container runs here.
func (h *Here) boxed(ctx context.Context, impl *steps.Implementation, images bool) Place {
	no := func(err error) Place {
		var u *container.Unavailable
		if errors.As(err, &u) {
			return Place{Why: u.Message, Fix: u.Fix}
		}
		return Place{Why: fmt.Sprintf("It could not be found out: %v.", err)}
	}
	program, err := h.containers.Sketch(ctx)
	if err != nil {
		return no(err)
	}
	if n := impl.Resources.GPU; n > 0 {
		if program, err = h.containers.Program(ctx); err != nil {
			return no(err)
		}
		gpus := Given(h.slots().GPUs)
		if u := program.GPUs(gpus[:min(n, len(gpus))]); u != nil {
			return no(u)
		}
	}
	how := Place{How: "in " + program.Name}
	if !images {
		return how
	}
	switch here, err := h.containers.Image(ctx, program, impl.Image); {
	case err != nil:
		return no(err)
	case !here && h.containers.Pulls():
		how.How += ", once the image is pulled"
	case !here:
		return Place{Why: fmt.Sprintf("Its image %s is not here, and images are not to be pulled.", impl.Image), Fix: "Pull it: " + program.Typed(program.Pull(impl.Image))}
	}
	return how
}

// GPUs are the devices of the machine, as plans look at them.
func (h *Here) GPUs() []steps.GPU {
	var out []steps.GPU
	for _, g := range h.slots().GPUs {
		out = append(out, steps.GPU{Name: g.Name, Memory: g.Memory})
	}
	return out
}

// Given are the devices of the machine as containers are given them. Where they
// stand among all of the machine's is only known when nothing was left out of
// them or put in their place.
func Given(gpus []GPU) []container.GPU {
	_, chosen := os.LookupEnv("CUDA_VISIBLE_DEVICES")
	parts := slices.ContainsFunc(gpus, func(g GPU) bool { return strings.HasPrefix(g.ID, "MIG-") })
	given := make([]container.GPU, len(gpus))
	for i, g := range gpus {
		given[i] = container.GPU{ID: g.ID, Index: i}
		if chosen || parts {
			given[i].Index = -1
		}
	}
	return given
}
