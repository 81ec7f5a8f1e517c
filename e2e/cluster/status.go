package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/ligase-bio/ligase/e2e/cluster/kube"
)

// status prints each component and whether it works. The error says that not
// all do.
func (c *cluster) status(ctx context.Context, out io.Writer) error {
	if !c.exists() {
		fmt.Fprintln(out, "no cluster is up: run `make cluster-up`")
		return nil
	}
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	down := 0
	for _, k := range c.components() {
		r := c.running(k.name)
		if r == nil {
			fmt.Fprintf(t, "%s\tdown\t\t%s\n", k.name, c.log(k.name))
			down++
			continue
		}
		state := "up"
		if err := k.healthy(ctx); err != nil {
			state = "does not work: " + err.Error()
			down++
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", k.name, state, fmt.Sprintf("process %d for %s", r.PID, time.Since(r.Since).Round(time.Second)), c.log(k.name))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if down > 0 {
		return fmt.Errorf("%d components do not work: `up` mends them, `start COMPONENT` starts one", down)
	}
	return nil
}

// printEnv prints what a shell can evaluate.
func printEnv(out io.Writer) error {
	described, err := kube.Load()
	if err != nil {
		return err
	}
	for _, variable := range described.Env() {
		name, value, _ := strings.Cut(variable, "=")
		fmt.Fprintf(out, "export %s=%s\n", name, quote(value))
	}
	return nil
}

// quote writes a value as one word of a shell.
func quote(value string) string { return "'" + strings.ReplaceAll(value, "'", `'\''`) + "'" }

func (c *cluster) logs(args []string, out io.Writer) error {
	switch len(args) {
	case 0:
		for _, k := range c.components() {
			fmt.Fprintln(out, c.log(k.name))
		}
		return nil
	case 1:
		k, err := c.component(args[0])
		if err != nil {
			return err
		}
		f, err := os.Open(c.log(k.name))
		if err != nil {
			return fmt.Errorf("%s was never started: %w", k.name, err)
		}
		defer f.Close()
		_, err = io.Copy(out, f)
		return err
	}
	return errUsage("logs takes one component")
}

func (c *cluster) stopOne(ctx context.Context, name string) error {
	if _, err := c.component(name); err != nil {
		return err
	}
	release, err := c.lock()
	if err != nil {
		return err
	}
	defer release()
	if err := c.halt(ctx, name, grace); err != nil {
		return err
	}
	c.say.step("%s stopped", name)
	return nil
}

func (c *cluster) startOne(ctx context.Context, name string) error {
	if _, err := c.component(name); err != nil {
		return err
	}
	release, err := c.lock()
	if err != nil {
		return err
	}
	defer release()
	if !c.exists() {
		return errors.New("no cluster is up: run `make cluster-up`")
	}
	if err := c.start(ctx, name); err != nil {
		return err
	}
	if name == "kubelet" {
		return c.countGPUs(ctx)
	}
	return nil
}
