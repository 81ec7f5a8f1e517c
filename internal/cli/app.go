package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/ligase-bio/ligase/catalog"
	"github.com/ligase-bio/ligase/internal/config"
	"github.com/ligase-bio/ligase/internal/container"
	"github.com/ligase-bio/ligase/internal/gateway/identity"
	"github.com/ligase-bio/ligase/internal/local"
	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/internal/sqlite"
	"github.com/ligase-bio/ligase/uris"
	"github.com/ligase-bio/ligase/uris/drivers"
)

// tenant owns what is run from a command line.
const tenant = identity.DefaultTenant

// app is one call of the program: its flags, and what has been opened.
type app struct {
	Streams

	configFlag   string
	engineFlag   string
	boxesFlag    string // --containers
	pullFlag     string
	mountFlags   []string
	volumeFlags  []string // --volume
	dataFlag     string
	catalogFlags []string
	rootFlags    []string
	clusterFlag  bool
	json         bool

	volumes    map[string]string // what volumeFlags say
	warned     bool              // of volumes, see warnOfVolumes
	config     *config.Config
	configFile string // that was read, if any

	found           []catalog.Source // in the cluster
	catalog         *catalog.Catalog
	catalogProblems problem.Problems
	live            *catalog.Live // instead of it, for a process that stays

	blobs   *uris.Store // durable when it returns
	claims  *uris.Store // the same, not durable
	work    *uris.Store // of the engine's worker
	store   *sqlite.Store
	service *runs.Service
	engine  runs.Engine
	log     *slog.Logger // of the engine's process; nil discards

	boxes   *container.Host // see containers
	machine *local.Here     // see here
}

// close releases what was opened.
func (a *app) close() error {
	var errs []error
	if a.store != nil {
		errs = append(errs, a.store.Close())
	}
	for _, blobs := range []*uris.Store{a.work, a.claims, a.blobs} {
		if blobs != nil {
			errs = append(errs, blobs.Close())
		}
	}
	return errors.Join(errs...)
}

// settings are how the installation is set up: the configuration file, over it
// the environment, over that the flags.
func (a *app) settings() (config.Config, error) {
	if a.config != nil {
		return *a.config, nil
	}
	c, file, err := config.Load(a.configFlag, a.Env)
	if err != nil {
		return config.Config{}, err
	}
	if a.engineFlag != "" {
		c.Engine = config.Engine(a.engineFlag)
	}
	switch c.Engine {
	case "":
		c.Engine = config.Local
	case config.Local, config.Argo:
	default:
		return config.Config{}, usagef("There is no engine %q; there are local and argo.", c.Engine)
	}
	if a.boxesFlag != "" {
		if c.Containers, err = config.ParseContainers(a.boxesFlag); err != nil {
			return config.Config{}, usagef("--containers: %v", err)
		}
	}
	if a.pullFlag != "" {
		if c.Pull, err = config.ParsePull(a.pullFlag); err != nil {
			return config.Config{}, usagef("--pull: %v", err)
		}
	}
	here, _ := filepath.Abs(".") // a folder that is gone is one that is not there
	typed := config.Base{Dir: here, Home: a.Env("HOME")}
	if len(a.mountFlags) > 0 {
		c.Mounts = nil
		for _, text := range a.mountFlags {
			folder, where, err := config.ParseMount(text, typed)
			if err != nil {
				return config.Config{}, usagef("--mount: %v Write it like /srv/weights:/weights.", err)
			}
			c.Mounts = append(c.Mounts, folder+":"+where)
		}
	}
	for _, text := range a.volumeFlags {
		name, folder, err := config.ParseVolume(text, typed)
		if err != nil {
			return config.Config{}, usagef("--volume: %v Write it like esmfold-weights=/srv/weights/esmfold.", err)
		}
		if a.volumes == nil {
			a.volumes = map[string]string{}
		}
		a.volumes[name] = folder
	}
	if len(a.volumes) > 0 {
		c.Volumes = maps.Clone(c.Volumes)
		if c.Volumes == nil {
			c.Volumes = map[string]string{}
		}
		maps.Copy(c.Volumes, a.volumes)
	}
	if len(a.catalogFlags) > 0 {
		c.Catalogs = a.catalogFlags
	}
	if a.dataFlag != "" {
		if c.Data, err = filepath.Abs(a.dataFlag); err != nil {
			return config.Config{}, usagef("The data folder %s is relative, and the current folder is gone; give an absolute one with --data DIR.", a.dataFlag)
		}
	}
	if len(a.rootFlags) > 0 {
		c.AllowRoots = nil
		for _, text := range a.rootFlags {
			u, err := uris.Parse(strings.TrimSuffix(text, "/"))
			if err != nil {
				return config.Config{}, usagef("--allow-root %s: %v", text, err)
			}
			c.AllowRoots = append(c.AllowRoots, u)
		}
	}
	a.config, a.configFile = &c, file
	return c, nil
}

// dataDir is the folder that holds everything of this installation, apart from
// what the engine argo keeps in its root. Each engine has a database of its
// own.
func (a *app) dataDir() (string, error) {
	c, err := a.settings()
	if err != nil {
		return "", err
	}
	dir := c.Data
	if dir == "" {
		if dir, err = a.usersData(); err != nil {
			return "", err
		}
	}
	if c.Engine != config.Local {
		dir = filepath.Join(dir, string(c.Engine))
	}
	return dir, nil
}

// usersData is where a user's data is unless told otherwise.
func (a *app) usersData() (string, error) {
	if dir := a.Env("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "ligase"), nil
	}
	if home := a.Env("HOME"); home != "" {
		return filepath.Abs(filepath.Join(home, ".local", "share", "ligase"))
	}
	return "", usagef("There is no home folder to keep data in; give --data DIR or set LIGASE_DATA.")
}

// catalogDirs are the folders that were asked for. A configuration that cannot
// be read has none: commands that need it say why.
func (a *app) catalogDirs() []string {
	c, err := a.settings()
	if err != nil {
		return a.catalogFlags
	}
	return c.Catalogs
}

// loadCatalog reads the built-in library and the folders asked for, once.
func (a *app) loadCatalog() (*catalog.Catalog, problem.Problems) {
	if a.catalog == nil {
		a.catalog, a.catalogProblems = catalog.Load(a.sources()...)
	}
	return a.catalog, a.catalogProblems
}

// sources are where definitions are: the built-in library and what is added
// to it.
func (a *app) sources() []catalog.Source { return append(catalog.Builtin(), a.added()...) }

// added are the folders asked for, and with --cluster what was found in the
// cluster.
func (a *app) added() []catalog.Source {
	var sources []catalog.Source
	for _, dir := range a.catalogDirs() {
		if source, err := catalog.Dir(dir); err == nil { // else checkFolders has refused it
			sources = append(sources, source)
		}
	}
	return append(sources, a.found...)
}

// begin reads what every command goes by.
func (a *app) begin(ctx context.Context) error {
	if _, err := a.settings(); err != nil {
		return err
	}
	if err := a.checkFolders(); err != nil || !a.clusterFlag {
		return err
	}
	return a.addCluster(ctx)
}

// checkFolders refuses catalog folders that are not there: whoever names one
// means it.
func (a *app) checkFolders() error {
	for _, dir := range a.catalogDirs() {
		if _, err := catalog.Dir(dir); err != nil {
			return err
		}
	}
	return nil
}

// catalogOrWarn gives what is sound in the catalog and says how much is not.
func (a *app) catalogOrWarn() *catalog.Catalog {
	c, problems := a.loadCatalog()
	a.warnOfVolumes()
	if len(problems) > 0 {
		fmt.Fprintf(a.Err, "ligase: %s in the catalog's folders; what has them is left out. See: ligase validate %s\n",
			counted(len(problems), "problem"), strings.Join(a.catalogDirs(), " "))
	}
	return c
}

// orProblems explains why a tool was not found: the catalog's own problems,
// when there are any.
func (a *app) orProblems(err error) error {
	if _, problems := a.loadCatalog(); errors.Is(err, problem.ErrNotFound) && len(problems) > 0 {
		return problems
	}
	return err
}

// storeOptions are what the stores of objects have in common. The first root
// is the one that runs lie in.
func (a *app) storeOptions(dataDir string) (uris.Options, error) {
	c, err := a.settings()
	if err != nil {
		return uris.Options{}, err
	}
	root := c.Argo.Root
	switch {
	case c.Engine == config.Argo && root.IsZero():
		return uris.Options{}, usagef("The engine argo keeps runs where its pods can reach them, and it is not said where. Set argo: {root: s3://bucket/prefix} in %s, or %s.", a.configPlace(), config.EnvRoot)
	case c.Engine == config.Local:
		if root, err = uris.FromPath(filepath.Join(dataDir, "store")); err != nil {
			return uris.Options{}, usagef("The data folder %q cannot be used, because URIs are made of its path: %v Choose another with --data DIR.", dataDir, err)
		}
	}
	options := uris.Options{Roots: []uris.Root{{URI: root, Write: true}}, Openers: drivers.All(), Buckets: c.Buckets, Advice: a.advice()}
	for _, u := range c.AllowRoots {
		options.Roots = append(options.Roots, uris.Root{URI: u})
	}
	return options, nil
}

// advice is what to do about a URI that may not be read.
func (a *app) advice() string {
	if a.live != nil {
		return "give the URI of a run's output; whoever runs this gateway can allow other places with --allow-root"
	}
	return "give a local file as name=@file, or allow its folder with --allow-root"
}

// configPlace is where a user would write configuration.
func (a *app) configPlace() string {
	if a.configFile != "" {
		return a.configFile
	}
	return "~/.config/ligase/config.yaml"
}

// makeEngine makes the engine that a service hands its runs to.
type makeEngine func(dataDir string, blobs *uris.Store) (runs.Engine, error)

// open opens the data folder and wires the service. The engine that it hands
// runs to is a process of its own, unless one is given: then this is that
// process, which reads what runs were allowed to name when they were submitted.
func (a *app) open(engine makeEngine) (*runs.Service, error) {
	if engine == nil {
		return a.openFor(a.remote, false)
	}
	return a.openFor(engine, true)
}

// openFor is open for a service that takes calls (not readAny), or one that
// does what others have taken.
func (a *app) openFor(engine makeEngine, readAny bool) (*runs.Service, error) {
	if a.service != nil {
		return a.service, nil
	}
	dataDir, err := a.dataDir()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dataDir, 0o700); err != nil {
		return nil, fmt.Errorf("%w: the data folder cannot be made: %w. Give another with --data DIR", problem.ErrUnavailable, err)
	}
	options, err := a.storeOptions(dataDir)
	if err != nil {
		return nil, err
	}
	root := options.Roots[0].URI
	options.ReadAny = readAny
	// A run's row in the database makes it durable, its claim need not be.
	if a.claims, err = uris.NewStore(options); err != nil {
		return nil, err
	}
	options.Sync = true
	if a.blobs, err = uris.NewStore(options); err != nil {
		return nil, err
	}
	var c runs.Catalog
	if a.live != nil {
		c = a.live
	} else {
		c, _ = a.loadCatalog()
	}
	if a.store, err = sqlite.Open(filepath.Join(dataDir, "ligase.db"), sqlite.Options{}); err != nil {
		return nil, err
	}
	if a.engine, err = engine(dataDir, a.blobs); err != nil {
		return nil, err
	}
	a.service, err = runs.NewService(runs.Options{
		Store: a.store, Engine: a.engine, Blobs: a.blobs, Claims: a.claims, Log: a.log, Root: root, Catalog: c, Clock: time.Now,
		Hinders: a.hinders(), GPUs: a.gpus(),
	})
	return a.service, err
}

// remote is the engine as seen from a command: another process, started when
// it is needed.
func (a *app) remote(dataDir string, blobs *uris.Store) (runs.Engine, error) {
	args, err := a.engineArgs()
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("this program's own path: %w", err)
	}
	process, err := local.NewRemote(local.RemoteOptions{DataDir: dataDir, Self: self, Args: args, Blobs: blobs})
	if err != nil || a.config.Engine != config.Argo {
		return process, err
	}
	cluster, err := a.argoEngine(blobs, nil)
	if err != nil {
		return nil, err
	}
	return newFollower(process, cluster), nil
}

// engineArgs start an engine process that is set up as this one is. What the
// environment says it says to both.
func (a *app) engineArgs() ([]string, error) {
	// Plans carry all that it needs to run them; from the catalog it only
	// learns what to suggest next.
	args, err := a.sameSetUp()
	if err != nil {
		return nil, err
	}
	idle := "10s"
	if given := a.Env("LIGASE_ENGINE_IDLE"); given != "" {
		idle = given
	}
	return append([]string{"engine", "--idle", idle}, args...), nil
}

// sameSetUp are the flags that set up another process of this program as this
// one is, wherever it is started.
func (a *app) sameSetUp() ([]string, error) {
	c, err := a.settings()
	if err != nil {
		return nil, err
	}
	data := c.Data
	if data == "" {
		if data, err = a.usersData(); err != nil {
			return nil, err
		}
	}
	args := []string{"--engine", string(c.Engine), "--data", data}
	for _, f := range [][2]string{{"--containers", string(c.Containers)}, {"--pull", string(c.Pull)}} {
		if f[1] != "" && c.Engine == config.Local {
			args = append(args, f[0], f[1])
		}
	}
	for _, m := range c.Mounts {
		if c.Engine == config.Local {
			args = append(args, "--mount", m)
		}
	}
	// Those that the configuration names it says there, too.
	for _, name := range slices.Sorted(maps.Keys(a.volumes)) {
		if c.Engine == config.Local {
			args = append(args, "--volume", name+"="+a.volumes[name])
		}
	}
	paths := [][2]string{}
	if a.configFile != "" {
		paths = append(paths, [2]string{"--config", a.configFile})
	}
	for _, dir := range c.Catalogs {
		paths = append(paths, [2]string{"--catalog", dir})
	}
	for _, p := range paths {
		abs, err := filepath.Abs(p[1])
		if err != nil {
			return nil, err
		}
		args = append(args, p[0], abs)
	}
	return args, nil
}
