package argo

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/internal/runs"
)

// Labels and annotations by which a Workflow says whose it is.
const (
	labelManagedBy  = "app.kubernetes.io/managed-by"
	managedBy       = "ligase"
	labelRunID      = "ligase.dev/run-id"
	labelTenant     = "ligase.dev/tenant" // or a hash of it, where it is no label
	labelTool       = "ligase.dev/tool"
	labelGeneration = "ligase.dev/generation"

	annotationDigest      = "ligase.dev/plan-digest"
	annotationTenant      = "ligase.dev/tenant"
	annotationVersion     = "ligase.dev/version"
	annotationToolVersion = "ligase.dev/tool-version"
	annotationRoot        = "ligase.dev/root"
	annotationHold        = "ligase.dev/hold"     // the last word on holding the run; see holdText
	annotationTrace       = "ligase.dev/trace-id" // that the run was submitted in, if one is known
)

// ownedByLigase selects the Workflows that any replica made.
const ownedByLigase = labelManagedBy + "=" + managedBy

// ownership is what a Workflow says of whose it is.
type ownership struct {
	run        runs.ID
	tenant     string
	generation int
	digest     string
	tool       string
	root       string
}

func ownershipOf(wf *wfv1.Workflow) ownership {
	if wf.Labels[labelManagedBy] != managedBy {
		return ownership{}
	}
	generation, _ := strconv.Atoi(wf.Labels[labelGeneration])
	return ownership{
		run:        runs.ID(wf.Labels[labelRunID]),
		tenant:     wf.Annotations[annotationTenant],
		generation: generation,
		digest:     wf.Annotations[annotationDigest],
		tool:       wf.Labels[labelTool],
		root:       wf.Annotations[annotationRoot],
	}
}

// claims checks that a Workflow of the job's name is the job's.
func (job jobName) claims(o ownership) error {
	j := job.Job
	wrong := ""
	switch {
	case o.run == "":
		wrong = "ligase did not make it"
	case o.run != j.ID:
		wrong = fmt.Sprintf("it belongs to %s", o.run)
	case o.tenant != j.Tenant:
		wrong = "it belongs to another tenant"
	case o.generation != j.Generation:
		wrong = fmt.Sprintf("it is try %d of the run, not %d", o.generation, j.Generation)
	case o.digest != j.Digest:
		wrong = fmt.Sprintf("it was made for the plan %.12s, not %.12s", o.digest, j.Digest)
	default:
		return nil
	}
	return fmt.Errorf("%w: the Workflow %s is there already, and %s", problem.ErrConflict, job.name, wrong)
}

// jobName is a job with the name of its Workflow.
type jobName struct {
	runs.Job
	name string
}

// workflowName is the name of a job's Workflow: the run's own for the first
// try, and with the number of the try for a later one. It is at most 63
// characters: the run's id at the end is kept whole.
func workflowName(job runs.Job) string { return nameOfTry(job.Workflow, job.Generation) }

func nameOfTry(name string, generation int) string {
	if generation <= 1 {
		return name
	}
	const most, id = 63, len("-7k2m9c4x1p0q")
	suffix := "-g" + strconv.Itoa(generation)
	if over := len(name) + len(suffix) - most; over > 0 && len(name) > id+over {
		keep := len(name) - id - over
		for keep > 1 && name[keep-1] == '-' {
			keep--
		}
		name = name[:keep] + name[len(name)-id:]
	}
	return name + suffix
}

// labelValue is a text as the value of a label: itself where it can be one,
// else a hash of it.
func labelValue(text string) string {
	if text != "" && len(validation.IsValidLabelValue(text)) == 0 {
		return text
	}
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + hex.EncodeToString(sum[:12])
}
