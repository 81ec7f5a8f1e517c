package uris

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"gocloud.dev/blob"
)

// rangeReader reads bytes off to end of an object in a bucket. When a
// connection breaks or ends early it reads on from where that was, as long as
// the object is still the same one. Its errors have their class.
type rangeReader struct {
	ctx      context.Context
	b        *bucket
	u        URI
	off, end int64 // end is -1 before the first connect of a read to the end
	seen     version
	shared   *sharedVersion // with the readers of other ranges; nil for none
	r        *blob.Reader
	faults   int // in a row, without a byte between them
}

// version is what every answer tells of the object that it comes from.
type version struct {
	size    int64
	modTime time.Time // zero before the first answer
}

// sharedVersion is the version that the first answer to any of several
// readers told.
type sharedVersion struct {
	mu   sync.Mutex
	seen version
}

// agree reports whether v is the version that all have seen.
func (s *sharedVersion) agree(v version) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.seen.modTime.IsZero() {
		s.seen = v
	}
	return s.seen.size == v.size && s.seen.modTime.Equal(v.modTime)
}

// connect asks for the rest of the range.
func (r *rangeReader) connect() error {
	return r.b.do(r.ctx, r.u, func(int) error {
		n := int64(-1)
		if r.end >= 0 {
			n = r.end - r.off
		}
		got, err := r.b.b.NewRangeReader(r.ctx, r.u.key, r.off, n, nil)
		if err != nil {
			return ofBucket(r.u, err, false)
		}
		r.r = got
		return nil
	})
}

// check compares the object that an answer comes from with those before.
func (r *rangeReader) check() error {
	now := version{r.r.Size(), r.r.ModTime()}
	first := r.seen.modTime.IsZero()
	if r.end < 0 {
		r.end, r.seen.size = now.size, now.size
	}
	switch {
	case now.size != r.seen.size:
		return changed(r.u, fmt.Sprintf("it had %d bytes and has %d", r.seen.size, now.size))
	case !first && !now.modTime.Equal(r.seen.modTime), r.shared != nil && !r.shared.agree(now):
		return changed(r.u, "it was written again")
	}
	r.seen = now
	return nil
}

func (r *rangeReader) Read(p []byte) (int, error) {
	for {
		if err := r.ctx.Err(); err != nil {
			return 0, err
		}
		if r.end >= 0 && r.off >= r.end {
			return 0, io.EOF
		}
		if r.r == nil {
			if err := r.connect(); err != nil {
				return 0, err
			}
			if err := r.check(); err != nil {
				return 0, err
			}
		}
		n, err := r.r.Read(p[:min(int64(len(p)), r.end-r.off)])
		r.off += int64(n)
		if n > 0 {
			r.faults = 0
			return n, nil // an error that came with it comes again
		}
		if err == nil {
			continue
		}
		if err := r.broken(err); err != nil {
			return 0, err
		}
	}
}

// broken drops a connection that failed, and waits before the next; the error
// is for when there should be none.
func (r *rangeReader) broken(err error) error {
	r.r.Close()
	r.r = nil
	if e := r.ctx.Err(); e != nil {
		return e
	}
	if err == io.EOF {
		err = changed(r.u, fmt.Sprintf("it ended at byte %d of %d", r.off, r.end))
	} else {
		err = ofBucket(r.u, err, false)
	}
	if r.faults++; r.faults > r.b.retry.times {
		return err
	}
	r.b.log.Debug("storage fault", "uri", r.u.String(), "byte", r.off, "err", err)
	return r.b.retry.pause(r.ctx, r.faults-1)
}

func (r *rangeReader) Close() error {
	if r.r == nil {
		return nil
	}
	err := r.r.Close()
	r.r = nil
	return err
}
