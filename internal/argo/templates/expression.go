package templates

import (
	"fmt"
	"strings"

	"github.com/ligase-bio/ligase/dag"
)

// The expressions in templates speak of the run's own arguments (which tasks
// have committed, how many items there are), of an index, and of how tasks
// ended. What a caller gave is in none of them.

// tag has Argo evaluate an expression.
func tag(expression string) string { return "{{= " + expression + " }}" }

// index is the index of a lane's tasks, as a text.
func (l *lane) index() string {
	if l.outer == nil {
		return "''"
	}
	return "inputs.parameters.index"
}

// committed says that a node's task of a lane's index has committed in an
// earlier try at the run. The list is searched as text: that takes no time to
// speak of, however many lanes ask.
func (l *lane) committed(node string) string { return l.listed(node, "") }

// left says that it has, and that all that it gave was filtered.
func (l *lane) left(node string) string { return l.listed(node, "!") }

func (l *lane) listed(node, mark string) string {
	quoted := fmt.Sprintf(`'"%s"'`, mark)
	if l.outer != nil {
		quoted = fmt.Sprintf(`'"%s' + inputs.parameters.index + '"'`, mark)
	}
	return fmt.Sprintf("workflow.parameters['%s'] contains (%s)", SkipParameter(node), quoted)
}

// there says that what a node of the lane gives came to be, now or in an
// earlier try, and is to be taken.
func (t *tree) there(l *lane, node string) string {
	name := t.holder(l, node).name
	now := fmt.Sprintf("tasks['%s'].status == 'Succeeded'", name)
	if t.filters(node) {
		now += fmt.Sprintf(" && tasks['%s']?.outputs?.parameters?.['%s'] != 'true'", name, LeftOutput)
	}
	return fmt.Sprintf("(%s || %s)", now, l.committed(node))
}

// handed says the same of a node of an outer lane.
func handed(node string) string {
	return fmt.Sprintf("inputs.parameters['%s'] == 'true'", hasParameter(node))
}

// hasParameter is the input of a lane that says whether what a node of an outer
// one gives came to be.
func hasParameter(node string) string { return "has-" + parameterName(node) }

// when says that a node's task is to run: it has not committed, and nothing
// that it takes an item of is missing.
func (t *tree) when(l *lane, k *task) string {
	conditions := []string{"!(" + l.committed(k.node) + ")"}
	if t.filters(k.node) {
		conditions = append(conditions, "!("+l.left(k.node)+")")
	}
	for _, need := range t.needs(t.compiled.Node(k.node)) {
		if !need.item || !t.mayMiss[need.node] {
			continue
		}
		switch home := t.home[need.node]; {
		case home == l:
			conditions = append(conditions, t.there(l, need.node))
		case home.holds(l):
			conditions = append(conditions, handed(need.node))
		}
	}
	return tag(strings.Join(conditions, " && "))
}

// items lists the indexes of a lane inside this one, as JSON.
func (t *tree) items(l, in *lane) string {
	prefix := ""
	if l.outer != nil {
		prefix = "inputs.parameters.index + '.' + "
	}
	numbers := fmt.Sprintf("0..(%s - 1)", t.howMany(l, in.opener))
	if t.filtersItems(in.opener) {
		numbers = fmt.Sprintf(`filter(%s, !(%s contains ('"' + string(#) + '"')))`, numbers, t.leftOf(l, in.opener))
	}
	return tag(fmt.Sprintf("toJson(map(%s, %sstring(#)))", numbers, prefix))
}

// leftOf lists the items of a scatter that were filtered, as JSON. The list is
// searched as text, like those of what has committed.
func (t *tree) leftOf(l *lane, opener dag.Endpoint) string {
	if t.home[opener.Node] != l {
		return fmt.Sprintf("(tasks['%s']?.outputs?.parameters?.['%s'] ?? '')", t.counter(l, opener).name, LeftOutput)
	}
	return fmt.Sprintf("(%s ? (fromJSON(workflow.parameters['%s'])[%s]['%s'] ?? '') : (tasks['%s']?.outputs?.parameters?.['%s'] ?? ''))",
		l.committed(opener.Node), ReuseParameter(opener.Node), l.index(), LeftParameter(opener.Port), t.holder(l, opener.Node).name, LeftParameter(opener.Port))
}

// howMany is how many items there are of a scatter. A task that says nothing
// of it although it succeeded is an error of the expression, and so of the
// Workflow: no items at all would be a result, and a wrong one.
func (t *tree) howMany(l *lane, opener dag.Endpoint) string {
	if opener.Node == "" {
		return fmt.Sprintf("int(workflow.parameters['%s'])", CountParameter(opener.Port))
	}
	if t.home[opener.Node] != l {
		return fmt.Sprintf("int(tasks['%s'].outputs.parameters.%s)", t.counter(l, opener).name, countOutput)
	}
	name := t.holder(l, opener.Node).name
	return fmt.Sprintf("(%s ? int(fromJSON(workflow.parameters['%s'])[%s]['%s']) : tasks['%s'].status == 'Succeeded' ? int(tasks['%s']?.outputs?.parameters?.['%s'] ?? 'not said') : 0)",
		l.committed(opener.Node), ReuseParameter(opener.Node), l.index(), opener.Port, name, name, CountParameter(opener.Port))
}
