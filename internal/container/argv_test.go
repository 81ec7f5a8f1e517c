package container

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

func spec() Spec {
	return Spec{
		Name: "ligase.run.node.1.abcd", Labels: map[string]string{"b": "2", "a": "1"},
		Image: "example.org/tool:1", Argv: []string{"tool", "--rm", "", "a b"}, Env: []string{"X=1"}, Dir: "/d/work",
		Mounts: []Mount{{Source: "/d/in", Target: "/d/in", ReadOnly: true}, {Source: "/d/tmp", Target: "/tmp"}},
		User:   1000, Group: 100, PIDFile: "/d/pid",
		Memory: 1 << 30, CPU: 1.5, Shm: 1 << 29, Files: [2]int64{1024, 4096}, Procs: 500,
	}
}

func create(t *testing.T, p *Program, s Spec) []string {
	t.Helper()
	args, err := p.Create(s)
	if err != nil {
		t.Fatal(err)
	}
	return args
}

func podman() *Program {
	return &Program{Name: "podman", Path: "/usr/bin/podman", Memory: true, CPU: true, PIDs: true, initially: true}
}

func docker() *Program {
	return &Program{Name: "docker", Path: "/usr/bin/docker", Docker: true, Memory: true, CPU: true, PIDs: true, initially: true}
}

// The whole of what podman and docker are told.
func TestCreate(t *testing.T) {
	common := []string{
		"create --pull=never --name=ligase.run.node.1.abcd --label=a=1 --label=b=2",
		"--network=none --read-only --cap-drop=all --security-opt=no-new-privileges --security-opt=label=disable",
		"--log-driver=none --no-healthcheck --entrypoint= --workdir=/d/work",
	}
	limits := "--init --memory=1073741824 --memory-swap=1073741824 --cpu-shares=1536 --pids-limit=16384 --shm-size=536870912 --ulimit=nofile=1024:4096 --ulimit=nproc=500:500"
	rest := "--env=NVIDIA_VISIBLE_DEVICES=void --mount=type=bind,source=/d/in,target=/d/in,readonly --mount=type=bind,source=/d/tmp,target=/tmp --env=X=1 example.org/tool:1 tool --rm  a b"
	for name, c := range map[string]struct {
		program *Program
		own     string
	}{
		"podman": {podman(), "--user=1000:100 --read-only-tmpfs=false --http-proxy=false --systemd=false --pidfile=/d/pid"},
		"docker": {docker(), "--user=1000:100"},
	} {
		want := strings.Join(append(common, c.own, limits, rest), " ")
		if got := strings.Join(create(t, c.program, spec()), " "); got != want {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, want)
		}
	}
}

// The command is the caller's, whatever the program has of rights.
func TestCreateForTheCaller(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Program)
		from   *Program
		want   []string
	}{
		"podman without root": {func(p *Program) { p.Rootless = true }, podman(), []string{"--userns=keep-id", "--user=1000:100"}},
		"docker without root": {func(p *Program) { p.Rootless = true }, docker(), []string{"--user=0:0"}},
		"docker that remaps":  {func(p *Program) { p.remapped = true }, docker(), []string{"--userns=host", "--user=1000:100"}},
	} {
		c.change(c.from)
		got := slices.DeleteFunc(create(t, c.from, spec()), func(a string) bool { return !strings.HasPrefix(a, "--user") })
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// What the program cannot limit it is not asked to: it would refuse.
func TestCreateWithoutControllers(t *testing.T) {
	got := create(t, &Program{Name: "podman"}, spec())
	for _, a := range got {
		for _, no := range []string{"--memory", "--cpu", "--pids", "--init"} {
			if strings.HasPrefix(a, no) {
				t.Errorf("%q", a)
			}
		}
	}
}

// After the image nothing is an option, and no element is changed.
func TestCreateKeepsArguments(t *testing.T) {
	s := spec()
	s.Argv = []string{"-v", "/:/host", "--privileged", "", "$(id)", "a\nb", `"`, "{{.ID}}", "é"}
	got := create(t, podman(), s)
	i := slices.Index(got, s.Image)
	if i < 0 || !slices.Equal(got[i+1:], s.Argv) {
		t.Errorf("%q", got)
	}
}

func TestMountOfOddPaths(t *testing.T) {
	for path, want := range map[string]string{
		"/a b:c":    "type=bind,source=/a b:c,target=/a b:c",
		"/a,b":      `type=bind,"source=/a,b","target=/a,b"`,
		`/a"b`:      `type=bind,"source=/a""b","target=/a""b"`,
		"/a,b=c\"d": `type=bind,"source=/a,b=c""d","target=/a,b=c""d"`,
	} {
		if got := (Mount{Source: path, Target: path}).option(); got != want {
			t.Errorf("%s: %s", path, got)
		}
	}
}

func TestRemove(t *testing.T) {
	if got, want := strings.Join(podman().Remove("a", "b"), " "), "rm --force --volumes --time=0 --ignore a b"; got != want {
		t.Error(got)
	}
	if got, want := strings.Join(docker().Remove("a", "b"), " "), "rm --force --volumes a b"; got != want {
		t.Error(got)
	}
}

// A program that was written down removes as it did.
func TestRemoveLater(t *testing.T) {
	for _, p := range []*Program{podman(), docker()} {
		text, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		var later Program
		if err := json.Unmarshal(text, &later); err != nil {
			t.Fatal(err)
		}
		if got, want := later.Remove("a"), p.Remove("a"); !slices.Equal(got, want) || later.SeesProcesses() != p.SeesProcesses() || later.Path != p.Path {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestTyped(t *testing.T) {
	got := podman().Typed([]string{"run", "a b", "it's", "", "--x=y"})
	if want := `podman run 'a b' 'it'\''s' '' --x=y`; got != want {
		t.Error(got)
	}
}
