package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/spf13/cobra"

	"github.com/ligase-bio/ligase/catalog"
	"github.com/ligase-bio/ligase/internal/argo"
	"github.com/ligase-bio/ligase/internal/config"
	"github.com/ligase-bio/ligase/internal/gateway"
	"github.com/ligase-bio/ligase/internal/gateway/door"
	"github.com/ligase-bio/ligase/internal/gateway/identity"
	"github.com/ligase-bio/ligase/internal/gateway/record"
	"github.com/ligase-bio/ligase/internal/local"
	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/uris"
)

// serveFlags are over what the configuration says.
type serveFlags struct {
	stdio, printConfig   bool
	listen, auth         string
	cert, key            string
	hosts, origins       []string
	tokens, audit        string
	anybody              bool
	expose, tools        []string
	readOnly, noSessions bool
	drainDelay           time.Duration
}

func (a *app) serveCommand() *cobra.Command {
	var f serveFlags
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "serve agents: the Model Context Protocol over HTTP, or on standard input and output",
		Long: `Serves the catalog and this installation's runs to programs that speak the Model
Context Protocol: submit, watch, fetch, chain, browse. Over HTTP the protocol is
at /mcp, for all its versions; /health, /ready, /metrics, /tools/list,
/resources/list and /prompts/list are plain pages beside it. With --stdio it
speaks to the one program that started it.

It listens on this machine only. To listen on a network, say how callers prove
who they are: --auth bearer-file --token-file FILE.

See ligase help configuration for what the file can say, and ligase mcp-config
for what to tell a host.`,
		Example: `  ligase serve
  ligase serve --listen 0.0.0.0:8414 --auth bearer-file --token-file tokens --tls-cert tls.crt --tls-key tls.key
  ligase serve --read-only --tools 'get_*,list_runs'
  ligase serve --engine argo --no-sessions`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.serveSettings(cmd, f)
			if err != nil {
				return err
			}
			if f.printConfig {
				return a.printConfig(c)
			}
			return a.serve(cmd.Context(), c, f.stdio)
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&f.stdio, "stdio", false, "speak on standard input and output instead of HTTP")
	flags.StringVar(&f.listen, "listen", "", "address and port (default "+config.DefaultListen+")")
	flags.StringVar(&f.cert, "tls-cert", "", "certificate file, for HTTPS")
	flags.StringVar(&f.key, "tls-key", "", "its key file")
	flags.StringVar(&f.auth, "auth", "", "how callers say who they are: none or bearer-file (default bearer-file with a token file, else none)")
	flags.StringVar(&f.tokens, "token-file", "", "file of tokens, on each line NAME TOKEN [TENANT]; read again when it changes")
	flags.BoolVar(&f.anybody, "allow-unauthenticated", false, "listen on a network although anybody who reaches it can submit, read and cancel runs")
	flags.StringArrayVar(&f.hosts, "allow-host", nil, "name that it may be called by, besides its addresses and localhost; may be repeated")
	flags.StringArrayVar(&f.origins, "allow-origin", nil, "web page that may call it, like http://localhost:6274; may be repeated")
	flags.StringVar(&f.audit, "audit-log", "", "file to append who called what to")
	flags.StringSliceVar(&f.expose, "expose", nil, "steps and pipelines that may be submitted, with * at an end (default all)")
	flags.StringSliceVar(&f.tools, "tools", nil, "tools to serve, with * at an end (default all)")
	flags.BoolVar(&f.readOnly, "read-only", false, "serve only tools that change nothing")
	flags.BoolVar(&f.noSessions, "no-sessions", false, "keep nothing between requests, for several replicas behind one address; old clients cannot subscribe then")
	flags.DurationVar(&f.drainDelay, "drain-delay", 0, "how long to go on taking calls after the signal to end, while /ready says no")
	flags.BoolVar(&f.printConfig, "print-config", false, "print the configuration that results, and end")
	return cmd
}

// serveSettings are the configuration with the flags over it, checked.
func (a *app) serveSettings(cmd *cobra.Command, f serveFlags) (config.Config, error) {
	c, err := a.settings()
	if err != nil {
		return c, err
	}
	s := &c.Serve
	text := func(flag, value string, into *string, isPath bool) error {
		if !cmd.Flags().Changed(flag) {
			return nil
		}
		if isPath && value != "" {
			if value, err = filepath.Abs(value); err != nil {
				return usagef("--%s: %v", flag, err)
			}
		}
		*into = value
		return nil
	}
	auth := string(s.Auth)
	if err := errors.Join(
		text("listen", f.listen, &s.Listen, false), text("auth", f.auth, &auth, false),
		text("tls-cert", f.cert, &s.CertFile, true), text("tls-key", f.key, &s.KeyFile, true),
		text("token-file", f.tokens, &s.TokenFile, true), text("audit-log", f.audit, &s.AuditLog, true),
	); err != nil {
		return c, err
	}
	s.Auth = config.Auth(auth)
	changed := cmd.Flags().Changed
	if changed("allow-host") {
		s.AllowHosts = f.hosts
	}
	if changed("allow-origin") {
		s.AllowOrigins = f.origins
	}
	for flag, names := range map[string][]string{"expose": f.expose, "tools": f.tools} {
		if changed(flag) && len(config.Names(strings.Join(names, ","))) == 0 {
			return c, usagef("--%s names nothing; leave it out to have all.", flag)
		}
	}
	if changed("expose") {
		s.Expose = f.expose
	}
	if changed("tools") {
		s.Tools = f.tools
	}
	if changed("read-only") {
		s.ReadOnly = f.readOnly
	}
	if changed("no-sessions") {
		s.NoSessions = f.noSessions
	}
	if changed("drain-delay") {
		s.DrainDelay = f.drainDelay
	}
	if changed("allow-unauthenticated") {
		s.AllowAnybody = f.anybody
	}
	if s.Listen == "" {
		s.Listen = config.DefaultListen
	}
	if s.Auth == "" {
		s.Auth = config.AuthNone
		if s.TokenFile != "" {
			s.Auth = config.AuthBearer
		}
	}
	switch {
	case s.Auth != config.AuthNone && s.Auth != config.AuthBearer:
		return c, usagef("--auth %s: there are none and bearer-file.", s.Auth)
	case s.Auth == config.AuthBearer && s.TokenFile == "":
		return c, usagef("--auth bearer-file needs a file of tokens: --token-file FILE, on each line NAME TOKEN.")
	case s.Auth == config.AuthNone && s.TokenFile != "":
		return c, usagef("A token file is given, and --auth none asks nobody for a token. Leave out the one or the other.")
	case (s.CertFile == "") != (s.KeyFile == ""):
		return c, usagef("HTTPS needs both --tls-cert and --tls-key.")
	}
	if f.stdio {
		return c, nil
	}
	loopback, err := listensHere(s.Listen)
	if err != nil {
		return c, err
	}
	if !loopback && s.Auth == config.AuthNone && !s.AllowAnybody {
		return c, usagef("Listening on %s lets everybody who reaches this machine submit, read and cancel runs. Say how callers prove who they are (--auth bearer-file --token-file FILE), listen on this machine only (--listen %s), or say that it is meant: --allow-unauthenticated.", s.Listen, config.DefaultListen)
	}
	return c, nil
}

// listensHere reports whether an address is this machine's own only.
func listensHere(address string) (bool, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false, usagef("--listen %s is not an address and a port, like %s.", address, config.DefaultListen)
	}
	if host == "localhost" {
		return true, nil
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback(), nil
}

// printConfig prints the configuration as a file would say it. There are no
// secrets in it: they are in files and in the environment.
func (a *app) printConfig(c config.Config) error {
	text, err := c.YAML()
	if err != nil {
		return err
	}
	_, err = a.Out.Write(text)
	return err
}

// serve serves until ctx ends.
func (a *app) serve(ctx context.Context, c config.Config, stdio bool) error {
	log := slog.New(slog.NewJSONHandler(a.Err, nil)) // standard output may be the protocol's
	a.log = log
	live, problems := catalog.NewLive(a.sources()...)
	for _, p := range problems {
		log.Warn("left out of the catalog", "problem", p.String())
	}
	a.live = live
	service, drive, err := a.openToServe(log)
	if err != nil {
		return err
	}
	s := c.Serve
	var audit io.Writer
	if s.AuditLog != "" {
		file, err := os.OpenFile(s.AuditLog, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
		if err != nil {
			return fmt.Errorf("%w: the audit log cannot be written: %w", problem.ErrUnavailable, err)
		}
		defer file.Close()
		audit = file
	}
	var g *gateway.Gateway
	metrics := record.NewMetrics(a.engine.Name(), version, func(tool string) bool { return g.Serves(tool) })
	tracer, sendLast, err := a.tracer(ctx)
	if err != nil {
		return err
	}
	defer func() {
		if err := sendLast(); err != nil {
			log.Warn("the last spans were not sent", "err", err)
		}
	}()
	recorder := record.New(record.Options{Log: log, Audit: audit, Metrics: metrics, Tracer: tracer})
	g, err = gateway.New(gateway.Options{
		Service: service, Catalog: live, Version: version, Expose: s.Expose, Tools: s.Tools, Prompts: s.Prompts, ReadOnly: s.ReadOnly, MostTools: s.MostTools,
		Subscriptions: true, Record: recorder, Log: log,
	})
	if err != nil {
		return err
	}
	metrics.Gauge("ligase_mcp_sessions", "Sessions that are open.", func() float64 {
		n := 0
		for range g.Server().Sessions() {
			n++
		}
		return float64(n)
	})

	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	// What is behind goes on until the last call is answered.
	behind, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	driven := make(chan error, 1)
	go func() {
		err := drive(behind)
		if err != nil && behind.Err() == nil {
			stop(err) // nothing would be run any more
		}
		driven <- err
	}()
	go a.refresh(behind, live, g, log)

	if stdio {
		log.Info("serving on standard input and output", "version", version, "engine", a.engine.Name())
		err = g.Server().Run(ctx, &mcp.StdioTransport{})
	} else {
		err = a.serveHTTP(ctx, c, g, service, recorder, metrics, log)
	}
	interrupted := ctx.Err() != nil
	if cause := context.Cause(ctx); interrupted && !errors.Is(cause, context.Canceled) {
		err = cause
	} else if interrupted {
		err = nil // it was asked to end
	}
	g.Drain()
	end()
	if driveErr := <-driven; err == nil && !errors.Is(driveErr, context.Canceled) {
		err = driveErr
	}
	return err
}

// openToServe opens the installation for a process that takes calls, and
// returns what has the runs done meanwhile. On this machine that is a process
// of its own: a gateway may end, or be replaced, while steps run for hours. A
// cluster's engine only follows what the cluster does, so it is here; unless
// another process has this data folder's.
func (a *app) openToServe(log *slog.Logger) (*runs.Service, func(context.Context) error, error) {
	dataDir, err := a.dataDir()
	if err != nil {
		return nil, nil, err
	}
	held, _, err := local.Held(dataDir)
	if err != nil {
		return nil, nil, err
	}
	if a.config.Engine == config.Argo && !held {
		var cluster *argo.Engine
		service, err := a.openFor(func(_ string, blobs *uris.Store) (runs.Engine, error) {
			cluster, err = a.argoEngine(blobs, log)
			return cluster, err
		}, false)
		if err != nil {
			return nil, nil, err
		}
		return service, func(ctx context.Context) error {
			go learn(ctx, service, log)
			return local.Serve(ctx, local.ServeOptions{DataDir: dataDir}, service.Reconcile)
		}, nil
	}
	keeper := &keeper{log: log, kicked: make(chan struct{}, 1)}
	service, err := a.openFor(func(dataDir string, blobs *uris.Store) (runs.Engine, error) {
		if keeper.Engine, err = a.remote(dataDir, blobs); err != nil {
			return nil, err
		}
		return keeper, nil
	}, false)
	if err != nil {
		return nil, nil, err
	}
	return service, func(ctx context.Context) error { return keeper.keep(ctx, service) }, nil
}

// learn puts the runs that other replicas have taken into the index of this
// one, until ctx ends: those that are asked for by their id are found at once,
// those of a list only when they are there.
func learn(ctx context.Context, service *runs.Service, log *slog.Logger) {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		found, err := service.Reindex(ctx, nil)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			log.Warn("the runs of other replicas could not be looked up", "err", err)
		case found.Added > 0:
			log.Info("found runs of other replicas", "runs", found.Added, "open", found.Open)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// refresh serves the catalog's folders as they are now, until ctx ends.
func (a *app) refresh(ctx context.Context, live *catalog.Live, g *gateway.Gateway, log *slog.Logger) {
	tick := time.NewTicker(2 * time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		changed, problems := live.Refresh()
		for _, p := range problems {
			log.Error("the catalog has changed and has problems; what was there before goes on being served", "problem", p.String())
		}
		if changed {
			g.Reload()
			log.Info("the catalog has changed")
		}
	}
}

// serveHTTP serves on the address of the configuration.
func (a *app) serveHTTP(ctx context.Context, c config.Config, g *gateway.Gateway, service *runs.Service, recorder *record.Recorder, metrics *record.Metrics, log *slog.Logger) error {
	s := c.Serve
	loopback, err := listensHere(s.Listen)
	if err != nil {
		return err
	}
	var verifier identity.Verifier
	if s.Auth == config.AuthBearer {
		if verifier, err = identity.NewBearerFile(s.TokenFile, func(err error) { log.Error("the file of tokens", "err", err) }); err != nil {
			return err
		}
	}
	d, err := door.New(door.Options{
		Server: g.Server(), Sessions: !s.NoSessions, SessionTimeout: s.SessionTimeout, Verifier: verifier,
		Loopback: loopback, Hosts: s.AllowHosts, Origins: s.AllowOrigins,
		MaxBody: s.MaxBody, Rate: s.RequestsASecond, Burst: s.RequestsAtOnce,
		Metrics: metrics, Log: log,
		Ready: func(ctx context.Context) error {
			if err := recorder.Err(); err != nil {
				return errors.New("the audit log cannot be written")
			}
			if since := service.StaleSince(); !since.IsZero() && time.Since(since) > time.Minute {
				return fmt.Errorf("the cluster has not been heard of since %s", since.Format(time.RFC3339))
			}
			if _, err := service.Busy(ctx); err != nil {
				log.Warn("the database cannot be read", "err", err)
				return errors.New("the database cannot be read")
			}
			return nil
		},
		Pages: map[string]http.Handler{
			"/metrics":        ofDefaultTenant(metrics.Handler()),
			"/tools/list":     page(func(r *http.Request) any { return map[string]any{"tools": g.ListTools(r.Header)} }),
			"/resources/list": page(func(*http.Request) any { return map[string]any{"resources": g.CatalogResources()} }),
			"/prompts/list":   page(func(*http.Request) any { return map[string]any{"prompts": g.Prompts()} }),
		},
	})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", s.Listen)
	if err != nil {
		return fmt.Errorf("%w: %w. Choose another address with --listen", problem.ErrUnavailable, err)
	}
	scheme := "http"
	if s.CertFile != "" {
		scheme = "https"
	}
	at := scheme + "://" + listener.Addr().String() + door.Path
	log.Info("serving", "url", at, "version", version, "engine", a.engine.Name(), "auth", string(s.Auth))
	if a.Width > 0 {
		fmt.Fprintf(a.Err, "serving agents at %s; tell a host with: %s mcp-config --client claude-code --url %s\n", at, a.Program, at)
	}
	return d.Serve(ctx, listener, door.Serving{CertFile: s.CertFile, KeyFile: s.KeyFile, Delay: s.DrainDelay, Drain: g.Drain})
}

// ofDefaultTenant keeps figures about all tenants from the others.
func ofDefaultTenant(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if identity.OfHTTP(r).Tenant != identity.DefaultTenant {
			http.Error(w, "This page is about all tenants; it takes a token of the tenant "+identity.DefaultTenant+".", http.StatusForbidden)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// page is a plain page of JSON.
func page(content func(*http.Request) any) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data, err := json.MarshalIndent(content(r), "", "  ")
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-cache")
		w.Write(append(data, '\n'))
	})
}
