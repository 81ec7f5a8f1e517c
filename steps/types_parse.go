package steps

import (
	"encoding/hex"
	"math"
	"regexp"
	"slices"
	"strings"

	"github.com/ligase-bio/ligase/internal/definition"
	"github.com/ligase-bio/ligase/internal/problem"
)

// ParseTypes reads a file that defines types.
func ParseTypes(file string, data []byte) ([]Type, problem.Problems) {
	return DecodeTypes(definition.Parse(file, data))
}

// DecodeTypes reads types from a parsed file. The problems are all that the
// document has, those of parsing too; types that have one are left out.
func DecodeTypes(doc *definition.Document) ([]Type, problem.Problems) {
	f := doc.Root().Fields()
	var types []Type
	for _, n := range f.Need("types").Entries() {
		before := doc.Count()
		t := decodeType(n)
		if doc.Count() == before {
			types = append(types, t)
		}
	}
	f.Done()
	return types, doc.Problems()
}

var (
	edamData      = regexp.MustCompile(`^data_[0-9]{4}$`)
	edamFormat    = regexp.MustCompile(`^format_[0-9]{4}$`)
	mediaType     = regexp.MustCompile(`^[a-z]+/[a-z0-9][a-z0-9.+-]*$`)
	extensionForm = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,15}(\.[a-z0-9]{1,8}){0,2}$`)
)

func decodeType(n *definition.Node) Type {
	if !ValidTypeName(n.Key()) {
		n.KeyProblem(problem.Invalid, "Use lower-case names joined by dots, like protein.structure.", "%.60q cannot name a type.", n.Key())
	}
	f := n.Fields()
	t := Type{
		Name:        n.Key(),
		Title:       title(f.Need("title")),
		Description: f.Get("description").Text(),
		Is:          f.Get("is").Texts(),
		EDAM:        matching(f.Get("edam"), edamData, "Write it like data_1460."),
		Pos:         n.KeyPos(),
		source:      n.JSON(),
	}
	for _, formatNode := range f.Get("formats").Entries() {
		t.Formats = append(t.Formats, decodeFormat(formatNode))
	}
	f.Done()
	return t
}

func decodeFormat(n *definition.Node) Format {
	checkName(n, "a format")
	f := n.Fields()
	out := Format{
		Name:      n.Key(),
		Title:     f.Get("title").Text(),
		EDAM:      matching(f.Get("edam"), edamFormat, "Write it like format_1476."),
		MediaType: matching(f.Get("media_type"), mediaType, "Write it like text/csv."),
		Text:      f.Get("text").Bool(),
		pos:       n.KeyPos(),
	}
	for _, e := range f.Get("extensions").ListOrOne() {
		ext := e.Text()
		switch {
		case ext == "":
		case !extensionForm.MatchString(ext):
			e.Problem(problem.Invalid, "Write it without the dot, in lower case, like pdb.", "%.40q cannot be a file name extension.", ext)
		case slices.Contains(out.Extensions, ext):
			e.Problem(problem.Duplicate, "Remove one of them.", "The extension %s is given twice.", ext)
		default:
			out.Extensions = append(out.Extensions, ext)
		}
	}
	switch definition.OneOf(f.Get("delimiter"), "comma", "tab", "semicolon") {
	case "comma":
		out.delimiter = ','
	case "tab":
		out.delimiter = '\t'
	case "semicolon":
		out.delimiter = ';'
	}
	check := f.Get("check")
	if check.Shape() == definition.Mapping {
		out.rules = append(out.rules, decodeRule(check))
	} else {
		for _, ruleNode := range check.List() {
			out.rules = append(out.rules, decodeRule(ruleNode))
		}
	}
	if l := f.Get("length"); l.Given() {
		out.length = decodeLength(l)
	}
	if b := f.Get("bare"); b.Given() {
		out.bare = decodeBare(b)
	}
	for _, c := range f.Get("convert").Entries() {
		out.conversions = append(out.conversions, decodeConversion(out.Name, c))
	}
	if r := f.Get("records"); r.Given() {
		out.records = decodeRecords(r)
	}
	f.Done()
	return out
}

func decodeBare(n *definition.Node) *bare {
	f := n.Fields()
	b := &bare{match: regex(f.Need("match"))}
	as := f.Need("as")
	text := as.Text()
	var found bool
	b.before, b.after, found = strings.Cut(text, bareValue)
	if text != "" && (!found || strings.Contains(b.after, bareValue)) {
		as.Problem(problem.Invalid, "Write what goes around "+bareValue+`, like ">name\n`+bareValue+`\n".`, "It must have %s in it, once.", bareValue)
	}
	f.Done()
	return b
}

// kindsOfRule are the fields of which a rule has exactly one.
var kindsOfRule = []string{"starts_with", "magic", "any_line", "every_line", "no_line", "joined", "min_bytes", "columns", "json"}

func decodeRule(n *definition.Node) rule {
	f := n.Fields()
	r := rule{
		startsWith: f.Get("starts_with").Text(),
		anyLine:    regex(f.Get("any_line")),
		everyLine:  regex(f.Get("every_line")),
		noLine:     regex(f.Get("no_line")),
		joined:     regex(f.Get("joined")),
		minBytes:   int(f.Get("min_bytes").Int(1, HeadBytes)),
		columns:    f.Get("columns").Texts(),
		json:       f.Get("json").Bool(),
		at:         int(f.Get("at").Int(0, HeadBytes)),
		of:         regex(f.Get("of")),
		skip:       regex(f.Get("skip")),
		atMost:     int(f.Get("at_most").Int(1, math.MaxInt32)),
		message:    f.Get("message").Text(),
	}
	if m := f.Get("magic"); m.Given() {
		bytes, err := hex.DecodeString(strings.ReplaceAll(m.Text(), " ", ""))
		if err != nil || len(bytes) == 0 {
			m.Problem(problem.Invalid, `Write hexadecimal digits in quotes, two a byte: "1f8b".`, "%.40q is not bytes.", m.Text())
		}
		r.magic = bytes
	}
	var given []string
	for _, kind := range kindsOfRule {
		if f.Has(kind) {
			given = append(given, kind)
		}
	}
	f.Done()
	switch {
	case n.Broken() || len(given) == 1:
	case len(given) == 0:
		n.Problem(problem.Missing, "Give one of "+strings.Join(kindsOfRule, ", ")+".", "The rule checks nothing.")
	default:
		n.Problem(problem.Invalid, "Make it a list of rules, one for each.", "The rule has %s in one.", problem.List(given, "and"))
	}
	return r
}

func decodeLength(n *definition.Node) *length {
	f := n.Fields()
	l := &length{
		lines: regex(f.Get("lines")),
		skip:  regex(f.Get("skip")),
		until: regex(f.Get("until")),
	}
	if re := regex(f.Get("characters")); re != nil {
		l.characters = &[256]bool{}
		for c := range 128 {
			l.characters[c] = c != '\n' && c != '\r' && re.MatchString(string(rune(c)))
		}
	}
	if f.Has("lines") == f.Has("characters") && !n.Broken() {
		n.Problem(problem.Invalid, "Give either lines or characters.", "The length rule must say what it counts, once.")
	}
	f.Done()
	return l
}
