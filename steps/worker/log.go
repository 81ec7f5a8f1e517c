package worker

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/ligase-bio/ligase/internal/plain"
)

// An attemptLog keeps what a command prints: the first half of a cap and the
// last half, however much it is. On disk that is segments of half the cap
// each, log.0, log.1, …; all but the first and the last two are removed as the
// next one comes, so that a live reader always finds the beginning and the
// end, and neither memory nor disk grows with the flood.
//
// Nothing is created until the command prints something.
type attemptLog struct {
	folder  string
	segment int64 // bytes of one

	file   *os.File // the segment being written
	number int
	inFile int64
	total  int64
	tail   []byte // the last bytes, for the snippet
	err    error  // of writing; the command is not made to fail for it
}

const tailKept = 16 << 10

func segmentPath(folder string, number int) string {
	return filepath.Join(folder, "log."+strconv.Itoa(number))
}

func (l *attemptLog) write(b []byte) {
	l.total += int64(len(b))
	l.remember(b)
	for len(b) > 0 && l.err == nil {
		if l.file == nil || l.inFile == l.segment {
			if l.err = l.next(); l.err != nil {
				return
			}
		}
		n := min(int64(len(b)), l.segment-l.inFile)
		if _, l.err = l.file.Write(b[:n]); l.err != nil {
			return
		}
		l.inFile += n
		b = b[n:]
	}
}

func (l *attemptLog) next() error {
	if l.file != nil {
		l.file.Close()
		l.number++
		if old := l.number - 2; old > 0 {
			os.Remove(segmentPath(l.folder, old))
		}
	}
	var err error
	l.file, err = os.OpenFile(segmentPath(l.folder, l.number), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	l.inFile = 0
	return err
}

func (l *attemptLog) remember(b []byte) {
	if len(b) > tailKept {
		b = b[len(b)-tailKept:]
	}
	if len(l.tail)+len(b) > 2*tailKept {
		l.tail = append(l.tail[:0], l.tail[len(l.tail)-tailKept:]...)
	}
	l.tail = append(l.tail, b...)
}

func (l *attemptLog) close() {
	if l.file != nil {
		l.file.Close()
		l.file = nil
	}
}

// open reads the whole kept log once it is closed: head, marker, tail. The
// tail begins with a whole line when there is one.
func (l *attemptLog) open() (io.ReadCloser, error) {
	if l.number <= 1 {
		return openSegments(l.folder, 0, l.number)
	}
	head, err := os.Open(segmentPath(l.folder, 0))
	if err != nil {
		return nil, err
	}
	tail, err := openSegments(l.folder, l.number-1, l.number)
	if err != nil {
		head.Close()
		return nil, err
	}
	skip := l.inFile // the last segment holds inFile bytes, so half a cap ends here
	first := make([]byte, 4<<10)
	tail.skip(skip)
	n, err := io.ReadFull(tail, first)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		head.Close()
		tail.Close()
		return nil, err
	}
	first = first[:n]
	if cut := bytes.IndexByte(first, '\n'); cut >= 0 {
		skip += int64(cut) + 1
		first = first[cut+1:]
	}
	omitted := l.total - l.segment - (l.segment + l.inFile - skip)
	return &joined{
		Reader:  io.MultiReader(head, strings.NewReader(omission(omitted)), bytes.NewReader(first), tail),
		closers: []io.Closer{head, tail},
	}, nil
}

func omission(n int64) string {
	return fmt.Sprintf("\n[… %d bytes of this log were left out here …]\n", n)
}

type joined struct {
	io.Reader
	closers []io.Closer
}

func (j *joined) Close() error {
	var errs []error
	for _, c := range j.closers {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

// segments reads consecutive segments one after the other.
type segments struct {
	files []*os.File
}

func openSegments(folder string, from, to int) (*segments, error) {
	s := &segments{}
	for n := from; n <= to; n++ {
		f, err := os.Open(segmentPath(folder, n))
		if err != nil {
			s.Close()
			return nil, err
		}
		s.files = append(s.files, f)
	}
	return s, nil
}

// skip passes over n bytes of the first segment, which has at least as many.
func (s *segments) skip(n int64) { s.files[0].Seek(n, io.SeekCurrent) }

func (s *segments) Read(b []byte) (int, error) {
	for len(s.files) > 0 {
		n, err := s.files[0].Read(b)
		if n > 0 || err != io.EOF {
			return n, err
		}
		s.files[0].Close()
		s.files = s.files[1:]
	}
	return 0, io.EOF
}

func (s *segments) Close() error {
	for _, f := range s.files {
		f.Close()
	}
	s.files = nil
	return nil
}

// A liveLog reads the log of an attempt that may still run. At the end of
// what there is, Read returns io.EOF; reading on later gives what came since.
// A reader that falls behind a flood gets the marker and goes on with what is
// still there.
type liveLog struct {
	folder string
	number int // of the segment being read
	file   *os.File
	marker *strings.Reader
}

func (l *liveLog) Read(b []byte) (int, error) {
	for {
		if l.marker != nil {
			if n, _ := l.marker.Read(b); n > 0 {
				return n, nil
			}
			l.marker = nil
		}
		if l.file == nil {
			f, err := os.Open(segmentPath(l.folder, l.number))
			if errors.Is(err, os.ErrNotExist) {
				return 0, io.EOF
			}
			if err != nil {
				return 0, err
			}
			l.file = f
		}
		// Whether a later segment is there is asked before reading: then an
		// end of file is the segment's end for good.
		next := l.later()
		n, err := l.file.Read(b)
		if n > 0 || err != io.EOF || next < 0 {
			return n, err
		}
		l.file.Close()
		l.file = nil
		if next > l.number+1 {
			l.marker = strings.NewReader("\n[… this log came faster than it was read; a part was left out here …]\n")
		}
		l.number = next
	}
}

// later is the lowest segment after the one being read, or -1.
func (l *liveLog) later() int {
	if _, err := os.Lstat(segmentPath(l.folder, l.number+1)); err == nil {
		return l.number + 1
	}
	entries, err := os.ReadDir(l.folder)
	if err != nil {
		return -1
	}
	lowest := -1
	for _, e := range entries {
		after, ok := strings.CutPrefix(e.Name(), "log.")
		n, err := strconv.Atoi(after)
		if ok && err == nil && n > l.number && (lowest < 0 || n < lowest) {
			lowest = n
		}
	}
	return lowest
}

func (l *liveLog) Close() error {
	if l.file == nil {
		return nil
	}
	return l.file.Close()
}

// pump moves what the command prints from the pipe into the log, line by
// line, letting watch and echo see every line. It returns when the last writer has
// closed the pipe, or drain has passed since the pipe's deadline was set.
func pump(r io.Reader, buf []byte, l *attemptLog, echo io.Writer, watch *watcher) {
	held := 0 // bytes at the start of buf that are the beginning of a line
	for {
		n, err := r.Read(buf[held:])
		have := buf[:held+n]
		whole := 1 + max(bytes.LastIndexByte(have[held:], '\n'), bytes.LastIndexByte(have[held:], '\r'))
		switch {
		case err != nil || held+n == len(buf) && whole == 0:
			// The end, or a line longer than the buffer: it goes as it is.
			whole = len(have)
		case whole > 0:
			whole += held
		}
		if whole > 0 {
			clean := plain.Redact(have[:whole])
			watch.see(clean)
			l.write(clean)
			if echo != nil {
				echo.Write(clean) // who listens no more is no reason for the command to fail
			}
		}
		held = copy(buf, have[whole:])
		if err != nil {
			return
		}
	}
}

// pumpBuffer is the most of one line that is looked at in one piece.
const pumpBuffer = 64 << 10

// drain is how long the pipe is read after every process that is known to
// belong to the attempt has ended: one that could not be found may still hold
// it.
const drain = time.Second
