package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/ligase-bio/ligase/uris"
)

// YAML is the configuration as a file would say it, without what is not set.
// It holds no secrets: those are in the files and the environment that it
// names. [Parse] reads it back.
func (c Config) YAML() ([]byte, error) {
	p := &printer{}
	p.field("", "engine", string(c.Engine))
	p.field("", "containers", string(c.Containers))
	p.field("", "pull", string(c.Pull))
	p.field("", "mounts", c.Mounts)
	if len(c.GPUs) > 0 {
		p.line("gpus:")
		for _, name := range slices.Sorted(maps.Keys(c.GPUs)) {
			p.field("  ", quote(name), c.GPUs[name])
		}
	}
	if len(c.Volumes) > 0 {
		p.line("volumes:")
		for _, name := range slices.Sorted(maps.Keys(c.Volumes)) {
			p.field("  ", name, c.Volumes[name])
		}
	}
	p.field("", "data", c.Data)
	p.field("", "catalogs", c.Catalogs)
	p.field("", "allow_roots", texted(c.AllowRoots))
	if len(c.Buckets) > 0 {
		p.line("buckets:")
		for _, name := range slices.Sorted(maps.Keys(c.Buckets)) {
			b := c.Buckets[name]
			p.line("  " + quote(name) + ":")
			p.field("    ", "endpoint", b.Endpoint)
			p.field("    ", "region", b.Region)
			p.field("    ", "use_path_style", b.UsePathStyle)
			p.field("    ", "disable_https", b.DisableHTTPS)
		}
	}
	if !reflect.DeepEqual(c.Argo, ArgoConfig{}) {
		p.line("argo:")
		root := ""
		if !c.Argo.Root.IsZero() {
			root = c.Argo.Root.String()
		}
		p.field("  ", "root", root)
		p.field("  ", "namespace", c.Argo.Namespace)
		p.field("  ", "kubeconfig", c.Argo.Kubeconfig)
		p.field("  ", "context", c.Argo.Context)
		p.field("  ", "qps", c.Argo.QPS)
		p.field("  ", "burst", c.Argo.Burst)
		p.field("  ", "allow_drift", c.Argo.AllowDrift)
	}
	if s := c.Serve; !reflect.DeepEqual(s, ServeConfig{}) {
		p.line("serve:")
		for _, f := range []struct {
			name  string
			value any
		}{
			{"listen", s.Listen}, {"tls_cert", s.CertFile}, {"tls_key", s.KeyFile}, {"auth", string(s.Auth)}, {"token_file", s.TokenFile},
			{"allow_unauthenticated", s.AllowAnybody}, {"allow_hosts", s.AllowHosts}, {"allow_origins", s.AllowOrigins},
			{"audit_log", s.AuditLog}, {"expose", s.Expose}, {"tools", s.Tools}, {"prompts", s.Prompts}, {"read_only", s.ReadOnly}, {"max_tools", s.MostTools},
			{"no_sessions", s.NoSessions}, {"session_timeout", s.SessionTimeout}, {"max_body", s.MaxBody},
			{"requests_per_second", s.RequestsASecond}, {"requests_at_once", s.RequestsAtOnce}, {"drain_delay", s.DrainDelay},
		} {
			p.field("  ", f.name, f.value)
		}
	}
	return p.out.Bytes(), p.err
}

func texted(list []uris.URI) []string {
	var out []string
	for _, u := range list {
		out = append(out, u.String())
	}
	return out
}

type printer struct {
	out bytes.Buffer
	err error
}

func (p *printer) line(s string) { p.out.WriteString(s + "\n") }

// field prints a field that has a value.
func (p *printer) field(indent, name string, value any) {
	if reflect.ValueOf(value).IsZero() {
		return
	}
	var text string
	switch v := value.(type) {
	case string:
		text = quote(v)
	case []string:
		var items []string
		for _, item := range v {
			items = append(items, quote(item))
		}
		text = "[" + strings.Join(items, ", ") + "]"
	case time.Duration:
		text = v.String()
	case int, int64, float64, bool:
		text = fmt.Sprint(v)
	default:
		p.err = fmt.Errorf("config: %s has the type %T", name, value)
		return
	}
	p.line(indent + name + ": " + text)
}

// quote writes a text as JSON does, which YAML reads.
func quote(s string) string {
	data, err := json.Marshal(s)
	if err != nil {
		return `""` // a string always can
	}
	return string(data)
}
