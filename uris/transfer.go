package uris

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Staged is a local copy of an object.
type Staged struct {
	Path   string // of the local file; empty when there is none
	Size   int64  // bytes
	SHA256 string // 64 lower-case hex digits
}

// StageOptions say what is expected of the object. The zero value expects
// nothing.
type StageOptions struct {
	Size   int64 // checked when SHA256 is set
	SHA256 string
	Limit  int64 // most bytes; 0: none
}

// Stage copies an object to a local file, computing its digest on the way.
// Large remote objects come in parallel ranges; memory is constant. The file
// appears whole, over whatever had its name; its folder must exist. A digest
// or size that differs from what is expected is an error wrapping ErrDigest,
// an object over the limit one wrapping problem.ErrRefused, and no error
// leaves a file.
func (s *Store) Stage(ctx context.Context, u URI, path string, o *StageOptions) (Staged, error) {
	if o == nil {
		o = &StageOptions{}
	}
	b, err := s.at(ctx, u, false)
	if err != nil {
		return Staged{}, err
	}
	src, err := b.source(ctx, u)
	if err != nil {
		return Staged{}, err
	}
	defer src.close()
	size := src.size()
	if o.Limit > 0 && size > o.Limit {
		return Staged{}, tooLarge(u, size, o.Limit)
	}
	if o.SHA256 != "" && size != o.Size {
		return Staged{}, fmt.Errorf("%s: %w: it has %d bytes and should have %d", u, ErrDigest, size, o.Size)
	}

	tmp := filepath.Join(filepath.Dir(path), tempName())
	f, err := os.OpenFile(tmp, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return Staged{}, stagingFailed(u, err)
	}
	digest, err := src.copyTo(ctx, f)
	if err == nil && o.SHA256 != "" && digest != o.SHA256 {
		err = fmt.Errorf("%s: %w: its SHA-256 is %s and should be %s", u, ErrDigest, digest, o.SHA256)
	}
	if e := f.Close(); err == nil && e != nil {
		err = ofFile(u, e)
	}
	if err == nil {
		if e := os.Rename(tmp, path); e != nil {
			err = stagingFailed(u, e)
		}
	}
	if err != nil {
		os.Remove(tmp) // what could go wrong with it has gone wrong already
		return Staged{}, err
	}
	return Staged{Path: path, Size: size, SHA256: digest}, nil
}

// stagingFailed is for faults of the place that an object is staged to, which
// must not be taken for the object's own: that the folder is not there does
// not mean that the object is not.
func stagingFailed(u URI, err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrExist) || errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("staging %s: %w", u, err)
	}
	return ofFile(u, err)
}

// Put writes an object, over an existing one. After a passing fault it tries
// again only when r is also an io.Seeker. The result has no Path.
func (s *Store) Put(ctx context.Context, u URI, r io.Reader) (Staged, error) {
	b, err := s.at(ctx, u, true)
	if err != nil {
		return Staged{}, err
	}
	return b.put(ctx, u, r)
}

// PutFile writes a local file as an object, over an existing one. A file that
// changes while it is read is problem.ErrUnavailable and leaves the object as
// it was.
func (s *Store) PutFile(ctx context.Context, u URI, path string) (Staged, error) {
	b, err := s.at(ctx, u, true)
	if err != nil {
		return Staged{}, err
	}
	f, err := openRegular(path)
	if err != nil {
		return Staged{}, fmt.Errorf("putting %s: %w", u, err)
	}
	defer f.Close()
	staged, err := b.putFile(ctx, u, f)
	if err != nil {
		return Staged{}, err
	}
	staged.Path = path
	return staged, nil
}

// PutIfAbsent creates an object with exactly this content, atomically: no
// reader ever sees a part of it. When something is there already it returns
// problem.ErrExists and changes nothing. Of concurrent calls exactly one
// returns nil.
//
// A bucket that ignores conditions would let one commit overwrite another, so
// the first creation in a bucket is tried twice: one that a bucket lets pass
// again is an error that says so.
func (s *Store) PutIfAbsent(ctx context.Context, u URI, content []byte) error {
	b, err := s.at(ctx, u, true)
	if err != nil {
		return err
	}
	return b.create(ctx, u, content)
}
