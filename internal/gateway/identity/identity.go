// Package identity says who calls the gateway.
//
// Every call has a [Principal], also where nobody has to say who they are, and
// whatever is kept for a call is kept under its tenant. Another way to tell
// callers apart is another [Verifier].
package identity

import (
	"context"
	"net/http"

	"github.com/modelcontextprotocol/go-sdk/auth"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// DefaultTenant owns what is run from a command line, and by a gateway that
// does not ask who calls.
const DefaultTenant = "default"

// Principal is who calls.
type Principal struct {
	Name   string // as the audit log has it
	Tenant string // whose runs it sees
}

// Local is who calls where nobody has to say: on a pipe, or on this machine.
func Local() Principal { return Principal{Name: "local", Tenant: DefaultTenant} }

// Verifier says whose a token is. The error of one that is nobody's wraps
// [auth.ErrInvalidToken], and says nothing of the token.
type Verifier interface {
	Verify(ctx context.Context, token string) (Principal, error)
}

const (
	tenantKey = "tenant"
	nameKey   = "name"
)

// Require lets only requests through that have a token of somebody's, in
// which [Of] finds who it is. The others are answered with 401.
func Require(v Verifier, next http.Handler) http.Handler {
	verify := func(ctx context.Context, token string, _ *http.Request) (*auth.TokenInfo, error) {
		p, err := v.Verify(ctx, token)
		if err != nil {
			return nil, err
		}
		// The SDK keeps a session to one UserID: names are a tenant's own.
		return &auth.TokenInfo{UserID: p.Tenant + "/" + p.Name, Extra: map[string]any{tenantKey: p.Tenant, nameKey: p.Name}}, nil
	}
	const challenge = "WWW-Authenticate"
	guarded := auth.RequireBearerToken(verify, &auth.RequireBearerTokenOptions{AllowMissingExpiration: true})(
		http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Del(challenge)
			next.ServeHTTP(w, r)
		}))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(challenge, `Bearer realm="ligase"`)
		guarded.ServeHTTP(w, r)
	})
}

// Of is who makes a request of the protocol.
func Of(extra *mcp.RequestExtra) Principal {
	if extra == nil {
		return Local()
	}
	return ofToken(extra.TokenInfo)
}

// OfHTTP is who makes a plain HTTP request.
func OfHTTP(r *http.Request) Principal { return ofToken(auth.TokenInfoFromContext(r.Context())) }

func ofToken(info *auth.TokenInfo) Principal {
	if info == nil {
		return Local()
	}
	tenant, _ := info.Extra[tenantKey].(string)
	name, _ := info.Extra[nameKey].(string)
	return Principal{Name: name, Tenant: tenant}
}
