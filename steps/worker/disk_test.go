package worker_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/steps/worker"
)

// hoard writes 10 MB again and again, at most 2 GB, and stays.
const hoard = `cd "$1"; n=0; while [ $n -lt 200 ]; do mkdir -p d$n; head -c 10000000 /dev/zero >d$n/f; n=$((n+1)); done; sleep 60`

func TestDiskLimit(t *testing.T) {
	for name, where := range map[string]string{"work": `$(work)`, "its temporary folder": `$(work)/../tmp`} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, nil)
			task := l.task("trap '' TERM; "+hoard, where)
			task.Implementation.Resources.Disk = 64 << 20
			began := time.Now()
			f := l.wants(task, steps.FailDisk, "more than the 64 MiB of disk that its implementation asks for, and was ended.")
			var written int
			if _, err := fmt.Sscanf(f.Message, "The command had written %d MiB", &written); err != nil || written <= 64 {
				t.Errorf("%s: %v", f.Message, err)
			}
			if f.ExitCode != nil || f.Retryable || !strings.Contains(f.Hint, "resources.disk") || time.Since(began) > 15*time.Second {
				t.Errorf("after %s: %+v", time.Since(began), f)
			}
		})
	}
	// Whether a command is faster than the watch must make no difference.
	t.Run("at once", func(t *testing.T) {
		t.Parallel()
		l := newLab(t, nil)
		task := l.task(`head -c 20000000 /dev/zero >f; echo x >o.txt`)
		task.Implementation.Resources.Disk = 10 << 20
		task.Outputs = []steps.Port{note("o")}
		task.Implementation.Collect = map[string]string{"o": "o.txt"}
		l.wants(task, steps.FailDisk, "more than the 10 MiB of disk that its implementation asks for")
	})
	t.Run("within", func(t *testing.T) {
		t.Parallel()
		l := newLab(t, nil)
		// Names of one file, and holes in one, are no more than they are.
		task := l.task(`head -c 20000000 /dev/urandom >a; for n in 1 2 3 4; do ln a a$n; done; truncate -s 10G hole; sleep 1; echo x >o.txt`)
		task.Implementation.Resources.Disk = 64 << 20
		task.Outputs = []steps.Port{note("o")}
		task.Implementation.Collect = map[string]string{"o": "o.txt"}
		l.must(task, nil)
	})
	// Who is ended for what it was given must not look for what it wrote.
	t.Run("inputs", func(t *testing.T) {
		t.Parallel()
		l := newLab(t, nil)
		task := l.bookTask(`sleep 20`, "$(inputs.in)")
		task.Inputs = []worker.Input{{Port: steps.Port{Name: "in", Type: "book", Formats: []string{"txt"}}, Items: []worker.Item{l.put("a.txt", strings.Repeat("# a line\n", 1_200_000))}}}
		task.Implementation.Resources.Disk = 8 << 20
		l.wants(task, steps.FailDisk, "had 11 MiB on disk, 11 MiB of that its inputs, more than the 8 MiB of disk")
	})
	t.Run("not asked", func(t *testing.T) {
		t.Parallel()
		l := newLab(t, func(o *worker.Options) { o.Unlimited = true })
		task := l.task(`head -c 100000000 /dev/zero >a; sleep 1; echo x >o.txt`)
		task.Implementation.Resources.Disk = 64 << 20
		task.Outputs = []steps.Port{note("o")}
		task.Implementation.Collect = map[string]string{"o": "o.txt"}
		l.must(task, nil)
	})
}

// When the disk runs out of room, who has written the most is ended, and nobody
// who has written next to nothing.
func TestDiskRunsFull(t *testing.T) {
	l := newLab(t, func(o *worker.Options) { o.LeastFree = 1 << 60 })
	small := l.task(`echo x >o.txt; sleep 4`)
	small.Node = "small"
	small.Outputs = []steps.Port{note("o")}
	small.Implementation.Collect = map[string]string{"o": "o.txt"}
	large := l.task(hoard, "$(work)")
	var both sync.WaitGroup
	both.Go(func() {
		if _, f := l.Execute(context.Background(), small, nil); f != nil {
			t.Errorf("small: %+v", f)
		}
	})
	_, f := l.Execute(context.Background(), large, nil)
	both.Wait()
	if f == nil || f.Code != steps.FailDisk || !f.Retryable || !strings.Contains(f.Message, "was ended before the disk was full: it had written ") || !strings.Contains(f.Hint, l.work) {
		t.Errorf("large: %+v", f)
	}
	l.clean()
}
