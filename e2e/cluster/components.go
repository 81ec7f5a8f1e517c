package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// component is one long-running program of the cluster.
type component struct {
	name string
	path string
	args []string
	env  []string
	// files are configuration; when one changes the program is started again.
	files []string
	// listens are the addresses that it takes.
	listens []string
	// healthy is nil when the component works.
	healthy func(context.Context) error
}

const (
	etcdURL       = "http://127.0.0.1:23790"
	etcdPeerURL   = "http://127.0.0.1:23800"
	apiURL        = "https://" + address + ":6443"
	s3URL         = "http://" + address + ":7070"
	argoServerURL = "http://127.0.0.1:2746"
)

// components are all of them in the order in which they start.
func (p places) components() []component {
	pki := func(name string) string { return p.in("pki", name) }
	config := func(user string) string { return pki(user + ".kubeconfig") }
	return []component{
		{
			name: "etcd", path: p.program("etcd"),
			// What it keeps is gone with the machine anyway: no need to wait for the disk.
			args: []string{"--data-dir=" + p.in("etcd"), "--unsafe-no-fsync",
				"--listen-client-urls=" + etcdURL, "--advertise-client-urls=" + etcdURL,
				"--listen-peer-urls=" + etcdPeerURL, "--initial-advertise-peer-urls=" + etcdPeerURL,
				"--initial-cluster=default=" + etcdPeerURL},
			listens: []string{"127.0.0.1:23790", "127.0.0.1:23800"},
			healthy: get(etcdURL + "/health"),
		},
		{
			name: "containerd", path: "containerd",
			args:    []string{"--config", p.in("containerd", "config.toml")},
			files:   []string{p.in("containerd", "config.toml")},
			healthy: p.containerdWorks,
		},
		{
			name: "s3", path: p.program("versitygw"),
			args: []string{"--port", address + ":7070", "--port", "127.0.0.1:7070", "--region", region,
				"--quiet", "--keep-alive", "--health", "/healthz", "posix", p.in("s3")},
			env:     p.s3Env(),
			listens: []string{address + ":7070", "127.0.0.1:7070"},
			healthy: get(s3URL + "/healthz"),
		},
		{
			name: "apiserver", path: p.program("kube-apiserver"),
			args: []string{"--etcd-servers=" + etcdURL,
				"--bind-address=" + address, "--secure-port=6443", "--advertise-address=" + address,
				"--service-cluster-ip-range=" + serviceNetwork, "--allow-privileged=true",
				"--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction",
				"--client-ca-file=" + pki("ca.crt"),
				"--tls-cert-file=" + pki("apiserver.crt"), "--tls-private-key-file=" + pki("apiserver.key"),
				"--kubelet-certificate-authority=" + pki("ca.crt"), "--kubelet-preferred-address-types=InternalIP",
				"--kubelet-client-certificate=" + pki("kubelet-client.crt"), "--kubelet-client-key=" + pki("kubelet-client.key"),
				"--service-account-issuer=https://kubernetes.default.svc",
				"--service-account-key-file=" + pki("service-accounts.pub"), "--service-account-signing-key-file=" + pki("service-accounts.key")},
			listens: []string{address + ":6443"},
			healthy: p.apiWorks,
		},
		{
			name: "controller-manager", path: p.program("kube-controller-manager"),
			args: []string{"--kubeconfig=" + config("controller-manager"), "--bind-address=127.0.0.1",
				"--leader-elect=false", "--use-service-account-credentials=true",
				"--service-account-private-key-file=" + pki("service-accounts.key"), "--root-ca-file=" + pki("ca.crt")},
			listens: []string{"127.0.0.1:10257"},
			healthy: get("https://127.0.0.1:10257/healthz"),
		},
		{
			name: "scheduler", path: p.program("kube-scheduler"),
			args:    []string{"--kubeconfig=" + config("scheduler"), "--bind-address=127.0.0.1", "--leader-elect=false"},
			listens: []string{"127.0.0.1:10259"},
			healthy: get("https://127.0.0.1:10259/healthz"),
		},
		{
			name: "kubelet", path: p.program("kubelet"),
			args: []string{"--config=" + p.in("kubelet.yaml"), "--kubeconfig=" + config("kubelet"),
				"--root-dir=" + p.in("kubelet"), "--cert-dir=" + p.in("kubelet", "pki"),
				"--node-ip=" + address, "--hostname-override=" + nodeName},
			files:   []string{p.in("kubelet.yaml")},
			listens: []string{address + ":10250", "127.0.0.1:10248"},
			healthy: get("http://127.0.0.1:10248/healthz"),
		},
		{
			name: "proxy", path: p.program("kube-proxy"),
			// The limits of connection tracking are the machine's: 0 leaves them.
			// Node ports on 127.0.0.1 would change a setting of the kernel.
			args: []string{"--kubeconfig=" + config("proxy"), "--proxy-mode=iptables", "--cluster-cidr=" + podNetwork,
				"--hostname-override=" + nodeName, "--metrics-bind-address=127.0.0.1:10249", "--healthz-bind-address=127.0.0.1:10256",
				"--iptables-localhost-nodeports=false", "--conntrack-max-per-core=0", "--conntrack-min=0",
				"--conntrack-tcp-timeout-established=0", "--conntrack-tcp-timeout-close-wait=0"},
			listens: []string{"127.0.0.1:10249", "127.0.0.1:10256"},
			healthy: get("http://127.0.0.1:10256/healthz"),
		},
		{
			name: "controller", path: p.program("workflow-controller"),
			args: []string{"--kubeconfig", config("argo"), "--namespace", "argo",
				"--configmap", "workflow-controller-configmap", "--executor-image", executorImage(p.argoVersion())},
			// Argo looks at what a finished pod left after 10 s by default; tests wait for it.
			env:     []string{"DEFAULT_REQUEUE_TIME=2s", "LEADER_ELECTION_DISABLE=true"},
			listens: []string{":6060"},
			healthy: get("http://127.0.0.1:6060/healthz"),
		},
		{
			name: "server", path: p.program("argo"),
			args: []string{"server", "--kubeconfig", config("argo-server"), "--namespace", "argo",
				"--auth-mode", "client", "--auth-mode", "server", "--secure=false", "--port", "2746"},
			listens: []string{":2746"},
			healthy: get(argoServerURL + "/api/v1/version"),
		},
	}
}

func (p places) component(name string) (component, error) {
	all := p.components()
	var names []string
	for _, c := range all {
		if c.name == name {
			return c, nil
		}
		names = append(names, c.name)
	}
	slices.Sort(names)
	return component{}, errUsage(fmt.Sprintf("there is no component %q: there are %s", name, strings.Join(names, ", ")))
}

// get asks a component on this machine whether it is well. Who answers is not
// in question, so its certificate is not looked at.
func get(url string) func(context.Context) error {
	client := http.Client{Transport: &http.Transport{
		Proxy: nil, DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
	}}
	return func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		response, err := client.Do(request)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("GET %s: %s", url, response.Status)
		}
		return nil
	}
}

func (p places) containerdWorks(ctx context.Context) error {
	_, err := output(ctx, 10*time.Second, "ctr", "--address", p.socket(), "version")
	return err
}

func (p places) apiWorks(ctx context.Context) error {
	_, err := p.kubectl(ctx, "get", "--raw", "/readyz")
	return err
}

// free is an error when something listens at the address.
func free(address string) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("something on this machine has %s already: stop it first (`ss -ltnp` says what it is): %w", address, err)
	}
	return l.Close()
}

// output runs a command that ends soon and returns what it prints; the error
// has what it complained of.
func output(ctx context.Context, patience time.Duration, name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	out, err := exec.CommandContext(ctx, name, args...).Output()
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		return "", fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(string(failed.Stderr)))
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	return string(out), nil
}
