// Package definition reads one YAML document into a tree whose nodes know
// where they stand, and reads typed values out of it while collecting every
// problem with file, line, column, path and fix.
//
// A reader asks for what it wants and never checks for errors on the way: a
// read that cannot be answered notes a [problem.Problem] and gives the zero
// value, and what was already reported stays silent from then on.
//
//	doc := definition.Parse("fold.yaml", data)
//	f := doc.Root().Fields()
//	name := f.Need("name").Text()
//	gpus := f.Get("gpus").Int(0, 64)
//	f.Done() // unknown and missing fields
//	return doc.Problems()
//
// Only the part of YAML that reads the same to everyone is accepted: no
// anchors, aliases, tags or merge keys, one document a file, keys that are
// text and unique, decimal numbers, true and false. JSON is accepted as the
// YAML that it is. Plain words such as on, off, y, n, yes and no are text, as
// in YAML 1.2; where true or false is wanted they are refused with the word
// to write instead.
package definition
