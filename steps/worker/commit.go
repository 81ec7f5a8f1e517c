package worker

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/steps"
)

// recordBytes is the most that a commit record may have: 100,000 items with
// their metrics fit.
const recordBytes = 256 << 20

// commit uploads the outputs, then the log, then writes the commit record if
// there is none. When there is one, that is the result and nothing of this
// attempt counts.
func (a *attempt) commit(ctx context.Context, c *collected, began time.Time) (*steps.Result, *steps.Failure) {
	w, t := a.worker, a.task
	if len(c.files) > 0 {
		// Another process may run this very attempt (a pod that was started
		// twice): once it has committed, its objects must not be written over.
		if r, err := a.committed(ctx); err == nil {
			return r, nil
		} else if !errors.Is(err, problem.ErrNotFound) {
			return nil, a.uploadFailure(ctx, "The store could not be asked for the commit record", err)
		}
	}
	filtered, f := a.filter(c)
	if f != nil {
		return nil, a.blame(f)
	}
	objects, f := a.upload(ctx, c)
	if f != nil {
		return nil, f
	}
	a.uploadLog(ctx)

	r := &steps.Result{
		Format: steps.ResultFormat,
		RunID:  t.RunID, Node: t.Node, Index: t.Index, Attempt: t.Attempt,
		Step: t.Step, Version: t.Version, Implementation: t.Implementation.Name,
		Outputs:   objects,
		Metrics:   c.metrics,
		Filtered:  filtered,
		StartedAt: a.started,
		Usage:     a.usage(),
		Work:      a.amount(),
		Worker:    w.options.Version,
	}
	a.timings.Commit = time.Since(began).Seconds()
	r.Timings = a.timings
	// The wall clock may have been set meanwhile; how long it took, it must
	// not change.
	r.FinishedAt = a.started.Add(time.Since(a.began))
	content, err := json.Marshal(r)
	if err != nil {
		return nil, fail(steps.FailUnknown, "The commit record could not be made: %v.", err)
	}
	if ctx.Err() != nil {
		return nil, canceled(ctx)
	}
	switch err := w.options.Store.PutIfAbsent(ctx, a.run.Result(t.Node, t.Index), content); {
	case err == nil:
		return r, nil
	case errors.Is(err, problem.ErrExists):
		if r, err = a.committed(ctx); err != nil {
			return nil, a.uploadFailure(ctx, "The commit record is there but could not be read", err)
		}
		return r, nil
	default:
		return nil, a.uploadFailure(ctx, "The commit record could not be written", err)
	}
}

// committed reads the task's commit record; problem.ErrNotFound when there is
// none.
func (a *attempt) committed(ctx context.Context) (*steps.Result, error) {
	b, err := a.worker.options.Store.ReadAll(ctx, a.run.Result(a.task.Node, a.task.Index), recordBytes)
	if err != nil {
		return nil, err
	}
	var r steps.Result
	if err := json.Unmarshal(b, &r); err != nil {
		return nil, err
	}
	if r.Format != steps.ResultFormat {
		return nil, fmt.Errorf("its format is %.40q, not %s", r.Format, steps.ResultFormat)
	}
	return &r, nil
}

// upload puts every output into the store.
func (a *attempt) upload(ctx context.Context, c *collected) (map[string][]steps.Object, *steps.Failure) {
	t := a.task
	objects := make(map[string][]steps.Object, len(t.Outputs))
	for i := range t.Outputs {
		if port := &t.Outputs[i]; port.Many && !port.Optional {
			objects[port.Name] = []steps.Object{} // as many as there are, be it none
		}
	}
	all := make([]steps.Object, len(c.files))
	var group errgroup.Group
	group.SetLimit(transfers)
	uploading, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	for i := range c.files {
		o := &c.files[i]
		put := func() error {
			if uploading.Err() != nil {
				return nil
			}
			u := a.run.Object(t.Node, t.Index, t.Attempt, o.port.Name, o.item, a.extension(o.port, o.format))
			staged, err := a.worker.options.Store.PutFile(uploading, u, o.path)
			if err != nil {
				stop(a.uploadFailure(ctx, fmt.Sprintf("The output `%s` could not be stored", o.port.Name), err))
				return nil
			}
			all[i] = steps.Object{
				URI: u, Size: staged.Size, SHA256: staged.SHA256,
				Type: o.port.Type, Format: o.format,
				Metrics: o.metrics, Preview: o.preview, Filtered: o.filtered,
			}
			return nil
		}
		if len(c.files) == 1 {
			put()
			break
		}
		group.Go(put)
	}
	group.Wait()
	if uploading.Err() != nil {
		return nil, canceled(uploading)
	}
	for i := range c.files {
		name := c.files[i].port.Name
		objects[name] = append(objects[name], all[i])
	}
	return objects, nil
}

func (a *attempt) uploadFailure(ctx context.Context, what string, err error) *steps.Failure {
	if ctx.Err() != nil {
		return canceled(ctx)
	}
	return storageFailure(what, err)
}

// uploadLog keeps what the command printed. A log that cannot be kept is a
// pity, not a failure of the work.
func (a *attempt) uploadLog(ctx context.Context) {
	if a.log == nil || a.log.total == 0 {
		return
	}
	warn := func(err error) {
		a.worker.options.Log.Warn("log not kept", "run_id", a.task.RunID, "node", a.task.Node, "index", a.task.Index, "attempt", a.task.Attempt, "err", err)
	}
	r, err := a.log.open()
	if err != nil {
		warn(err)
		return
	}
	defer r.Close()
	if _, err := a.worker.options.Store.Put(ctx, a.run.Log(a.task.Node, a.task.Index, a.task.Attempt), r); err != nil {
		warn(err)
	}
}

// farewell bounds what is still done for an attempt that was cancelled.
const farewell = 10 * time.Second

// recordFailure keeps the log and why the attempt failed, also when it was
// cancelled.
func (a *attempt) recordFailure(ctx context.Context, f *steps.Failure) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewell)
	defer cancel()
	a.uploadLog(ctx)
	content, err := json.Marshal(f)
	if err == nil {
		_, err = a.worker.options.Store.Put(ctx, a.run.Failure(a.task.Node, a.task.Index, a.task.Attempt), bytes.NewReader(content))
	}
	if err != nil {
		a.worker.options.Log.Warn("failure record not kept", "run_id", a.task.RunID, "node", a.task.Node, "index", a.task.Index, "attempt", a.task.Attempt, "code", f.Code, "err", err)
	}
}

// usage is what the commands used: of their leaders and those of the
// descendants that were waited for. Memory is the larger of what the kernel
// and the census saw; 0 when the command was too short and too small for both.
// Of a container it is what the census saw last: up to a quarter of a second
// less than it was, and nothing where its processes are a daemon's.
func (a *attempt) usage() steps.Usage {
	u := steps.Usage{CPUSeconds: a.cpu.Seconds(), PeakMemory: max(a.maxRSS, a.peak.Load())}
	a.gpus.usage(&u)
	return u
}

// count adds what the part that has ended used.
func (a *attempt) count() {
	if a.pidFile != "" { // what the kernel counted is the client's
		a.cpu += time.Duration(a.cpuInside.Swap(0)) * time.Second / clockTicks
		return
	}
	u := &a.ending.usage
	a.cpu += time.Duration(u.Utime.Nano() + u.Stime.Nano())
	a.maxRSS = max(a.maxRSS, maxRSS(u))
}
