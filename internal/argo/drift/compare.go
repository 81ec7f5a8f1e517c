// Package drift says how the templates that a cluster has differ from those
// that the catalog would make, or counts on: what `ligase catalog check` tells,
// and what keeps a run from starting on something else than its definition.
package drift

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"

	"github.com/ligase-bio/ligase/internal/argo/templates"
	"github.com/ligase-bio/ligase/internal/tasks"
)

// Difference is one thing that a template in the cluster has otherwise than
// the catalog would make it.
type Difference struct {
	// Path says what it is: version, templates.main.container.image,
	// step.implementations.esm.command[1].t[0]
	Path    string `json:"path"`
	Cluster string `json:"cluster,omitempty"` // what it is there; empty: it is not there
	Catalog string `json:"catalog,omitempty"` // what the catalog says; empty: nothing
}

// String gives "path: cluster → catalog".
func (d Difference) String() string {
	show := func(text string) string {
		if text == "" {
			return "nothing"
		}
		return text
	}
	return fmt.Sprintf("%s: %s → %s", d.Path, show(d.Cluster), show(d.Catalog))
}

// Compare lists how a template in the cluster differs from the one that the
// catalog makes, in the order of their paths. What an API server or an
// operator's overlay adds or says otherwise without changing what is run
// (defaults, labels, where pods are placed, from which registry an image comes,
// which claim a volume is) is no difference.
func Compare(rendered, live *wfv1.WorkflowTemplate) []Difference {
	var c comparison
	c.value("version", rendered.Annotations[templates.AnnotationVersion], live.Annotations[templates.AnnotationVersion])
	c.value("implementations", rendered.Annotations[templates.AnnotationImplementations], live.Annotations[templates.AnnotationImplementations])
	c.compare("", tree(rendered.Spec), tree(live.Spec))
	if slices.ContainsFunc(c.found, func(d Difference) bool { return strings.HasPrefix(d.Path, "step.") }) {
		// The pipeline of a step's template is that step once more.
		c.found = slices.DeleteFunc(c.found, func(d Difference) bool { return strings.HasPrefix(d.Path, "pipeline.") })
	}
	if digest := templates.AnnotationDigest; len(c.found) == 0 {
		// It says of what was found that it is there, and no more.
		c.value("digest", rendered.Annotations[digest], live.Annotations[digest])
	}
	slices.SortStableFunc(c.found, func(a, b Difference) int { return strings.Compare(a.Path, b.Path) })
	return slices.Compact(c.found) // several pods of a template are of the same step
}

// tree is a value as JSON has it, numbers as they are written.
func tree(v any) any {
	data, err := json.Marshal(v)
	if err != nil {
		return err.Error() // what came from JSON can be written as JSON
	}
	return parsed(string(data))
}

func parsed(text string) any {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return text
	}
	return v
}

type comparison struct{ found []Difference }

func (c *comparison) value(path, catalog, cluster string) {
	if catalog != cluster {
		c.found = append(c.found, Difference{Path: path, Cluster: shown(cluster), Catalog: shown(catalog)})
	}
}

// compare compares what the catalog has with what the cluster has.
func (c *comparison) compare(path string, catalog, cluster any) {
	catalogMap, one := catalog.(map[string]any)
	clusterMap, other := cluster.(map[string]any)
	if one && other {
		c.maps(path, catalogMap, clusterMap)
		return
	}
	catalogList, one := catalog.([]any)
	clusterList, other := cluster.([]any)
	if one && other {
		c.lists(path, catalogList, clusterList)
		return
	}
	if empty(catalog) && empty(cluster) || text(catalog) == text(cluster) {
		return
	}
	if strings.HasSuffix(path, ".image") && SameImage(text(catalog), text(cluster)) {
		return
	}
	if strings.HasSuffix(path, ".persistentVolumeClaim.claimName") && !empty(cluster) {
		return // which claim is a volume is its operator's business
	}
	if what, a, b := unpacked(path, catalog, cluster); what != "" {
		before := len(c.found)
		if c.compare(what, a, b); len(c.found) > before {
			return
		}
	}
	c.value(path, text(catalog), text(cluster))
}

func (c *comparison) maps(path string, catalog, cluster map[string]any) {
	keys := slices.Sorted(maps.Keys(catalog))
	for key := range cluster {
		if _, both := catalog[key]; !both {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	for _, key := range keys {
		a, b := catalog[key], cluster[key]
		marks := strings.HasSuffix(path, ".labels") || strings.HasSuffix(path, ".annotations")
		if _, ours := catalog[key]; !ours && (marks || added(key, b)) {
			continue
		}
		c.compare(join(path, key), a, b)
	}
}

// lists compares things that have names by them, others in their order.
func (c *comparison) lists(path string, catalog, cluster []any) {
	names, named := namesOf(catalog)
	others, alsoNamed := namesOf(cluster)
	switch {
	case named && alsoNamed:
	case len(catalog) != len(cluster):
		c.value(path, text(catalog), text(cluster))
		return
	default:
		for i := range catalog {
			c.compare(path+"["+strconv.Itoa(i)+"]", catalog[i], cluster[i])
		}
		return
	}
	for i, name := range names {
		c.compare(join(path, name), catalog[i], at(cluster, slices.Index(others, name)))
	}
	for i, name := range others {
		if !slices.Contains(names, name) {
			c.compare(join(path, name), nil, cluster[i])
		}
	}
}

func at(list []any, i int) any {
	if i < 0 || i >= len(list) {
		return nil
	}
	return list[i]
}

// namesOf are the names of a list's items, if all of them have one and no two
// the same.
func namesOf(list []any) ([]string, bool) {
	var names []string
	for _, item := range list {
		m, is := item.(map[string]any)
		if !is {
			return nil, false
		}
		name, _ := m["name"].(string)
		if name == "" || slices.Contains(names, name) {
			return nil, false
		}
		names = append(names, name)
	}
	return names, true
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// placement are fields by which an operator says where pods run and who may
// pull their images: an overlay's business.
var placement = []string{"nodeSelector", "tolerations", "affinity", "priorityClassName", "runtimeClassName", "schedulerName", "imagePullSecrets", "podMetadata", "workflowMetadata", "ttlStrategy", "podGC", "labels", "annotations", "podPriorityClassName"}

// defaults are what an API server writes where nothing is said.
var defaults = map[string]string{
	"imagePullPolicy":          "IfNotPresent",
	"terminationMessagePath":   "/dev/termination-log",
	"terminationMessagePolicy": "File",
	"protocol":                 "TCP",
	"apiVersion":               "v1", // of a field reference
	"divisor":                  "0",
}

// added reports whether a field that only the cluster has changes nothing of
// what is run.
func added(key string, value any) bool {
	return empty(value) || slices.Contains(placement, key) || defaults[key] != "" && defaults[key] == text(value)
}

// empty reports whether a value says nothing.
func empty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case map[string]any:
		for _, value := range v {
			if !empty(value) {
				return false
			}
		}
		return true
	case []any:
		return len(v) == 0
	}
	return false
}

// unpacked reads what stands packed in a template, so that a difference in it
// can be named: the step that a pod is of, or the pipeline.
func unpacked(path string, catalog, cluster any) (what string, a, b any) {
	var read func(text string) (any, error)
	switch {
	case strings.HasSuffix(path, ".env.LIGASE_STEP.value"):
		what = "step"
		read = func(text string) (any, error) {
			step, _, err := tasks.DecodeStep(text)
			return step, err
		}
	case strings.HasSuffix(path, "arguments.parameters."+templates.PipelineParameter+".value"):
		what = "pipeline"
		read = func(text string) (any, error) {
			compiled, err := tasks.DecodeCompiled(text)
			if err != nil {
				return nil, err
			}
			all := tree(compiled)
			// By name alone: the version is a difference, not another step.
			if fields, is := all.(map[string]any); is {
				if byVersion, is := fields["steps"].(map[string]any); is {
					byName := map[string]any{}
					for key, step := range byVersion {
						name, _, _ := strings.Cut(key, "@")
						byName[name] = step
					}
					if len(byName) == len(byVersion) {
						fields["steps"] = byName
					}
				}
			}
			return all, nil
		}
	default:
		return "", nil, nil
	}
	a, err := read(text(catalog))
	if err != nil {
		return "", nil, nil
	}
	if b, err = read(text(cluster)); err != nil {
		return "", nil, nil
	}
	return what, tree(a), tree(b)
}

// text is a value on one line.
func text(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	}
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(data)
}

// shown is a value cut to what a line of a report can take.
func shown(text string) string {
	const most = 200
	text = strings.Join(strings.Fields(text), " ")
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return text
}
