package runs

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/ligase-bio/ligase/internal/problem"
)

func TestLooksAreFew(t *testing.T) {
	var l looks
	var calls atomic.Int32
	miss := func() error { calls.Add(1); return problem.ErrNotFound }
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			if err := l.once(t.Context(), "a", miss); !errors.Is(err, problem.ErrNotFound) {
				t.Errorf("error %v", err)
			}
		})
	}
	wg.Wait()
	if n := calls.Load(); n != 1 {
		t.Errorf("64 callers looked %d times", n)
	}

	// Many that ask for many: never more than a few at a time, and not all is
	// remembered.
	var now, most atomic.Int32
	for i := range 2 * looksKept {
		wg.Go(func() {
			_ = l.once(t.Context(), fmt.Sprint(i), func() error {
				defer now.Add(-1)
				for n := now.Add(1); ; {
					if m := most.Load(); n <= m || most.CompareAndSwap(m, n) {
						return problem.ErrNotFound
					}
				}
			})
		})
	}
	wg.Wait()
	if most.Load() > looksAtOnce || len(l.byKey) > looksKept {
		t.Errorf("%d looks at once, %d kept", most.Load(), len(l.byKey))
	}

	// What is found, and who gives up, is not remembered.
	for range 2 {
		if err := l.once(t.Context(), "found", func() error { calls.Add(1); return nil }); err != nil {
			t.Error(err)
		}
	}
	gone, leave := context.WithCancel(t.Context())
	_ = l.once(gone, "left", func() error { leave(); calls.Add(1); return gone.Err() })
	if err := l.once(t.Context(), "left", func() error { calls.Add(1); return nil }); err != nil {
		t.Error(err)
	}
	if n := calls.Load(); n != 5 {
		t.Errorf("%d calls, want 5", n)
	}
}
