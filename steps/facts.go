package steps

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// What there is to know of a port, a parameter or an implementation at a
// glance, in words for people and agents. Surfaces put them into sentences and
// tables of their own.

// Carries is the type and the formats: "protein.structure in pdb or mmcif".
func (p *Port) Carries() string {
	if len(p.Formats) == 0 {
		return p.Type
	}
	return p.Type + " in " + strings.Join(p.Formats, " or ")
}

// Facts are what a port carries, whether many and optional, and its limits.
func (p *Port) Facts() []string {
	facts := []string{p.Carries()}
	if p.Many {
		facts = append(facts, "many")
	}
	if p.Optional {
		facts = append(facts, "optional")
	}
	if p.MaxLength > 0 {
		facts = append(facts, fmt.Sprintf("at most %d long", p.MaxLength))
	}
	if p.Inline {
		facts = append(facts, "may be given inline")
	}
	if len(p.Columns) > 0 {
		facts = append(facts, "columns "+strings.Join(p.Columns, " "))
	}
	return facts
}

// Facts are the kind of value, its range or choices, and its unit.
func (p *Param) Facts() []string {
	kind := string(p.Type)
	if p.Type == Array {
		kind = "list of " + string(p.Items)
	}
	facts := []string{kind}
	if r := between(p.Minimum, p.Maximum); r != "" {
		facts = append(facts, r)
	}
	if len(p.Enum) > 0 {
		values := make([]string, len(p.Enum))
		for i, v := range p.Enum {
			values[i] = v.String()
		}
		facts = append(facts, strings.Join(values, " | "))
	}
	if p.Unit != "" {
		facts = append(facts, p.Unit)
	}
	return facts
}

// Facts are the range and unit of a metric, which way is better, and what
// measures it where not every implementation does.
func (m *Metric) Facts() []string {
	var facts []string
	if r := m.Range(); r != "" {
		facts = append(facts, r)
	}
	if m.Unit != "" {
		facts = append(facts, m.Unit)
	}
	if m.Better != "" {
		facts = append(facts, m.Better+" is better")
	}
	if len(m.By) > 0 {
		facts = append(facts, "by "+strings.Join(m.By, " and "))
	}
	return facts
}

// Range is what values a metric has: "0–100", "at least 0", or "".
func (m *Metric) Range() string { return between(m.Minimum, m.Maximum) }

func between(minimum, maximum *float64) string {
	switch {
	case minimum != nil && maximum != nil:
		return decimal(*minimum) + "–" + decimal(*maximum)
	case minimum != nil:
		return "at least " + decimal(*minimum)
	case maximum != nil:
		return "at most " + decimal(*maximum)
	}
	return ""
}

// Standing is what a call that does not give the parameter means: "default 8",
// "required", "optional".
func (p *Param) Standing() string {
	switch {
	case p.Default != nil:
		return "default " + p.Default.String()
	case p.Required():
		return "required"
	}
	return "optional"
}

// Needs are what an implementation asks of a machine: "1 GPU", "4 CPU",
// "512 MiB", "volume esmfold-weights".
func (i *Implementation) Needs() []string {
	if i.Template != nil {
		return []string{"what the cluster's own template says"}
	}
	var needs []string
	if i.Resources.GPU > 0 {
		needs = append(needs, strconv.Itoa(i.Resources.GPU)+" GPU")
	}
	needs = append(needs, decimal(max(i.Resources.CPU, 1))+" CPU")
	if i.Resources.Memory > 0 {
		needs = append(needs, BytesText(float64(i.Resources.Memory)))
	}
	if i.Resources.Disk > 0 {
		needs = append(needs, fmt.Sprintf("%d MiB disk", i.Resources.Disk>>20))
	}
	for _, v := range i.Volumes {
		needs = append(needs, "volume "+v.Name)
	}
	return needs
}

// Takes says where an implementation takes less than its step: "at most 400 of
// sequence".
func (i *Implementation) Takes() []string {
	var takes []string
	for _, name := range slices.Sorted(maps.Keys(i.Limits)) {
		takes = append(takes, fmt.Sprintf("at most %s of %s", decimal(i.Limits[name]), name))
	}
	return takes
}

// Says is the table in words: "time and memory by sequence: 765: 105 s, 30 GiB of
// GPU memory; …"; empty where there is none.
func (c *Cost) Says() string {
	var points []string
	for _, p := range c.Points {
		var takes []string
		if p.Seconds > 0 {
			takes = append(takes, SpanText(p.Seconds))
		}
		if p.GPUMemory > 0 {
			takes = append(takes, BytesText(float64(p.GPUMemory))+" of GPU memory")
		}
		if p.Memory > 0 {
			takes = append(takes, BytesText(float64(p.Memory))+" of memory")
		}
		points = append(points, fmt.Sprintf("%d: %s", p.Length, strings.Join(takes, ", ")))
	}
	if len(points) == 0 {
		return ""
	}
	says := "time and memory by the length of " + c.By
	if c.By == "length" {
		says = "time and memory by length"
	}
	if c.Times != "" {
		says += ", for one of " + c.Times
	}
	return says + ": " + strings.Join(points, "; ") + " (" + c.Source + ")"
}

// SpanText is a time as a reader estimates it, with about two figures.
func SpanText(seconds float64) string {
	switch minutes := seconds / 60; {
	case seconds < 1:
		return strconv.FormatFloat(seconds, 'g', 1, 64) + " s"
	case seconds < 9.95:
		return fmt.Sprintf("%.1f s", seconds)
	case seconds < 120:
		return fmt.Sprintf("%.0f s", seconds)
	case minutes < 120:
		return fmt.Sprintf("%.0f min", minutes)
	case minutes < 48*60:
		return fmt.Sprintf("%.0f h", minutes/60)
	default:
		return fmt.Sprintf("%.0f days", minutes/60/24)
	}
}

// BytesText is a size as a reader estimates it.
func BytesText(bytes float64) string {
	if bytes < 1<<30 {
		return fmt.Sprintf("%.0f MiB", bytes/(1<<20))
	}
	return strings.TrimSuffix(fmt.Sprintf("%.1f", bytes/(1<<30)), ".0") + " GiB"
}

func decimal(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }
