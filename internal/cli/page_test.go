package cli

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	pageFence = regexp.MustCompile("(?ms)^```([a-z]+)\n(.*?)^```")
	columns   = regexp.MustCompile(`  +`)
	pageFile  = regexp.MustCompile(`^(?:#!.*\n)?# ([a-z][a-z0-9_/.-]*/[a-z0-9_.-]+)\n`)
)

// TestWritingAStep does what docs/writing-a-step.md says, from its beginning to
// its end, in an empty folder with an empty home: a block whose first line is
// a path is that file, a block of sh is typed, a line with "# refused" must be,
// and what a block of text shows is what has been printed (… is anything).
func TestWritingAStep(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "writing-a-step.md"))
	if err != nil {
		t.Fatal(err)
	}
	dir, home := t.TempDir(), t.TempDir()
	script := "set -eu\n"
	commands, shown := 0, []string{}
	for _, block := range pageFence.FindAllStringSubmatch(string(page), -1) {
		language, text := block[1], block[2]
		if name := pageFile.FindStringSubmatch(text); name != nil {
			script += fmt.Sprintf("mkdir -p %[1]s; cat > %[2]s <<'END OF FILE'\n%[3]sEND OF FILE\n", filepath.Dir(name[1]), name[1], text)
			continue
		}
		switch language {
		case "text":
			shown = append(shown, text)
		case "sh":
			for line := range strings.Lines(text) {
				script += typedLine(strings.TrimSuffix(line, "\n"))
				commands++
			}
		default:
			t.Errorf("a block of %s is no file and will not be typed:\n%s", language, text)
		}
	}
	if commands < 10 || len(shown) == 0 {
		t.Errorf("%d commands and %d blocks of what they print: this test sees too little", commands, len(shown))
	}
	cmd := exec.Command("sh", "-c", script)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "HOME="+home, "LIGASE_DATA=", "LIGASE_CATALOG=", "LIGASE_ROOTS=", "LIGASE_ENGINE_IDLE=300ms")
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Fatalf("the page stops there: %v", err)
	}
	for _, text := range shown {
		for line := range strings.Lines(text) {
			if line = strings.TrimSpace(line); line != "" && !printed(out, line) {
				t.Errorf("nothing printed %q", line)
			}
		}
	}
}

// typedLine is a line of the page for a script that stops where it should not
// fail.
func typedLine(line string) string {
	show := "printf '%s\\n' " + quoted("$ "+line) + "\n"
	switch {
	case strings.Contains(line, "# refused"):
		return show + "if " + line + "\nthen echo 'this was not refused'; exit 99; fi\n"
	case strings.HasPrefix(line, "ligase serve ") && !strings.Contains(line, "--stdio"):
		// It stays until it is ended: with exit code 0, if it was well.
		return show + line + " --listen 127.0.0.1:0 & sleep 1; kill -TERM $!; wait $!\n"
	}
	return show + line + "\n"
}

// printed reports whether a line was printed, with anything for each … and
// columns as wide as they are.
func printed(out []byte, line string) bool {
	parts := strings.Split(line, "…")
	for i := range parts {
		parts[i] = columns.ReplaceAllString(regexp.QuoteMeta(parts[i]), "  +")
	}
	return regexp.MustCompile(strings.Join(parts, ".*")).Match(bytes.ReplaceAll(out, []byte("\r"), nil))
}
