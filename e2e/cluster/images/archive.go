// Package images makes container images without a container engine: static
// programs and a few files into tars that `docker load`, `podman load` and
// `ctr images import` read.
package images

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path"
	"runtime"
	"sort"
	"strings"
	"time"
)

// Image is an image of one layer. The same Image gives the same bytes.
type Image struct {
	// Name is the full name with its tag.
	Name string
	// User is who runs it, as a number, so that Kubernetes can tell that it is
	// not root.
	User       string
	Entrypoint []string
	Command    []string
	Env        []string
	Files      []File
}

// File is one file of an image: a copy of Source, a link to Link, Data, or a
// folder. Folders above it are made as needed.
type File struct {
	// Path is absolute.
	Path   string
	Source string
	Link   string
	Data   []byte
	Folder bool
	// Mode is 0755 for a folder and a copy, 0644 for Data, unless it is set.
	Mode int64
	// Owner owns the file, by user and group number.
	Owner int
}

// config is an image's configuration as the OCI image specification has it.
type config struct {
	Architecture string    `json:"architecture"`
	OS           string    `json:"os"`
	Created      time.Time `json:"created"`
	Config       struct {
		User       string   `json:"User,omitempty"`
		Env        []string `json:"Env,omitempty"`
		Entrypoint []string `json:"Entrypoint,omitempty"`
		Cmd        []string `json:"Cmd,omitempty"`
		WorkingDir string   `json:"WorkingDir"`
	} `json:"config"`
	RootFS struct {
		Type    string   `json:"type"`
		DiffIDs []string `json:"diff_ids"`
	} `json:"rootfs"`
	History []struct {
		Created time.Time `json:"created"`
	} `json:"history"`
}

// epoch is the time of everything in an image, so that its bytes depend on
// nothing but its content.
var epoch = time.Unix(0, 0).UTC()

// layout is an image whose digests are known: the layer has been read once.
type layout struct {
	image  Image
	layer  string
	size   int64
	config []byte
}

func (im Image) layout() (layout, error) {
	hash, size := sha256.New(), new(counter)
	if err := im.writeLayer(io.MultiWriter(hash, size)); err != nil {
		return layout{}, fmt.Errorf("image %s: %w", im.Name, err)
	}
	l := layout{image: im, layer: hex.EncodeToString(hash.Sum(nil)), size: int64(*size)}
	c := config{Architecture: runtime.GOARCH, OS: "linux", Created: epoch}
	c.Config.User, c.Config.Env, c.Config.WorkingDir = im.User, im.Env, "/"
	c.Config.Entrypoint, c.Config.Cmd = im.Entrypoint, im.Command
	c.RootFS.Type, c.RootFS.DiffIDs = "layers", []string{"sha256:" + l.layer}
	c.History = make([]struct {
		Created time.Time `json:"created"`
	}, 1)
	c.History[0].Created = epoch
	var err error
	l.config, err = json.Marshal(c)
	return l, err
}

func (l layout) id() string {
	sum := sha256.Sum256(l.config)
	return hex.EncodeToString(sum[:])
}

// ID is what container engines call the image's ID, sha256:…, which changes
// with anything in it but its name.
func (im Image) ID() (string, error) {
	l, err := im.layout()
	if err != nil {
		return "", err
	}
	return "sha256:" + l.id(), nil
}

// Write writes the image as a docker-archive.
func (im Image) Write(w io.Writer) error {
	l, err := im.layout()
	if err != nil {
		return err
	}
	manifest, err := json.Marshal([]map[string]any{{
		"Config": l.id() + ".json", "RepoTags": []string{im.Name}, "Layers": []string{l.layer + ".tar"},
	}})
	if err != nil {
		return err
	}
	t := tar.NewWriter(w)
	for _, part := range []struct {
		name string
		data []byte
	}{{"manifest.json", manifest}, {l.id() + ".json", l.config}} {
		if err := t.WriteHeader(header(part.name, 0o644, int64(len(part.data)))); err != nil {
			return err
		}
		if _, err := t.Write(part.data); err != nil {
			return err
		}
	}
	if err := t.WriteHeader(header(l.layer+".tar", 0o644, l.size)); err != nil {
		return err
	}
	if err := im.writeLayer(t); err != nil {
		return fmt.Errorf("image %s: %w", im.Name, err)
	}
	return t.Close()
}

func header(name string, mode, size int64) *tar.Header {
	return &tar.Header{Name: name, Mode: mode, Size: size, ModTime: epoch, Typeflag: tar.TypeReg, Format: tar.FormatPAX}
}

// writeLayer writes the files by path, each after the folders above it.
func (im Image) writeLayer(w io.Writer) error {
	files, err := complete(im.Files)
	if err != nil {
		return err
	}
	t := tar.NewWriter(w)
	for _, f := range files {
		if err := f.write(t); err != nil {
			return fmt.Errorf("%s: %w", f.Path, err)
		}
	}
	return t.Close()
}

// complete adds the folders that files need and sorts them all.
func complete(files []File) ([]File, error) {
	known := map[string]File{}
	for _, f := range files {
		if !path.IsAbs(f.Path) || path.Clean(f.Path) != f.Path || f.Path == "/" {
			return nil, fmt.Errorf("%q is not a clean absolute path", f.Path)
		}
		if _, twice := known[f.Path]; twice {
			return nil, fmt.Errorf("%s is there twice", f.Path)
		}
		known[f.Path] = f
	}
	for _, f := range files {
		for dir := path.Dir(f.Path); dir != "/"; dir = path.Dir(dir) {
			above, there := known[dir]
			if there && !above.Folder {
				return nil, fmt.Errorf("%s is in %s, which is no folder", f.Path, dir)
			}
			if !there {
				known[dir] = File{Path: dir, Folder: true}
			}
		}
	}
	all := make([]File, 0, len(known))
	for _, f := range known {
		all = append(all, f)
	}
	sort.Slice(all, func(i, j int) bool { return all[i].Path < all[j].Path })
	return all, nil
}

func (f File) write(t *tar.Writer) error {
	h := header(strings.TrimPrefix(f.Path, "/"), 0o755, 0)
	var content io.Reader = bytes.NewReader(f.Data)
	switch {
	case f.Folder:
		h.Typeflag, h.Name = tar.TypeDir, h.Name+"/"
	case f.Link != "":
		h.Typeflag, h.Linkname, h.Mode = tar.TypeSymlink, f.Link, 0o777
	case f.Source != "":
		source, err := os.Open(f.Source)
		if err != nil {
			return err
		}
		defer source.Close()
		info, err := source.Stat()
		if err != nil {
			return err
		}
		content, h.Size = source, info.Size()
	default:
		h.Size, h.Mode = int64(len(f.Data)), 0o644
	}
	if f.Mode != 0 {
		h.Mode = f.Mode
	}
	h.Uid, h.Gid = f.Owner, f.Owner
	if err := t.WriteHeader(h); err != nil {
		return err
	}
	if h.Typeflag != tar.TypeReg {
		return nil
	}
	_, err := io.Copy(t, content)
	return err
}

// counter counts what is written to it.
type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}
