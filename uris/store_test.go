package uris_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/uris"
)

// testStore is what every kind of root must do. open gives a store with an
// empty root that may be written.
func testStore(t *testing.T, open func(t *testing.T) (*uris.Store, uris.URI)) {
	ctx := context.Background()
	tests := map[string]func(t *testing.T, s *uris.Store, root uris.URI){
		"Put": func(t *testing.T, s *uris.Store, root uris.URI) {
			u := root.Join("a", "b c", "β@1.txt")
			for _, content := range []string{"first", "", "a second, longer content"} {
				put, err := s.Put(ctx, u, strings.NewReader(content))
				if err != nil || put.Size != int64(len(content)) || put.SHA256 != digest([]byte(content)) || put.Path != "" {
					t.Fatalf("Put gave %+v, %v", put, err)
				}
				if got, err := s.ReadAll(ctx, u, 100); err != nil || string(got) != content {
					t.Errorf("ReadAll gave %q, %v", got, err)
				}
				o, err := s.Stat(ctx, u)
				if err != nil || o.URI != u || o.Size != put.Size || o.ModTime.IsZero() || o.ETag == "" || o.IsFolder {
					t.Errorf("Stat gave %+v, %v", o, err)
				}
			}
		},
		"PutOfAReaderThatFails": func(t *testing.T, s *uris.Store, root uris.URI) {
			u := root.Join("x")
			broken := errors.New("the reader broke")
			_, err := s.Put(ctx, u, io.MultiReader(strings.NewReader("part"), failing{broken}))
			if !errors.Is(err, broken) {
				t.Errorf("Put gave %v", err)
			}
			mustBeEmpty(t, s, root)
		},
		"PutFile": func(t *testing.T, s *uris.Store, root uris.URI) {
			content := random(2*uris.RangeSize + 12345)
			path := filepath.Join(t.TempDir(), "local")
			write(t, path, content)
			put, err := s.PutFile(ctx, root.Join("x"), path)
			if want := (uris.Staged{Path: path, Size: int64(len(content)), SHA256: digest(content)}); err != nil || put != want {
				t.Fatalf("PutFile gave %+v, %v; want %+v", put, err, want)
			}
			got, err := s.ReadAll(ctx, root.Join("x"), put.Size)
			if err != nil || !bytes.Equal(got, content) {
				t.Errorf("it reads back as %d bytes, %v", len(got), err)
			}
			if _, err := s.PutFile(ctx, root.Join("y"), filepath.Dir(path)); err == nil {
				t.Error("a folder was put")
			}
			if _, err := s.PutFile(ctx, root.Join("y"), path+"-none"); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("no file: %v", err)
			}
		},
		"Stage": func(t *testing.T, s *uris.Store, root uris.URI) {
			for _, size := range []int{0, 1, 1 << 16, 2 * uris.RangeSize, 3*uris.RangeSize + 77} {
				content := random(size)
				u := root.Join(fmt.Sprint("size-", size))
				if _, err := s.Put(ctx, u, bytes.NewReader(content)); err != nil {
					t.Fatal(err)
				}
				path := filepath.Join(t.TempDir(), "staged")
				want := uris.Staged{Path: path, Size: int64(size), SHA256: digest(content)}
				// Twice: the second may know the digest.
				for range 2 {
					got, err := s.Stage(ctx, u, path, &uris.StageOptions{Size: want.Size, SHA256: want.SHA256, Limit: want.Size})
					if err != nil || got != want {
						t.Fatalf("Stage of %d bytes gave %+v, %v", size, got, err)
					}
					if there, _ := os.ReadFile(path); !bytes.Equal(there, content) {
						t.Fatalf("%d bytes were staged as other %d", size, len(there))
					}
				}
			}
		},
		"StageLeavesNothingBehind": func(t *testing.T, s *uris.Store, root uris.URI) {
			content := random(3 * uris.RangeSize)
			u := root.Join("x")
			if _, err := s.Put(ctx, u, bytes.NewReader(content)); err != nil {
				t.Fatal(err)
			}
			cancelled, cancel := context.WithCancel(ctx)
			cancel()
			size := int64(len(content))
			for name, test := range map[string]struct {
				ctx  context.Context
				u    uris.URI
				o    uris.StageOptions
				want error
			}{
				"another digest": {ctx, u, uris.StageOptions{Size: size, SHA256: digest(nil)}, uris.ErrDigest},
				"another size":   {ctx, u, uris.StageOptions{Size: size - 1, SHA256: digest(content)}, uris.ErrDigest},
				"over the limit": {ctx, u, uris.StageOptions{Limit: size - 1}, problem.ErrRefused},
				"not there":      {ctx, root.Join("y"), uris.StageOptions{}, problem.ErrNotFound},
				"a folder":       {ctx, root, uris.StageOptions{}, nil},
				"cancelled":      {cancelled, u, uris.StageOptions{}, context.Canceled},
			} {
				dir := t.TempDir()
				_, err := s.Stage(test.ctx, test.u, filepath.Join(dir, "staged"), &test.o)
				if err == nil || test.want != nil && !errors.Is(err, test.want) {
					t.Errorf("%s: %v", name, err)
				}
				if left, _ := os.ReadDir(dir); len(left) != 0 {
					t.Errorf("%s left %v", name, left)
				}
			}
			if _, err := s.Stage(ctx, u, filepath.Join(t.TempDir(), "none", "staged"), nil); err == nil || errors.Is(err, problem.ErrNotFound) {
				t.Errorf("a folder that is not there was taken for the object: %v", err)
			}
		},
		"StageInParallel": func(t *testing.T, s *uris.Store, root uris.URI) {
			content := random(2*uris.RangeSize + 1)
			u := root.Join("x")
			if _, err := s.Put(ctx, u, bytes.NewReader(content)); err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			var wg sync.WaitGroup
			for i := range 6 {
				wg.Go(func() {
					got, err := s.Stage(ctx, u, filepath.Join(dir, fmt.Sprint(i)), nil)
					if err != nil || got.SHA256 != digest(content) {
						t.Errorf("%+v, %v", got, err)
					}
				})
			}
			wg.Wait()
		},
		"PutIfAbsent": func(t *testing.T, s *uris.Store, root uris.URI) {
			u := root.Join("runs", "run-1", "meta.json")
			if err := s.PutIfAbsent(ctx, u, []byte("first")); err != nil {
				t.Fatal(err)
			}
			for _, content := range []string{"second", "first", ""} {
				if err := s.PutIfAbsent(ctx, u, []byte(content)); !errors.Is(err, problem.ErrExists) {
					t.Errorf("again: %v", err)
				}
			}
			if got, err := s.ReadAll(ctx, u, 100); err != nil || string(got) != "first" {
				t.Errorf("it holds %q, %v", got, err)
			}
			if err := s.PutIfAbsent(ctx, root.Join("empty"), nil); err != nil {
				t.Errorf("an empty one: %v", err)
			}
		},
		"PutIfAbsentOnce": func(t *testing.T, s *uris.Store, root uris.URI) {
			for round := range 8 {
				u := root.Join(fmt.Sprint("round-", round), "claim")
				var won atomic.Int32
				var winner atomic.Value
				var wg sync.WaitGroup
				for i := range 16 {
					wg.Go(func() {
						content := strings.Repeat(fmt.Sprintf("%02d", i), 5000)
						switch err := s.PutIfAbsent(ctx, u, []byte(content)); {
						case err == nil:
							won.Add(1)
							winner.Store(content)
						case !errors.Is(err, problem.ErrExists):
							t.Error(err)
						}
						// Whoever won, what is there is whole from now on.
						if got, err := s.ReadAll(ctx, u, 1e6); err != nil || len(got) != 10000 || string(got) != strings.Repeat(string(got[:2]), 5000) {
							t.Errorf("a reader saw %d bytes, %v", len(got), err)
						}
					})
				}
				wg.Wait()
				got, _ := s.ReadAll(ctx, u, 1e6)
				if won.Load() != 1 || string(got) != winner.Load() {
					t.Errorf("%d callers won", won.Load())
				}
			}
		},
		"ReadersSeeWholeObjects": func(t *testing.T, s *uris.Store, root uris.URI) {
			u := root.Join("x")
			put := func(i int) {
				if _, err := s.Put(ctx, u, strings.NewReader(strings.Repeat(fmt.Sprint(i%10), 50_000))); err != nil {
					t.Error(err)
				}
			}
			put(0)
			done := make(chan struct{})
			go func() {
				defer close(done)
				for i := range 40 {
					put(i)
				}
			}()
			for reading := true; reading; {
				select {
				case <-done:
					reading = false
				default:
				}
				got, err := s.ReadAll(ctx, u, 1e6)
				if err != nil || len(got) != 50_000 || string(got) != strings.Repeat(string(got[:1]), 50_000) {
					t.Fatalf("a reader saw %d bytes, %v", len(got), err)
				}
			}
		},
		"NotThere": func(t *testing.T, s *uris.Store, root uris.URI) {
			u := root.Join("none", "x")
			_, errStat := s.Stat(ctx, u)
			_, errOpen := s.Open(ctx, u)
			_, errRead := s.ReadAll(ctx, u, 10)
			_, errHead := s.Head(ctx, u, 10)
			for _, err := range []error{errStat, errOpen, errRead, errHead} {
				if !errors.Is(err, problem.ErrNotFound) || !strings.Contains(err.Error(), u.String()) {
					t.Errorf("%v", err)
				}
			}
		},
		"AFolderIsNoObject": func(t *testing.T, s *uris.Store, root uris.URI) {
			if _, err := s.Put(ctx, root.Join("d", "x"), strings.NewReader("x")); err != nil {
				t.Fatal(err)
			}
			_, errStat := s.Stat(ctx, root.Join("d"))
			_, errOpen := s.Open(ctx, root.Join("d"))
			for _, err := range []error{errStat, errOpen} {
				if !errors.Is(err, problem.ErrNotFound) {
					t.Errorf("%v", err)
				}
			}
		},
		"Limits": func(t *testing.T, s *uris.Store, root uris.URI) {
			u, empty := root.Join("x"), root.Join("empty")
			for u, content := range map[uris.URI]string{u: "0123456789", empty: ""} {
				if _, err := s.Put(ctx, u, strings.NewReader(content)); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := s.ReadAll(ctx, u, 9); !errors.Is(err, problem.ErrRefused) || !strings.Contains(err.Error(), "10 bytes and at most 9") {
				t.Errorf("ReadAll over the limit: %v", err)
			}
			for n, want := range map[int]string{0: "", 3: "012", 10: "0123456789", 1000: "0123456789"} {
				if got, err := s.Head(ctx, u, n); err != nil || string(got) != want {
					t.Errorf("Head of %d: %q, %v", n, got, err)
				}
			}
			if got, err := s.Head(ctx, empty, 10); err != nil || len(got) != 0 {
				t.Errorf("Head of nothing: %q, %v", got, err)
			}
		},
		"List": func(t *testing.T, s *uris.Store, root uris.URI) {
			for _, key := range []string{"d/10.pdb", "d/2.pdb", "d/e/f/g", "d/e-1", "d/e.x", "d", "dd/x"} {
				if key == "d" {
					continue // a folder of a file root cannot be an object, too
				}
				if _, err := s.Put(ctx, uris.MustParse(root.String()+"/"+key), strings.NewReader(key)); err != nil {
					t.Fatal(err)
				}
			}
			for _, test := range []struct {
				folder    string
				recursive bool
				want      []string
			}{
				{"d", false, []string{"d/10.pdb", "d/2.pdb", "d/e-1", "d/e.x", "d/e/"}},
				{"d", true, []string{"d/10.pdb", "d/2.pdb", "d/e-1", "d/e.x", "d/e/f/g"}},
				{"", false, []string{"d/", "dd/"}},
				{"", true, []string{"d/10.pdb", "d/2.pdb", "d/e-1", "d/e.x", "d/e/f/g", "dd/x"}},
				{"none", true, nil},
			} {
				folder := root
				if test.folder != "" {
					folder = root.Join(test.folder)
				}
				var got []string
				for o, err := range s.List(ctx, folder, test.recursive) {
					if err != nil {
						t.Fatal(err)
					}
					rel, _ := root.Rel(o.URI)
					if o.IsFolder {
						rel += "/"
					} else if o.Size != int64(len(rel)) || o.ModTime.IsZero() {
						t.Errorf("%+v", o)
					}
					got = append(got, rel)
				}
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Errorf("List of %q, %v: %s", test.folder, test.recursive, diff)
				}
			}
			for range s.List(ctx, root, true) {
				break // must not go on after that
			}
		},
		"EndedContext": func(t *testing.T, s *uris.Store, root uris.URI) {
			u := root.Join("x")
			if _, err := s.Put(ctx, u, strings.NewReader("x")); err != nil {
				t.Fatal(err)
			}
			reading, stop := context.WithCancel(ctx)
			r, err := s.Open(reading, u)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			stop()
			_, errRead := r.Read(make([]byte, 1))
			_, errStat := s.Stat(reading, u)
			_, errPut := s.Put(reading, u, strings.NewReader("y"))
			errCreate := s.PutIfAbsent(reading, root.Join("y"), nil)
			var errList error
			for _, err := range s.List(reading, root, true) {
				errList = err
			}
			for _, err := range []error{errRead, errStat, errPut, errCreate, errList} {
				if err != context.Canceled {
					t.Errorf("%v; want context.Canceled itself", err)
				}
			}
			// One that ends while a writer is at it leaves nothing.
			ending, end := context.WithCancel(ctx)
			if _, err := s.Put(ending, root.Join("z"), io.MultiReader(strings.NewReader("part"), calling{end}, strings.NewReader("rest"))); err != context.Canceled {
				t.Errorf("%v; want context.Canceled itself", err)
			}
			if _, err := s.Stat(ctx, root.Join("z")); !errors.Is(err, problem.ErrNotFound) {
				t.Errorf("an interrupted put left something: %v", err)
			}
		},
		"Roots": func(t *testing.T, s *uris.Store, root uris.URI) {
			for _, text := range []string{"file:///etc/passwd", "mem://other-bucket/x", "s3://other-bucket/x", root.String() + "-2/x"} {
				u := uris.MustParse(text)
				_, errStat := s.Stat(ctx, u)
				_, errOpen := s.Open(ctx, u)
				_, errPut := s.Put(ctx, u, strings.NewReader("x"))
				_, errFile := s.PutFile(ctx, u, os.Args[0])
				_, errStage := s.Stage(ctx, u, filepath.Join(t.TempDir(), "x"), nil)
				_, errURL := s.SignedURL(ctx, u, time.Minute)
				var errList error
				for _, err := range s.List(ctx, u, false) {
					errList = err
				}
				for i, err := range []error{errStat, errOpen, errPut, errFile, errStage, errURL, errList, s.PutIfAbsent(ctx, u, nil), s.Allowed(u, false), s.Allowed(u, true)} {
					if !errors.Is(err, problem.ErrRefused) || !strings.Contains(err.Error(), root.String()) {
						t.Errorf("%s, call %d: %v; want it refused, with where to go instead", u, i, err)
					}
				}
			}
			if err := s.Allowed(uris.URI{}, false); !errors.Is(err, problem.ErrRefused) {
				t.Errorf("no URI: %v", err)
			}
			if err := s.Allowed(root.Join("x"), true); err != nil {
				t.Error(err)
			}
		},
		"Close": func(t *testing.T, s *uris.Store, root uris.URI) {
			if _, err := s.Put(ctx, root.Join("x"), strings.NewReader("x")); err != nil {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			if _, err := s.Stat(ctx, root.Join("x")); err == nil || !strings.Contains(err.Error(), "closed") {
				t.Errorf("%v", err)
			}
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s, root := open(t)
			test(t, s, root)
		})
	}
}

func TestStoreOfFiles(t *testing.T) {
	testStore(t, func(t *testing.T) (*uris.Store, uris.URI) {
		s, root := fileStore(t, false)
		t.Cleanup(func() { noLeftovers(t, root.Path()) })
		return s, root
	})
}

func TestStoreOfFilesSynced(t *testing.T) {
	testStore(t, func(t *testing.T) (*uris.Store, uris.URI) { return fileStore(t, true) })
}

func TestStoreInMemory(t *testing.T) {
	testStore(t, func(t *testing.T) (*uris.Store, uris.URI) {
		root := uris.MustParse("mem://test/root")
		return newStore(t, uris.Options{Roots: []uris.Root{{URI: root, Write: true}}}), root
	})
}

func newStore(t testing.TB, o uris.Options) *uris.Store {
	s, err := uris.NewStore(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestNewStoreRefuses(t *testing.T) {
	root := uris.Root{URI: uris.MustParse("mem://test")}
	for says, o := range map[string]uris.Options{
		"at least one root":             {},
		"is empty":                      {Roots: []uris.Root{{}}},
		"without the driver for s3":     {Roots: []uris.Root{{URI: uris.MustParse("s3://lab-data")}}},
		`no driver to give for "file"`:  {Roots: []uris.Root{root}, Openers: map[string]uris.Opener{"file": nil}},
		`configuration of bucket "lab"`: {Roots: []uris.Root{root}, Buckets: map[string]uris.BucketConfig{"lab": {}}},
	} {
		if _, err := uris.NewStore(o); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v; want it to say %q", err, says)
		}
	}
}

func TestRootsInRoots(t *testing.T) {
	outer, inner := uris.MustParse("mem://test/a"), uris.MustParse("mem://test/a/b")
	s := newStore(t, uris.Options{Roots: []uris.Root{{URI: outer}, {URI: inner, Write: true}}})
	ctx := context.Background()
	if _, err := s.Put(ctx, inner.Join("x"), strings.NewReader("x")); err != nil {
		t.Error(err)
	}
	if _, err := s.Put(ctx, outer.Join("x"), strings.NewReader("x")); !errors.Is(err, problem.ErrRefused) || !strings.Contains(err.Error(), "may be written") {
		t.Errorf("writing what may be read: %v", err)
	}
	if _, err := s.Stat(ctx, outer.Join("x")); !errors.Is(err, problem.ErrNotFound) {
		t.Errorf("reading: %v", err)
	}
}

// Helpers.

func digest(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

func random(size int) []byte {
	content := make([]byte, size)
	rand.NewChaCha8([32]byte{byte(size)}).Read(content)
	return content
}

func write(t testing.TB, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o666); err != nil {
		t.Fatal(err)
	}
}

func mustBeEmpty(t *testing.T, s *uris.Store, root uris.URI) {
	t.Helper()
	for o, err := range s.List(context.Background(), root, true) {
		t.Errorf("there is %v, %v", o.URI, err)
	}
}

// noLeftovers fails when a file that is not whole was left in a folder.
func noLeftovers(t *testing.T, dir string) {
	filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if strings.HasPrefix(filepath.Base(path), uris.TempPrefix) {
			t.Errorf("%s was left", path)
		}
		return nil
	})
}

// failing fails to read.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// calling calls something when it is read, and is empty.
type calling struct{ f func() }

func (c calling) Read([]byte) (int, error) {
	c.f()
	return 0, io.EOF
}

// An engine reads what plans name wherever it lies, and writes below its roots
// only.
func TestReadAny(t *testing.T) {
	ours, theirs := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(theirs, "x.txt"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	root, err := uris.FromPath(ours)
	if err != nil {
		t.Fatal(err)
	}
	outside, err := uris.FromPath(filepath.Join(theirs, "x.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for _, readAny := range []bool{false, true} {
		s, err := uris.NewStore(uris.Options{Roots: []uris.Root{{URI: root, Write: true}}, ReadAny: readAny})
		if err != nil {
			t.Fatal(err)
		}
		data, err := s.ReadAll(t.Context(), outside, 10)
		if readAny && (err != nil || string(data) != "x") || !readAny && !errors.Is(err, problem.ErrRefused) {
			t.Errorf("ReadAny %v: %q, %v", readAny, data, err)
		}
		if _, err := s.Put(t.Context(), outside, strings.NewReader("y")); !errors.Is(err, problem.ErrRefused) {
			t.Errorf("ReadAny %v: a write outside of the roots: %v", readAny, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
