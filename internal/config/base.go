package config

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/ligase-bio/ligase/internal/definition"
	"github.com/ligase-bio/ligase/internal/problem"
)

// Base is what paths that people write are below.
type Base struct {
	Dir  string // relative ones
	Home string // those that begin with "~/"; empty: there is none
}

// Path is the absolute path that a text means; "" stays. A shell expands "~/"
// only at the beginning of a word, and nobody does so in a file.
func (b Base) Path(text string) (string, error) {
	below, home := strings.CutPrefix(text, "~/")
	switch {
	case text == "" || filepath.IsAbs(text):
		return text, nil
	case text == "~":
		below, home = "", true
	case strings.HasPrefix(text, "~") && !home:
		return "", fmt.Errorf("%q is in the home folder of somebody else, which is not looked up.", text)
	}
	if !home {
		return filepath.Join(b.Dir, text), nil
	}
	if b.Home == "" {
		return "", fmt.Errorf("%q is in a home folder, and there is none.", text)
	}
	return filepath.Join(b.Home, below), nil
}

// node reads a path of a file.
func (b Base) node(n *definition.Node) string {
	path, err := b.Path(n.Text())
	if err != nil {
		n.Problem(problem.Invalid, "Write the whole path.", "%v", err)
	}
	return path
}
