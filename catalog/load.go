package catalog

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ligase-bio/ligase/internal/definition"
	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/pipelines"
	"github.com/ligase-bio/ligase/steps"
)

// Source is a folder of definitions: every *.yaml and *.yml in it and below,
// hidden files and folders apart.
type Source struct {
	Name string // "built in", or the folder's path: it begins the file names in problems
	FS   fs.FS

	place string // the folder on disk, without links; none when it is not there
}

// Builtin are the sources that the program carries.
func Builtin() []Source {
	return []Source{{Name: builtin, FS: steps.Library()}, {Name: builtin, FS: pipelines.Library()}}
}

const builtin = "built in"

// Dir is a folder on disk. The error says that it is not there or not a
// folder.
func Dir(dir string) (Source, error) {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Source{}, fmt.Errorf("catalog folder %s: %w", dir, problem.ErrNotFound)
	case err != nil:
		return Source{}, fmt.Errorf("catalog folder %s: %w", dir, err)
	case !info.IsDir():
		return Source{}, fmt.Errorf("catalog folder %s is a file; give the folder that holds it", dir)
	}
	return Source{Name: dir, FS: os.DirFS(dir), place: place(dir)}, nil
}

// place is where a folder is on disk, however it was named. Without one its
// files are taken for others than those of every other source.
func place(dir string) string {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return ""
	}
	if real, err := filepath.EvalSymlinks(abs); err == nil {
		return real
	}
	return ""
}

// File is a single definition file on disk.
func File(file string) Source {
	dir := filepath.Dir(file)
	return Source{Name: dir, FS: oneFile{os.DirFS(dir), filepath.Base(file)}, place: place(dir)}
}

// Holds says whether a tool's definition is in the source.
func (s Source) Holds(t *Tool) bool {
	one, single := s.FS.(oneFile)
	return t.Origin == s.Name && (!single || t.Pos.File == filepath.Join(s.Name, one.name))
}

// oneFile is a folder of which only one file is seen.
type oneFile struct {
	fs.FS
	name string
}

func (f oneFile) ReadDir(name string) ([]fs.DirEntry, error) {
	info, err := fs.Stat(f.FS, f.name)
	if err != nil || name != "." {
		return nil, err
	}
	return []fs.DirEntry{fs.FileInfoToDirEntry(info)}, nil
}

// Stat does not open the file: it may be a named pipe.
func (f oneFile) Stat(name string) (fs.FileInfo, error) { return fs.Stat(f.FS, name) }

// MaxFiles is how many definition files a source may hold.
const MaxFiles = 10_000

// Load reads sources into a catalog. It returns every problem of every file,
// and a catalog of what is sound: what has a problem, or uses something that
// has one, is not in it. A file that several sources hold is read once, by the
// first.
func Load(sources ...Source) (*Catalog, problem.Problems) {
	l := &loader{
		catalog: &Catalog{
			steps:     map[string][]*steps.Step{},
			pipelines: map[string][]*pipelines.Pipeline{},
			origins:   map[string]string{},
			compiled:  map[string]*compiling{},
		},
		defined: map[string]defined{},
		broken:  map[string]string{},
		seen:    map[string]bool{},
	}
	for _, s := range sources {
		l.read(s)
	}
	l.checkTypes()
	l.check()
	return l.catalog, l.problems.Sorted()
}

type loader struct {
	catalog  *Catalog
	types    [][]steps.Type
	defined  map[string]defined // by name
	broken   map[string]string  // types that have problems, and their files
	seen     map[string]bool    // files on disk
	problems problem.Problems
}

// defined remembers who took a name first.
type defined struct {
	kind pipelines.Kind
	pos  problem.Pos
}

func (l *loader) read(s Source) {
	files := 0
	_, named := s.FS.(oneFile) // whoever names a file means it, whatever it is called
	err := fs.WalkDir(s.FS, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			l.problems.Addf(problem.Pos{File: l.fileName(s, p)}, "", problem.NotAccessible, "", "This could not be read: %v.", err)
			return nil
		}
		if p != "." && strings.HasPrefix(d.Name(), ".") && !named {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if ext := path.Ext(p); d.IsDir() || ext != ".yaml" && ext != ".yml" && !named {
			return nil
		}
		if files++; files > MaxFiles {
			l.problems.Addf(problem.Pos{File: s.Name}, "", problem.TooLarge, "Name a smaller folder.",
				"There are more than %d definition files here.", MaxFiles)
			return fs.SkipAll
		}
		if s.place != "" {
			file := filepath.Join(s.place, filepath.FromSlash(p))
			if real, err := filepath.EvalSymlinks(file); err == nil && (named || d.Type()&fs.ModeSymlink != 0) {
				file = real
			}
			if l.seen[file] {
				return nil
			}
			l.seen[file] = true
		}
		l.file(s, p)
		return nil
	})
	if err != nil {
		l.problems.Addf(problem.Pos{File: s.Name}, "", problem.NotAccessible, "", "This could not be read: %v.", err)
	}
}

func (l *loader) fileName(s Source, p string) string {
	if s.Name == builtin {
		return builtin + ":" + p
	}
	return filepath.Join(s.Name, filepath.FromSlash(p))
}

func (l *loader) file(s Source, p string) {
	name := l.fileName(s, p)
	data, err := readCapped(s.FS, p)
	if err != nil {
		l.problems.Addf(problem.Pos{File: name}, "", problem.NotAccessible, "", "This could not be read: %v.", err)
		return
	}
	switch doc := definition.Parse(name, data); doc.Kind() {
	case definition.KindTypes:
		types, ps := steps.DecodeTypes(doc)
		l.problems = append(l.problems, ps...)
		l.types = append(l.types, types)
		for _, n := range doc.Root().Fields().Get("types").Entries() {
			l.broken[n.Key()] = name // until it is known to be sound
		}
	case definition.KindStep:
		step, ps := steps.DecodeStep(doc)
		l.problems = append(l.problems, ps...)
		if step != nil && (step.Gaps.Cover("name") || l.claim(pipelines.KindStep, step.Name, step.Version, s.Name, step.Pos)) {
			l.catalog.steps[step.Name] = append(l.catalog.steps[step.Name], step)
		}
	case definition.KindPipeline:
		pipeline, ps := pipelines.Decode(doc)
		l.problems = append(l.problems, ps...)
		if pipeline != nil && (pipeline.Gaps.Cover("name") || l.claim(pipelines.KindPipeline, pipeline.Name, pipeline.Version, s.Name, pipeline.Pos)) {
			l.catalog.pipelines[pipeline.Name] = append(l.catalog.pipelines[pipeline.Name], pipeline)
		}
	default:
		l.problems = append(l.problems, doc.Problems()...)
	}
}

// claim takes a name and version for a definition, if they are free.
func (l *loader) claim(kind pipelines.Kind, name, version, origin string, pos problem.Pos) bool {
	if first, taken := l.defined[name]; taken && first.kind != kind {
		l.problems.Addf(pos, "name", problem.Duplicate, "Choose another name.",
			"%q is a %s already (%s); tools share one list of names.", name, first.kind, first.pos)
		return false
	}
	key := name + "@" + version
	if first, taken := l.defined[key]; taken && steps.ValidVersion(version) {
		l.problems.Addf(pos, "version", problem.Duplicate, "Raise the version, which shadows the older one, or choose another name.",
			"%s is defined already (%s).", key, first.pos)
		return false
	}
	if _, taken := l.defined[name]; !taken {
		l.defined[name] = defined{kind, pos}
	}
	l.defined[key] = defined{kind, pos}
	l.catalog.origins[key] = origin
	return true
}

// checkTypes makes the lattice, and leaves in broken what is not in it.
func (l *loader) checkTypes() {
	for _, list := range l.types {
		for _, t := range list {
			delete(l.broken, t.Name)
		}
	}
	types, ps := steps.NewTypes(l.types...)
	l.catalog.types = types
	for _, list := range l.types {
		for _, t := range list {
			if types.Lookup(t.Name) != nil {
				continue
			}
			ofBroken := slices.ContainsFunc(t.Is, func(parent string) bool { return l.broken[parent] != "" })
			ps = slices.DeleteFunc(ps, func(p problem.Problem) bool {
				return ofBroken && p.Code == problem.UnknownName && p.Path == "types."+t.Name+".is"
			})
		}
	}
	for _, list := range l.types {
		for _, t := range list {
			if types.Lookup(t.Name) == nil {
				l.broken[t.Name] = t.Pos.File
			}
		}
	}
	l.problems = append(l.problems, ps...)
}

// brokenPorts are the places of ports whose types have problems, and the
// problem that this is for the definition that has them.
func (l *loader) brokenPorts(path string, ports []steps.Port) (gaps steps.Gaps, ps problem.Problems) {
	for _, p := range ports {
		if file := l.broken[p.Type]; file != "" {
			at := path + "." + p.Name + ".type"
			gaps = append(gaps, at)
			ps.Addf(p.Pos, at, problem.Invalid, fmt.Sprintf("Mend %s first.", file), "The type %s has problems itself.", p.Type)
		}
	}
	return gaps, ps
}

// check compiles everything and keeps what is sound. Definitions that have
// problems are there while it does: what uses them is checked against what
// could be read of them, and left out with them.
func (l *loader) check() {
	c := l.catalog
	for _, versions := range c.steps {
		slices.SortStableFunc(versions, func(a, b *steps.Step) int { return compareVersions(b.Version, a.Version) })
	}
	for _, versions := range c.pipelines {
		slices.SortStableFunc(versions, func(a, b *pipelines.Pipeline) int { return compareVersions(b.Version, a.Version) })
	}
	reported := map[problem.Problem]bool{} // a pipeline's problems show again in those that use it
	report := func(ps problem.Problems) {
		for _, p := range ps {
			if !reported[p] {
				reported[p] = true
				l.problems.Add(p)
			}
		}
	}
	soundSteps, soundPipelines := map[string][]*steps.Step{}, map[string][]*pipelines.Pipeline{}
	for _, name := range slices.Sorted(maps.Keys(c.steps)) {
		for _, s := range c.steps[name] {
			fine := s.Gaps == nil
			gaps, blame := l.brokenPorts("inputs", s.Inputs)
			more, others := l.brokenPorts("outputs", s.Outputs)
			s.Gaps = append(append(s.Gaps, gaps...), more...)
			ps := l.checkStep(s)
			if blame = append(blame, others...); fine && len(ps) == 0 && len(blame) > 0 {
				ps = blame[:1]
			}
			report(ps)
			for _, p := range ps {
				s.Gaps = append(s.Gaps, p.Path) // for the pipelines that use it
			}
			if s.Gaps == nil {
				soundSteps[name] = append(soundSteps[name], s)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.pipelines)) {
		for _, p := range c.pipelines[name] {
			fine := p.Gaps == nil
			gaps, blame := l.brokenPorts("inputs", p.Inputs)
			p.Gaps = append(p.Gaps, gaps...)
			ps := pipelines.Check(p, draft{c})
			if fine && len(ps) == 0 && len(blame) > 0 {
				ps = blame[:1]
			}
			report(ps)
			if len(ps) == 0 && p.Gaps == nil {
				soundPipelines[name] = append(soundPipelines[name], p)
			}
		}
	}
	c.steps, c.pipelines = soundSteps, soundPipelines
	for _, name := range slices.Sorted(maps.Keys(l.defined)) {
		if strings.Contains(name, "@") {
			continue
		}
		// What was sound beside a broken newer version can fail without it:
		// then its problems are reported already.
		if compiled, err := c.Compile(name, nil); err == nil {
			c.tools = append(c.tools, c.tool(compiled))
		}
	}
	slices.SortFunc(c.tools, func(a, b *Tool) int { return strings.Compare(a.Name, b.Name) })
}

func (l *loader) checkStep(s *steps.Step) problem.Problems {
	if s.Gaps != nil {
		return pipelines.CheckStep(s, l.catalog.types)
	}
	_, err := pipelines.CompileStep(s, draft{l.catalog}, nil)
	return problemsOf(err, s.Pos, string(pipelines.KindStep))
}

// draft is a catalog that is being checked: what it holds is not known to be
// sound.
type draft struct{ *Catalog }

// Names lists what there is of a kind, sorted.
func (d draft) Names(kind pipelines.Kind) []string {
	names := slices.Collect(maps.Keys(d.steps))
	if kind == pipelines.KindPipeline {
		names = slices.Collect(maps.Keys(d.pipelines))
	}
	names = slices.DeleteFunc(names, func(name string) bool { return !steps.ValidName(name) })
	slices.Sort(names)
	return names
}

// readCapped reads a file of at most one byte more than a definition may
// have: the reader of definitions refuses the rest in its own words.
func readCapped(fsys fs.FS, name string) ([]byte, error) {
	// A named pipe would be waited for when it is opened.
	if info, err := fs.Stat(fsys, name); err != nil {
		return nil, err
	} else if !info.Mode().IsRegular() {
		return nil, errors.New("it is not a regular file")
	}
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return definition.ReadAll(f)
}
