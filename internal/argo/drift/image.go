package drift

import "strings"

// SameImage reports whether an image that the cluster's template names is the
// one that a definition names: the same reference, or the same path with the
// same tag and digest from another registry, as sites that mirror images have
// it (`ghcr.io/lab/fold:2` as `mirror.example/ghcr.io/lab/fold:2` or
// `mirror.example/lab/fold:2`).
func SameImage(defined, live string) bool {
	registry, path := splitRegistry(defined)
	_, there := splitRegistry(live)
	return defined == live || there == path || there == registry+"/"+path
}

// splitRegistry divides a reference as Docker and containerd do: the first part
// is a registry when it has a dot or a port in it, or is localhost; of none the
// registry is Docker's, whose images without a user are of `library`.
func splitRegistry(image string) (registry, path string) {
	first, rest, found := strings.Cut(image, "/")
	if found && (strings.ContainsAny(first, ".:") || first == "localhost") {
		registry, path = first, rest
	} else {
		registry, path = "docker.io", image
	}
	if registry == "docker.io" && !strings.Contains(path, "/") {
		path = "library/" + path
	}
	return registry, path
}
