package cli

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/steps"
)

// volumeNames are the names of the volumes that implementations of the catalog,
// and of steps besides, have.
func (a *app) volumeNames(besides []*steps.Step) []string {
	c, _ := a.loadCatalog()
	names := map[string]bool{}
	add := func(implementations []steps.Implementation) {
		for i := range implementations {
			for _, v := range implementations[i].Volumes {
				names[v.Name] = true
			}
		}
	}
	for _, t := range c.Tools() {
		add(t.Implementations)
	}
	for _, s := range besides {
		add(s.Implementations)
	}
	return slices.Sorted(maps.Keys(names))
}

// checkVolumes refuses a --volume of a name that no implementation has: who
// types one means it. While definitions have problems, what they would name is
// not known.
func (a *app) checkVolumes(besides ...*steps.Step) error {
	if len(a.volumes) == 0 {
		return nil
	}
	if _, problems := a.loadCatalog(); len(problems) > 0 {
		return nil
	}
	names := a.volumeNames(besides)
	for _, given := range slices.Sorted(maps.Keys(a.volumes)) {
		if slices.Contains(names, given) {
			continue
		}
		there := "It has none."
		if len(names) > 0 {
			there = fmt.Sprintf("There are: %s.", strings.Join(names, ", "))
		}
		if near := problem.Nearest(given, names); near != "" {
			there = fmt.Sprintf("Did you mean %q? %s", near, there)
		}
		return usagef("--volume: no implementation of the catalog has a volume %s. %s", given, there)
	}
	return nil
}

// warnOfVolumes says, once, which names of volumes in the configuration look
// like a slip of the pen. Others that the catalog does not know are no mistake:
// one configuration may serve several catalogs.
func (a *app) warnOfVolumes() {
	c, err := a.settings()
	if err != nil || len(c.Volumes) == 0 || a.warned {
		return
	}
	a.warned = true
	names := a.volumeNames(nil)
	free := slices.DeleteFunc(slices.Clone(names), func(name string) bool { _, said := c.Volumes[name]; return said })
	for _, given := range slices.Sorted(maps.Keys(c.Volumes)) {
		if _, typed := a.volumes[given]; typed || slices.Contains(names, given) {
			continue
		}
		if near := problem.Nearest(given, free); near != "" {
			fmt.Fprintf(a.Err, "ligase: no implementation of the catalog has a volume %s, which %s names. Did you mean %q?\n", given, a.configPlace(), near)
		}
	}
}
