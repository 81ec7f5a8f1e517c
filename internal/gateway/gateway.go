// Package gateway is ligase as a server of the Model Context Protocol: the
// catalog's steps and pipelines as tools that are submitted, and tools to
// watch runs, read what they came to, and find one's way through the catalog.
//
// The gateway is thin: it decodes a call, hands it to [runs.Service], and says
// what came of it in few words. No call waits for a run to end.
package gateway

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/ligase-bio/ligase/catalog"
	"github.com/ligase-bio/ligase/internal/gateway/mcptasks"
	"github.com/ligase-bio/ligase/internal/gateway/record"
	"github.com/ligase-bio/ligase/internal/runs"
)

// MostTools is how many steps and pipelines get a tool of their own: with
// more, submit_run takes the name of any, as hosts pass on a few dozen tools
// only, and each costs tokens.
const MostTools = 24

// Options configure a Gateway. Service and Catalog are required.
type Options struct {
	Service *runs.Service
	Catalog *catalog.Live
	Version string

	Expose    []string // names of steps and pipelines that may be submitted, with * at an end; none: all
	Tools     []string // names of tools that are served, with * at an end; none: all
	ReadOnly  bool     // only tools that change nothing
	Prompts   []string // names of prompts that are served, with * at an end; none: all
	MostTools int      // 0: MostTools

	Subscriptions bool // resources of runs can be subscribed to
	Record        *record.Recorder
	Log           *slog.Logger // nil discards
	Clock         func() time.Time
}

// Gateway serves one installation. It is safe for concurrent use.
type Gateway struct {
	o       Options
	service *runs.Service
	log     *slog.Logger
	clock   func() time.Time
	server  *mcp.Server
	watches watches

	byName atomic.Bool // one tool submits all steps and pipelines, by their names

	mu        sync.Mutex
	tools     map[string]*tool // those served, by name
	resources []string         // of the catalog, that are listed
}

// New returns a Gateway that serves the catalog as it is now. See
// [Gateway.Reload].
func New(o Options) (*Gateway, error) {
	if o.Service == nil || o.Catalog == nil {
		return nil, errors.New("gateway: Service and Catalog are required")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Record == nil {
		o.Record = record.New(record.Options{Log: o.Log})
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.MostTools <= 0 {
		o.MostTools = MostTools
	}
	g := &Gateway{o: o, service: o.Service, log: o.Log, clock: o.Clock, tools: map[string]*tool{}}
	//lint:ignore SA1019 Clients of older versions set the level of a log that is always there for them.
	capabilities := &mcp.ServerCapabilities{Logging: &mcp.LoggingCapabilities{}}
	mcptasks.Declare(capabilities)
	options := &mcp.ServerOptions{
		Instructions: instructions, Capabilities: capabilities, CompletionHandler: g.complete,
		SetCacheable: cacheable, Logger: quiet(o.Log), PageSize: 200,
	}
	if o.Subscriptions {
		options.SubscribeHandler, options.UnsubscribeHandler = g.subscribe, g.unsubscribe
	}
	g.server = mcp.NewServer(&mcp.Implementation{Name: "ligase", Title: "ligase", Version: o.Version}, options)
	if err := mcptasks.Serve(g.server, (*tasks)(g)); err != nil {
		return nil, err
	}
	g.server.AddReceivingMiddleware(o.Record.Middleware, g.narrow, g.remember)
	g.watches.init(g)
	g.addResources()
	g.addPrompts()
	g.load()
	return g, nil
}

// Server is the SDK's server: a transport is all that it needs.
func (g *Gateway) Server() *mcp.Server { return g.server }

// instructions are what a host tells its model of this server, always.
const instructions = `ligase runs steps (fold, design, score …) and pipelines of them on this site's machines.
How to work with it:
1. submit_<name> starts a run and answers at once with its run_id. It never waits for the result.
2. get_run_status(run_id, wait_seconds) tells how far it is; ask again after poll_after_seconds.
3. fetch_run_summary(run_id) has metrics and output URIs, or what failed, why, and what to do.
4. Chain: an output URI of one run is the <input>_uri of the next tool. Never paste sequences, structures or files: give URIs.
Where a pipeline does all that you want, submit it instead of single steps: it runs them in parallel. find_tools finds what fits.
client_request_id makes a submit safe to repeat: the same id and arguments give the same run.`

// quiet keeps what the SDK says of each call out of the log.
func quiet(log *slog.Logger) *slog.Logger {
	return slog.New(&warnings{log.Handler()})
}

type warnings struct{ slog.Handler }

func (w *warnings) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelError && w.Handler.Enabled(ctx, level)
}

// cacheable says how long what is listed and read may be kept, and by whom:
// the catalog is the same for all, runs are their owner's.
func cacheable(_ context.Context, req mcp.Request, c *mcp.Cacheable) {
	c.TTLMs, c.CacheScope = int(10*time.Second/time.Millisecond), "public"
	if r, is := req.(*mcp.ReadResourceRequest); is && strings.HasPrefix(r.Params.URI, runsPrefix) {
		c.TTLMs, c.CacheScope = 0, "private"
	}
}

// Reload serves the catalog as it is now: tools and resources that are new
// come, those that are gone go, and clients are told.
func (g *Gateway) Reload() {
	g.load()
	g.watches.changed(context.Background())
}

func (g *Gateway) load() {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := map[string]*tool{}
	tools := g.runTools()
	for _, t := range append(tools, g.catalogTools(tools)...) {
		now[t.def.Name] = t
	}
	var gone []string
	for name := range g.tools {
		if now[name] == nil {
			gone = append(gone, name)
		}
	}
	g.server.RemoveTools(gone...)
	for name, t := range now {
		if old := g.tools[name]; old == nil || old.shape != t.shape {
			g.server.AddTool(t.def, g.handler(t))
		} else {
			now[name] = old // its handler looks the definition up
		}
	}
	g.tools = now
	g.listCatalog()
}

// served reports whether a tool of that name is served at all.
func (g *Gateway) served(t *tool) bool {
	return (!g.o.ReadOnly || t.readOnly) && allowed(g.o.Tools, t.def.Name)
}

// exposed reports whether a step or pipeline may be submitted here.
func (g *Gateway) exposed(name string) bool { return !g.o.ReadOnly && allowed(g.o.Expose, name) }

// callable reports whether there is a tool here that submits it.
func (g *Gateway) callable(name string) bool {
	return g.exposed(name) && allowed(g.o.Tools, g.submitName(name))
}

// Serves reports whether there is a tool of that name.
func (g *Gateway) Serves(name string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.tools[name] != nil
}

// allowed reports whether a list of names has this one; an empty list has all.
func allowed(list []string, name string) bool {
	return len(list) == 0 || slices.ContainsFunc(list, func(pattern string) bool {
		if prefix, any := strings.CutSuffix(pattern, "*"); any {
			return strings.HasPrefix(name, prefix)
		}
		return pattern == name
	})
}

// tool is one that is served.
type tool struct {
	def      *mcp.Tool
	readOnly bool
	run      func(ctx context.Context, c *call) (reply, error)
	shape    string // of def: tells whether it is another than before
}
