package adapt_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ligase-bio/ligase/internal/adapt"
)

// A bench is a folder in which an adapter is tried.
type bench struct {
	*testing.T
	dir string
}

func newBench(t *testing.T) *bench { return &bench{t, t.TempDir()} }

// write makes a file below the folder and returns its path.
func (b *bench) write(name, content string) string {
	b.Helper()
	path := filepath.Join(b.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o666); err != nil {
		b.Fatal(err)
	}
	return path
}

func (b *bench) read(name string) string {
	b.Helper()
	content, err := os.ReadFile(filepath.Join(b.dir, name))
	if err != nil {
		b.Fatal(err)
	}
	return string(content)
}

// run runs an adapter; in its arguments @ is the folder.
func (b *bench) run(line string, args ...string) (code int, said string) {
	b.Helper()
	var words []string
	for _, w := range append(strings.Fields(line), args...) {
		words = append(words, strings.ReplaceAll(w, "@", b.dir))
	}
	var out bytes.Buffer
	code = adapt.Run(b.Context(), words, &out, &out)
	return code, out.String()
}

// must runs an adapter that is to succeed.
func (b *bench) must(line string, args ...string) string {
	b.Helper()
	code, said := b.run(line, args...)
	if code != 0 {
		b.Fatalf("%s: exit code %d: %s", line, code, said)
	}
	return said
}

// refuses runs an adapter that is to refuse what it is given, with a sentence.
func (b *bench) refuses(line, sentence string, args ...string) {
	b.Helper()
	code, said := b.run(line, args...)
	if code != 3 || !strings.Contains(said, sentence) {
		b.Errorf("%s: exit code %d: %s\nwant 3 and %q", line, code, said, sentence)
	}
}

// metrics are those of out/metrics.json.
func (b *bench) metrics() (m struct {
	Metrics map[string]float64
	Items   map[string][]map[string]float64
}) {
	b.Helper()
	if err := json.Unmarshal([]byte(b.read("out/metrics.json")), &m); err != nil {
		b.Fatal(err)
	}
	return m
}

func TestUsage(t *testing.T) {
	b := newBench(t)
	for _, c := range []struct {
		line string
		code int
		says string
	}{
		{"", 2, "Usage: ligase adapt NAME"},
		{"--help", 0, "esmfold"},
		{"esmfolds finish", 2, `There is no adapter "esmfolds"; there are `},
		{"esmfold", 2, "ligase adapt esmfold prepare|finish"},
		{"esmfold finish --out x", 2, "esmfold finish: give --sequence and --from."},
		{"esmfold finish --help", 0, "-sequence file"},
		{"esmfold prepare --sequence x --out y z", 2, `"z" is no flag`},
		{"esmfold prepare --sequence @/no.fasta --out @/y", 3, "There is no file"},
	} {
		if code, said := b.run(c.line); code != c.code || !strings.Contains(said, c.says) {
			t.Errorf("%q: exit code %d: %s\nwant %d and %q", c.line, code, said, c.code, c.says)
		}
	}
}
