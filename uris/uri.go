package uris

import (
	"path"
	"path/filepath"
	"strings"
)

// URI names an object or a folder in a store: a scheme, a bucket and a key.
// It is canonical once parsed, so two URIs name the same object exactly when
// they are ==. A folder's key has no trailing slash. The zero URI names
// nothing. As JSON it is a string.
type URI struct {
	scheme, bucket, key string
}

// Scheme is one of s3, gs, azblob, oss, file, mem.
func (u URI) Scheme() string { return u.scheme }

// Bucket is the bucket or container; empty for file.
func (u URI) Bucket() string { return u.bucket }

// Key is the path below the bucket, without a leading slash. For file it is
// the absolute path without its first slash.
func (u URI) Key() string { return u.key }

// IsZero reports whether u names nothing.
func (u URI) IsZero() bool { return u == URI{} }

// String gives the canonical text.
func (u URI) String() string {
	if u.IsZero() {
		return ""
	}
	if u.scheme == "file" {
		return "file:///" + u.key
	}
	if u.key == "" {
		return u.scheme + "://" + u.bucket
	}
	return u.scheme + "://" + u.bucket + "/" + u.key
}

// Join appends path elements that this program made itself (names already
// checked); what a user wrote goes through [Parse].
func (u URI) Join(elems ...string) URI {
	joined := strings.Join(elems, "/")
	if u.key != "" {
		joined = u.key + "/" + joined
	}
	u.key = joined
	return u
}

// Base is the last element of the key; empty for a bucket.
func (u URI) Base() string {
	return u.key[strings.LastIndexByte(u.key, '/')+1:]
}

// Ext is the extension of [URI.Base] in lower case and without its dot: "pdb"
// for model.PDB, "gz" for a.fasta.gz, empty for .bashrc and README.
func (u URI) Ext() string {
	base := strings.TrimLeft(u.Base(), ".")
	return strings.ToLower(strings.TrimPrefix(path.Ext(base), "."))
}

// Contains reports whether other is u or lies below it. An empty URI contains
// nothing.
func (u URI) Contains(other URI) bool {
	if u.scheme != other.scheme || u.bucket != other.bucket || u.IsZero() {
		return false
	}
	return u.key == "" || other.key == u.key ||
		len(other.key) > len(u.key) && other.key[len(u.key)] == '/' && other.key[:len(u.key)] == u.key
}

// Rel is the path of other below u, without a leading slash, and whether there
// is one; u itself has the path "".
func (u URI) Rel(other URI) (string, bool) {
	if !u.Contains(other) {
		return "", false
	}
	return strings.TrimPrefix(other.key[len(u.key):], "/"), true
}

// Path is the local path that a file URI names, and empty for any other.
func (u URI) Path() string {
	if u.scheme != "file" {
		return ""
	}
	return "/" + u.key
}

// FromPath names a local file. A relative path is taken from the working
// folder. The error says when the path holds characters that no URI may.
func FromPath(name string) (URI, error) {
	abs, err := filepath.Abs(name)
	if err != nil {
		return URI{}, err
	}
	return Parse("file://" + filepath.ToSlash(abs))
}

// MarshalText gives the canonical text.
func (u URI) MarshalText() ([]byte, error) { return []byte(u.String()), nil }

// UnmarshalText reads what [URI.MarshalText] gave, as strictly as [Parse]. The
// empty text is the zero URI.
func (u *URI) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*u = URI{}
		return nil
	}
	parsed, err := Parse(string(text))
	if err != nil {
		return err
	}
	*u = parsed
	return nil
}
