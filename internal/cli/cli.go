// Package cli is the command line: commands, configuration, and the wiring
// of store, engine and catalog.
//
// [Main] is a function of its arguments, streams and environment, so tests
// call it in-process.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/ligase-bio/ligase/internal/config"
	"github.com/ligase-bio/ligase/internal/problem"
)

// version is set by the linker (see the Makefile).
var version = "dev"

// Exit codes. They are part of the interface: scripts branch on them.
const (
	ExitOK          = 0
	ExitInternal    = 1
	ExitUsage       = 2
	ExitInvalid     = 3   // an invalid definition or argument
	ExitRunFailed   = 4   // the run failed
	ExitNotFound    = 5   // no such run, tool, output …
	ExitConflict    = 6   // the request id was used for something else; a state that forbids it
	ExitCancelled   = 7   // the run was cancelled
	ExitUnavailable = 8   // locked, disk full, engine away
	ExitInterrupted = 130 // Ctrl-C; a run goes on
)

// Streams are where a command reads and writes.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
	Env      func(string) string
	// Program is what a user types for this program: in what is suggested.
	Program string
	// Terminal says that Out is one.
	Terminal bool
	// Width is how many columns Err has when it is a terminal that redraws;
	// 0: plain lines.
	Width int
}

// Main runs the program with the arguments after its name and returns the
// exit code.
func Main(ctx context.Context, args []string, s Streams) int {
	if s.Program == "" {
		s.Program = "ligase"
	}
	out := &output{w: s.Out}
	s.Out = out
	app := &app{Streams: s}
	root := app.root()
	root.SetArgs(args)
	root.SetIn(s.In)
	root.SetOut(s.Out)
	root.SetErr(s.Err)
	err := root.ExecuteContext(ctx)
	if closeErr := app.close(); err == nil {
		err = closeErr
	}
	if err == nil && out.err != nil && !errors.Is(out.err, syscall.EPIPE) {
		err = fmt.Errorf("%w: the output could not be written: %w", problem.ErrUnavailable, out.err)
	}
	return app.report(err)
}

// output remembers the first error of a stream, so that commands can print
// without looking and none ends well whose output was lost.
type output struct {
	w   io.Writer
	err error
}

func (o *output) Write(p []byte) (int, error) {
	n, err := o.w.Write(p)
	if err != nil && o.err == nil {
		o.err = err
	}
	return n, err
}

// OSMain is Main with the process's own streams and signals.
func OSMain() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	return Main(ctx, os.Args[1:], Streams{
		In: os.Stdin, Out: os.Stdout, Err: os.Stderr,
		Env:      os.Getenv,
		Program:  typed(os.Args[0]),
		Terminal: term.IsTerminal(int(os.Stdout.Fd())),
		Width:    terminalWidth(os.Stderr),
	})
}

// typed is what a user types for the program: its name where the PATH finds
// it, else the path that was used.
func typed(arg0 string) string {
	const name = "ligase"
	self, err := os.Executable()
	if err != nil {
		return name
	}
	if found, err := exec.LookPath(name); err == nil {
		if a, err := os.Stat(found); err == nil {
			if b, err := os.Stat(self); err == nil && os.SameFile(a, b) {
				return name
			}
		}
	}
	return arg0
}

// exitError ends the program with a code; its text, if any, is printed.
type exitError struct {
	code int
	text string
}

func (e exitError) Error() string { return e.text }

// usageError is a mistake in how a command was called.
type usageError struct{ text string }

func (e usageError) Error() string { return e.text }

func usagef(format string, args ...any) error { return usageError{fmt.Sprintf(format, args...)} }

// report prints an error as its user should read it and returns the exit
// code. It is the one place that maps errors to codes.
func (a *app) report(err error) int {
	if err == nil {
		return ExitOK
	}
	var exit exitError
	if errors.As(err, &exit) {
		if exit.text != "" {
			fmt.Fprintln(a.Err, exit.text)
		}
		return exit.code
	}
	if problems := problem.Of(err); problems != nil {
		if a.json {
			a.printJSON(problemsJSON(problems))
			return ExitInvalid
		}
		for _, p := range problems {
			fmt.Fprintln(a.Err, p)
		}
		return ExitInvalid
	}
	code := ExitInternal
	var usage usageError
	switch {
	case errors.As(err, &usage):
		code = ExitUsage
	case errors.Is(err, context.Canceled):
		return ExitInterrupted
	case errors.Is(err, problem.ErrNotFound):
		code = ExitNotFound
	case errors.Is(err, problem.ErrConflict):
		code = ExitConflict
	case errors.Is(err, problem.ErrRefused):
		code = ExitInvalid
	case errors.Is(err, problem.ErrUnavailable), errors.Is(err, problem.ErrLocked),
		errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EROFS), errors.Is(err, fs.ErrPermission):
		code = ExitUnavailable
	}
	if a.json {
		a.printJSON(map[string]any{"error": map[string]any{"exit_code": code, "message": err.Error()}})
	}
	fmt.Fprintln(a.Err, "ligase: "+strings.TrimPrefix(err.Error(), "ligase: "))
	return code
}

const longHelp = `ligase joins pipeline steps end to end: one step's output_uri is the next
step's input_uri. It runs them on this machine, as processes, durably: what has
been committed is never run again, and Ctrl-C leaves a run going.

Start here:
  ligase demo                    design, fold, score and rank on a real protein
  ligase catalog list            what there is
  ligase catalog show fold       what one tool takes, gives and is good for
  ligase run fold sequence=@my.fasta

Exit codes: 0 done · 1 internal error · 2 usage · 3 invalid definition or
argument · 4 the run failed · 5 not found · 6 conflict · 7 the run was
cancelled · 8 unavailable (locked, disk full) · 130 interrupted, the run goes on`

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "ligase",
		Short:         "join pipeline steps end to end",
		Long:          longHelp,
		Version:       version,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },

		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			if err := a.begin(cmd.Context()); err != nil {
				return err
			}
			return a.checkVolumes()
		},
	}
	root.SetVersionTemplate("ligase {{.Version}} (" + runtime.Version() + ", " + runtime.GOOS + "/" + runtime.GOARCH + ")\n")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usagef("%v. See %s --help.", err, cmd.CommandPath())
	})
	flags := root.PersistentFlags()
	flags.StringVar(&a.configFlag, "config", "", "configuration file (default $LIGASE_CONFIG, else ~/.config/ligase/config.yaml if it is there); see ligase help configuration")
	flags.StringVar(&a.engineFlag, "engine", "", "what runs the steps: local, processes on this machine, or argo, a Kubernetes cluster (default $LIGASE_ENGINE, else the configuration's, else local)")
	flags.StringVar(&a.boxesFlag, "containers", "", "what runs the images of implementations on this machine: auto (podman, else docker), podman, docker, or never, on the host (default $LIGASE_CONTAINERS, else the configuration's, else auto)")
	flags.StringVar(&a.pullFlag, "pull", "", "images that are not here are pulled when they are missing, or never (default $LIGASE_PULL, else the configuration's, else missing)")
	flags.StringArrayVar(&a.mountFlags, "mount", nil, "folder of this machine that containers have besides, read-only, like /srv/weights:/weights; may be repeated (default the configuration's)")
	flags.StringArrayVar(&a.volumeFlags, "volume", nil, "folder of this machine that is a volume of implementations, read-only, like esmfold-weights=/srv/weights/esmfold; may be repeated, and is over the configuration's")
	flags.StringVar(&a.dataFlag, "data", "", "data folder: database, run folders, work (default $LIGASE_DATA, else $XDG_DATA_HOME/ligase, else ~/.local/share/ligase)")
	flags.StringArrayVar(&a.catalogFlags, "catalog", nil, "folder of definitions to add to the built-in library; may be repeated (default $LIGASE_CATALOG, separated by "+string(os.PathListSeparator)+")")
	flags.BoolVar(&a.clusterFlag, "cluster", false, "add the cluster's own templates that are labelled ligase.dev/expose=true to the catalog")
	flags.StringArrayVar(&a.rootFlags, "allow-root", nil, "folder or bucket whose URIs may be read as inputs, like file:///data or s3://bucket/prefix; may be repeated (default $LIGASE_ROOTS, separated by spaces)")
	flags.BoolVar(&a.json, "json", false, "print JSON")
	root.AddGroup(
		&cobra.Group{ID: "run", Title: "Run"},
		&cobra.Group{ID: "look", Title: "Look at runs"},
		&cobra.Group{ID: "define", Title: "Catalog and definitions"},
	)
	for _, group := range []struct {
		id       string
		commands []*cobra.Command
	}{
		{"run", []*cobra.Command{a.demoCommand(), a.runCommand(), a.planCommand(), a.cancelCommand(), a.suspendCommand(), a.resumeCommand(), a.retryCommand()}},
		{"look", []*cobra.Command{a.runsCommand(), a.statusCommand(), a.summaryCommand(), a.outputsCommand(), a.logsCommand(), a.eventsCommand()}},
		{"define", []*cobra.Command{a.catalogCommand(), a.graphCommand(), a.validateCommand(), a.newCommand(), a.stepCommand(), a.importCommand(), a.renderCommand()}},
		{"", []*cobra.Command{a.serveCommand(), a.mcpConfigCommand(), a.engineCommand(), a.reindexCommand(), a.baselineCommand(), a.adaptCommand(), a.versionCommand()}},
	} {
		for _, c := range group.commands {
			c.GroupID = group.id
			root.AddCommand(c)
		}
	}
	root.AddCommand(&cobra.Command{Use: "configuration", Short: "what a configuration file can say", Long: strings.TrimSpace(config.Reference)})
	wrapArgs(root)
	return root
}

// wrapArgs turns what cobra says of wrong positional arguments into usage
// errors, for every command.
func wrapArgs(cmd *cobra.Command) {
	if check := cmd.Args; check != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			if err := check(cmd, args); err != nil {
				return usagef("%s: %v. See %s --help.", cmd.CommandPath(), err, cmd.CommandPath())
			}
			return nil
		}
	}
	for _, c := range cmd.Commands() {
		wrapArgs(c)
	}
}
