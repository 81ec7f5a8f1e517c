package runs

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/ligase-bio/ligase/internal/problem"
)

// crockford is Crockford's base 32 in lower case: no i, l, o or u.
// https://www.crockford.com/base32.html
const crockford = "0123456789abcdefghjkmnpqrstvwxyz"

const (
	idPrefix = "run-"
	idDigits = 12 // 60 bits
)

// IDOf derives the run's id from who asks and the request id: the same call
// made again, by any replica, names the same run.
func IDOf(tenant, requestID string) ID {
	h := sha256.New()
	for _, s := range []string{"ligase.run", tenant, requestID} {
		// Lengths keep ("a", "bc") and ("ab", "c") apart.
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(s))))
		h.Write([]byte(s))
	}
	bits := binary.BigEndian.Uint64(h.Sum(nil))
	digits := make([]byte, idDigits)
	for i := range digits {
		digits[i] = crockford[bits>>59]
		bits <<= 5
	}
	return ID(idPrefix + string(digits))
}

// ParseID reads a run's id as a user gives it; upper case is taken too.
func ParseID(s string) (ID, error) {
	id := strings.ToLower(s)
	digits, ok := strings.CutPrefix(id, idPrefix)
	if !ok || len(digits) != idDigits || strings.Trim(digits, crockford) != "" {
		return "", problem.Problems{{
			Path: "run_id", Code: problem.Invalid,
			Message: fmt.Sprintf("%.60q is not the id of a run.", s),
			Fix:     "Ids look like run-7k2m9c4x1p0q; list the runs to see them.",
		}}
	}
	return ID(id), nil
}

// workflowName is the engine's name for a run: readable, and at most 63
// characters of [a-z0-9-], as Kubernetes wants of a name.
func workflowName(tool, implementation string, id ID) string {
	const most = 63
	suffix := "-" + strings.TrimPrefix(string(id), idPrefix)
	base := tool
	if implementation != "" {
		base += "-" + implementation
	}
	base = strings.ReplaceAll(base, "_", "-")
	base = strings.TrimRight(base[:min(len(base), most-len(suffix))], "-")
	return base + suffix
}

// RequestConflict says that a request id was used for something else, and in
// which way as far as it is known: difference is a sentence, or "".
func RequestConflict(requestID string, id ID, have, want, difference string) error {
	if difference != "" {
		difference = " " + difference
	}
	return fmt.Errorf("%w: the request id %q belongs to %s, which was submitted with other arguments (plan %s; this call's is %s).%s Nothing was started. Use a new request id for a new run",
		problem.ErrConflict, requestID, id, have, want, difference)
}
