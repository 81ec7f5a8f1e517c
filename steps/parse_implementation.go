package steps

import (
	"fmt"
	"math"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/ligase-bio/ligase/internal/definition"
	"github.com/ligase-bio/ligase/internal/problem"
)

// Bounds of what an implementation may ask for: beyond them stands a slip of
// the pen.
const (
	maxCPU     = 4096
	maxGPU     = 64
	minMemory  = 1 << 20
	maxTimeout = 30 * 24 * time.Hour
	maxRetries = 20
)

// retryable are the failures after which another attempt can make sense.
var retryable = []FailureCode{
	FailOOM, FailGPUOOM, FailDisk, FailPreempted, FailImage, FailUnschedulable, FailDeadline,
	FailOutputContract, FailExit, FailStorage, FailUnknown,
}

// classified are the failures that a line of the log can stand for.
var classified = []FailureCode{
	FailOOM, FailGPUOOM, FailDisk, FailPreempted, FailImage, FailDeadline, FailOutputContract,
	FailInput, FailExit, FailStorage, FailUnknown,
}

var (
	imageForm    = definition.NewForm(`^[a-z0-9][A-Za-z0-9._/:@-]*$`, 255)
	variableForm = definition.NewForm(`^[A-Za-z_][A-Za-z0-9_]*$`, 100)
	wildcard     = regexp.MustCompile(`[*?[]`)
	otherRef     = regexp.MustCompile(`\$\{?(inputs|params|work)\b|\{\{ ?(inputs|params|work)\b|\$\{?outputs\.`)
)

// references are the inputs and parameters that commands use.
type references struct {
	inputs, params map[string]bool
	unclear        bool // a command has a mistake: what it means to use is not known
}

func decodeImplementation(n *definition.Node, s *Step, used *references) Implementation {
	checkName(n, "an implementation")
	f := n.Fields()
	im := Implementation{
		Name:        n.Key(),
		Title:       title(f.Get("title")),
		Description: f.Get("description").Text(),
		License:     f.Get("license").Text(),
		Citation:    f.Get("citation").Text(),
		Image:       matching(f.Get("image"), imageForm, "Write it like ghcr.io/owner/image:tag."),
		Resources:   decodeResources(f.Get("resources")),
		Timeout:     decodeTimeout(f.Get("timeout")),
		Retries:     decodeRetries(f.Get("retries")),
		Limits:      decodeLimits(f.Get("limits"), s),
		Cost:        decodeCost(f.Get("cost"), s),
		Pos:         n.KeyPos(),
	}
	if template := f.Get("template"); template.Given() {
		refuseBesides(f)
		foreign := foreignReader{step: s, used: used}
		im.Template = foreign.read(template)
		im.Collect = decodeSources(f.Need("collect"), s)
		im.Metrics = decodeMeasured(f.Get("metrics"))
		f.Done()
		return im
	}
	im.Metrics = decodeFile(f.Get("metrics"))
	command := commandReader{step: s, used: used}
	im.Command = command.read(f.Need("command"))
	im.Prepare = command.read(f.Get("prepare"))
	im.Finish = command.read(f.Get("finish"))
	for _, v := range f.Get("env").Entries() {
		if im.Env == nil {
			im.Env = map[string]string{}
		}
		im.Env[v.Key()] = decodeVariable(v)
	}
	im.Volumes = decodeVolumes(f.Get("volumes"))
	im.Collect = decodeCollect(f.Need("collect"), s)
	for _, item := range f.Get("failures").List() {
		p := item.Fields()
		pattern := LogPattern{Code: definition.OneOf(p.Need("code"), classified...)}
		if re := regex(p.Need("pattern")); re != nil {
			pattern.Pattern = re.String()
		}
		p.Done()
		im.Failures = append(im.Failures, pattern)
	}
	if progress := f.Get("progress"); progress.Given() {
		if re := regex(progress); re != nil {
			im.Progress = re.String()
			if re.SubexpIndex("done") < 0 || re.SubexpIndex("total") < 0 {
				progress.Problem(problem.Invalid, `Name the numbers: 'step (?P<done>\d+)/(?P<total>\d+)'.`,
					"The pattern has no groups named done and total.")
			}
		}
	}
	f.Done()
	return im
}

// commandReader reads a command and checks what it refers to.
type commandReader struct {
	step *Step
	used *references
}

func (c *commandReader) read(n *definition.Node) []Arg {
	if n.Shape() == definition.Text {
		n.Problem(problem.Invalid, "Write it as a list of arguments: [tool, --in, $(inputs.x)].",
			"A command is a list of arguments, never a line for a shell.")
		return nil
	}
	items := n.List()
	if n.Shape() == definition.List && len(items) == 0 {
		n.Problem(problem.Missing, "Write the program and its arguments: [tool, --in, $(inputs.x)].", "The command is empty.")
	}
	var args []Arg
	for i, item := range items {
		if item.Shape() == definition.List {
			arg := Arg{Group: true}
			for _, t := range item.List() {
				arg.Templates = append(arg.Templates, c.template(t, true))
			}
			if len(arg.Templates) == 0 {
				item.Problem(problem.Missing, "Write arguments in it or remove it.", "The group is empty.")
			}
			if i == 0 {
				item.Problem(problem.Invalid, "Write the program's name alone first.", "A command cannot begin with a group.")
			}
			args = append(args, arg)
			continue
		}
		text := c.template(item, false)
		if i == 0 {
			checkProgram(item, text)
		}
		args = append(args, Arg{Templates: []string{text}})
	}
	return args
}

func checkProgram(n *definition.Node, text string) {
	switch {
	case n.Shape() != definition.Text:
	case strings.TrimSpace(text) == "":
		n.Problem(problem.Missing, "Write the program's name.", "The command begins with an empty text.")
	case strings.Contains(text, "$("):
		n.Problem(problem.Invalid, "Write its name, or its absolute path.", "The program cannot come from a reference.")
	case strings.Contains(text, "/") && !path.IsAbs(text):
		n.Problem(problem.Invalid, "Write its name, to be found on PATH, or its absolute path.",
			"%.60q is a relative path, and steps run in folders of their own.", text)
	case strings.ContainsAny(text, " \t\n"):
		n.Problem(problem.Invalid, "Make each word an item of the list: ["+strings.Join(strings.Fields(text), ", ")+"].",
			"The program's name has blanks in it.")
	}
}

// template reads one element. Broken ones give an empty text; their problem
// is noted.
func (c *commandReader) template(n *definition.Node, group bool) string {
	text := n.Text()
	switch n.Shape() {
	case definition.Null:
		n.Problem(problem.Missing, `Write it, or "" for an empty argument.`, "The argument is empty.")
	case definition.Text:
	default:
		c.used.unclear = true
		return ""
	}
	t, err := ParseTemplate(text)
	if err != nil {
		c.used.unclear = true
		n.Problem(problem.Invalid, "", "%s", err)
		return text
	}
	for _, p := range t {
		switch p.Kind {
		case Literal:
			if at := otherRef.FindString(p.Text); at != "" && !strings.Contains(text, "$$(") {
				n.Problem(problem.Invalid, "Write $(inputs.x), $(params.y) or $(work).", "%s is not replaced in a command.", at)
			}
		case InputRef:
			c.input(n, p, len(t) == 1, group)
		case ParamRef:
			c.param(n, p, group)
		}
	}
	return text
}

func (c *commandReader) input(n *definition.Node, p Part, alone, group bool) {
	port := c.step.Input(p.Name)
	if port == nil {
		c.used.unclear = true
		n.Problem(problem.UnknownName, c.otherwise("inputs", p.Name), "There is no input %q.", p.Name)
		return
	}
	c.used.inputs[p.Name] = true
	switch {
	case p.Sub == "uri" || p.Sub == "uris":
		n.Problem(problem.Invalid, fmt.Sprintf("Write $(inputs.%s) for the file itself.", p.Name), "A command is given files; where they lie in the store is for templates of others.")
	case p.Sub != "" && !port.Many:
		n.Problem(problem.Cardinality, fmt.Sprintf("Write $(inputs.%s).", p.Name), "%s carries one file; .%s is about inputs that carry many.", p.Name, p.Sub)
	case p.Sub == "" && port.Many && !alone:
		n.Problem(problem.Cardinality, fmt.Sprintf("Let $(inputs.%s) be an argument of its own, or use $(inputs.%s.dir).", p.Name, p.Name),
			"%s carries many files, which cannot stand inside one argument.", p.Name)
	case port.Optional && !group:
		n.Problem(problem.Invalid, "Put it, with its flag, into an inner list: it is left out when the input is not given.",
			"The input %s is optional, and the command cannot do without it.", p.Name)
	}
}

func (c *commandReader) param(n *definition.Node, p Part, group bool) {
	param := c.step.Param(p.Name)
	switch {
	case param == nil:
		c.used.unclear = true
		n.Problem(problem.UnknownName, c.otherwise("params", p.Name), "There is no parameter %q.", p.Name)
		return
	case param.Optional && !group:
		n.Problem(problem.Invalid, "Put it, with its flag, into an inner list: it is left out when the parameter is not given.",
			"The parameter %s is optional, and the command cannot do without it.", p.Name)
	}
	c.used.params[p.Name] = true
}

// otherwise is the fix for a reference to something that is not there.
func (c *commandReader) otherwise(section, name string) string {
	s := c.step
	var inputs, params []string
	for _, p := range s.Inputs {
		inputs = append(inputs, p.Name)
	}
	for _, p := range s.Params {
		params = append(params, p.Name)
	}
	names := inputs
	if section == "params" {
		names = params
	}
	switch {
	case section == "inputs" && slices.Contains(params, name):
		return fmt.Sprintf("It is a parameter: write $(params.%s).", name)
	case section == "params" && slices.Contains(inputs, name):
		return fmt.Sprintf("It is an input: write $(inputs.%s).", name)
	case s.Output(name) != nil:
		return "It is an output: let the command write below $(work), and name the file in collect."
	case len(names) == 0:
		return "Declare it under " + section + "."
	}
	return problem.DidYouMean(name, names)
}

// decodeLimits reads where an implementation takes less than its step.
func decodeLimits(n *definition.Node, s *Step) map[string]float64 {
	var limits map[string]float64
	var names []string
	for i := range s.Inputs {
		names = append(names, s.Inputs[i].Name)
	}
	for i := range s.Params {
		if p := &s.Params[i]; p.Type == Integer || p.Type == Number {
			names = append(names, p.Name)
		}
	}
	for _, entry := range n.Entries() {
		port, param := s.Input(entry.Key()), s.Param(entry.Key())
		before := n.Document().Count()
		most := entry.Float()
		if n.Document().Count() > before {
			continue
		}
		switch {
		case port == nil && param == nil:
			entry.KeyProblem(problem.UnknownName, problem.DidYouMean(entry.Key(), names), "There is no input or parameter %.60q.", entry.Key())
			continue
		case port != nil && (most < 1 || most != math.Trunc(most)):
			entry.Problem(problem.OutOfRange, "Write a whole number of residues or records.", "The limit of an input is its greatest length.")
			continue
		case port != nil && port.MaxLength > 0 && most >= float64(port.MaxLength),
			param != nil && param.Maximum != nil && most >= *param.Maximum:
			entry.Problem(problem.OutOfRange, "Write less, or remove it.", "The step itself takes no more of %s.", entry.Key())
			continue
		case param != nil && param.Type != Integer && param.Type != Number:
			entry.Problem(problem.TypeMismatch, "Remove it.", "The parameter %s is no number, so there is no largest value.", entry.Key())
			continue
		case param != nil && param.Default != nil && greater(param.Default, most),
			param != nil && param.Minimum != nil && *param.Minimum > most:
			entry.Problem(problem.OutOfRange, "Write more, or change the parameter.", "The limit leaves out the default or the minimum of %s.", entry.Key())
			continue
		}
		if limits == nil {
			limits = map[string]float64{}
		}
		limits[entry.Key()] = most
	}
	return limits
}

func greater(v *Value, than float64) bool {
	switch x := v.Any().(type) {
	case int64:
		return float64(x) > than
	case float64:
		return x > than
	}
	return false
}

func decodeVariable(n *definition.Node) string {
	if !variableForm.MatchString(n.Key()) {
		n.KeyProblem(problem.Invalid, "Use letters, digits and _.", "%.60q cannot name an environment variable.", n.Key())
	}
	value := n.Text()
	if _, err := ParseTemplate(value); err != nil || strings.Contains(value, "$(") {
		n.Problem(problem.Invalid, "Give it to the command as an argument.", "References are not replaced in env.")
	}
	return value
}

// decodeCollect reads which files of a command are the outputs.
func decodeCollect(n *definition.Node, s *Step) map[string]string {
	return decodePorts(n, s, "the file's path below $(work)", func(entry *definition.Node, port *Port) string {
		glob := decodeGlob(entry)
		if glob != "" && port.Many && !wildcard.MatchString(glob) {
			entry.Problem(problem.Cardinality, "Write a * where the names differ: "+starred(glob)+".",
				"%s carries many, but %.60q names one file.", port.Name, glob)
		}
		return glob
	})
}

// decodePorts reads what is said of every output, each by read; what is the
// kind of thing to say.
func decodePorts(n *definition.Node, s *Step, what string, read func(*definition.Node, *Port) string) map[string]string {
	var collect map[string]string
	named, unknown := map[string]bool{}, false
	var outputs []string
	for _, o := range s.Outputs {
		outputs = append(outputs, o.Name)
	}
	for _, entry := range n.Entries() {
		port := s.Output(entry.Key())
		if port == nil {
			unknown = true
			entry.KeyProblem(problem.UnknownName, problem.DidYouMean(entry.Key(), outputs), "There is no output %.60q.", entry.Key())
			continue
		}
		named[port.Name] = true
		if collect == nil {
			collect = map[string]string{}
		}
		collect[port.Name] = read(entry, port)
	}
	// An unknown name most likely stands for the one that is missing.
	if unknown || n.Shape() != definition.Mapping {
		return collect
	}
	for _, o := range s.Outputs {
		if named[o.Name] {
			continue
		}
		n.KeyProblem(problem.Missing, fmt.Sprintf("Add %s: and %s.", o.Name, what),
			"The implementation does not say where the output %s is.", o.Name)
	}
	return collect
}

// starred puts a * before the extension of a path.
func starred(glob string) string {
	ext := path.Ext(glob)
	return strings.TrimSuffix(glob, ext) + "_*" + ext
}

// decodeGlob reads a pattern for files below $(work).
func decodeGlob(n *definition.Node) string { return checkGlob(n, n.Text()) }

// checkGlob is the pattern that a node holds, if it is one.
func checkGlob(n *definition.Node, text string) string {
	glob := checkPath(n, text)
	if glob == "" {
		return ""
	}
	if strings.Contains(glob, "**") {
		n.Problem(problem.Invalid, "Write out the folders, each with at most a *.", "** is not known here.")
	} else if _, err := path.Match(glob, ""); err != nil {
		n.Problem(problem.Invalid, `Close the [ with a ], or write \[ for the character.`, "%.60q is not a pattern for names of files.", glob)
	}
	return glob
}

func decodeFile(n *definition.Node) string {
	file := checkPath(n, n.Text())
	if wildcard.MatchString(file) {
		n.Problem(problem.Invalid, "Name the file.", "%.60q has wildcards; this is one file.", file)
	}
	return file
}

// checkPath is the slash-separated path that a node holds, if it stays below
// $(work).
func checkPath(n *definition.Node, p string) string {
	within := strings.TrimPrefix(p, "$(work)/")
	switch {
	case p == "":
		if n.Shape() == definition.Text || n.Shape() == definition.Null {
			n.Problem(problem.Missing, "Write the file's path below $(work).", "The path is empty.")
		}
	case within != p:
		n.Problem(problem.Invalid, fmt.Sprintf("Write %s.", within), "Paths here begin below $(work) by themselves.")
	case strings.Contains(p, "$("):
		n.Problem(problem.Invalid, "Use a * for what differs.", "References are not replaced here.")
	case strings.Contains(p, `\`) && !strings.Contains(p, `\[`) && !strings.Contains(p, `\*`) && !strings.Contains(p, `\?`):
		n.Problem(problem.Invalid, "Write / between folders.", "%.60q has backslashes.", p)
	case path.IsAbs(p) || slices.Contains(strings.Split(p, "/"), ".."):
		n.Problem(problem.NotAllowed, "Write a path below $(work), like out/model.pdb.", "%.60q lies outside the work folder.", p)
	case path.Clean(p) != p || p == ".":
		n.Problem(problem.Invalid, fmt.Sprintf("Write %s.", path.Clean(p)), "%.60q is not the plain form of a path.", p)
	default:
		return p
	}
	return ""
}

func decodeResources(n *definition.Node) Resources {
	f := n.Fields()
	r := Resources{
		GPU:    int(f.Get("gpu").Int(0, maxGPU)),
		Memory: decodeBytes(f.Get("memory")),
		Disk:   decodeBytes(f.Get("disk")),
	}
	if cpu := f.Get("cpu"); cpu.Given() {
		before := n.Document().Count()
		r.CPU = cpu.Float()
		if n.Document().Count() == before && (r.CPU < 0.01 || r.CPU > maxCPU) {
			cpu.Problem(problem.OutOfRange, fmt.Sprintf("Write a number of cores, from 0.01 to %d.", maxCPU), "%s cores are outside the limits.", shortest(r.CPU))
		}
	}
	f.Done()
	return r
}

func decodeBytes(n *definition.Node) int64 {
	size := n.Bytes()
	if size > 0 && size < minMemory {
		n.Problem(problem.OutOfRange, fmt.Sprintf("Write the unit: %dMi.", size), "This is %d bytes.", size)
	}
	return size
}

func decodeTimeout(n *definition.Node) time.Duration {
	d := n.Duration()
	switch {
	case d > maxTimeout:
		n.Problem(problem.OutOfRange, "Write at most 30d.", "The timeout is longer than 30 days.")
	case d > 0 && d < time.Second:
		n.Problem(problem.OutOfRange, "Write at least 1s.", "The timeout is shorter than a second.")
	}
	return d
}

func decodeRetries(n *definition.Node) Retries {
	f := n.Fields()
	r := Retries{Limit: int(f.Get("limit").Int(0, maxRetries))}
	on := f.Get("on")
	for _, item := range on.ListOrOne() {
		code := definition.OneOf(item, retryable...)
		switch {
		case code == "":
		case slices.Contains(r.On, code):
			item.Problem(problem.Duplicate, "Remove one of them.", "%s is given twice.", code)
		default:
			r.On = append(r.On, code)
		}
	}
	f.Done()
	switch {
	case n.Broken():
	case r.Limit > 0 && !on.Given():
		n.KeyProblem(problem.Missing, "Add on: [oom, preempted, unknown].", "It does not say after which failures to try again.")
	case on.Given() && !f.Has("limit"):
		n.KeyProblem(problem.Missing, "Add limit: 2.", "It does not say how often to try again.")
	}
	return r
}
