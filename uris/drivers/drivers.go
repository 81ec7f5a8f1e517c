// Package drivers opens buckets of the storage services that ligase knows. It
// is apart from package uris so that a small program can leave the services'
// libraries, which are large, out.
//
// Credentials come from where each service's own tools take them: for s3 and
// oss the AWS environment variables, shared files and roles; for gs the
// Application Default Credentials; for azblob the AZURE_* variables or the
// default chain. None come from a URI or from ligase's configuration.
package drivers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"

	"gocloud.dev/blob"
	"gocloud.dev/blob/azureblob"
	"gocloud.dev/blob/gcsblob"
	"gocloud.dev/blob/s3blob"
	"gocloud.dev/gcp"

	"github.com/ligase-bio/ligase/uris"
)

// All returns the opener of every service, for [uris.Options].Openers.
func All() map[string]uris.Opener {
	return map[string]uris.Opener{"s3": S3, "oss": OSS, "gs": GCS, "azblob": Azure}
}

// S3 opens a bucket of Amazon S3, or with an Endpoint one of a service that
// speaks its protocol.
func S3(ctx context.Context, bucket string, cfg uris.BucketConfig) (*blob.Bucket, error) {
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

// OSS opens a bucket of Alibaba Cloud's Object Storage Service, through its
// S3-compatible endpoint: the one of the configuration, or the public one of
// the Region. The service takes a bucket in the host name only.
func OSS(ctx context.Context, bucket string, cfg uris.BucketConfig) (*blob.Bucket, error) {
	if cfg.Endpoint == "" {
		if cfg.Region == "" {
			return nil, errors.New("oss needs a region or an endpoint in the configuration, such as oss-cn-hangzhou and https://s3.oss-cn-hangzhou.aliyuncs.com")
		}
		cfg.Endpoint = "https://s3." + cfg.Region + ".aliyuncs.com"
	}
	return S3(ctx, bucket, cfg)
}

// GCS opens a bucket of Google Cloud Storage. With STORAGE_EMULATOR_HOST in
// the environment it is an emulator's, which needs no credentials.
func GCS(ctx context.Context, bucket string, cfg uris.BucketConfig) (*blob.Bucket, error) {
	if cfg.Endpoint != "" {
		return nil, errors.New("gs takes no endpoint; for an emulator set STORAGE_EMULATOR_HOST")
	}
	if os.Getenv("STORAGE_EMULATOR_HOST") != "" {
		return gcsblob.OpenBucket(ctx, gcp.NewAnonymousHTTPClient(gcp.DefaultTransport()), bucket, nil)
	}
	creds, err := gcp.DefaultCredentials(ctx)
	if err != nil {
		return nil, err
	}
	client, err := gcp.NewHTTPClient(gcp.DefaultTransport(), gcp.CredentialsTokenSource(creds))
	if err != nil {
		return nil, err
	}
	// A service account's key file can sign URLs; other credentials cannot,
	// and then have no account to name here.
	var account struct {
		Email string `json:"client_email"`
		Key   string `json:"private_key"`
	}
	if len(creds.JSON) > 0 {
		if err := json.Unmarshal(creds.JSON, &account); err != nil {
			return nil, fmt.Errorf("the credentials file is not JSON: %w", err)
		}
	}
	return gcsblob.OpenBucket(ctx, client, bucket, &gcsblob.Options{GoogleAccessID: account.Email, PrivateKey: []byte(account.Key)})
}

// Azure opens a container of Azure Blob Storage. The Endpoint is the storage
// account's, such as https://account.blob.core.windows.net; without one the
// account is AZURE_STORAGE_ACCOUNT's.
func Azure(ctx context.Context, container string, cfg uris.BucketConfig) (*blob.Bucket, error) {
	service := azureblob.ServiceURL(cfg.Endpoint)
	if cfg.Endpoint == "" {
		var err error
		if service, err = azureblob.NewServiceURL(azureblob.NewDefaultServiceURLOptions()); err != nil {
			return nil, fmt.Errorf("azblob needs an endpoint in the configuration, or AZURE_STORAGE_ACCOUNT: %w", err)
		}
	}
	client, err := azureblob.NewDefaultClient(service, azureblob.ContainerName(container))
	if err != nil {
		return nil, err
	}
	return azureblob.OpenBucket(ctx, client, nil)
}

// withScheme is the endpoint as a URL.
func withScheme(cfg uris.BucketConfig) string {
	if strings.Contains(cfg.Endpoint, "://") {
		return cfg.Endpoint
	}
	scheme := map[bool]string{false: "https", true: "http"}[cfg.DisableHTTPS]
	return scheme + "://" + cfg.Endpoint
}
