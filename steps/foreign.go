package steps

import (
	"fmt"
	"regexp"
	"strings"
)

// Foreign says that an implementation is a template that somebody else keeps
// in the cluster, and how a step's inputs and parameters become its arguments.
// It runs on Argo only.
type Foreign struct {
	Name       string            `json:"name"`              // of the WorkflowTemplate
	Cluster    bool              `json:"cluster,omitempty"` // it is a ClusterWorkflowTemplate
	Entrypoint string            `json:"entrypoint"`        // the template in it
	Parameters []ForeignArgument `json:"parameters,omitempty"`
	Artifacts  []ForeignArtifact `json:"artifacts,omitempty"`
}

// ForeignArgument is what one of its parameters is given: text with the
// references of a command, and $(inputs.x.uri), where the object of an input
// lies, or $(inputs.x.uris), a JSON list of that, of one that takes many.
type ForeignArgument struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// ForeignArtifact is what one of its artifacts is given: the file of an input;
// of one that takes many the folder of them (Sub "dir") or the list of what is
// there and what failed ("manifest").
type ForeignArtifact struct {
	Name  string `json:"name"`
	Input string `json:"input"`
	Sub   string `json:"sub,omitempty"`
}

// ForeignEntrypoint is the template that is meant where none is named.
const ForeignEntrypoint = "main"

// Source is where a foreign template leaves an output.
type Source struct {
	Kind SourceKind
	Name string // of its output parameter or artifact; empty of a result
	Glob string // of an artifact that is a folder: the files in it
}

// SourceKind is what a foreign template can leave an output in.
type SourceKind string

const (
	FromParameter SourceKind = "parameters" // the text of a parameter; of many a JSON list of texts
	FromURI       SourceKind = "uris"       // the object whose URI a parameter holds; of many a JSON list of URIs
	FromArtifact  SourceKind = "artifacts"
	FromResult    SourceKind = "result" // what its script printed; of many a JSON list of texts
)

var sourceForm = regexp.MustCompile(`^outputs\.(parameters|uris|artifacts)\.([A-Za-z0-9_-]+)(?:/(.+))?$`)

// ParseSource reads a source as written: outputs.parameters.NAME,
// outputs.uris.NAME, outputs.artifacts.NAME, outputs.artifacts.NAME/GLOB or
// outputs.result. The error is a sentence.
func ParseSource(text string) (Source, error) {
	if text == "outputs.result" {
		return Source{Kind: FromResult}, nil
	}
	m := sourceForm.FindStringSubmatch(text)
	switch {
	case m == nil || len(m[2]) > maxTheirs:
		return Source{}, fmt.Errorf("%.60q says nothing about where a template leaves an output.", text)
	case m[3] != "" && m[1] != string(FromArtifact):
		return Source{}, fmt.Errorf("%.60q has a path, and only an artifact can be a folder.", text)
	}
	return Source{Kind: SourceKind(m[1]), Name: m[2], Glob: m[3]}, nil
}

// String writes the source as it is read.
func (s Source) String() string {
	if s.Kind == FromResult {
		return "outputs.result"
	}
	text := "outputs." + string(s.Kind) + "." + s.Name
	if s.Glob != "" {
		text += "/" + s.Glob
	}
	return text
}

var variableReference = regexp.MustCompile(`\$\([-._A-Za-z][-._A-Za-z0-9]*\)`)

// CheckForeignValue refuses a value that would not arrive literally in
// somebody else's template, because Argo or Kubernetes would take it for
// something to evaluate there. The error is a sentence.
//
// A command of ours is given its values by the worker, inside the pod, past
// all of that; a foreign template is given them by Argo.
func CheckForeignValue(value string) error {
	refuse := func(what, who string) error {
		return fmt.Errorf("The text holds %s, which %s would evaluate in a template that is not ligase's. Leave it out.", what, who)
	}
	switch {
	case strings.Contains(value, "{{"):
		return refuse("{{", "Argo")
	case strings.HasSuffix(value, "{"):
		// Beside another value that begins with one it makes {{.
		return refuse("{ at its end", "Argo")
	case strings.Contains(value, "$$"):
		return refuse("$$", "Kubernetes")
	}
	if ref := variableReference.FindString(value); ref != "" {
		return refuse(fmt.Sprintf("%.60s", ref), "Kubernetes")
	}
	if strings.ContainsRune(value, 0) {
		return fmt.Errorf("The text holds a NUL character, which no container can be given.")
	}
	return nil
}
