//go:build cluster

package argo

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ligase-bio/ligase/e2e/argo/gateway"
	"github.com/ligase-bio/ligase/internal/runs"
)

// TestGatewayKilled kills a gateway with SIGKILL at each point at which a
// submit leaves something that others can see, and makes the same call again:
// of the same gateway, and of one that knows nothing but the store and the
// cluster.
func TestGatewayKilled(t *testing.T) {
	t.Parallel()
	s := newFaultSite(t)
	isPut := func(object string) func(*http.Request) bool {
		return func(r *http.Request) bool { return r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, object) }
	}
	isCreate := func(r *http.Request) bool {
		return r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/workflows")
	}
	// Over 64 KiB as an argument of a Workflow, where a brace takes six bytes.
	long := strings.Repeat("{long enough} ", 4000)
	for _, point := range []struct {
		name string
		at   func(*http.Request) bool // nil: no request, but the answer of the submit
		when moment
		call gateway.Request
		want string
	}{
		{"before the claim", isPut("/meta.json"), before, tell("hello"), "hello"},
		{"after the claim", isPut("/meta.json"), after, tell("hello"), "hello"},
		{"before an inline input", isPut("/input/in.txt"), before, shout("hello"), "HELLO\n"},
		{"after an inline input", isPut("/input/in.txt"), after, shout("hello"), "HELLO\n"},
		{"before the large arguments", isPut("/call.json"), before, tell(long), long},
		{"after the large arguments", isPut("/call.json"), after, tell(long), long},
		{"before the Workflow is created", isCreate, before, tell("hello"), "hello"},
		{"after the Workflow was created", isCreate, after, tell("hello"), "hello"},
		{"after the answer", nil, after, tell("hello"), "hello"},
	} {
		for _, next := range []string{"the same gateway", "another gateway"} {
			t.Run(point.name+", "+next, func(t *testing.T) {
				t.Parallel()
				k := s.newKillable(t)
				call := point.call
				call.Do, call.RequestID = gateway.Submit, t.Name()
				dir := t.TempDir()

				doomed := k.start(t, dir)
				k.killAt(point.at, point.when, doomed)
				answer, err := doomed.Call(t.Context(), call)
				if point.at == nil {
					doomed.Kill()
				}
				if answered := err == nil; answered != (point.at == nil) || err != nil && !errors.Is(err, gateway.ErrGone) {
					t.Fatalf("the gateway that was to be killed answered %+v, %v", answer, err)
				}

				k.killAt(nil, after, nil)
				if next == "another gateway" {
					dir = t.TempDir()
				}
				g := k.start(t, dir)
				ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
				defer cancel()
				made := must(g.Call(ctx, call))(t)
				if want := runs.IDOf(gateway.Tenant, call.RequestID); made.RunID != want || made.Error != "" {
					t.Fatalf("the same call again gave %+v, want the run %s", made, want)
				}
				end, err := g.Call(ctx, gateway.Request{Do: gateway.Wait, RunID: made.RunID})
				if err != nil {
					now, _ := g.Call(t.Context(), gateway.Request{Do: gateway.Get, RunID: made.RunID})
					t.Fatalf("waiting for %s: %v; it is %+v", made.RunID, err, now)
				}
				if end.State != runs.Succeeded {
					t.Fatalf("the run ended as %+v", end)
				}
				s.oneWorkflow(t, made.RunID)
				if got := k.output(t, made.RunID); got != point.want {
					t.Errorf("the run gave %d bytes, %.40q, want %d, %.40q", len(got), got, len(point.want), point.want)
				}
				if last := must(g.Call(ctx, call))(t); last.RunID != made.RunID || last.State != runs.Succeeded || last.Created {
					t.Errorf("the call made once more gave %+v, want the run as it ended", last)
				}
			})
		}
	}
}

func tell(text string) gateway.Request {
	return gateway.Request{Tool: "tell", Params: map[string]any{"text": text}}
}

func shout(text string) gateway.Request {
	return gateway.Request{Tool: "shout", Inline: map[string]string{"in": text}}
}

// moment is when a gateway is killed: when a request of its has come, or when
// that has taken effect and nobody has been told.
type moment int

const (
	before moment = iota
	after
)

// killable is a place for gateways whose every request is seen by the test.
type killable struct {
	site    *site
	replica *replica // reads what the gateways made; it runs nothing
	config  gateway.Config

	mu   sync.Mutex
	at   func(*http.Request) bool
	when moment
	who  *gateway.Process
}

// killAt has a gateway killed at a request; a nil process ends that.
func (k *killable) killAt(at func(*http.Request) bool, when moment, who *gateway.Process) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.at, k.when, k.who = at, when, who
}

// struck kills whom it is to kill at this request and moment, and reports
// whether it did.
func (k *killable) struck(r *http.Request, now moment) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.who == nil || k.at == nil || now != k.when || !k.at(r) {
		return false
	}
	k.who.Kill()
	return true
}
