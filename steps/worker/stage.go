package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/ligase-bio/ligase/internal/definition"
	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/uris"
)

// stagedInput is an input port's value as the command is given it.
type stagedInput struct {
	many     bool
	paths    []string // of the items that are there, in index order
	folder   string   // of a port that takes many
	manifest string   // of a port that takes many

	conversions []conversion
}

const (
	transfers = 8        // files of an attempt that are staged or uploaded at a time
	headBytes = 64 << 10 // what content checks look at
)

// stage brings every input into in/, checked, under a name that says its
// format.
//
// A staged file is a copy, read-only, and never a hard link into a store on
// the same disk: a command that writes to its input in place (some do, and
// root is not stopped by permissions) would destroy what another step has
// committed. A copy-on-write copy is the store's business.
func (a *attempt) stage(ctx context.Context) *steps.Failure {
	if len(a.task.Inputs) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, a.timeout()-time.Since(a.began), a.overdueStaging())
	defer cancel()

	in := filepath.Join(a.folder, "in")
	if err := os.Mkdir(in, 0o700); err != nil {
		return storageFailure("The attempt's private folder could not be made", err)
	}
	a.staged = make(map[string]*stagedInput, len(a.task.Inputs))
	var group errgroup.Group
	group.SetLimit(transfers)
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	for i := range a.task.Inputs {
		input := &a.task.Inputs[i]
		staged := &stagedInput{many: input.Port.Many}
		a.staged[input.Port.Name] = staged
		names, f := a.names(in, input)
		if f == nil && staged.many {
			staged.folder = filepath.Join(in, input.Port.Name)
			staged.manifest = filepath.Join(in, input.Port.Name+".manifest.json")
			if err := os.Mkdir(staged.folder, 0o700); err != nil {
				f = storageFailure("The attempt's private folder could not be made", err)
			} else if !input.Port.Joined {
				if err := writeManifest(staged.manifest, input, names); err != nil {
					f = storageFailure("The manifest could not be written", err)
				}
			}
		}
		if f != nil {
			stop(f)
			break
		}
		for k := range input.Items {
			if names[k] == "" {
				continue
			}
			staged.paths = append(staged.paths, names[k])
			port, path := &input.Port, names[k]
			if c := a.conversionOf(input, k, path); c != nil {
				staged.conversions = append(staged.conversions, *c)
				port, path = &c.given, c.from
			}
			group.Go(func() error {
				if ctx.Err() != nil {
					return nil
				}
				if f := a.stageItem(ctx, port, &input.Items[k], path); f != nil {
					stop(f) // the first failure is the one that is told
				}
				return nil
			})
		}
	}
	group.Wait()
	if ctx.Err() != nil {
		return canceled(ctx)
	}
	for i := range a.task.Inputs {
		input := &a.task.Inputs[i]
		if !input.Port.Joined {
			continue
		}
		if f := a.join(input, a.staged[input.Port.Name]); f != nil {
			return f
		}
	}
	return nil
}

func (a *attempt) overdueStaging() *steps.Failure {
	return fail(steps.FailDeadline, "The inputs were not there within the timeout of %s.", a.timeout())
}

// names gives each item its path, "" for those that failed or were filtered
// upstream, and checks how many there are.
func (a *attempt) names(in string, input *Input) ([]string, *steps.Failure) {
	port := &input.Port
	names := make([]string, len(input.Items))
	taken := map[string]bool{}
	there, failed := 0, 0
	for k, item := range input.Items {
		switch {
		case item.Failed != nil:
			failed++
			continue
		case item.URI.IsZero():
			return nil, fail(steps.FailInput, "Item %d of input `%s` has no URI.", k, port.Name)
		}
		there++
		ext := a.extension(port, a.formatFor(port, item.Format))
		if !port.Many {
			names[k] = filepath.Join(in, port.Name+"."+ext)
			continue
		}
		name := fmt.Sprintf("%s.%s", item.Index, ext)
		if item.Index == "" || taken[name] {
			name = fmt.Sprintf("%d.%s", k, ext)
		}
		for taken[name] {
			name = "item-" + name
		}
		taken[name] = true
		names[k] = filepath.Join(in, port.Name, name)
	}
	switch {
	case !port.Many && len(input.Items) != 1:
		return nil, fail(steps.FailInput, "The input `%s` takes one value, not %d.", port.Name, len(input.Items))
	case !port.Many && failed > 0, failed > 0 && there < port.MinItems:
		return nil, fail(steps.FailUpstream, "The input `%s` has %d of the at least %d values it needs: %d failed before.", port.Name, there, max(port.MinItems, 1), failed)
	case there < port.MinItems:
		return nil, fail(steps.FailInput, "The input `%s` has %d values and needs at least %d.", port.Name, there, port.MinItems)
	case port.MaxItems > 0 && there > port.MaxItems:
		return nil, fail(steps.FailInput, "The input `%s` has %d values and takes at most %d.", port.Name, there, port.MaxItems)
	}
	return names, nil
}

// extension is how the name of a file of that port ends.
func (a *attempt) extension(port *steps.Port, format string) string {
	if format == "" && len(port.Formats) > 0 {
		format = port.Formats[0]
	}
	if f := a.task.Types.FormatOf(port.Type, format); f != nil && len(f.Extensions) > 0 {
		return f.Extensions[0]
	}
	if plainName.MatchString(format) {
		return format
	}
	return "dat"
}

var plainName = definition.NewForm(`^[a-z0-9][a-z0-9_]*$`, 40)

// stageItem copies one object and checks that it is what the port takes.
func (a *attempt) stageItem(ctx context.Context, port *steps.Port, item *Item, path string) *steps.Failure {
	var expect *uris.StageOptions
	if item.SHA256 != "" {
		expect = &uris.StageOptions{Size: item.Size, SHA256: item.SHA256}
	}
	if _, err := a.worker.options.Store.Stage(ctx, item.URI, path, expect); err != nil {
		if ctx.Err() != nil {
			return canceled(ctx)
		}
		return inputFailure(a.task.Root, port.Name, item.URI, err)
	}
	format := item.Format
	if format == "" && len(port.Formats) > 0 {
		format = port.Formats[0]
	}
	return a.checkStaged(port, item.URI.String(), format, path)
}

// checkStaged checks that a staged file is what the port takes, and makes it
// read-only. origin says what it is a copy of.
func (a *attempt) checkStaged(port *steps.Port, origin, format, path string) *steps.Failure {
	head, whole, err := headOf(path)
	if err != nil {
		return storageFailure(fmt.Sprintf("The staged input `%s` could not be read", port.Name), err)
	}
	types := a.task.Types
	if err := types.CheckPort(*port, format, head, whole); err != nil {
		return fail(steps.FailInput, "The input `%s` (%s) is not what the step takes: %s", port.Name, origin, sentence(err))
	}
	goesBy := a.goesBy(port)
	// Of values that are joined it is the whole's length that counts.
	most := a.longest(port)
	if !port.Joined && (most > 0 || goesBy) && types.HasLength(port.Type, format) {
		n, err := lengthOf(types, port.Type, format, path)
		if err != nil {
			return fail(steps.FailInput, "The input `%s` (%s) could not be measured: %s", port.Name, origin, sentence(err))
		}
		if goesBy {
			a.length = n
		}
		if most > 0 && n > most {
			return fail(steps.FailInput, "The input `%s` (%s) has a length of %d; this step takes at most %d.", port.Name, origin, n, most)
		}
	}
	if err := os.Chmod(path, 0o444); err != nil {
		return storageFailure("The staged input could not be made read-only", err)
	}
	return nil
}

// longest is how long a value of a port may be: of the step, or of the
// implementation where that takes less. 0: there is no limit.
func (a *attempt) longest(port *steps.Port) int {
	most := port.MaxLength
	if limit := int(a.task.Implementation.Limits[port.Name]); limit > 0 && (most == 0 || limit < most) {
		most = limit
	}
	return most
}

func lengthOf(types *steps.Types, typ, format, path string) (int, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	return types.Length(typ, format, f)
}

// headOf reads what content checks look at; whole says that it is all.
func headOf(path string) (head []byte, whole bool, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, false, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, false, err
	}
	head = make([]byte, min(info.Size(), headBytes))
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return nil, false, err
	}
	return head[:n], info.Size() <= headBytes, nil
}

func writeManifest(path string, input *Input, names []string) error {
	m := Manifest{Port: input.Port.Name, MadeBy: input.MadeBy, Items: make([]ManifestItem, 0, len(input.Items))}
	for k, item := range input.Items {
		entry := ManifestItem{Index: item.Index, Path: names[k], Metrics: item.Metrics, MadeBy: item.MadeBy, Failed: item.Failed}
		if !item.URI.IsZero() {
			entry.URI = item.URI.String()
		}
		m.Items = append(m.Items, entry)
	}
	b, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(b, '\n'), 0o444)
}

// check refuses a task that could not have come from a plan: its names become
// folders.
func (t *Task) check() *steps.Failure {
	if _, err := uris.ParseIndex(string(t.Index)); err != nil {
		return fail(steps.FailInput, "The task's index is not one: %v.", err)
	}
	for _, name := range []string{t.RunID, t.Node} {
		if !folderName.MatchString(name) {
			return fail(steps.FailInput, "The task has %.80q where the name of a run or node belongs.", name)
		}
	}
	if t.Attempt < 1 {
		return fail(steps.FailInput, "The task's attempt is %d; attempts count from 1.", t.Attempt)
	}
	var ports []string
	for i := range t.Inputs {
		ports = append(ports, t.Inputs[i].Port.Name)
	}
	for i := range t.Outputs {
		ports = append(ports, t.Outputs[i].Name)
	}
	for _, port := range ports {
		if !portName.MatchString(port) {
			return fail(steps.FailInput, "The task has %.80q where the name of a port belongs.", port)
		}
	}
	if t.Types == nil && len(ports) > 0 {
		return fail(steps.FailInput, "The task has ports, but not the types that they speak of.")
	}
	slices.Sort(ports)
	if len(slices.Compact(ports)) != len(t.Inputs)+len(t.Outputs) {
		return fail(steps.FailInput, "The task names a port twice.")
	}
	return nil
}

// portName is also that of an output's records; see [steps.RecordsName].
var portName = definition.NewForm(`^[a-z0-9][a-z0-9_]*(-records)?$`, 48)

var folderName = definition.NewForm(`^[A-Za-z0-9][A-Za-z0-9_.-]*$`, 251)
