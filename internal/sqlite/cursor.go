package sqlite

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"

	"github.com/ligase-bio/ligase/internal/problem"
)

// A cursor is the key of the last row of a page, behind a mark of the listing
// that it belongs to: what is listed, and whose. It is opaque to callers, and
// one of another tenant or listing is refused.

const markLength = 6

func mark(listing, owner string) []byte {
	sum := sha256.Sum256([]byte(listing + "\x00" + owner))
	return sum[:markLength]
}

func cursor(listing, owner string, key any) (string, error) {
	data, err := json.Marshal(key)
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(append(mark(listing, owner), data...)), nil
}

// readCursor reads a cursor into key; an empty one leaves it as it is.
func readCursor(text, listing, owner string, key any) error {
	if text == "" {
		return nil
	}
	data, err := base64.RawURLEncoding.DecodeString(text)
	if err == nil && len(data) > markLength && string(data[:markLength]) == string(mark(listing, owner)) &&
		json.Unmarshal(data[markLength:], key) == nil {
		return nil
	}
	return problem.Problems{{
		Path: "cursor", Code: problem.Invalid,
		Message: "The cursor does not belong to this listing.",
		Fix:     "Give the `next` of the page before unchanged, or no cursor to start from the first page.",
	}}
}

// pageSize is the limit to go by: def when none is given, at most most.
func pageSize(limit, def, most int) int {
	if limit <= 0 {
		return def
	}
	return min(limit, most)
}
