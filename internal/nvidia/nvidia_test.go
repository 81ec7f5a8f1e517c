package nvidia

import (
	"slices"
	"testing"
)

func TestParseList(t *testing.T) {
	for _, c := range []struct {
		name, out string
		want      []Device
	}{
		{"none", "No devices found.\n", nil},
		{"no driver", "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make sure that the latest NVIDIA driver is installed and running.\n", nil},
		{"two", "GPU 0: NVIDIA H200 (UUID: GPU-8f5a0c1e-11aa-22bb-33cc-0123456789ab)\n" +
			"GPU 1: NVIDIA H100 80GB HBM3 (UUID: GPU-9f5a0c1e-11aa-22bb-33cc-0123456789ab)\n",
			[]Device{{"GPU-8f5a0c1e-11aa-22bb-33cc-0123456789ab", "NVIDIA H200", 0}, {"GPU-9f5a0c1e-11aa-22bb-33cc-0123456789ab", "NVIDIA H100 80GB HBM3", 0}}},
		{"instances stand for their GPU", "GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-aa)\n" +
			"  MIG 3g.20gb     Device  0: (UUID: MIG-bb)\n" +
			"  MIG 1g.5gb+me   Device  1: (UUID: MIG-cc)\n" +
			"  MIG 1c.2g.10gb  Device  2: (UUID: MIG-ee)\n" +
			"GPU 1: NVIDIA A100-SXM4-40GB (UUID: GPU-dd)\n",
			[]Device{{"MIG-bb", "NVIDIA A100-SXM4-40GB MIG 3g.20gb", 20e9}, {"MIG-cc", "NVIDIA A100-SXM4-40GB MIG 1g.5gb+me", 5e9},
				{"MIG-ee", "NVIDIA A100-SXM4-40GB MIG 1c.2g.10gb", 10e9}, {"GPU-dd", "NVIDIA A100-SXM4-40GB", 0}}},
		{"instances as drivers before 470 name them", "GPU 0: A100-SXM4-40GB (UUID: GPU-aa)\n" +
			"  MIG 1g.5gb Device 0: (UUID: MIG-GPU-aa/7/0)\n",
			[]Device{{"MIG-GPU-aa/7/0", "A100-SXM4-40GB MIG 1g.5gb", 5e9}}},
	} {
		if got := ParseList([]byte(c.out)); !slices.Equal(got, c.want) {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

func TestParseReading(t *testing.T) {
	for line, want := range map[string]Reading{
		"0, GPU-aa, Disabled, 1024, 37, 81559, NVIDIA H100 80GB HBM3\n":   {Index: 0, ID: "GPU-aa", Name: "NVIDIA H100 80GB HBM3", Used: 1 << 30, Total: 81559 << 20, Utilization: 37},
		"1, GPU-bb, [N/A], 3, 0, 24564, NVIDIA RTX A5000":                 {Index: 1, ID: "GPU-bb", Name: "NVIDIA RTX A5000", Used: 3 << 20, Total: 24564 << 20},
		"0, GPU-aa, Enabled, 44, [N/A], 40960, NVIDIA A100-SXM4-40GB":     {ID: "GPU-aa", Name: "NVIDIA A100-SXM4-40GB", Cut: true, Used: 44 << 20, Total: 40960 << 20, Utilization: Unknown},
		"0, GPU-aa, [N/A], [N/A], [Not Supported], [N/A], NVIDIA GB10":    {ID: "GPU-aa", Name: "NVIDIA GB10", Used: Unknown, Total: Unknown, Utilization: Unknown},
		"0, GPU-aa, Enabled, [Insufficient Permissions], [N/A], 1, [N/A]": {ID: "GPU-aa", Cut: true, Used: Unknown, Total: 1 << 20, Utilization: Unknown},
	} {
		if got, ok := ParseReading([]byte(line)); !ok || got != want {
			t.Errorf("%q: %+v %v, want %+v", line, got, ok, want)
		}
	}
	for _, line := range []string{"", "No devices were found", `Field "mig.mode.current" is not a valid field to query.`,
		"NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.", "a, b, c, d, e, f, g", "Unable to determine the device handle for GPU0000:01:00.0: GPU is lost"} {
		if got, ok := ParseReading([]byte(line)); ok {
			t.Errorf("%q is no reading, but %+v", line, got)
		}
	}
}

func TestFind(t *testing.T) {
	h100 := Reading{Index: 0, ID: "GPU-aa11", Name: "NVIDIA H100"}
	other := Reading{Index: 1, ID: "GPU-aa22", Name: "NVIDIA H100"}
	old := Reading{Index: 1, ID: "GPU-bb", Name: "Tesla T4"}
	for _, c := range []struct {
		id   string
		of   []Reading
		want string
	}{
		{"GPU-aa22", []Reading{h100, other}, "GPU-aa22"},
		{"GPU-aa2", []Reading{h100, other}, "GPU-aa22"},
		{"GPU-aa", []Reading{h100, other}, ""}, // of both
		{"1", []Reading{h100, other}, "GPU-aa22"},
		{"1", []Reading{h100, old}, ""}, // CUDA may count them the other way round
		{"0", []Reading{h100}, "GPU-aa11"},
		{"2", []Reading{h100, other}, ""},
		{"MIG-cc", []Reading{h100}, ""},
		{"", []Reading{h100}, ""},
	} {
		if got, ok := Find(c.id, c.of); ok != (c.want != "") || got.ID != c.want {
			t.Errorf("%q of %v: %q, want %q", c.id, c.of, got.ID, c.want)
		}
	}
}
