package gateway_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/ligase-bio/ligase/internal/gateway/door"
)

func TestSubscribersAreTold(t *testing.T) {
	definitions := t.TempDir()
	put := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(definitions, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	put("extra.yaml", extra("extra"))
	s := newSite(t, []string{definitions})
	updated, changed := make(chan string, 10), make(chan string, 10)
	client := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, &mcp.ClientOptions{
		ResourceUpdatedHandler: func(_ context.Context, r *mcp.ResourceUpdatedNotificationRequest) { updated <- r.Params.URI },
		ToolListChangedHandler: func(context.Context, *mcp.ToolListChangedRequest) { changed <- "tools" },
	})
	session, err := client.Connect(t.Context(), &mcp.StreamableClientTransport{Endpoint: s.url + door.Path}, &mcp.ClientSessionOptions{ProtocolVersion: "2025-11-25"})
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	run := s.submit("nap", map[string]any{"seconds": 1})
	uri := "resource://runs/" + run + "/summary"
	if err := session.Subscribe(t.Context(), &mcp.SubscribeParams{URI: uri}); err != nil {
		t.Fatal(err)
	}
	// Who has not subscribed takes nothing from those who have.
	other, err := mcp.NewClient(&mcp.Implementation{Name: "other", Version: "1"}, nil).Connect(t.Context(), &mcp.StreamableClientTransport{Endpoint: s.url + door.Path}, &mcp.ClientSessionOptions{ProtocolVersion: "2025-11-25"})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := other.Unsubscribe(t.Context(), &mcp.UnsubscribeParams{URI: uri}); err != nil {
			t.Fatal(err)
		}
	}
	other.Close()
	select {
	case got := <-updated:
		if got != uri {
			t.Errorf("told of %s, want %s", got, uri)
		}
	case <-time.After(20 * time.Second):
		t.Error("nobody was told that the run has ended")
	}
	if err := session.Subscribe(t.Context(), &mcp.SubscribeParams{URI: "resource://runs/run-000000000000/summary"}); err == nil {
		t.Error("a run that there is not was subscribed to")
	}

	put("extra.yaml", "name: [broken")
	if did, problems := s.live.Refresh(); did || len(problems) == 0 {
		t.Errorf("a broken file: changed %v, problems %v", did, problems)
	}
	s.good("submit_extra", nil)
	put("extra.yaml", extra("extra"))
	put("more.yaml", extra("more"))
	if did, problems := s.live.Refresh(); !did || len(problems) != 0 {
		t.Fatalf("a new file: changed %v, problems %v", did, problems)
	}
	s.gateway.Reload()
	select {
	case <-changed:
	case <-time.After(20 * time.Second):
		t.Error("nobody was told that the tools have changed")
	}
	s.good("submit_more", nil)
	has(t, "the catalog", s.read("resource://catalog/steps/more"), `"name":"more"`, "# more")
	if err := os.Remove(filepath.Join(definitions, "more.yaml")); err != nil {
		t.Fatal(err)
	}
	if did, _ := s.live.Refresh(); !did {
		t.Error("a file went, and nothing changed")
	}
	s.gateway.Reload()
	if _, rpc := s.ask("tools/call", map[string]any{"name": "submit_more", "arguments": map[string]any{}}, ""); rpc == nil {
		t.Error("a tool whose file is gone is still served")
	}
}

func TestListenersAreToldOfTheirOwnRuns(t *testing.T) {
	s := newSite(t, nil, withTokens(t))
	s.token = "bob-has-another-token" // of a tenant that is not the default one
	run := s.submit("nap", map[string]any{"seconds": 1})
	uri := "resource://runs/" + run + "/summary"
	next := func(told <-chan string) string {
		t.Helper()
		select {
		case text := <-told:
			return text
		case <-time.After(20 * time.Second):
			t.Fatal("nothing is told")
			return ""
		}
	}
	told := s.listen(uri)
	has(t, "the acknowledgement", next(told), "notifications/subscriptions/acknowledged", uri)
	s.token = "alice-has-this-token"
	refused := next(s.listen(uri))
	has(t, "the answer to another tenant", refused, `"error"`)
	none := next(s.listen("resource://runs/run-000000000000/summary"))
	if strings.ReplaceAll(refused, run, "ID") != strings.ReplaceAll(none, "run-000000000000", "ID") {
		t.Errorf("another's run: %s, and none: %s", refused, none)
	}
	has(t, "what is told", next(told), "notifications/resources/updated", uri)
}

func extra(name string) string {
	return "name: " + name + "\nversion: 1.0.0\ntitle: One more\ndescription: For the test.\noutputs: {out: {type: test.text, format: txt}}\nimplementations:\n  sh:\n    command: [/bin/sh, -c, 'echo x > \"$1\"/out.txt', sh, $(work)]\n    collect: {out: out.txt}\n"
}
