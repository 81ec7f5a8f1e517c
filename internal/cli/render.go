package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ligase-bio/ligase/internal/argo/templates"
	"github.com/ligase-bio/ligase/internal/problem"
)

// rendering is one call of `ligase render`.
type rendering struct {
	out             string
	check           bool
	kustomization   bool
	implementations []string
	claims          []string
	options         templates.Options
}

//go:generate go run ../../cmd/ligase render --out ../../deploy/base/templates --kustomization --image ghcr.io/ligase-bio/ligase:dev --worker-image ghcr.io/ligase-bio/ligase-worker:dev

func (a *app) renderCommand() *cobra.Command {
	r := rendering{options: templates.Options{
		DefaultImage: "ghcr.io/ligase-bio/ligase:" + version,
		WorkerImage:  "ghcr.io/ligase-bio/ligase-worker:" + version,
	}}
	cmd := &cobra.Command{
		Use:   "render [TOOL...]",
		Short: "write steps and pipelines as Argo WorkflowTemplates",
		Long: `Writes steps and pipelines as Argo WorkflowTemplates: what a cluster needs to run
them. Each implementation of a step is one (fold-baseline), each pipeline is one
that refers to those of its steps. Without a TOOL, all of the catalog; a pipeline
that is named comes with its steps.

  ligase render | kubectl apply -n ligase -f -
  ligase render --out templates                  one file for each
  ligase render --out templates --check          exit code 6 when files differ
  ligase render design_and_fold --impl fold=esmfold

They need the account and the description of the store that deploy/base has, and
run without ligase:

  argo submit -n ligase --from workflowtemplate/fold-baseline \
    -p task='{"inputs":{"sequence":"s3://bucket/my.fasta"}}'

A volume that a step needs (see ligase catalog show) is the PersistentVolumeClaim
of its name in the namespace, mounted read-only, or the one that --claim names.

What cannot run on a cluster is said, and left out; the exit code is 3 then.`,
		ValidArgsFunction: a.completeTools,
		RunE:              func(_ *cobra.Command, args []string) error { return a.render(r, args) },
	}
	f := cmd.Flags()
	f.StringVar(&r.out, "out", "", "folder to write a file for each template to (default: standard output, one behind the other)")
	f.BoolVar(&r.check, "check", false, "with --out: write nothing, say which files differ from what would be written")
	f.BoolVar(&r.kustomization, "kustomization", false, "with --out: also write a kustomization.yaml that lists the files")
	f.StringArrayVar(&r.implementations, "impl", nil, "with one TOOL, choose an implementation: step=name or node=name; may be repeated")
	f.StringVar(&r.options.DefaultImage, "image", r.options.DefaultImage, "image for implementations that are ligase itself")
	f.StringVar(&r.options.WorkerImage, "worker-image", r.options.WorkerImage, "image that holds ligase-worker")
	f.StringArrayVar(&r.claims, "claim", nil, "PersistentVolumeClaim of a volume that has another name, like esmfold-weights=models; may be repeated")
	f.StringVar(&r.options.Namespace, "namespace", "", "namespace to put the templates in (default: none; kubectl -n says it)")
	return cmd
}

func (a *app) render(r rendering, tools []string) error {
	if r.out == "" && (r.check || r.kustomization) {
		return usagef("--check and --kustomization are for a folder; name it with --out DIR.")
	}
	if len(r.implementations) > 0 && len(tools) != 1 {
		return usagef("--impl is for one TOOL; name it.")
	}
	mapped, err := claims(r.claims)
	if err != nil {
		return err
	}
	r.options.Claims = mapped
	rendered, wrong := a.templates(r, tools)
	if wrong != nil && problem.Of(wrong) == nil {
		return wrong
	}
	files, err := r.files(rendered)
	if err != nil {
		return err
	}
	switch {
	case r.check:
		err = a.checkFiles(r, files, len(tools) == 0)
	case r.out != "":
		err = a.writeFiles(r, files)
	default:
		for i, f := range files {
			if i > 0 {
				fmt.Fprintln(a.Out, "---")
			}
			a.Out.Write(f.data)
		}
	}
	if wrong != nil {
		return wrong
	}
	return err
}

// claims reads which PersistentVolumeClaims are which volumes.
func claims(given []string) (map[string]string, error) {
	out := map[string]string{}
	for _, text := range given {
		name, claim, _ := strings.Cut(text, "=")
		if name == "" || claim == "" {
			return nil, usagef("--claim: %q does not say which claim is which volume. Write it like esmfold-weights=models.", text)
		}
		out[name] = claim
	}
	return out, nil
}

// templates renders what was asked for. With problems, it gives what has none.
func (a *app) templates(r rendering, tools []string) ([]*templates.Template, error) {
	cat, problems := a.loadCatalog()
	if len(tools) == 0 {
		out, err := templates.All(cat, r.options)
		if err != nil && problem.Of(err) == nil {
			return nil, err
		}
		return out, append(problems, problem.Of(err)...).Err()
	}
	choice, err := choices(r.implementations)
	if err != nil {
		return nil, err
	}
	var out []*templates.Template
	for _, tool := range tools {
		list, err := templates.For(cat, tool, choice, r.options)
		if err != nil {
			return nil, a.orProblems(err)
		}
		for _, t := range list {
			if !slices.ContainsFunc(out, func(have *templates.Template) bool { return have.Name == t.Name }) {
				out = append(out, t)
			}
		}
	}
	return out, nil
}

type file struct {
	name string
	data []byte
}

const kustomizationName = "kustomization.yaml"

func (r rendering) files(rendered []*templates.Template) ([]file, error) {
	var files []file
	for _, t := range rendered {
		data, err := templates.Marshal(t)
		if err != nil {
			return nil, err
		}
		files = append(files, file{t.Name + ".yaml", data})
	}
	if r.kustomization {
		var list bytes.Buffer
		list.WriteString(templates.Header + "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n")
		names := make([]string, len(files))
		for i, f := range files {
			names[i] = f.name
		}
		slices.Sort(names)
		for _, name := range names {
			list.WriteString("  - " + name + "\n")
		}
		files = append(files, file{kustomizationName, list.Bytes()})
	}
	return files, nil
}

func (a *app) writeFiles(r rendering, files []file) error {
	if err := os.MkdirAll(r.out, 0o777); err != nil {
		return err
	}
	written := 0
	for _, f := range files {
		path := filepath.Join(r.out, f.name)
		if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, f.data) {
			continue
		}
		if err := os.WriteFile(path, f.data, 0o666); err != nil {
			return err
		}
		written++
	}
	stale, err := staleFiles(r.out, files)
	if err != nil {
		return err
	}
	if a.json {
		a.printJSON(map[string]any{"folder": r.out, "files": len(files), "written": written})
		return nil
	}
	fmt.Fprintf(a.Out, "%s: %s, %d written anew\n", r.out, counted(len(files), "file"), written)
	for _, name := range stale {
		fmt.Fprintf(a.Err, "%s was rendered once, and not now; remove it if nothing uses it\n", filepath.Join(r.out, name))
	}
	return nil
}

// checkFiles says what differs in a folder. all: the files are all that should
// be there.
func (a *app) checkFiles(r rendering, files []file, all bool) error {
	type difference struct {
		File string `json:"file"`
		What string `json:"what"`
	}
	differences := []difference{}
	for _, f := range files {
		path := filepath.Join(r.out, f.name)
		switch old, err := os.ReadFile(path); {
		case errors.Is(err, fs.ErrNotExist):
			differences = append(differences, difference{path, "missing"})
		case err != nil:
			return err
		case !bytes.Equal(old, f.data):
			differences = append(differences, difference{path, "differs"})
		}
	}
	if all {
		stale, err := staleFiles(r.out, files)
		if err != nil {
			return err
		}
		for _, name := range stale {
			differences = append(differences, difference{filepath.Join(r.out, name), "not in the catalog"})
		}
	}
	if a.json {
		a.printJSON(map[string]any{"folder": r.out, "files": len(files), "differences": differences})
	}
	if len(differences) == 0 {
		if !a.json {
			fmt.Fprintf(a.Out, "%s: %s as rendered\n", r.out, counted(len(files), "file"))
		}
		return nil
	}
	if !a.json {
		for _, d := range differences {
			fmt.Fprintf(a.Out, "%s: %s\n", d.File, d.What)
		}
	}
	return exitError{code: ExitConflict}
}

// staleFiles are the files of a folder that were rendered once and are not
// among these.
func staleFiles(dir string, files []file) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var stale []string
	for _, e := range entries {
		name := e.Name()
		if filepath.Ext(name) != ".yaml" || name == kustomizationName || slices.ContainsFunc(files, func(f file) bool { return f.name == name }) {
			continue
		}
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return nil, err
		}
		if bytes.HasPrefix(data, []byte(templates.Header)) {
			stale = append(stale, name)
		}
	}
	return stale, nil
}
