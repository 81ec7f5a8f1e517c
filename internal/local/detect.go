package local

import (
	"bytes"
	"context"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ligase-bio/ligase/internal/nvidia"
)

// DetectSlots looks at what this process may use: its CPUs (affinity and the
// cgroup's quota), the main memory (or the cgroup's limit), and the NVIDIA
// GPUs. Where something cannot be told it counts as not there; memory of 0 is
// not counted at all.
func DetectSlots() Slots {
	s := Slots{CPU: float64(runtime.NumCPU()), Memory: machineMemory(), GPUs: detectGPUs()}
	if quota := cgroupCPU("/sys/fs/cgroup"); quota > 0 {
		s.CPU = min(s.CPU, quota)
	}
	if limit := cgroupMemory("/sys/fs/cgroup"); limit > 0 && (s.Memory == 0 || limit < s.Memory) {
		s.Memory = limit
	}
	return s
}

// cgroupCPU reads the CPU quota of a cgroup (version 2), in cores; 0: none.
func cgroupCPU(dir string) float64 {
	text, err := os.ReadFile(filepath.Join(dir, "cpu.max"))
	if err != nil {
		return 0
	}
	var quota, period float64
	if fields := strings.Fields(string(text)); len(fields) == 2 {
		quota, _ = strconv.ParseFloat(fields[0], 64)
		period, _ = strconv.ParseFloat(fields[1], 64)
	}
	if quota <= 0 || period <= 0 {
		return 0
	}
	return math.Round(quota/period*1000) / 1000
}

// cgroupMemory reads the memory limit of a cgroup (version 2), in bytes; 0:
// none.
func cgroupMemory(dir string) int64 {
	text, err := os.ReadFile(filepath.Join(dir, "memory.max"))
	if err != nil {
		return 0
	}
	limit, _ := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	return max(limit, 0)
}

// parseMeminfo reads MemTotal of /proc/meminfo (proc(5)), in bytes.
func parseMeminfo(text []byte) int64 {
	for line := range bytes.Lines(text) {
		if rest, ok := bytes.CutPrefix(line, []byte("MemTotal:")); ok {
			kib, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(string(rest)), " kB"), 10, 64)
			return kib << 10
		}
	}
	return 0
}

// detectGPUs lists the GPUs that this process may use. What it was told by
// CUDA_VISIBLE_DEVICES counts; else nvidia-smi is asked, whose UUIDs mean the
// same device whatever order a library counts in; else the device files are
// looked at. What they are called and how much memory they have, only
// nvidia-smi knows.
func detectGPUs() []GPU {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	ask := func(args []string) []byte {
		c := exec.CommandContext(ctx, nvidia.Program, args...)
		c.WaitDelay = time.Second // what it started may keep its output open
		out, err := c.Output()
		if err != nil {
			return nil
		}
		return out
	}
	var ids []string
	visible, told := os.LookupEnv("CUDA_VISIBLE_DEVICES")
	if told {
		if ids = visibleDevices(visible); len(ids) == 0 {
			return nil
		}
	}
	devices := nvidia.ParseList(ask(nvidia.ListArgs()))
	if !told {
		for _, d := range devices {
			ids = append(ids, d.ID)
		}
	}
	if len(ids) == 0 {
		return deviceFiles()
	}
	gpus := make([]GPU, len(ids))
	for i, id := range ids {
		gpus[i].ID = id
	}
	if len(devices) > 0 {
		describe(gpus, devices, ask(nvidia.QueryArgs()))
	}
	return gpus
}

// describe says of GPUs, known by their ids, what nvidia-smi tells of them.
func describe(gpus []GPU, devices []nvidia.Device, table []byte) {
	var readings []nvidia.Reading
	for line := range bytes.Lines(table) {
		if r, ok := nvidia.ParseReading(line); ok {
			readings = append(readings, r)
		}
	}
	for i := range gpus {
		g := &gpus[i]
		if r, ok := nvidia.Find(g.ID, readings); ok && !r.Cut {
			g.Name, g.Memory = r.Name, max(r.Total, 0)
		}
		for _, d := range devices {
			if d.ID == g.ID {
				g.Name, g.Memory = d.Name, max(g.Memory, d.Memory)
			}
		}
	}
}

// deviceFiles are the GPUs by the files that the driver makes for them.
func deviceFiles() []GPU {
	files, err := filepath.Glob("/dev/nvidia[0-9]*")
	if err != nil {
		return nil
	}
	var numbers []int
	for _, f := range files {
		if n, err := strconv.Atoi(strings.TrimPrefix(f, "/dev/nvidia")); err == nil {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	var gpus []GPU
	for _, n := range numbers {
		gpus = append(gpus, GPU{ID: strconv.Itoa(n)})
	}
	return gpus
}

// visibleDevices reads a CUDA_VISIBLE_DEVICES: as in CUDA, an invalid entry
// hides itself and all after it.
func visibleDevices(value string) []string {
	var ids []string
	for id := range strings.SplitSeq(value, ",") {
		id = strings.TrimSpace(id)
		if id == "" || id == "-1" || id == "NoDevFiles" || slices.Contains(ids, id) {
			break
		}
		ids = append(ids, id)
	}
	return ids
}
