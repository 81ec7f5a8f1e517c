package uris

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/blob/memblob"
	"gocloud.dev/gcerrors"

	"github.com/ligase-bio/ligase/internal/problem"
)

// openMem opens a bucket in memory, which lives as long as the store.
func openMem(context.Context, string, BucketConfig) (*blob.Bucket, error) {
	return memblob.OpenBucket(nil), nil
}

// bucket is an open bucket.
type bucket struct {
	b      *blob.Bucket
	retry  retry
	log    *slog.Logger
	blocks *sync.Pool

	// honours is set once the bucket has been seen to refuse the creation of
	// what is there.
	honours atomic.Bool
}

func (b *bucket) close() error { return b.b.Close() }

// do calls f as retry.do does, with a word in the log for each fault.
func (b *bucket) do(ctx context.Context, u URI, f func(attempt int) error) error {
	return b.retry.do(ctx, b.note(ctx, u, f))
}

func (b *bucket) note(ctx context.Context, u URI, f func(attempt int) error) func(attempt int) error {
	return func(attempt int) error {
		err := f(attempt)
		if errors.Is(err, problem.ErrUnavailable) && ctx.Err() == nil {
			b.log.Debug("storage fault", "uri", u.String(), "attempt", attempt+1, "err", err)
		}
		return err
	}
}

func (b *bucket) stat(ctx context.Context, u URI) (Object, error) {
	var object Object
	err := b.do(ctx, u, func(int) error {
		a, err := b.b.Attributes(ctx, u.key)
		if err != nil {
			return ofBucket(u, err, false)
		}
		object = Object{URI: u, Size: a.Size, ModTime: a.ModTime, ETag: a.ETag}
		return nil
	})
	return object, err
}

func (b *bucket) open(ctx context.Context, u URI, n int64) (io.ReadCloser, int64, error) {
	r := &rangeReader{ctx: ctx, b: b, u: u, end: -1}
	if n >= 0 {
		// A range of an empty object is an error to some services, so the
		// size is asked for first.
		object, err := b.stat(ctx, u)
		if err != nil {
			return nil, 0, err
		}
		r.end, r.seen.size = min(n, object.Size), object.Size
		return r, object.Size, nil
	}
	if err := r.connect(); err != nil {
		return nil, 0, err
	}
	if err := r.check(); err != nil {
		return nil, 0, err
	}
	return r, r.end, nil
}

func (b *bucket) list(ctx context.Context, u URI, recursive bool) iter.Seq2[Object, error] {
	return func(yield func(Object, error) bool) {
		prefix := ""
		if u.key != "" {
			prefix = u.key + "/"
		}
		opts := &blob.ListOptions{Prefix: prefix}
		if !recursive {
			opts.Delimiter = "/"
		}
		const pageSize = 1000
		for token := blob.FirstPageToken; len(token) > 0; {
			var page []*blob.ListObject
			err := b.do(ctx, u, func(int) error {
				got, next, err := b.b.ListPage(ctx, token, pageSize, opts)
				if err != nil {
					return ofBucket(u, err, false)
				}
				page, token = got, next
				return nil
			})
			if err != nil {
				yield(Object{}, err)
				return
			}
			for _, o := range page {
				rel := o.Key[len(prefix):]
				if o.IsDir {
					rel = rel[:len(rel)-1]
				}
				child, ok := u.below(rel)
				if !ok {
					continue
				}
				object := Object{URI: child, Size: o.Size, ModTime: o.ModTime, IsFolder: o.IsDir}
				if o.IsDir {
					object = Object{URI: child, IsFolder: true}
				}
				if !yield(object, nil) {
					return
				}
			}
		}
	}
}

// bucketSource is an object in a bucket.
type bucketSource struct {
	b      *bucket
	object Object
}

func (b *bucket) source(ctx context.Context, u URI) (source, error) {
	object, err := b.stat(ctx, u)
	if err != nil {
		return nil, err
	}
	return &bucketSource{b, object}, nil
}

func (s *bucketSource) size() int64  { return s.object.Size }
func (s *bucketSource) close() error { return nil }

func (s *bucketSource) copyTo(ctx context.Context, dst *os.File) (string, error) {
	u := s.object.URI
	if s.size() <= 2*rangeSize {
		r := &rangeReader{ctx: ctx, b: s.b, u: u, end: s.size(), seen: version{size: s.size()}}
		defer r.Close()
		digest, _, err := copyHashing(ctx, dst, r, s.b.blocks)
		return digest, ofFile(u, err)
	}
	var first sharedVersion
	digest, err := assemble(ctx, dst, s.size(), fetches, s.b.blocks, func(ctx context.Context, off, n int64) error {
		r := &rangeReader{ctx: ctx, b: s.b, u: u, off: off, end: off + n, seen: version{size: s.size()}, shared: &first}
		defer r.Close()
		block := s.b.blocks.Get().(*[blockSize]byte)
		defer s.b.blocks.Put(block)
		_, err := io.CopyBuffer(struct{ io.Writer }{io.NewOffsetWriter(dst, off)}, r, block[:])
		return err
	})
	if e := ctx.Err(); e != nil {
		return "", e
	}
	if err != nil {
		return "", ofFile(u, err)
	}
	// Ranges tell their object's age by the second at best; its tag tells
	// what happened within one.
	now, err := s.b.stat(ctx, u)
	if err != nil {
		return "", err
	}
	if now.ETag != s.object.ETag {
		return "", changed(u, "it was written again")
	}
	return digest, nil
}

func (b *bucket) put(ctx context.Context, u URI, r io.Reader) (Staged, error) {
	seeker, ok := r.(io.Seeker)
	if ok {
		start, err := seeker.Seek(0, io.SeekCurrent)
		if err == nil { // a pipe has the method, too
			return b.upload(ctx, u, b.retry.times, func() (io.Reader, error) {
				_, err := seeker.Seek(start, io.SeekStart)
				return r, err
			})
		}
	}
	return b.upload(ctx, u, 0, func() (io.Reader, error) { return r, nil })
}

func (b *bucket) putFile(ctx context.Context, u URI, f *os.File) (Staged, error) {
	info, err := f.Stat()
	if err != nil {
		return Staged{}, ofFile(u, err)
	}
	return b.upload(ctx, u, b.retry.times, func() (io.Reader, error) {
		return &steadyFile{u: u, f: f, info: info}, nil
	})
}

// upload writes an object, at most retries times more when a fault passes.
// begin gives the content from its start.
func (b *bucket) upload(ctx context.Context, u URI, retries int, begin func() (io.Reader, error)) (Staged, error) {
	var staged Staged
	err := b.retry.atMost(retries).do(ctx, b.note(ctx, u, func(int) error {
		r, err := begin()
		if err != nil {
			return ofFile(u, err)
		}
		staged, err = b.uploadOnce(ctx, u, r)
		return err
	}))
	return staged, err
}

func (b *bucket) uploadOnce(ctx context.Context, u URI, r io.Reader) (Staged, error) {
	// Only cancelling keeps a writer that has begun from making an object.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w, err := b.b.NewWriter(ctx, u.key, nil)
	if err != nil {
		return Staged{}, ofBucket(u, err, false)
	}
	digest, n, err := copyHashing(ctx, bucketWriter{u, w}, r, b.blocks)
	if err != nil {
		cancel()
		w.Close() // its error is that it was cancelled
		return Staged{}, ofFile(u, err)
	}
	if err := w.Close(); err != nil {
		return Staged{}, ofBucket(u, err, false)
	}
	return Staged{Size: n, SHA256: digest}, nil
}

// bucketWriter gives a writer's errors their class, to tell them from the
// reader's.
type bucketWriter struct {
	u URI
	w io.Writer
}

func (w bucketWriter) Write(p []byte) (int, error) {
	n, err := w.w.Write(p)
	return n, ofBucket(w.u, err, false)
}

// steadyFile reads a local file from its start and fails at its end when the
// file has changed since.
type steadyFile struct {
	u    URI
	f    *os.File
	info os.FileInfo
	off  int64
}

func (s *steadyFile) Read(p []byte) (int, error) {
	n, err := s.f.ReadAt(p, s.off)
	s.off += int64(n)
	if err != io.EOF || n > 0 {
		return n, ignoreEOF(err)
	}
	now, e := s.f.Stat()
	if e != nil {
		return n, ofFile(s.u, e)
	}
	if s.off != s.info.Size() || now.Size() != s.info.Size() || !now.ModTime().Equal(s.info.ModTime()) {
		return n, changed(s.u, fmt.Sprintf("its file had %d bytes and has %d", s.info.Size(), now.Size()))
	}
	return n, io.EOF
}

func ignoreEOF(err error) error {
	if err == io.EOF {
		return nil
	}
	return err
}

func (b *bucket) create(ctx context.Context, u URI, content []byte) error {
	err := b.do(ctx, u, func(attempt int) error {
		err := b.createOnce(ctx, u, content)
		if attempt > 0 && errors.Is(err, problem.ErrExists) && b.holds(ctx, u, content) {
			return nil // the try before had taken effect; only its answer was lost
		}
		return err
	})
	if err != nil || b.honours.Load() {
		return err
	}
	switch err := b.createOnce(ctx, u, content); {
	case err == nil:
		return fmt.Errorf("%s: the storage service ignores the condition that an object be absent (If-None-Match), so commits could overwrite each other; use a service that honours it", u)
	case errors.Is(err, problem.ErrExists):
		b.honours.Store(true)
	default:
		// Not known, so the next creation will ask; this one is done.
	}
	return nil
}

func (b *bucket) createOnce(ctx context.Context, u URI, content []byte) error {
	err := b.b.WriteAll(ctx, u.key, content, &blob.WriterOptions{IfNotExist: true, ContentType: "application/octet-stream"})
	return ofBucket(u, err, true)
}

// holds reports whether an object has exactly this content.
func (b *bucket) holds(ctx context.Context, u URI, content []byte) bool {
	r, size, err := b.open(ctx, u, -1)
	if err != nil {
		return false
	}
	defer r.Close()
	if size != int64(len(content)) {
		return false
	}
	there, err := readExactly(u, r, size)
	return err == nil && bytes.Equal(there, content)
}

func (b *bucket) sign(ctx context.Context, u URI, valid time.Duration) (string, error) {
	var signed string
	err := b.do(ctx, u, func(int) (err error) {
		signed, err = b.b.SignedURL(ctx, u.key, &blob.SignedURLOptions{Expiry: valid})
		return ofBucket(u, err, false)
	})
	if gcerrors.Code(err) == gcerrors.Unimplemented {
		return "", fmt.Errorf("%s: %w: %s has no signed URLs (%w)", u, problem.ErrUnavailable, u.scheme, err)
	}
	return signed, err
}
