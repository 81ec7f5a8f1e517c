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
	"path/filepath"
	"strings"
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
