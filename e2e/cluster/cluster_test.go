package main

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"
)

// empty is a cluster that keeps everything in the test's own folder.
func empty(t *testing.T) places {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("the cluster is for Linux only")
	}
	dir := t.TempDir()
	p := places{repo: filepath.Join("..", ".."), cache: dir, bin: filepath.Join(dir, "bin"), state: filepath.Join(dir, "c")}
	if err := p.makeState(); err != nil {
		t.Fatal(err)
	}
	return p
}

func sleeper() component { return component{name: "sleeper", path: "sleep", args: []string{"600"}} }

func TestAProcessOutlivesItsStarterAndIsEndedByName(t *testing.T) {
	p := empty(t)
	if err := p.launch(sleeper()); err != nil {
		t.Fatal(err)
	}
	r := p.running("sleeper")
	if r == nil {
		t.Fatal("it does not run")
	}
	if r.Digest != sleeper().digest() {
		t.Error("it is taken for one with another command line")
	}
	if err := p.halt(context.Background(), "sleeper", grace); err != nil {
		t.Fatal(err)
	}
	if r.alive() || p.running("sleeper") != nil {
		t.Error("it still runs")
	}
	if err := p.halt(context.Background(), "sleeper", grace); err != nil {
		t.Errorf("a second time: %v", err)
	}
}

// TestAStrangerWithTheSameNumberIsLeftAlone is what happens when a process of
// the cluster has died and the kernel gave its number to somebody else's.
func TestAStrangerWithTheSameNumberIsLeftAlone(t *testing.T) {
	p := empty(t)
	if err := p.launch(sleeper()); err != nil {
		t.Fatal(err)
	}
	stranger := *p.running("sleeper")
	t.Cleanup(func() {
		if err := end(context.Background(), stranger, time.Second); err != nil {
			t.Error(err)
		}
	})
	for what, change := range map[string]func(*record){
		"another start": func(r *record) { r.Started-- },
		"another boot":  func(r *record) { r.Boot = "another" },
	} {
		r := stranger
		change(&r)
		data, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p.recordFile("sleeper"), data, 0o600); err != nil {
			t.Fatal(err)
		}
		if p.running("sleeper") != nil {
			t.Errorf("%s: taken for ours", what)
		}
		if err := p.halt(context.Background(), "sleeper", grace); err != nil {
			t.Error(err)
		}
		if !stranger.alive() {
			t.Fatalf("%s: ended", what)
		}
	}
}

func TestAChangedConfigurationIsNoticed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config")
	c := sleeper()
	c.files = []string{file}
	write := func(text string) string {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return c.digest()
	}
	one, two := write("one"), write("two")
	if one == two {
		t.Error("another content gives the same digest")
	}
	if write("one") != one {
		t.Error("the same content gives another digest")
	}
	c.env = []string{"A=b"}
	if c.digest() == one {
		t.Error("another environment gives the same digest")
	}
}

func TestOnlyProcessesOfThisClusterAreOurs(t *testing.T) {
	p := places{bin: "/cache/bin", state: "/cache/cluster"}
	for command, want := range map[string]bool{
		"/cache/bin/etcd --data-dir=/cache/cluster/etcd":                                            true,
		"/usr/bin/containerd-shim-runc-v2 -id x -address /cache/cluster/containerd/containerd.sock": true,
		"/usr/bin/containerd-shim-runc-v2 -id x -address /run/containerd/containerd.sock":           false,
		"/cache/bin/etcd --data-dir=/cache/cluster2/etcd":                                           false,
		"tail -f /cache/cluster/logs/etcd.log":                                                      false,
		"/usr/bin/etcd":                                                                             false,
	} {
		if got := p.ours(process{command: strings.Fields(command)}); got != want {
			t.Errorf("%s: ours is %v", command, got)
		}
	}
}

// TestAFolderWithSomethingElseIsNotTouched is for LIGASE_CLUSTER_DIR=$HOME.
func TestAFolderWithSomethingElseIsNotTouched(t *testing.T) {
	home := t.TempDir()
	if err := os.WriteFile(filepath.Join(home, "thesis.tex"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := (places{state: home}).makeState(); err == nil || !strings.Contains(err.Error(), "LIGASE_CLUSTER_DIR") {
		t.Errorf("makeState in a folder with a file: %v, want a refusal that names LIGASE_CLUSTER_DIR", err)
	}
	if entries, err := os.ReadDir(home); err != nil || len(entries) != 1 {
		t.Errorf("the folder has %d entries now (%v)", len(entries), err)
	}
}

func TestEachComponentHasAnIdentityThatTheAuthorityVouchesFor(t *testing.T) {
	p := empty(t)
	if err := p.secrets(); err != nil {
		t.Fatal(err)
	}
	ca, err := os.ReadFile(p.in("pki", "ca.crt"))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	verify := func(name string, data []byte, o x509.VerifyOptions) *x509.Certificate {
		t.Helper()
		b, _ := pem.Decode(data)
		if b == nil {
			t.Fatalf("%s: no certificate", name)
		}
		certificate, err := x509.ParseCertificate(b.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		o.Roots = roots
		if _, err := certificate.Verify(o); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		return certificate
	}
	for _, who := range identities {
		kubeconfig, err := os.ReadFile(p.in("pki", who.file+".kubeconfig"))
		if err != nil {
			t.Fatal(err)
		}
		encoded := regexp.MustCompile(`client-certificate-data: ([^,]+),`).FindSubmatch(kubeconfig)
		if encoded == nil {
			t.Fatalf("%s.kubeconfig has no certificate:\n%s", who.file, kubeconfig)
		}
		data, err := base64.StdEncoding.DecodeString(string(encoded[1]))
		if err != nil {
			t.Fatal(err)
		}
		certificate := verify(who.file, data, x509.VerifyOptions{KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
		if certificate.Subject.CommonName != who.name {
			t.Errorf("%s is %q, want %q", who.file, certificate.Subject.CommonName, who.name)
		}
	}
	for name, host := range map[string]string{"apiserver": "kubernetes.default.svc", "kubelet-server": address} {
		data, err := os.ReadFile(p.in("pki", name+".crt"))
		if err != nil {
			t.Fatal(err)
		}
		verify(name, data, x509.VerifyOptions{DNSName: host})
	}

	before, err := os.ReadFile(p.kubeconfig())
	if err != nil {
		t.Fatal(err)
	}
	if err := p.secrets(); err != nil {
		t.Fatal(err)
	}
	after, err := os.ReadFile(p.kubeconfig())
	if err != nil || !bytes.Equal(before, after) {
		t.Errorf("a second up gives other secrets (%v)", err)
	}
	if info, err := os.Stat(p.in("pki", "s3-secret")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key of S3: %v, %v; want mode 0600", info, err)
	}
}

func TestTheNetworkConfigurationIsJSON(t *testing.T) {
	if !json.Valid([]byte(cniConfig)) {
		t.Error(cniConfig)
	}
}

func TestEveryProgramHasAPinnedVersion(t *testing.T) {
	all, err := places{repo: filepath.Join("..", "..")}.programs()
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range all {
		if !strings.HasPrefix(g.version, "v") {
			t.Errorf("%s has the version %q", g.name, g.version)
		}
	}
}

func TestRequiredReadsWhatGoModSays(t *testing.T) {
	gomod := []byte("module x\n\nrequire example.org/one v1.2.3\n\nrequire (\n\texample.org/two/v2 v2.0.0 // indirect\n)\n")
	for module, want := range map[string]string{"example.org/one": "v1.2.3", "example.org/two/v2": "v2.0.0", "example.org/two": ""} {
		if got := required(gomod, module); got != want {
			t.Errorf("required %s: %q, want %q", module, got, want)
		}
	}
}

func TestAWrongCommandLineIsToldWhatThereIs(t *testing.T) {
	for _, args := range [][]string{nil, {"fly"}, {"up", "now"}, {"stop"}, {"stop", "gravity"}, {"images"}, {"logs", "a", "b"}} {
		var out, said bytes.Buffer
		if code := run(args, &out, &said); code != exitUsage || !strings.Contains(said.String(), "usage:") {
			t.Errorf("%v: exit code %d, said %q", args, code, said.String())
		}
	}
}

// TestAForeignClusterIsLookedAtOnly has a kubectl that only answers reads.
func TestAForeignClusterIsLookedAtOnly(t *testing.T) {
	dir := t.TempDir()
	kubectl := "#!/bin/sh\necho \"$@\" >>" + filepath.Join(dir, "calls") + "\ncase \"$*\" in *pods*) cat " + filepath.Join(dir, "controllers") + ";; esac\n"
	if err := os.WriteFile(filepath.Join(dir, "kubectl"), []byte(kubectl), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	t.Setenv("KUBECONFIG", "/somewhere/config")
	t.Setenv("LIGASE_CLUSTER_DIR", filepath.Join(dir, "c"))
	for _, name := range []string{"LIGASE_E2E_S3_ENDPOINT", "LIGASE_E2E_S3_BUCKET", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} {
		t.Setenv(name, "")
	}
	up := func(controllers string) (int, string) {
		if err := os.WriteFile(filepath.Join(dir, "controllers"), []byte(controllers), 0o600); err != nil {
			t.Fatal(err)
		}
		var out, said bytes.Buffer
		code := run([]string{"up"}, &out, &said)
		return code, out.String() + said.String()
	}
	code, said := up("")
	for _, want := range []string{"app=workflow-controller", "LIGASE_E2E_S3_ENDPOINT", "AWS_SECRET_ACCESS_KEY"} {
		if code != exitFailed || !strings.Contains(said, want) {
			t.Errorf("exit code %d, want 1 and %s in:\n%s", code, want, said)
		}
	}
	for _, name := range []string{"LIGASE_E2E_S3_ENDPOINT", "LIGASE_E2E_S3_BUCKET", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} {
		t.Setenv(name, "x")
	}
	if code, said := up("pod/argo-1\n"); code != exitDone {
		t.Errorf("with all there: exit code %d\n%s", code, said)
	}
	calls, err := os.ReadFile(filepath.Join(dir, "calls"))
	if err != nil {
		t.Fatal(err)
	}
	for call := range strings.Lines(string(calls)) {
		if !strings.Contains(call, " get ") {
			t.Errorf("kubectl %s", call)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "c")); err == nil {
		t.Error("it made a folder for a cluster of its own")
	}
}
