package container

import (
	"path"
	"path/filepath"
)

// Folder is the folder of this machine that is a volume: the one that it was
// given by name, else what one of the mounts has at its path anyway; "" when
// there is none. A Host of nil has none.
func (h *Host) Folder(name, at string) string {
	if h == nil {
		return ""
	}
	if folder := h.o.Volumes[name]; folder != "" {
		return folder
	}
	for _, m := range h.o.Mounts {
		if rest, err := filepath.Rel(m.Target, at); err == nil && filepath.IsLocal(rest) {
			return filepath.Join(m.Source, rest)
		}
	}
	return ""
}

// Volume is the mount of a volume, if one is needed: false when a mount of
// every container has it there already, or nothing is known that it could be.
func (h *Host) Volume(name, at string) (Mount, bool) {
	folder := ""
	if h != nil {
		folder = h.o.Volumes[name]
	}
	return Mount{Source: folder, Target: path.Clean(at), ReadOnly: true}, folder != ""
}
