package pipelines_test

import (
	"io/fs"
	"path"
	"strings"
	"testing"

	"github.com/ligase-bio/ligase/pipelines"
	"github.com/ligase-bio/ligase/steps"
)

func TestLibrary(t *testing.T) {
	s := load(t, steps.Library(), pipelines.Library())
	files, err := fs.Glob(pipelines.Library(), "*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(path.Base(file), ".yaml")
		p := s.pipelines[name]
		if p == nil {
			t.Errorf("%s does not define %s", file, name)
			continue
		}
		c, err := pipelines.Compile(p, s, nil)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		golden(t, "testdata/compiled/"+name+".json", indented(t, c))
		golden(t, "testdata/compiled/"+name+".mmd", c.Graph().Mermaid())
		readBack(t, c)
	}
	for _, step := range s.steps {
		if _, err := pipelines.CompileStep(step, s, nil); err != nil {
			t.Errorf("step %s: %v", step.Name, err)
		}
	}
}
