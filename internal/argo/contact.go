package argo

import (
	"sync"
	"time"
)

// contact is whether the cluster is heard.
type contact struct {
	now  func() time.Time
	mu   sync.Mutex
	lost time.Time // zero while it is heard
}

func (c *contact) heard() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lost = time.Time{}
}

func (c *contact) notHeard() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lost.IsZero() {
		c.lost = c.now()
	}
}

func (c *contact) reset() { c.heard() }

func (c *contact) staleSince() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lost
}
