package runs_test

import (
	"context"
	"strings"
	"testing"

	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/steps"
)

// What cannot run is refused before anything of it is there; a run that was
// taken while it could is that run still.
func TestHindered(t *testing.T) {
	b := newBench(t)
	hindered := true
	s := b.service(b.store(), func(o *runs.Options) {
		o.Hinders = func(_ context.Context, _ string, step *steps.Step, impl *steps.Implementation) *runs.Hindrance {
			if !hindered {
				return nil
			}
			return &runs.Hindrance{Why: "It has no image of " + step.Name + ".", Fix: "Pull it."}
		}
	})
	for name, try := range map[string]func() error{
		"plan":   func() error { _, err := s.Plan(t.Context(), call("a")); return err },
		"submit": func() error { _, err := s.Submit(t.Context(), call("a")); return err },
	} {
		err := try()
		ps := problem.Of(err)
		if len(ps) != 1 || ps[0].Path != "nodes.upper" || ps[0].Code != problem.NotAllowed || ps[0].Fix != "Pull it." ||
			!strings.HasSuffix(ps[0].Message, "of upper cannot run here. It has no image of upper.") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := count(t, s); n != 0 || len(b.engine.handed()) > 0 {
		t.Errorf("%d runs are there", n)
	}

	hindered = false
	first, err := s.Submit(t.Context(), call("a"))
	if err != nil {
		t.Fatal(err)
	}
	hindered = true
	if again, err := s.Submit(t.Context(), call("a")); err != nil || again.Run.ID != first.Run.ID || again.Created {
		t.Errorf("the same call again: %+v %v", again, err)
	}
}
