package catalog

import (
	"fmt"
	"hash/fnv"
	"io/fs"
	"path"
	"strings"
	"sync/atomic"

	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/pipelines"
	"github.com/ligase-bio/ligase/steps"
)

// Live is a catalog whose folders may change while it is used. Whoever needs
// several answers that agree takes [Live.Now] once.
type Live struct {
	sources []Source
	now     atomic.Pointer[Catalog]
	seen    string
}

// NewLive loads sources. What has problems is not in the catalog, as with
// [Load].
func NewLive(sources ...Source) (*Live, problem.Problems) {
	l := &Live{sources: sources, seen: fingerprint(sources)}
	c, problems := Load(sources...)
	l.now.Store(c)
	return l, problems
}

// Now is the catalog as it is now.
func (l *Live) Now() *Catalog { return l.now.Load() }

// Refresh loads the sources again if any of their files is another than
// before, and reports whether it did. A catalog with problems does not take
// the place of one: what was served goes on being served, until the problems
// are mended. It is for one caller at a time.
func (l *Live) Refresh() (changed bool, problems problem.Problems) {
	seen := fingerprint(l.sources)
	if seen == l.seen {
		return false, nil
	}
	l.seen = seen
	c, problems := Load(l.sources...)
	if len(problems) > 0 {
		return false, problems
	}
	l.now.Store(c)
	return true, nil
}

// Compile is [Catalog.Compile] of the catalog as it is now.
func (l *Live) Compile(tool string, implementations map[string]string) (*pipelines.Compiled, error) {
	return l.Now().Compile(tool, implementations)
}

// Step is [Catalog.Step] of the catalog as it is now.
func (l *Live) Step(name string) *steps.Step { return l.Now().Step(name) }

// Types are those of the catalog as it is now.
func (l *Live) Types() *steps.Types { return l.Now().Types() }

// Next is [Catalog.Next] of the catalog as it is now.
func (l *Live) Next(typ, format string) []Fit { return l.Now().Next(typ, format) }

// fingerprint changes when a definition file comes, goes or is written.
func fingerprint(sources []Source) string {
	h := fnv.New128a()
	for _, s := range sources {
		if s.Name == builtin {
			continue
		}
		fmt.Fprintf(h, "%s\x00", s.Name)
		_ = fs.WalkDir(s.FS, ".", func(p string, d fs.DirEntry, err error) error {
			if err != nil {
				fmt.Fprintf(h, "%s\x00%v\x00", p, err) // [Load] says so
				return nil
			}
			hidden := p != "." && strings.HasPrefix(d.Name(), ".")
			if d.IsDir() {
				if hidden {
					return fs.SkipDir
				}
				return nil
			}
			if ext := path.Ext(p); hidden || ext != ".yaml" && ext != ".yml" {
				return nil
			}
			// A file may be a link into a folder that changes as a whole.
			if info, err := fs.Stat(s.FS, p); err == nil {
				fmt.Fprintf(h, "%s\x00%d\x00%d\x00", p, info.Size(), info.ModTime().UnixNano())
			} else {
				fmt.Fprintf(h, "%s\x00%v\x00", p, err)
			}
			return nil
		})
	}
	return string(h.Sum(nil))
}
