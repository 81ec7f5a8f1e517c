package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"golang.org/x/sync/errgroup"

	"github.com/ligase-bio/ligase/internal/runs"
)

// jobs is how many tasks everybody runs at a time.
const jobs = 2

func graphCases() []benchCase {
	var list []benchCase
	for i, s := range newShapes(1, 1, 1, 1) { // for their names; how large they are is not known yet
		list = append(list, benchCase{"graph/" + s.name, func(ctx context.Context, b *bench) ([]row, error) {
			s := newShapes(b.full(100, 10), b.full(1000, 50), b.full(10, 3), b.full(10, 3))[i]
			return measureGraph(ctx, b, &s)
		}})
	}
	return list
}

// measureGraph runs a graph of /bin/true here, with make, with ninja, and with
// nothing but fork and exec.
func measureGraph(ctx context.Context, b *bench, s *shape) (_ []row, err error) {
	folder := filepath.Join(b.dir, "definitions")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(folder, "shape.yaml"), []byte(s.pipeline()), 0o600); err != nil {
		return nil, err
	}
	c, err := definitions(folder)
	if err != nil {
		return nil, err
	}
	h, err := open(filepath.Join(b.dir, "data"), c, withProcesses(c, jobs))
	if err != nil {
		return nil, err
	}
	h.serve()
	defer func() { err = errors.Join(err, h.close()) }()

	ways := []way{
		{name: "ligase", run: func(ctx context.Context) error { return h.runToEnd(ctx, s.name) }},
		{name: "fork and exec", run: s.forkExec},
	}
	var missing []string
	for _, p := range []program{
		{name: "ninja", file: "build.ninja", text: s.ninja(), argv: []string{"ninja", fmt.Sprintf("-j%d", jobs), "--quiet"}},
		{name: "make", file: "Makefile", text: s.makefile(), argv: []string{"make", fmt.Sprintf("-j%d", jobs), "--silent", "all"}},
	} {
		w, err := p.way(b.dir)
		switch {
		case errors.Is(err, exec.ErrNotFound):
			missing = append(missing, p.name)
		case err != nil:
			return nil, err
		default:
			ways = append(ways, w)
		}
	}
	took, err := b.contest(ctx, rounds, ways...)
	if err != nil {
		return nil, err
	}
	what := fmt.Sprintf("%s /bin/true, %d jobs", s.title, jobs)
	rows := make([]row, 0, len(ways))
	for i, w := range ways[1:] {
		r := row{what: what, ours: value{took[0], seconds}, peer: w.name, theirs: value{took[i+1], seconds}}
		if w.name == "ninja" {
			r.goal = ratioAtMost(1)
		}
		rows = append(rows, r)
	}
	for _, name := range missing {
		rows = append(rows, row{what: what, ours: value{took[0], seconds}, peer: name + " is not installed"})
	}
	return rows, nil
}

// runToEnd submits a pipeline and waits until the store says that it has
// ended, with its summary.
func (h *house) runToEnd(ctx context.Context, tool string) error {
	sub, err := h.service.Submit(ctx, runs.SubmitRequest{Tenant: tenant, Tool: tool})
	if err != nil {
		return err
	}
	// Heard from the store itself, at the moment of the end.
	select {
	case o := <-h.ends.told:
		switch {
		case o.RunID != sub.Run.ID:
			return fmt.Errorf("run %s has ended instead of %s", o.RunID, sub.Run.ID)
		case o.State != runs.Succeeded:
			return fmt.Errorf("run %s %s: %+v", o.RunID, o.State, o.Failure)
		}
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// program is a build tool.
type program struct {
	name, file, text string
	argv             []string
}

// way prepares a folder for the program. The error is exec.ErrNotFound when it
// is not installed.
func (p program) way(parent string) (way, error) {
	path, err := exec.LookPath(p.argv[0])
	if err != nil {
		return way{}, err
	}
	dir := filepath.Join(parent, p.name)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return way{}, err
	}
	if err := os.WriteFile(filepath.Join(dir, p.file), []byte(p.text), 0o600); err != nil {
		return way{}, err
	}
	return way{
		name: p.name,
		prepare: func() error { // what the round before left must not help or hinder
			return errors.Join(os.RemoveAll(filepath.Join(dir, ".ninja_log")), os.RemoveAll(filepath.Join(dir, ".ninja_deps")))
		},
		run: func(ctx context.Context) error {
			cmd := exec.CommandContext(ctx, path, p.argv[1:]...)
			cmd.Dir = dir
			if out, err := cmd.CombinedOutput(); err != nil {
				return fmt.Errorf("%w: %.500s", err, out)
			}
			return nil
		},
	}, nil
}

// forkExec is the floor: loops that start the command and wait for it, as many
// as there are jobs and the shape allows, and nothing kept of it.
func (s *shape) forkExec(ctx context.Context) error {
	loops := jobs
	if s.name == "chain" {
		loops = 1
	}
	var group errgroup.Group
	for k := range loops {
		group.Go(func() error {
			for i := k; i < len(s.after); i += loops {
				if err := ctx.Err(); err != nil {
					return err
				}
				pid, err := syscall.ForkExec("/bin/true", []string{"true"}, &syscall.ProcAttr{})
				if err != nil {
					return err
				}
				if _, err := syscall.Wait4(pid, nil, 0, nil); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}
