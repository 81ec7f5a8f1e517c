package uris_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/uris"
)

func TestSymbolicLinks(t *testing.T) {
	ctx := context.Background()
	s, root := fileStore(t, false)
	dir, outside := root.Path(), t.TempDir()
	write(t, filepath.Join(outside, "secret"), []byte("secret"))
	write(t, filepath.Join(dir, "inside"), []byte("inside"))
	if err := os.Mkdir(filepath.Join(dir, "folder"), 0o777); err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{
		"good":     "inside",
		"absolute": filepath.Join(outside, "secret"),
		"relative": "../" + filepath.Base(outside) + "/secret",
		"out":      outside,
		"up":       "..",
		"loop":     "loop",
		"nowhere":  "none",
		"indirect": "absolute",
		"again":    "folder",
	} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := s.ReadAll(ctx, root.Join("good"), 100); err != nil || string(got) != "inside" {
		t.Errorf("a link within: %q, %v", got, err)
	}
	if _, err := s.Stat(ctx, root.Join("nowhere")); !errors.Is(err, problem.ErrNotFound) {
		t.Errorf("a link to nothing: %v", err)
	}
	for _, name := range []string{"absolute", "relative", "indirect", "loop", "out/secret", "up/" + filepath.Base(outside) + "/secret"} {
		u := root.Join(name)
		_, errStat := s.Stat(ctx, u)
		_, errOpen := s.Open(ctx, u)
		_, errStage := s.Stage(ctx, u, filepath.Join(t.TempDir(), "x"), nil)
		for _, err := range []error{errStat, errOpen, errStage} {
			if !errors.Is(err, problem.ErrRefused) {
				t.Errorf("%s: %v; want it refused", name, err)
			}
		}
	}
	for _, name := range []string{"out/new", "up/new"} {
		_, errPut := s.Put(ctx, root.Join(name), strings.NewReader("x"))
		errCreate := s.PutIfAbsent(ctx, root.Join(name), nil)
		for _, err := range []error{errPut, errCreate} {
			if !errors.Is(err, problem.ErrRefused) {
				t.Errorf("writing %s: %v; want it refused", name, err)
			}
		}
	}
	// Writing over a link replaces the link and not what it leads to.
	if _, err := s.Put(ctx, root.Join("absolute"), strings.NewReader("mine")); err != nil {
		t.Error(err)
	}
	if got, _ := os.ReadFile(filepath.Join(outside, "secret")); string(got) != "secret" {
		t.Errorf("what is outside was overwritten with %q", got)
	}
	var listed []string
	for o, err := range s.List(ctx, root, true) {
		if err != nil {
			t.Fatal(err)
		}
		listed = append(listed, o.URI.Base())
	}
	// "indirect" leads to what has taken the place of "absolute".
	if got := strings.Join(listed, " "); got != "absolute good indirect inside" {
		t.Errorf("listed: %s", got)
	}
	for o, err := range s.List(ctx, root.Join("out"), true) {
		if !errors.Is(err, problem.ErrRefused) {
			t.Errorf("listing through a link: %v, %v", o, err)
		}
	}
}

// A folder that is swapped for a link while it is used must never lead out.
func TestSymbolicLinkRace(t *testing.T) {
	ctx := context.Background()
	s, root := fileStore(t, false)
	outside := t.TempDir()
	write(t, filepath.Join(outside, "x"), []byte("secret"))
	inner, spare := filepath.Join(root.Path(), "d"), filepath.Join(root.Path(), "spare")
	if err := os.Mkdir(inner, 0o777); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(inner, "x"), []byte("public"))
	if err := os.Symlink(outside, spare); err != nil {
		t.Fatal(err)
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		aside := filepath.Join(root.Path(), "aside")
		for {
			select {
			case <-stop:
				return
			default:
			}
			os.Rename(inner, aside)
			os.Rename(spare, inner)
			os.Rename(inner, spare)
			os.Rename(aside, inner)
		}
	}()
	for i := range 3000 {
		if got, err := s.ReadAll(ctx, root.Join("d", "x"), 100); err == nil && string(got) != "public" {
			t.Fatalf("read %q", got)
		}
		if i%10 == 0 {
			s.Put(ctx, root.Join("d", "new"), strings.NewReader("x"))
		}
	}
	close(stop)
	<-stopped
	if left, _ := os.ReadDir(outside); len(left) != 1 {
		t.Errorf("outside there are now %v", left)
	}
}

func TestWhatIsNoFile(t *testing.T) {
	ctx := context.Background()
	s, root := fileStore(t, false)
	if err := syscall.Mkfifo(filepath.Join(root.Path(), "pipe"), 0o666); err != nil {
		t.Fatal(err)
	}
	// Opening must not wait for a writer.
	done := make(chan error)
	go func() {
		_, err := s.Open(ctx, root.Join("pipe"))
		done <- err
	}()
	select {
	case err := <-done:
		if !errors.Is(err, problem.ErrRefused) {
			t.Errorf("a pipe: %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("opening a pipe waits")
	}
	if _, err := s.PutFile(ctx, root.Join("x"), "/dev/zero"); !errors.Is(err, problem.ErrRefused) {
		t.Errorf("a device: %v", err)
	}
	mustBeEmpty(t, s, root)
}

func TestPathsThatAreFiles(t *testing.T) {
	ctx := context.Background()
	s, root := fileStore(t, false)
	if _, err := s.Put(ctx, root.Join("file"), strings.NewReader("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Put(ctx, root.Join("folder", "x"), strings.NewReader("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Stat(ctx, root.Join("file", "x")); !errors.Is(err, problem.ErrNotFound) {
		t.Errorf("below a file: %v", err)
	}
	if _, err := s.Put(ctx, root.Join("file", "x"), strings.NewReader("x")); !errors.Is(err, problem.ErrRefused) {
		t.Errorf("writing below a file: %v", err)
	}
	if _, err := s.Put(ctx, root.Join("folder"), strings.NewReader("x")); err == nil {
		t.Error("a folder was overwritten")
	}
	if err := s.PutIfAbsent(ctx, root.Join("folder"), nil); !errors.Is(err, problem.ErrExists) {
		t.Errorf("creating over a folder: %v", err)
	}
	if _, err := s.Put(ctx, root, strings.NewReader("x")); !errors.Is(err, problem.ErrRefused) {
		t.Errorf("writing the root: %v", err)
	}
	noLeftovers(t, root.Path())
}

// What a killed writer leaves is not an object.
func TestLeftoversAreNotListed(t *testing.T) {
	s, root := fileStore(t, false)
	write(t, filepath.Join(root.Path(), uris.TempPrefix+"0123"), []byte("part"))
	mustBeEmpty(t, s, root)
}

func TestNamesThatNoURIHolds(t *testing.T) {
	s, root := fileStore(t, false)
	for _, name := range []string{"50%.csv", "why?", "a\nb", `back\slash`, "#1"} {
		write(t, filepath.Join(root.Path(), name), nil)
	}
	mustBeEmpty(t, s, root)
}

func TestRootThatIsNotThere(t *testing.T) {
	ctx := context.Background()
	root, err := uris.FromPath(filepath.Join(t.TempDir(), "a", "b"))
	if err != nil {
		t.Fatal(err)
	}
	s := newStore(t, uris.Options{Roots: []uris.Root{{URI: root}}})
	if _, err := s.Stat(ctx, root.Join("x")); !errors.Is(err, problem.ErrNotFound) {
		t.Errorf("%v", err)
	}
	mustBeEmpty(t, s, root)
	if _, err := s.Put(ctx, root.Join("x"), strings.NewReader("x")); !errors.Is(err, problem.ErrRefused) {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(root.Path()); err == nil {
		t.Error("a root that may only be read was made")
	}
	s = newStore(t, uris.Options{Roots: []uris.Root{{URI: root, Write: true}}})
	if _, err := s.Put(ctx, root.Join("x"), strings.NewReader("x")); err != nil {
		t.Errorf("a root that may be written: %v", err)
	}
}

// A digest that is remembered must never be given for other bytes.
func TestRememberedDigests(t *testing.T) {
	ctx := context.Background()
	s, root := fileStore(t, false)
	u, path := root.Join("x"), filepath.Join(root.Path(), "x")
	staged := filepath.Join(t.TempDir(), "staged")
	stage := func(want []byte) {
		t.Helper()
		got, err := s.Stage(ctx, u, staged, nil)
		if err != nil || got.SHA256 != digest(want) {
			t.Fatalf("%+v, %v; want digest %s", got, err, digest(want))
		}
		if there, _ := os.ReadFile(staged); !bytes.Equal(there, want) {
			t.Fatal("the bytes are others")
		}
	}
	content := random(2 << 20)
	if _, err := s.Put(ctx, u, bytes.NewReader(content)); err != nil {
		t.Fatal(err)
	}
	stage(content)
	for round := range 5 {
		// In place, and with the time of writing set back: only the change
		// time tells.
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		content[round*1000]++
		if _, err := f.WriteAt(content[round*1000:][:1], int64(round*1000)); err != nil {
			t.Fatal(err)
		}
		f.Close()
		if err := os.Chtimes(path, info.ModTime(), info.ModTime()); err != nil {
			t.Fatal(err)
		}
		stage(content)
		stage(content)
	}
	// Another file under the name.
	content = random(2<<20 + 1)
	if _, err := s.Put(ctx, u, bytes.NewReader(content)); err != nil {
		t.Fatal(err)
	}
	stage(content)
}

func TestFilesThatChange(t *testing.T) {
	ctx := context.Background()
	s, root := fileStore(t, false)
	content := random(4 * uris.RangeSize)
	path := filepath.Join(t.TempDir(), "local")
	write(t, path, content)
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				f.Write([]byte("more"))
			}
		}
	}()
	_, err = s.PutFile(ctx, root.Join("x"), path)
	close(stop)
	<-stopped
	f.Close()
	if !errors.Is(err, problem.ErrUnavailable) || !strings.Contains(err.Error(), "changed") {
		t.Errorf("putting a file that grows: %v", err)
	}
	mustBeEmpty(t, s, root)
	noLeftovers(t, root.Path())
}

// A full disk is a passing fault with a sentence, leaves nothing, and reads go
// on. The disk is a small one in memory, which only root can mount.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("ligase-test", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Logf("NOT TESTED: a full disk, for want of the right to mount one: %v", err)
		return
	}
	t.Cleanup(func() { syscall.Unmount(dir, syscall.MNT_DETACH) })
	ctx := context.Background()
	root, err := uris.FromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	s := newStore(t, uris.Options{Roots: []uris.Root{{URI: root, Write: true}}})
	if err := s.PutIfAbsent(ctx, root.Join("small"), []byte("small")); err != nil {
		t.Fatal(err)
	}
	full := random(2 << 20)
	other, otherRoot := fileStore(t, false)
	if _, err := other.Put(ctx, otherRoot.Join("large"), bytes.NewReader(full)); err != nil {
		t.Fatal(err)
	}
	_, errPut := s.Put(ctx, root.Join("large"), bytes.NewReader(full))
	_, errFile := s.PutFile(ctx, root.Join("large"), filepath.Join(otherRoot.Path(), "large"))
	errCreate := s.PutIfAbsent(ctx, root.Join("large"), full)
	_, errStage := other.Stage(ctx, otherRoot.Join("large"), filepath.Join(dir, "staged"), nil)
	for i, err := range []error{errPut, errFile, errCreate, errStage} {
		if !errors.Is(err, problem.ErrUnavailable) || !strings.Contains(err.Error(), "disk is full") {
			t.Errorf("call %d: %v", i, err)
		}
	}
	entries, _ := os.ReadDir(dir)
	if len(entries) != 1 {
		t.Errorf("left: %v", entries)
	}
	if got, err := s.ReadAll(ctx, root.Join("small"), 100); err != nil || string(got) != "small" {
		t.Errorf("reading: %q, %v", got, err)
	}
	if err := s.PutIfAbsent(ctx, root.Join("small-2"), []byte("small")); err != nil {
		t.Errorf("after it: %v", err)
	}
}

func TestNotPermitted(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Log("NOT TESTED: missing permissions, which do not bind root")
		return
	}
	s, root := fileStore(t, false)
	path := filepath.Join(root.Path(), "x")
	write(t, path, nil)
	if err := os.Chmod(path, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Open(context.Background(), root.Join("x")); !errors.Is(err, problem.ErrRefused) {
		t.Error(err)
	}
}

func TestModes(t *testing.T) {
	s, root := fileStore(t, false)
	old := syscall.Umask(0o027)
	defer syscall.Umask(old)
	if err := s.PutIfAbsent(context.Background(), root.Join("d", "x"), nil); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"d": "drwxr-x---", "d/x": "-rw-r-----"} {
		if info, err := os.Stat(filepath.Join(root.Path(), name)); err != nil || fmt.Sprint(info.Mode()) != want {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
}
