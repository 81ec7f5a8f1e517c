package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// What `kubectl apply -k deploy/base` brings to a cluster is what this program
// renders.
func TestDeployedTemplatesAreInSync(t *testing.T) {
	var out, errs bytes.Buffer
	code := Main(t.Context(), []string{"render", "--check", "--kustomization",
		"--out", filepath.Join("..", "..", "deploy", "base", "templates"),
		"--image", "ghcr.io/ligase-bio/ligase:dev", "--worker-image", "ghcr.io/ligase-bio/ligase-worker:dev"},
		Streams{In: &bytes.Buffer{}, Out: &out, Err: &errs, Env: func(string) string { return "" }})
	if code != ExitOK {
		t.Errorf("exit code %d; run `make generate`\n%s%s", code, out.String(), errs.String())
	}
}

// kustomize reads no file from outside of an overlay, so each has a copy of
// what says where images stand.
func TestOverlaysKnowWhereImagesStand(t *testing.T) {
	deploy := filepath.Join("..", "..", "deploy")
	want, err := os.ReadFile(filepath.Join(deploy, "base", "images.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	overlays, err := filepath.Glob(filepath.Join(deploy, "overlays", "*"))
	if err != nil || len(overlays) < 2 {
		t.Fatalf("overlays: %v, %v", overlays, err)
	}
	for _, overlay := range overlays {
		if got, err := os.ReadFile(filepath.Join(overlay, "images.yaml")); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s/images.yaml is not the base's: %v", overlay, err)
		}
	}
}
