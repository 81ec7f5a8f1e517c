//go:build cluster

package argo

import (
	"testing"
	"time"

	"github.com/ligase-bio/ligase/internal/runs/runstest"
)

// TestConformance holds the Argo engine, on a real cluster with real S3 and as
// the gateway's service account, to what every engine must do.
func TestConformance(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	runstest.TestEngine(t, s.harness(5*time.Minute))
}
