package uris

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"gocloud.dev/blob"
	"golang.org/x/sync/singleflight"

	"github.com/ligase-bio/ligase/internal/problem"
)

// Opener opens the bucket of a URI's scheme. Drivers are given, not built in,
// so that a small program carries only those that it needs; package drivers
// has all of them. The context is not cancelled while the bucket is in use.
type Opener func(ctx context.Context, bucket string, cfg BucketConfig) (*blob.Bucket, error)

// BucketConfig is the installation's configuration of one bucket; none of it
// can come from a URI.
type BucketConfig struct {
	Endpoint     string `json:"endpoint,omitempty"` // base URL of the service; empty: the provider's own
	Region       string `json:"region,omitempty"`
	UsePathStyle bool   `json:"use_path_style,omitempty"` // the bucket is in the URL's path and not in its host name
	DisableHTTPS bool   `json:"disable_https,omitempty"`
}

// Options configure a Store.
type Options struct {
	// Roots are the folders that may be read (and written, where Write is
	// set). Anything else is refused. Required.
	Roots []Root
	// ReadAny lifts the roots for reading. It is for an engine, whose reads are
	// of what plans name: those URIs were held to the roots where the call
	// came in, which may be another process with other roots.
	ReadAny bool
	// Advice is how a user gets a folder allowed, as the end of a sentence;
	// empty: "add its folder to the installation's configuration".
	Advice  string
	Openers map[string]Opener       // by scheme; file needs none, and mem is there unless given
	Buckets map[string]BucketConfig // by "scheme://bucket", or by "scheme://" for all of a scheme
	Retries int                     // of a passing fault, with backoff and jitter; 0: 4; negative: none
	// Sync makes writes to file roots survive a loss of power before they
	// return.
	Sync bool
	Log  *slog.Logger // nil discards
}

// Root is a folder that the store may use. A file root that may be written is
// made when it is first used.
type Root struct {
	URI   URI  `json:"uri"`
	Write bool `json:"write,omitempty"`
}

// Store reads and writes objects by URI. It is safe for concurrent use.
//
// Objects are never changed in place: a reader sees the old content or the new
// and never a part. That holds for file roots too. In a file root, symbolic
// links are followed as long as they stay below it; an absolute link, or one
// that leads out, is refused, and so is whatever is not a regular file.
type Store struct {
	roots   []Root
	readAny bool
	advice  string
	folders map[URI]*folder // of the file roots
	openers map[string]Opener
	configs map[string]BucketConfig
	retry   retry
	log     *slog.Logger
	blocks  *sync.Pool // of *[blockSize]byte

	opening singleflight.Group
	mu      sync.Mutex
	buckets map[string]*bucket // by "scheme://bucket"; nil once closed
}

// backend is where the objects of a root lie: a folder of this machine, or a
// bucket. It is no driver layer for more to come: every kind of bucket is
// behind gocloud.dev/blob.
type backend interface {
	stat(ctx context.Context, u URI) (Object, error)
	// open reads the first n bytes, or all when n is negative; size is the
	// whole object's.
	open(ctx context.Context, u URI, n int64) (r io.ReadCloser, size int64, err error)
	list(ctx context.Context, u URI, recursive bool) iter.Seq2[Object, error]
	source(ctx context.Context, u URI) (source, error)
	put(ctx context.Context, u URI, r io.Reader) (Staged, error)
	putFile(ctx context.Context, u URI, f *os.File) (Staged, error)
	create(ctx context.Context, u URI, content []byte) error
	sign(ctx context.Context, u URI, valid time.Duration) (string, error)
	close() error
}

// NewStore returns a store. Buckets are opened when first used, and kept.
func NewStore(o Options) (*Store, error) {
	if len(o.Roots) == 0 {
		return nil, errors.New("a store needs at least one root: a folder that it may use")
	}
	s := &Store{
		roots:   slices.Clone(o.Roots),
		readAny: o.ReadAny,
		advice:  cmp.Or(o.Advice, "add its folder to the installation's configuration"),
		folders: map[URI]*folder{},
		openers: map[string]Opener{"mem": openMem},
		configs: map[string]BucketConfig{},
		retry:   retry{times: 4, sleep: sleep},
		log:     o.Log,
		blocks:  &sync.Pool{New: func() any { return new([blockSize]byte) }},
		buckets: map[string]*bucket{},
	}
	if o.Retries != 0 {
		s.retry.times = max(o.Retries, 0)
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	for scheme, open := range o.Openers {
		if !isScheme(scheme) || scheme == "file" {
			return nil, fmt.Errorf("there is no driver to give for %q: the schemes with drivers are s3, gs, azblob, oss and mem", scheme)
		}
		s.openers[scheme] = open
	}
	for name, cfg := range o.Buckets {
		if scheme, bucket, ok := strings.Cut(name, "://"); !ok || !isScheme(scheme) || strings.Contains(bucket, "/") {
			return nil, fmt.Errorf("the configuration of bucket %q: write scheme://bucket, or scheme:// for all of a scheme", name)
		}
		s.configs[name] = cfg
	}
	known := &digests{}
	// The innermost root that holds a URI decides.
	slices.SortStableFunc(s.roots, func(a, b Root) int { return cmp.Compare(len(b.URI.key), len(a.URI.key)) })
	for _, r := range s.roots {
		switch {
		case r.URI.IsZero():
			return nil, errors.New("a root of the store is empty: give the URI of a folder")
		case r.URI.scheme == "file":
			d := s.folders[r.URI]
			if d == nil {
				d = &folder{uri: r.URI, sync: o.Sync, blocks: s.blocks, known: known}
				s.folders[r.URI] = d
			}
			d.make = d.make || r.Write
		case s.openers[r.URI.scheme] == nil:
			return nil, fmt.Errorf("root %s: this program was built without the driver for %s", r.URI, r.URI.scheme)
		}
	}
	if everything := (URI{scheme: "file"}); o.ReadAny && s.folders[everything] == nil {
		s.folders[everything] = &folder{uri: everything, sync: o.Sync, blocks: s.blocks, known: known}
	}
	return s, nil
}

// Close closes the buckets. Calls that are under way may fail.
func (s *Store) Close() error {
	s.mu.Lock()
	buckets := s.buckets
	s.buckets = nil
	s.mu.Unlock()
	var errs []error
	for _, b := range buckets {
		errs = append(errs, b.close())
	}
	for _, d := range s.folders {
		errs = append(errs, d.close())
	}
	return errors.Join(errs...)
}

// Object is what is known of a stored object.
type Object struct {
	URI      URI
	Size     int64 // bytes
	ModTime  time.Time
	ETag     string // changes when the content does; its form is the back end's
	IsFolder bool   // in a List without recursive
}

// Allowed returns nil when u lies below a root (a writable one with write),
// else an error that wraps problem.ErrRefused and says what to do.
func (s *Store) Allowed(u URI, write bool) error {
	_, err := s.root(u, write)
	return err
}

// root is the innermost root that allows it.
func (s *Store) root(u URI, write bool) (Root, error) {
	if u.IsZero() {
		return Root{}, fmt.Errorf("%w: there is no URI", problem.ErrRefused)
	}
	var usable []string
	for _, r := range s.roots {
		if write && !r.Write {
			continue
		}
		if r.URI.Contains(u) {
			return r, nil
		}
		usable = append(usable, r.URI.String())
	}
	if s.readAny && !write {
		return Root{URI: URI{scheme: u.scheme, bucket: u.bucket}}, nil
	}
	verb := "read"
	if write {
		verb = "written"
	}
	if len(usable) == 0 {
		return Root{}, fmt.Errorf("%s: %w: nothing may be %s here; the installation's configuration lists the folders", u, problem.ErrRefused, verb)
	}
	slices.Sort(usable)
	return Root{}, fmt.Errorf("%s: %w: it is not below a folder that may be %s (%s); %s",
		u, problem.ErrRefused, verb, strings.Join(slices.Compact(usable), ", "), s.advice)
}

// at checks that u may be used and gives where it lies.
func (s *Store) at(ctx context.Context, u URI, write bool) (backend, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	r, err := s.root(u, write)
	if err != nil {
		return nil, err
	}
	if u.scheme == "file" {
		return s.folders[r.URI], nil
	}
	return s.bucket(ctx, u)
}

// bucket opens a bucket, or gives it when it is open.
func (s *Store) bucket(ctx context.Context, u URI) (*bucket, error) {
	name := u.scheme + "://" + u.bucket
	if b, err := s.openedBucket(name); b != nil || err != nil {
		return b, err
	}
	done := s.opening.DoChan(name, func() (any, error) {
		if b, err := s.openedBucket(name); b != nil || err != nil {
			return b, err
		}
		cfg, ok := s.configs[name]
		if !ok {
			cfg = s.configs[u.scheme+"://"]
		}
		// The first caller's end must not end the bucket that all share.
		opened, err := s.openers[u.scheme](context.WithoutCancel(ctx), u.bucket, cfg)
		if err != nil {
			return nil, fmt.Errorf("%s could not be opened: %w (%w)", name, problem.ErrUnavailable, err)
		}
		b := &bucket{b: opened, retry: s.retry, log: s.log, blocks: s.blocks}
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.buckets == nil {
			return nil, errors.Join(errClosed, opened.Close())
		}
		s.buckets[name] = b
		return b, nil
	})
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case r := <-done:
		if r.Err != nil {
			return nil, r.Err
		}
		return r.Val.(*bucket), nil
	}
}

func (s *Store) openedBucket(name string) (*bucket, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.buckets == nil {
		return nil, errClosed
	}
	return s.buckets[name], nil
}

// Stat describes an object; problem.ErrNotFound when there is none.
func (s *Store) Stat(ctx context.Context, u URI) (Object, error) {
	b, err := s.at(ctx, u, false)
	if err != nil {
		return Object{}, err
	}
	return b.stat(ctx, u)
}

// Open opens an object for reading. Reads fail once ctx has ended. Passing
// faults while reading are mended by reading on from where it broke off; an
// object that ends early or was changed meanwhile is problem.ErrUnavailable.
func (s *Store) Open(ctx context.Context, u URI) (io.ReadCloser, error) {
	b, err := s.at(ctx, u, false)
	if err != nil {
		return nil, err
	}
	r, _, err := b.open(ctx, u, -1)
	return r, err
}

// ReadAll reads an object of at most limit bytes; a larger one is
// problem.ErrRefused.
func (s *Store) ReadAll(ctx context.Context, u URI, limit int64) ([]byte, error) {
	b, err := s.at(ctx, u, false)
	if err != nil {
		return nil, err
	}
	r, size, err := b.open(ctx, u, -1)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if size > limit {
		return nil, tooLarge(u, size, limit)
	}
	return readExactly(u, r, size)
}

// Head reads the first n bytes (fewer when the object is shorter).
func (s *Store) Head(ctx context.Context, u URI, n int) ([]byte, error) {
	b, err := s.at(ctx, u, false)
	if err != nil {
		return nil, err
	}
	r, size, err := b.open(ctx, u, int64(n))
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return readExactly(u, r, min(size, int64(n)))
}

// readExactly reads the n bytes that there are known to be.
func readExactly(u URI, r io.Reader, n int64) ([]byte, error) {
	content := make([]byte, n)
	if read, err := io.ReadFull(r, content); err == io.EOF && n > 0 || err == io.ErrUnexpectedEOF {
		return nil, changed(u, fmt.Sprintf("it ended at byte %d of %d", read, n))
	} else if err != nil && n > 0 {
		return nil, ofFile(u, err)
	}
	return content, nil
}

func tooLarge(u URI, size, limit int64) error {
	return fmt.Errorf("%s: %w: it has %d bytes and at most %d are taken here", u, problem.ErrRefused, size, limit)
}

// changed says that an object was not the same from its first byte to its
// last. Trying again can help.
func changed(u URI, how string) error {
	return fmt.Errorf("%s: %w: it was changed or cut off while it was read (%s)", u, problem.ErrUnavailable, how)
}

// List yields the objects below a folder, in order of key. Without recursive
// it yields what lies in the folder itself, folders among it. A folder that
// does not exist is empty. Objects whose names no URI can hold (see [Parse])
// are left out, and so are symbolic links to folders.
func (s *Store) List(ctx context.Context, folder URI, recursive bool) iter.Seq2[Object, error] {
	return func(yield func(Object, error) bool) {
		b, err := s.at(ctx, folder, false)
		if err != nil {
			yield(Object{}, err)
			return
		}
		b.list(ctx, folder, recursive)(yield)
	}
}

// below names the object at a path below folder, and whether a URI can.
func (u URI) below(rel string) (URI, bool) {
	named, err := Parse(strings.TrimSuffix(u.String(), "/") + "/" + rel)
	return named, err == nil && !strings.HasSuffix(rel, "/")
}

// SignedURL gives a URL that reads the object for a while without
// credentials; problem.ErrUnavailable where the back end has none.
func (s *Store) SignedURL(ctx context.Context, u URI, valid time.Duration) (string, error) {
	b, err := s.at(ctx, u, false)
	if err != nil {
		return "", err
	}
	return b.sign(ctx, u, valid)
}
