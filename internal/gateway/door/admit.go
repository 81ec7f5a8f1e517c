package door

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"

	"github.com/ligase-bio/ligase/internal/gateway/identity"
	"github.com/ligase-bio/ligase/internal/gateway/mcptasks"
)

// fromHere refuses requests for another host, and from web pages that nobody
// has let in: a page in a browser on this machine could call otherwise, under
// a name of its own that it has pointed here.
func (d *Door) fromHere(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !d.hostAllowed(r.Host) {
			http.Error(w, fmt.Sprintf("This gateway does not go by the name %.100q. If it is to, name it with --allow-host.", r.Host), http.StatusForbidden)
			return
		}
		if origin := r.Header.Get("Origin"); origin != "" {
			if !d.originAllowed(origin, r) {
				http.Error(w, fmt.Sprintf("Web pages of %.100q may not call this gateway. If they are to, name it with --allow-origin.", origin), http.StatusForbidden)
				return
			}
			h := w.Header()
			h.Set("Access-Control-Allow-Origin", origin)
			h.Add("Vary", "Origin")
			h.Set("Access-Control-Expose-Headers", "Mcp-Session-Id, Mcp-Protocol-Version, X-Request-Id, WWW-Authenticate")
			if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
				h.Set("Access-Control-Allow-Methods", "GET, POST, DELETE")
				h.Set("Access-Control-Allow-Headers", "*, Authorization")
				h.Set("Access-Control-Max-Age", "600")
				w.WriteHeader(http.StatusNoContent)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// hostAllowed: a gateway on this machine goes by this machine's names, one on
// a network by its addresses and the names that it was told. Where callers
// show a token, which no page in a browser has, and no names were told, any
// will do.
func (d *Door) hostAllowed(hostport string) bool {
	host := hostOf(hostport)
	if loopback(host) || slices.ContainsFunc(d.o.Hosts, func(h string) bool { return strings.EqualFold(h, host) || strings.EqualFold(h, hostport) }) {
		return true
	}
	if d.o.Loopback {
		return false
	}
	_, err := netip.ParseAddr(host)
	return err == nil || d.o.Verifier != nil && len(d.o.Hosts) == 0
}

func (d *Door) originAllowed(origin string, r *http.Request) bool {
	if slices.ContainsFunc(d.o.Origins, func(o string) bool { return strings.EqualFold(o, origin) }) {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" && strings.EqualFold(u.Host, r.Host)
}

func hostOf(hostport string) string {
	if host, _, err := net.SplitHostPort(hostport); err == nil {
		return host
	}
	return strings.Trim(hostport, "[]")
}

func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// requestID is the caller's, if it can stand in a log, else one made for it.
func requestID(given string) string {
	ok := given != "" && len(given) <= 128
	for i := 0; ok && i < len(given); i++ {
		ok = given[i] > ' ' && given[i] <= '~'
	}
	if ok {
		return given
	}
	return rand.Text()[:16]
}

// limited answers 429 to callers that ask too often.
func (d *Door) limited(next http.Handler) http.Handler {
	if d.o.Rate <= 0 {
		return next
	}
	l := &limiter{rate: rate.Limit(d.o.Rate), burst: d.o.Burst, of: map[string]*rate.Limiter{}}
	if l.burst <= 0 {
		l.burst = max(1, int(d.o.Rate))
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who := hostOf(r.RemoteAddr)
		if d.o.Verifier != nil {
			p := identity.OfHTTP(r)
			who = p.Tenant + "/" + p.Name
		}
		if wait := l.wait(who); wait > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(int(wait/time.Second)+1))
			http.Error(w, fmt.Sprintf("There are at most %g requests a second of one caller here. Try again in %s.", d.o.Rate, wait.Round(time.Millisecond)), http.StatusTooManyRequests)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// limiter has a bucket of tokens for each caller.
type limiter struct {
	rate  rate.Limit
	burst int
	mu    sync.Mutex
	of    map[string]*rate.Limiter
}

// mostCallers bounds the buckets: callers that come after begin with full
// ones.
const mostCallers = 10_000

// wait is how long a caller must wait for its next request; 0: it may go on.
func (l *limiter) wait(who string) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	bucket := l.of[who]
	if bucket == nil {
		if len(l.of) >= mostCallers {
			clear(l.of)
		}
		bucket = rate.NewLimiter(l.rate, l.burst)
		l.of[who] = bucket
	}
	r := bucket.Reserve()
	wait := r.Delay()
	if wait > 0 {
		r.Cancel()
	}
	return wait
}

// maxDepth is how deeply the JSON of a request may be nested. Arguments of
// tools have three levels or four.
const maxDepth = 64

// readable reads the body of a request, and refuses what nobody should have to
// decode.
func (d *Door) readable(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			next.ServeHTTP(w, r)
			return
		}
		if encoding := r.Header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
			http.Error(w, fmt.Sprintf("Send the body as it is, not as %.40q.", encoding), http.StatusUnsupportedMediaType)
			return
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, d.o.MaxBody))
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			http.Error(w, fmt.Sprintf("A request has at most %d bytes. Give large values by their URIs.", large.Limit), http.StatusRequestEntityTooLarge)
			return
		}
		if err != nil {
			http.Error(w, "The body could not be read.", http.StatusBadRequest)
			return
		}
		if depth(body) > maxDepth {
			refuse(w, nil, jsonrpc.CodeInvalidRequest, fmt.Sprintf("the JSON of a request is nested %d deep at most", maxDepth))
			return
		}
		if n := batch(body); n > mostInBatch {
			refuse(w, nil, jsonrpc.CodeInvalidRequest, fmt.Sprintf("there are %d messages in one request; at most %d are taken", n, mostInBatch))
			return
		}
		// The SDK holds this header against the names of tools, prompts and
		// resources, but knows no tasks.
		switch r.Header.Get("Mcp-Method") {
		case "tasks/get", "tasks/update", "tasks/cancel":
			var about struct {
				ID     json.RawMessage `json:"id"`
				Params struct {
					TaskID string `json:"taskId"`
				} `json:"params"`
			}
			if json.Unmarshal(body, &about) == nil && about.Params.TaskID != r.Header.Get("Mcp-Name") {
				refuse(w, about.ID, mcptasks.CodeHeaderMismatch, "the header Mcp-Name is not params.taskId")
				return
			}
		}
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		next.ServeHTTP(w, r)
	})
}

// mostInBatch is how many messages a request of an old version may have: a
// limit of requests is one of messages, near enough.
const mostInBatch = 20

// batch is how many messages a body has.
func batch(body []byte) int {
	if body = bytes.TrimLeft(body, " \t\r\n"); len(body) == 0 || body[0] != '[' {
		return 1
	}
	var messages []json.RawMessage
	if json.Unmarshal(body, &messages) != nil {
		return 1 // the SDK says what is wrong
	}
	return len(messages)
}

// refuse answers with an error of the protocol.
func refuse(w http.ResponseWriter, id json.RawMessage, code int64, message string) {
	if id == nil {
		id = json.RawMessage("null")
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusBadRequest)
	json.NewEncoder(w).Encode(map[string]any{"jsonrpc": "2.0", "id": id, "error": map[string]any{"code": code, "message": message}})
}

// depth is how deeply a text of JSON is nested, whether it is sound or not.
func depth(text []byte) int {
	most, now := 0, 0
	quoted := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			if now++; now > most {
				most = now
			}
		case c == '}' || c == ']':
			now--
		}
	}
	return most
}
