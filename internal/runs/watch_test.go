package runs

import (
	"testing"
	"time"
)

func TestPaceSlowsDownWhenNothingChanges(t *testing.T) {
	var p pace
	start := time.Now()
	for _, step := range []struct {
		after   time.Duration
		changed bool
		want    time.Duration
	}{
		{0, true, poll},
		{idleFrom - 1, false, poll},
		{idleFrom, false, pollIdle},
		{time.Hour, false, pollIdle},
		{time.Hour, true, poll},
		{time.Hour + idleFrom - 1, false, poll},
		{time.Hour + idleFrom, false, pollIdle},
	} {
		if got := p.pause(step.changed, start.Add(step.after)); got != step.want {
			t.Errorf("after %v, changed %v: %v, not %v", step.after, step.changed, got, step.want)
		}
	}
}

func TestBells(t *testing.T) {
	rings := func(c <-chan struct{}) bool {
		select {
		case <-c:
			return true
		default:
			return false
		}
	}
	var b bells
	b.ring("nobody")
	first, leaveFirst := b.listen("a")
	second, leaveSecond := b.listen("a")
	other, leaveOther := b.listen("b")
	b.ring("a")
	if !rings(first) || !rings(second) || rings(other) {
		t.Error("a bell wakes all who listen to it, and nobody else")
	}
	again, leaveAgain := b.listen("a")
	leaveFirst()
	leaveSecond()
	if rings(again) {
		t.Error("a bell that was rung before rings")
	}
	b.ring("a")
	if !rings(again) {
		t.Error("those who leave take a later listener's bell with them")
	}
	leaveAgain()
	leaveOther()
	if n := len(b.byID); n != 0 {
		t.Errorf("%d bells are left when nobody listens", n)
	}
}
