package worker

import (
	"os"
	"path/filepath"
	"testing"
)

// What the kernel killed elsewhere on the machine is not what it killed here.
func TestOOMKillsAreOurOwn(t *testing.T) {
	for name, test := range map[string]struct {
		files map[string]string
		want  int64
	}{
		"a pod, version 2": {map[string]string{
			"proc/self/cgroup": "0::/\n", "proc/vmstat": "oom_kill 90\n",
			"sys/fs/cgroup/memory.events": "low 0\nhigh 0\nmax 12\noom 4\noom_kill 3\noom_group_kill 0\n",
		}, 3},
		"a pod that had none": {map[string]string{
			"proc/self/cgroup": "0::/\n", "proc/vmstat": "oom_kill 90\n", "sys/fs/cgroup/memory.events": "oom_kill 0\n",
		}, 0},
		"a pod, version 1, the host's path": {map[string]string{
			"proc/self/cgroup": "12:cpu,cpuacct:/kubepods/pod1/c1\n4:memory:/kubepods/pod1/c1\n", "proc/vmstat": "oom_kill 90\n",
			"sys/fs/cgroup/memory/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n",
		}, 2},
		"a session of a machine": {map[string]string{
			"proc/self/cgroup": "0::/user.slice/session-1.scope\n", "proc/vmstat": "oom_kill 90\n",
			"sys/fs/cgroup/user.slice/session-1.scope/memory.events": "oom_kill 5\n",
		}, 5},
		"a path above what is mounted": {map[string]string{
			"proc/self/cgroup": "0::/../../evil\n", "proc/vmstat": "oom_kill 90\n", "sys/fs/cgroup/memory.events": "oom_kill 1\n",
		}, 1},
		"both versions": {map[string]string{
			"proc/self/cgroup": "4:memory:/job\n0::/\n", "proc/vmstat": "oom_kill 90\n", "sys/fs/cgroup/unified/cgroup.procs": "",
			"sys/fs/cgroup/memory/job/memory.oom_control": "oom_kill 7\n", "sys/fs/cgroup/memory/memory.oom_control": "oom_kill 8\n",
		}, 7},
		"no cgroup for memory": {map[string]string{"proc/self/cgroup": "0::/\n", "proc/vmstat": "nr_free_pages 1\noom_kill 90\n"}, 90},
		"an old kernel":        {map[string]string{"proc/vmstat": "nr_free_pages 1\n"}, 0},
	} {
		root := t.TempDir()
		for file, content := range test.files {
			file = filepath.Join(root, file)
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got := oomKillsBelow(root); got != test.want {
			t.Errorf("%s: %d, want %d", name, got, test.want)
		}
	}
}
