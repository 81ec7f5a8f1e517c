//go:build gpu && linux

package gpu

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ligase-bio/ligase/e2e/built"
	"github.com/ligase-bio/ligase/internal/nvidia"
	"github.com/ligase-bio/ligase/steps"
)

const types = "types:\n  test.text: {title: Text, formats: {txt: {extensions: [txt], text: true}}}\n"

// occupy waits before it takes the GPU: that nvidia-smi has seen what is in
// use without it. Its two implementations differ in what is known of its log.
const occupy = `name: occupy
version: 1.0.0
title: Occupy a GPU
description: Holds memory of a GPU and keeps it busy for a while.
params:
  mebibytes: {type: integer, default: 256, minimum: 0, maximum: 1000000000}
  seconds: {type: integer, default: 1, minimum: 0}
outputs:
  report: {type: test.text, format: txt}
implementations:
  dies:
    prepare: [sleep, "5"]
    command: [%[1]s, --mebibytes, $(params.mebibytes), --seconds, $(params.seconds), --report, report.txt]
    collect: {report: report.txt}
    resources: {gpu: 1}
    timeout: 5m
  swallows:
    command: [%[1]s, --mebibytes, $(params.mebibytes), --seconds, $(params.seconds), --report, report.txt, --swallow]
    collect: {report: report.txt}
    resources: {gpu: 1}
    timeout: 5m
    failures: [{pattern: '^no room on the device', code: gpu_oom}]
`

// site is an installation of its own on a machine with a GPU.
type site struct {
	*testing.T
	dir    string
	ligase string
	device report // of the first GPU
	env    []string
}

// report is what the CUDA program says, by its lines' first words.
type report map[string]string

func readReport(text string) report {
	r := report{}
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		r[key] = value
	}
	return r
}

func (r report) number(t testing.TB, key string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(r[key], 10, 64)
	if err != nil {
		t.Fatalf("%s in %v: %v", key, r, err)
	}
	return n
}

// programs are ligase and the CUDA program: beside this test's own program,
// where make gpu-kit puts them, or made now.
func programs(t *testing.T) (ligase, occupy string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ligase, occupy = filepath.Join(filepath.Dir(self), "ligase"), filepath.Join(filepath.Dir(self), "occupy")
	if _, err := os.Stat(ligase); err == nil {
		return ligase, occupy
	}
	occupy = filepath.Join(t.TempDir(), "occupy")
	if out, err := compile(occupy); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return built.Ligase(t), occupy
}

// open wants a GPU, and gives an engine the first one only.
func open(t *testing.T) *site {
	t.Helper()
	s := &site{T: t, dir: t.TempDir()}
	var program string
	s.ligase, program = programs(t)

	list, err := exec.Command(nvidia.Program, nvidia.ListArgs()...).Output()
	devices := nvidia.ParseList(list)
	if err != nil || len(devices) == 0 {
		t.Fatalf("There is no NVIDIA GPU here: nvidia-smi -L says %q (%v). Run make test-gpu on a machine that has one, with its driver.", list, err)
	}
	if !strings.HasPrefix(devices[0].ID, "GPU-") {
		t.Fatalf("The first GPU is cut into parts (%s), of which nvidia-smi tells no figures. Run this on a whole one.", devices[0].Name)
	}
	probe := exec.Command(program, "--probe")
	probe.Env = append(os.Environ(), "CUDA_VISIBLE_DEVICES="+devices[0].ID)
	said, err := probe.CombinedOutput()
	if err != nil {
		t.Fatalf("CUDA has no GPU here, although nvidia-smi lists %s: %v\n%s", devices[0].Name, err, said)
	}
	s.device = readReport(string(said))
	t.Logf("%s, %d MiB, CUDA %s", s.device["device"], s.device.number(t, "total")>>20, s.device["cuda"])

	for name, text := range map[string]string{"types": types, "occupy": fmt.Sprintf(occupy, program)} {
		file := filepath.Join(s.dir, "definitions", name+".yaml")
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s.env = append(os.Environ(), "LIGASE_DATA="+filepath.Join(s.dir, "data"), "LIGASE_CATALOG="+filepath.Join(s.dir, "definitions"),
		"LIGASE_CONFIG=", "LIGASE_ENGINE=local", "LIGASE_ENGINE_IDLE=2s", "CUDA_VISIBLE_DEVICES="+devices[0].ID)
	t.Cleanup(func() {
		for range 200 { // the engine ends by itself
			if held, err := os.ReadFile(filepath.Join(s.dir, "data", "engine.lock")); err != nil || len(held) == 0 {
				return
			}
			time.Sleep(50 * time.Millisecond)
		}
		t.Error("the engine did not end")
	})
	return s
}

// summary is what is read of a run's.
type summary struct {
	RunID  string         `json:"run_id"`
	Status string         `json:"status"`
	Error  *steps.Failure `json:"error"`
}

func (s *site) command(implementation string, args ...string) *exec.Cmd {
	cmd := exec.Command(s.ligase, append([]string{"run", "occupy", "--impl", "occupy=" + implementation, "--json"}, args...)...)
	cmd.Env = s.env
	return cmd
}

// run runs the step to its end.
func (s *site) run(implementation string, args ...string) summary {
	s.Helper()
	var stderr bytes.Buffer
	cmd := s.command(implementation, args...)
	cmd.Stderr = &stderr
	out, err := cmd.Output() // that it failed, the summary says
	var sum summary
	if json.Unmarshal(out, &sum) != nil {
		s.Fatalf("ligase run: %v\n%s%s", err, out, stderr.String())
	}
	return sum
}

// result is the commit record of a run, and what its command reported.
func (s *site) result(run string) (steps.Result, report) {
	s.Helper()
	folder := filepath.Join(s.dir, "data", "store", "runs", run, "outputs", "occupy")
	data, err := os.ReadFile(filepath.Join(folder, "result.json"))
	if err != nil {
		s.Fatal(err)
	}
	var r steps.Result
	if err := json.Unmarshal(data, &r); err != nil {
		s.Fatal(err)
	}
	text, err := os.ReadFile(r.Outputs["report"][0].URI.Path())
	if err != nil {
		s.Fatal(err)
	}
	return r, readReport(string(text))
}

const mib = 1 << 20

// contextMost is what a CUDA context of one small kernel may take at most.
const contextMost = 1024 * mib

func TestGPUIsSeenAndMeasured(t *testing.T) {
	s := open(t)
	const mebibytes = 2048
	sum := s.run("dies", fmt.Sprintf("mebibytes=%d", mebibytes), "seconds=8")
	if sum.Status != "succeeded" {
		t.Fatalf("%+v %+v", sum, sum.Error)
	}
	r, said := s.result(sum.RunID)
	if said["visible"] != "1" || !strings.HasPrefix(said["granted"], "GPU-") {
		t.Errorf("the command sees %s GPUs, by CUDA_VISIBLE_DEVICES=%s; it was granted one", said["visible"], said["granted"])
	}
	u := r.Usage
	if u.GPUName != said["device"] {
		t.Errorf("the record is of %q, and CUDA calls the device %q", u.GPUName, said["device"])
	}
	// nvidia-smi counts what the driver keeps for itself, too.
	if total := said.number(t, "total"); u.GPUMemory < total || u.GPUMemory > total+total/10 {
		t.Errorf("the device has %d MiB, and %d MiB as CUDA says", u.GPUMemory>>20, total>>20)
	}
	held := said.number(t, "allocated")
	if held != mebibytes*mib {
		t.Errorf("the command held %d bytes", held)
	}
	if u.GPUMemoryPeak < held-held/10 || u.GPUMemoryPeak > held+held/10+contextMost {
		t.Errorf("the peak is %d MiB, and the command held %d MiB", u.GPUMemoryPeak>>20, held>>20)
	}
	if u.GPUUtilization == nil || *u.GPUUtilization <= 50 || *u.GPUUtilization > 100 {
		t.Errorf("the GPU spun, and its utilisation is %v", u.GPUUtilization)
	} else {
		t.Logf("held %d MiB, peak %d MiB, utilisation %.1f %%", held>>20, u.GPUMemoryPeak>>20, *u.GPUUtilization)
	}
}

func TestGPUMemoryRunsOut(t *testing.T) {
	s := open(t)
	more := fmt.Sprintf("mebibytes=%d", s.device.number(t, "total")/mib+1024)
	for implementation, exit := range map[string]int{"dies": 1, "swallows": 0} {
		sum := s.run(implementation, more)
		f := sum.Error
		if sum.Status != "failed" || f == nil || f.Code != steps.FailGPUOOM {
			t.Errorf("%s: %s, %+v; want a failure of class gpu_oom", implementation, sum.Status, f)
			continue
		}
		if f.ExitCode == nil || *f.ExitCode != exit {
			t.Errorf("%s: exit code %v, want %d", implementation, f.ExitCode, exit)
		}
		t.Logf("%s: %s", implementation, f.Message)
	}
	// What ran out is free again.
	if sum := s.run("swallows", "mebibytes=256"); sum.Status != "succeeded" {
		t.Errorf("%+v %+v", sum, sum.Error)
	}
}

func TestTwoStepsShareOneGPUByTurns(t *testing.T) {
	s := open(t)
	type outcome struct {
		out []byte
		err error
	}
	done := make(chan outcome)
	for range 2 {
		cmd := s.command("swallows", "seconds=4")
		go func() {
			out, err := cmd.Output()
			done <- outcome{out, err}
		}()
	}
	var begin, end []int64
	for range 2 {
		o := <-done
		var sum summary
		if err := json.Unmarshal(o.out, &sum); err != nil || sum.Status != "succeeded" {
			t.Fatalf("%v %v\n%s", o.err, err, o.out)
		}
		_, said := s.result(sum.RunID)
		begin, end = append(begin, said.number(t, "begin")), append(end, said.number(t, "end"))
	}
	if begin[0] < end[1] && begin[1] < end[0] {
		t.Errorf("both had the GPU at once: from %d to %d, and from %d to %d", begin[0], end[0], begin[1], end[1])
	}
}
