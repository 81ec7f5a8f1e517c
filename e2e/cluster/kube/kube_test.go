package kube

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// ours points everything at an empty folder and returns it.
func ours(t *testing.T) string {
	dir := t.TempDir()
	t.Setenv("LIGASE_CLUSTER_DIR", dir)
	t.Setenv("KUBECONFIG", "")
	return dir
}

func TestNoClusterSaysHowToGetOne(t *testing.T) {
	ours(t)
	if _, err := Load(); err == nil || !strings.Contains(err.Error(), "make cluster-up") {
		t.Errorf("Load without a cluster: %v, want a sentence that names make cluster-up", err)
	}
}

func TestOurClusterIsReadBackAndItsKeysAreNobodyElses(t *testing.T) {
	dir := ours(t)
	want := Cluster{Ours: true, Kubeconfig: Kubeconfig(dir), Namespace: "n", S3: S3{Bucket: "b", SecretKey: "s"}}
	if err := Save(dir, want); err != nil {
		t.Fatal(err)
	}
	for _, kubeconfig := range []string{"", Kubeconfig(dir)} {
		t.Setenv("KUBECONFIG", kubeconfig)
		got, err := Load()
		if err != nil || got != want {
			t.Errorf("with KUBECONFIG=%q: %+v, %v; want %+v", kubeconfig, got, err, want)
		}
	}
	info, err := os.Stat(filepath.Join(dir, "cluster.json"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("cluster.json: %v, %v; want mode 0600", info.Mode(), err)
	}
}

func TestAClusterOfTheUsersNamesAllThatIsMissing(t *testing.T) {
	ours(t)
	t.Setenv("KUBECONFIG", "/somewhere/config")
	for _, name := range []string{"LIGASE_E2E_S3_ENDPOINT", "LIGASE_E2E_S3_BUCKET", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} {
		t.Setenv(name, "")
	}
	_, err := Load()
	if err == nil {
		t.Fatal("Load gave a cluster without a store")
	}
	for _, name := range []string{"LIGASE_E2E_S3_ENDPOINT", "LIGASE_E2E_S3_BUCKET", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("%v\ndoes not name %s", err, name)
		}
	}
}

func TestEnvironmentIsWhatLoadUnderstands(t *testing.T) {
	ours(t)
	want := Cluster{
		Kubeconfig: "/somewhere/config", Namespace: "n", ControllerNamespace: "c", ArgoServer: "http://a", Images: "i", ImageTag: "t",
		S3: S3{Endpoint: "http://e", PodEndpoint: "http://p", Region: "r", Bucket: "b", AccessKey: "k", SecretKey: "s"},
	}
	for _, variable := range want.Env() {
		name, value, _ := strings.Cut(variable, "=")
		t.Setenv(name, value)
	}
	got, err := Load()
	if err != nil || got != want {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
}
