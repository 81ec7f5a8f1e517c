// Package kube says where the cluster of the end-to-end tests is: the one that
// `make cluster-up` brought up, or the one that KUBECONFIG names.
package kube

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// The names and values that a cluster of our own has, and that one of the
// user's has unless the environment says otherwise.
const (
	Namespace           = "ligase"
	ControllerNamespace = "argo"
	Images              = "ghcr.io/ligase-bio"
	ImageTag            = "e2e"
	Region              = "us-east-1"
)

// Cluster is all that a test needs to know about a cluster.
type Cluster struct {
	// Ours says that `make cluster-up` brought it up, so that its components
	// can be stopped and started by name.
	Ours       bool   `json:"ours"`
	Kubeconfig string `json:"kubeconfig"`
	// Namespace is where workflows run; its default ServiceAccount may report
	// what a step gave.
	Namespace string `json:"namespace"`
	// ControllerNamespace is where Argo's controller has its ConfigMap.
	ControllerNamespace string `json:"controllerNamespace"`
	ArgoServer          string `json:"argoServer,omitempty"`
	// Images and ImageTag make an image's name: Images/ligase-worker:ImageTag.
	Images   string `json:"images"`
	ImageTag string `json:"imageTag"`
	// Bin has kubectl and argo; empty means that they are found on the PATH.
	Bin  string `json:"bin,omitempty"`
	Node string `json:"node,omitempty"`
	GPUs int    `json:"gpus,omitempty"`
	S3   S3     `json:"s3"`
}

// S3 is the object store of a cluster.
type S3 struct {
	// Endpoint is its URL as this machine sees it, PodEndpoint as pods do.
	Endpoint    string `json:"endpoint"`
	PodEndpoint string `json:"podEndpoint"`
	Region      string `json:"region"`
	Bucket      string `json:"bucket"`
	AccessKey   string `json:"accessKey"`
	SecretKey   string `json:"secretKey"`
}

// Image is the full name of one of the project's images, as `ligase-worker`.
func (c Cluster) Image(name string) string { return c.Images + "/" + name + ":" + c.ImageTag }

// Program is the path of kubectl or argo.
func (c Cluster) Program(name string) string {
	if c.Bin == "" {
		return name
	}
	return filepath.Join(c.Bin, name)
}

// Cache is the folder of everything that the end-to-end tests keep:
// $XDG_CACHE_HOME/ligase-e2e, else ~/.cache/ligase-e2e.
func Cache() (string, error) {
	if dir := os.Getenv("XDG_CACHE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "ligase-e2e"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("there is no folder for caches: set XDG_CACHE_HOME or HOME: %w", err)
	}
	return filepath.Join(home, ".cache", "ligase-e2e"), nil
}

// Dir is the folder of everything that our own cluster keeps while it is up:
// $LIGASE_CLUSTER_DIR, else `cluster` in the cache.
func Dir() (string, error) {
	if dir := os.Getenv("LIGASE_CLUSTER_DIR"); dir != "" {
		return filepath.Abs(dir)
	}
	cache, err := Cache()
	if err != nil {
		return "", err
	}
	return filepath.Join(cache, "cluster"), nil
}

// Kubeconfig is the path of our own cluster's kubeconfig in its folder.
func Kubeconfig(dir string) string { return filepath.Join(dir, "kubeconfig") }

// Foreign is the kubeconfig that the user named, if it is not our own
// cluster's; else empty.
func Foreign() (string, error) {
	path := os.Getenv("KUBECONFIG")
	dir, err := Dir()
	if err != nil {
		return "", err
	}
	if path == "" || path == Kubeconfig(dir) {
		return "", nil
	}
	return path, nil
}

// Load finds the cluster to test on. The error says how to get one.
func Load() (Cluster, error) {
	foreign, err := Foreign()
	if err != nil {
		return Cluster{}, err
	}
	if foreign != "" {
		return fromEnvironment(foreign, os.Getenv)
	}
	dir, err := Dir()
	if err != nil {
		return Cluster{}, err
	}
	data, err := os.ReadFile(file(dir))
	if errors.Is(err, os.ErrNotExist) {
		return Cluster{}, fmt.Errorf("no cluster is up: run `make cluster-up`, or set KUBECONFIG to use one of yours")
	}
	if err != nil {
		return Cluster{}, err
	}
	var c Cluster
	if err := json.Unmarshal(data, &c); err != nil {
		return Cluster{}, fmt.Errorf("%s: %w: run `make cluster-up` again", file(dir), err)
	}
	return c, nil
}

// Save writes c into the folder of our own cluster, readable by its owner
// only, as it has keys in it.
func Save(dir string, c Cluster) error {
	data, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	next := file(dir) + ".new"
	if err := os.WriteFile(next, append(data, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(next, file(dir))
}

func file(dir string) string { return filepath.Join(dir, "cluster.json") }

// fromEnvironment reads what a kubeconfig does not say.
func fromEnvironment(kubeconfig string, get func(string) string) (Cluster, error) {
	or := func(name, otherwise string) string {
		if v := get(name); v != "" {
			return v
		}
		return otherwise
	}
	var missing []string
	need := func(name, what string) string {
		v := get(name)
		if v == "" {
			missing = append(missing, fmt.Sprintf("  %s: %s", name, what))
		}
		return v
	}
	c := Cluster{
		Kubeconfig:          kubeconfig,
		Namespace:           or("LIGASE_E2E_NAMESPACE", Namespace),
		ControllerNamespace: or("LIGASE_E2E_ARGO_NAMESPACE", ControllerNamespace),
		ArgoServer:          get("LIGASE_E2E_ARGO_SERVER"),
		Images:              or("LIGASE_E2E_IMAGES", Images),
		ImageTag:            or("LIGASE_E2E_IMAGE_TAG", ImageTag),
		S3: S3{
			Endpoint:  need("LIGASE_E2E_S3_ENDPOINT", "the URL of an S3 service, as http://127.0.0.1:9000"),
			Region:    or("LIGASE_E2E_S3_REGION", Region),
			Bucket:    need("LIGASE_E2E_S3_BUCKET", "a bucket there that the tests may fill"),
			AccessKey: need("AWS_ACCESS_KEY_ID", "the key that may read and write there"),
			SecretKey: need("AWS_SECRET_ACCESS_KEY", "its secret"),
		},
	}
	c.S3.PodEndpoint = or("LIGASE_E2E_S3_POD_ENDPOINT", c.S3.Endpoint)
	if len(missing) > 0 {
		return Cluster{}, fmt.Errorf("KUBECONFIG names a cluster of yours (%s); the tests also need:\n%s", kubeconfig, strings.Join(missing, "\n"))
	}
	return c, nil
}

// Env says the cluster as environment variables, NAME=value, that Load and the
// common tools (kubectl, argo, anything that speaks S3) understand.
func (c Cluster) Env() []string {
	env := []string{
		"KUBECONFIG=" + c.Kubeconfig,
		"LIGASE_E2E_NAMESPACE=" + c.Namespace,
		"LIGASE_E2E_ARGO_NAMESPACE=" + c.ControllerNamespace,
		"LIGASE_E2E_IMAGES=" + c.Images,
		"LIGASE_E2E_IMAGE_TAG=" + c.ImageTag,
		"LIGASE_E2E_S3_ENDPOINT=" + c.S3.Endpoint,
		"LIGASE_E2E_S3_POD_ENDPOINT=" + c.S3.PodEndpoint,
		"LIGASE_E2E_S3_REGION=" + c.S3.Region,
		"LIGASE_E2E_S3_BUCKET=" + c.S3.Bucket,
		"AWS_ACCESS_KEY_ID=" + c.S3.AccessKey,
		"AWS_SECRET_ACCESS_KEY=" + c.S3.SecretKey,
	}
	if c.ArgoServer != "" {
		env = append(env, "LIGASE_E2E_ARGO_SERVER="+c.ArgoServer)
	}
	if c.Bin != "" {
		env = append(env, "LIGASE_E2E_BIN="+c.Bin)
	}
	return env
}
