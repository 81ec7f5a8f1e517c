//go:build cluster

package adopt

import (
	"fmt"
	"strings"
	"testing"
)

// theirs are templates as somebody may keep them, on this cluster's image.
const keepers = `
apiVersion: argoproj.io/v1alpha1
kind: WorkflowTemplate
metadata:
  name: say
  labels: {ligase.dev/expose: "true"}
  annotations: {ligase.dev/name: say, workflows.argoproj.io/description: Says a text.}
spec:
  entrypoint: say
  templates:
    - name: say
      inputs: {parameters: [{name: text, default: hello}, {name: code, default: "0"}]}
      container:
        image: IMAGE
        env: [{name: SECRET, value: do-not-tell}]
        command: [sh, -c, 'echo "ending with $2"; printf "%s" "$1" > /tmp/said; exit "$2"', sh]
        args: ["{{inputs.parameters.text}}", "{{inputs.parameters.code}}"]
      outputs: {parameters: [{name: said, valueFrom: {path: /tmp/said}}]}
---
apiVersion: argoproj.io/v1alpha1
kind: WorkflowTemplate
metadata:
  name: endless
  labels: {ligase.dev/expose: "true"}
  annotations: {ligase.dev/name: endless, workflows.argoproj.io/description: Never ends.}
spec:
  entrypoint: main
  templates:
    - name: main
      activeDeadlineSeconds: 3
      container: {image: IMAGE, command: [sleep, "600"]}
      outputs: {parameters: [{name: said, valueFrom: {path: /tmp/said}}]}
---
apiVersion: argoproj.io/v1alpha1
kind: WorkflowTemplate
metadata:
  name: broken
  labels: {ligase.dev/expose: "true"}
spec:
  arguments: {parameters: [{name: who, value: you}]}
  templates: [{name: main, container: {image: IMAGE, command: [echo, "{{workflow.parameters.who}}"]}}]
`

// TestDiscovered runs a template that no file speaks of: values arrive
// literally, or are refused; a failure is told, and tried again as often as
// the definition says.
func TestDiscovered(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.kubectl(strings.ReplaceAll(keepers, "IMAGE", s.cluster.Image("ligase-e2e-tools")), "apply", "-f", "-")

	out, said := s.ligase(0, "catalog", "list", "--cluster")
	if !strings.Contains(out, "say ") || strings.Contains(out, "broken") || !strings.Contains(said, "workflowtemplate/broken") {
		t.Fatalf("the catalog lists\n%s\n%s", out, said)
	}
	s.render("say", "--cluster")
	s.render("endless", "--cluster")

	t.Run("literal", func(t *testing.T) {
		// A record shows the first lines of what was said.
		text := strings.Join([]string{
			`'; id #`, `"}],"args":["x`, "$HOME $SECRET `id` $(id -u)", `{"a": {"b": "}}"}}`, `\n \" ü € 漢`, "--flag <&>%s%d }",
		}, "\n")
		sum := s.call(0, "say", "--cluster", "text="+text)
		if got := strings.Join(sum.Preview["said"], "\n"); got != text {
			t.Errorf("it said %q, not %q", got, text)
		}
	})
	for _, text := range []string{"{{workflow.name}}", "{{=1+1}}", "$(SECRET)", "$(ARGO_TEMPLATE)", "$$HOME", "{"} {
		t.Run(fmt.Sprintf("refused %q", text), func(t *testing.T) {
			if out, _ := s.ligase(3, "run", "say", "--cluster", "--json", "text="+text); !strings.Contains(out, "would evaluate") {
				t.Errorf("it was refused with\n%s", out)
			}
			// A pod refuses it too, with no ligase before it.
			if text != "{{workflow.name}}" {
				return
			}
			s.run("", s.cluster.Program("argo"), "submit", "--namespace", s.namespace, "--from", "workflowtemplate/say-argo", "--wait", "--name", "by-hand",
				"-p", `task={"params":{"text":"\u007b\u007bworkflow.name\u007d\u007d"}}`)
			if nodes := s.kubectl("", "get", "workflow", "by-hand", "-o", "jsonpath={.status.nodes.*.displayName}"); !strings.Contains(nodes, "stage-0") {
				t.Errorf("nodes: %s", nodes)
			}
			if phase := s.kubectl("", "get", "workflow", "by-hand", "-o", "jsonpath={.status.phase}"); phase != "Failed" {
				t.Errorf("the Workflow by hand %s", phase)
			}
		})
	}
	t.Run("failing", func(t *testing.T) {
		sum := s.call(4, "say", "--cluster", "code=3")
		if f := sum.Error; f == nil || f.Code != "exit" || f.ExitCode != 3 || !strings.Contains(f.Message, "The template say of say ended with exit code 3.") {
			t.Errorf("failure: %+v", f)
		}
		if log, _ := s.ligase(0, "logs", "latest", "say", "--cluster"); log != "ending with 3\n" {
			t.Errorf("its log is %q", log)
		}
		if events, _ := s.ligase(0, "events", "latest", "--cluster", "--json"); !strings.Contains(events, "-say-") {
			t.Errorf("the cluster's events have none of the template's pod:\n%s", events)
		}
	})
	t.Run("too long", func(t *testing.T) {
		if f := s.call(4, "endless", "--cluster").Error; f == nil || f.Code != "deadline" || !strings.Contains(f.Message, "longer than") {
			t.Errorf("failure: %+v", f)
		}
	})
	t.Run("retries", func(t *testing.T) {
		definition, _ := s.ligase(0, "import", s.write("say.yaml", s.kubectl("", "get", "workflowtemplate", "say", "-o", "yaml")))
		definition = strings.Replace(definition, "name: say\n", "name: say_again\n", 1)
		s.write("definitions/say_again.yaml", definition+"    retries: {limit: 1, on: [exit]}\n")
		s.render("say_again")
		sum := s.call(4, "say_again", "code=3")
		if f := sum.Error; f == nil || f.Code != "exit" || f.Attempt != 2 {
			t.Errorf("failure: %+v", f)
		}
		if sum := s.call(0, "say_again", "text=fine"); strings.Join(sum.Preview["said"], "") != "fine" {
			t.Errorf("it said %q", sum.Preview["said"])
		}
	})
}
