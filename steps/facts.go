package steps

import (
	"fmt"
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
	switch {
	case p.Minimum != nil && p.Maximum != nil:
		facts = append(facts, decimal(*p.Minimum)+"–"+decimal(*p.Maximum))
	case p.Minimum != nil:
		facts = append(facts, "at least "+decimal(*p.Minimum))
	case p.Maximum != nil:
		facts = append(facts, "at most "+decimal(*p.Maximum))
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
// "512 MiB".
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
		needs = append(needs, fmt.Sprintf("%d MiB", i.Resources.Memory>>20))
	}
	return needs
}

func decimal(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }
