package config

import (
	"path/filepath"
	"strings"
	"time"

	"github.com/ligase-bio/ligase/internal/definition"
	"github.com/ligase-bio/ligase/internal/problem"
)

// Auth is how callers of the gateway say who they are.
type Auth string

// The ways there are.
const (
	AuthNone   Auth = "none"        // they need not
	AuthBearer Auth = "bearer-file" // by a token that a file has
)

// ServeConfig is how the gateway serves.
type ServeConfig struct {
	Listen       string // address and port; empty: DefaultListen
	CertFile     string // TLS, with KeyFile
	KeyFile      string
	AllowHosts   []string // names that it may be called by, besides those of this machine
	AllowOrigins []string // web pages that may call it

	Auth            Auth   // empty: AuthBearer with a TokenFile, else AuthNone
	TokenFile       string // of AuthBearer
	AllowAnybody    bool   // listen on a network although nobody has to say who they are
	AuditLog        string // file; empty: none
	Expose          []string
	Tools           []string
	Prompts         []string
	ReadOnly        bool
	MostTools       int // 0: the gateway's default
	NoSessions      bool
	SessionTimeout  time.Duration // 0: the gateway's default
	MaxBody         int64         // bytes; 0: the gateway's default
	RequestsASecond float64       // of one caller; 0: no limit
	RequestsAtOnce  int
	DrainDelay      time.Duration
}

// DefaultListen is where the gateway listens unless told otherwise: on this
// machine only.
const DefaultListen = "127.0.0.1:8414"

// Environment variables of the gateway.
const (
	EnvListen    = "LIGASE_LISTEN"
	EnvAuth      = "LIGASE_AUTH"
	EnvTokenFile = "LIGASE_TOKEN_FILE"
	EnvAuditLog  = "LIGASE_AUDIT_LOG"
	EnvExpose    = "LIGASE_EXPOSE" // names with commas between
	EnvTools     = "LIGASE_TOOLS"  // names with commas between
	EnvReadOnly  = "LIGASE_READ_ONLY"
)

// parseServe reads the section serve.
func parseServe(n *definition.Node, base Base) ServeConfig {
	f := n.Fields()
	c := ServeConfig{
		Listen:   f.Get("listen").Text(),
		CertFile: base.node(f.Get("tls_cert")), KeyFile: base.node(f.Get("tls_key")),
		AllowHosts: texts(f.Get("allow_hosts")), AllowOrigins: texts(f.Get("allow_origins")),
		Auth: definition.OneOf(f.Get("auth"), AuthNone, AuthBearer), TokenFile: base.node(f.Get("token_file")),
		AllowAnybody: f.Get("allow_unauthenticated").Bool(), AuditLog: base.node(f.Get("audit_log")),
		Expose: texts(f.Get("expose")), Tools: texts(f.Get("tools")), Prompts: texts(f.Get("prompts")), ReadOnly: f.Get("read_only").Bool(),
		MostTools: int(f.Get("max_tools").Int(1, 1000)), NoSessions: f.Get("no_sessions").Bool(),
		SessionTimeout: f.Get("session_timeout").Duration(), MaxBody: f.Get("max_body").Bytes(),
		RequestsASecond: f.Get("requests_per_second").Float(), RequestsAtOnce: int(f.Get("requests_at_once").Int(0, 1_000_000)),
		DrainDelay: f.Get("drain_delay").Duration(),
	}
	if c.RequestsASecond < 0 {
		f.Get("requests_per_second").Problem(problem.OutOfRange, "Give a rate such as 50, or leave it out.", "The rate is negative.")
	}
	f.Done()
	return c
}

func texts(n *definition.Node) []string {
	var out []string
	for _, item := range n.ListOrOne() {
		if text := item.Text(); text != "" {
			out = append(out, text)
		}
	}
	if n.Given() && len(out) == 0 { // none given is all
		n.Problem(problem.Invalid, "Leave it out to have all, or name some.", "The list is empty.")
	}
	return out
}

// environment puts what the environment says over the file's.
func (c *ServeConfig) environment(getenv func(string) string, bad func(name, format string, args ...any)) {
	file := func(name string, into *string) {
		if text := getenv(name); text != "" {
			abs, err := filepath.Abs(text)
			if err != nil {
				bad(name, "The path %s is relative, and the current folder is gone.", text)
			}
			*into = abs
		}
	}
	names := func(name string, into *[]string) {
		if text := getenv(name); text != "" {
			if *into = Names(text); len(*into) == 0 {
				bad(name, "%q names nothing; leave it unset to have all.", text)
			}
		}
	}
	if listen := getenv(EnvListen); listen != "" {
		c.Listen = listen
	}
	if auth := getenv(EnvAuth); auth != "" {
		c.Auth = Auth(auth)
		if c.Auth != AuthNone && c.Auth != AuthBearer {
			bad(EnvAuth, "There is no way %q for callers to say who they are; there are none and bearer-file.", auth)
		}
	}
	file(EnvTokenFile, &c.TokenFile)
	file(EnvAuditLog, &c.AuditLog)
	names(EnvExpose, &c.Expose)
	names(EnvTools, &c.Tools)
	switch text := getenv(EnvReadOnly); text {
	case "":
	case "true", "1":
		c.ReadOnly = true
	case "false", "0":
		c.ReadOnly = false
	default:
		bad(EnvReadOnly, "%q is neither true nor false.", text)
	}
}

// Names reads names with commas between.
func Names(text string) []string {
	var out []string
	for name := range strings.SplitSeq(text, ",") {
		if name = strings.TrimSpace(name); name != "" {
			out = append(out, name)
		}
	}
	return out
}
