package templates_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"
	"github.com/argoproj/argo-workflows/v3/workflow/validate"
	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/ligase-bio/ligase/catalog"
	"github.com/ligase-bio/ligase/internal/argo/templates"
	"github.com/ligase-bio/ligase/internal/problem"
)

// theirs is a cluster in which somebody else's templates lie.
type theirs struct{ dir string }

func (c theirs) read(file string, into any) error {
	data, err := os.ReadFile(filepath.Join(c.dir, file))
	if err == nil {
		err = yaml.UnmarshalStrict(data, into)
	}
	return err
}

type (
	theirTemplates        struct{ theirs }
	theirClusterTemplates struct{ theirs }
)

func (c theirTemplates) Get(name string) (*wfv1.WorkflowTemplate, error) {
	t := new(wfv1.WorkflowTemplate)
	if err := c.read("theirs.yaml", t); err != nil || t.Name != name {
		return nil, problem.ErrNotFound
	}
	return t, nil
}

func (c theirClusterTemplates) Get(name string) (*wfv1.ClusterWorkflowTemplate, error) {
	t := new(wfv1.ClusterWorkflowTemplate)
	if err := c.read("everywhere.yaml", t); err != nil || t.Name != name {
		return nil, problem.ErrNotFound
	}
	return t, nil
}

// TestForeign renders implementations that are somebody else's templates; Argo
// finds that they give those what they take.
func TestForeign(t *testing.T) {
	const dir = "testdata/foreign"
	cat, ps := catalog.Load(append(catalog.Builtin(), catalog.File(filepath.Join(dir, "dock.yaml")))...)
	if len(ps) > 0 {
		t.Fatal(ps)
	}
	for _, impl := range []string{"argo", "once"} {
		rendered, err := templates.Of(cat, "dock", map[string]string{"dock": impl}, templates.Options{WorkerImage: "example.org/ligase-worker:1"})
		if err != nil {
			t.Fatal(err)
		}
		if _, gpu := rendered.Labels[templates.LabelGPU]; gpu {
			t.Errorf("%s has no pod of ours that needs a GPU", rendered.Name)
		}
		err = validate.ValidateWorkflowTemplate(theirTemplates{theirs{dir}}, theirClusterTemplates{theirs{dir}}, rendered, nil, validate.ValidateOpts{})
		if err != nil {
			t.Errorf("%s: %v", rendered.Name, err)
		}
		got, err := templates.Marshal(rendered)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(dir, rendered.Name+".golden")
		if f := flag.Lookup("update"); f != nil && f.Value.String() == "true" {
			if err := os.WriteFile(file, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", rendered.Name, diff)
		}
	}
}
