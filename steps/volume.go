package steps

import (
	"path"
	"strings"

	"github.com/ligase-bio/ligase/internal/definition"
	"github.com/ligase-bio/ligase/internal/problem"
)

// Volume is a folder that an implementation's commands find at a path, read
// only, and that its image comes without: weights, a database. Who runs the
// step keeps it: on one machine the configuration names a folder for it, on
// Kubernetes it is the PersistentVolumeClaim of that name. The names are those
// of Kubernetes' volumes and of Tekton's workspaces, which are declared the
// same way.
type Volume struct {
	Name        string   `json:"name"`
	At          string   `json:"at"`                    // absolute path that commands find it at
	Description string   `json:"description,omitempty"` // what is in it
	Files       []string `json:"files,omitempty"`       // patterns below it, slash-separated, of which each names something, see OneOf: what tells a volume that is filled from one that is not
	Get         string   `json:"get,omitempty"`         // for people: the command or the address that it is filled from
}

var (
	// taken are folders that a container or a pod has for something else.
	taken = []string{"/", "/bin", "/dev", "/etc", "/lib", "/lib64", "/ligase", "/proc", "/run", "/sbin", "/sys", "/tmp", "/usr", "/var/run", "/var/tmp"}
	// within are those of them below which nothing can be, either.
	within = []string{"/dev", "/ligase", "/proc", "/run", "/sys", "/tmp", "/var/run", "/var/tmp"}
)

// decodeVolumes reads what folders an implementation needs.
func decodeVolumes(n *definition.Node) []Volume {
	var list []Volume
	for _, entry := range n.Entries() {
		if !definition.VolumeName.MatchString(entry.Key()) {
			entry.KeyProblem(problem.Invalid, "Write it like esmfold-weights: a letter, then letters, digits and -, at most 40.",
				"%.60q cannot be the name of a volume: in Kubernetes it is that of a PersistentVolumeClaim.", entry.Key())
		}
		f := entry.Fields()
		v := Volume{
			Name: entry.Key(), At: decodeAt(f.Need("at")),
			Description: f.Get("description").Text(), Get: f.Get("get").Text(),
		}
		for _, item := range f.Get("files").ListOrOne() {
			if glob := decodeContent(item); glob != "" {
				v.Files = append(v.Files, glob)
			}
		}
		f.Done()
		for _, other := range list {
			if v.At != "" && other.At != "" && (beneath(v.At, other.At) || beneath(other.At, v.At)) {
				f.Get("at").Problem(problem.Duplicate, "Give each a folder of its own.", "The volumes %s and %s lie in each other.", other.Name, v.Name)
			}
		}
		list = append(list, v)
	}
	return list
}

func decodeAt(n *definition.Node) string {
	at := n.Text()
	switch {
	case n.Shape() != definition.Text:
	case !path.IsAbs(at) || path.Clean(at) != at || strings.Contains(at, "$(") || strings.ContainsAny(at, ":,\x00\n"):
		n.Problem(problem.Invalid, "Write an absolute path, like /weights/esmfold.", "%.60q is not where a volume can be.", at)
	default:
		for _, t := range taken {
			if at == t {
				n.Problem(problem.NotAllowed, "Write a folder of its own, like /weights/esmfold.", "%s is taken in containers.", at)
				return ""
			}
		}
		for _, t := range within {
			if beneath(at, t) {
				n.Problem(problem.NotAllowed, "Write a folder of its own, like /weights/esmfold.", "%s lies below %s, which is taken in containers.", at, t)
				return ""
			}
		}
		return at
	}
	return ""
}

// decodeContent reads patterns for what is below a volume, of which one is
// enough.
func decodeContent(n *definition.Node) string {
	files := n.Text()
	if n.Shape() != definition.Text {
		return ""
	}
	for _, glob := range OneOf(files) {
		if glob == "" || glob != strings.TrimSpace(glob) || path.IsAbs(glob) || path.Clean(glob) != glob || glob == ".." || strings.HasPrefix(glob, "../") || strings.Contains(glob, "$(") {
			n.Problem(problem.Invalid, "Write a path below the volume, like checkpoints/*.pt.", "%.60q is not a path below the volume.", glob)
			return ""
		}
		if _, err := path.Match(glob, ""); err != nil || strings.Contains(glob, "**") {
			n.Problem(problem.Invalid, "Write it like checkpoints/*.pt.", "%.60q is not a pattern for names of files.", glob)
			return ""
		}
	}
	return files
}

// OneOf are the patterns that one of a volume's Files is: "*.safetensors|*.bin"
// is there when any of them names something.
func OneOf(files string) []string { return strings.Split(files, "|") }

// beneath reports whether a path is another one or below it.
func beneath(p, above string) bool { return p == above || strings.HasPrefix(p, above+"/") }
