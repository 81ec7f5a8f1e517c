package main

import (
	"os"

	"github.com/ligase-bio/ligase/e2e/cluster/kube"
)

const (
	region = kube.Region
	bucket = "ligase"
)

// s3Keys are the keys of the object store. Before there are any they are
// empty: only status asks then.
func (p places) s3Keys() (access, secret string) {
	read := func(name string) string {
		data, err := os.ReadFile(p.in("pki", "s3-"+name))
		if err != nil {
			return ""
		}
		return string(data)
	}
	return read("access"), read("secret")
}

func (p places) s3Env() []string {
	access, secret := p.s3Keys()
	return []string{"ROOT_ACCESS_KEY=" + access, "ROOT_SECRET_KEY=" + secret}
}

// makeBucket makes the bucket: to the gateway, a folder in its folder is one.
func (p places) makeBucket() error { return os.MkdirAll(p.in("s3", bucket), 0o700) }
