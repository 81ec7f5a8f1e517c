package uris_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/blob/driver"
	"gocloud.dev/blob/memblob"
	"gocloud.dev/gcerrors"

	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/uris"
)

// faulty is a bucket whose service fails as real ones do. The content is kept
// by a bucket that works.
type faulty struct {
	driver.Bucket // of which only what follows is used
	works         *blob.Bucket

	mu       sync.Mutex
	failures int // of the next calls
	kind     gcerrors.ErrorCode
	cutAfter int    // bytes after which a reader breaks; 0: none
	cutClean bool   // it ends, instead of failing
	onRead   func() // when a range is asked for
	lostOnce bool   // the next write takes effect, but its answer is lost
	ignores  bool   // conditions
	reads    atomic.Int32
}

type fault struct{ code gcerrors.ErrorCode }

func (f fault) Error() string { return "503 SlowDown" }

func (f *faulty) fails() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.failures == 0 {
		return nil
	}
	f.failures--
	return fault{f.kind}
}

func (f *faulty) ErrorCode(err error) gcerrors.ErrorCode {
	var mine fault
	if errors.As(err, &mine) {
		return mine.code
	}
	return gcerrors.Code(err)
}
func (f *faulty) As(any) bool             { return false }
func (f *faulty) ErrorAs(error, any) bool { return false }
func (f *faulty) Close() error            { return f.works.Close() }

func (f *faulty) Attributes(ctx context.Context, key string) (*driver.Attributes, error) {
	if err := f.fails(); err != nil {
		return nil, err
	}
	a, err := f.works.Attributes(ctx, key)
	if err != nil {
		return nil, err
	}
	return &driver.Attributes{Size: a.Size, ModTime: a.ModTime, ETag: a.ETag}, nil
}

func (f *faulty) ListPaged(ctx context.Context, o *driver.ListOptions) (*driver.ListPage, error) {
	if err := f.fails(); err != nil {
		return nil, err
	}
	return &driver.ListPage{Objects: []*driver.ListObject{{Key: "root/x"}}}, nil
}

func (f *faulty) NewRangeReader(ctx context.Context, key string, offset, length int64, _ *driver.ReaderOptions) (driver.Reader, error) {
	f.reads.Add(1)
	if f.onRead != nil {
		f.onRead()
	}
	if err := f.fails(); err != nil {
		return nil, err
	}
	r, err := f.works.NewRangeReader(ctx, key, offset, length, nil)
	if err != nil {
		return nil, err
	}
	return &cutReader{r, f, f.cutAfter}, nil
}

type cutReader struct {
	*blob.Reader
	f    *faulty
	left int
}

func (r *cutReader) Attributes() *driver.ReaderAttributes {
	return &driver.ReaderAttributes{Size: r.Size(), ModTime: r.ModTime()}
}

func (r *cutReader) Read(p []byte) (int, error) {
	if r.f.cutAfter == 0 {
		return r.Reader.Read(p)
	}
	if r.left == 0 {
		if r.f.cutClean {
			return 0, io.EOF
		}
		return 0, fault{gcerrors.Unknown}
	}
	n, err := r.Reader.Read(p[:min(len(p), r.left)])
	r.left -= n
	return n, err
}

func (f *faulty) NewTypedWriter(ctx context.Context, key, contentType string, o *driver.WriterOptions) (driver.Writer, error) {
	ctx, cancel := context.WithCancel(ctx)
	w, err := f.works.NewWriter(ctx, key, &blob.WriterOptions{ContentType: contentType, IfNotExist: o.IfNotExist && !f.ignores})
	return &faultyWriter{w, f, cancel}, err
}

type faultyWriter struct {
	*blob.Writer
	f      *faulty
	cancel func()
}

func (w *faultyWriter) Close() error {
	defer w.cancel()
	if err := w.f.fails(); err != nil {
		w.cancel()
		w.Writer.Close()
		return err
	}
	err := w.Writer.Close()
	w.f.mu.Lock()
	defer w.f.mu.Unlock()
	if err == nil && w.f.lostOnce {
		w.f.lostOnce = false
		return fault{gcerrors.Unknown}
	}
	return err
}

func faultyStore(t *testing.T, retries int) (*uris.Store, uris.URI, *faulty, *[]time.Duration) {
	f := &faulty{works: memblob.OpenBucket(nil), kind: gcerrors.Unknown}
	root := uris.MustParse("s3://lab-data/root")
	var opened atomic.Int32
	s := newStore(t, uris.Options{
		Roots:   []uris.Root{{URI: root, Write: true}},
		Retries: retries,
		Buckets: map[string]uris.BucketConfig{"s3://": {Region: "all"}, "s3://lab-data": {Region: "this"}},
		Openers: map[string]uris.Opener{"s3": func(ctx context.Context, bucket string, cfg uris.BucketConfig) (*blob.Bucket, error) {
			if opened.Add(1) > 1 || bucket != "lab-data" || cfg.Region != "this" {
				t.Errorf("bucket %q was opened %d times, with %+v", bucket, opened.Load(), cfg)
			}
			return blob.NewBucket(f), nil
		}},
	})
	pauses := &[]time.Duration{}
	var mu sync.Mutex
	s.DoNotWait(func(d time.Duration) {
		mu.Lock()
		defer mu.Unlock()
		*pauses = append(*pauses, d)
	})
	return s, root, f, pauses
}

func TestPassingFaults(t *testing.T) {
	ctx := context.Background()
	content := random(100_000)
	calls := map[string]func(s *uris.Store, u uris.URI) error{
		"Stat":   func(s *uris.Store, u uris.URI) error { _, err := s.Stat(ctx, u); return err },
		"Open":   func(s *uris.Store, u uris.URI) error { _, err := s.ReadAll(ctx, u, 1e6); return err },
		"Head":   func(s *uris.Store, u uris.URI) error { _, err := s.Head(ctx, u, 10); return err },
		"Put":    func(s *uris.Store, u uris.URI) error { _, err := s.Put(ctx, u, bytes.NewReader(content)); return err },
		"Create": func(s *uris.Store, u uris.URI) error { return s.PutIfAbsent(ctx, u.Join("new"), content) },
		"Stage": func(s *uris.Store, u uris.URI) error {
			_, err := s.Stage(ctx, u, filepath.Join(t.TempDir(), "x"), &uris.StageOptions{Size: int64(len(content)), SHA256: digest(content)})
			return err
		},
		"List": func(s *uris.Store, u uris.URI) error {
			for _, err := range s.List(ctx, uris.MustParse("s3://lab-data/root"), true) {
				return err
			}
			return errors.New("nothing was listed")
		},
	}
	for name, call := range calls {
		s, root, f, pauses := faultyStore(t, 3)
		u := root.Join("x")
		if _, err := s.Put(ctx, u, bytes.NewReader(content)); err != nil {
			t.Fatal(err)
		}
		f.failures = 3
		if err := call(s, u); err != nil {
			t.Errorf("%s after three faults: %v", name, err)
		}
		if len(*pauses) != 3 {
			t.Errorf("%s paused %d times", name, len(*pauses))
		}
		for i, d := range *pauses {
			if d <= 0 || d > 100*time.Millisecond<<i+1 {
				t.Errorf("%s: pause %d was %v", name, i, d)
			}
		}
		f.failures = 1000
		if err := call(s, u); !errors.Is(err, problem.ErrUnavailable) || !strings.Contains(err.Error(), "SlowDown") {
			t.Errorf("%s with faults for ever: %v", name, err)
		}
		f.kind = gcerrors.PermissionDenied
		before := f.failures
		if err := call(s, u); !errors.Is(err, problem.ErrRefused) || before-f.failures != 1 {
			t.Errorf("%s without permission: %v after %d calls", name, err, before-f.failures)
		}
	}
}

func TestNoRetries(t *testing.T) {
	s, root, f, pauses := faultyStore(t, -1)
	f.failures = 1
	if _, err := s.Stat(context.Background(), root.Join("x")); !errors.Is(err, problem.ErrUnavailable) || len(*pauses) != 0 {
		t.Errorf("%v after %d pauses", err, len(*pauses))
	}
}

// A stream cannot be read twice, so what was sent of it is not sent again.
func TestPutOfAStreamIsNotRetried(t *testing.T) {
	ctx := context.Background()
	s, root, f, _ := faultyStore(t, 3)
	f.failures = 1
	if _, err := s.Put(ctx, root.Join("x"), io.MultiReader(strings.NewReader("stream"))); !errors.Is(err, problem.ErrUnavailable) {
		t.Error(err)
	}
	if _, err := s.Stat(ctx, root.Join("x")); !errors.Is(err, problem.ErrNotFound) {
		t.Error(err)
	}
}

func TestConnectionsThatBreak(t *testing.T) {
	ctx := context.Background()
	for _, clean := range []bool{false, true} {
		for _, size := range []int{1000, 2*uris.RangeSize + 1} {
			s, root, f, _ := faultyStore(t, 3)
			content, u := random(size), root.Join("x")
			if _, err := s.Put(ctx, u, bytes.NewReader(content)); err != nil {
				t.Fatal(err)
			}
			f.cutAfter, f.cutClean = size/7+1, clean
			got, err := s.Stage(ctx, u, filepath.Join(t.TempDir(), "x"), nil)
			if err != nil || got.SHA256 != digest(content) {
				t.Errorf("Stage of %d bytes: %+v, %v", size, got, err)
			}
			if got, err := s.ReadAll(ctx, u, int64(size)); err != nil || !bytes.Equal(got, content) {
				t.Errorf("ReadAll of %d bytes: %d, %v", size, len(got), err)
			}
		}
	}
}

// An object whose bytes never come, or of which a part is missing, is an
// error: never a shorter file.
func TestTruncatedObjects(t *testing.T) {
	ctx := context.Background()
	s, root, f, _ := faultyStore(t, 2)
	content, u := random(3*uris.RangeSize), root.Join("x")
	if _, err := s.Put(ctx, u, bytes.NewReader(content)); err != nil {
		t.Fatal(err)
	}
	f.cutAfter, f.cutClean = 1000, true
	stop := f.reads.Load() + 20
	f.onRead = func() {
		if f.reads.Load() > stop {
			f.mu.Lock()
			f.failures = 1 << 30
			f.mu.Unlock()
		}
	}
	dir := t.TempDir()
	if _, err := s.Stage(ctx, u, filepath.Join(dir, "x"), nil); !errors.Is(err, problem.ErrUnavailable) {
		t.Error(err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); left != nil {
		t.Errorf("left: %v", left)
	}
}

func TestObjectsThatChange(t *testing.T) {
	ctx := context.Background()
	for name, change := range map[string]func(content []byte) []byte{
		"shorter": func(c []byte) []byte { return c[:len(c)-1] },
		"longer":  func(c []byte) []byte { return append(bytes.Clone(c), 'x') },
		"as long": func(c []byte) []byte { return bytes.ToUpper(c) },
	} {
		for _, size := range []int{1000, 2*uris.RangeSize + 1} {
			s, root, f, _ := faultyStore(t, 2)
			content := bytes.Repeat([]byte("a"), size)
			u := root.Join("x")
			if _, err := s.Put(ctx, u, bytes.NewReader(content)); err != nil {
				t.Fatal(err)
			}
			// The change comes while the second part is asked for: by a
			// second range, or by the first one again when it was cut.
			f.cutAfter = size / 2
			var once sync.Once
			f.onRead = func() {
				if f.reads.Load() == 2 {
					once.Do(func() {
						if err := f.works.WriteAll(ctx, u.Key(), change(content), nil); err != nil {
							t.Error(err)
						}
					})
				}
			}
			_, err := s.Stage(ctx, u, filepath.Join(t.TempDir(), "x"), nil)
			if !errors.Is(err, problem.ErrUnavailable) || !strings.Contains(err.Error(), "changed") {
				t.Errorf("%s, %d bytes: %v", name, size, err)
			}
		}
	}
}

// A creation whose answer was lost is not mistaken for somebody else's.
func TestCreationWithoutAnswer(t *testing.T) {
	ctx := context.Background()
	s, root, f, _ := faultyStore(t, 3)
	f.lostOnce = true
	if err := s.PutIfAbsent(ctx, root.Join("x"), []byte("mine")); err != nil {
		t.Error(err)
	}
	if err := s.PutIfAbsent(ctx, root.Join("x"), []byte("mine")); !errors.Is(err, problem.ErrExists) {
		t.Error(err)
	}
}

func TestServiceThatIgnoresConditions(t *testing.T) {
	s, root, f, _ := faultyStore(t, 3)
	f.ignores = true
	if err := s.PutIfAbsent(context.Background(), root.Join("x"), []byte("mine")); err == nil || !strings.Contains(err.Error(), "If-None-Match") {
		t.Errorf("%v; want it found out", err)
	}
}

func TestEndWhileRetrying(t *testing.T) {
	s, root, f, _ := faultyStore(t, 1000)
	f.failures = 1 << 30
	ctx, cancel := context.WithCancel(context.Background())
	n := 0
	s.DoNotWait(func(time.Duration) {
		if n++; n == 3 {
			cancel()
		}
	})
	if _, err := s.Stat(ctx, root.Join("x")); err != context.Canceled {
		t.Errorf("%v; want context.Canceled itself", err)
	}
}

// One bucket is opened once by however many callers, and again after it could
// not be.
func TestBucketsAreOpenedOnce(t *testing.T) {
	var opened atomic.Int32
	root := uris.MustParse("s3://lab-data")
	s := newStore(t, uris.Options{
		Roots:   []uris.Root{{URI: root, Write: true}},
		Retries: -1,
		Openers: map[string]uris.Opener{"s3": func(ctx context.Context, bucket string, _ uris.BucketConfig) (*blob.Bucket, error) {
			if opened.Add(1) == 1 {
				return nil, errors.New("no credentials yet")
			}
			return memblob.OpenBucket(nil), nil
		}},
	})
	ctx := context.Background()
	if _, err := s.Stat(ctx, root.Join("x")); !errors.Is(err, problem.ErrUnavailable) || !strings.Contains(err.Error(), "no credentials yet") {
		t.Error(err)
	}
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			if _, err := s.Stat(ctx, root.Join("x")); !errors.Is(err, problem.ErrNotFound) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if opened.Load() != 2 {
		t.Errorf("opened %d times", opened.Load())
	}
}

func TestSignedURLs(t *testing.T) {
	ctx := context.Background()
	s, root := fileStore(t, false)
	if _, err := s.SignedURL(ctx, root.Join("x"), time.Minute); !errors.Is(err, problem.ErrUnavailable) || !strings.Contains(err.Error(), root.Path()) {
		t.Error(err)
	}
	root = uris.MustParse("mem://test")
	s = newStore(t, uris.Options{Roots: []uris.Root{{URI: root}}})
	if _, err := s.SignedURL(ctx, root.Join("x"), time.Minute); !errors.Is(err, problem.ErrUnavailable) || !strings.Contains(err.Error(), "no signed URLs") {
		t.Error(err)
	}
}
