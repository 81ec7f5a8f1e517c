package steps

import (
	"time"

	"github.com/ligase-bio/ligase/uris"
)

// Result is the commit record of a task. It is written last and only if
// absent: a task without one did not happen, and the first one stays.
type Result struct {
	Format         string              `json:"format"` // ResultFormat
	RunID          string              `json:"run_id"`
	Node           string              `json:"node"`
	Index          uris.Index          `json:"index,omitempty"`
	Attempt        int                 `json:"attempt"` // from 1
	Step           string              `json:"step"`
	Version        string              `json:"version"`
	Implementation string              `json:"implementation"`
	Outputs        map[string][]Object `json:"outputs"` // by port; an unset optional port is absent
	Metrics        map[string]float64  `json:"metrics,omitempty"`
	Filtered       *Filtered           `json:"filtered,omitempty"` // why nothing takes what it gave
	StartedAt      time.Time           `json:"started_at"`
	FinishedAt     time.Time           `json:"finished_at"`
	Timings        Timings             `json:"timings"`
	Usage          Usage               `json:"usage"`
	Work           *Work               `json:"work,omitempty"`   // how much there was to do; nil: the implementation has no cost, or it could not be counted
	Worker         string              `json:"worker,omitempty"` // version of the worker program
}

// ResultFormat is the version of the commit record's shape.
const ResultFormat = "ligase.result/v1"

// Object is one value of a port, lying in the store.
type Object struct {
	URI     uris.URI           `json:"uri"`
	Size    int64              `json:"size"`   // bytes
	SHA256  string             `json:"sha256"` // 64 lower-case hex digits
	Type    string             `json:"type"`
	Format  string             `json:"format"`
	Metrics map[string]float64 `json:"metrics,omitempty"` // of this item of a port that gives many
	Preview []string           `json:"preview,omitempty"` // the first lines, capped; text formats only
	// Filtered says of this item of a port that gives many why nothing takes it.
	Filtered *Filtered `json:"filtered,omitempty"`
}

// Timings is where an attempt's time went, in seconds.
type Timings struct {
	Stage  float64 `json:"stage"`
	Run    float64 `json:"run"`
	Commit float64 `json:"commit"`
}

// Usage is what an attempt used.
//
// The figures of GPUs are there only of a step that was granted some, where
// nvidia-smi is and told them from the beginning of the implementation's
// command (prepare and finish apart) to its end: not of a command that ended
// before the first reading, and not of MIG instances, of which nvidia-smi
// tells no more than what they are.
type Usage struct {
	CPUSeconds float64 `json:"cpu_seconds"`
	PeakMemory int64   `json:"peak_memory"` // bytes, largest resident set of one process

	// GPUMemoryPeak is the most memory, in bytes, that was in use on one of the
	// granted GPUs in any reading, of which there are two a second; of several
	// the largest. It is the whole device's (memory.used: contexts, and what
	// allocators keep, included; by whichever process) less what was in use
	// there in the last reading before the command began, if there was one. 0
	// and absent: not known, or nothing.
	GPUMemoryPeak int64 `json:"gpu_memory_peak,omitempty"`
	// GPUUtilization is the mean of those readings, and over the granted GPUs,
	// of the percentage of time in which something ran there
	// (utilization.gpu), 0-100. It says nothing of how much of the GPU was
	// busy. nil: not known.
	GPUUtilization *float64 `json:"gpu_utilization,omitempty"`
	// GPUName is what the driver calls the granted GPU ("NVIDIA H100 80GB
	// HBM3"; of a MIG instance with its profile, "… MIG 3g.20gb"); different
	// ones are joined by ", ". Empty: not known.
	GPUName string `json:"gpu_name,omitempty"`
	// GPUMemory is all the memory of the granted GPU, in bytes, of several the
	// smallest; of a MIG instance what the name of its profile says. 0: not
	// known.
	GPUMemory int64 `json:"gpu_memory,omitempty"`
}

// FailureCode is the class of a failure: what retries, hints and exit codes
// go by.
type FailureCode string

const (
	FailOOM            FailureCode = "oom"             // out of main memory
	FailGPUOOM         FailureCode = "gpu_oom"         // out of GPU memory
	FailDisk           FailureCode = "disk"            // it wrote more than it may, or there was no room for it
	FailPreempted      FailureCode = "preempted"       // the machine or engine went away under it
	FailImage          FailureCode = "image"           // the image or command could not be started
	FailUnschedulable  FailureCode = "unschedulable"   // no machine has what it asks for
	FailDeadline       FailureCode = "deadline"        // over its timeout
	FailOutputContract FailureCode = "output_contract" // ended well, but not with the outputs declared
	FailInput          FailureCode = "input"           // an input is not what its port takes
	FailExit           FailureCode = "exit"            // the command ended with another exit code
	FailStorage        FailureCode = "storage"         // the store could not be read or written
	FailUpstream       FailureCode = "upstream"        // too little to work on: items upstream failed; the failure has the place, exit code and log of the first
	FailFiltered       FailureCode = "filtered"        // of an item only: it did not meet a threshold, see [Filtered]
	FailCanceled       FailureCode = "canceled"
	FailUnknown        FailureCode = "unknown"
)

// Failure is why an attempt, and in the end a run, failed.
type Failure struct {
	Code      FailureCode `json:"code"`
	Message   string      `json:"message"` // a sentence
	Node      string      `json:"failed_step,omitempty"`
	Index     uris.Index  `json:"index,omitempty"`
	Attempt   int         `json:"attempt,omitempty"`
	ExitCode  *int        `json:"exit_code,omitempty"`   // nil: the command never ended by itself; 128+n after signal n
	LogTail   string      `json:"log_snippet,omitempty"` // the step's own, untrusted output: the last lines, capped
	Hint      string      `json:"hint,omitempty"`        // what to do
	Retryable bool        `json:"retryable"`             // whether the same call can succeed unchanged
}

// Error makes a Failure an error.
func (f *Failure) Error() string { return string(f.Code) + ": " + f.Message }
