package container

import (
	"encoding/csv"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A Spec is a container to be made: one command in one image.
type Spec struct {
	Name   string
	Labels map[string]string
	Image  string
	Argv   []string // the whole command: what the image would start by itself does not count
	Env    []string // NAME=value, over the image's own
	Dir    string   // where the command starts
	Mounts []Mount
	Tmpfs  []string // folders that are in memory

	User, Group int // of the caller
	PIDFile     string

	Memory int64    // bytes; 0: no limit
	CPU    float64  // cores' worth of weight where there are not enough; 0: the usual weight
	Shm    int64    // bytes that /dev/shm may have
	Files  [2]int64 // open files: soft and hard limit; 0: the program's own
	Procs  int64    // processes and threads of the user; 0: the program's own
	GPUs   []GPU
}

// Mount is a folder of the machine that the container has.
type Mount struct {
	Source, Target string // absolute
	ReadOnly       bool
}

// pids is the most processes and threads that a container may have: far over
// what a tool on a large machine starts, far under what stops the machine.
const pids = 16384

// Create are the arguments that make a container, not started.
//
// Nothing is given that a command does not need: no network, no capability, no
// way to gain any, a root file system that cannot be written, no folder of the
// machine but the mounts. The container is not removed by itself (--rm): that
// depends on a client or monitor that lives to the end, and takes away what
// the end is told by.
func (p *Program) Create(s Spec) ([]string, error) {
	args := []string{"create", "--pull=never", "--name=" + s.Name}
	for _, k := range slices.Sorted(maps.Keys(s.Labels)) {
		args = append(args, "--label="+k+"="+s.Labels[k])
	}
	args = append(args,
		"--network=none", "--read-only", "--cap-drop=all", "--security-opt=no-new-privileges",
		// Of SELinux the folders would need labels of a container's, and the
		// worker and later attempts could not use them.
		"--security-opt=label=disable",
		"--log-driver=none", "--no-healthcheck", "--entrypoint=", "--workdir="+s.Dir,
	)
	args = append(args, p.user(s.User, s.Group)...)
	if !p.Docker {
		args = append(args, "--read-only-tmpfs=false", "--http-proxy=false", "--systemd=false", "--pidfile="+s.PIDFile)
	}
	if p.initially {
		args = append(args, "--init")
	}
	args = append(args, p.limits(s)...)
	gpus, err := p.gpus(s.GPUs)
	if err != nil {
		return nil, err
	}
	args = append(args, gpus...)
	for _, m := range s.Mounts {
		args = append(args, "--mount="+m.option())
	}
	for _, at := range s.Tmpfs {
		args = append(args, "--tmpfs="+at+":rw,exec,mode=1777")
	}
	for _, e := range s.Env {
		args = append(args, "--env="+e)
	}
	args = append(args, s.Image)
	return append(args, s.Argv...), nil
}

// user makes the command the caller's: what it writes belongs to the caller,
// and it can do no more than the caller.
func (p *Program) user(uid, gid int) []string {
	caller := fmt.Sprintf("--user=%d:%d", uid, gid)
	switch {
	case p.Docker && p.Rootless:
		return []string{"--user=0:0"} // which is the caller, outside
	case p.Docker && p.remapped:
		return []string{"--userns=host", caller}
	case !p.Docker && p.Rootless:
		return []string{"--userns=keep-id", caller}
	}
	return []string{caller}
}

func (p *Program) limits(s Spec) []string {
	var args []string
	if s.Memory > 0 && p.Memory {
		args = append(args, fmt.Sprintf("--memory=%d", s.Memory), fmt.Sprintf("--memory-swap=%d", s.Memory))
	}
	if s.CPU > 0 && p.CPU {
		args = append(args, fmt.Sprintf("--cpu-shares=%d", min(max(int(s.CPU*1024), 2), 262144)))
	}
	if p.PIDs {
		args = append(args, fmt.Sprintf("--pids-limit=%d", pids))
	}
	if s.Shm > 0 {
		args = append(args, fmt.Sprintf("--shm-size=%d", s.Shm))
	}
	if s.Files[1] > 0 {
		args = append(args, fmt.Sprintf("--ulimit=nofile=%d:%d", s.Files[0], s.Files[1]))
	}
	if s.Procs > 0 {
		args = append(args, fmt.Sprintf("--ulimit=nproc=%d:%d", s.Procs, s.Procs))
	}
	return args
}

// option writes a mount as --mount takes it: a record of CSV, so that a path
// may hold commas and quotes.
func (m Mount) option() string {
	fields := []string{"type=bind", "source=" + m.Source, "target=" + m.Target}
	if m.ReadOnly {
		fields = append(fields, "readonly")
	}
	var b strings.Builder
	w := csv.NewWriter(&b)
	w.Write(fields) // to memory
	w.Flush()
	return strings.TrimSuffix(b.String(), "\n")
}

// Start are the arguments that start a container and stay until it ends, with
// its output, passing on signals, and ending as it does.
func (p *Program) Start(name string) []string { return []string{"start", "--attach", name} }

// Kill are the arguments that end a container which does not end by itself.
func (p *Program) Kill(name string) []string { return []string{"kill", "--signal=KILL", name} }

// Remove are the arguments that remove containers, whatever they are doing,
// and their volumes.
func (p *Program) Remove(names ...string) []string {
	args := []string{"rm", "--force", "--volumes"}
	if !p.Docker {
		args = append(args, "--time=0", "--ignore")
	}
	return append(args, names...)
}

// List are the arguments that list all containers with a label, running or
// not, for [Listed].
func (p *Program) List(label, value string) []string {
	return []string{"ps", "--all", "--no-trunc", "--filter=label=" + label + "=" + value, "--format=" + listed + "{{.ID}}"}
}

// Has are the arguments that end well if an image is here, and with 1 if not.
func (p *Program) Has(image string) []string {
	if p.Docker {
		return []string{"image", "inspect", "--format={{.Id}}", image}
	}
	return []string{"image", "exists", image}
}

// Pull are the arguments that fetch an image.
func (p *Program) Pull(image string) []string { return []string{"pull", image} }

// Inspect are the arguments that tell how a container is, for [ReadState].
func (p *Program) Inspect(name string) []string {
	return []string{"inspect", "--type=container", "--format=" + inspected + "{{json .State}}", name}
}

// Words before what is asked for: programs warn of this and that as well.
const (
	listed    = "ligase-container "
	inspected = "ligase-state "
)

// Listed reads what List was answered.
func Listed(out string) []string {
	var ids []string
	for line := range strings.Lines(out) {
		if id, ok := strings.CutPrefix(strings.TrimSpace(line), listed); ok && id != "" {
			ids = append(ids, id)
		}
	}
	return ids
}

// Typed is a command line as somebody would type it who tries it by hand.
func (p *Program) Typed(args []string) string {
	words := []string{p.Name}
	for _, a := range args {
		if strings.ContainsAny(a, " \t\n'\"\\$`!*?[]{}()<>|&;#~") || a == "" {
			a = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
		}
		words = append(words, a)
	}
	return strings.Join(words, " ")
}
