package runs

import (
	"sync"
	"time"
)

// How often other processes' writes are looked for. A look costs next to
// nothing, but all day long it is a percent of a CPU: once nothing has been
// written for a while it is taken less often.
const (
	poll     = 20 * time.Millisecond
	pollIdle = 100 * time.Millisecond
	idleFrom = 3 * time.Second
)

// pace says when to look next.
type pace struct {
	active time.Time // when something was last seen to have changed
}

func (p *pace) pause(changed bool, now time.Time) time.Duration {
	if changed {
		p.active = now
	}
	if now.Sub(p.active) < idleFrom {
		return poll
	}
	return pollIdle
}

// bells wake those who wait for the end of a run. The zero value is ready.
type bells struct {
	mu   sync.Mutex
	byID map[ID]*bell
}

type bell struct {
	rung      chan struct{}
	listeners int
}

// listen gives a channel that is closed when the run's bell is rung from now
// on. leave must be called once it is not listened to any more.
func (b *bells) listen(id ID) (rung <-chan struct{}, leave func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	it := b.byID[id]
	if it == nil {
		if b.byID == nil {
			b.byID = map[ID]*bell{}
		}
		it = &bell{rung: make(chan struct{})}
		b.byID[id] = it
	}
	it.listeners++
	return it.rung, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		it.listeners--
		if it.listeners == 0 && b.byID[id] == it {
			delete(b.byID, id)
		}
	}
}

func (b *bells) ring(id ID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if it := b.byID[id]; it != nil {
		close(it.rung)
		delete(b.byID, id)
	}
}
