package container

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/ligase-bio/ligase/internal/definition"
)

// A GPU is a device that a container is given.
type GPU struct {
	ID    string // as CUDA_VISIBLE_DEVICES takes it: "0", or "GPU-8f5…"
	Index int    // its place among all of the machine's, from 0; negative: not known
}

// cdiKind is what NVIDIA's devices are called in specifications of the
// Container Device Interface.
// https://github.com/cncf-tags/container-device-interface
const cdiKind = "nvidia.com/gpu"

// gpus are the arguments that give a container devices, and no others.
func (p *Program) gpus(gpus []GPU) ([]string, error) {
	if u := p.GPUs(gpus); u != nil {
		return nil, u
	}
	// Images made for CUDA ask for all there are, by a variable that NVIDIA's
	// runtime obeys.
	if len(gpus) == 0 {
		return []string{"--env=NVIDIA_VISIBLE_DEVICES=void"}, nil
	}
	if p.Docker {
		ids := make([]string, len(gpus))
		for i, g := range gpus {
			ids[i] = g.ID
		}
		// The quotes are part of it: the value is a record of CSV.
		return []string{`--gpus="device=` + strings.Join(ids, ",") + `"`}, nil
	}
	known := cdiDevices(cdiFolders())
	args := []string{"--env=NVIDIA_VISIBLE_DEVICES=void"}
	for _, g := range gpus {
		args = append(args, "--device="+cdiKind+"="+g.nameIn(known))
	}
	return args, nil
}

// GPUs says why devices cannot be given to a container here; nil when they
// can, as far as can be told.
func (p *Program) GPUs(gpus []GPU) *Unavailable {
	switch {
	case len(gpus) == 0:
		return nil
	case p.Docker && !p.nvidia:
		return &Unavailable{"docker cannot give a GPU to a container here: NVIDIA's container toolkit is not installed.",
			"Install it: https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/latest/install-guide.html"}
	case p.Docker:
		return nil
	}
	folders := cdiFolders()
	known := cdiDevices(folders)
	generate := "Write them with NVIDIA's container toolkit: sudo nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml"
	if len(known) == 0 {
		return &Unavailable{fmt.Sprintf("%s cannot give a GPU to a container here: no file in %s says how (there is no CDI specification of %s).", p.Name, strings.Join(folders, " or "), cdiKind), generate}
	}
	for _, g := range gpus {
		if g.nameIn(known) == "" {
			return &Unavailable{fmt.Sprintf("%s cannot give the GPU %s to a container: the CDI specification of %s knows %s only.", p.Name, g.ID, cdiKind, strings.Join(known, ", ")), generate}
		}
	}
	return nil
}

// nameIn is what the device is called among those known: by its id, or by
// where it stands among the machine's.
func (g GPU) nameIn(known []string) string {
	if slices.Contains(known, g.ID) {
		return g.ID
	}
	if place := strconv.Itoa(g.Index); g.Index >= 0 && slices.Contains(known, place) {
		return place
	}
	return ""
}

// cdiFolders are where specifications lie, the later before the earlier.
func cdiFolders() []string { return []string{"/etc/cdi", "/var/run/cdi"} }

// cdiDevices are the names of NVIDIA's devices in the specifications of those
// folders, in order.
func cdiDevices(folders []string) []string {
	var names []string
	for _, folder := range folders {
		for _, ext := range []string{"*.yaml", "*.json"} {
			files, _ := filepath.Glob(filepath.Join(folder, ext)) // the pattern is sound
			for _, file := range files {
				data, err := os.ReadFile(file)
				if err != nil {
					continue // of somebody else's, then
				}
				spec := definition.Parse(file, data).Root().Fields()
				if spec.Get("kind").Text() != cdiKind {
					continue
				}
				for _, d := range spec.Get("devices").ListOrOne() {
					if name := d.Fields().Get("name").Text(); name != "" && !slices.Contains(names, name) {
						names = append(names, name)
					}
				}
			}
		}
	}
	return names
}
