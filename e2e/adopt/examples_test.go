//go:build cluster

package adopt

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestExamples imports templates from Argo's own examples, and runs them
// through ligase: parameters, defaults, what a container prints, output
// parameters, and artifacts both ways.
func TestExamples(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.theirs("templates.yaml", "workflow-template-submittable")
	s.theirs("output-parameter.yaml", "output-parameter")
	s.theirs("artifact-passing.yaml", "artifact-passing")

	// Of the templates of a file, one is meant.
	out, _ := s.ligase(3, "import", examples+"/templates.yaml", "--json")
	if !strings.Contains(out, "workflow-template-inner-steps has 2 templates") {
		t.Errorf("import says:\n%s", out)
	}
	one := s.write("submittable.yaml", s.kubectl("", "get", "workflowtemplate", "workflow-template-submittable", "-o", "yaml"))
	s.ligase(0, "import", one, "--out", s.dir+"/definitions")
	s.ligase(0, "validate", s.dir+"/definitions")
	s.render("workflow_template_submittable")
	s.adopt("output-parameter.yaml", "output_parameter_hello_world_to_file", nil, "--entrypoint", "hello-world-to-file")

	// None of these has an artifact, so none needs a place for them.
	t.Run("a default", func(t *testing.T) {
		sum := s.call(0, "workflow_template_submittable")
		if got := strings.Join(sum.Preview["printed"], "\n"); got != "hello world" {
			t.Errorf("it printed %q", got)
		}
	})
	t.Run("an output parameter", func(t *testing.T) {
		sum := s.call(0, "output_parameter_hello_world_to_file")
		if got := strings.Join(sum.Preview["hello_param"], "\n"); got != "hello world" {
			t.Errorf("the parameter is %q", got)
		}
	})

	s.artifactRepository()
	s.adopt("artifact-passing.yaml", "artifact_passing_hello_world_to_file", nil, "--entrypoint", "hello-world-to-file")
	s.adopt("artifact-passing.yaml", "artifact_passing_print_message_from_file", nil, "--entrypoint", "print-message-from-file")
	t.Run("artifacts", func(t *testing.T) {
		made := s.call(0, "artifact_passing_hello_world_to_file")
		if got := strings.Join(made.Preview["hello_art"], "\n"); got != "hello world" {
			t.Errorf("the artifact is %q", got)
		}
		sum := s.call(0, "artifact_passing_print_message_from_file", "message="+made.Outputs["hello_art"])
		if got := strings.Join(sum.Preview["printed"], "\n"); got != "hello world" {
			t.Errorf("it printed %q", got)
		}
	})

	// Catalog and cluster agree on what was put there.
	t.Run("check", func(t *testing.T) {
		images := []string{"--worker-image", s.cluster.Image("ligase-worker"), "--image", s.cluster.Image("ligase")}
		var report struct {
			Templates []struct {
				Template, Status, Lacks string
				Differences             []struct{ Path, Cluster, Catalog string }
			}
		}
		ask := func(code int) map[string]string {
			out, _ := s.ligase(code, append([]string{"catalog", "check", "--json"}, images...)...)
			if err := json.Unmarshal([]byte(out), &report); err != nil {
				t.Fatal(err)
			}
			found := map[string]string{}
			for _, f := range report.Templates {
				found[f.Template] = f.Status + f.Lacks
				for _, d := range f.Differences {
					found[f.Template] += " " + d.Path + ": " + d.Cluster + " → " + d.Catalog
				}
			}
			return found
		}
		const template = "workflow-template-submittable-argo"
		if found := ask(5); found[template] != "ok" || found["fold-baseline"] != "missing" {
			t.Errorf("found %v", found)
		}
		s.kubectl("", "patch", "workflowtemplate", "workflow-template-submittable", "--type=json",
			"-p", `[{"op": "replace", "path": "/spec/templates/0/inputs/parameters/0/name", "value": "text"}]`)
		if found := ask(6); !strings.Contains(found[template], "inputs.parameters.message:  → $(params.message)") {
			t.Errorf("found %s", found[template])
		}
		// What has drifted is not run.
		sum := s.call(4, "workflow_template_submittable")
		if f := sum.Error; f == nil || !strings.Contains(f.Message, "inputs.parameters.message: nothing → $(params.message)") {
			t.Errorf("failure: %+v", f)
		}
	})
}
