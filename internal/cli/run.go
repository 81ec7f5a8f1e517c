package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/pipelines"
	"github.com/ligase-bio/ligase/steps"
)

// callFlags are what `run` and `plan` have in common.
type callFlags struct {
	inputs, params, implementations []string
}

func (f *callFlags) register(cmd *cobra.Command) {
	f.registerArguments(cmd)
	cmd.Flags().StringArrayVar(&f.implementations, "impl", nil, "choose an implementation: step=name or node=name; may be repeated")
}

// registerArguments registers the flags that give arguments.
func (f *callFlags) registerArguments(cmd *cobra.Command) {
	cmd.Flags().StringArrayVarP(&f.inputs, "input", "i", nil, "an input: name=@file, name=uri or name=text; may be repeated")
	cmd.Flags().StringArrayVarP(&f.params, "param", "p", nil, "a parameter: name=value; may be repeated")
}

// request reads a call of a tool.
func (a *app) request(tool string, pairs []string, f callFlags) (runs.SubmitRequest, error) {
	impls, err := choices(f.implementations)
	if err != nil {
		return runs.SubmitRequest{}, err
	}
	c, _ := a.loadCatalog()
	a.warnOfVolumes()
	compiled, err := c.Compile(tool, impls)
	if err != nil {
		return runs.SubmitRequest{}, a.orProblems(err)
	}
	inputs, params, err := arguments(compiled, pairs, f.inputs, f.params)
	if err != nil {
		return runs.SubmitRequest{}, err
	}
	return runs.SubmitRequest{Tenant: tenant, Tool: tool, Implementations: impls, Inputs: inputs, Params: params}, nil
}

func (a *app) runCommand() *cobra.Command {
	var call callFlags
	var requestID string
	var labelPairs []string
	var detach bool
	cmd := &cobra.Command{
		Use:   "run TOOL [name=value...]",
		Short: "run a step or a pipeline",
		Long: `Runs a step or a pipeline of the catalog and shows its progress until it ends.

Inputs are given as name=@file, name=uri (an output of another run, or what
--allow-root lets in) or name=text where the input may be given inline;
parameters as name=value. See ligase catalog show TOOL for what it takes.

Ctrl-C stops watching; the run goes on. The same --request-id with the same
arguments gives the same run, however often it is called.`,
		Example: `  ligase run design structure=@1ubq.pdb num_sequences=4
  ligase run fold sequence=file:///…/outputs/design/sequences/0.fasta
  ligase run design_and_fold --input structure=@1ubq.pdb --param num_sequences=8
  ligase run my_pipeline --catalog ./definitions structure=@x.pdb`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: a.completeCall,
		RunE: func(cmd *cobra.Command, args []string) error {
			request, err := a.request(args[0], args[1:], call)
			if err != nil {
				return err
			}
			request.RequestID = requestID
			if request.Labels, err = labels(labelPairs); err != nil {
				return err
			}
			service, err := a.open(nil)
			if err != nil {
				return err
			}
			return a.submitAndWatch(cmd.Context(), service, request, detach)
		},
	}
	call.register(cmd)
	cmd.Flags().StringVar(&requestID, "request-id", "", "makes the call repeatable: the same id and arguments give the same run")
	cmd.Flags().StringArrayVar(&labelPairs, "label", nil, "a label to find the run by: key=value; may be repeated")
	cmd.Flags().BoolVarP(&detach, "detach", "d", false, "print the run's id and return at once")
	return cmd
}

// submitAndWatch submits a call and, unless detached, follows it to its end.
func (a *app) submitAndWatch(ctx context.Context, service *runs.Service, request runs.SubmitRequest, detach bool) error {
	submission, err := service.Submit(ctx, request)
	if err != nil {
		return err
	}
	run := submission.Run
	if !submission.Created {
		fmt.Fprintf(a.Err, "%s: this request was made before; it is %s\n", run.ID, run.State)
	}
	if detach {
		if a.json {
			a.printJSON(statusJSON(run))
			return nil
		}
		fmt.Fprintln(a.Out, run.ID)
		fmt.Fprintf(a.Err, "Follow it with: %s status %s --watch\n", a.Program, run.ID)
		return nil
	}
	if submission.Created {
		fmt.Fprintf(a.Err, "%s: %s %s\n", run.ID, run.Tool.Name, run.Tool.Version)
	}
	return a.watchToEnd(ctx, service, run.ID)
}

// watchToEnd shows a run's progress until it ends, then its summary. The
// error carries the exit code that its end stands for.
func (a *app) watchToEnd(ctx context.Context, service *runs.Service, id runs.ID) error {
	run, summary, err := a.follow(ctx, service, id)
	if err != nil {
		return err
	}
	if a.json {
		a.printJSON(summary)
	} else {
		a.printSummary(run, summary)
	}
	return endOf(run)
}

// follow shows a run's progress until it ends and gives what it came to.
func (a *app) follow(ctx context.Context, service *runs.Service, id runs.ID) (runs.Run, runs.Summary, error) {
	run, err := a.watch(ctx, service, id)
	if ctx.Err() != nil {
		err = exitError{ExitInterrupted, fmt.Sprintf("\nStopped watching; %[2]s goes on.\n  watch it again:  %[1]s status %[2]s --watch\n  stop it:         %[1]s cancel %[2]s", a.Program, id)}
	}
	if err != nil {
		return run, runs.Summary{}, err
	}
	summary, err := service.Summary(ctx, tenant, id)
	return run, summary, err
}

// endOf is the exit code that the end of a run stands for.
func endOf(run runs.Run) error {
	switch run.State {
	case runs.Failed:
		return exitError{code: ExitRunFailed}
	case runs.Cancelled:
		return exitError{code: ExitCancelled}
	}
	return nil
}

func (a *app) planCommand() *cobra.Command {
	var call callFlags
	cmd := &cobra.Command{
		Use:   "plan TOOL [name=value...]",
		Short: "say what a call would do, or everything that is wrong with it; creates nothing",
		Long: `Checks a call of a tool as run does and prints what it would do: the nodes in
order, what each takes, which implementation it uses, and, as far as it is known,
what it will need of time and memory. Nothing is created.`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: a.completeCall,
		RunE: func(cmd *cobra.Command, args []string) error {
			request, err := a.request(args[0], args[1:], call)
			if err != nil {
				return err
			}
			service, err := a.open(nil)
			if err != nil {
				return err
			}
			plan, err := service.Plan(cmd.Context(), request)
			if err != nil {
				return err
			}
			expected, err := service.Predict(cmd.Context(), plan)
			if err != nil {
				return err
			}
			if a.json {
				a.printJSON(struct {
					*pipelines.Plan
					Expected []pipelines.Prediction `json:"expected,omitempty"`
				}{plan, expected})
				return nil
			}
			a.printPlan(cmd.Context(), plan, expected)
			return nil
		},
	}
	call.register(cmd)
	return cmd
}

func (a *app) printPlan(ctx context.Context, p *pipelines.Plan, expected []pipelines.Prediction) {
	c, here := p.Compiled, a.here()
	fmt.Fprintf(a.Out, "%s %s (%s): sound, %d nodes\n\n", c.Tool.Name, c.Tool.Version, c.Tool.Kind, len(c.Nodes))
	heads := []string{"NODE", "STEP", "IMPLEMENTATION", "NEEDS", "RUNS", "TAKES"}
	if here != nil {
		heads = slices.Insert(heads, 4, "HERE")
	}
	var rows [][]string
	for _, u := range c.Uses() {
		row := []string{u.Node, u.Step, u.Implementation.Name, resourceFacts(u.Implementation), u.Times, strings.Join(u.Takes, ", ")}
		if here != nil {
			row = slices.Insert(row, 4, here.Of(ctx, u.Implementation).String())
		}
		rows = append(rows, row)
	}
	table(a.Out, heads, rows)
	fmt.Fprintln(a.Out)
	for i := range c.Nodes {
		for _, t := range p.NodeKeep(c.Nodes[i].ID) {
			fmt.Fprintf(a.Out, "keeps of %s: %s\n", c.Nodes[i].ID, t)
		}
	}
	for _, split := range p.Recut() {
		fmt.Fprintln(a.Out, split)
	}
	for _, converted := range p.Conversions() {
		fmt.Fprintln(a.Out, converted)
	}
	for _, o := range c.Outputs {
		many := ""
		if o.Port.Many {
			many = ", many"
		}
		fmt.Fprintf(a.Out, "gives %s: %s%s, from %s\n", o.Port.Name, o.Port.Carries(), many, o.From)
	}
	fmt.Fprintf(a.Out, "longest path: %s\n", strings.Join(c.Graph().CriticalPath(nil), " → "))
	fmt.Fprintf(a.Out, "digest: %s\n", p.Digest())
	a.printExpected(p, expected)
}

// printExpected says what the nodes will take, as far as it is known.
func (a *app) printExpected(p *pipelines.Plan, expected []pipelines.Prediction) {
	if len(expected) == 0 {
		return
	}
	guess := func(e steps.Estimate, text func(float64) string) string {
		if e.Value == 0 {
			return ""
		}
		return map[steps.Side]string{steps.AtMost: "≤ ", steps.AtLeast: "≥ "}[e.Side] + text(e.Value)
	}
	rows := make([][]string, len(expected))
	for i, x := range expected {
		tasks := "?"
		if x.Tasks > 0 {
			tasks = fmt.Sprint(x.Tasks)
		}
		rows[i] = []string{x.Node, tasks, guess(x.Seconds, steps.SpanText), guess(x.Memory, steps.BytesText), guess(x.GPUMemory, steps.BytesText), x.Reason()}
	}
	fmt.Fprintln(a.Out)
	table(a.Out, []string{"EXPECTED OF", "TASKS", "EACH", "MEMORY", "ON A GPU", "AS"}, rows)
	if all := p.Span(expected); all != "" {
		fmt.Fprintln(a.Out, all)
	}
}

func (a *app) cancelCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "cancel RUN...",
		Short:             "stop runs; what they have committed stays",
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: a.completeRuns,
		RunE: func(cmd *cobra.Command, args []string) error {
			service, err := a.open(nil)
			if err != nil {
				return err
			}
			for _, arg := range args {
				id, err := a.runID(arg)
				if err != nil {
					return err
				}
				run, err := service.Cancel(cmd.Context(), tenant, id)
				if err != nil {
					return err
				}
				if !run.State.Terminal() {
					// Whatever of it may still run is ended by an engine.
					if err := a.ensureEngine(cmd.Context()); err != nil {
						return err
					}
					wait, stop := context.WithTimeout(cmd.Context(), 20*time.Second)
					if ended, err := service.Wait(wait, tenant, id); err == nil {
						run = ended
					}
					stop()
				}
				switch {
				case a.json && run.State.Terminal():
					a.printJSON(statusJSON(run))
				case run.State == runs.Cancelled:
					fmt.Fprintf(a.Out, "%s is cancelled\n", id)
				case run.State.Terminal():
					fmt.Fprintf(a.Out, "%s had ended already: %s\n", id, run.State)
				default:
					return exitError{ExitUnavailable, fmt.Sprintf("ligase: %s is asked to stop, and has not yet. See: %s status %s --watch", id, a.Program, id)}
				}
			}
			return nil
		},
	}
}

func (a *app) retryCommand() *cobra.Command {
	var detach bool
	cmd := &cobra.Command{
		Use:               "retry RUN",
		Short:             "go on with a failed or cancelled run; what is committed is not run again",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeRuns,
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := a.runID(args[0])
			if err != nil {
				return err
			}
			service, err := a.open(nil)
			if err != nil {
				return err
			}
			run, err := service.Retry(cmd.Context(), tenant, id)
			if err != nil {
				return err
			}
			if detach {
				if a.json {
					a.printJSON(statusJSON(run))
				} else {
					fmt.Fprintln(a.Out, run.ID)
				}
				return nil
			}
			fmt.Fprintf(a.Err, "%s: %s %s, try %d\n", run.ID, run.Tool.Name, run.Tool.Version, run.Generation)
			return a.watchToEnd(cmd.Context(), service, run.ID)
		},
	}
	cmd.Flags().BoolVarP(&detach, "detach", "d", false, "return at once")
	return cmd
}
