// Package config is how an installation is set up: one YAML file, over it the
// environment (LIGASE_…), over that the flags of a command.
//
//	engine: argo                   # local, unless said otherwise
//	allow_roots: [s3://lab/inputs] # what calls may name as inputs besides
//	catalogs: [./definitions]
//	buckets:
//	  s3://: {endpoint: "http://minio:9000", region: us-east-1, use_path_style: true}
//	argo:
//	  root: s3://lab/ligase        # where runs lie; pods must reach it too
//	  namespace: ligase
//
// Credentials are in none of them: they come from where each service's own
// tools take them.
package config

import (
	"cmp"
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ligase-bio/ligase/internal/definition"
	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/uris"
)

// Engine names what runs the steps.
type Engine string

// The engines there are.
const (
	Local Engine = "local" // processes on this machine
	Argo  Engine = "argo"  // Argo Workflows on a Kubernetes cluster
)

// Containers names what runs the images of implementations on this machine.
type Containers string

// The ways there are.
const (
	ContainersAuto   Containers = "auto"   // podman, or where that is not to be had, docker
	ContainersPodman Containers = "podman" // that and nothing else
	ContainersDocker Containers = "docker"
	ContainersNever  Containers = "never" // nothing: commands run on the host, images or not
)

// Pull says which images are fetched.
type Pull string

// The ways there are.
const (
	PullMissing Pull = "missing" // those that are not here when they are needed
	PullNever   Pull = "never"   // none: a run that needs one that is not here is refused
)

// Config is how an installation is set up. The zero value of a field is its
// default.
type Config struct {
	Engine     Engine     // empty: Local
	Containers Containers // of the engine local; empty: ContainersAuto
	Pull       Pull       // of the engine local; empty: PullMissing
	Mounts     []string   // of the engine local: FOLDER:WHERE, what containers have read-only besides; see ParseMount
	// Volumes are folders of this machine, by the name of the volume that each
	// is to the implementations that need one. Of the engine local.
	Volumes map[string]string
	// GPUs are the devices that runs can get, by the product's name: bytes of
	// memory. Empty: those of this machine; of a cluster they are not known.
	GPUs       map[string]int64
	Data       string     // absolute path of the data folder; empty: the user's own
	AllowRoots []uris.URI // what calls may name as inputs besides
	Catalogs   []string   // absolute paths of folders of definitions
	Buckets    map[string]uris.BucketConfig
	Argo       ArgoConfig
	Serve      ServeConfig
}

// ArgoConfig is what the engine argo needs to know.
type ArgoConfig struct {
	Root       uris.URI // where runs lie: both this program and the pods read and write there; required
	Namespace  string   // of templates and Workflows; empty: DefaultNamespace
	Kubeconfig string   // path; empty: as kubectl finds it, in a pod its own identity
	Context    string   // of the kubeconfig; empty: the current one
	QPS        float64  // requests a second to the API server; 0: the engine's default
	Burst      int      // and at once; 0: the engine's default
	AllowDrift bool     // run templates that differ from the catalog's definitions
}

// Reference is a configuration file that says everything there is to say, with
// remarks.
//
//go:embed reference.yaml
var Reference string

// DefaultNamespace is where the templates of deploy/base are.
const DefaultNamespace = "ligase"

// Environment variables.
const (
	EnvFile       = "LIGASE_CONFIG"
	EnvEngine     = "LIGASE_ENGINE"
	EnvContainers = "LIGASE_CONTAINERS"
	EnvPull       = "LIGASE_PULL"
	EnvData       = "LIGASE_DATA"
	EnvRoot       = "LIGASE_ROOT"    // of the engine argo
	EnvAllowRoots = "LIGASE_ROOTS"   // separated by spaces
	EnvCatalogs   = "LIGASE_CATALOG" // separated as PATH is
	EnvNamespace  = "LIGASE_NAMESPACE"
)

// Load reads the file that --config or the environment names, or the user's
// own if there is one, and puts the environment over it. It returns the file
// that was read, "" for none.
func Load(flag string, getenv func(string) string) (Config, string, error) {
	var c Config
	file := cmp.Or(flag, getenv(EnvFile))
	asked := file != ""
	if !asked {
		file = userFile(getenv)
	}
	if file != "" {
		read, err := readFile(file, asked, getenv("HOME"))
		if err != nil {
			return c, file, err
		}
		if read == nil {
			file = ""
		} else {
			c = *read
		}
	}
	if problems := c.environment(getenv); len(problems) > 0 {
		return c, file, problems.Err()
	}
	return c, file, nil
}

// userFile is where a user's own configuration is; "" where there is no home.
func userFile(getenv func(string) string) string {
	if dir := getenv("XDG_CONFIG_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "ligase", "config.yaml")
	}
	if home := getenv("HOME"); home != "" {
		return filepath.Join(home, ".config", "ligase", "config.yaml")
	}
	return ""
}

// readFile reads a configuration; nil when it is not there and need not be.
func readFile(file string, asked bool, home string) (*Config, error) {
	f, err := os.Open(file)
	if os.IsNotExist(err) {
		if !asked {
			return nil, nil
		}
		return nil, fmt.Errorf("the configuration %s: %w", file, problem.ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("the configuration: %w", err)
	}
	defer f.Close()
	data, err := definition.ReadAll(f)
	if err != nil {
		return nil, fmt.Errorf("the configuration %s: %w", file, err)
	}
	abs, err := filepath.Abs(file)
	if err != nil {
		return nil, fmt.Errorf("the configuration %s: %w", file, err)
	}
	c, problems := Parse(file, Base{Dir: filepath.Dir(abs), Home: home}, data)
	if len(problems) > 0 {
		return nil, problems.Err()
	}
	return &c, nil
}

// Parse reads a configuration.
func Parse(file string, base Base, data []byte) (Config, problem.Problems) {
	var c Config
	doc := definition.Parse(file, data)
	top := doc.Root().Fields()
	c.Engine = definition.OneOf(top.Get("engine"), Local, Argo)
	c.Containers = definition.OneOf(top.Get("containers"), ContainersAuto, ContainersPodman, ContainersDocker, ContainersNever)
	c.Pull = definition.OneOf(top.Get("pull"), PullMissing, PullNever)
	for _, n := range top.Get("mounts").ListOrOne() {
		text := n.Text()
		if folder, where, err := ParseMount(text, base); err != nil {
			n.Problem(problem.Invalid, "Write it like /srv/weights:/weights.", "%v", err)
		} else {
			c.Mounts = append(c.Mounts, folder+":"+where)
		}
	}
	for _, n := range top.Get("gpus").Entries() {
		if c.GPUs == nil {
			c.GPUs = map[string]int64{}
		}
		size := n.Bytes()
		if size > 0 && size < 1<<30 {
			n.Problem(problem.OutOfRange, "Write its memory with the unit, like 80Gi.", "A GPU of %d bytes is none.", size)
		}
		c.GPUs[n.Key()] = size
	}
	for _, n := range top.Get("volumes").Entries() {
		if c.Volumes == nil {
			c.Volumes = map[string]string{}
		}
		if !definition.VolumeName.MatchString(n.Key()) {
			n.KeyProblem(problem.Invalid, "Write the name that ligase catalog show has, like esmfold-weights.", "No volume is called %.60q.", n.Key())
		}
		if folder := base.node(n); n.Text() == "" && n.Shape() == definition.Text {
			n.Problem(problem.Missing, "Write the folder that holds it.", "The volume %s has no folder.", n.Key())
		} else {
			c.Volumes[n.Key()] = folder
		}
	}
	c.Data = base.node(top.Get("data"))
	for _, n := range top.Get("allow_roots").ListOrOne() {
		c.AllowRoots = append(c.AllowRoots, uri(n))
	}
	for _, n := range top.Get("catalogs").ListOrOne() {
		c.Catalogs = append(c.Catalogs, base.node(n))
	}
	for _, n := range top.Get("buckets").Entries() {
		if c.Buckets == nil {
			c.Buckets = map[string]uris.BucketConfig{}
		}
		if scheme, bucket, ok := strings.Cut(n.Key(), "://"); !ok || scheme == "" || strings.Contains(bucket, "/") {
			n.KeyProblem(problem.Invalid, "Write s3://bucket, or s3:// for every bucket of the scheme.", "%q is not a bucket.", n.Key())
		}
		b := n.Fields()
		c.Buckets[n.Key()] = uris.BucketConfig{
			Endpoint: b.Get("endpoint").Text(), Region: b.Get("region").Text(),
			UsePathStyle: b.Get("use_path_style").Bool(), DisableHTTPS: b.Get("disable_https").Bool(),
		}
		b.Done()
	}
	argo := top.Get("argo").Fields()
	c.Argo = ArgoConfig{
		Root:      uri(argo.Get("root")),
		Namespace: argo.Get("namespace").Text(), Kubeconfig: base.node(argo.Get("kubeconfig")), Context: argo.Get("context").Text(),
		QPS: argo.Get("qps").Float(), Burst: int(argo.Get("burst").Int(0, 100_000)), AllowDrift: argo.Get("allow_drift").Bool(),
	}
	if c.Argo.QPS < 0 {
		argo.Get("qps").Problem(problem.OutOfRange, "Give requests a second, such as 200, or leave it out.", "The rate is negative.")
	}
	argo.Done()
	c.Serve = parseServe(top.Get("serve"), base)
	top.Done()
	return c, doc.Problems()
}

// uri reads the URI of a folder.
func uri(n *definition.Node) uris.URI {
	text := n.Text()
	if text == "" {
		return uris.URI{}
	}
	u, err := uris.Parse(strings.TrimSuffix(text, "/"))
	if err != nil {
		n.Problem(problem.Invalid, "", "%v", err)
	}
	return u
}

// environment puts what the environment says over the file's.
func (c *Config) environment(getenv func(string) string) (ps problem.Problems) {
	bad := func(name, format string, args ...any) {
		ps.Add(problem.Problem{Path: name, Code: problem.Invalid, Message: fmt.Sprintf(format, args...)})
	}
	if e := getenv(EnvEngine); e != "" {
		c.Engine = Engine(e)
		if !slices.Contains([]Engine{Local, Argo}, c.Engine) {
			bad(EnvEngine, "There is no engine %q; there are local and argo.", e)
		}
	}
	if text := getenv(EnvContainers); text != "" {
		var err error
		if c.Containers, err = ParseContainers(text); err != nil {
			bad(EnvContainers, "%v", err)
		}
	}
	if text := getenv(EnvPull); text != "" {
		var err error
		if c.Pull, err = ParsePull(text); err != nil {
			bad(EnvPull, "%v", err)
		}
	}
	if d := getenv(EnvData); d != "" {
		abs, err := filepath.Abs(d)
		if err != nil {
			bad(EnvData, "The data folder %s is relative, and the current folder is gone.", d)
		}
		c.Data = abs
	}
	if r := getenv(EnvRoot); r != "" {
		u, err := uris.Parse(strings.TrimSuffix(r, "/"))
		if err != nil {
			bad(EnvRoot, "%v", err)
		}
		c.Argo.Root = u
	}
	if list := strings.Fields(getenv(EnvAllowRoots)); len(list) > 0 {
		c.AllowRoots = nil
		for _, text := range list {
			u, err := uris.Parse(strings.TrimSuffix(text, "/"))
			if err != nil {
				bad(EnvAllowRoots, "%s: %v", text, err)
				continue
			}
			c.AllowRoots = append(c.AllowRoots, u)
		}
	}
	if list := filepath.SplitList(getenv(EnvCatalogs)); len(list) > 0 {
		c.Catalogs = list
	}
	if n := getenv(EnvNamespace); n != "" {
		c.Argo.Namespace = n
	}
	c.Serve.environment(getenv, bad)
	return ps
}

// ParseContainers reads one of the ways to run images.
func ParseContainers(text string) (Containers, error) {
	if !slices.Contains([]Containers{ContainersAuto, ContainersPodman, ContainersDocker, ContainersNever}, Containers(text)) {
		return "", fmt.Errorf("There is no way %q to run images; there are auto, podman, docker and never.", text)
	}
	return Containers(text), nil
}

// ParsePull reads which images are fetched.
func ParsePull(text string) (Pull, error) {
	if !slices.Contains([]Pull{PullMissing, PullNever}, Pull(text)) {
		return "", fmt.Errorf("Images are pulled when they are missing, or never, not %q.", text)
	}
	return Pull(text), nil
}

// ParseVolume reads NAME=FOLDER: the name of a volume, and the folder of this
// machine that it is.
func ParseVolume(text string, base Base) (name, folder string, err error) {
	name, folder, _ = strings.Cut(text, "=")
	if name == "" || folder == "" {
		return "", "", fmt.Errorf("%q does not say which folder is which volume.", text)
	}
	if !definition.VolumeName.MatchString(name) {
		return "", "", fmt.Errorf("No volume is called %.60q.", name)
	}
	if folder, err = base.Path(folder); err != nil {
		return "", "", err
	}
	return name, filepath.Clean(folder), nil
}

// ParseMount reads FOLDER:WHERE: a folder of this machine, and where containers
// have it.
func ParseMount(text string, base Base) (folder, where string, err error) {
	colon := strings.LastIndexByte(text, ':')
	if colon <= 0 || !filepath.IsAbs(text[colon+1:]) || filepath.Clean(text[colon+1:]) == "/" {
		return "", "", fmt.Errorf("%q does not say which folder is to be where in containers.", text)
	}
	folder, where = text[:colon], filepath.Clean(text[colon+1:])
	if folder, err = base.Path(folder); err != nil {
		return "", "", err
	}
	return folder, where, nil
}
