package definition

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// JSON writes what stands there as JSON, fields in the order written, so that
// [Parse] reads the same from it. Absent and broken nodes are null.
func (n *Node) JSON() json.RawMessage {
	var b bytes.Buffer
	n.writeJSON(&b)
	return b.Bytes()
}

func (n *Node) writeJSON(b *bytes.Buffer) {
	switch n.shape {
	case Text:
		writeText(b, n.text)
	case Number:
		if f, err := strconv.ParseFloat(n.text, 64); err == nil {
			if data, err := json.Marshal(f); err == nil {
				b.Write(data)
				return
			}
		}
		writeText(b, n.text)
	case Bool:
		b.WriteString(strconv.FormatBool(n.text == "true"))
	case List, Mapping:
		open, shut := byte('['), byte(']')
		if n.shape == Mapping {
			open, shut = '{', '}'
		}
		b.WriteByte(open)
		for i, item := range n.items {
			if i > 0 {
				b.WriteByte(',')
			}
			if n.shape == Mapping {
				writeText(b, item.key)
				b.WriteByte(':')
			}
			item.writeJSON(b)
		}
		b.WriteByte(shut)
	default:
		b.WriteString("null")
	}
}

func writeText(b *bytes.Buffer, s string) {
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // a string into memory
	b.Truncate(b.Len() - 1)
}
