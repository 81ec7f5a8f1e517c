package follow_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ligase-bio/ligase/internal/follow"
	"github.com/ligase-bio/ligase/internal/runs"
)

func status(n int, state runs.State) runs.Observation {
	return runs.Observation{RunID: "run-a", Task: &runs.TaskStatus{Node: fmt.Sprintf("node%d", n), State: state}}
}

// TestOutboxKeepsWhatASinkDoesNotTake has a sink that is away for a minute.
func TestOutboxKeepsWhatASinkDoesNotTake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var (
			mu    sync.Mutex
			got   []string
			sizes []int
			began = time.Now()
		)
		sink := func(_ context.Context, batch []runs.Observation) error {
			mu.Lock()
			defer mu.Unlock()
			if time.Since(began) < time.Minute {
				return errors.New("away")
			}
			sizes = append(sizes, len(batch))
			for _, o := range batch {
				switch {
				case o.Task != nil:
					got = append(got, o.Task.Node+" "+string(o.Task.State))
				case o.State != "":
					got = append(got, string(o.State))
				}
			}
			return nil
		}
		box := follow.NewOutbox(nil)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { box.Deliver(ctx, sink); close(ended) }()
		box.Tell(status(1, runs.Running), follow.Soon)
		time.Sleep(time.Second) // on its way, and not taken
		for range 1000 {
			box.Tell(status(1, runs.Running), follow.Later)
			box.Tell(status(2, runs.Running), follow.Later)
		}
		box.Tell(status(2, runs.Succeeded), follow.Soon)
		box.Tell(runs.Observation{RunID: "run-a", State: runs.Succeeded}, follow.AtOnce)
		time.Sleep(2 * time.Minute)
		mu.Lock()
		want := []string{"node1 running", "node1 running", "node2 succeeded", "succeeded"}
		if !slices.Equal(got, want) || !slices.Equal(sizes, []int{1, 3}) {
			t.Errorf("%v in batches of %v, want %v", got, sizes, want)
		}
		mu.Unlock()
		box.Tell(status(3, runs.Running), time.Hour)
		stop()
		<-ended
		if last := got[len(got)-1]; last != "node3 running" {
			t.Errorf("what was left at the end was not sent: %v", got)
		}
	})
}

func TestBackoffDoublesUpToItsBound(t *testing.T) {
	b := follow.Backoff{Base: time.Second, Max: 10 * time.Second}
	for failures, bound := range map[int]time.Duration{1: time.Second, 2: 2 * time.Second, 4: 8 * time.Second, 5: 10 * time.Second, 1000: 10 * time.Second} {
		for range 50 {
			if d := b.Wait(failures); d < bound/2 || d > bound {
				t.Errorf("after %d failures %s, want %s to %s", failures, d, bound/2, bound)
			}
		}
	}
}
