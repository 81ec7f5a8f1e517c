package drivers_test

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/ligase-bio/ligase/uris"
	"github.com/ligase-bio/ligase/uris/drivers"
)

// The buckets themselves are tested against a server in package uris; here is
// what needs none.
func TestConfiguration(t *testing.T) {
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} {
		t.Setenv(name, "test")
	}
	t.Setenv("AZURE_STORAGE_ACCOUNT", "")
	t.Setenv("AZURE_STORAGE_CONNECTION_STRING", "")
	t.Setenv("AZURE_STORAGEBLOB_CONNECTIONSTRING", "")
	t.Setenv("STORAGE_EMULATOR_HOST", "")
	all := drivers.All()
	if got := slices.Sorted(maps.Keys(all)); !slices.Equal(got, []string{"azblob", "gs", "oss", "s3"}) {
		t.Errorf("drivers of %v", got)
	}
	for _, test := range []struct {
		scheme string
		cfg    uris.BucketConfig
		says   string // empty: it opens
	}{
		{"s3", uris.BucketConfig{Region: "eu-central-1"}, ""},
		{"s3", uris.BucketConfig{Endpoint: "minio:9000", DisableHTTPS: true, UsePathStyle: true, Region: "x"}, ""},
		{"oss", uris.BucketConfig{Region: "oss-cn-hangzhou"}, ""},
		{"oss", uris.BucketConfig{}, "needs a region or an endpoint"},
		{"gs", uris.BucketConfig{Endpoint: "http://localhost"}, "STORAGE_EMULATOR_HOST"},
		{"azblob", uris.BucketConfig{}, "AZURE_STORAGE_ACCOUNT"},
		{"azblob", uris.BucketConfig{Endpoint: "https://account.blob.core.windows.net"}, ""},
	} {
		b, err := all[test.scheme](context.Background(), "lab-data", test.cfg)
		switch {
		case test.says != "" && (err == nil || !strings.Contains(err.Error(), test.says)):
			t.Errorf("%s with %+v: %v; want it to say %q", test.scheme, test.cfg, err, test.says)
		case test.says == "" && err != nil:
			t.Errorf("%s with %+v: %v", test.scheme, test.cfg, err)
		case err == nil:
			b.Close()
		}
	}
}

func TestSignedURLsNameTheEndpoint(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "test")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "test")
	for scheme, test := range map[string]struct {
		cfg  uris.BucketConfig
		want string
	}{
		"s3":  {uris.BucketConfig{Endpoint: "minio:9000", DisableHTTPS: true, UsePathStyle: true, Region: "x"}, "http://minio:9000/lab-data/k?"},
		"oss": {uris.BucketConfig{Region: "oss-cn-hangzhou"}, "https://lab-data.s3.oss-cn-hangzhou.aliyuncs.com/k?"},
	} {
		b, err := drivers.All()[scheme](context.Background(), "lab-data", test.cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		if got, err := b.SignedURL(context.Background(), "k", nil); err != nil || !strings.HasPrefix(got, test.want) {
			t.Errorf("%s: %s, %v; want %s…", scheme, got, err, test.want)
		}
	}
}
