package identity_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/auth"

	"github.com/ligase-bio/ligase/internal/gateway/identity"
)

func write(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func TestTokensSayWhoCalls(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens")
	write(t, path, "# comment\n\nalice token-of-alice-0001\nbob   token-of-bob-000002  lab-b\n", 0o600)
	var reported []error
	f, err := identity.NewBearerFile(path, func(err error) { reported = append(reported, err) })
	if err != nil {
		t.Fatal(err)
	}
	for token, want := range map[string]identity.Principal{
		"token-of-alice-0001": {Name: "alice", Tenant: identity.DefaultTenant},
		"token-of-bob-000002": {Name: "bob", Tenant: "lab-b"},
		"token-of-bob-000003": {}, "": {}, "alice": {}, "token-of-alice-0001 ": {},
	} {
		got, err := f.Verify(t.Context(), token)
		if got != want || (err == nil) != (want.Name != "") || err != nil && !errors.Is(err, auth.ErrInvalidToken) {
			t.Errorf("%q is of %+v, %v; want %+v", token, got, err, want)
		}
		if err != nil && token != "" && strings.Contains(err.Error(), token) {
			t.Errorf("the error quotes the token: %v", err)
		}
	}

	// Another file takes effect; a broken one does not, and is told once.
	is := func(token string, known bool) {
		t.Helper()
		for end := time.Now().Add(10 * time.Second); ; time.Sleep(50 * time.Millisecond) {
			if _, err := f.Verify(t.Context(), token); (err == nil) == known {
				return
			}
			if time.Now().After(end) {
				t.Fatalf("%s is not as it is to be: known %v", token, known)
			}
		}
	}
	write(t, path, "alice another-token-of-alice\n", 0o600)
	is("another-token-of-alice", true)
	is("token-of-alice-0001", false)
	write(t, path, "alice short\n", 0o600)
	for end := time.Now().Add(10 * time.Second); len(reported) == 0; time.Sleep(50 * time.Millisecond) {
		is("another-token-of-alice", true)
		if time.Now().After(end) {
			t.Fatal("a broken file is not told")
		}
	}
	if strings.Contains(reported[0].Error(), "short") {
		t.Errorf("the report quotes a token: %v", reported[0])
	}
}

func TestFilesOfTokensAreLookedAt(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		mode os.FileMode
		want string
	}{
		"everybody's": {"alice token-of-alice-0001\n", 0o644, "chmod 600"},
		"empty":       {"# nobody\n", 0o600, "no token"},
		"one word":    {"token-of-alice-0001\n", 0o600, "NAME TOKEN"},
		"short":       {"alice secret\n", 0o600, "16 characters"},
		"twice":       {"alice token-of-alice-0001\nbob token-of-alice-0001\n", 0o600, "line 1 already"},
	} {
		path := filepath.Join(t.TempDir(), "tokens")
		write(t, path, c.text, c.mode)
		if _, err := identity.NewBearerFile(path, nil); err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "token-of-") {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func TestOnlyKnownCallersComeThrough(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens")
	write(t, path, "alice token-of-alice-0001\n", 0o600)
	f, err := identity.NewBearerFile(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	h := identity.Require(f, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p := identity.OfHTTP(r); p.Name != "alice" {
			t.Errorf("it is %+v who calls", p)
		}
		w.WriteHeader(http.StatusTeapot)
	}))
	for header, want := range map[string]int{
		"": http.StatusUnauthorized, "Bearer": http.StatusUnauthorized, "Bearer wrong-wrong-wrong-wrong": http.StatusUnauthorized,
		"Basic token-of-alice-0001": http.StatusUnauthorized, "Bearer token-of-alice-0001": http.StatusTeapot, "bearer token-of-alice-0001": http.StatusTeapot,
	} {
		r := httptest.NewRequest(http.MethodPost, "/mcp", nil)
		if header != "" {
			r.Header.Set("Authorization", header)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if challenged := w.Header().Get("WWW-Authenticate") != ""; w.Code != want || challenged != (want == http.StatusUnauthorized) {
			t.Errorf("%q: %d, challenged %v; want %d", header, w.Code, challenged, want)
		}
	}
}
