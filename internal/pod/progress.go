package pod

import (
	"fmt"
	"os"
)

// progress tells Argo how far the command has come: a file that holds
// "37/100".
type progress struct {
	path string
	file *os.File
	last int
}

func newProgress(path string) *progress { return &progress{path: path, last: -1} }

// report takes what [worker.Hooks].Progress is given. Progress is a courtesy:
// a file that cannot be written costs nobody anything.
func (p *progress) report(fraction float64, _ string) {
	percent := int(100 * min(max(fraction, 0), 1))
	if p.path == "" || percent == p.last {
		return
	}
	if p.file == nil {
		var err error
		if p.file, err = os.OpenFile(p.path, os.O_WRONLY|os.O_CREATE, 0o644); err != nil {
			p.path = ""
			return
		}
	}
	// Over what is there, and cut only then: who reads meanwhile finds no
	// empty file.
	text := fmt.Sprintf("%d/100", percent)
	if _, err := p.file.WriteAt([]byte(text), 0); err == nil {
		p.file.Truncate(int64(len(text)))
	}
	p.last = percent
}

func (p *progress) close() {
	if p.file != nil {
		p.file.Close()
	}
}
