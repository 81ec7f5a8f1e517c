package argo

import (
	"context"
	"errors"
	"io"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/ligase-bio/ligase/dag"
	"github.com/ligase-bio/ligase/internal/follow"
	"github.com/ligase-bio/ligase/internal/tasks"
	"github.com/ligase-bio/ligase/steps"
)

// verdict is what came of an attempt: one of these, or nothing.
type verdict struct {
	result  *steps.Result  // the task has committed, by this attempt or another
	failure *steps.Failure // of the attempt, placed
	fatal   *steps.Failure // of the task: no further attempt can help
}

// judge finds out what came of a pod that has ended. The store decides: what
// has committed is done, whatever became of the pod, and the worker knows best
// why it failed. While the store cannot be read the run waits. The error is
// that of ctx.
func (e *Engine) judge(ctx context.Context, r *run, t dag.Task, p seenPod, number int) (verdict, error) {
	var v verdict
	err := e.patiently(ctx, r, func() (err error) {
		v, err = e.lookUp(ctx, r, t, p, number)
		return err
	})
	return v, err
}

func (e *Engine) lookUp(ctx context.Context, r *run, t dag.Task, p seenPod, number int) (verdict, error) {
	result, err := tasks.ReadResult(ctx, e.options.Blobs, r.Folder, t)
	var damaged *steps.Failure
	switch {
	case errors.As(err, &damaged):
		return verdict{fatal: damaged}, nil
	case err != nil:
		return verdict{}, err
	case result != nil:
		return verdict{result: result}, nil
	}
	number, claimed, err := e.attemptOf(ctx, r, t, p.name, number)
	if err != nil {
		return verdict{}, err
	}
	var f *steps.Failure
	if claimed {
		if f, err = tasks.ReadFailure(ctx, e.options.Blobs, r.Folder, t, number); err != nil {
			return verdict{}, err
		}
	}
	said := classify(t.Node, &p)
	switch {
	case f == nil && p.phase.FailedOrError():
		f = said
		f.LogTail = e.tailOf(ctx, r, t, p.name, number, claimed)
	case f == nil:
		f = failure(steps.FailStorage, p.exit, "See that nobody removes objects of runs, and retry the run.", true,
			"The pod of %s ended well, but its commit record %s is not in the store.", t.Node, r.Folder.Result(t.Node, t.Index))
	case f.Code == steps.FailPreempted && (said.Code == steps.FailCanceled || said.Code == steps.FailDeadline || said.Code == steps.FailDisk):
		// The worker was told to end, and could not know why.
		said.LogTail, said.ExitCode = f.LogTail, nil
		f = said
	case p.foreign && said.Code == steps.FailDeadline:
		// Kubernetes ended the pod of somebody else's template, of which the
		// worker behind it could see no more than that it was killed.
		f = said
	}
	f.Node, f.Index, f.Attempt = t.Node, t.Index, number
	return verdict{failure: f}, nil
}

// attemptOf finds which attempt a pod was. It is the one that was guessed
// unless pods of one task got in each other's way; a pod that never came to
// claim one counts as what was guessed.
func (e *Engine) attemptOf(ctx context.Context, r *run, t dag.Task, pod string, guess int) (number int, claimed bool, err error) {
	if pod == "" { // several pods did it
		last, err := tasks.LastAttempt(ctx, e.options.Blobs, r.Folder, t)
		return max(last, guess), last > 0, err
	}
	c, err := e.claimOf(ctx, r, t, guess)
	if err != nil || c != nil && c.Pod == pod {
		return guess, c != nil, err
	}
	last, err := tasks.LastAttempt(ctx, e.options.Blobs, r.Folder, t)
	if err != nil {
		return guess, false, err
	}
	for n := last; n > 0; n-- {
		c, err := e.claimOf(ctx, r, t, n)
		if err != nil {
			return guess, false, err
		}
		if c != nil && c.Pod == pod {
			return n, true, nil
		}
	}
	return guess, false, nil
}

// claimOf reads who took the number of an attempt; nil when nobody did.
func (e *Engine) claimOf(ctx context.Context, r *run, t dag.Task, attempt int) (*tasks.Started, error) {
	return readClaim(ctx, e.options.Blobs, r.Folder, t, attempt)
}

// patiently calls read, in turn with other reads, until it succeeds. What the
// store's own retries do not mend is shown as the run's reason for waiting.
func (e *Engine) patiently(ctx context.Context, r *run, read func() error) error {
	pause := follow.Backoff{Base: 500 * time.Millisecond, Max: 10 * time.Second}
	for failures := 1; ; failures++ {
		select {
		case e.readers <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
		err := read()
		<-e.readers
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err == nil {
			if failures > 1 {
				e.storeSays(r, nil)
			}
			return nil
		}
		e.storeSays(r, err)
		if err := follow.Sleep(ctx, pause.Wait(failures)); err != nil {
			return err
		}
	}
}

// storeSays notes whether the store can be read.
func (e *Engine) storeSays(r *run, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	r.storeOff = ""
	if err != nil {
		r.storeOff = err.Error()
	}
	if !r.over && r.account != nil {
		e.tally(r)
	}
}

// logTailBytes and logTailLines bound what a failure shows of a log that the
// worker did not show.
const (
	logTailBytes = 4 << 10
	logTailLines = 40
)

// tailOf is the end of the log of an attempt whose worker left no record: from
// the store if it came there, else from the pod. It may well be empty.
func (e *Engine) tailOf(ctx context.Context, r *run, t dag.Task, pod string, attempt int, claimed bool) string {
	if claimed {
		if text, err := e.options.Blobs.ReadAll(ctx, r.Folder.Log(t.Node, t.Index, attempt), 64<<20); err == nil && len(text) > 0 {
			return lastLines(string(text))
		}
	}
	if pod == "" {
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, e.options.CallTimeout)
	defer cancel()
	lines := int64(logTailLines)
	stream, err := e.pods().GetLogs(pod, &corev1.PodLogOptions{Container: mainContainer, TailLines: &lines}).Stream(ctx)
	if err != nil {
		return ""
	}
	defer stream.Close()
	text, err := io.ReadAll(io.LimitReader(stream, 1<<20))
	if err != nil && len(text) == 0 {
		return ""
	}
	return lastLines(notTheSteps.ReplaceAllString(string(text), ""))
}

// lastLines keeps the end of a log.
func lastLines(text string) string {
	text = strings.ToValidUTF8(strings.TrimRight(text, "\n"), "\uFFFD")
	lines := strings.Split(text, "\n")
	text = strings.Join(lines[max(0, len(lines)-logTailLines):], "\n")
	if len(text) > logTailBytes {
		text = strings.ToValidUTF8(text[len(text)-logTailBytes:], "")
	}
	return text
}
