package templates

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"testing"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"
	"github.com/argoproj/argo-workflows/v3/workflow/templateresolution"
	"github.com/argoproj/argo-workflows/v3/workflow/validate"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"github.com/ligase-bio/ligase/catalog"
)

var update = flag.Bool("update", false, "write the golden files")

// kept is a catalog that is rendered in tests, and which of its tools have
// golden files: those of one source. The library's are in deploy.
type kept struct {
	*catalog.Catalog
	source string
}

// catalogs are what is rendered in tests: the library, the examples, what
// engines are tested with, and the shapes that those lack.
func catalogs(t *testing.T) map[string]kept {
	t.Helper()
	out := map[string]kept{}
	load := func(name, source string, sources ...catalog.Source) {
		c, problems := catalog.Load(sources...)
		if problems != nil {
			t.Fatalf("%s: %v", name, problems)
		}
		out[name] = kept{c, source}
	}
	folder := func(path string) catalog.Source {
		source, err := catalog.Dir(path)
		if err != nil {
			t.Fatal(err)
		}
		return source
	}
	suite := folder(filepath.Join("..", "..", "runs", "runstest", "definitions"))
	odd := folder(filepath.Join("testdata", "odd"))
	load("library", "", catalog.Builtin()...)
	for _, example := range []string{"variants", "families"} {
		load(example, "", append(catalog.Builtin(), folder(filepath.Join("..", "..", "..", "catalog", "examples", example)))...)
	}
	load("suite", suite.Name, suite)
	load("odd", odd.Name, suite, odd)
	return out
}

// set finds templates of a set, as a namespace that holds just these would.
type set []*wfv1.WorkflowTemplate

func (s set) Get(name string) (*wfv1.WorkflowTemplate, error) {
	for _, t := range s {
		if t.Name == name {
			return t, nil
		}
	}
	return nil, apierrors.NewNotFound(schema.GroupResource{Group: "argoproj.io", Resource: "workflowtemplates"}, name)
}

// inOrder is what Argo's own validator says of a template that is among others,
// and of a Workflow made of it.
func inOrder(t *testing.T, all set, one *wfv1.WorkflowTemplate) {
	t.Helper()
	none := &templateresolution.NullClusterWorkflowTemplateGetter{}
	if err := validate.ValidateWorkflowTemplate(all, none, one.DeepCopy(), nil, validate.ValidateOpts{}); err != nil {
		t.Errorf("Argo refuses the WorkflowTemplate %s: %v", one.Name, err)
	}
	wf := &wfv1.Workflow{}
	wf.Name = "run-of-" + one.Name
	wf.Spec.WorkflowTemplateRef = &wfv1.WorkflowTemplateRef{Name: one.Name}
	wf.Spec.Arguments.Parameters = []wfv1.Parameter{{Name: TaskParameter, Value: wfv1.AnyStringPtr("{}")}}
	if err := validate.ValidateWorkflow(all, none, wf, nil, validate.ValidateOpts{Submit: true}); err != nil {
		t.Errorf("Argo refuses a Workflow of %s: %v", one.Name, err)
	}
}

// read is a template as the cluster sees it: from its YAML, every field known.
func read(t *testing.T, data []byte) *wfv1.WorkflowTemplate {
	t.Helper()
	var out wfv1.WorkflowTemplate
	if err := yaml.UnmarshalStrict(data, &out); err != nil {
		t.Fatalf("%v\n%s", err, data)
	}
	return &out
}

func TestGolden(t *testing.T) {
	for name, cat := range catalogs(t) {
		t.Run(name, func(t *testing.T) {
			all, err := All(cat.Catalog, Options{})
			if err != nil {
				t.Fatal(err)
			}
			dir := filepath.Join("testdata", "golden", name)
			var files []string
			var asRead set
			texts := map[string][]byte{}
			for _, one := range all {
				data, err := Marshal(one)
				if err != nil {
					t.Fatal(err)
				}
				texts[one.Name] = data
				asRead = append(asRead, read(t, data))
			}
			for _, one := range asRead {
				inOrder(t, asRead, one)
				tool, err := cat.Tool(one.Labels[LabelTool])
				if err != nil {
					t.Fatal(err)
				}
				if tool.Origin != cat.source {
					continue
				}
				file := filepath.Join(dir, one.Name+".yaml")
				files = append(files, file)
				if *update {
					if err := os.MkdirAll(dir, 0o755); err != nil {
						t.Fatal(err)
					}
					if err := os.WriteFile(file, texts[one.Name], 0o644); err != nil {
						t.Fatal(err)
					}
					continue
				}
				want, err := os.ReadFile(file)
				if err != nil {
					t.Errorf("%v: write it with -update", err)
				} else if !bytes.Equal(want, texts[one.Name]) {
					t.Errorf("%s differs: look at what -update changes", file)
				}
			}
			there, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
			if err != nil {
				t.Fatal(err)
			}
			for _, file := range there {
				if !slices.Contains(files, file) {
					t.Errorf("%s is of nothing that is there", file)
				}
			}
		})
	}
}
