package drift_test

import (
	"testing"

	"github.com/ligase-bio/ligase/internal/argo/drift"
)

func TestSameImage(t *testing.T) {
	for _, c := range []struct {
		defined, live string
		same          bool
	}{
		{"ghcr.io/lab/fold:2", "ghcr.io/lab/fold:2", true},
		{"ghcr.io/lab/fold:2", "mirror.example/lab/fold:2", true},
		{"ghcr.io/lab/fold:2", "mirror.example:5000/ghcr.io/lab/fold:2", true},
		{"busybox:1.37", "docker.io/library/busybox:1.37", true},
		{"busybox:1.37", "localhost/library/busybox:1.37", true},
		{"lab/fold@sha256:ab", "mirror.example/lab/fold@sha256:ab", true},

		{"ghcr.io/lab/fold:2", "ghcr.io/lab/fold:3", false},
		{"ghcr.io/lab/fold:2", "ghcr.io/lab/fold", false},
		{"ghcr.io/lab/fold:2", "ghcr.io/other/fold:2", false},
		{"ghcr.io/lab/fold:2", "mirror.example/evil/lab/fold:2", false},
		{"lab/fold@sha256:ab", "lab/fold@sha256:cd", false},
		{"ghcr.io/lab/fold:2", "", false},
	} {
		if got := drift.SameImage(c.defined, c.live); got != c.same {
			t.Errorf("%q and %q: %v, want %v", c.defined, c.live, got, c.same)
		}
	}
}
