package worker_test

import (
	"strings"
	"syscall"
	"testing"

	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/steps/worker"
)

// TestSmallDisk has a disk that really runs full: one in memory, which only
// root can mount. Whoever notices, the class is the same.
func TestSmallDisk(t *testing.T) {
	small := func(t *testing.T, least int64) *lab {
		dir := t.TempDir()
		if err := syscall.Mount("ligase-test", dir, "tmpfs", 0, "size=160m"); err != nil {
			t.Skipf("NOT TESTED: a full disk, for want of the right to mount one: %v", err)
		}
		t.Cleanup(func() { syscall.Unmount(dir, syscall.MNT_DETACH) })
		return newLab(t, func(o *worker.Options) { o.WorkDir, o.LeastFree = dir, least })
	}
	t.Run("the worker ends it", func(t *testing.T) {
		l := small(t, 40<<20)
		f := l.wants(l.task(`n=0; while [ $n -lt 100 ]; do head -c 5000000 /dev/zero >f$n; n=$((n+1)); sleep 0.1; done`), steps.FailDisk, "was ended before the disk was full")
		if f.ExitCode != nil || !f.Retryable {
			t.Errorf("%+v", f)
		}
	})
	t.Run("the command finds it full", func(t *testing.T) {
		l := small(t, -1)
		f := l.wants(l.task(`head -c 200000000 /dev/zero >f`), steps.FailDisk, "Its log says that the disk is full: \"")
		if !strings.Contains(f.Message, "No space left on device") || f.ExitCode == nil {
			t.Errorf("%+v", f)
		}
	})
	t.Run("an input does not fit", func(t *testing.T) {
		l := small(t, -1)
		task := l.task(`true`, "$(inputs.note)")
		task.Inputs = []worker.Input{{Port: note("note"), Items: []worker.Item{l.put("note.txt", strings.Repeat("a line of text\n", 12<<20))}}}
		if f := l.wants(task, steps.FailDisk, "the disk is full"); !f.Retryable {
			t.Errorf("%+v", f)
		}
	})
}
