package dag

// Frontier follows one run through the graph: told what ended and how many
// items came out, it says what can start. It is pure, not safe for concurrent
// use, and takes time linear in tasks and wires over a whole run.
type Frontier struct{}

// Change is what an event leads to.
type Change struct {
	Ready   []Task // can start now, in a stable order
	Skipped []Task // will never run: what they need failed and was allowed to
	// Starved are tasks that take a gather in which no item came to be, and
	// whose port needs at least one. They fail with steps.FailUpstream.
	Starved []Task
	Aborted bool // a task failed that was not allowed to: nothing more becomes ready
}

// NewFrontier starts a run. items says how many values each boundary port
// that takes many has been given.
func (g *Graph) NewFrontier(items map[string]int) (*Frontier, Change) { panic("unwritten") }

// Succeed records that a task committed. counts has the number of items of
// each port that gives many (0 included). Telling twice is an error.
func (f *Frontier) Succeed(t Task, counts map[string]int) (Change, error) { panic("unwritten") }

// Fail records that a task failed for good.
func (f *Frontier) Fail(t Task) (Change, error) { panic("unwritten") }

// Sources lists what an input port of a ready task takes, in index order.
func (f *Frontier) Sources(t Task, port string) []Source { panic("unwritten") }

// OutputSources lists the items of a graph output, in index order, as far as
// they are known.
func (f *Frontier) OutputSources(name string) []Source { panic("unwritten") }

// Totals counts tasks: ended (by how), and all that are known of so far.
func (f *Frontier) Totals() (succeeded, failed, skipped, total int) { panic("unwritten") }

// Done reports whether nothing is left to run: all tasks ended, or the run is
// aborted and none of the ready tasks is still out.
func (f *Frontier) Done() bool { panic("unwritten") }
