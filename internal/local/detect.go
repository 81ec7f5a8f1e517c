package local

import (
	"bytes"
	"context"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
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
// looked at.
func detectGPUs() []string {
	if visible, told := os.LookupEnv("CUDA_VISIBLE_DEVICES"); told {
		return visibleDevices(visible)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if out, err := exec.CommandContext(ctx, "nvidia-smi", "-L").Output(); err == nil {
		return parseDeviceList(out)
	}
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
	var ids []string
	for _, n := range numbers {
		ids = append(ids, strconv.Itoa(n))
	}
	return ids
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

// parseDeviceList reads what `nvidia-smi -L` prints. A GPU that is cut into
// MIG instances is not usable as a whole: its instances stand in its place.
func parseDeviceList(out []byte) []string {
	line := regexp.MustCompile(`^(\s*)(GPU|MIG)\b.*\(UUID: ((?:GPU|MIG)-[0-9A-Za-z/-]+)\)`)
	var ids []string
	whole := false // the last of ids is a GPU without instances so far
	for text := range strings.Lines(string(out)) {
		m := line.FindStringSubmatch(text)
		if m == nil {
			continue
		}
		if m[2] == "MIG" && whole {
			ids = ids[:len(ids)-1]
		}
		whole = m[2] == "GPU"
		ids = append(ids, m[3])
	}
	return ids
}
