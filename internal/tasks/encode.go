package tasks

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/ligase-bio/ligase/internal/problem"
)

const (
	// MaxArgument is the most bytes that a call may have as a Workflow's
	// argument. What is larger lies in the run folder: see [Call.Split].
	MaxArgument = 64 << 10
	// MaxCall is the most bytes that a call may have at all.
	MaxCall = 32 << 20
)

// Encode writes the call as JSON in which nobody can take a caller's text for
// their own language: in its strings, { } $ < > & and whatever is not ASCII
// are \u escapes, so that neither "{{" nor "$(" occurs anywhere.
func (c Call) Encode() (string, error) {
	text, err := encodeInert(c)
	if err != nil {
		return "", fmt.Errorf("the call: %w", err)
	}
	return text, nil
}

// Argument encodes the call for a Workflow. When it is larger than
// [MaxArgument], the argument is a short one that names the content to put
// into the run folder's call.json before the Workflow is created; else object
// is nil. The call must have its run id and root.
func (c Call) Argument() (argument string, object []byte, err error) {
	argument, err = c.Encode()
	if err != nil || len(argument) <= MaxArgument {
		return argument, nil, err
	}
	if len(argument) > MaxCall {
		return "", nil, problem.Problems{{
			Code:    problem.TooLarge,
			Message: fmt.Sprintf("The inputs and parameters of this call are %d bytes; at most %d can be.", len(argument), MaxCall),
			Fix:     "Split the work into several runs.",
		}}
	}
	object = []byte(argument)
	digest := sha256.Sum256(object)
	argument, err = Call{RunID: c.RunID, Root: c.Root, Lies: hex.EncodeToString(digest[:])}.Encode()
	return argument, object, err
}

// Whole is the call with the inputs and parameters that lie in object, the
// content of the run folder's call.json. It is an error when that is not what
// the call was made with.
func (c Call) Whole(object []byte) (Call, error) {
	digest := sha256.Sum256(object)
	if hex.EncodeToString(digest[:]) != c.Lies {
		return Call{}, fmt.Errorf("call.json is not what this run was given: its SHA-256 is %x and should be %s", digest, c.Lies)
	}
	whole, err := DecodeCall(string(object))
	if err != nil {
		return Call{}, fmt.Errorf("call.json: %w", err)
	}
	if whole.Lies != "" {
		return Call{}, fmt.Errorf("call.json says that the call lies elsewhere again")
	}
	whole.RunID, whole.Root = c.RunID, c.Root
	return whole, nil
}

// encodeInert is JSON whose strings hold nothing that any of the languages on
// the way (Argo's templates, Kubernetes' $(variables), HTML) would evaluate.
func encodeInert(v any) (string, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return "", err
	}
	return inert(data), nil
}

func inert(data []byte) string {
	out := make([]byte, 0, len(data)+len(data)/8)
	inString := false
	for i := 0; i < len(data); {
		c := data[i]
		switch {
		case c == '"':
			inString = !inString
		case !inString:
		case c == '\\':
			out = append(out, c, data[i+1]) // of \uXXXX the digits follow as they are
			i += 2
			continue
		case c == '{', c == '}', c == '$', c == '<', c == '>', c == '&', c == 0x7f:
			out = fmt.Appendf(out, `\u%04x`, c)
			i++
			continue
		case c >= utf8.RuneSelf:
			r, n := utf8.DecodeRune(data[i:])
			if first, second := utf16.EncodeRune(r); first != utf8.RuneError {
				out = fmt.Appendf(out, `\u%04x\u%04x`, first, second)
			} else {
				out = fmt.Appendf(out, `\u%04x`, r)
			}
			i += n
			continue
		}
		out = append(out, c)
		i++
	}
	return string(out)
}
