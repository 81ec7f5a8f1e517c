package pod

import (
	"fmt"
	"os"
)

// progress tells Argo how far the command has come: a file that holds
// "37/100".
type progress struct {
	path string
	last int
}

func newProgress(path string) *progress { return &progress{path: path, last: -1} }

// report takes what [worker.Hooks].Progress is given. Progress is a courtesy:
// a file that cannot be written costs nobody anything.
//
// Each time it is another file that takes the name: Argo opens it anew to read
// it, and who reads one that is written over can get the beginning of what was
// there with the end of what is there now.
func (p *progress) report(fraction float64, _ string) {
	percent := int(100 * min(max(fraction, 0), 1))
	if p.path == "" || percent == p.last {
		return
	}
	next := p.path + ".next"
	err := os.WriteFile(next, fmt.Appendf(nil, "%d/100", percent), 0o644)
	if err == nil {
		err = os.Rename(next, p.path)
	}
	if err != nil {
		p.path = "" // it will not get better
		return
	}
	p.last = percent
}
