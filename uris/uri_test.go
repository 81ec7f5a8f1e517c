package uris_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/uris"
)

func TestParse(t *testing.T) {
	long := strings.Repeat("k", uris.MaxKey)
	tests := []struct{ text, scheme, bucket, key, canonical string }{
		{text: "s3://lab-data/a/b.pdb", scheme: "s3", bucket: "lab-data", key: "a/b.pdb"},
		{text: "s3://lab.data.eu", scheme: "s3", bucket: "lab.data.eu"},
		{text: "s3://lab-data/", scheme: "s3", bucket: "lab-data", canonical: "s3://lab-data"},
		{text: "s3://lab-data/a/", scheme: "s3", bucket: "lab-data", key: "a", canonical: "s3://lab-data/a"},
		{text: "gs://lab_data/x", scheme: "gs", bucket: "lab_data", key: "x"},
		{text: "azblob://lab-data/x", scheme: "azblob", bucket: "lab-data", key: "x"},
		{text: "oss://lab-data/x", scheme: "oss", bucket: "lab-data", key: "x"},
		{text: "mem://t/x", scheme: "mem", bucket: "t", key: "x"},
		{text: "file:///", scheme: "file"},
		{text: "file:///data/my model (2)@v1.pdb", scheme: "file", key: "data/my model (2)@v1.pdb"},
		{text: "file:///data/蛋白/β.pdb", scheme: "file", key: "data/蛋白/β.pdb"},
		{text: "s3://lab-data/..a/b..", scheme: "s3", bucket: "lab-data", key: "..a/b.."},
		{text: "s3://lab-data/{{workflow.name}}'; id $(id)", scheme: "s3", bucket: "lab-data", key: "{{workflow.name}}'; id $(id)"},
		{text: "s3://lab-data/" + long, scheme: "s3", bucket: "lab-data", key: long},
	}
	for _, test := range tests {
		u, err := uris.Parse(test.text)
		if err != nil {
			t.Errorf("Parse(%q): %v", test.text, err)
			continue
		}
		if u.Scheme() != test.scheme || u.Bucket() != test.bucket || u.Key() != test.key {
			t.Errorf("Parse(%q) = %q %q %q", test.text, u.Scheme(), u.Bucket(), u.Key())
		}
		want := test.canonical
		if want == "" {
			want = test.text
		}
		if u.String() != want {
			t.Errorf("Parse(%q).String() = %q, want %q", test.text, u, want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	tests := []struct{ text, says string }{
		{"", "it is empty"},
		{"model.pdb", "it has no scheme"},
		{"/data/model.pdb", "Write file:///data/model.pdb"},
		{"s3:bucket/key", "Write s3://bucket/key"},
		{"file:model.pdb", "absolute path"},
		{"file:/data/model.pdb", "Write file:///data/model.pdb"},
		{"file://model.pdb", "three slashes"},
		{"file://localhost/etc/passwd", "three slashes"},
		{"S3://lab-data/x", "Write s3://"},
		{"http://169.254.169.254/latest/meta-data", "does not fetch from the web"},
		{"https://[::ffff:169.254.169.254]/", "does not fetch from the web"},
		{"ftp://0251.0376.0251.0376/", "does not fetch from the web"},
		{"gopher://lab/x", `"gopher" is not known`},
		{"javascript:alert(1)", "it has no scheme"},
		{"s3://", "it names no bucket"},
		{"s3:///key", "it names no bucket"},
		{"s3://ab/x", "is not a bucket name"},
		{"s3://Lab-Data/x", "is not a bucket name"},
		{"s3://lab_data/x", "is not a bucket name"},
		{"s3://-lab/x", "is not a bucket name"},
		{"s3://lab../x", "is not a bucket name"},
		{"s3://la..b/x", "is not a bucket name"},
		{"azblob://la--b/x", "is not a bucket name"},
		{"s3://../etc/passwd", "is not a bucket name"},
		{"s3://" + strings.Repeat("b", 64) + "/x", "is not a bucket name"},
		{"s3://192.168.0.1/x", "is an address"},
		{"s3://0300.0250.0.1/x", "is an address"},
		{"s3://lab-data:9000/x", "has no port"},
		{"s3://AKIAEXAMPLE:secret@lab-data/x", "it holds credentials"},
		{"s3://lab-data/x?endpoint=http://evil", "begins a query"},
		{"s3://lab-data/x?profile=root", "begins a query"},
		{"s3://lab-data/x#y", "begins a fragment"},
		{"s3://lab-data/a/../b", `path element ".."`},
		{"s3://lab-data/..", `path element ".."`},
		{"s3://lab-data/./b", `path element "."`},
		{"file:///data/../etc/passwd", `path element ".."`},
		{"s3://lab-data/a//b", "empty path element"},
		{"s3://lab-data//etc/passwd", "empty path element"},
		{"s3://lab-data/a//", "empty path element"},
		{"s3://lab-data/%2e%2e/b", "not decoded"},
		{"s3://lab-data/a%2fb", "not decoded"},
		{"s3://lab-data/%252e%252e", "not decoded"},
		{"s3://lab-data/a%00", "not decoded"},
		{`s3://lab-data/..\b`, "backslash"},
		{`file:///C:\data`, "backslash"},
		{"s3://lab-data/a\x00b", "U+0000"},
		{"s3://lab-data/a\nb", "U+000A"},
		{"s3://lab-data/a\x1b[31mb", "U+001B"},
		{"s3://lab-data/a\u202eb", "U+202E"},
		{"s3://lab-data/a\u2028b", "U+2028"},
		{"s3://lab-data/a\u00a0b", "U+00A0"},
		{"s3://lab-data/\xff\xfe", "not UTF-8"},
		{"s3://lab-data/\xc0\xae\xc0\xae/", "not UTF-8"},
		{" s3://lab-data/x", "white space"},
		{"s3://lab-data/x\n", "white space"},
		{"s3://lab-data/" + strings.Repeat("k", uris.MaxKey+1), "its key has 1025 bytes"},
		{"s3://lab-data/" + strings.Repeat("k", 1<<20), "it is 1048590 bytes long"},
		{"file:///" + strings.Repeat("k", 256), "a file name of 256 bytes"},
	}
	for _, test := range tests {
		u, err := uris.Parse(test.text)
		if err == nil {
			t.Errorf("Parse(%.60q) = %v, want an error", test.text, u)
			continue
		}
		if !u.IsZero() || !errors.Is(err, problem.ErrRefused) {
			t.Errorf("Parse(%.60q) = %q, %v", test.text, u, err)
		}
		var parse *uris.ParseError
		if !errors.As(err, &parse) || parse.Reason == "" || parse.Fix == "" {
			t.Errorf("Parse(%.60q): %v is not a whole ParseError", test.text, err)
		}
		if !strings.Contains(err.Error(), test.says) {
			t.Errorf("Parse(%.60q): %v\nwant it to say %q", test.text, err, test.says)
		}
		if len(err.Error()) > 500 {
			t.Errorf("Parse(%.60q): a message of %d bytes", test.text, len(err.Error()))
		}
		for _, secret := range []string{"secret", "evil"} {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("Parse(%.60q) repeats what may be a secret: %v", test.text, err)
			}
		}
	}
}

func TestURIContains(t *testing.T) {
	tests := []struct {
		root, u string
		want    bool
	}{
		{"s3://lab-data", "s3://lab-data/x", true},
		{"s3://lab-data", "s3://lab-data", true},
		{"s3://lab-data/a", "s3://lab-data/a", true},
		{"s3://lab-data/a", "s3://lab-data/a/b", true},
		{"s3://lab-data/a", "s3://lab-data/ab", false},
		{"s3://lab-data/a/b", "s3://lab-data/a", false},
		{"s3://lab-data", "s3://lab-data-2/x", false},
		{"s3://lab-data", "gs://lab-data/x", false},
		{"file:///", "file:///etc", true},
		{"file:///data", "file:///etc", false},
	}
	for _, test := range tests {
		root, u := uris.MustParse(test.root), uris.MustParse(test.u)
		if got := root.Contains(u); got != test.want {
			t.Errorf("%s contains %s: %v", root, u, got)
		}
	}
	if (uris.URI{}).Contains(uris.URI{}) {
		t.Error("nothing contains nothing")
	}
}

func TestURIParts(t *testing.T) {
	for text, want := range map[string][2]string{
		"s3://lab-data":               {"", ""},
		"s3://lab-data/a/model.PDB":   {"model.PDB", "pdb"},
		"s3://lab-data/a.b/README":    {"README", ""},
		"s3://lab-data/.bashrc":       {".bashrc", ""},
		"s3://lab-data/seqs.fasta.gz": {"seqs.fasta.gz", "gz"},
		"s3://lab-data/a.":            {"a.", ""},
	} {
		u := uris.MustParse(text)
		if u.Base() != want[0] || u.Ext() != want[1] {
			t.Errorf("%s: base %q, ext %q", u, u.Base(), u.Ext())
		}
	}
	if rel, ok := uris.MustParse("file:///").Rel(uris.MustParse("file:///a/b")); rel != "a/b" || !ok {
		t.Errorf("Rel = %q, %v", rel, ok)
	}
	if p := uris.MustParse("file:///a/b c").Path(); p != "/a/b c" {
		t.Errorf("Path = %q", p)
	}
}

func TestFromPath(t *testing.T) {
	if u, err := uris.FromPath("/data/./x/../model.pdb"); err != nil || u.String() != "file:///data/model.pdb" {
		t.Errorf("%v, %v", u, err)
	}
	if u, err := uris.FromPath("model.pdb"); err != nil || u.Base() != "model.pdb" || u.Key() == "model.pdb" {
		t.Errorf("%v, %v: want an absolute path", u, err)
	}
	if _, err := uris.FromPath("/data/50%.csv"); err == nil || !strings.Contains(err.Error(), "renamed") {
		t.Errorf("%v: want advice", err)
	}
}

func TestURIAsJSON(t *testing.T) {
	type doc struct {
		URI  uris.URI            `json:"uri"`
		Left uris.URI            `json:"left,omitzero"`
		By   map[uris.URI]string `json:"by"`
	}
	u := uris.MustParse("s3://lab-data/a/b")
	text, err := json.Marshal(doc{URI: u, By: map[uris.URI]string{u: "x"}})
	if want := `{"uri":"s3://lab-data/a/b","by":{"s3://lab-data/a/b":"x"}}`; err != nil || string(text) != want {
		t.Fatalf("%s, %v", text, err)
	}
	var back doc
	if err := json.Unmarshal(text, &back); err != nil || back.URI != u || back.By[u] != "x" {
		t.Errorf("%+v, %v", back, err)
	}
	if err := json.Unmarshal([]byte(`{"uri":"s3://lab-data/../b"}`), &back); !errors.Is(err, problem.ErrRefused) {
		t.Errorf("%v: want it refused", err)
	}
	if err := json.Unmarshal([]byte(`{"uri":""}`), &back); err != nil || !back.URI.IsZero() {
		t.Errorf("%v, %v: want the zero URI", back.URI, err)
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"s3://lab-data/a/b.pdb", "file:///data/x", "mem://t", "gs://a_b/c/", "azblob://abc/%2e%2e/x",
		"s3://lab-data/a/../../x", "file://host/x", "s3://u:p@h/k?q#f", "oss://abc//x", "s3://lab-data/a\\..\\b",
	} {
		f.Add(seed)
	}
	root := uris.MustParse("s3://lab-data/allowed")
	f.Fuzz(func(t *testing.T, text string) {
		u, err := uris.Parse(text)
		if err != nil {
			if !u.IsZero() || !errors.Is(err, problem.ErrRefused) {
				t.Fatalf("Parse(%q) = %v, %v", text, u, err)
			}
			return
		}
		again, err := uris.Parse(u.String())
		if err != nil || again != u {
			t.Fatalf("Parse(%q) = %q, which parses as %q, %v", text, u, again, err)
		}
		for element := range strings.SplitSeq(u.Key(), "/") {
			if element == ".." || element == "." || strings.ContainsAny(element, "\\%?#\x00\r\n") {
				t.Fatalf("Parse(%q) let %q pass", text, element)
			}
		}
		if root.Contains(u) && u != root && !strings.HasPrefix(u.String(), root.String()+"/") {
			t.Fatalf("%q is not below %q", u, root)
		}
		if len(u.Key()) > uris.MaxKey {
			t.Fatalf("a key of %d bytes", len(u.Key()))
		}
	})
}
