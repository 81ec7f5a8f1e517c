// Cluster brings up a real Kubernetes of one node, with real Argo Workflows and
// real S3, for the end-to-end tests, and takes it down again.
//
//	go run ./e2e/cluster up          # or: make cluster-up
//	go run ./e2e/cluster status      # what is up
//	go run ./e2e/cluster env         # export KUBECONFIG=… and what tests need
//	go run ./e2e/cluster logs s3     # a component's log
//	go run ./e2e/cluster stop s3     # and start: for tests of faults
//	go run ./e2e/cluster down        # or: make cluster-down
//	go run ./e2e/cluster images -out dist/images -tag v1   # or: make images
//	go run ./e2e/cluster examples    # the images of catalog/examples, into the cluster
//
// It needs Linux, root, Go and a C compiler. With KUBECONFIG naming another
// cluster, `up` only checks that the tests can run there.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
)

const usage = `usage: go run ./e2e/cluster COMMAND

  up [--no-images]       bring the cluster up, or mend it; --no-images leaves out the project's own images
  down                   take it down and remove all that it kept, but not the programs that were built
  status                 what is up
  env                    shell commands that export what kubectl, argo and the tests need
  logs [COMPONENT]       print a component's log; without one, say where they all are
  stop COMPONENT         stop one component, as a fault
  start COMPONENT        start it again and wait until it works
  images --out DIR [--tag TAG | --examples]
                         write the project's images as tars for docker load or ctr images import;
                         with --examples those that catalog/examples names
  examples               bring the images that catalog/examples names into the cluster; installs what
                         they are made of from Debian
`

const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitInterrupted = 130
)

// errUsage is a wrong command line; the message is all there is to say.
type errUsage string

func (e errUsage) Error() string { return string(e) }

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := command(ctx, args, stdout)
	var wrong errUsage
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &wrong):
		fmt.Fprintf(stderr, "cluster: %v\n\n%s", err, usage)
		return exitUsage
	case ctx.Err() != nil:
		fmt.Fprintln(stderr, "cluster: interrupted; run the command again to go on, or `down` to clean up")
		return exitInterrupted
	}
	fmt.Fprintln(stderr, "cluster:", err)
	return exitFailed
}

func command(ctx context.Context, args []string, stdout io.Writer) error {
	if len(args) == 0 {
		return errUsage("a command is missing")
	}
	name, args := args[0], args[1:]
	if slices.Contains([]string{"help", "-h", "-help", "--help"}, name) {
		_, err := io.WriteString(stdout, usage)
		return err
	}
	places, err := findPlaces(ctx)
	if err != nil {
		return err
	}
	c := &cluster{places: places, say: newTeller(stdout)}
	switch name {
	case "up":
		skip := len(args) == 1 && strings.TrimLeft(args[0], "-") == "no-images"
		if len(args) > 0 && !skip {
			return errUsage("up takes nothing but --no-images")
		}
		return c.up(ctx, !skip)
	case "down":
		if len(args) > 0 {
			return errUsage("down takes nothing")
		}
		return c.down(ctx)
	case "status":
		return c.status(ctx, stdout)
	case "env":
		return printEnv(stdout)
	case "logs":
		return c.logs(args, stdout)
	case "stop", "start":
		if len(args) != 1 {
			return errUsage(name + " takes one component")
		}
		if name == "stop" {
			return c.stopOne(ctx, args[0])
		}
		return c.startOne(ctx, args[0])
	case "images":
		return c.writeImages(ctx, args, stdout)
	case "examples":
		if len(args) > 0 {
			return errUsage("examples takes nothing")
		}
		return c.loadExamples(ctx)
	}
	return errUsage(fmt.Sprintf("there is no command %q", name))
}

// cluster is the cluster of this machine, up or not.
type cluster struct {
	places
	say *teller
}
