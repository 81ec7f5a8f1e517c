package argo

import (
	"context"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/uris"
)

// Found is a run as its Workflow in the cluster has it.
type Found struct {
	ID         runs.ID
	Tenant     string
	Generation int
	Tool       string
	Digest     string   // of the plan
	Root       uris.URI // of the layout that it commits into; zero when the Workflow does not say
	Workflow   string   // its name
	Phase      string   // Argo's; empty before Argo has begun with it
	CreatedAt  time.Time
}

// Discover calls found for every run that has a Workflow in the namespace,
// whoever submitted it, in order of the Workflows' names: what an index can be
// rebuilt from where the store alone does not say. An error of found ends it.
func (e *Engine) Discover(ctx context.Context, found func(Found) error) error {
	options := metav1.ListOptions{LabelSelector: ownedByLigase, Limit: pageSize}
	for {
		call, cancel := context.WithTimeout(ctx, e.options.CallTimeout)
		page, err := e.workflows().List(call, options)
		cancel()
		if err != nil {
			return unavailable("listing the Workflows of the namespace "+e.options.Namespace, err)
		}
		for i := range page.Items {
			wf := &page.Items[i]
			o := ownershipOf(wf)
			if _, err := runs.ParseID(string(o.run)); err != nil {
				continue // a Workflow that was made by hand, or not by this version
			}
			root, _ := uris.Parse(o.root)
			if err := found(Found{
				ID: o.run, Tenant: o.tenant, Generation: o.generation, Tool: o.tool, Digest: o.digest, Root: root,
				Workflow: wf.Name, Phase: strings.ToLower(string(wf.Status.Phase)), CreatedAt: wf.CreationTimestamp.Time,
			}); err != nil {
				return err
			}
		}
		if options.Continue = page.Continue; page.Continue == "" {
			return nil
		}
	}
}
