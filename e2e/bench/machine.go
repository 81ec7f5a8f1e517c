package main

import (
	"fmt"
	"runtime"
	"time"
)

// machine is what the figures were measured on.
type machine struct {
	cpu        string
	cores      int
	memory     int64 // bytes; 0: not known
	kernel     string
	filesystem string // of the folder that everything is measured in
	goVersion  string
	load       string // what else went on, when the measuring began
	date       time.Time
}

type fact struct{ name, is string }

func (m machine) facts() []fact {
	memory := "unknown"
	if m.memory > 0 {
		memory = fmt.Sprintf("%.0f GiB", float64(m.memory)/(1<<30))
	}
	return []fact{
		{"date", m.date.Format(time.DateOnly)},
		{"CPU", fmt.Sprintf("%s, %d cores", m.cpu, m.cores)},
		{"memory", memory},
		{"kernel", m.kernel},
		{"file system", m.filesystem},
		{"Go", m.goVersion},
		{"load average when it began", m.load},
	}
}

// thisMachine describes the machine and the file system that dir is on.
func thisMachine(dir string) machine {
	return machine{
		cpu: cpuModel(), cores: runtime.NumCPU(), memory: memoryTotal(), kernel: kernel(),
		filesystem: filesystemOf(dir), goVersion: runtime.Version(), load: loadAverage(), date: time.Now(),
	}
}
