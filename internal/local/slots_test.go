package local

import (
	"slices"
	"testing"

	"github.com/ligase-bio/ligase/steps"
)

const gib = 1 << 30

func TestLedgerGivesBackWhatItTook(t *testing.T) {
	l := newLedger(Slots{CPU: 4, Memory: 8 * gib, GPUs: []GPU{{ID: "a"}, {ID: "b"}, {ID: "c"}}}, 10)
	before := l.free
	two, one := need{1500, gib, 2}, need{500, 0, 1}
	first, second := l.take(two), l.take(one)
	if !slices.Equal(first, []string{"a", "b"}) || !slices.Equal(second, []string{"c"}) {
		t.Errorf("devices %v and %v, want a b and c", first, second)
	}
	if l.fits(one) {
		t.Error("a GPU was given although none is free")
	}
	if !l.fits(need{2000, 7 * gib, 0}) || l.fits(need{2001, 0, 0}) || l.fits(need{1, 7*gib + 1, 0}) {
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
