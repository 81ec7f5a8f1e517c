package local

import (
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

func TestParseDeviceList(t *testing.T) {
	for _, c := range []struct {
		name, out string
		want      []string
	}{
		{"none", "No devices found.\n", nil},
		{"two", "GPU 0: NVIDIA H200 (UUID: GPU-8f5a0c1e-11aa-22bb-33cc-0123456789ab)\n" +
			"GPU 1: NVIDIA H200 (UUID: GPU-9f5a0c1e-11aa-22bb-33cc-0123456789ab)\n",
			[]string{"GPU-8f5a0c1e-11aa-22bb-33cc-0123456789ab", "GPU-9f5a0c1e-11aa-22bb-33cc-0123456789ab"}},
		{"instances stand for their GPU", "GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-aa)\n" +
			"  MIG 3g.20gb     Device  0: (UUID: MIG-bb)\n" +
			"  MIG 3g.20gb     Device  1: (UUID: MIG-cc)\n" +
			"GPU 1: NVIDIA A100-SXM4-40GB (UUID: GPU-dd)\n",
			[]string{"MIG-bb", "MIG-cc", "GPU-dd"}},
	} {
		if got := parseDeviceList([]byte(c.out)); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
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
