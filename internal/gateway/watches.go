package gateway

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/ligase-bio/ligase/internal/gateway/identity"
	"github.com/ligase-bio/ligase/internal/runs"
)

// watches tell subscribers that a run has ended. There is one for each run
// that somebody has subscribed to, until it has ended or nobody is left.
type watches struct {
	g      *Gateway
	ending context.Context // ends with the gateway
	end    context.CancelFunc

	mu       sync.Mutex
	of       map[watched]*watch
	sessions map[*mcp.ServerSession]bool // whose end is waited for

	// listening are the callers of subscriptions/listen, by their sessions:
	// the SDK subscribes for them without saying who asked.
	listening sync.Map // *mcp.ServerSession → identity.Principal
}

type watched struct {
	tenant string
	id     runs.ID
}

type watch struct {
	uris map[string]map[*mcp.ServerSession]bool // who has subscribed to what of the run
	stop context.CancelFunc
}

// mostWatches bounds the runs that the callers of one tenant subscribe to.
const mostWatches = 1000

func (w *watches) init(g *Gateway) {
	w.g, w.of, w.sessions = g, map[watched]*watch{}, map[*mcp.ServerSession]bool{}
	w.ending, w.end = context.WithCancel(context.Background())
}

// Drain ends what would go on waiting: calls that wait for a run's end are
// answered as things are now, watches end.
func (g *Gateway) Drain() { g.watches.end() }

func (g *Gateway) subscribe(ctx context.Context, req *mcp.SubscribeRequest) error {
	who := identity.Of(req.Extra)
	if req.Extra == nil {
		if known, is := g.watches.listening.Load(req.Session); is {
			who = known.(identity.Principal)
		}
	}
	return g.watches.add(ctx, req.Session, who, req.Params.URI)
}

func (g *Gateway) unsubscribe(_ context.Context, req *mcp.UnsubscribeRequest) error {
	g.watches.remove(req.Session, func(uri string) bool { return uri == req.Params.URI })
	return nil
}

// remember keeps who listens while they do.
func (g *Gateway) remember(next mcp.MethodHandler) mcp.MethodHandler {
	return func(ctx context.Context, method string, req mcp.Request) (mcp.Result, error) {
		if r, is := req.(*mcp.SubscriptionsListenRequest); is && r.Extra != nil {
			g.watches.listening.Store(r.Session, identity.Of(r.Extra))
			defer g.watches.listening.Delete(r.Session)
		}
		return next(ctx, method, req)
	}
}

// runOf is the run that a resource is of.
func runOf(uri string) (runs.ID, bool) {
	u, err := url.Parse(uri)
	if err != nil || u.RawQuery != "" || u.Fragment != "" {
		return "", false
	}
	path := strings.Split(strings.Trim(u.Path, "/"), "/")
	id, err := runs.ParseID(path[0])
	return id, err == nil && len(path) >= 2 && slices.Contains([]string{"summary", "outputs", "logs", "graph", "plan"}, path[1])
}

// add has a session told of a run's end. Resources of the catalog need no
// watch: who changes them says so.
func (w *watches) add(ctx context.Context, session *mcp.ServerSession, who identity.Principal, uri string) error {
	if !strings.HasPrefix(uri, runsPrefix) {
		return nil
	}
	id, is := runOf(uri)
	if !is {
		return noResource(uri, "")
	}
	if _, err := w.g.service.Get(ctx, who.Tenant, id); err != nil {
		if notFound(err) {
			return noResource(uri, err.Error())
		}
		return w.g.inside("subscribing", err)
	}
	key := watched{who.Tenant, id}
	w.mu.Lock()
	defer w.mu.Unlock()
	known := w.of[key]
	if known == nil {
		n := 0
		for other := range w.of {
			if other.tenant == who.Tenant {
				n++
			}
		}
		if n >= mostWatches {
			return &jsonrpc.Error{Code: jsonrpc.CodeInvalidParams, Message: "there are subscriptions to as many runs as one tenant may have; unsubscribe from some"}
		}
		watching, stop := context.WithCancel(w.ending)
		known = &watch{uris: map[string]map[*mcp.ServerSession]bool{}, stop: stop}
		w.of[key] = known
		go w.wait(watching, key, known)
	}
	if known.uris[uri] == nil {
		known.uris[uri] = map[*mcp.ServerSession]bool{}
	}
	known.uris[uri][session] = true
	if !w.sessions[session] {
		w.sessions[session] = true
		go func() { // the SDK tells nobody that a session has ended
			_ = session.Wait()
			w.mu.Lock()
			delete(w.sessions, session)
			w.mu.Unlock()
			w.remove(session, func(string) bool { return true })
		}()
	}
	return nil
}

// wait tells a run's subscribers when it has ended.
func (w *watches) wait(ctx context.Context, key watched, it *watch) {
	defer it.stop()
	// The SDK knows of a subscription only after it has been admitted.
	pause := 100 * time.Millisecond
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		_, err := w.g.service.Wait(ctx, key.tenant, key.id)
		if err == nil {
			break
		}
		if ctx.Err() == nil && pause < time.Minute {
			w.g.log.Warn("a run that somebody has subscribed to cannot be looked at; trying again", "run_id", key.id, "err", err)
			pause = max(2*pause, time.Second)
		}
	}
	w.mu.Lock()
	if w.of[key] == it {
		delete(w.of, key)
	}
	var uris []string
	for uri := range it.uris {
		uris = append(uris, uri)
	}
	w.mu.Unlock()
	w.tell(ctx, uris)
}

func (w *watches) tell(ctx context.Context, uris []string) {
	for _, uri := range uris {
		if err := w.g.server.ResourceUpdated(ctx, &mcp.ResourceUpdatedNotificationParams{URI: uri}); err != nil && !errors.Is(err, context.Canceled) {
			w.g.log.Warn("subscribers could not be told", "uri", uri, "err", err)
		}
	}
}

// remove takes back what a session has subscribed to.
func (w *watches) remove(session *mcp.ServerSession, which func(uri string) bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for key, it := range w.of {
		for uri, sessions := range it.uris {
			if which(uri) {
				delete(sessions, session)
			}
			if len(sessions) == 0 {
				delete(it.uris, uri)
			}
		}
		if len(it.uris) == 0 {
			it.stop()
			delete(w.of, key)
		}
	}
}

// changed tells subscribers of the catalog that it is another one.
func (w *watches) changed(ctx context.Context) {
	w.g.mu.Lock()
	listed := append([]string{catalogURI, typesURI}, w.g.resources...)
	w.g.mu.Unlock()
	w.tell(ctx, listed)
}

// inside logs an error that is none of the caller's, and gives what the caller
// is told instead.
func (g *Gateway) inside(doing string, err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	g.log.Error("a request failed", "doing", doing, "err", err)
	return &jsonrpc.Error{Code: jsonrpc.CodeInternalError, Message: failureOf(nil, err).Error.Message}
}
