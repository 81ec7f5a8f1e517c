package uris

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/ligase-bio/ligase/internal/problem"
)

// MaxKey is the most bytes that a key may have; it is the limit of S3, GCS,
// OSS and Azure alike.
const MaxKey = 1024

// maxElement is the most bytes of one path element of a file, on every file
// system in use.
const maxElement = 255

// schemes is a sentence's worth of what Parse takes.
const schemes = "s3, gs, azblob, oss, file and mem"

// ParseError says why a text is not a URI that ligase takes. It wraps
// problem.ErrRefused. The text is quoted only where it cannot hold a secret.
type ParseError struct {
	Text   string // what was given, shortened; empty where it may hold credentials
	Reason string // what is wrong with it
	Fix    string // what to do
}

// Error gives the text, the reason and the fix as sentences.
func (e *ParseError) Error() string {
	if e.Text == "" {
		return "URI refused: " + e.Reason + ". " + e.Fix
	}
	return fmt.Sprintf("URI %s refused: %s. %s", e.Text, e.Reason, e.Fix)
}

// Unwrap returns problem.ErrRefused.
func (e *ParseError) Unwrap() error { return problem.ErrRefused }

// Parse reads a URI strictly: scheme://bucket/key, or file:///absolute/path.
//
// A URI is taken as it is: nothing is decoded, so a percent sign is refused
// rather than given a meaning, and with it every encoded trick (%2e%2e, %2f,
// %00, doubled encodings). Also refused are credentials, ports, queries and
// fragments, the elements "." and "..", empty elements, backslashes,
// characters that do not print (controls, line breaks, direction marks), what
// is not UTF-8, keys over [MaxKey] bytes and bucket names that the scheme's
// service would not take. One trailing slash is dropped. No text is changed
// otherwise: letters are not folded and Unicode is not normalised.
//
// The error is a [*ParseError].
func Parse(s string) (URI, error) {
	if e := refuse(s); e != nil {
		return URI{}, e
	}
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok {
		return URI{}, notAbsolute(s)
	}
	if e := checkScheme(s, scheme); e != nil {
		return URI{}, e
	}
	bucket, key, _ := strings.Cut(rest, "/")
	if strings.Contains(bucket, "@") {
		return URI{}, &ParseError{
			Reason: "it holds credentials",
			Fix:    "Remove what stands before the @; credentials are part of the installation's configuration. If they are real, change them.",
		}
	}
	if e := checkBucket(s, scheme, bucket); e != nil {
		return URI{}, e
	}
	key = strings.TrimSuffix(key, "/")
	if e := checkKey(s, scheme, key); e != nil {
		return URI{}, e
	}
	return URI{scheme: scheme, bucket: bucket, key: key}, nil
}

// MustParse is [Parse] for URIs that are written in a program; it panics when
// there is an error.
func MustParse(s string) URI {
	u, err := Parse(s)
	if err != nil {
		panic(err)
	}
	return u
}

// refuse finds what is wrong anywhere in a URI: the wrong characters.
func refuse(s string) *ParseError {
	// The longest that can be right: a scheme, a bucket and a key.
	const longest = 6 + len("://") + 222 + 1 + MaxKey + 1
	switch {
	case s == "":
		return &ParseError{Reason: "it is empty", Fix: "Write one like s3://bucket/folder/file or file:///folder/file."}
	case len(s) > longest:
		return &ParseError{Text: quote(s), Reason: fmt.Sprintf("it is %d bytes long", len(s)),
			Fix: fmt.Sprintf("A key may have at most %d bytes.", MaxKey)}
	case !utf8.ValidString(s):
		return &ParseError{Text: quote(s), Reason: "it is not UTF-8", Fix: "Rename the object with UTF-8 characters."}
	case strings.TrimSpace(s) != s:
		return &ParseError{Text: quote(s), Reason: "there is white space before or after it", Fix: "Remove it."}
	}
	for i, r := range s {
		switch {
		case r == '?' || r == '#':
			what := "a query"
			if r == '#' {
				what = "a fragment"
			}
			return &ParseError{
				Reason: fmt.Sprintf("it holds %q, which begins %s", r, what),
				Fix:    "Remove it: endpoints, regions and profiles are part of the installation's configuration. A file with this character in its name must be renamed.",
			}
		case r == '%':
			return &ParseError{Text: quote(s), Reason: `it holds "%"`,
				Fix: "URIs are not decoded: write the characters themselves. A file with a percent sign in its name must be renamed."}
		case r == '\\':
			return &ParseError{Text: quote(s), Reason: "it holds a backslash", Fix: "Separate folders with /."}
		case !unicode.IsPrint(r):
			return &ParseError{Text: quote(s), Reason: fmt.Sprintf("byte %d begins %U, which does not print", i, r),
				Fix: "Rename the object without control characters, line breaks, unusual spaces and direction marks."}
		}
	}
	return nil
}

// notAbsolute explains a text without "://".
func notAbsolute(s string) *ParseError {
	if scheme, rest, ok := strings.Cut(s, ":"); ok && isScheme(strings.ToLower(scheme)) {
		e := &ParseError{Text: quote(s), Reason: "there is no // after the scheme", Fix: fmt.Sprintf("Write %s://bucket/key.", strings.ToLower(scheme))}
		if strings.EqualFold(scheme, "file") {
			e.Reason, e.Fix = "a file URI needs an absolute path with three slashes", "Write file:///folder/name."
			if strings.HasPrefix(rest, "/") {
				e.Fix = fmt.Sprintf("Write file://%.200s.", rest)
			}
		}
		return e
	}
	e := &ParseError{Text: quote(s), Reason: "it has no scheme", Fix: "Write one like s3://bucket/folder/file, or file:///folder/file for a local file."}
	if strings.HasPrefix(s, "/") {
		e.Fix = fmt.Sprintf("Write file://%.200s for a local file.", s)
	}
	return e
}

// checkScheme refuses all but the known schemes, in lower case.
func checkScheme(s, scheme string) *ParseError {
	lower := strings.ToLower(scheme)
	switch {
	case isScheme(scheme):
		return nil
	case isScheme(lower):
		return &ParseError{Text: quote(s), Reason: fmt.Sprintf("the scheme %q is not in lower case", scheme), Fix: fmt.Sprintf("Write %s://.", lower)}
	case lower == "http" || lower == "https" || lower == "ftp":
		return &ParseError{Reason: "ligase does not fetch from the web (" + lower + ")",
			Fix: "Fetch the file yourself and hand it in as a file, or put it into a bucket and give that URI."}
	}
	// The rest may hold anything, so only the scheme is repeated.
	return &ParseError{Reason: fmt.Sprintf("the scheme %.20q is not known", scheme), Fix: "There are " + schemes + "."}
}

func isScheme(s string) bool {
	switch s {
	case "s3", "gs", "azblob", "oss", "file", "mem":
		return true
	}
	return false
}

// checkBucket holds a bucket to its service's rules, as far as they are about
// its letters; whether it exists is found when it is opened.
//
// Sources: docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html;
// cloud.google.com/storage/docs/buckets#naming;
// learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata;
// help.aliyun.com/document_detail/31827.html.
func checkBucket(s, scheme, bucket string) *ParseError {
	if scheme == "file" {
		if bucket == "" {
			return nil
		}
		return &ParseError{Text: quote(s), Reason: "a file URI has no host", Fix: "Write three slashes: file:///folder/name."}
	}
	if bucket == "" {
		return &ParseError{Text: quote(s), Reason: "it names no bucket", Fix: fmt.Sprintf("Write %s://bucket/key.", scheme)}
	}
	if strings.Contains(bucket, ":") {
		return &ParseError{Text: quote(s), Reason: "a bucket has no port", Fix: "Endpoints are part of the installation's configuration: write the bucket's name alone."}
	}
	least, most, also := 3, 63, "-"
	switch scheme {
	case "s3":
		also = "-."
	case "gs":
		most, also = 222, "-._"
	case "mem":
		least, also = 1, "-._"
	}
	good := len(bucket) >= least && len(bucket) <= most && alphanumeric(bucket[0]) && alphanumeric(bucket[len(bucket)-1]) &&
		!strings.Contains(bucket, "..") && (scheme != "azblob" || !strings.Contains(bucket, "--"))
	for i := 0; good && i < len(bucket); i++ {
		good = alphanumeric(bucket[i]) || strings.IndexByte(also, bucket[i]) >= 0
	}
	if !good {
		return &ParseError{Text: quote(s), Reason: fmt.Sprintf("%.80q is not a bucket name", bucket),
			Fix: fmt.Sprintf("One of %s has %d to %d of a–z, 0–9 and %q, and begins and ends with a letter or digit.", scheme, least, most, also)}
	}
	if looksLikeAddress(bucket) {
		return &ParseError{Text: quote(s), Reason: fmt.Sprintf("%q is an address and not a bucket name", bucket),
			Fix: "Endpoints are part of the installation's configuration: write the bucket's name."}
	}
	return nil
}

// looksLikeAddress reports whether a bucket's name has the form of an IP
// address, with leading zeros or without: digits and three dots.
func looksLikeAddress(bucket string) bool {
	return strings.Trim(bucket, "0123456789.") == "" && strings.Count(bucket, ".") == 3
}

func alphanumeric(c byte) bool { return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' }

// checkKey refuses what could lead out of a folder, or name one object twice.
func checkKey(s, scheme, key string) *ParseError {
	if key == "" {
		return nil
	}
	if len(key) > MaxKey {
		return &ParseError{Text: quote(s), Reason: fmt.Sprintf("its key has %d bytes", len(key)), Fix: fmt.Sprintf("At most %d are taken.", MaxKey)}
	}
	for element := range strings.SplitSeq(key, "/") {
		switch {
		case element == "":
			return &ParseError{Text: quote(s), Reason: "it has an empty path element", Fix: "Write a single / between folders."}
		case element == "." || element == "..":
			return &ParseError{Text: quote(s), Reason: fmt.Sprintf("it has the path element %q", element), Fix: "Write the whole path, without . and .. in it."}
		case scheme == "file" && len(element) > maxElement:
			return &ParseError{Text: quote(s), Reason: fmt.Sprintf("a file name of %d bytes", len(element)), Fix: fmt.Sprintf("File names have at most %d.", maxElement)}
		}
	}
	return nil
}

// quote shows a text within a sentence, shortened.
func quote(s string) string {
	const most = 120
	if len(s) <= most {
		return fmt.Sprintf("%q", s)
	}
	cut := most
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return fmt.Sprintf("%q…", s[:cut])
}
