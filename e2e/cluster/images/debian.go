package images

import (
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// examples are the images that the definitions in catalog/examples name, and
// the Debian packages that each is made of.
var examples = []struct {
	name     string
	packages []string
}{
	{"ghcr.io/ligase-bio/example-variants:dev", []string{"bwa", "samtools", "bcftools"}},
	{"ghcr.io/ligase-bio/example-families:dev", []string{"hmmer"}},
}

// ExamplePackages are the Debian packages that must be installed for
// [Examples].
func ExamplePackages() []string {
	var all []string
	for _, e := range examples {
		all = append(all, e.packages...)
	}
	return all
}

// Examples returns the images of catalog/examples, made of the packages that
// are installed on this machine and of its static busybox. They have the names
// that the definitions say.
func Examples(ctx context.Context) ([]Image, error) {
	shell, err := busybox(ctx)
	if err != nil {
		return nil, err
	}
	var all []Image
	for _, e := range examples {
		files, err := debian(ctx, e.packages)
		if err != nil {
			return nil, err
		}
		all = append(all, Image{
			Name: e.name, User: fmt.Sprint(nonroot), Command: []string{"/bin/sh"},
			Env:   []string{"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=/home/nonroot"},
			Files: slices.Concat(files, shell, account()),
		})
	}
	return all, nil
}

// packageList is the file of an image that says what it was made of, a package
// and its version on each line.
const packageList = "/usr/share/ligase/packages"

// debian are the programs of installed Debian packages with the shared
// libraries and plugins that they load, the licences of all of it, and a list
// of what that is. Scripts are left out, as their interpreters are.
func debian(ctx context.Context, packages []string) ([]File, error) {
	var programs []string
	for _, p := range packages {
		list, err := exec.CommandContext(ctx, "dpkg", "-L", p).Output()
		if errors.Is(err, exec.ErrNotFound) {
			return nil, fmt.Errorf("this is no Debian, and images of examples are made of its packages %s", strings.Join(packages, ", "))
		}
		if err != nil {
			return nil, fmt.Errorf("%s is not installed here, and an image is made of it: apt-get install %s", p, strings.Join(packages, " "))
		}
		for _, path := range strings.Fields(string(list)) {
			is, err := isELF(path)
			if err != nil {
				return nil, err
			}
			if is {
				programs = append(programs, path)
			}
		}
	}
	libraries, err := sharedLibraries(programs)
	if err != nil {
		return nil, err
	}
	var files []File
	for _, path := range append(programs, libraries...) {
		files = append(files, File{Path: path, Source: path})
	}
	all := slices.Concat(packages, owners(ctx, libraries))
	slices.Sort(all)
	all = slices.Compact(all)
	for _, p := range all {
		if licence := "/usr/share/doc/" + p + "/copyright"; readable(licence) {
			files = append(files, File{Path: licence, Source: licence, Mode: 0o644})
		}
	}
	versions, err := exec.CommandContext(ctx, "dpkg-query", append([]string{"-W", "-f", "${Package} ${Version}\n"}, all...)...).Output()
	if err != nil {
		return nil, fmt.Errorf("dpkg-query -W %s: %w", strings.Join(all, " "), err)
	}
	return append(files, File{Path: packageList, Data: versions}), nil
}

// isELF tells whether a path is a program or shared library.
func isELF(path string) (bool, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !info.Mode().IsRegular() {
		return false, nil // dpkg may be told to leave out documentation
	}
	if err != nil {
		return false, err
	}
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	magic := make([]byte, len(elf.ELFMAG))
	n, _ := f.Read(magic)
	return string(magic[:n]) == elf.ELFMAG, nil
}

// unnamed are libraries that no program names and glibc opens by itself: the
// unwinder, when a thread ends by pthread_exit. Without it the program aborts.
var unnamed = map[string]string{"libc.so.6": "libgcc_s.so.1"}

// libraryFolders are where Debian's dynamic loader looks.
var libraryFolders = []string{"/lib/*-linux-gnu*", "/usr/lib/*-linux-gnu*", "/lib", "/usr/lib"}

// sharedLibraries are the paths of the libraries that programs load, of those
// that these load, and of the loader itself, by the names that they are looked
// for.
func sharedLibraries(programs []string) ([]string, error) {
	var folders []string
	for _, pattern := range libraryFolders {
		matches, err := filepath.Glob(pattern)
		if err != nil {
			return nil, err
		}
		folders = append(folders, matches...)
	}
	known := map[string]string{} // path of each name
	for pending := slices.Clone(programs); len(pending) > 0; {
		path := pending[0]
		pending = pending[1:]
		machine, names, err := needs(path)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			if known[name] != "" {
				continue
			}
			if more := unnamed[name]; more != "" && known[more] == "" {
				if found := find(folders, more, machine); found != "" {
					known[more] = found
					pending = append(pending, found)
				}
			}
			found := name // the loader, by its path
			if !filepath.IsAbs(name) {
				if found = find(folders, name, machine); found == "" {
					return nil, fmt.Errorf("%s, which %s loads, is not there", name, path)
				}
				pending = append(pending, found)
			}
			known[name] = found
		}
	}
	var libraries []string
	for _, path := range known {
		if !slices.Contains(programs, path) {
			libraries = append(libraries, path)
		}
	}
	slices.Sort(libraries)
	return libraries, nil
}

// needs are the libraries that a program or library loads, and the path of
// what loads them, where it says one.
func needs(path string) (machine elf.Machine, names []string, err error) {
	f, err := elf.Open(path)
	if err != nil {
		return 0, nil, fmt.Errorf("%s: %w", path, err)
	}
	defer f.Close()
	names, err = f.ImportedLibraries()
	if err != nil {
		return 0, nil, fmt.Errorf("%s: %w", path, err)
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			loader, err := io.ReadAll(p.Open())
			if err != nil {
				return 0, nil, fmt.Errorf("%s: %w", path, err)
			}
			names = append(names, strings.TrimRight(string(loader), "\x00"))
		}
	}
	return f.Machine, names, nil
}

// find is the path of a library for that machine, empty when there is none.
func find(folders []string, name string, machine elf.Machine) string {
	for _, folder := range folders {
		path := filepath.Join(folder, name)
		f, err := elf.Open(path)
		if err != nil {
			continue
		}
		fits := f.Machine == machine
		f.Close()
		if fits {
			return path
		}
	}
	return ""
}

// owners are the packages that libraries came with, where it is known. A
// package may have put one below /lib or /usr/lib, which are one folder.
func owners(ctx context.Context, libraries []string) []string {
	args := []string{"-S"}
	for _, path := range libraries {
		args = append(args, path, "/usr"+path, strings.TrimPrefix(path, "/usr"))
	}
	// That some of these names are nobody's makes it end with 1.
	out, _ := exec.CommandContext(ctx, "dpkg-query", args...).Output()
	var packages []string
	for _, line := range strings.Split(string(out), "\n") {
		if name, _, ok := strings.Cut(line, ":"); ok && !strings.Contains(name, " ") {
			packages = append(packages, name)
		}
	}
	return packages
}

func readable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}
