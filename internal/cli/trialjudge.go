package cli

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/ligase-bio/ligase/internal/plain"
	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/steps/worker"
)

// judge looks at everything that an attempt left. The worker stops at the
// first promise that is not kept; whoever writes a step wants to know of all
// of them.
func (t *trial) judge(ctx context.Context) error {
	if err := t.readLog(ctx); err != nil {
		return err
	}
	if err := t.findLeft(); err != nil {
		return err
	}
	if f := t.first.failure; f != nil {
		if f.Code == steps.FailOutputContract || f.ExitCode != nil && *f.ExitCode == 0 {
			t.checkEach(ctx)
		}
		return nil
	}
	t.judgeMetrics()
	t.judgeUse()
	if t.second != nil && t.second.failure == nil {
		return t.compare(ctx)
	}
	return nil
}

// checkEach holds each output by itself against what it promises, and the
// metrics file, and keeps what the first failure does not say already.
func (t *trial) checkEach(ctx context.Context) {
	work := t.work(&t.first)
	check := func(what string, outputs []steps.Port, made worker.Made) {
		task := t.task
		task.RunID, task.Outputs = t.first.id+"-"+what, outputs
		_, f := t.worker.Commit(ctx, task, made)
		if f == nil || strings.HasPrefix(t.first.failure.Message, f.Message) {
			return
		}
		f.LogTail = ""
		t.also = append(t.also, f)
	}
	for i := range t.task.Outputs {
		port := &t.task.Outputs[i]
		place := worker.Place{Folder: work, Pattern: t.impl.Collect[port.Name]}
		check(port.Name, t.task.Outputs[i:i+1], worker.Made{Outputs: map[string]worker.Place{port.Name: place}})
	}
	if t.impl.Metrics != "" {
		check("metrics", nil, worker.Made{Metrics: worker.Place{Folder: work, Pattern: t.impl.Metrics}})
	}
}

// readLog holds the patterns of the implementation against what the command
// printed.
func (t *trial) readLog(ctx context.Context) error {
	r := &t.first
	var log []byte
	reader, err := t.blobs.Open(ctx, t.layout.Run(r.id).Log(t.task.Node, "", 1))
	switch {
	case errors.Is(err, problem.ErrNotFound): // it printed nothing
	case err != nil:
		return err
	default:
		log, err = io.ReadAll(reader)
		if err = cmp.Or(err, reader.Close()); err != nil {
			return err
		}
	}
	r.logBytes, r.logLines = int64(len(log)), bytes.Count(log, []byte("\n"))
	if r.failure != nil {
		return nil // it may not have come to what the patterns are for
	}
	if t.impl.Progress != "" && r.progress.Reports == 0 {
		pattern := regexp.MustCompile(t.impl.Progress) // it has been checked
		line := matching(log, pattern)
		switch {
		case line != "":
			t.note("progress", problem.Invalid, `Let (?P<done>…) and (?P<total>…) match just the digits.`, "The pattern matches %q, and its groups are not two numbers.", line)
		case len(log) == 0:
			t.note("progress", problem.Unreachable, "Have it print how far it is, and not hold that back in a buffer; or remove the pattern.", "The pattern matched nothing: the command printed nothing.")
		default:
			t.note("progress", problem.Unreachable, "Mend the pattern, or remove it.", "The pattern matched no line of the log. Its last line: %q.", plain.Line(lastLine(log)))
		}
	}
	for i, f := range t.impl.Failures {
		if line := matching(log, regexp.MustCompile(f.Pattern)); line != "" {
			t.note(fmt.Sprintf("failures[%d]", i), problem.Invalid, "Make the pattern tell more: another failure would be blamed on it.",
				"The pattern for %s matches %q, and nothing had failed.", f.Code, line)
		}
	}
	return nil
}

// matching is the first line that an expression matches, fit to be shown.
func matching(log []byte, re *regexp.Regexp) string {
	for line := range bytes.FieldsFuncSeq(log, func(r rune) bool { return r == '\n' || r == '\r' }) {
		if re.Match(line) {
			return plain.Line(line)
		}
	}
	return ""
}

func lastLine(log []byte) []byte {
	log = bytes.TrimRight(log, "\r\n")
	return log[1+bytes.LastIndexAny(log, "\r\n"):]
}

// leftFile is a file that the command left in its folder and nothing collects.
type leftFile struct {
	Name string `json:"name"`
	Size int64  `json:"size"` // bytes
}

// findLeft lists what the command wrote and no output or metrics file names.
func (t *trial) findLeft() error {
	if t.first.commands == nil {
		return nil
	}
	work := t.work(&t.first)
	taken := map[string]bool{t.impl.Metrics: true}
	for _, pattern := range t.impl.Collect {
		names, err := fs.Glob(os.DirFS(work), pattern)
		if err != nil {
			continue // the failure says so
		}
		for _, name := range names {
			taken[name] = true
		}
	}
	return filepath.WalkDir(work, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil // what cannot be read cannot be told
		}
		name, err := filepath.Rel(work, path)
		if err != nil || taken[filepath.ToSlash(name)] {
			return err
		}
		if info, err := d.Info(); err == nil {
			t.left = append(t.left, leftFile{filepath.ToSlash(name), info.Size()})
		}
		return nil
	})
}

// judgeMetrics compares what was measured with what the step declares.
func (t *trial) judgeMetrics() {
	result, name := t.first.result, t.impl.Metrics
	measured := map[string]bool{}
	keep := func(metrics map[string]float64) {
		for name := range metrics {
			measured[name] = true
		}
	}
	keep(result.Metrics)
	for _, objects := range result.Outputs {
		for _, o := range objects {
			keep(o.Metrics)
		}
	}
	declared := map[string]bool{}
	var missing []string
	for _, m := range t.step.Metrics {
		declared[m.Name] = true
		if !measured[m.Name] {
			missing = append(missing, m.Name)
		}
	}
	switch {
	case name == "" && len(missing) > 0:
		t.note("metrics", problem.Missing, "Name the JSON file that the command writes them to: metrics: out/metrics.json.",
			"The step declares %s, and the implementation names no metrics file.", strings.Join(missing, ", "))
		return
	case name == "":
		return
	}
	file, err := os.ReadFile(filepath.Join(t.work(&t.first), filepath.FromSlash(name)))
	if err != nil {
		t.note("metrics", problem.Missing, `Have the command write it, as {"metrics": {"name": 1.5}}, or remove it.`, "The metrics file %s is not there.", name)
		return
	}
	for _, m := range missing {
		t.note("metrics."+m, problem.Missing, "Write it, or do not declare it.", "It is declared, and %s does not have it.", name)
	}
	for _, m := range slices.Sorted(maps.Keys(measured)) {
		if !declared[m] {
			t.note("metrics."+m, problem.UnknownName, fmt.Sprintf("Add it to the step's metrics: %s: {unit: …, better: …, description: …}.", m),
				"It is measured and not declared: nobody can know what it means.")
		}
	}
	var said worker.MetricsFile
	if json.Unmarshal(file, &said) != nil {
		return // the worker has read it
	}
	for _, port := range slices.Sorted(maps.Keys(said.Items)) {
		if p := steps.FindPort(t.task.Outputs, port); p == nil || !p.Many {
			t.note("metrics.items."+port, problem.UnknownName, "Put them under metrics, or under the name of an output that gives many.", "%s has metrics of items of %q, which is no output that gives many.", name, port)
		}
	}
}

// Shares of what is asked for, from which on it is said that they are high.
const (
	muchMemory = 0.8
	muchTime   = 0.5
	muchCPU    = 1.5
)

// judgeUse compares what the command used with what it asks for.
func (t *trial) judgeUse() {
	result, asked := t.first.result, t.impl.Resources
	if peak := result.Usage.PeakMemory; asked.Memory > 0 && float64(peak) > muchMemory*float64(asked.Memory) {
		t.note("resources.memory", problem.OutOfRange, "Ask for more: a larger input would be ended.",
			"The command had %s of the %s that it asks for.", mebibytes(peak), mebibytes(asked.Memory))
	}
	if run := result.Timings.Run; t.impl.Timeout > 0 && run > muchTime*t.impl.Timeout.Seconds() {
		t.note("timeout", problem.OutOfRange, "Raise it: on a slower machine, or a larger input, the command would be ended.",
			"The command took %s of its timeout of %s.", took(seconds(run)), took(t.impl.Timeout))
	}
	if run, cores := result.Timings.Run, max(asked.CPU, 1); run >= 1 && result.Usage.CPUSeconds > muchCPU*cores*run {
		t.note("resources.cpu", problem.OutOfRange, "Ask for as many, or keep it to what it asks for (its own flag, or env: {OMP_NUM_THREADS: \"1\"}).",
			"The command used %.1f cores and asks for %s.", result.Usage.CPUSeconds/run, number(cores))
	}
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// compare says what the second attempt gave otherwise.
func (t *trial) compare(ctx context.Context) error {
	a, b := t.first.result, t.second.result
	for i := range t.task.Outputs {
		port := t.task.Outputs[i].Name
		was, is := a.Outputs[port], b.Outputs[port]
		if len(was) != len(is) {
			t.differ("outputs.%s has %d objects the first time, and %d the second.", port, len(was), len(is))
			continue
		}
		for k := range was {
			if was[k].SHA256 == is[k].SHA256 {
				continue
			}
			where := "outputs." + port
			if t.task.Outputs[i].Many {
				where = fmt.Sprintf("%s[%d]", where, k)
			}
			line, err := t.firstDifference(ctx, was[k], is[k])
			if err != nil {
				return err
			}
			t.differ("%s is not the same twice%s.", where, line)
		}
		for k := range was {
			t.differMetrics(fmt.Sprintf("%s[%d]", port, k), was[k].Metrics, is[k].Metrics)
		}
	}
	t.differMetrics("", a.Metrics, b.Metrics)
	return nil
}

func (t *trial) differ(format string, args ...any) {
	t.differences = append(t.differences, fmt.Sprintf(format, args...))
}

func (t *trial) differMetrics(of string, was, is map[string]float64) {
	names := slices.Sorted(maps.Keys(was))
	for name := range is {
		if _, both := was[name]; !both {
			names = append(names, name)
		}
	}
	for _, name := range names {
		x, first := was[name]
		y, second := is[name]
		switch {
		case first && !second, second && !first:
			t.differ("The metric %s is measured only once.", strings.TrimSpace(name+" "+of))
		case x != y:
			t.differ("The metric %s is %v the first time, and %v the second.", strings.TrimSpace(name+" "+of), x, y)
		}
	}
}

// firstDifference shows the first line that differs in two texts.
func (t *trial) firstDifference(ctx context.Context, was, is steps.Object) (string, error) {
	if was.Preview == nil || is.Preview == nil {
		return "", nil // no text
	}
	x, err := t.blobs.Open(ctx, was.URI)
	if err != nil {
		return "", err
	}
	defer x.Close()
	y, err := t.blobs.Open(ctx, is.URI)
	if err != nil {
		return "", err
	}
	defer y.Close()
	one, two := bufio.NewScanner(x), bufio.NewScanner(y)
	for line := 1; ; line++ {
		more, other := one.Scan(), two.Scan()
		switch {
		case !more && !other:
			return "", cmp.Or(one.Err(), two.Err())
		case more != other || !bytes.Equal(one.Bytes(), two.Bytes()):
			return fmt.Sprintf(": line %d is %q, then %q", line, plain.Line(one.Bytes()), plain.Line(two.Bytes())), nil
		}
	}
}
