//go:build s3

// The suite against a real S3 server, versitygw. It is installed when the
// test begins, outside of this module, and needs the network for that:
//
//	go test -tags s3 -run S3 ./uris
//
// VERSITYGW names the program when it is there already.
package uris_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/uris"
	"github.com/ligase-bio/ligase/uris/drivers"
)

const versitygw = "github.com/versity/versitygw/cmd/versitygw@v1.8.0"

// s3Server starts a server and gives its endpoint. It has one bucket,
// lab-data.
func s3Server(t *testing.T) string {
	t.Helper()
	program := os.Getenv("VERSITYGW")
	if program == "" {
		dir := t.TempDir()
		install := exec.Command("go", "install", versitygw)
		install.Dir = dir
		install.Env = append(os.Environ(), "GOBIN="+dir, "GOFLAGS=", "CGO_ENABLED=0")
		if out, err := install.CombinedOutput(); err != nil {
			t.Fatalf("go install %s: %v\n%s", versitygw, err, out)
		}
		program = filepath.Join(dir, "versitygw")
	}
	data := t.TempDir()
	if err := os.Mkdir(filepath.Join(data, "lab-data"), 0o777); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()
	t.Setenv("AWS_ACCESS_KEY_ID", "ligase")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "ligase-test")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	server := exec.Command(program, "--access", "ligase", "--secret", "ligase-test", "--port", address, "posix", data)
	var said strings.Builder
	server.Stdout, server.Stderr = &said, &said
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		server.Process.Kill()
		server.Wait()
		if t.Failed() {
			t.Logf("the server said:\n%s", said.String())
		}
	})
	for range 100 {
		if conn, err := net.Dial("tcp", address); err == nil {
			conn.Close()
			return "http://" + address
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatal("the server does not answer")
	return ""
}

func TestStoreOfS3(t *testing.T) {
	endpoint := s3Server(t)
	for _, scheme := range []string{"s3", "oss"} {
		t.Run(scheme, func(t *testing.T) {
			var n atomic.Int32
			testStore(t, func(t *testing.T) (*uris.Store, uris.URI) {
				root := uris.MustParse(fmt.Sprintf("%s://lab-data/%s/test-%d", scheme, scheme, n.Add(1)))
				return newStore(t, uris.Options{
					Roots:   []uris.Root{{URI: root, Write: true}},
					Openers: drivers.All(),
					Buckets: map[string]uris.BucketConfig{scheme + "://": {Endpoint: endpoint, Region: "us-east-1", UsePathStyle: true}},
				}), root
			})
		})
	}
	root := uris.MustParse("s3://lab-data/more")
	open := func(endpoint string) *uris.Store {
		return newStore(t, uris.Options{
			Roots:   []uris.Root{{URI: root, Write: true}, {URI: uris.MustParse("s3://no-such-bucket")}},
			Openers: drivers.All(),
			Retries: 1,
			Buckets: map[string]uris.BucketConfig{"s3://": {Endpoint: endpoint, Region: "us-east-1", UsePathStyle: true}},
		})
	}
	ctx := context.Background()
	t.Run("SignedURL", func(t *testing.T) {
		s := open(endpoint)
		if _, err := s.Put(ctx, root.Join("x y"), strings.NewReader("content")); err != nil {
			t.Fatal(err)
		}
		signed, err := s.SignedURL(ctx, root.Join("x y"), time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.Get(signed)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if got, _ := io.ReadAll(resp.Body); string(got) != "content" {
			t.Errorf("%s gives %q", signed, got)
		}
	})
	t.Run("NoSuchBucket", func(t *testing.T) {
		if _, err := open(endpoint).Stat(ctx, uris.MustParse("s3://no-such-bucket/x")); !errors.Is(err, problem.ErrNotFound) {
			t.Error(err)
		}
	})
	t.Run("WrongSecret", func(t *testing.T) {
		t.Setenv("AWS_SECRET_ACCESS_KEY", "another")
		if _, err := open(endpoint).Put(ctx, root.Join("y"), strings.NewReader("x")); err == nil {
			t.Error("a wrong secret was taken")
		}
	})
	t.Run("NoServer", func(t *testing.T) {
		if _, err := open("http://127.0.0.1:1").Stat(ctx, root.Join("y")); !errors.Is(err, problem.ErrUnavailable) {
			t.Error(err)
		}
	})
}
