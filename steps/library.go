package steps

import (
	"embed"
	"fmt"
	"io/fs"
)

//go:embed library/*.yaml
var library embed.FS

// Library is the built-in library: one step or list of types a file.
func Library() fs.FS {
	sub, err := fs.Sub(library, "library")
	if err != nil {
		panic(err) // the folder is embedded
	}
	return sub
}

// LibraryTypes is the lattice of the built-in types alone.
func LibraryTypes() (*Types, error) {
	const file = "types.yaml"
	data, err := fs.ReadFile(Library(), file)
	if err != nil {
		return nil, fmt.Errorf("built-in types: %w", err)
	}
	list, ps := ParseTypes(file, data)
	if len(ps) > 0 {
		return nil, fmt.Errorf("built-in types: %w", ps)
	}
	types, ps := NewTypes(list)
	if len(ps) > 0 {
		return nil, fmt.Errorf("built-in types: %w", ps)
	}
	return types, nil
}
