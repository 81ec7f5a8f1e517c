package cli

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/ligase-bio/ligase/internal/config"
	"github.com/ligase-bio/ligase/internal/container"
	"github.com/ligase-bio/ligase/internal/local"
	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/steps"
)

// containers is where images are run on this machine.
func (a *app) containers() *container.Host {
	if a.boxes == nil {
		c, _ := a.settings() // commands that need it have said why they cannot have it
		o := container.Options{Use: container.Use(c.Containers), NoPull: c.Pull == config.PullNever, Volumes: c.Volumes}
		for _, m := range c.Mounts {
			if folder, where, err := config.ParseMount(m, config.Base{Dir: "/"}); err == nil { // else settings has said so
				o.Mounts = append(o.Mounts, container.Mount{Source: folder, Target: where, ReadOnly: true})
			}
		}
		a.boxes = container.NewHost(o)
	}
	return a.boxes
}

// here says what runs on this machine; nil when runs are another's, a
// cluster's.
func (a *app) here() *local.Here {
	if c, err := a.settings(); err != nil || c.Engine != config.Local {
		return nil
	}
	if a.machine == nil {
		a.machine = local.NewHere(a.containers(), "")
	}
	return a.machine
}

// hinders is what keeps implementations from running on this machine; nil when
// runs are a cluster's.
func (a *app) hinders() func(context.Context, string, *steps.Step, *steps.Implementation) *runs.Hindrance {
	here := a.here()
	if here == nil {
		return nil
	}
	return func(ctx context.Context, node string, step *steps.Step, impl *steps.Implementation) *runs.Hindrance {
		p := here.Of(ctx, impl)
		if p.Runs() {
			return nil
		}
		return &runs.Hindrance{Why: p.Why, Fix: strings.TrimSpace(a.siblings(ctx, here, node, step, impl.Name) + p.Fix)}
	}
}

// siblings says which other implementations of a node's step run here, and how
// to choose one. A plan has only those that it uses; the catalog has them all.
func (a *app) siblings(ctx context.Context, here *local.Here, node string, step *steps.Step, name string) string {
	c, _ := a.loadCatalog()
	if a.live != nil {
		c = a.live.Now()
	}
	whole := c.Step(step.Name + "@" + step.Version)
	if whole == nil {
		return ""
	}
	var can []string
	for i := range whole.Implementations {
		if other := &whole.Implementations[i]; other.Name != name && here.Glance(ctx, other).Runs() {
			can = append(can, other.Name)
		}
	}
	if len(can) == 0 {
		return ""
	}
	return "Choose one that can: " + runs.HowToChoose(node, can) + ". "
}

// gpus are the devices that runs can get: those that the configuration names,
// else, on this machine, those that there are. Of a cluster only the
// configuration tells.
func (a *app) gpus() func(context.Context) []steps.GPU {
	c, err := a.settings()
	if err != nil {
		return nil
	}
	var named []steps.GPU
	for _, name := range slices.Sorted(maps.Keys(c.GPUs)) {
		named = append(named, steps.GPU{Name: name, Memory: c.GPUs[name]})
	}
	if len(named) > 0 {
		return func(context.Context) []steps.GPU { return named }
	}
	if here := a.here(); here != nil {
		return func(context.Context) []steps.GPU { return here.GPUs() }
	}
	return nil
}
