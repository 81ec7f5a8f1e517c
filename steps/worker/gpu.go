package worker

import (
	"bufio"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/ligase-bio/ligase/internal/nvidia"
	"github.com/ligase-bio/ligase/steps"
)

// A gpuWatch reads along, while an attempt's command runs, with an nvidia-smi
// that says what is in use of the GPUs. It is there from the beginning of the
// attempt, so that what is in use before the command is seen, and nothing
// waits for it: where there is no nvidia-smi, or it hangs or dies, there are
// no figures and nobody hears of it.
//
// Figures are those of whole devices. Which process has how much the driver
// tells by numbers of processes on the host, which a pod does not know, and
// of some devices not at all; but a device is one task's.
type gpuWatch struct {
	worker *Worker
	path   string
	ids    []string // of the devices that were granted; nil: all that are to be seen
	ended  chan struct{}

	mu      sync.Mutex
	pid     int // of the nvidia-smi that runs, 0: none
	out     *os.File
	state   gpuState
	lost    bool // nvidia-smi ended before the command did
	devices []*gpuDevice
	parts   []nvidia.Device // where a device is a part of a GPU: those that there are
}

type gpuState int

const (
	gpuBefore  gpuState = iota // the command has not begun
	gpuCounts                  // the command runs
	gpuStopped                 // it has ended, or never will begin
)

// gpuDevice is what was seen of one GPU.
type gpuDevice struct {
	nvidia.Reading       // the last one
	before         int64 // bytes in use before the command began, 0 if that was not seen
	peak           int64 // bytes in use while it ran; nvidia.Unknown
	utilization    float64
	count          int           // of readings in utilization
	at             time.Time     // of the last reading, at first when the command began
	gap            time.Duration // the longest time without one
}

const (
	// gpuEvery is how often nvidia-smi reads. The driver averages utilisation
	// over at most a second.
	gpuEvery = "500"
	// gpuMostGap is how long readings may stay away. More would be a peak that
	// nobody saw, and a mean of something else.
	gpuMostGap = 10 * time.Second
	// gpuFarewell bounds the wait for an nvidia-smi that was killed: one that
	// hangs in the driver does not die before the driver lets it.
	gpuFarewell = 200 * time.Millisecond
)

// watchGPUs begins to watch the GPUs of an attempt; nil when there are none to
// watch.
func (a *attempt) watchGPUs() *gpuWatch {
	if a.task.Implementation.Resources.GPU <= 0 {
		return nil
	}
	g := &gpuWatch{worker: a.worker, ended: make(chan struct{})}
	if granted, told := a.hooks.Env["CUDA_VISIBLE_DEVICES"]; told {
		if granted == "" {
			return nil
		}
		g.ids = strings.Split(granted, ",")
	}
	for _, dir := range filepath.SplitList(a.worker.options.Path) {
		path := filepath.Join(dir, nvidia.Program)
		if info, err := os.Stat(path); filepath.IsAbs(dir) && err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			g.path = path
			break
		}
	}
	if g.path == "" {
		return nil
	}
	go g.run()
	return g
}

// begin says that the command is about to run.
func (g *gpuWatch) begin() {
	if g == nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.state = gpuCounts
	for _, d := range g.devices {
		d.before, d.at = max(d.Used, 0), time.Now()
	}
}

// stop says that the command has ended, and ends nvidia-smi.
func (g *gpuWatch) stop() {
	if g == nil {
		return
	}
	g.mu.Lock()
	if g.state == gpuCounts {
		for _, d := range g.devices {
			d.gap = max(d.gap, time.Since(d.at))
		}
	}
	g.state = gpuStopped
	if g.pid != 0 {
		syscall.Kill(-g.pid, syscall.SIGKILL)
		g.out.SetReadDeadline(time.Now())
	}
	g.mu.Unlock()
	select {
	case <-g.ended:
	case <-time.After(gpuFarewell):
	}
}

// run runs nvidia-smi until it is stopped or ends.
func (g *gpuWatch) run() {
	defer close(g.ended)
	// Of parts of a GPU no figures are told, only what they are.
	parts := slices.ContainsFunc(g.ids, func(id string) bool { return strings.HasPrefix(id, "MIG-") })
	if !parts {
		g.read(append(nvidia.QueryArgs(), "-lms", gpuEvery), func(line []byte) bool {
			r, ok := nvidia.ParseReading(line)
			if ok {
				g.see(r)
				parts = parts || g.ids == nil && r.Cut
			}
			return !parts
		})
	}
	if !parts {
		g.mu.Lock()
		g.lost = g.state != gpuStopped
		g.mu.Unlock()
		return
	}
	var list []byte
	g.read(nvidia.ListArgs(), func(line []byte) bool {
		list = append(list, line...)
		return len(list) < 1<<16
	})
	g.mu.Lock()
	g.parts = nvidia.ParseList(list)
	g.mu.Unlock()
}

// read runs nvidia-smi and passes its lines on until it ends, one is not
// wanted any more, or the watch stops.
func (g *gpuWatch) read(args []string, want func(line []byte) bool) {
	g.mu.Lock()
	if g.state == gpuStopped {
		g.mu.Unlock()
		return
	}
	r, out, err := outputPipe()
	if err == nil {
		// Nothing of it says that it is the attempt's: it is none of the
		// processes that end with the command. It dies with this program.
		env := []string{"PATH=" + g.worker.options.Path, "LANG=C"}
		if libraries := os.Getenv("LD_LIBRARY_PATH"); libraries != "" {
			env = append(env, "LD_LIBRARY_PATH="+libraries)
		}
		g.pid, err = g.worker.spawner.start(launch{argv: append([]string{g.path}, args...), env: env, dir: "/"}, out)
		syscall.Close(out)
		if err != nil {
			g.pid = 0
			r.Close()
		}
	}
	if err != nil {
		g.mu.Unlock()
		g.worker.options.Log.Debug("GPUs are not watched", "err", err)
		return
	}
	pid := g.pid
	g.out = r
	g.mu.Unlock()

	lines := bufio.NewReaderSize(r, 4096)
	for {
		line, err := lines.ReadSlice('\n')
		if err != nil || !want(line) {
			break
		}
	}
	r.Close()
	syscall.Kill(-pid, syscall.SIGKILL) // not reaped: the number is its
	waitEnded(pid)
	g.mu.Lock()
	defer g.mu.Unlock()
	var status syscall.WaitStatus
	for {
		if _, err := syscall.Wait4(pid, &status, 0, nil); err != syscall.EINTR {
			break
		}
	}
	g.pid, g.out = 0, nil
}

// see takes in a reading.
func (g *gpuWatch) see(r nvidia.Reading) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.state == gpuStopped {
		return
	}
	now := time.Now()
	i := slices.IndexFunc(g.devices, func(d *gpuDevice) bool { return d.ID == r.ID })
	if i < 0 {
		i = len(g.devices)
		g.devices = append(g.devices, &gpuDevice{peak: nvidia.Unknown, at: now})
	}
	d := g.devices[i]
	d.Reading = r
	if g.state == gpuBefore {
		return
	}
	d.gap, d.at = max(d.gap, now.Sub(d.at)), now
	d.peak = max(d.peak, r.Used)
	if r.Utilization != nvidia.Unknown {
		d.utilization += r.Utilization
		d.count++
	}
}

// usage adds what was seen of the devices that were granted; nothing of what
// was not seen of each of them from beginning to end.
func (g *gpuWatch) usage(u *steps.Usage) {
	if g == nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	var readings []nvidia.Reading
	for _, d := range g.devices {
		readings = append(readings, d.Reading)
	}
	ids := g.ids
	if ids == nil {
		for _, r := range readings {
			ids = append(ids, r.ID)
		}
		if g.parts != nil {
			ids = nil
			for _, d := range g.parts {
				ids = append(ids, d.ID)
			}
		}
	}
	var names []string
	var sizes []int64
	var peak int64
	var sum float64
	var count int
	measured, timed := len(ids) > 0, len(ids) > 0
	for _, id := range ids {
		if i := slices.IndexFunc(g.parts, func(d nvidia.Device) bool { return d.ID == id }); i >= 0 {
			names, sizes = append(names, g.parts[i].Name), append(sizes, g.parts[i].Memory)
		}
		r, ok := nvidia.Find(id, readings)
		if !ok || r.Cut {
			measured, timed = false, false
			continue
		}
		d := g.devices[slices.Index(readings, r)]
		names, sizes = append(names, d.Name), append(sizes, d.Total)
		seen := d.gap <= gpuMostGap && !g.lost
		if measured = measured && seen && d.peak != nvidia.Unknown; measured {
			peak = max(peak, d.peak-d.before)
		}
		if timed = timed && seen && d.count > 0; timed {
			sum, count = sum+d.utilization, count+d.count
		}
	}
	if measured {
		u.GPUMemoryPeak = peak
	}
	if timed {
		mean := sum / float64(count)
		u.GPUUtilization = &mean
	}
	if len(sizes) == len(ids) && len(sizes) > 0 {
		u.GPUMemory = max(slices.Min(sizes), 0)
		slices.Sort(names)
		u.GPUName = strings.Join(slices.Compact(names), ", ")
	}
}
