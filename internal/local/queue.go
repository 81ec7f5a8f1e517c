package local

import (
	"cmp"
	"container/heap"
	"slices"
)

// patience is how many tasks may pass one that comes before them in order but
// does not fit, before what it is short of is kept for it.
const patience = 16

// queue holds the tasks that are ready, of all runs, and says which is next.
// Tasks of equal need form a class: either all of a class fit or none does, so
// choosing looks at the head of each class only, and there are few classes.
type queue struct {
	classes map[need]*class
	order   []*class // by creation: a stable order to go through
}

// class is the ready tasks of one need, by run.
type class struct {
	need   need
	lanes  laneHeap
	passed int // how many tasks went ahead of its head since one of it started
}

// lane is one run's ready tasks of one class.
type lane struct {
	run   *run
	class *class
	tasks taskHeap
	at    int // in class.lanes
}

func newQueue() *queue { return &queue{classes: map[need]*class{}} }

// push makes a task ready.
func (q *queue) push(t *task) {
	need := t.need()
	c := q.classes[need]
	if c == nil {
		c = &class{need: need}
		q.classes[c.need] = c
		q.order = append(q.order, c)
	}
	i := slices.IndexFunc(t.run.lanes, func(l *lane) bool { return l.class == c })
	if i < 0 {
		l := &lane{run: t.run, class: c, tasks: taskHeap{t}}
		t.run.lanes = append(t.run.lanes, l)
		heap.Push(&c.lanes, l)
	} else {
		l := t.run.lanes[i]
		heap.Push(&l.tasks, t)
		heap.Fix(&c.lanes, l.at)
	}
	t.run.ready++
}

// pop takes out the task that starts next, or returns nil when none fits.
func (q *queue) pop(l *ledger) *task {
	if l.jobs <= 0 {
		return nil
	}
	var starving *class
	for _, c := range q.order {
		if len(c.lanes) > 0 && c.passed >= patience && (starving == nil || c.passed > starving.passed) {
			starving = c
		}
	}
	var kept need
	if starving != nil {
		if l.fits(starving.need) {
			return q.take(starving)
		}
		kept = l.short(starving.need)
	}
	var best *class
	for _, c := range q.order {
		if len(c.lanes) == 0 || !l.fits(c.need) || l.uses(c.need, kept) {
			continue
		}
		if best == nil || c.lanes[0].before(best.lanes[0]) {
			best = c
		}
	}
	if best == nil {
		return nil
	}
	for _, c := range q.order {
		if c != best && len(c.lanes) > 0 && !l.fits(c.need) && c.lanes[0].before(best.lanes[0]) {
			c.passed++
		}
	}
	return q.take(best)
}

func (q *queue) take(c *class) *task {
	l := c.lanes[0]
	t := heap.Pop(&l.tasks).(*task)
	c.passed = 0
	t.run.ready--
	if len(l.tasks) == 0 {
		q.drop(l)
	} else {
		heap.Fix(&c.lanes, 0)
	}
	return t
}

// moved puts a run in its place again after its share has changed.
func (q *queue) moved(r *run) {
	for _, l := range r.lanes {
		heap.Fix(&l.class.lanes, l.at)
	}
}

// remove takes all of a run's tasks out.
func (q *queue) remove(r *run) {
	for len(r.lanes) > 0 {
		q.drop(r.lanes[len(r.lanes)-1])
	}
	r.ready = 0
}

func (q *queue) drop(l *lane) {
	heap.Remove(&l.class.lanes, l.at)
	if len(l.class.lanes) == 0 {
		l.class.passed = 0
	}
	l.run.lanes = slices.DeleteFunc(l.run.lanes, func(other *lane) bool { return other == l })
}

// before is the fair order across runs, and within a run that of its tasks.
func (l *lane) before(other *lane) bool {
	if l.run == other.run {
		return l.tasks[0].compare(other.tasks[0]) < 0
	}
	if c := cmp.Compare(l.run.share, other.run.share); c != 0 {
		return c < 0
	}
	return l.run.seq < other.run.seq
}

// compare orders the tasks of one run.
func (t *task) compare(other *task) int {
	return cmp.Or(
		cmp.Compare(other.node.depth, t.node.depth),
		cmp.Compare(t.node.order, other.node.order),
		t.index.Compare(other.index),
	)
}

type laneHeap []*lane

func (h laneHeap) Len() int           { return len(h) }
func (h laneHeap) Less(i, j int) bool { return h[i].before(h[j]) }
func (h laneHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].at, h[j].at = i, j
}
func (h *laneHeap) Push(x any) {
	l := x.(*lane)
	l.at = len(*h)
	*h = append(*h, l)
}
func (h *laneHeap) Pop() any {
	old := *h
	l := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return l
}

type taskHeap []*task

func (h taskHeap) Len() int           { return len(h) }
func (h taskHeap) Less(i, j int) bool { return h[i].compare(h[j]) < 0 }
func (h taskHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *taskHeap) Push(x any)        { *h = append(*h, x.(*task)) }
func (h *taskHeap) Pop() any {
	old := *h
	t := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return t
}
