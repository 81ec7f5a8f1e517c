// Package door is the gateway's HTTP side: one path for both eras of the
// protocol, the plain pages beside it, and who is let in.
//
// Requests of 2026-07-28 and later stand alone; those of older versions have
// sessions, unless several replicas answer for each other.
package door

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/ligase-bio/ligase/internal/gateway/identity"
	"github.com/ligase-bio/ligase/internal/gateway/record"
)

// Path is where the protocol is spoken.
const Path = "/mcp"

// firstStateless is the first version of the protocol without sessions.
const firstStateless = "2026-07-28"

// Options configure a Door. Server is required.
type Options struct {
	Server *mcp.Server

	// Sessions says that versions of the protocol that have them get them. Not
	// where several replicas answer for each other: there each request must
	// stand alone.
	Sessions       bool
	SessionTimeout time.Duration // of a session that sends nothing; 0: an hour
	MaxSessions    int           // 0: 2,000

	Verifier identity.Verifier // nil: nobody has to say who they are
	Loopback bool              // it listens on this machine only: other names than its own are refused
	Hosts    []string          // names that it may be called by, besides
	Origins  []string          // web pages that may call it, like http://localhost:6274

	MaxBody int64   // bytes of a request; 0: 4 MiB
	Rate    float64 // requests a second of one caller; 0: as many as it likes
	Burst   int     // and at once; 0: one second's

	Ready   func(ctx context.Context) error // why it cannot serve now; nil: it can
	Pages   map[string]http.Handler         // GET only, for those who are let in
	Metrics *record.Metrics                 // nil: none
	Log     *slog.Logger                    // nil discards
}

// Door is an http.Handler.
type Door struct {
	o        Options
	log      *slog.Logger
	handler  http.Handler
	draining atomic.Bool
	calls    atomic.Int64 // being answered, open streams apart
}

// New returns a Door.
func New(o Options) (*Door, error) {
	if o.Server == nil {
		return nil, errors.New("door: Server is required")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.MaxBody <= 0 {
		o.MaxBody = mcp.DefaultMaxRequestBodyBytes
	}
	if o.SessionTimeout <= 0 {
		o.SessionTimeout = time.Hour
	}
	if o.MaxSessions <= 0 {
		o.MaxSessions = 2000
	}
	if o.Ready == nil {
		o.Ready = func(context.Context) error { return nil }
	}
	d := &Door{o: o, log: o.Log}

	inside := http.NewServeMux()
	inside.Handle(Path, d.protocol())
	for path, page := range o.Pages {
		inside.Handle("GET "+path, page)
	}
	var guarded http.Handler = d.limited(inside)
	if o.Verifier != nil {
		guarded = identity.Require(o.Verifier, guarded)
	}
	outside := http.NewServeMux()
	outside.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) { says(w, http.StatusOK, "ok") })
	outside.HandleFunc("GET /ready", d.ready)
	outside.Handle("/", d.fromHere(guarded))
	d.handler = d.recorded(outside)
	return d, nil
}

// ServeHTTP implements http.Handler.
func (d *Door) ServeHTTP(w http.ResponseWriter, r *http.Request) { d.handler.ServeHTTP(w, r) }

// protocol routes a request by the era of its version.
func (d *Door) protocol() http.Handler {
	server := func(*http.Request) *mcp.Server { return d.o.Server }
	options := mcp.StreamableHTTPOptions{
		Stateless: true, Logger: quiet(d.log), SessionTimeout: d.o.SessionTimeout, MaxRequestBodyBytes: d.o.MaxBody,
		DisableLocalhostProtection:   true, // fromHere has looked, and knows more names
		PropagateRequestCancellation: true,
	}
	alone := mcp.NewStreamableHTTPHandler(server, &options)
	sessions := alone
	if d.o.Sessions {
		options.Stateless = false
		options.EventStore = mcp.NewMemoryEventStore(nil) // of the last 10 MiB: an answer is not lost with its connection
		sessions = mcp.NewStreamableHTTPHandler(server, &options)
	}
	return d.readable(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if stream := r.Method == http.MethodGet || r.Header.Get("Mcp-Method") == "subscriptions/listen"; !stream {
			d.calls.Add(1)
			defer d.calls.Add(-1)
		}
		if r.Header.Get("Mcp-Protocol-Version") >= firstStateless {
			alone.ServeHTTP(w, r)
			return
		}
		if d.o.Sessions && r.Method == http.MethodPost && r.Header.Get("Mcp-Session-Id") == "" && d.sessions() >= d.o.MaxSessions {
			w.Header().Set("Retry-After", "60")
			http.Error(w, "There are as many sessions as there may be. Try again later, or speak the protocol's version 2026-07-28, which has none.", http.StatusServiceUnavailable)
			return
		}
		sessions.ServeHTTP(w, r)
	}))
}

func (d *Door) sessions() (n int) {
	for range d.o.Server.Sessions() {
		n++
	}
	return n
}

// quiet keeps what the SDK says of each call out of the log.
func quiet(log *slog.Logger) *slog.Logger {
	return slog.New(atLeast{log.Handler(), slog.LevelWarn})
}

type atLeast struct {
	slog.Handler
	level slog.Level
}

func (h atLeast) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= h.level && h.Handler.Enabled(ctx, level)
}

func (d *Door) ready(w http.ResponseWriter, r *http.Request) {
	if d.draining.Load() {
		says(w, http.StatusServiceUnavailable, "it is ending")
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	if err := d.o.Ready(ctx); err != nil {
		says(w, http.StatusServiceUnavailable, err.Error())
		return
	}
	says(w, http.StatusOK, "ready")
}

func says(w http.ResponseWriter, code int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(code)
	fmt.Fprintln(w, text)
}

// recorded gives each request an id, counts it, and keeps a panic from ending
// more than the request.
func (d *Door) recorded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := requestID(r.Header.Get(record.HeaderRequestID))
		r.Header.Set(record.HeaderRequestID, id)
		w.Header().Set(record.HeaderRequestID, id)
		if d.draining.Load() { // the next request is for somebody else
			w.Header().Set("Connection", "close")
		}
		seen := &observed{ResponseWriter: w, code: http.StatusOK}
		defer func() {
			if p := recover(); p != nil && p != http.ErrAbortHandler {
				d.log.Error("a request panicked", "path", r.URL.Path, "request_id", id, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
				if !seen.begun {
					http.Error(seen, "This is a defect of the gateway; its log says more.", http.StatusInternalServerError)
				}
			}
			d.o.Metrics.HTTP(d.known(r.URL.Path), strconv.Itoa(seen.code))
			if seen.code >= http.StatusInternalServerError && r.URL.Path != "/ready" {
				d.log.Warn("a request failed", "path", r.URL.Path, "code", seen.code, "request_id", id)
			}
		}()
		next.ServeHTTP(seen, r)
	})
}

// known is a path for the metrics: what callers make up is one.
func (d *Door) known(path string) string {
	if _, page := d.o.Pages[path]; page || path == Path || path == "/health" || path == "/ready" {
		return path
	}
	return "other"
}

// observed remembers how a request was answered.
type observed struct {
	http.ResponseWriter
	code  int
	begun bool
}

func (o *observed) WriteHeader(code int) {
	if !o.begun {
		o.code, o.begun = code, true
	}
	o.ResponseWriter.WriteHeader(code)
}

func (o *observed) Write(p []byte) (int, error) {
	o.begun = true
	return o.ResponseWriter.Write(p)
}

// Flush is for streams.
func (o *observed) Flush() {
	o.begun = true
	if f, ok := o.ResponseWriter.(http.Flusher); ok {
		f.Flush()
	}
}

// Unwrap is for [http.ResponseController].
func (o *observed) Unwrap() http.ResponseWriter { return o.ResponseWriter }

// Serving is how a Door is served.
type Serving struct {
	CertFile, KeyFile string        // TLS, when given
	Delay             time.Duration // for how long to go on taking calls after it has said that it is not ready
	Drain             func()        // ends what calls wait for, after the delay; may be nil
	Grace             time.Duration // for calls to end in; 0: 8 s
}

// Serve answers on a listener until ctx ends, and then brings what is under
// way to its end: calls are answered, streams closed.
func (d *Door) Serve(ctx context.Context, l net.Listener, s Serving) error {
	server := &http.Server{
		Handler: d, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, // no WriteTimeout: there are streams
		MaxHeaderBytes: 64 << 10, ErrorLog: slog.NewLogLogger(d.log.Handler(), slog.LevelDebug),
	}
	ended := make(chan error, 1)
	go func() {
		if s.CertFile != "" {
			ended <- server.ServeTLS(l, s.CertFile, s.KeyFile)
		} else {
			ended <- server.Serve(l)
		}
	}()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	return d.drain(server, s)
}

func (d *Door) drain(server *http.Server, s Serving) error {
	d.draining.Store(true)
	if s.Grace <= 0 {
		s.Grace = 8 * time.Second
	}
	time.Sleep(s.Delay)
	if s.Drain != nil {
		s.Drain()
	}
	ctx, cancel := context.WithTimeout(context.Background(), s.Grace)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- server.Shutdown(ctx) }()
	// Shutdown waits for open streams, which end with their sessions only; but
	// a session's end would be that of its calls.
	for d.calls.Load() > 0 && ctx.Err() == nil {
		time.Sleep(10 * time.Millisecond)
	}
	for {
		for session := range d.o.Server.Sessions() {
			go session.Close() // it waits for the session's calls
		}
		select {
		case err := <-done:
			if errors.Is(err, context.DeadlineExceeded) {
				d.log.Warn("some connections did not end in time", "grace", s.Grace)
				return server.Close()
			}
			return err
		case <-time.After(100 * time.Millisecond): // one may have been opened meanwhile
		}
	}
}
