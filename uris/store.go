package uris

import (
	"context"
	"io"
	"iter"
	"log/slog"
	"time"

	"gocloud.dev/blob"
)

// Parse reads a URI strictly.
func Parse(s string) (URI, error) { panic("unwritten") }

// Opener opens the bucket of a URI's scheme. Drivers are given, not built in,
// so that a small program carries only those that it needs.
type Opener func(ctx context.Context, bucket string, cfg BucketConfig) (*blob.Bucket, error)

// BucketConfig is the installation's configuration of one bucket; none of it
// can come from a URI.
type BucketConfig struct {
	Endpoint     string
	Region       string
	UsePathStyle bool
	DisableHTTPS bool
}

// Options configure a Store.
type Options struct {
	// Roots are the folders that may be read (and written, where Write is
	// set). Anything else is refused. Required.
	Roots   []Root
	Openers map[string]Opener       // by scheme; file and mem are always there
	Buckets map[string]BucketConfig // by "scheme://bucket", or by "scheme://" for all of a scheme
	Retries int                     // of a passing fault, with backoff and jitter; 0: 4; negative: none
	// Sync makes writes to file roots survive a loss of power before they
	// return.
	Sync bool
	Log  *slog.Logger // nil discards
}

// Root is a folder that the store may use.
type Root struct {
	URI   URI
	Write bool
}

// Store reads and writes objects by URI. It is safe for concurrent use.
type Store struct{}

// NewStore returns a store. Buckets are opened when first used, and kept.
func NewStore(o Options) (*Store, error) { panic("unwritten") }

// Close closes the buckets.
func (s *Store) Close() error { panic("unwritten") }

// Object is what is known of a stored object.
type Object struct {
	URI      URI
	Size     int64
	ModTime  time.Time
	ETag     string
	IsFolder bool // in a List without Recursive
}

// Allowed returns nil when u lies below a root (a writable one with write),
// else an error that wraps problem.ErrRefused and says what to do.
func (s *Store) Allowed(u URI, write bool) error { panic("unwritten") }

// Stat describes an object; problem.ErrNotFound when there is none.
func (s *Store) Stat(ctx context.Context, u URI) (Object, error) { panic("unwritten") }

// Open opens an object for reading.
func (s *Store) Open(ctx context.Context, u URI) (io.ReadCloser, error) { panic("unwritten") }

// ReadAll reads an object of at most limit bytes.
func (s *Store) ReadAll(ctx context.Context, u URI, limit int64) ([]byte, error) {
	panic("unwritten")
}

// List yields the objects below a folder, in order of key.
func (s *Store) List(ctx context.Context, folder URI, recursive bool) iter.Seq2[Object, error] {
	panic("unwritten")
}

// Staged is a local copy of an object.
type Staged struct {
	Path   string
	Size   int64
	SHA256 string // 64 lower-case hex digits
}

// StageOptions say what is expected of the object. The zero value expects
// nothing.
type StageOptions struct {
	Size   int64 // checked when SHA256 is set
	SHA256 string
	Limit  int64 // most bytes; 0: none
}

// Stage copies an object to a new local file, computing its digest on the
// way. Large remote objects come in parallel ranges; memory is constant. A
// digest or size that differs from what is expected is an error wrapping
// ErrDigest and leaves no file.
func (s *Store) Stage(ctx context.Context, u URI, path string, o *StageOptions) (Staged, error) {
	panic("unwritten")
}

// Put writes an object, over an existing one.
func (s *Store) Put(ctx context.Context, u URI, r io.Reader) (Staged, error) { panic("unwritten") }

// PutFile writes a local file as an object, over an existing one.
func (s *Store) PutFile(ctx context.Context, u URI, path string) (Staged, error) {
	panic("unwritten")
}

// PutIfAbsent creates an object with exactly this content, atomically: no
// reader ever sees a part of it. When something is there already it returns
// problem.ErrExists and changes nothing.
func (s *Store) PutIfAbsent(ctx context.Context, u URI, content []byte) error {
	panic("unwritten")
}

// Head reads the first n bytes (fewer when the object is shorter).
func (s *Store) Head(ctx context.Context, u URI, n int) ([]byte, error) { panic("unwritten") }

// SignedURL gives a URL that reads the object for a while without
// credentials; problem.ErrUnavailable where the back end has none.
func (s *Store) SignedURL(ctx context.Context, u URI, valid time.Duration) (string, error) {
	panic("unwritten")
}

// Preview cuts the head of a text into at most lines lines and bytes bytes,
// at character boundaries, without control characters. It returns nil for
// what is not text.
func Preview(head []byte, lines, bytes int) []string { panic("unwritten") }
