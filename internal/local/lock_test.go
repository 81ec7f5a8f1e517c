package local

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ligase-bio/ligase/internal/problem"
)

func TestASecondEngineIsRefused(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	if held, _, err := Held(dir); held || err != nil {
		t.Fatalf("a folder that is not there: held %v, %v", held, err)
	}
	first, err := Lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	held, pid, err := Held(dir)
	if !held || pid != os.Getpid() || err != nil {
		t.Errorf("held %v by %d, %v", held, pid, err)
	}
	_, err = Lock(dir)
	if !errors.Is(err, problem.ErrLocked) {
		t.Fatalf("the second lock gave %v", err)
	}
	if want := fmt.Sprintf("in use by the engine in process %d", os.Getpid()); !strings.Contains(err.Error(), want) {
		t.Errorf("%q does not say %q", err, want)
	}
	if err := first.Release(); err != nil {
		t.Fatal(err)
	}
	if err := first.Release(); err != nil {
		t.Errorf("releasing twice: %v", err)
	}
	second, err := Lock(dir)
	if err != nil {
		t.Fatalf("after the release: %v", err)
	}
	second.Release()
}

// Looking must not make an engine that starts at the same moment refuse.
func TestLookingDoesNotDisturb(t *testing.T) {
	dir := t.TempDir()
	stop := make(chan struct{})
	var looking sync.WaitGroup
	for range 4 {
		looking.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					if _, _, err := Held(dir); err != nil {
						t.Error(err)
						return
					}
					time.Sleep(time.Millisecond)
				}
			}
		})
	}
	for range 50 {
		lock, err := Lock(dir)
		if err != nil {
			t.Fatal(err)
		}
		lock.Release()
	}
	close(stop)
	looking.Wait()
}
