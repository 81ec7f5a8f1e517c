package definition

import "regexp"

// Form is what a text has to look like: an expression that it matches, and how
// long it may be. The length is looked at beside the expression, because one
// that repeats something up to hundreds of times takes milliseconds to
// compile, whenever a program starts.
type Form struct {
	re   *regexp.Regexp
	most int // bytes
}

// NewForm makes a form of an RE2 expression, which it panics without.
func NewForm(pattern string, most int) Form { return Form{regexp.MustCompile(pattern), most} }

// MatchString reports whether a text has the form.
func (f Form) MatchString(s string) bool { return len(s) <= f.most && f.re.MatchString(s) }

// VolumeName is what a volume may be called, in a step and in a configuration:
// on Kubernetes it is the name of a PersistentVolumeClaim.
var VolumeName = NewForm(`^[a-z]([a-z0-9-]*[a-z0-9])?$`, 40)
