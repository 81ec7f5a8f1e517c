package local

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/ligase-bio/ligase/internal/follow"
	"github.com/ligase-bio/ligase/steps"
)

// Slots are what this machine gives to tasks.
type Slots struct {
	CPU    float64 // cores
	Memory int64   // bytes; 0: not known, so not counted
	GPUs   []GPU
}

// GPU is a device that one task at a time is given.
type GPU struct {
	ID     string // as CUDA_VISIBLE_DEVICES takes it: "0", "GPU-8f5…", or "MIG-8f5…" of a part of one
	Name   string // as the driver calls it, "NVIDIA H100 80GB HBM3"; of a part with its profile, "… MIG 3g.20gb"; empty: not known
	Memory int64  // bytes in all, of a part what its profile's name says; 0: not known
}

// ids are the ids of GPUs, in their order.
func ids(gpus []GPU) []string {
	var all []string
	for _, g := range gpus {
		all = append(all, g.ID)
	}
	return all
}

// String says it in words: "2 CPUs, 24 GiB of memory, no GPU".
func (s Slots) String() string {
	gpus := "no GPU"
	if n := len(s.GPUs); n > 0 {
		gpus = follow.Count(n, "GPU")
	}
	cpus := fmt.Sprintf("%g CPUs", s.CPU)
	if s.CPU == 1 {
		cpus = "1 CPU"
	}
	if s.Memory <= 0 {
		return cpus + ", " + gpus
	}
	return cpus + ", " + bytesText(s.Memory) + " of memory, " + gpus
}

// need is what one attempt takes, in whole units so that giving back is exact.
// It is comparable: tasks of equal need wait in one class.
type need struct {
	milli  int64 // thousandths of a CPU
	memory int64 // bytes
	gpus   int
	device int64 // bytes that each of the GPUs has at least: the size of one of the machine's, see [ledger.deviceFor]
}

// ledger keeps count of what is free. One attempt also takes one job, a cap
// on how many run at once whatever their needs.
type ledger struct {
	capacity need
	free     need
	jobs     int      // free
	devices  []string // free GPUs, in the machine's order
	all      []string // the machine's GPUs in order

	// sizes are the bytes of each GPU, where they are of several sizes and all
	// are known; else all count as equal: 0.
	sizes map[string]int64
}

func newLedger(s Slots, jobs int) *ledger {
	capacity := need{milli: milliCPU(s.CPU), memory: s.Memory, gpus: len(s.GPUs)}
	if capacity.memory <= 0 {
		capacity.memory = math.MaxInt64 / 2
	}
	return &ledger{
		capacity: capacity,
		free:     capacity,
		jobs:     jobs,
		devices:  ids(s.GPUs),
		all:      ids(s.GPUs),
		sizes:    sizesOf(s.GPUs),
	}
}

// sizesOf are the sizes of GPUs that are not all alike.
func sizesOf(gpus []GPU) map[string]int64 {
	sizes, alike := map[string]int64{}, true
	for _, g := range gpus {
		if g.Memory <= 0 {
			return nil
		}
		sizes[g.ID] = g.Memory
		alike = alike && g.Memory == gpus[0].Memory
	}
	if alike {
		return nil
	}
	return sizes
}

// deviceFor is what size of GPU a task gets that takes so many and is predicted
// to need so many bytes of each: the smallest that fits. What no GPU here has
// gets the largest, of which there are enough: that it came so far says that
// the prediction may be wrong. 0: any will do, as nothing is predicted or all
// are alike.
func (l *ledger) deviceFor(gpus int, predicted float64) int64 {
	if gpus <= 0 || gpus > len(l.sizes) || predicted <= 0 {
		return 0
	}
	sizes := slices.Sorted(maps.Values(l.sizes))
	sizes = sizes[:len(sizes)-gpus+1] // of each of these there are enough, with those that are larger
	for _, size := range sizes {
		if float64(size) >= predicted {
			return size
		}
	}
	return sizes[len(sizes)-1]
}

// choose is which of the free GPUs n gets: the smallest that fit, so that the
// larger ones stay free for what needs them; where nothing is predicted, the
// largest. Among those that are alike always the same ones first: a machine
// with one task at a time uses one GPU, and its caches stay warm. It is nil
// when there are too few.
func (l *ledger) choose(n need) []string {
	fitting := slices.DeleteFunc(slices.Clone(l.devices), func(id string) bool { return l.sizes[id] < n.device })
	if len(fitting) < n.gpus {
		return nil
	}
	slices.SortStableFunc(fitting, func(a, b string) int {
		if n.device == 0 {
			a, b = b, a
		}
		return cmp.Compare(l.sizes[a], l.sizes[b])
	})
	return l.inOrder(fitting[:n.gpus])
}

// inOrder puts GPUs into the machine's order.
func (l *ledger) inOrder(devices []string) []string {
	slices.SortFunc(devices, func(a, b string) int { return slices.Index(l.all, a) - slices.Index(l.all, b) })
	return devices
}

// fitting is how many of devices are of n's size or larger.
func (l *ledger) fitting(n need, devices []string) (count int) {
	for _, id := range devices {
		if l.sizes[id] >= n.device {
			count++
		}
	}
	return count
}

func milliCPU(cores float64) int64 { return int64(math.Round(cores * 1000)) }

// needOf is what an implementation takes on this machine. CPU is elastic: a
// step that would like more cores than there are gets all of them and takes
// longer. Memory and GPUs are not; see [ledger.lacks].
func (l *ledger) needOf(r steps.Resources) need {
	cpu := milliCPU(r.CPU)
	if cpu <= 0 {
		cpu = 1000
	}
	return need{milli: min(cpu, l.capacity.milli), memory: max(r.Memory, 0), gpus: max(r.GPU, 0)}
}

// lacks says in words what the machine can never give, or "".
func (l *ledger) lacks(n need) string {
	var missing []string
	if n.gpus > l.capacity.gpus {
		missing = append(missing, follow.Count(n.gpus, "GPU"))
	}
	if n.memory > l.capacity.memory {
		missing = append(missing, bytesText(n.memory)+" of memory")
	}
	return strings.Join(missing, " and ")
}

func (l *ledger) fits(n need) bool {
	return l.jobs > 0 && n.milli <= l.free.milli && n.memory <= l.free.memory && (n.gpus == 0 || n.gpus <= l.fitting(n, l.devices))
}

// take grants n and returns the GPUs that go with it.
func (l *ledger) take(n need) []string {
	l.jobs--
	l.free.milli -= n.milli
	l.free.memory -= n.memory
	l.free.gpus -= n.gpus
	if n.gpus == 0 {
		return nil
	}
	devices := l.choose(n)
	l.devices = slices.DeleteFunc(slices.Clone(l.devices), func(id string) bool { return slices.Contains(devices, id) })
	return devices
}

// give takes a grant back.
func (l *ledger) give(n need, devices []string) {
	l.jobs++
	l.free.milli += n.milli
	l.free.memory += n.memory
	l.free.gpus += n.gpus
	if len(devices) == 0 {
		return
	}
	l.devices = l.inOrder(append(slices.Clone(l.devices), devices...))
}

// share is the dominant share of what a run holds.
func (l *ledger) share(held need) float64 {
	part := func(held, of int64) float64 {
		if of <= 0 {
			return 0
		}
		return float64(held) / float64(of)
	}
	return max(
		part(held.milli, l.capacity.milli),
		part(held.memory, l.capacity.memory),
		part(int64(held.gpus), int64(l.capacity.gpus)),
	)
}

// short is what is missing for n right now. Only one resource at a time is
// named, the dearest: while a task waits for a GPU there is no point in
// keeping CPUs idle for it.
func (l *ledger) short(n need) need {
	switch {
	case n.gpus > 0 && n.gpus > l.fitting(n, l.devices):
		return need{gpus: 1, device: n.device}
	case n.memory > l.free.memory:
		return need{memory: 1}
	case n.milli > l.free.milli:
		return need{milli: 1}
	}
	return need{}
}

// uses reports whether n, which fits, would take some of a resource that short
// names.
func (l *ledger) uses(n, short need) bool {
	return n.gpus > 0 && short.gpus > 0 && l.fitting(short, l.choose(n)) > 0 || n.memory > 0 && short.memory > 0 || n.milli > 0 && short.milli > 0
}

func (n need) plus(m need) need {
	return need{milli: n.milli + m.milli, memory: n.memory + m.memory, gpus: n.gpus + m.gpus}
}

func (n need) minus(m need) need {
	return need{milli: n.milli - m.milli, memory: n.memory - m.memory, gpus: n.gpus - m.gpus}
}

// waiting says in words what n waits for.
func (l *ledger) waiting(n need) string {
	switch short := l.short(n); {
	case short.gpus > 0:
		what := follow.Count(n.gpus, "GPU")
		if n.device > 0 {
			what += " of " + bytesText(n.device)
			if l.fitting(need{device: n.device + 1}, l.all) > 0 {
				what += " or more"
			}
		}
		return fmt.Sprintf("waiting for %s: %d of %d are free", what, l.fitting(n, l.devices), l.fitting(n, l.all))
	case short.memory > 0:
		return fmt.Sprintf("waiting for %s of memory: %s of %s are free", bytesText(n.memory), bytesText(l.free.memory), bytesText(l.capacity.memory))
	case short.milli > 0:
		return fmt.Sprintf("waiting for %s: %g of %g are free", cpuText(n.milli), float64(l.free.milli)/1000, float64(l.capacity.milli)/1000)
	}
	return "waiting for its turn: other runs use the machine"
}

func cpuText(milli int64) string {
	if milli == 1000 {
		return "1 CPU"
	}
	return fmt.Sprintf("%g CPUs", float64(milli)/1000)
}

// bytesText writes a size in binary units with at most one decimal.
func bytesText(n int64) string {
	units := []string{"bytes", "KiB", "MiB", "GiB", "TiB", "PiB"}
	v, unit := float64(n), 0
	for v >= 1024 && unit < len(units)-1 {
		v /= 1024
		unit++
	}
	text := strings.TrimSuffix(fmt.Sprintf("%.1f", v), ".0")
	return text + " " + units[unit]
}
