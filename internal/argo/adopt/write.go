package adopt

import (
	"fmt"
	"strconv"
	"strings"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/ligase-bio/ligase/internal/draft"
	"github.com/ligase-bio/ligase/steps"
)

// write makes the definition, and says how much is left to fill in.
func (c *converter) write() ([]byte, int) {
	w := &draft.Writer{}
	w.Line("# Made by `ligase import` of the %s %s, template %s.", c.m.Kind, draft.OneLine(c.m.Name), draft.OneLine(c.entry.Name))
	w.Line("name: %s", c.name)
	note := ""
	if c.versionGuessed {
		note = w.Fill("what version is this?")
	}
	w.Line("version: %s%s", c.version, note)
	w.Line("title: %s", draft.Quoted(c.title))
	note = ""
	if c.describedBadly {
		note = w.Fill("what is it good for, and what not?")
	}
	w.Description("", c.description, note)
	if c.duration != "" {
		w.Line("duration: %s", c.duration)
	} else {
		w.Line("#duration: minutes%s", w.Fill("seconds, minutes or hours"))
	}
	if len(c.ins) > 0 {
		w.Line("inputs:")
		for i := range c.ins {
			writePort(w, &c.ins[i])
		}
	}
	if len(c.params) > 0 {
		w.Line("params:")
		for i := range c.params {
			p := &c.params[i]
			w.Param(draft.Param{Name: p.name, Type: p.kind, Default: p.value, Enum: p.enum, Description: p.description})
		}
	}
	w.Line("outputs:")
	for i := range c.outs {
		writePort(w, &c.outs[i])
	}
	c.writeImplementation(w)
	return []byte(w.String()), w.Open()
}

func writePort(w *draft.Writer, p *port) {
	ask := ""
	if p.nothing {
		ask = "the template gives nothing"
	}
	w.Port(draft.Port{
		Name: p.name, Type: p.typ, Others: p.others, Guessed: p.guessed, Ask: ask,
		Many: p.many, Optional: p.optional, Description: p.description,
	})
}

func (c *converter) writeImplementation(w *draft.Writer) {
	w.Line("implementations:")
	w.Line("  %s:", implementationName)
	w.Line("    template:")
	w.Line("      name: %s", draft.Quoted(c.m.Name))
	if c.m.Kind == KindClusterTemplate {
		w.Line("      cluster: true")
	}
	w.Line("      entrypoint: %s", draft.Quoted(c.entry.Name))
	var arguments [][2]string
	for i := range c.params {
		if p := &c.params[i]; p.name != p.theirs {
			arguments = append(arguments, [2]string{p.theirs, "$(params." + p.name + ")"})
		}
	}
	for i := range c.ins {
		switch p := &c.ins[i]; {
		case p.source == steps.FromURI && p.many:
			arguments = append(arguments, [2]string{p.theirs, "$(inputs." + p.name + ".uris)"})
		case p.source == steps.FromURI:
			arguments = append(arguments, [2]string{p.theirs, "$(inputs." + p.name + ".uri)"})
		case p.name != p.theirs:
			arguments = append(arguments, [2]string{p.theirs, "$(inputs." + p.name + ")"})
		}
	}
	if len(arguments) > 0 {
		w.Line("      arguments:")
		for _, a := range arguments {
			w.Line("        %s: %s", draft.Quoted(a[0]), a[1])
		}
	}
	for _, h := range c.hidden {
		w.Line("      # not for callers: %s", draft.OneLine(h))
	}
	w.Line("    collect:")
	for i := range c.outs {
		p := &c.outs[i]
		source := steps.Source{Kind: p.source, Name: p.theirs, Glob: p.glob}
		note := ""
		if p.nothing {
			note = w.Fill("the template gives nothing")
		}
		w.Line("      %s: %s%s", p.name, draft.Quoted(source.String()), note)
	}
	c.writeResources(w)
}

// writeResources shows what the template asks for. It stays the template's to
// say; a catalog tells its readers.
func (c *converter) writeResources(w *draft.Writer) {
	var most corev1.ResourceList
	for _, t := range c.reachable() {
		for _, container := range containersOf(t) {
			for _, list := range []corev1.ResourceList{container.Resources.Requests, container.Resources.Limits} {
				for name, q := range list {
					if have, there := most[name]; !there || have.Cmp(q) < 0 {
						if most == nil {
							most = corev1.ResourceList{}
						}
						most[name] = q
					}
				}
			}
		}
	}
	var fields []string
	if q, there := most[corev1.ResourceCPU]; there && q.MilliValue() >= 10 {
		fields = append(fields, "cpu: "+strconv.FormatFloat(float64(q.MilliValue())/1000, 'f', -1, 64))
	}
	if q, there := most[corev1.ResourceMemory]; there && q.Value() >= 1<<20 {
		fields = append(fields, "memory: "+mebibytes(q))
	}
	for _, name := range []corev1.ResourceName{"nvidia.com/gpu", "amd.com/gpu"} {
		if q, there := most[name]; there && q.Value() > 0 {
			fields = append(fields, fmt.Sprintf("gpu: %d", q.Value()))
			break
		}
	}
	if len(fields) > 0 {
		w.Line("    resources: {%s}", strings.Join(fields, ", "))
	}
	if d := c.entry.ActiveDeadlineSeconds; d != nil {
		w.Line("    # the template's own deadline: %s s", d.String())
	}
	if r := c.entry.RetryStrategy; r != nil {
		w.Line("    # the template's own retries: %s", retriesOf(r))
	}
}

func mebibytes(q resource.Quantity) string { return fmt.Sprintf("%dMi", q.Value()>>20) }

func retriesOf(r *wfv1.RetryStrategy) string {
	text := "without limit"
	if r.Limit != nil {
		text = r.Limit.String()
	}
	if r.RetryPolicy != "" {
		text += ", " + string(r.RetryPolicy)
	}
	if r.Expression != "" {
		text += ", when " + draft.OneLine(r.Expression)
	}
	return text
}
