package uris_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ligase-bio/ligase/uris"
)

func TestDecodeConfig(t *testing.T) {
	got, err := uris.DecodeConfig([]byte(` {"roots":[{"uri":"s3://lab/inputs"},{"uri":"s3://lab/ligase/","write":true}],
		"buckets":{"s3://":{"endpoint":"http://minio:9000","region":"eu","use_path_style":true,"disable_https":true}}}
	`))
	if err != nil {
		t.Fatal(err)
	}
	want := uris.Config{
		Roots:   []uris.Root{{URI: uris.MustParse("s3://lab/inputs")}, {URI: uris.MustParse("s3://lab/ligase"), Write: true}},
		Buckets: map[string]uris.BucketConfig{"s3://": {Endpoint: "http://minio:9000", Region: "eu", UsePathStyle: true, DisableHTTPS: true}},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(uris.URI{})); diff != "" {
		t.Error(diff)
	}
	if got.Home() != uris.MustParse("s3://lab/ligase") {
		t.Errorf("runs lie in %s", got.Home())
	}
	for text, says := range map[string]string{
		``:                                 "there is no configuration",
		`{}`:                               "no roots",
		`[]`:                               "the configuration of the store",
		`{"roots":[{"uri":"s3://lab"}]}{}`: "something follows",
		`{"roots":[{"uri":"s3://lab?endpoint=x"}]}`:  "begins a query",
		`{"roots":[{"uri":"s3://k:s@lab"}]}`:         "credentials",
		`{"roots":[{"uri":"s3://lab","role":"x"}]}`:  `unknown field "role"`,
		`{"roots":[],"secret_access_key":"x"}`:       `unknown field "secret_access_key"`,
		`{"roots":[{"uri":"s3://lab"}],"buckets":1}`: "the configuration of the store",
	} {
		if _, err := uris.DecodeConfig([]byte(text)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v; want it to say %q", text, err, says)
		}
	}
}
