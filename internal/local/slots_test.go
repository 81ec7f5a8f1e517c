package local

import (
	"slices"
	"strings"
	"testing"

	"github.com/ligase-bio/ligase/steps"
)

const gib = 1 << 30

func TestLedgerGivesBackWhatItTook(t *testing.T) {
	l := newLedger(Slots{CPU: 4, Memory: 8 * gib, GPUs: []GPU{{ID: "a"}, {ID: "b"}, {ID: "c"}}}, 10)
	before := l.free
	two, one := need{milli: 1500, memory: gib, gpus: 2}, need{milli: 500, gpus: 1}
	first, second := l.take(two), l.take(one)
	if !slices.Equal(first, []string{"a", "b"}) || !slices.Equal(second, []string{"c"}) {
		t.Errorf("devices %v and %v, want a b and c", first, second)
	}
	if l.fits(one) {
		t.Error("a GPU was given although none is free")
	}
	if !l.fits(need{milli: 2000, memory: 7 * gib}) || l.fits(need{milli: 2001}) || l.fits(need{milli: 1, memory: 7*gib + 1}) {
		t.Errorf("free is %+v, want 2 CPUs and 7 GiB", l.free)
	}
	l.give(two, first)
	if got := l.take(one); !slices.Equal(got, []string{"a"}) {
		t.Errorf("the first free device is %v, want a", got)
	}
	l.give(one, []string{"a"})
	l.give(one, second)
	if l.free != before || !slices.Equal(l.devices, []string{"a", "b", "c"}) || l.jobs != 10 {
		t.Errorf("after giving back: %+v %v %d jobs", l.free, l.devices, l.jobs)
	}
}

func TestJobsCapTasksOfAnyNeed(t *testing.T) {
	l := newLedger(Slots{CPU: 8}, 1)
	l.take(need{milli: 10})
	if l.fits(need{milli: 10}) {
		t.Error("a second job was given where one is the most")
	}
}

func TestWhatAMachineLacks(t *testing.T) {
	small := Slots{CPU: 2, Memory: 4 * gib}
	for _, c := range []struct {
		name      string
		slots     Slots
		resources steps.Resources
		lacks     string
		milli     int64
	}{
		{"nothing asked is one CPU", small, steps.Resources{}, "", 1000},
		{"CPU is elastic", small, steps.Resources{CPU: 16}, "", 2000},
		{"a part of a CPU", small, steps.Resources{CPU: 0.1}, "", 100},
		{"GPU", small, steps.Resources{GPU: 1}, "1 GPU", 1000},
		{"memory", small, steps.Resources{Memory: 5 * gib / 1}, "5 GiB of memory", 1000},
		{"both", small, steps.Resources{Memory: 64 * gib, GPU: 2}, "2 GPUs and 64 GiB of memory", 1000},
		{"memory that is not known is not counted", Slots{CPU: 2}, steps.Resources{Memory: 64 * gib}, "", 1000},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLedger(c.slots, 1)
			n := l.needOf(c.resources)
			if got := l.lacks(n); got != c.lacks || n.milli != c.milli {
				t.Errorf("lacks %q with %d milli-CPUs, want %q with %d", got, n.milli, c.lacks, c.milli)
			}
		})
	}
}

// Which GPU a task gets where they are of several sizes, and what it waits for.
func TestGPUsOfSeveralSizes(t *testing.T) {
	machine := func(sizes ...int64) Slots {
		s := Slots{CPU: 16}
		for i, size := range sizes {
			s.GPUs = append(s.GPUs, GPU{ID: string(rune('a' + i)), Memory: size * gib})
		}
		return s
	}
	mixed := machine(24, 80, 24, 48)
	for _, c := range []struct {
		name      string
		slots     Slots
		gpus      int
		predicted float64 // GiB
		taken     string  // already
		want      string  // "": it waits
		waits     string
	}{
		{"the smallest that fits", mixed, 1, 20, "", "a", ""},
		{"exactly", mixed, 1, 24, "", "a", ""},
		{"a little more", mixed, 1, 24.1, "", "d", ""},
		{"the next, when it is taken", mixed, 1, 20, "a", "c", ""},
		{"a larger one, when all of the size are taken", mixed, 1, 20, "ac", "d", ""},
		{"none that is too small", mixed, 1, 50, "b", "", "waiting for 1 GPU of 80 GiB: 0 of 1 are free"},
		{"one of two sizes", mixed, 1, 30, "bd", "", "waiting for 1 GPU of 48 GiB or more: 0 of 2 are free"},
		{"more than there is", mixed, 1, 100, "", "b", ""},
		{"more than there is, taken", mixed, 1, 100, "b", "", "waiting for 1 GPU of 80 GiB: 0 of 1 are free"},
		{"nothing predicted", mixed, 1, 0, "", "b", ""},
		{"nothing predicted, the largest taken", mixed, 1, 0, "b", "d", ""},
		{"nothing predicted, only small ones left", mixed, 1, 0, "bd", "a", ""},
		{"two", mixed, 2, 20, "", "ac", ""},
		{"two, one of them larger", mixed, 2, 20, "a", "cd", ""},
		{"two of a size of which there is one", mixed, 2, 70, "", "bd", ""},
		{"two of a size of which one is free", mixed, 2, 40, "b", "", "waiting for 2 GPUs of 48 GiB or more: 1 of 2 are free"},
		{"all", mixed, 4, 70, "", "abcd", ""},
		{"all alike", machine(24, 24, 24), 1, 50, "a", "b", ""},
		{"all alike, none free", machine(24, 24), 1, 20, "ab", "", "waiting for 1 GPU: 0 of 2 are free"},
		{"of one the size is not known", machine(24, 0, 80), 1, 50, "", "a", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLedger(c.slots, 10)
			before := l.free
			held := strings.Split(c.taken, "")
			for _, id := range held {
				l.devices = slices.DeleteFunc(l.devices, func(d string) bool { return d == id })
			}
			l.free.gpus = len(l.devices)
			n := l.needOf(steps.Resources{GPU: c.gpus})
			n.device = l.deviceFor(c.gpus, c.predicted*gib)
			if fits := l.fits(n); fits != (c.want != "") {
				t.Fatalf("fits: %v", fits)
			}
			if c.want == "" {
				if got := l.waiting(n); got != c.waits {
					t.Errorf("%q, want %q", got, c.waits)
				}
				return
			}
			got := l.take(n)
			if strings.Join(got, "") != c.want {
				t.Errorf("%v, want %s", got, c.want)
			}
			l.give(n, got)
			l.give(need{gpus: len(c.taken)}, slices.DeleteFunc(held, func(id string) bool { return id == "" }))
			if l.free != before || !slices.Equal(l.devices, l.all) {
				t.Errorf("after giving back: %+v %v", l.free, l.devices)
			}
		})
	}
}

func TestSlotsInWords(t *testing.T) {
	for want, s := range map[string]Slots{
		"2 CPUs, 24 GiB of memory, no GPU":     {CPU: 2, Memory: 24 * gib},
		"1 CPU, 512 MiB of memory, 1 GPU":      {CPU: 1, Memory: gib / 2, GPUs: []GPU{{ID: "0"}}},
		"1.5 CPUs, 23.4 GiB of memory, 2 GPUs": {CPU: 1.5, Memory: 25126000000, GPUs: []GPU{{ID: "0"}, {ID: "1"}}},
		"8 CPUs, no GPU":                       {CPU: 8},
	} {
		if got := s.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
