package cli

import (
	"context"

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
		a.boxes = container.NewHost(container.Options{Use: container.Use(c.Containers), NoPull: c.Pull == config.PullNever})
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
func (a *app) hinders() func(context.Context, *steps.Implementation) *runs.Hindrance {
	here := a.here()
	if here == nil {
		return nil
	}
	return func(ctx context.Context, impl *steps.Implementation) *runs.Hindrance {
		if p := here.Of(ctx, impl); !p.Runs() {
			return &runs.Hindrance{Why: p.Why, Fix: p.Fix}
		}
		return nil
	}
}
