package runs_test

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/uris"
)

// listOf lists a tenant's runs as a user sees them.
func listOf(t *testing.T, s *runs.Service, tenant string) (list []string) {
	t.Helper()
	page, err := s.List(t.Context(), runs.RunFilter{Tenant: tenant, Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range page.Runs {
		list = append(list, strings.Join([]string{string(r.ID), r.Tool.Name, string(r.State), labelOf(r), r.CreatedAt.String(), r.FinishedAt.String()}, " "))
	}
	return list
}

func labelOf(r runs.Run) string { return r.Labels["project"] }

// TestReindex makes the store anew of what is below the root.
func TestReindex(t *testing.T) {
	b := newBench(t)
	l := localLab(t, b)
	ids := startEnds(l)
	open, err := b.service(b.store()).Submit(t.Context(), call("open")) // of another tenant, and not at its end
	if err != nil {
		t.Fatal(err)
	}
	put := func(u uris.URI, text string) {
		t.Helper()
		if _, err := b.blobs.Put(t.Context(), u, strings.NewReader(text)); err != nil {
			t.Fatal(err)
		}
	}
	below := b.root.Join("runs")
	strange := map[uris.URI]string{
		below.Join("notes.txt"):        "not the folder of a run",
		below.Join("run-00000000000l"): "not the folder of a run",
		below.Join("run-000000000000"): "nobody has claimed it",
		below.Join("run-000000000001"): "cut off",
		below.Join("run-000000000002"): "v9",
	}
	put(below.Join("notes.txt"), "hello")
	put(below.Join("run-00000000000l", "x"), "hello")
	put(below.Join("run-000000000000", "outputs", "say", "result.json"), "{}")
	put(below.Join("run-000000000001", "meta.json"), `{"format": "ligase.r`)
	put(below.Join("run-000000000002", "meta.json"), `{"format": "ligase.run/v9", "run_id": "run-000000000002"}`)

	store := b.store()
	s := b.service(store, func(o *runs.Options) { o.Engine = plainEngine{newPuppet()} })
	var seen []runs.Reindexed
	got, err := s.Reindex(t.Context(), func(r runs.Reindexed) { seen = append(seen, r) })
	if err != nil {
		t.Fatal(err)
	}
	if got.Folders != len(ids)+4 || got.Done != got.Folders || got.Known != 0 || got.Added != len(ids)+1 || got.Open != 1 {
		t.Errorf("%+v", got)
	}
	if len(seen) == 0 || seen[len(seen)-1].Added != got.Added {
		t.Errorf("progress: %+v", seen)
	}
	if len(got.Left) != len(strange) {
		t.Errorf("left alone: %+v", got.Left)
	}
	for _, left := range got.Left {
		if want := strange[left.URI]; want == "" || !strings.Contains(left.Reason, want) {
			t.Errorf("%s is left alone because %q, want %q", left.URI, left.Reason, want)
		}
	}
	if diff := cmp.Diff(listOf(t, l.Service, "suite"), listOf(t, s, "suite")); diff != "" {
		t.Errorf("listed: -before +after\n%s", diff)
	}
	for _, id := range ids {
		if diff := cmp.Diff(tellOf(t, l.Service, "suite", id), tellOf(t, s, "suite", id)); diff != "" {
			t.Errorf("%s: -before +after\n%s", id, diff)
		}
	}
	if run, err := s.Get(t.Context(), "t", open.Run.ID); err != nil || run.State != runs.Pending {
		t.Errorf("the open one: %+v, %v", run, err)
	}
	again, err := s.Reindex(t.Context(), nil)
	if err != nil || again.Added != 0 || again.Known != got.Added || len(again.Left) != len(strange) {
		t.Errorf("again: %+v, %v", again, err)
	}
	events, err := s.Events(t.Context(), "suite", ids[0], 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for _, e := range events {
		kinds = append(kinds, e.Kind)
	}
	if want := []string{"submitted", "recovered", "finished"}; !slices.Equal(kinds, want) {
		t.Errorf("history %v, want %v", kinds, want)
	}
	for u := range strange {
		if _, err := os.Stat(u.Path()); err != nil {
			t.Errorf("what was left alone is gone: %v", err)
		}
	}
}

// TestReindexGoesOn ends one between a run's row and the rest, and another
// after some runs: a second call has all of them.
func TestReindexGoesOn(t *testing.T) {
	b := newBench(t)
	l := localLab(t, b)
	ids := startEnds(l)
	run, err := l.Get(t.Context(), "suite", ids[0])
	if err != nil {
		t.Fatal(err)
	}
	plan, err := l.PlanOf(t.Context(), "suite", ids[0])
	if err != nil {
		t.Fatal(err)
	}
	bare := run
	bare.State, bare.Summary, bare.Progress, bare.StartedAt, bare.FinishedAt = runs.Pending, nil, runs.Progress{}, time.Time{}, time.Time{}
	store := b.store()
	if _, _, err := store.Create(t.Context(), bare, plan); err != nil {
		t.Fatal(err)
	}
	s := b.service(store)
	if got, err := s.Reindex(t.Context(), nil); err != nil || got.Known != 1 || got.Added != len(ids)-1 {
		t.Fatalf("%+v, %v", got, err)
	}
	b.reconcile(s)
	if _, err := s.Wait(t.Context(), "suite", ids[0]); err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		if diff := cmp.Diff(tellOf(t, l.Service, "suite", id), tellOf(t, s, "suite", id)); diff != "" {
			t.Errorf("%s: -before +after\n%s", id, diff)
		}
	}
	if handed := b.engine.handed(); len(handed) != 0 {
		t.Errorf("what has ended was given to the engine: %v", handed)
	}
}
