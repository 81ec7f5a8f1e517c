package uris

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Config is what an installation writes down of a store: the folders that it
// may use, and where its buckets are. Credentials are no part of it.
type Config struct {
	Roots   []Root                  `json:"roots"`
	Buckets map[string]BucketConfig `json:"buckets,omitempty"` // by "scheme://bucket", or by "scheme://" for all of a scheme
}

// DecodeConfig reads a Config from JSON:
//
//	{"roots": [{"uri": "s3://lab/ligase", "write": true}],
//	 "buckets": {"s3://": {"endpoint": "http://minio:9000", "region": "us-east-1", "use_path_style": true}}}
//
// It is strict: a field that it does not know is an error.
func DecodeConfig(data []byte) (Config, error) {
	var c Config
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&c); err == io.EOF {
		return Config{}, errors.New("there is no configuration of the store")
	} else if err != nil {
		return Config{}, fmt.Errorf("the configuration of the store: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return Config{}, errors.New("the configuration of the store: something follows after the JSON")
	}
	if len(c.Roots) == 0 {
		return Config{}, errors.New("the configuration of the store has no roots: name at least one folder that may be used")
	}
	return c, nil
}

// Home is the first root that may be written: where runs lie unless somebody
// says otherwise. It is zero when there is none.
func (c Config) Home() URI {
	for _, r := range c.Roots {
		if r.Write {
			return r.URI
		}
	}
	return URI{}
}
