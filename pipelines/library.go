package pipelines

import (
	"embed"
	"io/fs"
)

//go:embed library/*.yaml
var library embed.FS

// Library is the built-in library: one pipeline a file.
func Library() fs.FS {
	sub, err := fs.Sub(library, "library")
	if err != nil {
		panic(err) // the folder is embedded above
	}
	return sub
}
