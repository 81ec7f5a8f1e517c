package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"strings"
	"time"
)

// identity is who a component is to the API server.
type identity struct {
	file   string
	name   string
	groups []string
}

// identities are all that talk to the API server, each with the least that
// Kubernetes or our manifests give to that name. Argo's two run on the host,
// and have the names of the ServiceAccounts that they would have in a pod.
var identities = []identity{
	{"admin", "ligase-e2e", []string{"system:masters"}},
	{"controller-manager", "system:kube-controller-manager", nil},
	{"scheduler", "system:kube-scheduler", nil},
	{"kubelet", "system:node:" + nodeName, []string{"system:nodes"}},
	{"proxy", "system:kube-proxy", nil},
	{"argo", "system:serviceaccount:argo:argo", []string{"system:serviceaccounts"}},
	{"argo-server", "system:serviceaccount:argo:argo-server", []string{"system:serviceaccounts"}},
}

// secrets makes the certificates, kubeconfigs and keys of a new cluster. A
// cluster that has them keeps them.
func (p places) secrets() error {
	if _, err := os.Stat(p.kubeconfig()); err == nil {
		return nil
	}
	ca, err := newAuthority()
	if err != nil {
		return err
	}
	if err := p.writeFile(ca.pem, "pki", "ca.crt"); err != nil {
		return err
	}
	for _, server := range []string{"apiserver", "kubelet-server"} {
		if err := p.issue(ca, server, &x509.Certificate{
			Subject:     pkix.Name{CommonName: server},
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
			IPAddresses: []net.IP{net.ParseIP(address), net.ParseIP(serviceAddress), net.ParseIP("127.0.0.1")},
			DNSNames: []string{"localhost", nodeName, "kubernetes", "kubernetes.default", "kubernetes.default.svc",
				"kubernetes.default.svc.cluster.local"},
		}); err != nil {
			return err
		}
	}
	if err := p.issue(ca, "kubelet-client", client("kube-apiserver", "system:masters")); err != nil {
		return err
	}
	if err := p.accountKeys(); err != nil {
		return err
	}
	for _, key := range []string{"access", "secret"} {
		if err := p.writeFile(randomHex(20), "pki", "s3-"+key); err != nil {
			return err
		}
	}
	// The administrator's kubeconfig comes last: that it is there says that all are.
	for i := len(identities) - 1; i >= 0; i-- {
		who := identities[i]
		if err := p.issue(ca, who.file, client(who.name, who.groups...)); err != nil {
			return err
		}
		text, err := p.kubeconfigOf(who.file)
		if err != nil {
			return err
		}
		if err := p.writeFile(text, "pki", who.file+".kubeconfig"); err != nil {
			return err
		}
		if who.file == "admin" {
			if err := p.writeFile(text, "kubeconfig"); err != nil {
				return err
			}
		}
	}
	return nil
}

func client(name string, groups ...string) *x509.Certificate {
	return &x509.Certificate{
		Subject:     pkix.Name{CommonName: name, Organization: groups},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
}

// authority signs certificates; its key is never written.
type authority struct {
	certificate *x509.Certificate
	key         crypto.Signer
	pem         string
}

func newAuthority() (authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return authority{}, err
	}
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: "ligase-e2e"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := sign(template, template, key.Public(), key)
	if err != nil {
		return authority{}, err
	}
	certificate, err := x509.ParseCertificate(der)
	return authority{certificate, key, block("CERTIFICATE", der)}, err
}

// sign completes a certificate with what all have in common.
func sign(template, parent *x509.Certificate, public crypto.PublicKey, key crypto.Signer) ([]byte, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	template.SerialNumber = serial
	template.NotBefore = time.Now().Add(-time.Hour)
	template.NotAfter = time.Now().AddDate(1, 0, 0)
	return x509.CreateCertificate(rand.Reader, template, parent, public, key)
}

// issue writes a certificate and its key into pki/.
func (p places) issue(ca authority, name string, template *x509.Certificate) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	der, err := sign(template, ca.certificate, key.Public(), ca.key)
	if err != nil {
		return fmt.Errorf("certificate %s: %w", name, err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	if err := p.writeFile(block("CERTIFICATE", der), "pki", name+".crt"); err != nil {
		return err
	}
	return p.writeFile(block("PRIVATE KEY", private), "pki", name+".key")
}

// accountKeys makes the pair that signs the tokens of ServiceAccounts.
func (p places) accountKeys() error {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return err
	}
	if err := p.writeFile(block("PRIVATE KEY", private), "pki", "service-accounts.key"); err != nil {
		return err
	}
	return p.writeFile(block("PUBLIC KEY", public), "pki", "service-accounts.pub")
}

func block(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func randomHex(bytes int) string {
	b := make([]byte, bytes)
	if _, err := rand.Read(b); err != nil {
		panic(err) // documented never to happen
	}
	return hex.EncodeToString(b)
}

// kubeconfigOf writes out the certificates in full, so that the file can be
// copied anywhere.
func (p places) kubeconfigOf(user string) (string, error) {
	var data []any
	for _, file := range []string{"ca.crt", user + ".crt", user + ".key"} {
		content, err := os.ReadFile(p.in("pki", file))
		if err != nil {
			return "", err
		}
		data = append(data, base64.StdEncoding.EncodeToString(content))
	}
	return fmt.Sprintf(strings.TrimLeft(`
apiVersion: v1
kind: Config
clusters:
- name: ligase-e2e
  cluster: {server: "`+apiURL+`", certificate-authority-data: %s}
users:
- name: `+user+`
  user: {client-certificate-data: %s, client-key-data: %s}
contexts:
- name: ligase-e2e
  context: {cluster: ligase-e2e, user: `+user+`}
current-context: ligase-e2e
`, "\n"), data...), nil
}
