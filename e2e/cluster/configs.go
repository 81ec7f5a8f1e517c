package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// configs writes the configuration files. They are written at each `up`, so
// that a newer checkout's are used; what reads one that changed is restarted.
func (p places) configs() error {
	cni, err := cniPlugins()
	if err != nil {
		return err
	}
	fill := strings.NewReplacer(
		"{state}", p.state, "{socket}", p.socket(), "{cni}", cni, "{pause}", pauseImage,
		"{bridge}", bridge, "{address}", address, "{pods}", podNetwork,
	)
	if err := p.writeFile(fill.Replace(containerdConfig), "containerd", "config.toml"); err != nil {
		return err
	}
	if err := p.writeFile(fill.Replace(cniConfig), "cni", "10-ligase.conflist"); err != nil {
		return err
	}
	return p.writeFile(fill.Replace(kubeletConfig), "kubelet.yaml")
}

// cniPlugins is where the network plugins are: Debian's place, or upstream's.
func cniPlugins() (string, error) {
	places := []string{"/usr/lib/cni", "/opt/cni/bin", "/usr/libexec/cni"}
	for _, dir := range places {
		if _, err := os.Stat(filepath.Join(dir, "bridge")); err == nil {
			return dir, nil
		}
	}
	return "", fmt.Errorf("there are no CNI plugins in %s: install them (Debian: apt-get install containernetworking-plugins)", strings.Join(places, ", "))
}

// Every path is in the cluster's folder, so that nothing of another containerd
// is touched and `down` finds all of it. restrict_oom_score_adj: without the
// capability to lower the score no sandbox starts, "can't get final child's
// PID from pipe: EOF".
const containerdConfig = `version = 2
root = "{state}/containerd/root"
state = "{state}/containerd/state"
disabled_plugins = ["io.containerd.internal.v1.opt"]

[grpc]
  address = "{socket}"

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause}"
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{cni}"
    conf_dir = "{state}/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = false
      Root = "{state}/containerd/runc"
`

// The bridge masquerades by one rule of our own (see network.go), not by one
// for each pod, which a crash would leave behind.
const cniConfig = `{
  "cniVersion": "0.4.0",
  "name": "ligase",
  "plugins": [{
    "type": "bridge",
    "bridge": "{bridge}",
    "isGateway": true,
    "ipMasq": false,
    "hairpinMode": true,
    "ipam": {
      "type": "host-local",
      "ranges": [[{"subnet": "{pods}", "gateway": "{address}"}]],
      "routes": [{"dst": "0.0.0.0/0"}],
      "dataDir": "{state}/cni/addresses"
    }
  }]
}
`

// Only the disk's last per mille counts as pressure: a developer's disk is
// often nearly full, and an evicted pod is a failed test.
const kubeletConfig = `apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: {address}
tlsCertFile: {state}/pki/kubelet-server.crt
tlsPrivateKeyFile: {state}/pki/kubelet-server.key
authentication:
  anonymous: {enabled: false}
  webhook: {enabled: true}
  x509: {clientCAFile: {state}/pki/ca.crt}
authorization: {mode: Webhook}
containerRuntimeEndpoint: unix://{socket}
podLogsDir: {state}/logs/pods
volumePluginDir: {state}/kubelet/volume-plugins
cgroupDriver: cgroupfs
failCgroupV1: false
failSwapOn: false
enforceNodeAllocatable: []
makeIPTablesUtilChains: false
imageGCHighThresholdPercent: 100
imageGCLowThresholdPercent: 99
evictionHard: {memory.available: 100Mi, nodefs.available: 0.1%, imagefs.available: 0.1%, nodefs.inodesFree: 0.1%}
`
