package worker_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/steps/worker"
)

// smi is an nvidia-smi that a test has in its hand: what it prints lies in
// files. It says in `count` how often it has printed its readings, in `pid`
// who it is.
const smi = `#!/bin/sh
cd '%s'
if [ "$1" = -L ]; then cat list; touch listed; exit; fi
echo "$$" > pid
[ -e hang ] && { trap '' TERM INT HUP; sleep 600 & wait; sleep 600; }
n=0
while [ ! -e die ]; do
	cat reading
	n=$((n+1))
	echo $n > next
	mv next count
	sleep 0.03
done
exit 9
`

// gpuLab has that program first on PATH.
func gpuLab(t *testing.T, files map[string]string) (*lab, string) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "nvidia-smi"), fmt.Appendf(nil, smi, dir), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return newLab(t, func(o *worker.Options) { o.Path = dir + ":" + os.Getenv("PATH") }), dir
}

// readings are the functions by which a command and the program in the place
// of nvidia-smi get in step. `seen` returns when the program has printed a few
// times since, `listed` some time after it has listed the devices.
const readings = `
has() { cat count 2>/dev/null || echo 0; }
seen() { until=$(( $(has) + 4 )); while [ $(has) -lt $until ]; do sleep 0.02; done; }
say() { printf '%s\n' "$@" > new; mv new reading; }
listed() { while [ ! -e listed ]; do sleep 0.02; done; sleep 0.5; }
cd "$1"
`

// gpuTask asks for GPUs. When its command begins, something has been read.
func gpuTask(l *lab, dir, script string) worker.Task {
	t := l.task(readings+script, dir)
	t.Implementation.Prepare = l.task(readings+"seen", dir).Implementation.Command
	t.Implementation.Resources.GPU = 1
	return t
}

func granted(ids string) *worker.Hooks {
	return &worker.Hooks{Env: map[string]string{"CUDA_VISIBLE_DEVICES": ids}}
}

// gone wants the program in the place of nvidia-smi to have ended.
func gone(t *testing.T, dir string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "pid"))
	if err != nil {
		t.Fatal("nvidia-smi was not run: ", err)
	}
	group := strings.TrimSpace(string(b))
	for range 50 {
		if !groupLives(group) {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Error("nvidia-smi, or something that it started, is still there")
}

// groupLives reports whether a process of the group is more than a zombie.
func groupLives(group string) bool {
	files, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, f := range files {
		b, _ := os.ReadFile(f)
		_, rest, _ := strings.Cut(string(b), ") ")
		if fields := strings.Fields(rest); len(fields) > 2 && fields[2] == group && fields[0] != "Z" && fields[0] != "X" {
			return true
		}
	}
	return false
}

func utilization(u steps.Usage) float64 {
	if u.GPUUtilization == nil {
		return -1
	}
	return *u.GPUUtilization
}

const (
	h100  = "NVIDIA H100 80GB HBM3"
	first = "0, GPU-aa, Disabled, %d, %s, 81559, " + h100
	other = "1, GPU-bb, Disabled, %d, %s, 81559, " + h100
)

func TestGPUFigures(t *testing.T) {
	idle := fmt.Sprintf(first, 500, "0") + "\n" + fmt.Sprintf(other, 9, "0") + "\n"
	none := steps.Usage{}
	for _, c := range []struct {
		name, idle, granted, script, list string
		want                              steps.Usage
		least, most                       float64 // of utilisation; -1: not known
	}{
		{"one of two", idle, "GPU-bb",
			fmt.Sprintf("say '"+first+"' '"+other+"'; seen; say '"+first+"' '"+other+"'; seen", 70000, "99", 6009, "80", 70000, "99", 2009, "40"), "",
			steps.Usage{GPUMemoryPeak: 6000 << 20, GPUName: h100, GPUMemory: 81559 << 20}, 40, 80},
		{"both, by number", idle, "1,0",
			fmt.Sprintf("say '"+first+"' '"+other+"'; seen", 4500, "100", 8009, "0"), "",
			steps.Usage{GPUMemoryPeak: 8000 << 20, GPUName: h100, GPUMemory: 81559 << 20}, 25, 55},
		{"idle all the time", idle, "GPU-bb", "seen", "",
			steps.Usage{GPUName: h100, GPUMemory: 81559 << 20}, 0, 0},
		{"all there are", fmt.Sprintf(first, 1, "0") + "\n", "all", fmt.Sprintf("say '"+first+"'; seen", 101, "50"), "",
			steps.Usage{GPUMemoryPeak: 100 << 20, GPUName: h100, GPUMemory: 81559 << 20}, 10, 50},
		{"a device that tells nothing of its use", "0, GPU-aa, [N/A], [N/A], [N/A], [N/A], NVIDIA GB10\n", "GPU-aa", "seen", "",
			steps.Usage{GPUName: "NVIDIA GB10"}, -1, -1},
		{"a device that tells its memory only", "0, GPU-aa, [N/A], 10, [Not Supported], 4096, Tesla K80\n", "GPU-aa",
			"say '0, GPU-aa, [N/A], 30, [Not Supported], 4096, Tesla K80'; seen", "",
			steps.Usage{GPUMemoryPeak: 20 << 20, GPUName: "Tesla K80", GPUMemory: 4096 << 20}, -1, -1},
		{"a device that is not there", idle, "GPU-cc", "seen", "", none, -1, -1},
		{"by number where CUDA may count otherwise", "0, GPU-aa, [N/A], 1, 0, 16384, Tesla T4\n" + fmt.Sprintf(other, 1, "0") + "\n", "0", "seen", "", none, -1, -1},
		{"nothing but noise", "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.\n\n", "0", "seen", "", none, -1, -1},
		{"a GPU of which tasks have parts", "0, GPU-aa, Enabled, 3000, [N/A], 40960, NVIDIA A100-SXM4-40GB\n", "GPU-aa",
			"say '0, GPU-aa, Enabled, 4000, [N/A], 40960, NVIDIA A100-SXM4-40GB'; seen", "", none, -1, -1},
		{"a device that got lost", idle, "GPU-aa", "say 'Unable to determine the device handle for GPU0000:01:00.0: GPU is lost'; touch die; sleep 0.2", "",
			steps.Usage{GPUName: h100, GPUMemory: 81559 << 20}, -1, -1},
		{"nvidia-smi dies midway", idle, "GPU-aa", fmt.Sprintf("say '"+first+"'; seen; touch die; sleep 0.2", 70000, "99"), "",
			steps.Usage{GPUName: h100, GPUMemory: 81559 << 20}, -1, -1},
		{"a pod with a part of a GPU", "0, GPU-aa, Enabled, 3000, [N/A], 40960, NVIDIA A100-SXM4-40GB\n", "all", "listed",
			"GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-aa)\n  MIG 3g.20gb     Device  0: (UUID: MIG-bb)\n",
			steps.Usage{GPUName: "NVIDIA A100-SXM4-40GB MIG 3g.20gb", GPUMemory: 20e9}, -1, -1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l, dir := gpuLab(t, map[string]string{"reading": c.idle, "list": c.list})
			hooks := granted(c.granted)
			task := gpuTask(l, dir, c.script)
			if c.granted == "all" {
				hooks = nil
			}
			if c.list != "" { // it is listed, and nothing more is read
				task.Implementation.Prepare = nil
			}
			r := l.must(task, hooks)
			got := r.Usage
			if u := utilization(got); !(u >= c.least && u <= c.most) {
				t.Errorf("utilisation %g, want %g to %g", u, c.least, c.most)
			}
			got.CPUSeconds, got.PeakMemory, got.GPUUtilization = 0, 0, nil
			if got != c.want {
				t.Errorf("%+v\nwant %+v", got, c.want)
			}
			gone(t, dir)
			if log := l.notes.String(); log != "" {
				t.Errorf("the worker has something to say: %s", log)
			}
		})
	}
}

// Of a part of a GPU that an engine grants, no figures are asked for.
func TestAPartOfAGPU(t *testing.T) {
	l, dir := gpuLab(t, map[string]string{"list": "GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-aa)\n  MIG 3g.20gb     Device  0: (UUID: MIG-bb)\n  MIG 1g.5gb      Device  1: (UUID: MIG-cc)\n"})
	task := l.task(readings+"listed", dir)
	task.Implementation.Resources.GPU = 1
	u := l.must(task, granted("MIG-cc")).Usage
	if u.GPUName != "NVIDIA A100-SXM4-40GB MIG 1g.5gb" || u.GPUMemory != 5e9 || u.GPUMemoryPeak != 0 || u.GPUUtilization != nil {
		t.Errorf("%+v", u)
	}
	if _, err := os.Stat(filepath.Join(dir, "pid")); err == nil {
		t.Error("nvidia-smi was asked for readings")
	}
}

// What was in use before the command is taken off only when it was seen
// before: else the command's own would be.
func TestGPUMemoryIsNotTakenForWhatWasThereBefore(t *testing.T) {
	l, dir := gpuLab(t, map[string]string{"reading": fmt.Sprintf(first, 3000, "0") + "\n", "die": ""})
	os.Remove(filepath.Join(dir, "nvidia-smi")) // it comes when the command runs
	late := "#!/bin/sh\ncd '" + dir + "'\nwhile [ ! -e begun ]; do sleep 0.02; done\nrm die\nexec ./smi \"$@\"\n"
	for name, text := range map[string]string{"nvidia-smi": late, "smi": fmt.Sprintf(smi, dir)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	task := l.task(readings+"touch begun; seen", dir)
	task.Implementation.Resources.GPU = 1
	if u := l.must(task, granted("GPU-aa")).Usage; u.GPUMemoryPeak != 3000<<20 {
		t.Errorf("%+v", u)
	}
	gone(t, dir)
}

// However an attempt ends, and whatever nvidia-smi is doing, it ends with the
// command, and the command does not wait for it.
func TestNvidiaSMIEndsWithTheCommand(t *testing.T) {
	idle := map[string]string{"reading": fmt.Sprintf(first, 3, "0") + "\n"}
	hangs := map[string]string{"hang": ""}
	started := "while [ ! -s \"$1\"/pid ]; do sleep 0.02; done; "
	for _, c := range []struct {
		name, script string
		files        map[string]string
		code         steps.FailureCode
	}{
		{"a command that fails", started + "exit 5", idle, steps.FailExit},
		{"a command that is over its time", started + "sleep 60", idle, steps.FailDeadline},
		{"nvidia-smi hangs", started, hangs, ""},
		{"nvidia-smi hangs and the command fails", started + "exit 5", hangs, steps.FailExit},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l, dir := gpuLab(t, c.files)
			task := l.task(c.script, dir)
			task.Implementation.Resources.GPU = 1
			if c.code == steps.FailDeadline {
				task.Implementation.Timeout = 2 * time.Second
			}
			began := time.Now()
			r, f := l.Execute(context.Background(), task, granted("GPU-aa"))
			if f == nil && c.code != "" || f != nil && f.Code != c.code {
				t.Errorf("%+v, want %q", f, c.code)
			}
			if r != nil && (r.Usage.GPUMemoryPeak != 0 || r.Usage.GPUUtilization != nil || r.Usage.GPUName != "") {
				t.Errorf("%+v", r.Usage)
			}
			if took := time.Since(began); took > 10*time.Second {
				t.Errorf("it took %s", took)
			}
			gone(t, dir)
			l.clean()
		})
	}
}

func TestGPUsThatNobodyAsksFor(t *testing.T) {
	l, dir := gpuLab(t, map[string]string{"reading": fmt.Sprintf(first, 3, "0") + "\n"})
	for name, hooks := range map[string]*worker.Hooks{"none told": nil, "none granted": granted("")} {
		task := l.task("sleep 0.3")
		task.Node = "n" + name[:4] + name[5:7]
		if hooks != nil {
			task.Implementation.Resources.GPU = 1
		}
		if u := l.must(task, hooks).Usage; u.GPUName != "" {
			t.Errorf("%s: %+v", name, u)
		}
		if _, err := os.Stat(filepath.Join(dir, "pid")); err == nil {
			t.Errorf("%s: nvidia-smi was run", name)
		}
	}
	// Where there is none, nothing is missed.
	bare := newLab(t, func(o *worker.Options) { o.Path = "/usr/bin:/bin" })
	task := bare.task("true")
	task.Implementation.Resources.GPU = 1
	bare.must(task, granted("0"))
	if log := bare.notes.String(); log != "" {
		t.Error(log)
	}
}
