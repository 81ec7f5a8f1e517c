//go:build cluster

package argo

import (
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/ligase-bio/ligase/e2e/argo/gateway"
	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/uris"
)

// newKillable sets up a store of its own, and stands between the gateways that
// it starts and both the store and the API server.
func (s *site) newKillable(t testing.TB) *killable {
	t.Helper()
	k := &killable{site: s}
	blobs, root := s.store(t)
	k.replica = &replica{blobs: blobs, root: root}
	store := must(url.Parse(s.cluster.S3.Endpoint))(t)
	api := must(url.Parse(s.gateway.Host))(t)
	toStore, toAPI := k.between(t, store, http.DefaultTransport), k.between(t, api, must(rest.TransportFor(rest.AnonymousClientConfig(s.gateway)))(t))
	toStore.Start()
	toAPI.StartTLS() // nobody gives a token to a server without

	k.config = gateway.Config{
		Store: must(json.Marshal(map[string]any{
			"roots": []any{map[string]any{"uri": root.String(), "write": true}},
			"buckets": map[string]any{"s3://": map[string]any{
				"endpoint": toStore.URL, "region": s.cluster.S3.Region, "use_path_style": true, "disable_https": true,
			}},
		}))(t),
		Kubeconfig: writeKubeconfig(t, toAPI, s.gateway.BearerToken),
		Namespace:  s.namespace, Catalog: definitionFolders(t),
	}
	return k
}

// between passes requests on to a server, once it is started.
func (k *killable) between(t testing.TB, server *url.URL, transport http.RoundTripper) *httptest.Server {
	proxy := httputil.NewSingleHostReverseProxy(server) // the Host stays: requests to the store are signed with it
	proxy.Transport = transport
	proxy.FlushInterval = -1 // watches
	proxy.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) }
	proxy.ModifyResponse = func(answer *http.Response) error {
		if k.struck(answer.Request, after) {
			return http.ErrAbortHandler
		}
		return nil
	}
	listener := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if k.struck(r, before) {
			panic(http.ErrAbortHandler)
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		listener.CloseClientConnections()
		listener.Close()
	})
	return listener
}

// writeKubeconfig writes what kubectl and client-go find a server by.
func writeKubeconfig(t testing.TB, server *httptest.Server, token string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kubeconfig")
	config := clientcmdapi.Config{
		Clusters: map[string]*clientcmdapi.Cluster{"c": {
			Server:                   server.URL,
			CertificateAuthorityData: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}),
		}},
		AuthInfos:      map[string]*clientcmdapi.AuthInfo{"u": {Token: token}},
		Contexts:       map[string]*clientcmdapi.Context{"c": {Cluster: "c", AuthInfo: "u"}},
		CurrentContext: "c",
	}
	if err := os.WriteFile(path, must(clientcmd.Write(config))(t), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// start starts a gateway with its index in a folder.
func (k *killable) start(t testing.TB, dir string) *gateway.Process {
	t.Helper()
	config := k.config
	config.Dir = dir
	g := must(gateway.Start(config))(t)
	t.Cleanup(func() {
		if g.Kill(); t.Failed() {
			t.Logf("the gateway said\n%s", g.Said())
		}
	})
	return g
}

// output reads what a run of one step gave on its port `out`.
func (k *killable) output(t testing.TB, id runs.ID) string {
	t.Helper()
	folder := uris.Layout{Root: k.replica.root}.Run(string(id))
	for _, node := range []string{"tell", "shout"} {
		if text, err := k.replica.blobs.ReadAll(t.Context(), folder.Object(node, "", 1, "out", -1, "txt"), 16<<20); err == nil {
			return string(text)
		}
	}
	t.Fatalf("%s has no output", id)
	return ""
}
