package uris

import "strings"

// URI names an object or a folder in a store: a scheme, a bucket and a key.
// It is canonical once parsed, so two URIs name the same object exactly when
// they are ==. A folder's key has no trailing slash. The zero URI names
// nothing.
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
