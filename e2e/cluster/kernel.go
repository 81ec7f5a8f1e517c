package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// settings are what the kubelet, kube-proxy and the network plugins change in
// the kernel for good. `up` writes down what they were, `down` puts that back.
// What is given here, `up` sets itself: forwarding for pods, and firewall
// rules for what goes from pod to pod, without which Services do not answer.
func settings() map[string]string {
	return map[string]string{
		"kernel/keys/root_maxbytes":          "",
		"kernel/keys/root_maxkeys":           "",
		"kernel/panic":                       "",
		"kernel/panic_on_oops":               "",
		"net/bridge/bridge-nf-call-iptables": "1",
		"net/ipv4/ip_forward":                "1",
		"net/netfilter/nf_conntrack_max":     "",
		"vm/overcommit_memory":               "",
		"vm/panic_on_oom":                    "",
	}
}

const sysctl = "/proc/sys"

func (p places) kernelFile() string { return p.in("kernel.json") }

func (p places) prepareKernel() error {
	before := map[string]string{}
	for name := range settings() {
		value, err := os.ReadFile(filepath.Join(sysctl, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		before[name] = string(value)
	}
	if _, err := os.Stat(p.kernelFile()); errors.Is(err, fs.ErrNotExist) {
		data, err := json.MarshalIndent(before, "", "  ")
		if err != nil {
			return err
		}
		if err := os.WriteFile(p.kernelFile(), data, 0o600); err != nil {
			return err
		}
	}
	for name, value := range settings() {
		if _, there := before[name]; !there || value == "" {
			continue
		}
		if err := os.WriteFile(filepath.Join(sysctl, name), []byte(value), 0o644); err != nil {
			return fmt.Errorf("a kernel setting that the cluster needs: %w", err)
		}
	}
	return nil
}

// restoreKernel puts back what `up` found.
func (p places) restoreKernel() error {
	data, err := os.ReadFile(p.kernelFile())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var before map[string]string
	if err := json.Unmarshal(data, &before); err != nil {
		return fmt.Errorf("%s: %w", p.kernelFile(), err)
	}
	var all []error
	for name, value := range before {
		if err := os.WriteFile(filepath.Join(sysctl, name), []byte(value), 0o644); err != nil {
			all = append(all, err)
		}
	}
	return errors.Join(all...)
}
