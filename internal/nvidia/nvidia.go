// Package nvidia reads what nvidia-smi says: which GPUs there are, and how
// much of them is in use.
//
// nvidia-smi comes with the driver, and with the container runtime into every
// container that is given a GPU, so it is there wherever a GPU is. The library
// below it (NVML) says more, but takes a program that is linked dynamically,
// and the worker must run in any image. Its queries are described by
// `nvidia-smi --help-query-gpu`; what it does not know it writes in brackets:
// [N/A], [Not Supported], [Insufficient Permissions].
package nvidia

import (
	"bytes"
	"regexp"
	"strconv"
	"strings"
)

// Program is what is asked.
const Program = "nvidia-smi"

// ListArgs ask for the devices, MIG instances with them; [ParseList] reads the
// answer.
func ListArgs() []string { return []string{"-L"} }

// QueryArgs ask for one reading of every GPU; [ParseReading] reads its lines.
func QueryArgs() []string {
	return []string{"--query-gpu=index,uuid,mig.mode.current,memory.used,utilization.gpu,memory.total,name", "--format=csv,noheader,nounits"}
}

// A Device is a GPU or a MIG instance, a part of one.
type Device struct {
	ID     string // "GPU-8f5…" or "MIG-8f5…", as CUDA_VISIBLE_DEVICES takes it
	Name   string // "NVIDIA H100 80GB HBM3"; of an instance with its profile: "NVIDIA A100-SXM4-40GB MIG 3g.20gb"
	Memory int64  // bytes, of an instance what its profile's name says, a gb being 10^9; 0: not told
}

var (
	listLine = regexp.MustCompile(`^\s*(GPU|MIG)\s+(.*?)\s*\(UUID: ((?:GPU|MIG)-[0-9A-Za-z/-]+)\)`)
	gpuTitle = regexp.MustCompile(`^\d+: (.*)$`)
	migTitle = regexp.MustCompile(`^(\S+)\s+Device\s+\d+:$`)
	migSize  = regexp.MustCompile(`(?:^|\.)(\d+)gb(?:$|[+.])`)
)

// ParseList reads what `nvidia-smi -L` prints. A GPU that is cut into MIG
// instances is not usable as a whole: its instances stand in its place.
func ParseList(out []byte) []Device {
	var devices []Device
	parent, whole := "", false // whole: the last of devices is a GPU without instances so far
	for text := range strings.Lines(string(out)) {
		m := listLine.FindStringSubmatch(text)
		if m == nil {
			continue
		}
		d := Device{ID: m[3]}
		if m[1] == "GPU" {
			if title := gpuTitle.FindStringSubmatch(m[2]); title != nil {
				d.Name = title[1]
			}
			parent, whole = d.Name, true
			devices = append(devices, d)
			continue
		}
		if whole {
			devices, whole = devices[:len(devices)-1], false
		}
		if title := migTitle.FindStringSubmatch(m[2]); title != nil {
			d.Name = strings.TrimSpace(parent + " MIG " + title[1])
			if size := migSize.FindStringSubmatch(title[1]); size != nil {
				n, _ := strconv.ParseInt(size[1], 10, 32)
				d.Memory = n * 1e9
			}
		}
		devices = append(devices, d)
	}
	return devices
}

// Unknown is a figure that the driver did not tell.
const Unknown = -1

// A Reading is what one GPU said of itself.
type Reading struct {
	Index       int
	ID          string  // "GPU-8f5…"
	Name        string  // may be empty
	Cut         bool    // into MIG instances: the figures are of no task's device
	Used        int64   // bytes of memory in use, by whomever; or Unknown
	Total       int64   // bytes of memory; or Unknown
	Utilization float64 // percent of the time since the reading before in which something ran, 0-100; or Unknown
}

// ParseReading reads a line that [QueryArgs] ask for. It returns false for
// whatever else nvidia-smi prints.
func ParseReading(line []byte) (Reading, bool) {
	fields := bytes.SplitN(bytes.TrimSpace(line), []byte(","), 7)
	if len(fields) != 7 {
		return Reading{}, false
	}
	text := func(i int) string { return string(bytes.TrimSpace(fields[i])) }
	index, err := strconv.Atoi(text(0))
	if err != nil || index < 0 || !strings.HasPrefix(text(1), "GPU-") {
		return Reading{}, false
	}
	r := Reading{Index: index, ID: text(1), Cut: text(2) == "Enabled", Used: mebibytes(text(3)), Total: mebibytes(text(5)), Utilization: Unknown}
	if u, err := strconv.ParseFloat(text(4), 64); err == nil && u >= 0 && u <= 100 {
		r.Utilization = u
	}
	if name := text(6); !strings.HasPrefix(name, "[") {
		r.Name = name
	}
	return r, true
}

func mebibytes(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 43)
	if err != nil || n < 0 {
		return Unknown
	}
	return n << 20
}

// Find returns the reading of a device that CUDA_VISIBLE_DEVICES names by its
// id, the beginning of it, or its number. CUDA counts the fastest first and
// nvidia-smi as they are plugged in, so a number means a device only where all
// are of one kind.
func Find(id string, readings []Reading) (Reading, bool) {
	var found []Reading
	for _, r := range readings {
		if strings.HasPrefix(id, "GPU-") && strings.HasPrefix(r.ID, id) {
			found = append(found, r)
		}
	}
	if n, err := strconv.Atoi(id); err == nil && alike(readings) {
		for _, r := range readings {
			if r.Index == n {
				found = append(found, r)
			}
		}
	}
	if len(found) != 1 {
		return Reading{}, false
	}
	return found[0], true
}

func alike(readings []Reading) bool {
	for _, r := range readings {
		if r.Name == "" || r.Name != readings[0].Name {
			return false
		}
	}
	return true
}
