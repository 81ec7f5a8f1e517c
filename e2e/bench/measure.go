package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"
)

// rounds is how often everything is measured. What the table says is the
// median.
const rounds = 5

// bench is what the cases share.
type bench struct {
	dir      string // for what the cases write; theirs to fill, removed at the end
	quick    bool
	progress io.Writer
}

// full is one of two sizes: the goal's, or a small one that only shows that
// the program works.
func (b *bench) full(size, quick int) int {
	if b.quick {
		return quick
	}
	return size
}

func (b *bench) say(format string, args ...any) { fmt.Fprintf(b.progress, "  "+format+"\n", args...) }

// way is one way to do what a case measures.
type way struct {
	name    string
	prepare func() error // not measured; may be nil
	run     func(ctx context.Context) error
}

// contest does the same thing in several ways and returns the median of each,
// in seconds. The ways take turns, and who begins changes, so that what else
// goes on on the machine meets all of them alike. Each is done once before,
// unmeasured.
func (b *bench) contest(ctx context.Context, repeat int, ways ...way) ([]float64, error) {
	took := make([][]float64, len(ways))
	for round := -1; round < repeat; round++ {
		for i := range ways {
			at := (i + max(round, 0)) % len(ways)
			d, err := once(ctx, ways[at])
			if err != nil {
				return nil, fmt.Errorf("%s: %w", ways[at].name, err)
			}
			if round >= 0 {
				took[at] = append(took[at], d)
			}
		}
	}
	medians := make([]float64, len(ways))
	for i, list := range took {
		slices.Sort(list)
		medians[i] = list[len(list)/2]
		b.say("%s: %s (%s to %s)", ways[i].name, value{medians[i], seconds}, value{list[0], seconds}, value{list[len(list)-1], seconds})
	}
	return medians, nil
}

func once(ctx context.Context, w way) (float64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if w.prepare != nil {
		if err := w.prepare(); err != nil {
			return 0, err
		}
	}
	start := time.Now()
	err := w.run(ctx)
	return time.Since(start).Seconds(), err
}

func median(list []float64) float64 { return quantile(list, 0.5) }

// quantile sorts the list.
func quantile(list []float64, q float64) float64 {
	slices.Sort(list)
	return list[min(int(float64(len(list))*q), len(list)-1)]
}
