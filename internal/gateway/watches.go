package gateway

import (
	"context"
	"net/url"
	"strings"
	"sync"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/ligase-bio/ligase/internal/gateway/identity"
	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/internal/runs"
)

// watches tell subscribers that a run has ended. There is one for each
// resource that somebody has subscribed to.
type watches struct {
	g      *Gateway
	ending context.Context // ends with the gateway
	end    context.CancelFunc

	mu sync.Mutex
	of map[string]*watch // by URI

	// listening are the callers of subscriptions/listen, by their sessions:
	// the SDK subscribes for them without saying who asked.
	listening sync.Map // *mcp.ServerSession → identity.Principal
}

type watch struct {
	subscribers int
	stop        context.CancelFunc
}

// mostWatches bounds the resources that are subscribed to at once.
const mostWatches = 10_000

func (w *watches) init(g *Gateway) {
	w.g, w.of = g, map[string]*watch{}
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
	return g.watches.add(ctx, who, req.Params.URI)
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

func (g *Gateway) unsubscribe(_ context.Context, req *mcp.UnsubscribeRequest) error {
	g.watches.remove(req.Params.URI)
	return nil
}

// add watches the run that a resource is of. Resources of the catalog need no
// watch: who changes them says so.
func (w *watches) add(ctx context.Context, who identity.Principal, uri string) error {
	u, err := url.Parse(uri)
	if err != nil || !strings.HasPrefix(uri, runsPrefix) {
		return nil
	}
	first, _, _ := strings.Cut(strings.Trim(u.Path, "/"), "/")
	id, err := runs.ParseID(first)
	if err != nil {
		return noResource(uri, "")
	}
	if _, err := w.g.service.Get(ctx, who.Tenant, id); err != nil {
		if notFound(err) {
			return noResource(uri, err.Error())
		}
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if known := w.of[uri]; known != nil {
		known.subscribers++
		return nil
	}
	if len(w.of) >= mostWatches {
		return problem.ErrUnavailable
	}
	watching, stop := context.WithCancel(w.ending)
	w.of[uri] = &watch{subscribers: 1, stop: stop}
	go func() {
		defer stop()
		if _, err := w.g.service.Wait(watching, who.Tenant, id); err != nil {
			return
		}
		if err := w.g.server.ResourceUpdated(watching, &mcp.ResourceUpdatedNotificationParams{URI: uri}); err != nil {
			w.g.log.Warn("subscribers could not be told", "uri", uri, "err", err)
		}
	}()
	return nil
}

func (w *watches) remove(uri string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	known := w.of[uri]
	if known == nil {
		return
	}
	if known.subscribers--; known.subscribers == 0 {
		known.stop()
		delete(w.of, uri)
	}
}

// changed tells subscribers of the catalog that it is another one.
func (w *watches) changed(ctx context.Context) {
	w.g.mu.Lock()
	listed := append([]string{catalogURI, typesURI}, w.g.resources...)
	w.g.mu.Unlock()
	for _, uri := range listed {
		if err := w.g.server.ResourceUpdated(ctx, &mcp.ResourceUpdatedNotificationParams{URI: uri}); err != nil {
			w.g.log.Warn("subscribers could not be told", "uri", uri, "err", err)
		}
	}
}
