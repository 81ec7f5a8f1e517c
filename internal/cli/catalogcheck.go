package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/ligase-bio/ligase/catalog"
	"github.com/ligase-bio/ligase/internal/argo/adopt"
	"github.com/ligase-bio/ligase/internal/argo/templates"
	"github.com/ligase-bio/ligase/internal/problem"
)

func (a *app) catalogCheckCommand() *cobra.Command {
	o := templates.Options{
		DefaultImage: "ghcr.io/ligase-bio/ligase:" + version,
		WorkerImage:  "ghcr.io/ligase-bio/ligase-worker:" + version,
	}
	cmd := &cobra.Command{
		Use:   "check",
		Short: "compare the catalog with the templates in the cluster",
		Long: `Compares what ` + "`ligase render`" + ` would write with the WorkflowTemplates that the
cluster has, each as:

  ok        it is there, and is the same
  missing   it is not there, or the template of others that it uses is not
  drifted   it is there, and something differs: what, is said as old → new
  extra     it is there and ligase's, but the catalog does not have it

Give the images that the cluster's were rendered with, if they are not this
version's. Where pods are placed, labels that somebody added, another registry
for the same image, and which claim a volume is do not count.

A run does not start on a template of another version, definition or image, nor
on a template of others that no longer takes what it is given, and says so;
allow_drift in the configuration has it start all the same.

Exit codes: 0 all is there as it should be · 5 something is missing · 6 something
drifted · 3 the catalog has problems · 8 the cluster cannot be reached.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cat, problems := a.loadCatalog()
			cluster, err := a.argoOptions()
			if err != nil {
				return err
			}
			client, err := adopt.Connect(cluster.Kubeconfig, cluster.Context)
			if err != nil {
				return err
			}
			findings, more, err := adopt.Check(cmd.Context(), client, cat, cluster.Namespace, o)
			if err != nil {
				return err
			}
			return a.printFindings(findings, append(problems, more...), cluster.Namespace)
		},
	}
	cmd.Flags().StringVar(&o.DefaultImage, "image", o.DefaultImage, "image for implementations that are ligase itself")
	cmd.Flags().StringVar(&o.WorkerImage, "worker-image", o.WorkerImage, "image that holds ligase-worker")
	return cmd
}

func (a *app) printFindings(findings []adopt.Finding, problems problem.Problems, namespace string) error {
	count := map[adopt.Status]int{}
	for _, f := range findings {
		count[f.Status]++
	}
	var err error
	switch {
	case count[adopt.Drifted] > 0:
		err = exitError{code: ExitConflict}
	case count[adopt.Missing] > 0:
		err = exitError{code: ExitNotFound}
	case len(problems) > 0:
		err = exitError{code: ExitInvalid}
	}
	if a.json {
		if findings == nil {
			findings = []adopt.Finding{}
		}
		out := problemsJSON(problems)
		out["namespace"], out["templates"] = namespace, findings
		a.printJSON(out)
		return err
	}
	rows := make([][]string, len(findings))
	for i, f := range findings {
		rows[i] = []string{string(f.Status), f.Template, f.Tool, f.Implementation, remark(f)}
	}
	table(a.Out, []string{"STATUS", "TEMPLATE", "TOOL", "IMPLEMENTATION", ""}, rows)
	for _, f := range findings {
		for _, d := range f.Differences {
			fmt.Fprintf(a.Out, "%s: %s\n", f.Template, d)
		}
	}
	for _, p := range problems {
		fmt.Fprintln(a.Err, p)
	}
	fmt.Fprintf(a.Err, "ligase: in the namespace %s: %d ok, %d missing, %d drifted, %d extra\n", namespace,
		count[adopt.OK], count[adopt.Missing], count[adopt.Drifted], count[adopt.Extra])
	if count[adopt.Missing]+count[adopt.Drifted] > 0 {
		fmt.Fprintf(a.Err, "To mend what is ligase's: ligase render | kubectl apply -n %s -f -\n", namespace)
	}
	return err
}

// remark is what there is to say of a finding in a table.
func remark(f adopt.Finding) string {
	switch {
	case f.Lacks != "":
		return "it uses the template " + f.Lacks + ", which is not there"
	case len(f.Differences) > 0:
		return counted(len(f.Differences), "difference")
	}
	return ""
}

// addCluster adds the templates that are labelled for it in the cluster to the
// catalog of this call. Those that cannot be used are said, and left out.
func (a *app) addCluster(ctx context.Context) error {
	cat, _ := a.loadCatalog()
	cluster, err := a.argoOptions()
	if err != nil {
		return err
	}
	client, err := adopt.Connect(cluster.Kubeconfig, cluster.Context)
	if err != nil {
		return err
	}
	found, problems, err := adopt.Discover(ctx, client, cluster.Namespace, cat.Types())
	if err != nil {
		return err
	}
	for _, p := range problems {
		fmt.Fprintln(a.Err, p)
	}
	source, err := adopt.Source("the cluster", found)
	if err != nil {
		return err
	}
	a.found = []catalog.Source{source}
	a.catalog, a.catalogProblems = catalog.Load(a.sources()...)
	return nil
}
