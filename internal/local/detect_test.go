package local

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestDetectSlotsFindsThisMachine(t *testing.T) {
	s := DetectSlots()
	if s.CPU <= 0 || s.Memory < 64<<20 {
		t.Errorf("this machine has %s?", s)
	}
}

// What nvidia-smi tells of GPUs, with a program in its place that prints what
// its documentation has.
func TestDetectGPUs(t *testing.T) {
	const list = `GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-aa)
  MIG 3g.20gb     Device  0: (UUID: MIG-bb)
GPU 1: NVIDIA A100-SXM4-40GB (UUID: GPU-dd)
`
	const table = `0, GPU-aa, Enabled, 44, [N/A], 40960, NVIDIA A100-SXM4-40GB
1, GPU-dd, Disabled, 4, 0, 40960, NVIDIA A100-SXM4-40GB
`
	const a100 = "NVIDIA A100-SXM4-40GB"
	for _, c := range []struct {
		name, list, table, visible string
		told                       bool
		want                       []GPU
	}{
		{"all", list, table, "", false, []GPU{{"MIG-bb", a100 + " MIG 3g.20gb", 20e9}, {"GPU-dd", a100, 40 << 30}}},
		{"a driver that tells little", list, "No such field\n", "", false, []GPU{{"MIG-bb", a100 + " MIG 3g.20gb", 20e9}, {"GPU-dd", a100, 0}}},
		{"memory that is not told", "GPU 0: NVIDIA GB10 (UUID: GPU-aa)\n", "0, GPU-aa, [N/A], [N/A], 0, [N/A], NVIDIA GB10\n", "", false, []GPU{{"GPU-aa", "NVIDIA GB10", 0}}},
		{"told by number", list, table, "1", true, []GPU{{"1", a100, 40 << 30}}},
		{"told by id", list, table, "GPU-d,MIG-bb", true, []GPU{{"GPU-d", a100, 40 << 30}, {"MIG-bb", a100 + " MIG 3g.20gb", 20e9}}},
		{"told one that is cut", list, table, "0", true, []GPU{{ID: "0"}}},
		{"told none", list, table, "", true, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, text := range map[string]string{"list": c.list, "table": c.table} {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			script := fmt.Sprintf("#!/bin/sh\ncase $1 in -L) cat '%s/list';; *) cat '%s/table';; esac\n", dir, dir)
			if err := os.WriteFile(filepath.Join(dir, "nvidia-smi"), []byte(script), 0o700); err != nil {
				t.Fatal(err)
			}
			t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
			t.Setenv("CUDA_VISIBLE_DEVICES", c.visible)
			if !c.told {
				os.Unsetenv("CUDA_VISIBLE_DEVICES")
			}
			if got := detectGPUs(); !slices.Equal(got, c.want) {
				t.Errorf("%+v, want %+v", got, c.want)
			}
		})
	}
}

func TestVisibleDevices(t *testing.T) {
	for value, want := range map[string][]string{
		"":            nil,
		"-1":          nil,
		"NoDevFiles":  nil,
		"0,1":         {"0", "1"},
		" 2 , GPU-aa": {"2", "GPU-aa"},
		"0,-1,1":      {"0"},
		"1,1":         {"1"},
	} {
		if got := visibleDevices(value); !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", value, got, want)
		}
	}
}

func TestLimitsOfACgroup(t *testing.T) {
	dir := t.TempDir()
	if cgroupCPU(dir) != 0 || cgroupMemory(dir) != 0 {
		t.Error("limits where there is no cgroup")
	}
	for _, c := range []struct {
		cpu, memory string
		cores       float64
		bytes       int64
	}{
		{"max 100000\n", "max\n", 0, 0},
		{"150000 100000\n", "1073741824\n", 1.5, gib},
	} {
		for name, text := range map[string]string{"cpu.max": c.cpu, "memory.max": c.memory} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if cores, bytes := cgroupCPU(dir), cgroupMemory(dir); cores != c.cores || bytes != c.bytes {
			t.Errorf("%q %q: %g cores, %d bytes", c.cpu, c.memory, cores, bytes)
		}
	}
}

func TestParseMeminfo(t *testing.T) {
	if got := parseMeminfo([]byte("MemTotal:       24675364 kB\nMemFree:  1 kB\n")); got != 24675364<<10 {
		t.Errorf("got %d", got)
	}
}
