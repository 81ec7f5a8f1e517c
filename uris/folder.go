package uris

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/ligase-bio/ligase/internal/problem"
)

// folder is a file root.
//
// It does not go through gocloud.dev/blob/fileblob, for three reasons. Safety:
// fileblob resolves paths by name, so a symbolic link leads out of its folder,
// and a check beforehand races with whoever makes the link; an os.Root
// resolves every element below an open descriptor. Guarantees: a commit record
// must appear whole, once, and with Sync survive a loss of power, file and
// folder entry; fileblob locks a file beside it for IfNotExist and never
// syncs. Speed: a small write is on the path of every submit and every commit,
// and a large copy is best done by the kernel.
type folder struct {
	uri    URI
	make   bool // it may be made
	sync   bool
	blocks *sync.Pool
	known  *digests

	mu     sync.Mutex
	root   *os.Root
	closed bool
}

// opened gives the open root.
func (d *folder) opened() (*os.Root, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil, errClosed
	}
	if d.root != nil {
		return d.root, nil
	}
	r, err := os.OpenRoot(d.uri.Path())
	if d.make && errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(d.uri.Path(), 0o777); err != nil {
			return nil, ofFile(d.uri, err)
		}
		r, err = os.OpenRoot(d.uri.Path())
	}
	if err != nil {
		return nil, ofFile(d.uri, err)
	}
	d.root = r
	return r, nil
}

func (d *folder) close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	if d.root == nil {
		return nil
	}
	return d.root.Close()
}

// name is u's path below the root, as os.Root takes it.
func (d *folder) name(u URI) string {
	rel, _ := d.uri.Rel(u)
	return cmp.Or(rel, ".")
}

// file opens an object, which must be a regular file.
func (d *folder) file(u URI) (*os.File, error) {
	r, err := d.opened()
	if err != nil {
		return nil, err
	}
	// Without O_NONBLOCK, opening a named pipe waits for a writer.
	f, err := r.OpenFile(d.name(u), os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, ofFile(u, err)
	}
	if err := mustBeRegular(f); err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", u, err)
	}
	return f, nil
}

func mustBeRegular(f *os.File) error {
	info, err := f.Stat()
	switch {
	case err != nil:
		return err
	case info.IsDir():
		return fmt.Errorf("%w: it is a folder; name an object in it", problem.ErrNotFound)
	case !info.Mode().IsRegular():
		return fmt.Errorf("%w: it is not a regular file", problem.ErrRefused)
	}
	return nil
}

func (d *folder) stat(ctx context.Context, u URI) (Object, error) {
	r, err := d.opened()
	if err != nil {
		return Object{}, err
	}
	info, err := r.Stat(d.name(u))
	if err != nil {
		return Object{}, ofFile(u, err)
	}
	switch {
	case info.IsDir():
		return Object{}, fmt.Errorf("%s: %w: it is a folder; name an object in it", u, problem.ErrNotFound)
	case !info.Mode().IsRegular():
		return Object{}, fmt.Errorf("%s: %w: it is not a regular file", u, problem.ErrRefused)
	}
	return objectOf(u, info), nil
}

func objectOf(u URI, info os.FileInfo) Object {
	return Object{
		URI: u, Size: info.Size(), ModTime: info.ModTime(),
		ETag: fmt.Sprintf("%x-%x", info.ModTime().UnixNano(), info.Size()),
	}
}

func (d *folder) open(ctx context.Context, u URI, n int64) (io.ReadCloser, int64, error) {
	f, err := d.file(u)
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, 0, ofFile(u, err)
	}
	return fileReader{ctx, u, f}, info.Size(), nil
}

// fileReader reads a file for as long as its context lasts.
type fileReader struct {
	ctx context.Context
	u   URI
	f   *os.File
}

func (r fileReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := r.f.Read(p)
	if err != nil && err != io.EOF {
		err = ofFile(r.u, err)
	}
	return n, err
}

func (r fileReader) Close() error { return r.f.Close() }

func (d *folder) source(ctx context.Context, u URI) (source, error) {
	f, err := d.file(u)
	if err != nil {
		return nil, err
	}
	s, err := newFileSource(u, f, d.blocks, d.known)
	if err != nil {
		f.Close()
		return nil, err
	}
	return s, nil
}

func (d *folder) put(ctx context.Context, u URI, r io.Reader) (Staged, error) {
	var staged Staged
	err := d.write(ctx, u, false, func(f *os.File) (_ string, err error) {
		staged.SHA256, staged.Size, err = copyHashing(ctx, f, r, d.blocks)
		return staged.SHA256, err
	})
	return staged, err
}

func (d *folder) putFile(ctx context.Context, u URI, f *os.File) (Staged, error) {
	src, err := newFileSource(u, f, d.blocks, d.known)
	if err != nil {
		return Staged{}, err
	}
	staged := Staged{Size: src.size()}
	err = d.write(ctx, u, false, func(dst *os.File) (_ string, err error) {
		staged.SHA256, err = src.copyTo(ctx, dst)
		return staged.SHA256, err
	})
	return staged, err
}

func (d *folder) create(ctx context.Context, u URI, content []byte) error {
	return d.write(ctx, u, true, func(f *os.File) (string, error) {
		_, err := f.Write(content)
		return "", err
	})
}

// write makes an object of what fill writes: in a file of another name first,
// which then takes the object's name in one step. fill returns the digest of
// what it wrote, or nothing.
func (d *folder) write(ctx context.Context, u URI, absent bool, fill func(*os.File) (string, error)) (err error) {
	parent, base, touched, err := d.parent(u)
	if err != nil {
		return err
	}
	defer parent.Close()
	tmp := tempName()
	f, err := parent.OpenFile(tmp, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return ofFile(u, err)
	}
	defer f.Close()
	renamed := false
	defer func() {
		if !renamed {
			parent.Remove(tmp) // a leftover hurts nobody: lists leave it out
		}
	}()
	digest, err := fill(f)
	if err == nil && d.sync {
		err = f.Sync()
	}
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return ofFile(u, err)
	}
	if absent {
		// A second name for the file, which fails where the name is taken;
		// renaming would replace.
		err = parent.Link(tmp, base)
	} else {
		err = parent.Rename(tmp, base)
		renamed = err == nil
	}
	if err == nil && d.sync {
		err = d.syncFolders(parent, touched)
	}
	if err != nil {
		return ofFile(u, err)
	}
	if info, err := f.Stat(); err == nil && renamed && digest != "" {
		d.known.put(info, digest, true)
	}
	return nil
}

// parent opens the folder that an object is to lie in, making it when it is
// not there, and gives the object's name in it. touched are the folders above
// it that have got a new entry.
func (d *folder) parent(u URI) (parent *os.Root, base string, touched []string, err error) {
	r, err := d.opened()
	if err != nil {
		return nil, "", nil, err
	}
	dir, base := path.Split(d.name(u))
	if base == "." {
		return nil, "", nil, fmt.Errorf("%s: %w: it is a folder; name an object in it", u, problem.ErrRefused)
	}
	dir = path.Clean(dir)
	parent, err = r.OpenRoot(dir)
	if errors.Is(err, fs.ErrNotExist) {
		if touched, err = mkdirs(r, dir); err != nil {
			return nil, "", nil, ofFile(u, err)
		}
		parent, err = r.OpenRoot(dir)
	}
	if errors.Is(err, syscall.ENOTDIR) {
		return nil, "", nil, fmt.Errorf("%s: %w: a part of its path is a file", u, problem.ErrRefused)
	}
	return parent, base, touched, ofFile(u, err)
}

// syncFolders makes the entries of an object's folder, and of those above it
// that were made for it, durable. That comes last and at once: a file system
// with a journal commits once for all of them.
func (d *folder) syncFolders(parent *os.Root, touched []string) error {
	if err := syncFolder(parent, "."); err != nil {
		return err
	}
	for _, dir := range touched {
		if err := syncFolder(d.root, dir); err != nil {
			return err
		}
	}
	return nil
}

// mkdirs makes a folder and those above it, and returns those that have got a
// new entry.
func mkdirs(r *os.Root, dir string) (touched []string, err error) {
	err = r.Mkdir(dir, 0o777)
	if errors.Is(err, fs.ErrNotExist) && dir != "." {
		if touched, err = mkdirs(r, path.Dir(dir)); err != nil {
			return nil, err
		}
		err = r.Mkdir(dir, 0o777)
	}
	if errors.Is(err, fs.ErrExist) {
		return touched, nil // or a file, which shows when it is opened as a folder
	}
	return append(touched, path.Dir(dir)), err
}

// syncFolder makes the entries of a folder durable.
func syncFolder(r *os.Root, name string) error {
	f, err := r.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

func (d *folder) list(ctx context.Context, u URI, recursive bool) iter.Seq2[Object, error] {
	return func(yield func(Object, error) bool) {
		r, err := d.opened()
		if err == nil {
			_, err = d.walk(ctx, r, u, recursive, yield)
		}
		if err != nil && !errors.Is(err, problem.ErrNotFound) {
			yield(Object{}, err)
		}
	}
}

// walk yields what is in one folder and, with recursive, below it. It reports
// whether to go on.
func (d *folder) walk(ctx context.Context, r *os.Root, u URI, recursive bool, yield func(Object, error) bool) (bool, error) {
	entries, err := readFolder(r, d.name(u))
	if err != nil {
		return false, ofFile(u, err)
	}
	for _, entry := range entries {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		child, ok := u.below(entry.Name())
		if !ok || strings.HasPrefix(entry.Name(), tempPrefix) {
			continue
		}
		if entry.IsDir() {
			if recursive {
				goOn, err := d.walk(ctx, r, child, true, yield)
				if errors.Is(err, problem.ErrNotFound) {
					continue // removed since
				}
				if err != nil || !goOn {
					return false, err
				}
			} else if !yield(Object{URI: child, IsFolder: true}, nil) {
				return false, nil
			}
			continue
		}
		// A link that leads out, or nowhere, is no object.
		info, err := r.Stat(d.name(child))
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		if !yield(objectOf(child, info), nil) {
			return false, nil
		}
	}
	return true, nil
}

// readFolder lists a folder in the order of keys, where a folder's entries
// come at the place of its name with a slash: "a-b" before "a/c".
func readFolder(r *os.Root, name string) ([]os.DirEntry, error) {
	f, err := r.OpenFile(name, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	entries, err := f.ReadDir(-1)
	if err != nil {
		return nil, err
	}
	key := func(e os.DirEntry) []byte {
		if e.IsDir() {
			return []byte(e.Name() + "/")
		}
		return []byte(e.Name())
	}
	slices.SortFunc(entries, func(a, b os.DirEntry) int { return bytes.Compare(key(a), key(b)) })
	return entries, nil
}

func (d *folder) sign(ctx context.Context, u URI, valid time.Duration) (string, error) {
	return "", fmt.Errorf("%s: %w: a local file has no signed URL; it can be read at %s", u, problem.ErrUnavailable, u.Path())
}
