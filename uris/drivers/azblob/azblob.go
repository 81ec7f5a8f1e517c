// Package azblob opens containers of Azure Blob Storage. Credentials come from
// the AZURE_* variables or Azure's default chain.
package azblob

import (
	"context"
	"fmt"

	"gocloud.dev/blob"
	"gocloud.dev/blob/azureblob"

	"github.com/ligase-bio/ligase/uris"
)

// Open opens a container of Azure Blob Storage. The Endpoint is the storage
// account's, such as https://account.blob.core.windows.net; without one the
// account is AZURE_STORAGE_ACCOUNT's.
func Open(ctx context.Context, container string, cfg uris.BucketConfig) (*blob.Bucket, error) {
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
