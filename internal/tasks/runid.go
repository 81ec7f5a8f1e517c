package tasks

import (
	"crypto/sha256"
	"encoding/binary"
)

// crockford is Crockford's base 32 in lower case: no i, l, o or u.
// https://www.crockford.com/base32.html
const crockford = "0123456789abcdefghjkmnpqrstvwxyz"

// RunIDOf is the id of a run that a Workflow which names none is: made from
// the Workflow's UID, so that all its pods come to the same one. It looks like
// every other run's.
func RunIDOf(workflowUID string) string {
	h := sha256.New()
	for _, s := range []string{"ligase.workflow", workflowUID} {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(s))))
		h.Write([]byte(s))
	}
	bits := binary.BigEndian.Uint64(h.Sum(nil))
	digits := make([]byte, 12) // 60 bits
	for i := range digits {
		digits[i] = crockford[bits>>59]
		bits <<= 5
	}
	return "run-" + string(digits)
}
