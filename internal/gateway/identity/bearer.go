package identity

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/modelcontextprotocol/go-sdk/auth"

	"github.com/ligase-bio/ligase/internal/problem"
)

// BearerFile is a [Verifier] of the tokens in a file: on each line a name, the
// token, and if it is not the default one the tenant, separated by spaces.
// Empty lines and those that begin with # are passed over.
//
//	alice  s3cr3t-of-at-least-sixteen-characters
//	ci     another-token-that-nobody-can-guess    lab-b
//
// The file is read again when it has changed; while it cannot be read, or has
// a mistake, the tokens that it had last hold.
type BearerFile struct {
	path   string
	report func(error) // of a file that has become unreadable, once

	mu      sync.Mutex
	looked  time.Time
	seen    fs.FileInfo
	holders []holder
}

type holder struct {
	digest    [sha256.Size]byte
	principal Principal
}

const (
	lookEvery  = time.Second // at the file
	leastToken = 16          // characters
	mostFile   = 1 << 20
)

// NewBearerFile reads a file of tokens. report is told when it cannot be read
// any more later; nil: nobody is.
func NewBearerFile(path string, report func(error)) (*BearerFile, error) {
	if report == nil {
		report = func(error) {}
	}
	f := &BearerFile{path: path, report: report}
	if err := f.read(); err != nil {
		return nil, err
	}
	f.looked = time.Now()
	return f, nil
}

// Verify implements [Verifier]. Tokens are compared by their digests, all of
// them, so that how long it takes says nothing of any.
func (f *BearerFile) Verify(_ context.Context, token string) (Principal, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refresh()
	digest := sha256.Sum256([]byte(token))
	found := -1
	for i := range f.holders {
		if subtle.ConstantTimeCompare(digest[:], f.holders[i].digest[:]) == 1 {
			found = i
		}
	}
	if found < 0 {
		return Principal{}, fmt.Errorf("%w: it is not one of this gateway's", auth.ErrInvalidToken)
	}
	return f.holders[found].principal, nil
}

// refresh reads the file again if it is another one than before.
func (f *BearerFile) refresh() {
	if time.Since(f.looked) < lookEvery {
		return
	}
	f.looked = time.Now()
	info, err := os.Stat(f.path)
	if err == nil && f.seen != nil && os.SameFile(info, f.seen) && info.ModTime().Equal(f.seen.ModTime()) && info.Size() == f.seen.Size() {
		return
	}
	if err == nil {
		err = f.read()
	}
	if err != nil && f.seen != nil {
		f.report(fmt.Errorf("the tokens that were there before still hold: %w", err))
		f.seen = nil // said once
	}
}

func (f *BearerFile) read() error {
	file, err := os.Open(f.path)
	if err != nil {
		return fmt.Errorf("the file of tokens: %w", err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return fmt.Errorf("the file of tokens: %w", err)
	}
	if info.Mode().Perm()&0o007 != 0 {
		return fmt.Errorf("the file of tokens %s can be read or written by everybody on this machine: %w. Run chmod 600 on it", f.path, problem.ErrRefused)
	}
	if info.Size() > mostFile {
		return fmt.Errorf("the file of tokens %s has %d bytes: %w, at most %d are read", f.path, info.Size(), problem.ErrRefused, mostFile)
	}
	var content bytes.Buffer
	if _, err := content.ReadFrom(file); err != nil {
		return fmt.Errorf("the file of tokens: %w", err)
	}
	holders, err := parse(f.path, &content)
	if err != nil {
		return err
	}
	f.holders, f.seen = holders, info
	return nil
}

// parse reads the lines. What it says of a mistake never quotes the line.
func parse(path string, content *bytes.Buffer) ([]holder, error) {
	var holders []holder
	var problems problem.Problems
	tokens := map[[sha256.Size]byte]int{}
	lines := bufio.NewScanner(content)
	lines.Buffer(nil, mostFile)
	for n := 1; lines.Scan(); n++ {
		fields := strings.Fields(lines.Text())
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		pos := problem.Pos{File: path, Line: n}
		if len(fields) < 2 || len(fields) > 3 {
			problems.Addf(pos, "", problem.Syntax, "Write: NAME TOKEN [TENANT].", "There are %d words on this line.", len(fields))
			continue
		}
		if len(fields[1]) < leastToken {
			problems.Addf(pos, "", problem.OutOfRange, "Make one with: openssl rand -hex 32.", "The token of %s has under %d characters.", fields[0], leastToken)
			continue
		}
		h := holder{digest: sha256.Sum256([]byte(fields[1])), principal: Principal{Name: fields[0], Tenant: DefaultTenant}}
		if len(fields) == 3 {
			h.principal.Tenant = fields[2]
		}
		if first, taken := tokens[h.digest]; taken {
			problems.Addf(pos, "", problem.Duplicate, "Give each its own.", "The token of %s is on line %d already.", fields[0], first)
			continue
		}
		tokens[h.digest] = n
		holders = append(holders, h)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("the file of tokens %s: %w", path, err)
	}
	if len(holders) == 0 && len(problems) == 0 {
		problems.Addf(problem.Pos{File: path}, "", problem.Missing, "Write a line: NAME TOKEN.", "There is no token in this file; nobody could call.")
	}
	return holders, problems.Err()
}
