package images

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

func sample(t *testing.T) Image {
	t.Helper()
	program := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(program, []byte("a program"), 0o600); err != nil {
		t.Fatal(err)
	}
	return Image{
		Name: "example.org/sample:1", User: "65532", Entrypoint: []string{"/bin/program"}, Env: []string{"A=b"},
		Files: append(account(), File{Path: "/bin/program", Source: program}, File{Path: "/bin/sh", Link: "program"}),
	}
}

func archive(t *testing.T, im Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := im.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

type entry struct {
	header  *tar.Header
	content []byte
}

func untar(t *testing.T, data []byte) (names []string, entries map[string]entry) {
	t.Helper()
	entries = map[string]entry{}
	for r := tar.NewReader(bytes.NewReader(data)); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return names, entries
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, h.Name)
		entries[h.Name] = entry{h, content}
	}
}

func TestTheSameImageGivesTheSameBytes(t *testing.T) {
	im := sample(t)
	first := archive(t, im)
	if err := os.Chtimes(im.Files[4].Source, time.Now(), time.Now().Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	im.Files[0], im.Files[5] = im.Files[5], im.Files[0]
	if !bytes.Equal(first, archive(t, im)) {
		t.Error("order and file times changed the archive")
	}
}

func TestTheIDChangesWithTheContent(t *testing.T) {
	im := sample(t)
	before, err := im.ID()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(im.Files[4].Source, []byte("b program"), 0o600); err != nil {
		t.Fatal(err)
	}
	after, err := im.ID()
	if err != nil || after == before {
		t.Errorf("ID before %s, after %s (%v): want another", before, after, err)
	}
}

// TestAContainerEngineFindsWhatItLooksFor walks the archive as one does:
// manifest, configuration by its digest, layer by its digest.
func TestAContainerEngineFindsWhatItLooksFor(t *testing.T) {
	im := sample(t)
	_, parts := untar(t, archive(t, im))
	var manifest []struct {
		Config   string
		RepoTags []string
		Layers   []string
	}
	if err := json.Unmarshal(parts["manifest.json"].content, &manifest); err != nil || len(manifest) != 1 {
		t.Fatalf("manifest.json: %v: %s", err, parts["manifest.json"].content)
	}
	if got := manifest[0].RepoTags; len(got) != 1 || got[0] != im.Name {
		t.Errorf("names %v, want %s", got, im.Name)
	}
	sum := sha256.Sum256(parts[manifest[0].Config].content)
	id, err := im.ID()
	if err != nil || id != "sha256:"+hex.EncodeToString(sum[:]) {
		t.Errorf("ID %s (%v) is not the digest of the configuration, %x", id, err, sum)
	}
	var c config
	if err := json.Unmarshal(parts[manifest[0].Config].content, &c); err != nil {
		t.Fatal(err)
	}
	layer := parts[manifest[0].Layers[0]].content
	sum = sha256.Sum256(layer)
	if want := "sha256:" + hex.EncodeToString(sum[:]); len(c.RootFS.DiffIDs) != 1 || c.RootFS.DiffIDs[0] != want {
		t.Errorf("diff IDs %v, want the layer's digest %s", c.RootFS.DiffIDs, want)
	}
	if c.Config.User != "65532" || c.Config.Entrypoint[0] != "/bin/program" {
		t.Errorf("configuration %+v", c.Config)
	}

	names, files := untar(t, layer)
	for i, name := range names {
		if dir, _, nested := strings.Cut(strings.TrimSuffix(name, "/"), "/"); nested {
			if f, there := files[dir+"/"]; !there || f.header.Typeflag != tar.TypeDir {
				t.Errorf("entry %d, %s, is in no folder", i, name)
			}
		}
	}
	if f := files["bin/program"]; string(f.content) != "a program" || f.header.Mode != 0o755 {
		t.Errorf("program: mode %o, content %q", f.header.Mode, f.content)
	}
	if f := files["bin/sh"]; f.header.Linkname != "program" {
		t.Errorf("sh links to %q", f.header.Linkname)
	}
	if f := files["tmp/"]; f.header.Mode != 0o1777 {
		t.Errorf("/tmp has mode %o", f.header.Mode)
	}
	if f := files["home/nonroot/"]; f.header.Uid != nonroot {
		t.Errorf("the home is owned by %d", f.header.Uid)
	}
}

func TestFilesThatCannotBeAreRefused(t *testing.T) {
	for name, files := range map[string][]File{
		"relative":         {{Path: "bin/x"}},
		"unclean":          {{Path: "/bin/../x"}},
		"twice":            {{Path: "/x"}, {Path: "/x"}},
		"below a file":     {{Path: "/x"}, {Path: "/x/y"}},
		"without a source": {{Path: "/x", Source: "/no/such/file"}},
	} {
		if err := (Image{Name: "n", Files: files}).Write(io.Discard); err == nil {
			t.Errorf("%s: written", name)
		}
	}
}

// TestAnImageOfDebiansPackagesRuns makes one of a package that every Debian
// has, twice, and runs a program of it with nothing but the image around.
func TestAnImageOfDebiansPackagesRuns(t *testing.T) {
	if _, err := exec.LookPath("dpkg"); err != nil {
		t.Skip("no Debian, and so no packages of it to make an image of")
	}
	image := func() Image {
		files, err := debian(t.Context(), []string{"coreutils"})
		if err != nil {
			t.Fatal(err)
		}
		return Image{Name: "example.org/coreutils:1", Files: append(files, account()...)}
	}
	first, second := archive(t, image()), archive(t, image())
	if !bytes.Equal(first, second) {
		t.Error("the same packages give another archive")
	}
	_, parts := untar(t, first)
	var layer []byte
	for name, part := range parts {
		if strings.HasSuffix(name, ".tar") {
			layer = part.content
		}
	}
	names, files := untar(t, layer)
	if list := string(files[strings.TrimPrefix(packageList, "/")].content); !strings.Contains(list, "coreutils ") || !strings.Contains(list, "libc6 ") {
		t.Errorf("what it is made of: %q", list)
	}
	if !slices.ContainsFunc(names, func(name string) bool { return strings.HasSuffix(name, "/libgcc_s.so.1") }) {
		t.Error("a program whose thread ends would abort: libgcc_s.so.1 is missing")
	}
	if os.Geteuid() != 0 {
		t.Skip("only root may run a program with nothing but the image around")
	}
	root := t.TempDir()
	for _, name := range names {
		path := filepath.Join(root, name)
		if strings.HasSuffix(name, "/") {
			if err := os.MkdirAll(path, 0o755); err != nil {
				t.Fatal(err)
			}
		} else if err := os.WriteFile(path, files[name].content, os.FileMode(files[name].header.Mode)); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("/usr/bin/sort", "--version")
	cmd.Dir, cmd.SysProcAttr = "/", &syscall.SysProcAttr{Chroot: root}
	if out, err := cmd.CombinedOutput(); err != nil || !bytes.Contains(out, []byte("coreutils")) {
		t.Errorf("sort --version in the image: %v\n%s", err, out)
	}
}

func TestAPackageThatIsNotInstalledIsNamed(t *testing.T) {
	if _, err := exec.LookPath("dpkg"); err != nil {
		t.Skip("no Debian, and so no packages of it to make an image of")
	}
	_, err := debian(t.Context(), []string{"coreutils", "no-such-package"})
	if err == nil || !strings.Contains(err.Error(), "no-such-package is not installed here") || !strings.Contains(err.Error(), "apt-get install") {
		t.Errorf("a package that is not installed: %v", err)
	}
}
