package runs

import (
	"context"

	"golang.org/x/sync/errgroup"
)

// togetherAtOnce is how many objects are read or written at a time.
const togetherAtOnce = 16

// together calls f for each of n, several at a time.
func together(ctx context.Context, n int, f func(ctx context.Context, i int) error) error {
	if n == 1 {
		return f(ctx, 0)
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(togetherAtOnce)
	for i := range n {
		group.Go(func() error { return f(ctx, i) })
	}
	return group.Wait()
}
