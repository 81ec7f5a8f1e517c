package uris

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"math/rand/v2"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sync/errgroup"
)

const (
	// blockSize is how much is read, hashed and written at a time: large
	// enough that system calls do not count, small enough for the cache of a
	// core.
	blockSize = 256 << 10

	// rangeSize is how much of a large object is fetched with one request, and
	// how far hashing stays behind copying.
	rangeSize = 8 << 20

	// fetches is how many ranges of an object are fetched at a time. More
	// helps one object, but a machine stages several.
	fetches = 4
)

// tempPrefix begins the names of files that are not whole yet. A list leaves
// them out.
const tempPrefix = ".ligase-tmp-"

// tempName is a fresh name for a file that is not whole yet.
func tempName() string { return fmt.Sprintf("%s%016x", tempPrefix, rand.Uint64()) }

// source is an object about to be copied.
type source interface {
	size() int64
	// copyTo fills the empty file dst and returns the SHA-256 of what is in
	// dst. It fails when the object was not one and the same from its first
	// byte to its last.
	copyTo(ctx context.Context, dst *os.File) (digest string, err error)
	close() error
}

// fileSource is a local file.
type fileSource struct {
	u      URI // what to call it
	f      *os.File
	info   os.FileInfo
	blocks *sync.Pool
	known  *digests
}

func newFileSource(u URI, f *os.File, blocks *sync.Pool, known *digests) (*fileSource, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, ofFile(u, err)
	}
	return &fileSource{u, f, info, blocks, known}, nil
}

func (s *fileSource) size() int64  { return s.info.Size() }
func (s *fileSource) close() error { return s.f.Close() }

func (s *fileSource) copyTo(ctx context.Context, dst *os.File) (string, error) {
	digest, known := s.known.get(s.info)
	var err error
	switch {
	case known:
		// The kernel copies, without the bytes passing through here; on file
		// systems that can, by sharing them.
		err = s.copyRange(ctx, dst, 0, s.size())
	case s.size() > 2*rangeSize:
		// As before, while this program hashes what has arrived.
		digest, err = assemble(ctx, dst, s.size(), 1, s.blocks, func(ctx context.Context, off, n int64) error {
			return s.copyRange(ctx, dst, off, n)
		})
	default:
		var n int64
		digest, n, err = copyHashing(ctx, dst, io.LimitReader(s.f, s.size()), s.blocks)
		if err == nil && n < s.size() {
			err = changed(s.u, fmt.Sprintf("it ended at byte %d of %d", n, s.size()))
		}
	}
	if err != nil {
		return "", ofFile(s.u, err)
	}
	now, err := s.f.Stat()
	if err != nil {
		return "", ofFile(s.u, err)
	}
	if now.Size() != s.size() || !now.ModTime().Equal(s.info.ModTime()) {
		return "", changed(s.u, fmt.Sprintf("it had %d bytes and has %d", s.size(), now.Size()))
	}
	if !known {
		s.known.put(now, digest, false)
	}
	return digest, nil
}

// copyRange copies the next n bytes, which begin at off. It copies them in
// parts so that the end of ctx is noticed.
func (s *fileSource) copyRange(ctx context.Context, dst *os.File, off, n int64) error {
	for end := off + n; off < end; {
		if err := ctx.Err(); err != nil {
			return err
		}
		part := min(end-off, 16*rangeSize)
		copied, err := io.Copy(dst, io.LimitReader(s.f, part))
		if err == nil && copied < part {
			err = changed(s.u, fmt.Sprintf("it ended at byte %d of %d", off+copied, s.size()))
		}
		if err != nil {
			return err
		}
		off += copied
	}
	return nil
}

// copyHashing copies r to dst block by block until it ends.
func copyHashing(ctx context.Context, dst io.Writer, r io.Reader, blocks *sync.Pool) (digest string, n int64, err error) {
	block := blocks.Get().(*[blockSize]byte)
	defer blocks.Put(block)
	h := sha256.New()
	for {
		if err := ctx.Err(); err != nil {
			return "", n, err
		}
		read, err := r.Read(block[:])
		h.Write(block[:read])
		if read > 0 {
			if _, err := dst.Write(block[:read]); err != nil {
				return "", n, err
			}
		}
		n += int64(read)
		if err == io.EOF {
			return sum(h), n, nil
		}
		if err != nil {
			return "", n, err
		}
	}
}

// assemble fills dst with size bytes, range by range, parallel at a time, and
// returns their SHA-256. fetch puts one range in its place; ranges are started
// in order. The digest is read from dst behind the ranges that are done, so
// that nothing is kept in memory, ranges may end in any order, and what is
// hashed is what was written.
func assemble(ctx context.Context, dst *os.File, size int64, parallel int, blocks *sync.Pool,
	fetch func(ctx context.Context, off, n int64) error) (string, error) {
	h := sha256.New()
	outer := ctx
	g, ctx := errgroup.WithContext(ctx)
	started := make(chan chan struct{}, parallel) // in order; closed when a range is done
	g.Go(func() error {
		defer close(started)
		inner, innerCtx := errgroup.WithContext(ctx)
		inner.SetLimit(parallel)
		for off := int64(0); off < size && innerCtx.Err() == nil; off += rangeSize {
			done := make(chan struct{})
			inner.Go(func() error {
				if err := fetch(innerCtx, off, min(rangeSize, size-off)); err != nil {
					return err
				}
				close(done)
				return nil
			})
			select {
			case started <- done:
			case <-innerCtx.Done():
			}
		}
		return inner.Wait()
	})
	g.Go(func() error {
		off := int64(0)
		for done := range started {
			select {
			case <-done:
			case <-ctx.Done():
				return ctx.Err()
			}
			n := min(rangeSize, size-off)
			if err := hashSection(h, dst, off, n, blocks); err != nil {
				return err
			}
			off += n
		}
		return nil
	})
	err := g.Wait()
	if e := outer.Err(); e != nil {
		return "", e
	}
	if err != nil {
		return "", err
	}
	return sum(h), nil
}

// hashSection adds n bytes of f to h.
func hashSection(h hash.Hash, f *os.File, off, n int64, blocks *sync.Pool) error {
	block := blocks.Get().(*[blockSize]byte)
	defer blocks.Put(block)
	copied, err := io.CopyBuffer(struct{ io.Writer }{h}, io.NewSectionReader(f, off, n), block[:])
	if err == nil && copied < n {
		err = io.ErrUnexpectedEOF
	}
	return err
}

func sum(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)) }

// openRegular opens a local file for reading, and refuses devices and pipes
// without waiting for their other end.
func openRegular(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	if err := mustBeRegular(f); err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return f, nil
}
