package pod

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// However often it is read, it is one of what was written.
func TestProgressIsNeverHalf(t *testing.T) {
	file := filepath.Join(t.TempDir(), "progress")
	p := newProgress(file)
	p.report(0, "")
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 2000 {
			p.report(0.75, "")
			p.report(1, "")
			p.report(0.05, "")
		}
	}()
	whole := regexp.MustCompile(`^(0|5|75|100)/100$`)
	for reads := 0; ; reads++ {
		text, err := os.ReadFile(file)
		if err != nil || !whole.Match(text) {
			t.Fatalf("it reads %q, %v", text, err)
		}
		select {
		case <-done:
			if p.path == "" || reads < 100 {
				t.Errorf("%d reads, of %q", reads, p.path)
			}
			return
		default:
		}
	}
}
