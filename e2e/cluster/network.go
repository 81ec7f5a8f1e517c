package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"
)

// comment is on each rule of ours, which is how `down` knows them.
const comment = "ligase-e2e"

// rules are our own firewall rules: pods reach the world through this machine;
// the ports of programs that cannot listen on one address only are closed to
// other machines, as whoever reaches Argo's server may run anything.
func rules() [][]string {
	mark := []string{"-m", "comment", "--comment", comment}
	all := [][]string{append([]string{"nat", "POSTROUTING", "-s", podNetwork, "!", "-d", podNetwork, "-j", "MASQUERADE"}, mark...)}
	for _, port := range []string{"2746", "6060"} {
		all = append(all, append([]string{"filter", "INPUT", "-p", "tcp", "--dport", port,
			"!", "-s", podNetwork, "-m", "addrtype", "!", "--src-type", "LOCAL", "-j", "DROP"}, mark...))
	}
	return all
}

func command10s(ctx context.Context, name string, args ...string) error {
	_, err := output(ctx, 10*time.Second, name, args...)
	return err
}

// network makes the bridge, before there is a pod, so that the node and S3 can
// have its address; and the rules.
func (p places) network(ctx context.Context) error {
	if !p.hasBridge() {
		if err := networkFree(); err != nil {
			return err
		}
		if err := p.makeBridge(ctx); err != nil {
			return err
		}
	}
	if err := command10s(ctx, "ip", "addr", "replace", address+"/16", "dev", bridge); err != nil {
		return err
	}
	if err := command10s(ctx, "ip", "link", "set", bridge, "up"); err != nil {
		return err
	}
	for _, r := range rules() {
		table, rest := r[0], r[1:]
		if command10s(ctx, "iptables", append([]string{"-w", "-t", table, "-C"}, rest...)...) == nil {
			continue
		}
		if err := command10s(ctx, "iptables", append([]string{"-w", "-t", table, "-A"}, rest...)...); err != nil {
			return err
		}
	}
	return nil
}

// alias is written on the bridge, so that nobody else's is taken for ours:
// other Kubernetes have bridges of that name, too.
func (p places) alias() string { return comment + ":" + p.state }

func (p places) hasBridge() bool {
	alias, err := os.ReadFile("/sys/class/net/" + bridge + "/ifalias")
	return err == nil && strings.TrimSpace(string(alias)) == p.alias()
}

// makeBridge gives the bridge its name last: one of that name without the alias
// is somebody else's.
func (p places) makeBridge(ctx context.Context) error {
	if _, err := net.InterfaceByName(newBridge); err != nil { // else an up was killed right here
		if err := command10s(ctx, "ip", "link", "add", newBridge, "type", "bridge"); err != nil {
			return err
		}
	}
	if err := command10s(ctx, "ip", "link", "set", newBridge, "alias", p.alias()); err != nil {
		return err
	}
	return command10s(ctx, "ip", "link", "set", newBridge, "name", bridge)
}

const newBridge = "ligase-e2e-new"

// networkFree refuses when another interface has the bridge's name or the
// pods' addresses.
func networkFree() error {
	if _, err := net.InterfaceByName(bridge); err == nil {
		return fmt.Errorf("this machine has a network %s of something else, another Kubernetes or another cluster of this program: take that down first, or set KUBECONFIG to use it", bridge)
	}
	_, pods, err := net.ParseCIDR(podNetwork)
	if err != nil {
		return err
	}
	interfaces, err := net.Interfaces()
	if err != nil {
		return err
	}
	for _, i := range interfaces {
		addresses, err := i.Addrs()
		if err != nil {
			return err
		}
		for _, a := range addresses {
			if taken, ok := a.(*net.IPNet); ok && (pods.Contains(taken.IP) || taken.Contains(pods.IP)) {
				return fmt.Errorf("the interface %s has %s, and the cluster needs %s: remove that network first (podman's default is one: `podman network ls`)", i.Name, taken, podNetwork)
			}
		}
	}
	return nil
}

// removeNetwork takes away the bridge, our rules and kube-proxy's.
func (p places) removeNetwork(ctx context.Context) error {
	var all []error
	if p.hasBridge() {
		all = append(all, command10s(ctx, "ip", "link", "delete", bridge))
	}
	if _, err := net.InterfaceByName(newBridge); err == nil {
		all = append(all, command10s(ctx, "ip", "link", "delete", newBridge))
	}
	for _, r := range rules() {
		table, rest := r[0], r[1:]
		for command10s(ctx, "iptables", append([]string{"-w", "-t", table, "-C"}, rest...)...) == nil {
			if err := command10s(ctx, "iptables", append([]string{"-w", "-t", table, "-D"}, rest...)...); err != nil {
				all = append(all, err)
				break
			}
		}
	}
	return errors.Join(append(all, p.removeProxyRules(ctx))...)
}

// firewallChain is made by kube-proxy, with jumps to it from these chains, and
// its --cleanup leaves it to the kubelet; ours makes none.
const firewallChain = "KUBE-FIREWALL"

// removeProxyRules takes away what kube-proxy leaves when it ends, for both
// versions of IP.
func (p places) removeProxyRules(ctx context.Context) error {
	cleaned := false
	for _, iptables := range []string{"iptables", "ip6tables"} {
		rules, err := output(ctx, 10*time.Second, iptables+"-save")
		if err != nil && iptables == "ip6tables" {
			continue // a kernel without IPv6 has no rules for it
		}
		if err != nil {
			return err
		}
		if strings.Contains(rules, ":KUBE-") && !cleaned {
			if _, err := output(ctx, time.Minute, p.program("kube-proxy"), "--cleanup"); err != nil {
				return err
			}
			cleaned = true
		}
		if !strings.Contains(rules, ":"+firewallChain+" ") {
			continue
		}
		for _, from := range []string{"INPUT", "OUTPUT"} {
			if !strings.Contains(rules, "-A "+from+" -j "+firewallChain+"\n") {
				continue
			}
			if err := command10s(ctx, iptables, "-w", "-D", from, "-j", firewallChain); err != nil {
				return err
			}
		}
		for _, what := range []string{"--flush", "--delete-chain"} {
			if err := command10s(ctx, iptables, "-w", what, firewallChain); err != nil {
				return err
			}
		}
	}
	return nil
}
