package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/steps"
)

// completeCall completes a tool and then what it takes.
func (a *app) completeCall(cmd *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return a.completeTools(cmd, args, prefix)
	}
	c, _ := a.loadCatalog()
	t, err := c.Tool(args[0])
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return completeArguments(t.Inputs, t.Params, prefix)
}

// completeArguments completes "name=value" of what a tool takes.
func completeArguments(inputs []steps.Port, params []steps.Param, prefix string) ([]string, cobra.ShellCompDirective) {
	if strings.Contains(prefix, "=@") {
		return nil, cobra.ShellCompDirectiveDefault // the shell completes file names
	}
	var out []string
	for _, p := range inputs {
		if strings.HasPrefix(p.Name, prefix) {
			out = append(out, p.Name+"=@\t"+p.Carries())
		}
	}
	for i := range params {
		if p := &params[i]; strings.HasPrefix(p.Name, prefix) {
			out = append(out, p.Name+"=\t"+paramFacts(p))
		}
	}
	return out, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}

// completeRuns completes the ids of recent runs.
func (a *app) completeRuns(cmd *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
	service, err := a.open(nil)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	page, err := service.List(cmd.Context(), runs.RunFilter{Tenant: tenant, Limit: 20})
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var out []string
	for _, r := range page.Runs {
		if strings.HasPrefix(string(r.ID), prefix) {
			out = append(out, string(r.ID)+"\t"+r.Tool.Name+", "+string(r.State))
		}
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}
