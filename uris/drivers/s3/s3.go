// Package s3 opens buckets of Amazon S3 and of services that speak its
// protocol. Credentials come from where Amazon's own tools take them: the
// AWS environment variables, shared files and roles.
package s3

import (
	"context"
	"errors"
	"net/url"
	"strings"

	"gocloud.dev/blob"
	"gocloud.dev/blob/s3blob"

	"github.com/ligase-bio/ligase/uris"
)

// Open opens a bucket of Amazon S3, or with an Endpoint one of a service that
// speaks its protocol.
func Open(ctx context.Context, bucket string, cfg uris.BucketConfig) (*blob.Bucket, error) {
	q := url.Values{}
	if cfg.Region != "" {
		q.Set("region", cfg.Region)
	}
	if cfg.UsePathStyle {
		q.Set("use_path_style", "true")
	}
	if cfg.DisableHTTPS {
		q.Set("disable_https", "true")
	}
	if cfg.Endpoint != "" {
		q.Set("endpoint", withScheme(cfg))
		// Few services other than Amazon's take its newer checksums, which
		// the library sends unless told otherwise.
		q.Set("request_checksum_calculation", "when_required")
		q.Set("response_checksum_validation", "when_required")
	}
	// The query is the library's own form of a configuration; it is made
	// here and from nothing that a user wrote.
	return new(s3blob.URLOpener).OpenBucketURL(ctx, &url.URL{Scheme: s3blob.Scheme, Host: bucket, RawQuery: q.Encode()})
}

// OpenOSS opens a bucket of Alibaba Cloud's Object Storage Service, through its
// S3-compatible endpoint: the one of the configuration, or the public one of
// the Region. The service takes a bucket in the host name only.
func OpenOSS(ctx context.Context, bucket string, cfg uris.BucketConfig) (*blob.Bucket, error) {
	if cfg.Endpoint == "" {
		if cfg.Region == "" {
			return nil, errors.New("oss needs a region or an endpoint in the configuration, such as oss-cn-hangzhou and https://s3.oss-cn-hangzhou.aliyuncs.com")
		}
		cfg.Endpoint = "https://s3." + cfg.Region + ".aliyuncs.com"
	}
	return Open(ctx, bucket, cfg)
}

// withScheme is the endpoint as a URL.
func withScheme(cfg uris.BucketConfig) string {
	if strings.Contains(cfg.Endpoint, "://") {
		return cfg.Endpoint
	}
	scheme := map[bool]string{false: "https", true: "http"}[cfg.DisableHTTPS]
	return scheme + "://" + cfg.Endpoint
}
