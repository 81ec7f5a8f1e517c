// Package gs opens buckets of Google Cloud Storage. Credentials are the
// Application Default Credentials.
package gs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"gocloud.dev/blob"
	"gocloud.dev/blob/gcsblob"
	"gocloud.dev/gcp"

	"github.com/ligase-bio/ligase/uris"
)

// Open opens a bucket of Google Cloud Storage. With STORAGE_EMULATOR_HOST in
// the environment it is an emulator's, which needs no credentials.
func Open(ctx context.Context, bucket string, cfg uris.BucketConfig) (*blob.Bucket, error) {
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
