package worker

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/ligase-bio/ligase/steps"
)

const (
	maxCut     = 64 << 20 // bytes of a file that is split into records: it is held in memory
	maxRecords = 10_000   // objects that it becomes
)

// cut makes a file of each record of an output's file, for the port that they
// come on.
func (a *attempt) cut(whole *output, port *steps.Port) ([]output, *steps.Failure) {
	records := a.task.Types.Records(whole.port.Type, whole.format)
	if records == nil {
		return nil, fail(steps.FailImage, "The output `%s` is to be split into records, but nothing is said of those of %s.", whole.port.Name, whole.port.Type)
	}
	info, err := os.Stat(whole.path)
	if err == nil && info.Size() > maxCut {
		f := fail(steps.FailOutputContract, "The output `%s` has %d bytes; a file that is split into its records may have %d.", whole.port.Name, info.Size(), maxCut)
		f.Hint = "Have the command write fewer records, or one file for each."
		return nil, f
	}
	var content []byte
	if err == nil {
		content, err = os.ReadFile(whole.path)
	}
	if err != nil {
		return nil, storageFailure(fmt.Sprintf("The output `%s` could not be read", whole.port.Name), err)
	}
	parts := records.Cut(content)
	if len(parts) < port.MinItems {
		return nil, fail(steps.FailOutputContract, "%s, but `%s` has no records, and each of them was to be taken.", a.endedWell(), whole.port.Name)
	}
	if len(parts) > maxRecords {
		f := fail(steps.FailOutputContract, "The output `%s` has %d records; a file that is split into them may have %d.", whole.port.Name, len(parts), maxRecords)
		f.Hint = "Have the command write fewer records, or take the file as it is."
		return nil, f
	}
	folder, err := os.MkdirTemp(a.folder, port.Name+"-*") // an attempt whose command ran elsewhere has no folder
	if err != nil {
		return nil, storageFailure("The records could not be written", err)
	}
	a.cuts = append(a.cuts, folder)
	files := make([]output, len(parts))
	for k, part := range parts {
		path := filepath.Join(folder, fmt.Sprint(k))
		if err := os.WriteFile(path, part, 0o600); err != nil {
			return nil, storageFailure("The records could not be written", err)
		}
		files[k] = output{port: port, format: whole.format, item: k, path: path, origin: fmt.Sprintf("record %d of `%s`", k+1, whole.port.Name)}
	}
	return files, nil
}

// dropCuts removes the records, of an attempt whose folder is not removed.
func (a *attempt) dropCuts() {
	for _, folder := range a.cuts {
		if err := os.RemoveAll(folder); err != nil {
			a.worker.options.Log.Warn("records not removed", "folder", folder, "err", err)
		}
	}
}

// join makes one file of the values that an input is given, and checks it as
// what the step takes.
func (a *attempt) join(input *Input, staged *stagedInput) *steps.Failure {
	name := input.Port.Name
	if len(staged.paths) == 0 {
		delete(a.staged, name) // an optional input, not given
		return nil
	}
	if len(staged.conversions) > 0 {
		return fail(steps.FailInput, "Values of the input `%s` come in %s, and cannot be joined in that.", name, staged.conversions[0].From)
	}
	port := input.Port
	port.Unjoin()
	format := ""
	for i := range input.Items {
		item := &input.Items[i]
		if item.Failed != nil {
			continue
		}
		this := item.Format
		if this == "" && len(port.Formats) > 0 {
			this = port.Formats[0]
		}
		if format == "" {
			format = this
		}
		if this != format {
			return fail(steps.FailInput, "Values of the input `%s` come in %s and in %s, and cannot be joined into one file.", name, format, this)
		}
	}
	path := filepath.Join(a.folder, "in", name+"."+a.extension(&port, format))
	if err := concatenate(path, staged.paths); err != nil {
		return storageFailure(fmt.Sprintf("The values of the input `%s` could not be joined", name), err)
	}
	if err := os.RemoveAll(staged.folder); err != nil {
		return storageFailure(fmt.Sprintf("The values of the input `%s` could not be removed when they had been joined", name), err)
	}
	if f := a.checkStaged(&port, fmt.Sprintf("%d values, joined", len(staged.paths)), format, path); f != nil {
		return f
	}
	*staged = stagedInput{paths: []string{path}}
	return nil
}

// concatenate writes files one after the other, each ending with the end of a
// line.
func concatenate(path string, paths []string) (err error) {
	out, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(out)
	defer func() {
		if flushed := w.Flush(); err == nil {
			err = flushed
		}
		if closed := out.Close(); err == nil {
			err = closed
		}
	}()
	for _, p := range paths {
		if err := appendLines(w, p); err != nil {
			return err
		}
	}
	return nil
}

func appendLines(w *bufio.Writer, path string) error {
	in, err := os.Open(path)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil || info.Size() == 0 {
		return err
	}
	content := bufio.NewReader(in)
	if mark, _ := content.Peek(3); string(mark) == "\xef\xbb\xbf" {
		content.Discard(3) // amid other lines a byte order mark would be part of one
	}
	if _, err := io.Copy(w, content); err != nil {
		return err
	}
	var last [1]byte
	if _, err := in.ReadAt(last[:], info.Size()-1); err != nil {
		return err
	}
	if last[0] != '\n' {
		return w.WriteByte('\n')
	}
	return nil
}
