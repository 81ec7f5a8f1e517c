package config

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/uris"
)

const sample = `
engine: argo
containers: docker
pull: never
mounts: ["weights:/weights", "/srv/a:b:/b/", "~/db:/db"]
gpus: {NVIDIA L4: 24Gi, "NVIDIA A100-SXM4-80GB": 80Gi}
volumes: {esmfold-weights: weights/esmfold, db: ~/db}
data: ~/state
allow_roots: [s3://lab/inputs, "file:///srv/data"]
catalogs: [definitions, /srv/definitions, ~/definitions]
buckets:
  s3://: {endpoint: "http://minio:9000", region: us-east-1, use_path_style: true, disable_https: true}
argo: {root: s3://lab/ligase/, namespace: science, kubeconfig: kube.conf, context: lab, qps: 50.5, burst: 90, allow_drift: true}
`

func must(t *testing.T, text string) uris.URI {
	t.Helper()
	u, err := uris.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestParse(t *testing.T) {
	got, problems := Parse("config.yaml", Base{Dir: "/etc/ligase", Home: "/home/me"}, []byte(sample))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	want := Config{
		Engine: Argo, Containers: ContainersDocker, Pull: PullNever, Mounts: []string{"/etc/ligase/weights:/weights", "/srv/a:b:/b", "/home/me/db:/db"},
		Volumes: map[string]string{"esmfold-weights": "/etc/ligase/weights/esmfold", "db": "/home/me/db"}, Data: "/home/me/state",
		GPUs:       map[string]int64{"NVIDIA L4": 24 << 30, "NVIDIA A100-SXM4-80GB": 80 << 30},
		AllowRoots: []uris.URI{must(t, "s3://lab/inputs"), must(t, "file:///srv/data")},
		Catalogs:   []string{"/etc/ligase/definitions", "/srv/definitions", "/home/me/definitions"},
		Buckets: map[string]uris.BucketConfig{"s3://": {
			Endpoint: "http://minio:9000", Region: "us-east-1", UsePathStyle: true, DisableHTTPS: true,
		}},
		Argo: ArgoConfig{Root: must(t, "s3://lab/ligase"), Namespace: "science", Kubeconfig: "/etc/ligase/kube.conf", Context: "lab", QPS: 50.5, Burst: 90, AllowDrift: true},
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b uris.URI) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
}

// TestReferenceSaysEverything: what is printed as help can be used as it is,
// and names every setting there is.
func TestReferenceSaysEverything(t *testing.T) {
	got, problems := Parse("config.yaml", Base{Dir: "/etc/ligase"}, []byte(strings.ReplaceAll(Reference, ": false", ": true")))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	for _, part := range []any{got, got.Argo, got.Serve, got.Buckets["s3://"]} {
		v := reflect.ValueOf(part)
		for i := range v.NumField() {
			if v.Field(i).IsZero() {
				t.Errorf("it says nothing of %s.%s", v.Type(), v.Type().Field(i).Name)
			}
		}
	}
}

func TestMistakesAreNamed(t *testing.T) {
	_, problems := Parse("c.yaml", Base{Dir: "/"}, []byte("engine: slurm\nroots: x\nargo: {root: 's3://b?endpoint=http://evil', qps: -1}\nbuckets: {minio: {endpont: x}}\n"))
	var got []string
	for _, p := range problems {
		got = append(got, p.String())
	}
	for _, want := range []string{"c.yaml:1", "c.yaml:2", "c.yaml:3", "not a bucket", "endpont", "negative"} {
		if !strings.Contains(strings.Join(got, "\n"), want) {
			t.Errorf("%q is not in:\n%s", want, strings.Join(got, "\n"))
		}
	}
}

func TestMountsThatAreNone(t *testing.T) {
	for _, text := range []string{"/srv", "/srv:", ":/x", "/srv:x", "/srv:/", ""} {
		if folder, where, err := ParseMount(text, Base{Dir: "/d"}); err == nil {
			t.Errorf("%q is %s at %s", text, folder, where)
		}
	}
}

func TestParseVolume(t *testing.T) {
	for text, want := range map[string]string{"a-b=/srv/x/": "/srv/x", "a-b=x=y": "/d/x=y", "a-b=.": "/d", "a-b=~/w": "/home/me/w", "a-b=~": "/home/me"} {
		if name, folder, err := ParseVolume(text, Base{Dir: "/d", Home: "/home/me"}); err != nil || name != "a-b" || folder != want {
			t.Errorf("%q is %s of %q, %v", text, folder, name, err)
		}
	}
	for _, text := range []string{"", "a-b", "a-b=", "=/srv", "../x=/srv", "ESM=/srv", "a-=/srv", "{{=1}}=/srv", "a-b=~you/w"} {
		if name, folder, err := ParseVolume(text, Base{Dir: "/d", Home: "/home/me"}); err == nil {
			t.Errorf("%q is %s of %s", text, folder, name)
		}
	}
	if _, problems := Parse("config.yaml", Base{Dir: "/d"}, []byte("volumes: {a: \"\"}")); len(problems) != 1 {
		t.Errorf("a volume that is no folder: %v", problems)
	}
	for _, text := range []string{"volumes: {a: ~/w}", "data: ~you/x", "serve: {token_file: ~/tokens}"} {
		if _, problems := Parse("config.yaml", Base{Dir: "/d"}, []byte(text)); len(problems) != 1 || !strings.Contains(problems[0].String(), "Write the whole path.") {
			t.Errorf("%s, without a home folder: %v", text, problems)
		}
	}
	if _, problems := Parse("config.yaml", Base{Dir: "/d"}, []byte("volumes: {../a: /srv}")); len(problems) != 1 || !strings.Contains(problems[0].String(), "No volume is called") {
		t.Errorf("a volume with a name that none has: %v", problems)
	}
}

func TestEnvironmentIsOverTheFile(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(file, []byte("engine: argo\nargo: {root: s3://lab/b, namespace: x, qps: 3}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{EnvFile: file, EnvContainers: "never", EnvPull: "missing", EnvEngine: "local", EnvRoot: "s3://other/d/", EnvNamespace: "y"}
	got, read, err := Load("", func(k string) string { return env[k] })
	if err != nil {
		t.Fatal(err)
	}
	if read != file || got.Engine != Local || got.Argo.Root != must(t, "s3://other/d") || got.Argo.Namespace != "y" || got.Argo.QPS != 3 || got.Containers != ContainersNever || got.Pull != PullMissing {
		t.Errorf("%+v of %s", got, read)
	}
	env[EnvContainers], env[EnvPull] = "lxc", "always"
	if _, _, err := Load("", func(k string) string { return env[k] }); err == nil || !strings.Contains(err.Error(), `"lxc" to run images; there are auto, podman, docker and never`) || !strings.Contains(err.Error(), `not "always"`) {
		t.Errorf("containers and pulls that are not there: %v", err)
	}
	env[EnvEngine] = "slurm"
	if _, _, err := Load("", func(k string) string { return env[k] }); problem.Of(err) == nil || !strings.Contains(err.Error(), "slurm") {
		t.Errorf("an engine that is not there: %v", err)
	}
}

func TestTheUsersOwnFileMayBeMissing(t *testing.T) {
	env := map[string]string{"HOME": t.TempDir()}
	if c, read, err := Load("", func(k string) string { return env[k] }); err != nil || read != "" || c.Engine != "" {
		t.Errorf("%+v of %q, %v", c, read, err)
	}
	if _, _, err := Load(filepath.Join(env["HOME"], "none.yaml"), func(k string) string { return env[k] }); err == nil {
		t.Error("a file that was asked for and is not there is no error")
	}
}

// TestYAMLIsReadBack: what --print-config prints is a configuration file that
// says the same.
func TestYAMLIsReadBack(t *testing.T) {
	for name, text := range map[string]string{"sample": sample, "reference": Reference, "nothing": ""} {
		want, problems := Parse("config.yaml", Base{Dir: "/etc/ligase", Home: "/home/me"}, []byte(text))
		if name != "nothing" && len(problems) > 0 {
			t.Fatal(problems)
		}
		printed, err := want.YAML()
		if err != nil {
			t.Fatal(err)
		}
		if len(printed) == 0 {
			continue
		}
		got, problems := Parse("printed.yaml", Base{Dir: "/elsewhere"}, printed)
		if len(problems) > 0 {
			t.Fatalf("%s: %v\n%s", name, problems, printed)
		}
		if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b uris.URI) bool { return a == b })); diff != "" {
			t.Errorf("%s: %s\n%s", name, diff, printed)
		}
	}
}
