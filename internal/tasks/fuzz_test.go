package tasks_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/internal/tasks"
)

// Whatever text comes in: it is refused with problems, or it is a call that
// comes out as JSON which nobody evaluates, and reads back as the same call.
func FuzzDecodeCall(f *testing.F) {
	f.Add(`{}`)
	f.Add(`{"run_id":"run-0123456789ab","root":"s3://lab/x","inputs":{"a":"s3://lab/a","b":["s3://lab/b",{"uri":"s3://lab/c","size":3}]},"params":{"x":1,"y":[0.5],"z":true}}`)
	f.Add(`{"params":{"x":"{{workflow.name}}$(id)\ud83e\uddec<&>\u0000"}}`)
	f.Add(`{"params":{"{{x}}":"\\\"","\u007b":null}}`)
	f.Fuzz(func(t *testing.T, text string) {
		c, err := tasks.DecodeCall(text)
		if err != nil {
			if len(problem.Of(err)) == 0 {
				t.Fatalf("%q: %v is no problem", text, err)
			}
			return
		}
		out, err := c.Encode()
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		inert(t, out)
		if !json.Valid([]byte(out)) {
			t.Fatalf("%q: %s", text, out)
		}
		again, err := tasks.DecodeCall(out)
		if err != nil {
			t.Fatalf("%q came out as %s: %v", text, out, err)
		}
		twice, _ := again.Encode()
		if twice != out {
			t.Fatalf("%q: %s, then %s", text, out, twice)
		}
		if diff := cmp.Diff(c.Params, again.Params, key); diff != "" {
			t.Fatalf("%q: %s", text, diff)
		}
	})
}

// A definition that was tampered with is refused or sound, and never a panic.
func FuzzDecodeCompiled(f *testing.F) {
	c := sample(f)
	text, err := tasks.EncodeCompiled(compile(f, c, "join", nil))
	if err != nil {
		f.Fatal(err)
	}
	packed, _ := base64.RawURLEncoding.DecodeString(text)
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		f.Fatal(err)
	}
	var plain bytes.Buffer
	if _, err := plain.ReadFrom(r); err != nil {
		f.Fatal(err)
	}
	f.Add(plain.Bytes())
	f.Add([]byte(`{}`))
	f.Add([]byte(`{"types":{"types":{}},"steps":{"a@1":null},"nodes":[{"id":"a","step":"a@1"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		w.Write(data)
		w.Close()
		got, err := tasks.DecodeCompiled(base64.RawURLEncoding.EncodeToString(b.Bytes()))
		if err != nil {
			return
		}
		for i := range got.Nodes {
			if got.StepOf(got.Nodes[i].ID) == nil {
				t.Fatalf("%s: %s has no step", data, got.Nodes[i].ID)
			}
		}
		if _, err := (tasks.Call{}).Bind(got); err != nil && len(problem.Of(err)) == 0 {
			t.Fatalf("%s: %v", data, err)
		}
	})
}

func FuzzDecodeStep(f *testing.F) {
	c := sample(f)
	text, err := tasks.EncodeStep(c.Step("join"), "", c.Types())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add(`{"step":{"implementations":[{}]},"types":{"types":{"a.b":null}}}`)
	f.Fuzz(func(t *testing.T, text string) {
		s, types, err := tasks.DecodeStep(text)
		if err == nil && (s.Implementation("") == nil || types == nil) {
			t.Fatalf("%s: %+v %v", text, s, types)
		}
	})
}
