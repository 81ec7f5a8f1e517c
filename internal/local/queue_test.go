package local

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/uris"
)

// scheduler is a queue with a ledger and runs, without processes: tasks are
// started and ended by hand.
type scheduler struct {
	*queue
	*ledger
}

func newScheduler(s Slots) scheduler {
	return scheduler{newQueue(), newLedger(s, maxJobs)}
}

func aRun(seq int64) *run { return newRun(runs.Job{ID: runs.ID(fmt.Sprint("r", seq))}, seq) }

func (s scheduler) ready(r *run, n *node, items int) {
	for i := range items {
		s.push(&task{run: r, node: n, index: uris.Index("").Child(i)})
	}
}

// start lets the next task begin; nil when none can.
func (s scheduler) start() *task {
	t := s.pop(s.ledger)
	if t == nil {
		return nil
	}
	t.devices = s.ledger.take(t.need())
	t.run.held = t.run.held.plus(t.need())
	t.run.share = s.share(t.run.held)
	s.moved(t.run)
	return t
}

func (s scheduler) end(t *task) {
	s.give(t.need(), t.devices)
	t.run.held = t.run.held.minus(t.need())
	t.run.share = s.share(t.run.held)
	s.moved(t.run)
}

func (s scheduler) startAll() []*task {
	var started []*task
	for t := s.start(); t != nil; t = s.start() {
		started = append(started, t)
	}
	return started
}

func names(tasks []*task) string {
	var b []string
	for _, t := range tasks {
		b = append(b, fmt.Sprintf("%s/%s/%s", t.run.job.ID, t.node.id, t.index))
	}
	return strings.Join(b, " ")
}

func TestRunsShareTheMachine(t *testing.T) {
	s := newScheduler(Slots{CPU: 4})
	n := &node{id: "n", need: need{milli: 1000}}
	a, b := aRun(1), aRun(2)
	s.ready(a, n, 100)
	s.ready(b, n, 100)
	if got := names(s.startAll()); got != "r1/n/0 r2/n/0 r1/n/1 r2/n/1" {
		t.Errorf("started %s", got)
	}
	// A run that comes later gets its part with the next slots.
	c := aRun(3)
	s.ready(c, n, 100)
	s.end(&task{run: a, node: n})
	if got := names(s.startAll()); got != "r3/n/0" {
		t.Errorf("then started %s, want the new run", got)
	}
}

func TestSharesAreWeightedByNeed(t *testing.T) {
	s := newScheduler(Slots{CPU: 8, Memory: 8 * gib})
	big := &node{id: "big", need: need{milli: 1000, memory: 4 * gib}} // half of the memory
	small := &node{id: "small", need: need{milli: 1000}}
	a, b := aRun(1), aRun(2)
	s.ready(a, big, 1)
	s.ready(b, small, 10)
	got := s.startAll()
	if names(got[:1]) != "r1/big/0" {
		t.Fatalf("started %s", names(got))
	}
	s.ready(a, small, 10)
	for _, t := range got[1:5] {
		s.end(t)
	}
	// b holds 3/8 of the CPUs and a half of the memory: b catches up first.
	if got := names(s.startAll()); got != "r2/small/7 r1/small/0 r1/small/1 r1/small/2" {
		t.Errorf("started %s", got)
	}
}

func TestTheLongestWayGoesFirstWithinARun(t *testing.T) {
	s := newScheduler(Slots{CPU: 1})
	r := aRun(1)
	short, long, twin := &node{id: "short", depth: 1, order: 0, need: need{milli: 1000}},
		&node{id: "long", depth: 3, order: 2, need: need{milli: 1000}},
		&node{id: "twin", depth: 3, order: 1, need: need{milli: 500}}
	s.ready(r, short, 1)
	s.ready(r, long, 11)
	s.ready(r, twin, 1)
	var order []string
	for next := s.start(); next != nil; next = s.start() {
		order = append(order, names([]*task{next})[3:])
		s.end(next)
	}
	want := "twin/0 long/0 long/1 long/2 long/3 long/4 long/5 long/6 long/7 long/8 long/9 long/10 short/0"
	if got := strings.Join(order, " "); got != want {
		t.Errorf("order %s, want %s", got, want)
	}
}

func TestATaskThatWaitsForAGPUHoldsNobodyBack(t *testing.T) {
	s := newScheduler(Slots{CPU: 2, GPUs: []GPU{{ID: "0"}}})
	gpu, cpu := &node{id: "gpu", need: need{milli: 1000, gpus: 1}}, &node{id: "cpu", need: need{milli: 1000}}
	a, b := aRun(1), aRun(2)
	s.ready(a, gpu, 2)
	s.ready(b, cpu, 10*patience)
	first := s.startAll()
	if names(first) != "r1/gpu/0 r2/cpu/0" {
		t.Fatalf("started %s", names(first))
	}
	for done, now := 0, first[1]; done < 5*patience; done++ {
		s.end(now)
		if now = s.start(); now == nil || now.node != cpu {
			t.Fatalf("after %d CPU tasks the free CPU stays idle", done+1)
		}
	}
	s.end(first[0])
	if got := names(s.startAll()); got != "r1/gpu/1" {
		t.Errorf("with the GPU free, started %s", got)
	}
}

// A task that waits for the large GPU lets smaller ones use the small one, and
// has the large one when its turn comes, whatever others would take it.
func TestATaskThatWaitsForALargeGPU(t *testing.T) {
	s := newScheduler(Slots{CPU: 16, GPUs: []GPU{{ID: "small", Memory: 24 * gib}, {ID: "large", Memory: 80 * gib}}})
	n := &node{id: "n", need: need{milli: 1000, gpus: 1}}
	few, many := aRun(1), aRun(2)
	large := &task{run: few, node: n, device: 80 * gib}
	for i := range 10 * patience { // nothing is predicted of these: they would have the largest
		s.push(&task{run: many, node: n, index: uris.Index("").Child(i)})
	}
	first := s.startAll()
	if len(first) != 2 || first[0].devices[0] != "large" || first[1].devices[0] != "small" {
		t.Fatalf("started %s", names(first))
	}
	s.push(large)
	onSmall := first[1]
	for range 3 * patience { // the small one is passed on and never idle
		s.end(onSmall)
		next := s.startAll()
		if len(next) != 1 || next[0] == large || next[0].devices[0] != "small" {
			t.Fatalf("with the small GPU free, started %s", names(next))
		}
		onSmall = next[0]
	}
	s.end(first[0])
	if next := s.startAll(); len(next) != 1 || next[0] != large || large.devices[0] != "large" {
		t.Errorf("with the large GPU free, started %s", names(next))
	}
}

func TestABigTaskIsNotStarved(t *testing.T) {
	s := newScheduler(Slots{CPU: 4})
	big, small := &node{id: "big", need: need{milli: 4000}}, &node{id: "small", need: need{milli: 1000}}
	a := aRun(1)
	var running []*task
	for i := range 4 {
		r := aRun(int64(10 + i))
		s.ready(r, small, 1000)
		running = append(running, s.start())
	}
	s.ready(a, big, 1)
	// Small tasks of four runs end one after the other: all four CPUs are never
	// free at once unless somebody sees to it.
	for passed := 0; ; passed++ {
		if passed > 2*patience {
			t.Fatalf("%d small tasks went ahead of the big one", passed)
		}
		s.end(running[0])
		running = running[1:]
		running = append(running, s.startAll()...)
		if slices.ContainsFunc(running, func(t *task) bool { return t.node == big }) {
			break
		}
	}
}

func TestRemoveTakesOneRunOut(t *testing.T) {
	s := newScheduler(Slots{CPU: 1})
	n, m := &node{id: "n", need: need{milli: 1000}}, &node{id: "m", need: need{milli: 500}}
	a, b := aRun(1), aRun(2)
	s.ready(a, n, 3)
	s.ready(a, m, 3)
	s.ready(b, n, 1)
	s.remove(a)
	if a.ready != 0 || len(a.lanes) != 0 {
		t.Errorf("%d tasks are left in %d lanes", a.ready, len(a.lanes))
	}
	if got := names(s.startAll()); got != "r2/n/0" {
		t.Errorf("started %s", got)
	}
}

// Whatever comes, nothing is granted twice, nothing is lost, and a free
// machine does not sit beside ready tasks that fit.
func TestQueueUnderRandomLoad(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, gpus := range [][]GPU{{{ID: "0"}, {ID: "1"}}, {{ID: "0", Memory: 24 * gib}, {ID: "1", Memory: 80 * gib}, {ID: "2", Memory: 80 * gib}}} {
		underRandomLoad(t, random, newScheduler(Slots{CPU: 4, Memory: 8 * gib, GPUs: gpus}))
	}
}

func underRandomLoad(t *testing.T, random *rand.Rand, s scheduler) {
	var nodes []*node
	for i := range 8 {
		nodes = append(nodes, &node{id: fmt.Sprint("n", i), order: i, depth: random.IntN(3), need: need{
			milli: int64(1+random.IntN(4)) * 1000, memory: int64(random.IntN(5)) * gib, gpus: random.IntN(3),
		}})
	}
	var list []*run
	for i := range 5 {
		list = append(list, aRun(int64(i)))
	}
	var running []*task
	waiting, done := 0, 0
	for range 5000 {
		if random.IntN(2) == 0 && waiting < 200 {
			n := nodes[random.IntN(len(nodes))]
			s.push(&task{run: list[random.IntN(len(list))], node: n, index: "0", device: s.deviceFor(n.need.gpus, float64(random.IntN(100)-30)*gib)})
			waiting++
		} else if len(running) > 0 {
			i := random.IntN(len(running))
			s.end(running[i])
			running = slices.Delete(running, i, i+1)
			done++
		}
		started := s.startAll()
		waiting -= len(started)
		running = append(running, started...)
		var held need
		var devices []string
		sizes := 0
		for _, t := range running {
			held = held.plus(t.need())
			devices = append(devices, t.devices...)
			for _, id := range t.devices {
				if s.sizes[id] < t.device {
					sizes++
				}
			}
		}
		if held.plus(s.free) != s.capacity {
			t.Fatalf("%+v held and %+v free are not %+v", held, s.free, s.capacity)
		}
		if sizes > 0 {
			t.Fatalf("%d GPUs are granted that are too small", sizes)
		}
		slices.Sort(devices)
		if len(slices.Compact(devices)) != held.gpus {
			t.Fatalf("devices %v are granted for %d GPUs", devices, held.gpus)
		}
		if len(running) == 0 && waiting > 0 {
			t.Fatalf("%d tasks wait beside a free machine", waiting)
		}
	}
	if done < 1000 {
		t.Fatalf("only %d tasks ended: the test does not test", done)
	}
}

func BenchmarkQueue(b *testing.B) {
	s := newScheduler(Slots{CPU: 2})
	n := &node{id: "n", need: need{milli: 1000}}
	for i := range 100 {
		s.ready(aRun(int64(i)), n, 1000)
	}
	for b.Loop() {
		t := s.start()
		s.end(t)
		s.push(t)
	}
}
