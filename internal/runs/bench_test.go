package runs_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/internal/runs/runstest"
	"github.com/ligase-bio/ligase/internal/sqlite"
	"github.com/ligase-bio/ligase/pipelines"
	"github.com/ligase-bio/ligase/uris"
)

// BenchmarkEnds is what the end of a run costs, with its record in the run's
// folder and without.
func BenchmarkEnds(b *testing.B) {
	for _, recorded := range []bool{true, false} {
		b.Run(fmt.Sprintf("recorded=%v", recorded), func(b *testing.B) {
			root, err := uris.FromPath(b.TempDir())
			if err != nil {
				b.Fatal(err)
			}
			blobs, err := uris.NewStore(uris.Options{Roots: []uris.Root{{URI: root, Write: recorded}}})
			if err != nil {
				b.Fatal(err)
			}
			defer blobs.Close()
			store, err := sqlite.Open(filepath.Join(b.TempDir(), "ligase.db"), sqlite.Options{})
			if err != nil {
				b.Fatal(err)
			}
			defer store.Close()
			c, engine := runstest.Catalog(b), newPuppet()
			s, err := runs.NewService(runs.Options{Store: store, Engine: engine, Blobs: blobs, Root: root, Catalog: c})
			if err != nil {
				b.Fatal(err)
			}
			ctx, stop := context.WithCancel(b.Context())
			ended := make(chan error, 1)
			go func() { ended <- s.Reconcile(ctx) }()
			<-engine.ready
			defer func() { stop(); <-ended }()
			plan := runstest.Plan(b, c, "say", pipelines.Arguments{})
			digest := plan.Digest()
			for i := 0; b.Loop(); i++ {
				b.StopTimer()
				request := fmt.Sprint(i)
				run := runs.Run{
					ID: runs.IDOf("t", request), Tenant: "t", RequestID: request, Digest: digest, Tool: plan.Compiled.Tool,
					Engine: "puppet", Root: root, State: runs.Pending, Generation: 1, CreatedAt: noon,
				}
				if _, _, err := store.Create(ctx, run, plan); err != nil {
					b.Fatal(err)
				}
				// As a run leaves it: with a folder, and a claim in it.
				if err := os.MkdirAll((uris.Layout{Root: root}).Run(string(run.ID)).URI.Path(), 0o700); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
				if err := engine.sink(ctx, []runs.Observation{{RunID: run.ID, Generation: 1, Time: noon, State: runs.Succeeded}}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
