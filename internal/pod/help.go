package pod

import (
	"fmt"

	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/steps/worker"
)

const help = `ligase-worker does the one task that a pod of a Workflow is, and commits what it made.

Usage:
  ligase-worker                  do the task that the environment describes
  ligase-worker install PATH     copy this program to PATH, for the pod's other
                                 containers, and the certificates of authorities
                                 beside it
  ligase-worker items NODE PORT  write to $LIGASE_HOME/out/count how many items
                                 NODE gave on PORT
  ligase-worker stage            bring the inputs of a task to where somebody
                                 else's template takes them
  ligase-worker collect          check and commit what such a template made
  ligase-worker adapt NAME …     what "ligase adapt" does, in the images of tools
  ligase-worker --version | --help

On standard output is what the step prints. What this program has to say itself
is on standard error, after "ligase-worker: ".

Environment, as templates made by "ligase render" set it:
  LIGASE_TASK          the call, as JSON; by hand it may be as short as
                       {"inputs": {"sequence": "s3://bucket/a.fasta"}, "params": {"seed": 1}}
  LIGASE_PIPELINE      the compiled pipeline
  LIGASE_STEP          the step, with the one implementation that runs here
  LIGASE_NODE          the node of the pipeline that the task is of
  LIGASE_INDEX         which item of nested scatters it is, as 3.5; empty for none
  LIGASE_RETRY         how often it was retried by the Workflow, 0 at first
  LIGASE_ATTEMPT, LIGASE_MORE
                       of collect: the attempt that stage has claimed, and
                       whether there can be another
  LIGASE_WORKFLOW, LIGASE_WORKFLOW_UID, LIGASE_POD, LIGASE_HOST
                       where it runs, for the record; a call without a run_id
                       gets one made of the UID
  LIGASE_STORE         {"roots": [{"uri": "s3://bucket/runs", "write": true}],
                        "buckets": {"s3://": {"endpoint": "…", "region": "…",
                                    "use_path_style": true, "disable_https": false}}}
                       runs lie below the first root that may be written
  LIGASE_HOME          a folder that may be written (default /ligase): scratch
                       space in work/, and out/count-PORT for each output that
                       gives many
  ARGO_PROGRESS_FILE   where progress is written, as 37/100
  AWS_ACCESS_KEY_ID, … credentials, as the AWS tools read them

The step sees none of these. It sees PATH, what else its image sets, and what
its implementation sets.

Exit codes: 0 committed, now or before, or nothing to do; 1 internal error;
2 usage; of a failure:
`

func (p Program) help() {
	fmt.Fprint(p.Stdout, help)
	for _, code := range []steps.FailureCode{
		steps.FailOOM, steps.FailGPUOOM, steps.FailDisk, steps.FailPreempted, steps.FailImage, steps.FailUnschedulable, steps.FailDeadline, steps.FailOutputContract,
		steps.FailInput, steps.FailExit, steps.FailStorage, steps.FailUpstream, steps.FailCanceled, steps.FailUnknown,
	} {
		fmt.Fprintf(p.Stdout, "  %d  %s\n", worker.ExitCode(code), code)
	}
}
