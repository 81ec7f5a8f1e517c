//go:build cluster

package argo

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/ligase-bio/ligase/e2e/built"
	"github.com/ligase-bio/ligase/e2e/cluster/kube"
)

var shellBlock = regexp.MustCompile("(?ms)^```sh\n(.*?)^```")

// TestReadmeOnACluster does what the README's "On a cluster" says, block by
// block, in a copy of what it names. Only where the bucket and the images are
// is this cluster's.
func TestReadmeOnACluster(t *testing.T) {
	t.Parallel()
	c, err := kube.Load()
	if err != nil {
		t.Fatal(err)
	}
	repo, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile(filepath.Join(repo, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(readme), "\n## On a cluster\n")
	section, _, _ = strings.Cut(section, "\n## ")
	blocks := shellBlock.FindAllStringSubmatch(section, -1)
	if !found || len(blocks) < 4 {
		t.Fatalf("the README's section has %d blocks of commands", len(blocks))
	}
	yours := fmt.Sprintf("export S3=%s BUCKET=%s IMAGES=%s TAG=%s\n", c.S3.Endpoint, c.S3.Bucket, c.Images, c.ImageTag)
	if !strings.Contains(blocks[0][1], "# yours") {
		t.Fatalf("the first block should say what is the reader's own:\n%s", blocks[0][1])
	}

	home := t.TempDir()
	dir := filepath.Join(home, "ligase")
	for _, line := range []string{
		"mkdir -p " + dir + "/internal",
		"cp -r " + repo + "/deploy " + dir + "/deploy",
		"ln -s " + repo + "/internal/cli " + dir + "/internal/cli",
	} {
		if out, err := exec.Command("sh", "-c", line).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", line, err, out)
		}
	}
	env := append(os.Environ(), c.Env()...)
	env = append(env, "HOME="+home, "XDG_CONFIG_HOME=", "XDG_DATA_HOME=", "LIGASE_ENGINE_IDLE=1s",
		"PATH="+filepath.Dir(built.Ligase(t))+":"+c.Bin+":"+os.Getenv("PATH"),
		"AWS_ACCESS_KEY_ID="+c.S3.AccessKey, "AWS_SECRET_ACCESS_KEY="+c.S3.SecretKey)
	for _, block := range blocks[1:] {
		cmd := exec.CommandContext(t.Context(), "bash", "-euxo", "pipefail", "-c", yours+block[1])
		cmd.Dir, cmd.Env = dir, env
		out, err := cmd.CombinedOutput()
		t.Logf("%s", out)
		if err != nil {
			t.Fatalf("the block failed: %v\n%s", err, block[1])
		}
	}
	if best, err := filepath.Glob(filepath.Join(dir, "out", "*best*")); err != nil || len(best) == 0 {
		t.Errorf("the outputs that were fetched hold no best model: %v", err)
	}
}
