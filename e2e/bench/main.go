// Bench prints one table: what ligase takes for its common work, beside what
// other programs take for the same or the least that the machine needs.
//
//	go run ./e2e/bench                       # or: make bench
//	go run ./e2e/bench -only 'submit' -quick
//	go run ./e2e/bench -update               # into docs/benchmarks.md
//	go run ./e2e/bench -argo                 # or: make bench-argo; on a cluster
//	go run ./e2e/bench -mcp                  # or: make bench-mcp; the gateway over HTTP
//
// It is no test: it ends with 0 however slow things are, and with 1 only when
// something could not be measured at all. docs/benchmarks.md says what each
// row means.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime/pprof"
	"strings"
	"syscall"
	"time"
)

// benchCase measures some rows that belong together.
type benchCase struct {
	name    string
	measure func(ctx context.Context, b *bench) ([]row, error)
}

// The tables there are.
const (
	onHost  = ""
	onArgo  = "argo"
	overMCP = "mcp"
)

func cases(table string) []benchCase {
	switch table {
	case onArgo:
		return argoCases()
	case overMCP:
		return mcpCases()
	}
	var all []benchCase
	all = append(all, planCases()...)
	all = append(all, graphCases()...)
	all = append(all, submitCases()...)
	return append(all, benchCase{"crowd", measureCrowd}, benchCase{"stage", measureStage})
}

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

type options struct {
	table    string
	only     *regexp.Regexp
	quick    bool
	markdown bool
	update   bool
	dir      string
	profile  string
}

const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitInterrupted = 130
)

func run(args []string, stdout, stderr io.Writer) int {
	if dir := os.Getenv(crowdVariable); dir != "" {
		return crowdChild(dir, stdout, stderr)
	}
	if what := os.Getenv(crowdOnArgoVariable); what != "" {
		return crowdOnArgoChild(what, stdout, stderr)
	}
	o, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return exitDone
	}
	if err != nil {
		fmt.Fprintln(stderr, "bench:", err)
		return exitUsage
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	dir, err := makeDir(o.dir)
	if err != nil {
		fmt.Fprintln(stderr, "bench:", err)
		return exitFailed
	}
	defer os.RemoveAll(dir)

	ended := make(chan int, 1)
	go func() { ended <- measureAll(ctx, o, dir, stdout, stderr) }()
	select {
	case code := <-ended:
		return code
	case <-ctx.Done():
	}
	fmt.Fprintln(stderr, "bench: interrupted; cleaning up")
	select { // some loops of pure computing end only by themselves
	case <-ended:
	case <-time.After(patience):
	}
	return exitInterrupted
}

// patience is longer than the engine takes to end its processes.
const patience = 15 * time.Second

func parse(args []string, stderr io.Writer) (o options, err error) {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	only := flags.String("only", "", "measure the cases whose name matches this `regexp`: "+names(cases(onHost))+"; with -argo "+names(cases(onArgo))+"; with -mcp "+names(cases(overMCP)))
	argo := flags.Bool("argo", false, "measure the engine on Argo, on the cluster of make cluster-up or of KUBECONFIG")
	gateway := flags.Bool("mcp", false, "measure the gateway over HTTP")
	flags.BoolVar(&o.quick, "quick", false, "small sizes, to see that the program works; the goals are not about these")
	flags.BoolVar(&o.markdown, "markdown", false, "write Markdown, with the machine and the date")
	flags.BoolVar(&o.update, "update", false, "write that into "+document+" too")
	flags.StringVar(&o.dir, "dir", "", "the `folder` to work in, on the disk that is to be measured")
	flags.StringVar(&o.profile, "profile", "", "write a CPU profile of each case into this `folder`")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("there are flags only, and %q is none", flags.Arg(0))
	}
	switch {
	case *argo && *gateway:
		return o, errors.New("-argo and -mcp are two tables: give one")
	case *argo:
		o.table = onArgo
	case *gateway:
		o.table = overMCP
	}
	if o.only, err = regexp.Compile(*only); err != nil {
		return o, fmt.Errorf("-only: %w", err)
	}
	if o.update && (*only != "" || o.quick) {
		return o, errors.New("-update writes the whole table at its full size: leave -only and -quick out")
	}
	if len(chosen(o)) == 0 {
		return o, fmt.Errorf("no case matches %q: there are %s", *only, names(cases(o.table)))
	}
	return o, nil
}

func names(list []benchCase) string {
	var all []string
	for _, c := range list {
		all = append(all, c.name)
	}
	return strings.Join(all, ", ")
}

func chosen(o options) (list []benchCase) {
	for _, c := range cases(o.table) {
		if o.only.MatchString(c.name) {
			list = append(list, c)
		}
	}
	return list
}

// makeDir makes a private folder on a disk: in the folder that was asked for,
// else where temporary files go unless that is memory, else in the user's cache
// folder.
func makeDir(asked string) (string, error) {
	parent := asked
	if parent == "" {
		if parent = os.TempDir(); inMemory(parent) {
			cache, err := os.UserCacheDir()
			if err != nil {
				return "", fmt.Errorf("%s is in memory, and there is no other folder to work in (%w); give one with -dir", parent, err)
			}
			parent = cache
		}
	}
	if inMemory(parent) {
		return "", fmt.Errorf("%s is in memory, where writing durably costs nothing; give a folder on a disk with -dir", parent)
	}
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp(parent, "ligase-bench-")
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(dir)
}

func measureAll(ctx context.Context, o options, dir string, stdout, stderr io.Writer) int {
	on := thisMachine(dir)
	var rows []row
	code := exitDone
	for _, c := range chosen(o) {
		fmt.Fprintln(stderr, c.name)
		b := &bench{dir: filepath.Join(dir, strings.ReplaceAll(c.name, "/", "-")), quick: o.quick, progress: stderr}
		more, err := measureCase(ctx, c, b, o.profile)
		if ctx.Err() != nil {
			return exitInterrupted
		}
		if rows = append(rows, more...); err != nil {
			fmt.Fprintf(stderr, "bench: %s could not be measured: %.1000s\n", c.name, err)
			rows = append(rows, row{what: c.name + ": could not be measured"})
			code = exitFailed
		}
		if err := os.RemoveAll(b.dir); err != nil { // before the next one needs the place
			fmt.Fprintln(stderr, "bench:", err)
		}
	}
	if err := write(o, rows, on, stdout); err != nil {
		fmt.Fprintln(stderr, "bench:", err)
		return exitFailed
	}
	return code
}

func measureCase(ctx context.Context, c benchCase, b *bench, profile string) (rows []row, err error) {
	if err := os.MkdirAll(b.dir, 0o700); err != nil {
		return nil, err
	}
	if profile != "" {
		if err := os.MkdirAll(profile, 0o777); err != nil {
			return nil, err
		}
		f, err := os.Create(filepath.Join(profile, filepath.Base(b.dir)+".prof"))
		if err != nil {
			return nil, err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return nil, err
		}
		defer pprof.StopCPUProfile()
	}
	return c.measure(ctx, b)
}

func write(o options, rows []row, on machine, stdout io.Writer) error {
	if o.update {
		if err := update(document, marksOf[o.table], rows, on); err != nil {
			return err
		}
	}
	if o.markdown {
		return writeMarkdown(stdout, rows, on)
	}
	return writeText(stdout, rows)
}
