package container

import "testing"

func TestReadState(t *testing.T) {
	for name, c := range map[string]struct {
		out              string
		started, running bool
		exit             int
		oom              bool
	}{
		"podman, ended": {"WARN[0000] something\nligase-state {\"Status\":\"exited\",\"Running\":false,\"OOMKilled\":true,\"ExitCode\":137,\"Error\":\"\",\"StartedAt\":\"2026-11-27T09:08:21.3Z\"}\n",
			true, false, 137, true},
		"podman, never started": {"ligase-state {\"Status\":\"initialized\",\"ExitCode\":0,\"StartedAt\":\"0001-01-01T00:00:00Z\"}\n", false, false, 0, false},
		"docker, running":       {"ligase-state {\"Status\":\"running\",\"Running\":true,\"Pid\":12,\"StartedAt\":\"2026-11-27T09:08:21.311571455Z\",\"Health\":{}}\n", true, true, 0, false},
	} {
		s, err := ReadState(c.out)
		if err != nil {
			t.Fatal(err)
		}
		if s.Started() != c.started || s.Running != c.running || s.ExitCode != c.exit || s.OOMKilled != c.oom {
			t.Errorf("%s: %+v", name, s)
		}
	}
	if _, err := ReadState("Error: inspecting object: no such object: \"x\"\n"); err == nil || err.Error() != `inspecting object: no such object: "x"` {
		t.Error(err)
	}
}

func TestReason(t *testing.T) {
	for said, want := range map[string]string{
		"Error: short-name \"x\" did not resolve\n":                                                         `short-name "x" did not resolve`,
		"Trying to pull x...\nError: initializing source: connection refused\n":                             "initializing source: connection refused",
		"docker: Error response from daemon: No such image: x.\nSee 'docker run --help'.\n":                 "No such image: x",
		"Error response from daemon: pull access denied\n":                                                  "pull access denied",
		"Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?": "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?",
		"": "",
	} {
		if got := Reason(said); got != want {
			t.Errorf("%q: %q", said, got)
		}
	}
}

func TestUnstarted(t *testing.T) {
	for tail, want := range map[string]string{
		"ERROR (catatonit:6): failed to exec pid1: No such file or directory\n":                "No such file or directory",
		"x\nERROR (catatonit:2): failed to exec pid1: Permission denied\n":                     "Permission denied",
		"[FATAL tini (7)] exec no-such-tool failed: No such file or directory\n":               "No such file or directory",
		"ERROR (catatonit:6): failed to exec pid1: No such file or directory\nand then more\n": "",
		"sh: no-such-tool: not found\n":                                                        "",
	} {
		if got := Unstarted(tail); got != want {
			t.Errorf("%q: %q", tail, got)
		}
	}
}

func TestListed(t *testing.T) {
	got := Listed("WARN[0000] x\nligase-container abc\nligase-container def\n")
	if len(got) != 2 || got[0] != "abc" || got[1] != "def" {
		t.Errorf("%q", got)
	}
}
