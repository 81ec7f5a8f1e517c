package plain

import (
	"bytes"
	"regexp"
	"sync"
)

// stems are parts of what a rule can match: one of them is in every text that
// has something to hide.
var stems = func() (list [][]byte) {
	for _, s := range []string{"AKIA", "ASIA", "oken", "OKEN", "uthorization", "UTHORIZATION", "assw", "ASSW",
		"ecret", "ECRET", "_key", "_KEY", "-key", "-KEY", "-Key", "ikey", "IKEY", "iKey", "skey", "sKey", "SKEY", "ekey", "eKey", "EKEY", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "hf_", "sk-", "xox", "eyJ", "earer", "EARER",
		"://", "ignature=", "redential=", "PRIVATE KEY"} {
		list = append(list, []byte(s))
	}
	return list
}()

type rule struct {
	re   *regexp.Regexp
	with []byte
}

// rules are compiled when there is a text that has a stem.
var rules = sync.OnceValue(func() (list []rule) {
	for _, r := range [][2]string{
		{`\b(?:AKIA|ASIA)[0-9A-Z]{16}\b`, "[redacted]"}, // AWS access key ids
		{`\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|hf_[A-Za-z0-9]{20,}|xox[abprs]-[\w-]{10,}|sk-[\w-]{20,})`, "[redacted]"}, // GitHub, Hugging Face, Slack, makers of models
		{`\beyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]*`, "[redacted]"},                                                                         // JSON Web Tokens
		{`(?i)(authorization["']?\s*[:=]\s*["']?)(?:(?:bearer|basic|token|digest)\s+)?[^\s"',;]+`, "${1}[redacted]"},
		{`(?i)(\bbearer\s+)[\w.~+/=-]{8,}`, "${1}[redacted]"},
		// A value of digits alone stays: "token: 12" is a count far more often than a secret.
		{`(?i)((?:\b|[_-])(?:token|password|passwd|secret|secret[_-]?access[_-]?key|access[_-]?key(?:[_-]?id)?|api[_-]?key|private[_-]?key)["']?\s*[:=]\s*["']?)[^\s"',;&]*[^\s"',;&\d][^\s"',;&]*`, "${1}[redacted]"},
		{`([a-z][a-z0-9+.-]*://[^\s/:@]*:)[^\s/@]+@`, "${1}[redacted]@"},
		{`(?i)((?:x-amz-)?(?:signature|credential|security-token)=)[\w%+/=-]{8,}`, "${1}[redacted]"},
		{`-----BEGIN [A-Z ]*PRIVATE KEY-----[A-Za-z0-9+/=\s]*(?:-----END [A-Z ]*PRIVATE KEY-----)?`, "[redacted private key]"},
	} {
		list = append(list, rule{regexp.MustCompile(r[0]), []byte(r[1])})
	}
	return list
})

// Redact blots out what looks like a credential. It is a net for accidents,
// not a promise. It returns b itself when there is nothing to hide, which is
// nearly always: the expressions only run where a stem was found.
func Redact(b []byte) []byte {
	for _, stem := range stems {
		if bytes.Contains(b, stem) {
			for _, r := range rules() {
				if r.re.Match(b) {
					b = r.re.ReplaceAll(b, r.with)
				}
			}
			return b
		}
	}
	return b
}
