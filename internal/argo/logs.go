package argo

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/ligase-bio/ligase/dag"
	"github.com/ligase-bio/ligase/internal/follow"
	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/internal/tasks"
)

// mainContainer is the container of a pod that does the task.
const mainContainer = "main"

// ownMark begins the lines that the worker says itself, on standard error. In
// a pod's log they stand among the step's.
const ownMark = "ligase-worker: "

// supervisors is how the lines begin that Argo's supervisor of the container
// writes there, such as when the command has ended.
const supervisors = `time="[^"]*" level=[a-z]+ msg=.* argo=true`

// parting is what Argo's supervisor says last of a command that failed. The
// command may have said so itself, but then not as the last line.
var parting = regexp.MustCompile(`^Error: exit status \d+\n$`)

// notTheSteps are the lines of a pod's log that are not the step's.
var notTheSteps = regexp.MustCompile(`(?m)^(` + ownMark + `|` + supervisors + `).*\n?`)

// openLog opens the log of an attempt: that in the store, where the worker put
// it when the attempt ended; before, or when it did not come to that, the
// pod's own, as long as there is the pod.
func (e *Engine) openLog(ctx context.Context, q runs.LogQuery) (io.ReadCloser, error) {
	t := dag.Task{Node: q.Node, Index: q.Index}
	last, err := tasks.LastAttempt(ctx, e.options.Blobs, q.Folder, t)
	if err != nil {
		return nil, err
	}
	if last == 0 {
		// An attempt that committed has left its record, whatever became of its logs.
		if result, err := tasks.ReadResult(ctx, e.options.Blobs, q.Folder, t); err == nil && result != nil {
			last = result.Attempt
		}
	}
	attempt := q.Attempt
	switch {
	case last == 0:
		return nil, fmt.Errorf("%s of %s has no log yet, because it has not started: %w", t, q.Folder.RunID, problem.ErrNotFound)
	case attempt > last:
		return nil, fmt.Errorf("%s of %s has no attempt %d; the latest is %d: %w", t, q.Folder.RunID, attempt, last, problem.ErrNotFound)
	case attempt <= 0:
		attempt = last
	}
	r, err := e.options.Blobs.Open(ctx, q.Folder.Log(t.Node, t.Index, attempt))
	if err == nil || !errors.Is(err, problem.ErrNotFound) {
		return r, err
	}
	c, err := readClaim(ctx, e.options.Blobs, q.Folder, t, attempt)
	if err != nil {
		return nil, err
	}
	if c != nil && c.Template != "" {
		return e.openTheirLog(ctx, q, c)
	}
	if done, err := e.printedNothing(ctx, q, t, attempt); err != nil || done {
		return io.NopCloser(strings.NewReader("")), err
	}
	gone := fmt.Errorf("the log of attempt %d of %s of %s is no longer available: its pod is gone, and ended before it could keep the log: %w",
		attempt, t, q.Folder.RunID, problem.ErrNotFound)
	if c == nil || c.Pod == "" {
		return nil, gone
	}
	l := &podLog{engine: e, ctx: ctx, pod: c.Pod, follow: q.Follow}
	switch err := l.open(); {
	case apierrors.IsNotFound(err):
		return nil, gone
	case err != nil:
		return nil, unavailable("reading the log of the pod "+c.Pod, err)
	}
	return l, nil
}

// printedNothing reports whether an attempt without a log is known to have
// ended by itself: then it printed nothing.
func (e *Engine) printedNothing(ctx context.Context, q runs.LogQuery, t dag.Task, attempt int) (bool, error) {
	f, err := tasks.ReadFailure(ctx, e.options.Blobs, q.Folder, t, attempt)
	if err != nil || f != nil {
		return f != nil, err
	}
	result, err := tasks.ReadResult(ctx, e.options.Blobs, q.Folder, t)
	return result != nil && result.Attempt == attempt, err
}

// podLog reads the step's output from a pod. Following, it reads on until the
// container has ended, also when the connection breaks meanwhile.
type podLog struct {
	engine *Engine
	ctx    context.Context
	pod    string
	follow bool

	stream io.ReadCloser
	lines  *bufio.Reader
	passed int64  // bytes of the pod's log that have been read
	left   []byte // of a line
	start  bool   // at the beginning of a line
	mute   bool   // in a line that is not the step's
	last   []byte // a line that is only the step's if another follows
}

func (l *podLog) open() error {
	stream, err := l.engine.pods().GetLogs(l.pod, &corev1.PodLogOptions{Container: mainContainer, Follow: l.follow}).Stream(l.ctx)
	if err != nil {
		if apierrors.IsBadRequest(err) && l.starting() { // "container is waiting to start"
			l.stream, l.lines, l.start = io.NopCloser(strings.NewReader("")), bufio.NewReader(strings.NewReader("")), true
			return nil
		}
		return err
	}
	l.stream, l.lines, l.start = stream, bufio.NewReaderSize(stream, 64<<10), true
	l.mute = false
	if l.passed > 0 {
		if _, err := io.CopyN(io.Discard, l.lines, l.passed); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
	}
	return nil
}

// Read implements io.Reader.
func (l *podLog) Read(p []byte) (int, error) {
	pause := follow.Backoff{Base: 200 * time.Millisecond, Max: 5 * time.Second}
	for failures := 0; ; {
		if len(l.left) > 0 {
			n := copy(p, l.left)
			l.left = l.left[n:]
			return n, nil
		}
		piece, err := l.lines.ReadSlice('\n')
		if len(piece) > 0 {
			failures = 0
			l.take(piece)
		}
		if err == nil || errors.Is(err, bufio.ErrBufferFull) || len(l.left) > 0 {
			continue
		}
		if l.ctx.Err() != nil {
			return 0, l.ctx.Err()
		}
		if !l.follow || !l.running() {
			return 0, io.EOF
		}
		failures++
		if err := follow.Sleep(l.ctx, pause.Wait(failures)); err != nil {
			return 0, err
		}
		l.stream.Close()
		if err := l.open(); err != nil {
			if apierrors.IsNotFound(err) {
				return 0, io.EOF
			}
			l.stream, l.lines = io.NopCloser(strings.NewReader("")), bufio.NewReader(strings.NewReader(""))
		}
	}
}

// take keeps what is the step's of a piece of the log: a line, or part of one.
func (l *podLog) take(piece []byte) {
	l.passed += int64(len(piece))
	whole := l.start
	if l.start {
		l.mute = notTheSteps.Match(piece)
	}
	l.start = piece[len(piece)-1] == '\n'
	if l.mute {
		return
	}
	l.left = append(l.left[:0], l.last...)
	l.last = nil
	if whole && parting.Match(piece) {
		l.last = slices.Clone(piece)
		return
	}
	l.left = append(l.left, piece...)
}

// running reports whether the container may print more. While the API server
// is away, it may.
func (l *podLog) running() bool {
	pod, err := l.look()
	if err != nil {
		return !apierrors.IsNotFound(err)
	}
	if pod.Status.Phase != corev1.PodRunning && pod.Status.Phase != corev1.PodPending {
		return false
	}
	for _, c := range pod.Status.ContainerStatuses {
		if c.Name == mainContainer {
			return c.State.Terminated == nil
		}
	}
	return true
}

// starting reports whether the container is still to start.
func (l *podLog) starting() bool {
	pod, err := l.look()
	return err == nil && pod.Status.Phase == corev1.PodPending
}

func (l *podLog) look() (*corev1.Pod, error) {
	ctx, cancel := context.WithTimeout(l.ctx, l.engine.options.CallTimeout)
	defer cancel()
	return l.engine.pods().Get(ctx, l.pod, metav1.GetOptions{})
}

// Close implements io.Closer.
func (l *podLog) Close() error { return l.stream.Close() }
