package pod_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ligase-bio/ligase/dag"
	"github.com/ligase-bio/ligase/pipelines"
	"github.com/ligase-bio/ligase/steps"
)

// What a step finds in its environment is its image's, its implementation's
// and the worker's, and none of what the pod was told or may use.
func TestWhatAStepSees(t *testing.T) {
	w := own(t, shell("look", `env | sort >"$1"/out.txt`, `env: {OMP_NUM_THREADS: "4", CONDA_PREFIX: /mine}`)).workflow("look", nil, pipelines.Arguments{})
	look := dag.Task{Node: "look"}
	p := w.pod(look,
		"AWS_ACCESS_KEY_ID=key", "AWS_SECRET_ACCESS_KEY=secret", "GOOGLE_APPLICATION_CREDENTIALS=/x", "ARGO_TEMPLATE={}", "KUBERNETES_SERVICE_HOST=10.96.0.1",
		"LIGASE_RUN_NONSENSE=1", "HF_TOKEN=x", "DB_PASSWORD=x", "My_Secret=x", "HOME=/root", "TMPDIR=/elsewhere", "LANG=de", "PWD=/",
		"LD_LIBRARY_PATH=/opt/lib", "CONDA_PREFIX=/opt/conda", "NVIDIA_VISIBLE_DEVICES=GPU-1")
	p.wants(t, 0, "")
	folder := filepath.Join(p.home, "work", w.folder.RunID, "look", "attempt-1")
	want := strings.Join([]string{
		"CONDA_PREFIX=/mine", "HOME=" + folder + "/tmp", "LANG=C.UTF-8", "LD_LIBRARY_PATH=/opt/lib", "LIGASE_ATTEMPT=" + folder, "NVIDIA_VISIBLE_DEVICES=GPU-1",
		"OMP_NUM_THREADS=4", "PATH=/usr/bin:/bin", "PWD=" + folder + "/work", "TMPDIR=" + folder + "/tmp", "TZ=UTC", "",
	}, "\n")
	got := w.read(w.result(look).Outputs["out"][0].URI)
	got = strings.Join(strings.FieldsFunc(strings.ReplaceAll(got, "OLDPWD=\n", ""), func(r rune) bool { return r == '\n' }), "\n") + "\n"
	if got != want {
		t.Errorf("it sees\n%s\nand not\n%s", got, want)
	}
}

// asUser has a pod run as a user who is not root, where we are: as in a
// cluster, and because root may look everywhere.
func (w *workflow) asUser(t *testing.T, p *process) {
	t.Helper()
	if os.Getuid() != 0 {
		return
	}
	// The test program is where only root may look.
	program, err := os.ReadFile(w.worker)
	if err == nil {
		err = os.Remove(w.worker)
	}
	if err == nil {
		err = os.WriteFile(w.worker, program, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	const user = 65532
	p.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: user, Gid: user}}
	if err := exec.Command("chown", "-R", fmt.Sprint(user), p.home, w.root.Path()).Run(); err != nil {
		t.Fatal(err)
	}
	for dir := w.dir; dir != "/" && dir != os.TempDir(); dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

// A step cannot read the credentials of the worker beside it.
func TestWorkersEnvironmentIsHidden(t *testing.T) {
	w := own(t, shell("spy", `{ tr '\0' ' ' </proc/$PPID/environ; cat </proc/$PPID/mem; } >"$1"/out.txt 2>&1; exit 0`, "")).workflow("spy", nil, pipelines.Arguments{})
	w.put("x", "") // the root is there
	spy := dag.Task{Node: "spy"}
	p := w.pod(spy, "AWS_SECRET_ACCESS_KEY=very-secret")
	w.asUser(t, p)
	p.wants(t, 0, "")
	got := w.read(w.result(spy).Outputs["out"][0].URI)
	if strings.Contains(got, "very-secret") || strings.Count(got, "Permission denied") != 2 {
		t.Errorf("it read %q", got)
	}
}

// Nor those of the processes around it: in a pod, Argo's has the same
// environment as the worker. For all that, it can do with files and processes
// of its own what it likes.
func TestStepsAreKeptApart(t *testing.T) {
	if _, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION); errno != 0 {
		t.Skipf("the kernel has no Landlock: %v", errno)
	}
	other := exec.Command("sleep", "60")
	other.Env = []string{"AWS_SECRET_ACCESS_KEY=very-secret"}
	if os.Getuid() == 0 {
		other.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65532, Gid: 65532}}
	}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	defer other.Wait()
	defer other.Process.Kill()
	w := own(t, shell("spy", fmt.Sprintf(`sleep 60 & kid=$!; sleep 0.3
{ tr '\0' ' ' </proc/%d/environ; } >out.txt 2>&1
tr '\0' ' ' </proc/$kid/environ >>out.txt && mkdir a b && echo moved >a/x && mv a/x b/y && ln b/y a/z && cat a/z >>out.txt`, other.Process.Pid), "")).workflow("spy", nil, pipelines.Arguments{})
	w.put("x", "") // the root is there
	spy := dag.Task{Node: "spy"}
	p := w.pod(spy)
	w.asUser(t, p)
	p.wants(t, 0, "")
	got := w.read(w.result(spy).Outputs["out"][0].URI)
	if strings.Contains(got, "very-secret") || !strings.Contains(got, "Permission denied") || !strings.Contains(got, "LIGASE_ATTEMPT=") || !strings.HasSuffix(got, "moved\n") {
		t.Errorf("it read %q", got)
	}
}

func TestProgressIsTold(t *testing.T) {
	w := own(t, shell("steady", `for i in 1 2 3 4; do echo "step $i/4"; sleep 0.2; done; echo x >"$1"/out.txt`, `progress: 'step (?P<done>\d+)/(?P<total>\d+)'`)).workflow("steady", nil, pipelines.Arguments{})
	file := filepath.Join(t.TempDir(), "progress")
	p := w.pod(dag.Task{Node: "steady"}, "ARGO_PROGRESS_FILE="+file)
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	eventually(t, "progress 100/100", func() bool {
		text, _ := os.ReadFile(file)
		seen[string(text)] = true
		return string(text) == "100/100"
	})
	if err := p.Wait(); err != nil {
		t.Errorf("%v: %s", err, &p.stderr)
	}
	for text := range seen {
		if text != "" && text != "25/100" && text != "50/100" && text != "75/100" && text != "100/100" {
			t.Errorf("it told %q", text)
		}
	}
	if !seen["25/100"] || !seen["50/100"] {
		t.Errorf("it told only %v", seen)
	}
	// A place that cannot be written is no reason to fail.
	w.homes.Add(1)
	again := own(t, shell("steady", `echo "step 1/4"; echo x >"$1"/out.txt`, `progress: 'step (?P<done>\d+)/(?P<total>\d+)'`)).workflow("steady", nil, pipelines.Arguments{})
	again.pod(dag.Task{Node: "steady"}, "ARGO_PROGRESS_FILE=/proc/progress").wants(t, 0, "")
}

// Out of memory is told as that, whoever noticed: the worker by its limit, the
// kernel by the container's, or only the tool, in its log.
func TestOutOfMemory(t *testing.T) {
	const eat = "x=`head -c 300m /dev/zero | tr '\\0' x`; sleep 20"
	check := func(t *testing.T, w *workflow, p *process, says string) {
		t.Helper()
		task := dag.Task{Node: w.plan.Compiled.Nodes[0].ID}
		p.wants(t, 20, says)
		if f := w.failure(task, 1); f == nil || f.Code != steps.FailOOM {
			t.Errorf("%+v", f)
		}
	}
	t.Run("over resources.memory", func(t *testing.T) {
		w := own(t, shell("eater", eat, `resources: {memory: 64Mi}`)).workflow("eater", nil, pipelines.Arguments{})
		check(t, w, w.pod(dag.Task{Node: "eater"}), "more than the 64 MiB")
	})
	for _, code := range []int{0, 1} {
		t.Run(fmt.Sprintf("the log says so, exit code %d", code), func(t *testing.T) {
			w := own(t, shell("teller", fmt.Sprintf(`echo "MemoryError: no more"; exit %d`, code), "")).workflow("teller", nil, pipelines.Arguments{})
			check(t, w, w.pod(dag.Task{Node: "teller"}), "memory ran out")
		})
	}
	t.Run("over the container's limit", func(t *testing.T) {
		w := own(t, shell("eater", eat, "")).workflow("eater", nil, pipelines.Arguments{})
		p := w.pod(dag.Task{Node: "eater"})
		inCgroup(t, p.Cmd, 128<<20)
		check(t, w, p, "The kernel killed the command because memory ran out.")
	})
}

// inCgroup has a command run in a memory cgroup of its own, as a container
// does.
func inCgroup(t *testing.T, cmd *exec.Cmd, limit int) {
	t.Helper()
	membership, _ := os.ReadFile("/proc/self/cgroup")
	for line := range strings.Lines(string(membership)) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		parent, file := "/sys/fs/cgroup", "memory.max"
		switch {
		case len(fields) == 3 && fields[1] == "memory":
			parent, file = "/sys/fs/cgroup/memory", "memory.limit_in_bytes"
		case len(fields) == 3 && fields[0] == "0":
		default:
			continue
		}
		group := filepath.Join(parent, fields[2], fmt.Sprintf("ligase-test-%d", os.Getpid()))
		if os.Mkdir(group, 0o755) != nil {
			continue
		}
		t.Cleanup(func() { os.Remove(group) })
		if os.WriteFile(filepath.Join(group, file), []byte(fmt.Sprint(limit)), 0o644) != nil {
			continue
		}
		cmd.Args = append([]string{"/bin/sh", "-c", `echo $$ >"$1" && shift && exec "$@"`, "sh", filepath.Join(group, "cgroup.procs"), cmd.Path}, cmd.Args[1:]...)
		cmd.Path = "/bin/sh"
		return
	}
	t.Skip("no memory cgroup can be made here: that takes root, and a kernel that lets it")
}
