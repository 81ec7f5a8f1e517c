package steps_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/steps"
)

// TestEightMistakes follows the fix of each problem, in the order that they
// are listed, as a user would: each takes away one problem, and at the end
// the definition reads.
func TestEightMistakes(t *testing.T) {
	data, err := os.ReadFile("testdata/eight.yaml")
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	_, ps := steps.ParseStep("eight.yaml", data)
	var b strings.Builder
	for _, p := range ps {
		fmt.Fprintln(&b, p)
	}
	golden(t, "eight.problems.txt", []byte(b.String()))
	for _, edit := range []struct {
		line     int
		path     string
		fix      string // words of the fix
		old, new string
	}{
		{2, "version", "like 1.0.0", "1.0", "1.0.0"},
		{5, "duraton", `"duration"`, "duraton", "duration"},
		{7, "inputs.sequence.max_length", "Remove the quotes: 400.", `"400"`, "400"},
		{9, "params.samples.default", "a whole number from 1 to 1000", "2000", "1000"},
		{12, "outputs.models.count", `"samples"`, "sample}", "samples}"},
		{17, "implementations.baseline.command[1]", "$(inputs.sequence)", "$(params.sequence)", "$(inputs.sequence)"},
		{20, "implementations.baseline.collect.models", "out/model_*.pdb", "out/model.pdb", "out/model_*.pdb"},
		{21, "implementations.baseline.timeout", "10m for minutes", "10", "10m"},
	} {
		if len(ps) == 0 {
			t.Fatalf("no problem at %s", edit.path)
		}
		p := ps[0]
		if p.Pos.Line != edit.line || p.Path != edit.path || p.Pos.Column == 0 || p.Code == "" || !strings.Contains(p.Fix, edit.fix) {
			t.Fatalf("the next problem is %s\nwant one in line %d at %s whose fix says %s", p, edit.line, edit.path, edit.fix)
		}
		lines := strings.Split(text, "\n")
		lines[edit.line-1] = strings.Replace(lines[edit.line-1], edit.old, edit.new, 1)
		text = strings.Join(lines, "\n")
		before := len(ps)
		if _, ps = steps.ParseStep("eight.yaml", []byte(text)); len(ps) != before-1 {
			t.Fatalf("following %q left %d problems of %d:\n%v", edit.fix, len(ps), before, ps)
		}
	}
	if s, _ := steps.ParseStep("eight.yaml", []byte(text)); s == nil {
		t.Error("the mended step does not read")
	}
}

// base is a sound step; the tests below break one thing each.
const base = `name: tool
version: 1.0.0
title: A tool
description: Does it.
inputs:
  one: {type: protein.structure, format: pdb}
  many: {type: table, many: true}
  maybe: {type: table, optional: true}
params:
  count: {type: integer, default: 1}
  text: {type: string, optional: true}
outputs:
  out: {type: table, format: csv}
implementations:
  main:
    command: [tool, $(inputs.one), $(inputs.many), [$(inputs.maybe)], $(params.count), [$(params.text)]]
    collect: {out: out.csv}
`

func TestParseStepProblems(t *testing.T) {
	if _, ps := steps.ParseStep("s.yaml", []byte(base)); len(ps) > 0 {
		t.Fatal(ps)
	}
	for _, c := range []struct {
		old, new string
		want     string // "line path code: message fix", one a line
	}{
		{"name: tool", "name: My Tool", `1 name invalid: "My Tool" cannot name a step. Use lower-case letters, digits and _, a letter first, at most 40 characters.`},
		{"version: 1.0.0", "version: v1", `2 version invalid: "v1" is not a semantic version. Write three numbers, like 1.0.0.`},
		{"title: A tool\n", "", `1  missing: "title" is missing. Add "title".`},
		{"name: tool\n", "", `1  missing: "name" is missing. Add "name".`},
		{"title: A tool", "title: on", ""},
		{"title: A tool", "title: " + strings.Repeat("x", 200), `3 title out_of_range: The title has more than 120 characters. Shorten it; the description has room.`},
		{"description: Does it.", "description: Does it.\nduration: ages", `5 duration invalid: "ages" is not known here. There are: seconds, minutes, hours.`},

		{"  one: {", "  One: {", `6 inputs.One invalid: "One" cannot name a port or parameter. Use lower-case letters, digits and _, a letter first, at most 40 characters.
16 implementations.main.command[1] unknown_name: There is no input "one". Did you mean "One"?`},
		{"  count: {", "  one: {type: integer, default: 1}\n  count: {", `10 params.one duplicate: one is in inputs already (line 6); inputs, params and outputs share one list of names. Rename one of them.
10 params.one unreachable: No implementation uses the parameter one. Use $(params.one) in a command, or remove the parameter.`},
		{"  count: {type: integer, default: 1}", "  count: {type: integer, default: 1}\n  one_uri: {type: string}", `11 params.one_uri duplicate: one_uri clashes with the argument one_uri that the input one (line 6) has in calls. Rename one of them.
11 params.one_uri unreachable: No implementation uses the parameter one_uri. Use $(params.one_uri) in a command, or remove the parameter.`},
		{"  out: {type: table, format: csv}", "  result: {type: table, format: csv}", `13 outputs.result not_allowed: The name result is reserved. Choose another name.
17 implementations.main.collect.out unknown_name: There is no output "out". There are: result.`},
		{"  out: {type: table, format: csv}", "  out: {type: table, format: [csv, tsv]}", `13 outputs.out.format invalid: An output has exactly one format. Name the one that comes out.`},
		{"  out: {type: table, format: csv}", "  out: {type: table}", `13 outputs.out missing: "format" is missing. Add "format".`},
		{"type: protein.structure,", "type: Protein,", `6 inputs.one.type invalid: "Protein" cannot be a type. Use lower-case names joined by dots, like protein.structure.`},
		{"many: true}", "many: yes}", `7 inputs.many.many invalid: This is the text "yes" where true or false is wanted. Write true.`},
		{"many: true}", "many: true, min_items: 5, max_items: 3}", `7 inputs.many.min_items out_of_range: min_items is larger than max_items. Write 3 or less.`},
		{"format: pdb}", "format: pdb, max_items: 3}", `6 inputs.one.max_items cardinality: max_items is about ports that carry many. Add many: true, or remove it.`},
		{"format: csv}", "format: csv, many: true, count: text}", `13 outputs.out.count type_mismatch: The parameter text is no integer. Name an integer parameter, or remove count.
17 implementations.main.collect.out cardinality: out carries many, but "out.csv" names one file. Write a * where the names differ: out_*.csv.`},

		{"type: integer, default: 1", "type: int, default: 1", `10 params.count.type invalid: "int" is not known here. There are: string, integer, number, boolean, array.`},
		{"type: integer, default: 1", "type: integer, default: 1.5", `10 params.count.default out_of_range: The default is not a value that the parameter takes. Give a whole number, not 1.5.`},
		{"type: integer, default: 1", "type: integer, default: 1e3", ""},
		{"type: integer, default: 1", "type: integer, default: 1, optional: true", `10 params.count.default invalid: The parameter has a default, so it is never unset. Remove optional or default.
16 implementations.main.command[4] invalid: The parameter count is optional, and the command cannot do without it. Put it, with its flag, into an inner list: it is left out when the parameter is not given.`},
		{"type: integer, default: 1", "type: integer, minimum: 3, maximum: 2, default: 1", `10 params.count.minimum out_of_range: minimum is larger than maximum: no value is left. Write 2 or less.`},
		{"type: integer, default: 1", "type: integer, minimum: 0.5", `10 params.count.minimum invalid: The minimum of an integer is not such a number. Write a whole number of at most 53 bits.`},
		{"type: integer, default: 1", "type: integer, pattern: a, items: string", `10 params.count.pattern invalid: pattern is about strings; this is of type integer. Remove it.
10 params.count.items invalid: items is about arrays. Remove it, or write type: array.`},
		{"type: integer, default: 1", "type: array, default: [1]", `10 params.count missing: An array needs items. Add items: string, integer or number.`},
		{"type: integer, default: 1", "type: array, items: integer, default: [1, 2], minimum: 2", `10 params.count.default out_of_range: The default is not a value that the parameter takes. Item 1: Give a whole number of at least 2, not 1.`},
		{"type: string, optional: true", "type: string, pattern: '(a'", "11 params.text.pattern invalid: The pattern is not valid: missing closing ): `(a`. Write an RE2 pattern (https://github.com/google/re2/wiki/Syntax), best in single quotes."},
		{"type: string, optional: true", "type: string, enum: [a, 1, a]", `11 params.text.enum[1] invalid: This value of the enum is not one that the parameter takes. Put it in quotes: "1".
11 params.text.enum[2] duplicate: The value "a" is given twice. Remove one of them.`},
		{"type: string, optional: true", "type: string, enum: []", `11 params.text.enum missing: The enum is empty. Add the values, or remove enum.`},
		{"type: string, optional: true", "type: boolean, enum: [true]", `11 params.text.enum invalid: enum is about strings and numbers; this is of type boolean. Remove it.`},

		{"$(inputs.one)", "$(inputs.on)", `16 implementations.main.command[1] unknown_name: There is no input "on". Did you mean "one"?`},
		{"$(inputs.one)", "$(inputs.one", `16 implementations.main.command[1] invalid: A $( has no ) after it; write $$( for the characters themselves.`},
		{"$(inputs.one)", "$(inputs.one.dir)", `16 implementations.main.command[1] cardinality: one carries one file; .dir is about inputs that carry many. Write $(inputs.one).`},
		{"$(inputs.one)", "$(one)", `16 implementations.main.command[1] invalid: $(one) is not known; there are $(inputs.x), $(inputs.x.dir), $(inputs.x.manifest), $(params.y) and $(work), and $$( for the characters themselves.`},
		{"$(inputs.one)", "$(inputs.one), $(outputs.out)", `16 implementations.main.command[2] invalid: $(outputs.out) is not known; let the command write below $(work), and name the file in collect.`},
		{"$(inputs.one)", `$(inputs.one), "${inputs.one}"`, `16 implementations.main.command[2] invalid: ${inputs is not replaced in a command. Write $(inputs.x), $(params.y) or $(work).`},
		{"$(inputs.many)", "x$(inputs.many)", `16 implementations.main.command[2] cardinality: many carries many files, which cannot stand inside one argument. Let $(inputs.many) be an argument of its own, or use $(inputs.many.dir).`},
		{"[$(inputs.maybe)]", "$(inputs.maybe)", `16 implementations.main.command[3] invalid: The input maybe is optional, and the command cannot do without it. Put it, with its flag, into an inner list: it is left out when the input is not given.`},
		{"$(params.count)", "8", `16 implementations.main.command[4] invalid: This is the number 8 where text is wanted. Put it in quotes: "8".`},
		{"[tool,", "[./tool,", `16 implementations.main.command[0] invalid: "./tool" is a relative path, and steps run in folders of their own. Write its name, to be found on PATH, or its absolute path.`},
		{"[tool,", "[tool --fast,", `16 implementations.main.command[0] invalid: The program's name has blanks in it. Make each word an item of the list: [tool, --fast].`},
		{"{out: out.csv}", "{out: /tmp/out.csv}", `17 implementations.main.collect.out not_allowed: "/tmp/out.csv" lies outside the work folder. Write a path below $(work), like out/model.pdb.`},
		{"{out: out.csv}", "{out: ../out.csv}", `17 implementations.main.collect.out not_allowed: "../out.csv" lies outside the work folder. Write a path below $(work), like out/model.pdb.`},
		{"{out: out.csv}", "{out: $(work)/out.csv}", `17 implementations.main.collect.out invalid: Paths here begin below $(work) by themselves. Write out.csv.`},
		{"{out: out.csv}", "{out: 'out[.csv'}", `17 implementations.main.collect.out invalid: "out[.csv" is not a pattern for names of files. Close the [ with a ], or write \[ for the character.`},
		{"{out: out.csv}", "{out: out.csv}\n    prepare: [bin/tool, $(inputs.on)]\n    finish: [$(inputs.maybe)]", `18 implementations.main.prepare[0] invalid: "bin/tool" is a relative path, and steps run in folders of their own. Write its name, to be found on PATH, or its absolute path.
18 implementations.main.prepare[1] unknown_name: There is no input "on". Did you mean "one"?
19 implementations.main.finish[0] invalid: The input maybe is optional, and the command cannot do without it. Put it, with its flag, into an inner list: it is left out when the input is not given.
19 implementations.main.finish[0] invalid: The program cannot come from a reference. Write its name, or its absolute path.`},
		{"$(inputs.one)", "one", `6 inputs.one unreachable: No implementation uses the input one. Use $(inputs.one) in a command, or remove the input.`},
		{"command: [tool, $(inputs.one),", "prepare: [tool, $(inputs.one)]\n    command: [tool,", ""},
		{"{out: out.csv}", "{out: out.csv}\n    finish: tool --out x", `18 implementations.main.finish invalid: A command is a list of arguments, never a line for a shell. Write it as a list of arguments: [tool, --in, $(inputs.x)].`},
		{"implementations:", "metrics:\n  m: {minimum: 1, maximum: 0, by: [main, mian, main], better: up}\nimplementations:", `15 metrics.m.minimum out_of_range: minimum is not less than maximum. Write less than 0.
15 metrics.m.by[1] unknown_name: There is no implementation "mian". Did you mean "main"?
15 metrics.m.by[2] duplicate: main is given twice. Remove one of them.
15 metrics.m.better invalid: "up" is not known here. There are: higher, lower.`},
		{"{out: out.csv}", "{out: out.csv}\n    limits: {one: 1.5, on: 3, count: 0, text: 4, many: x}", `18 implementations.main.limits.one out_of_range: The limit of an input is its greatest length. Write a whole number of residues or records.
18 implementations.main.limits.on unknown_name: There is no input or parameter "on". Did you mean "one"?
18 implementations.main.limits.count out_of_range: The limit leaves out the default or the minimum of count. Write more, or change the parameter.
18 implementations.main.limits.text type_mismatch: The parameter text is no number, so there is no largest value. Remove it.
18 implementations.main.limits.many invalid: This is the text "x" where a number is wanted. Write a number.`},
		{"one: {type: protein.structure, format: pdb}", "one: {type: protein.structure, format: pdb, max_length: 10}", ""},
		{"{out: out.csv}", "{out: out.csv}\n    limits: {one: 100}", ""},
		{"{out: out.csv}", "{}", `17 implementations.main.collect missing: The implementation does not say where the output out is. Add out: and the file's path below $(work).`},
		{"    collect: {out: out.csv}", "    env: {}", `15 implementations.main missing: "collect" is missing. Add "collect".`},
		{"    collect: {out: out.csv}", "    collcet: {out: out.csv}", `17 implementations.main.collcet unknown_field: There is no field "collcet". Did you mean "collect"?`},

		{"{out: out.csv}", "{out: out.csv}\n    env: {A B: x, C: 1, D: $(work)}", `18 implementations.main.env["A B"] invalid: "A B" cannot name an environment variable. Use letters, digits and _.
18 implementations.main.env.C invalid: This is the number 1 where text is wanted. Put it in quotes: "1".
18 implementations.main.env.D invalid: References are not replaced in env. Give it to the command as an argument.`},
		{"{out: out.csv}", "{out: out.csv}\n    resources: {cpu: 500m, memory: 512, gpu: -1, disk: 10Gb}", `18 implementations.main.resources.cpu invalid: This is the text "500m" where a number is wanted. Write a number.
18 implementations.main.resources.memory out_of_range: This is 512 bytes. Write the unit: 512Mi.
18 implementations.main.resources.gpu out_of_range: -1 is outside the limits. Write a number from 0 to 64.`},
		{"{out: out.csv}", "{out: out.csv}\n    timeout: 400d", `18 implementations.main.timeout out_of_range: The timeout is longer than 30 days. Write at most 30d.`},
		{"{out: out.csv}", "{out: out.csv}\n    retries: {limit: 2}", `18 implementations.main.retries missing: It does not say after which failures to try again. Add on: [oom, preempted, unknown].`},
		{"{out: out.csv}", "{out: out.csv}\n    retries: {limit: 2, on: [oom, cancelled, omm]}", `18 implementations.main.retries.on[1] invalid: "cancelled" is not known here. There are: oom, gpu_oom, disk, preempted, image, unschedulable, deadline, output_contract, exit, storage, unknown.
18 implementations.main.retries.on[2] invalid: "omm" is not known here. Did you mean "oom"?`},
		{"{out: out.csv}", "{out: out.csv}\n    failures: [{pattern: '(', code: oom}, {code: boom}]", "18 implementations.main.failures[0].pattern invalid: The pattern is not valid: missing closing ): `(`. Write an RE2 pattern (https://github.com/google/re2/wiki/Syntax), best in single quotes.\n" +
			`18 implementations.main.failures[1] missing: "pattern" is missing. Add "pattern".
18 implementations.main.failures[1].code invalid: "boom" is not known here. Did you mean "oom"?`},
		{"{out: out.csv}", "{out: out.csv}\n    progress: 'step (\\d+)'", `18 implementations.main.progress invalid: The pattern has no groups named done and total. Name the numbers: 'step (?P<done>\d+)/(?P<total>\d+)'.`},
		{"  main:\n", "  main: {podSpecPatch: x}\n  other:\n", `15 implementations.main missing: "command" is missing. Add "command".
15 implementations.main missing: "collect" is missing. Add "collect".
15 implementations.main.podSpecPatch unknown_field: There is no field "podSpecPatch". There are: title, description, license, citation, image, resources, timeout, retries, limits, cost, template, metrics and 8 more.`},
	} {
		t.Run(c.new, func(t *testing.T) {
			text := strings.Replace(base, c.old, c.new, 1)
			if text == base {
				t.Fatalf("%q is not in the step", c.old)
			}
			s, ps := steps.ParseStep("s.yaml", []byte(text))
			if (s == nil) != (len(ps) > 0) {
				t.Errorf("step %v with %d problems", s, len(ps))
			}
			var got []string
			for _, p := range ps {
				got = append(got, strings.TrimSpace(fmt.Sprintf("%d %s %s: %s %s", p.Pos.Line, p.Path, p.Code, p.Message, p.Fix)))
			}
			if diff := cmp.Diff(c.want, strings.Join(got, "\n")); diff != "" {
				t.Errorf("problems (-want +got):\n%s\n%s", diff, strings.Join(got, "\n"))
			}
		})
	}
}

func TestCheckPorts(t *testing.T) {
	types := libraryTypes(t)
	ps := types.CheckPorts("inputs", []steps.Port{
		{Name: "a", Type: "protein.structur"},
		{Name: "b", Type: "protein.structure", Formats: []string{"mmciff"}},
		{Name: "c", Type: "table", MaxLength: 3},
		{Name: "d", Type: "protein.sequence", Columns: []string{"x"}},
		{Name: "e", Type: "protein.structure", MaxLength: 3},
		{Name: "f", Type: "table", Formats: []string{"json"}, Columns: []string{"x"}},
	})
	var got []string
	for _, p := range ps {
		got = append(got, p.String())
	}
	want := []string{
		`inputs.a.type: There is no type "protein.structur". Did you mean "protein.structure"?`,
		`inputs.b.format: protein.structure has no format "mmciff". Did you mean "mmcif"?`,
		`inputs.c.max_length: The length of table in csv, tsv or json is not known. Remove it, or accept other formats.`,
		`inputs.d.columns: protein.sequence in fasta has no columns. Remove columns, or accept table formats only.`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}

func TestLibraryReads(t *testing.T) {
	types := libraryTypes(t)
	read := 0
	for name, data := range libraryFiles(t) {
		s, ps := steps.ParseStep(name, data)
		if s != nil {
			ps = append(types.CheckPorts("inputs", s.Inputs), types.CheckPorts("outputs", s.Outputs)...)
			read++
		}
		for _, p := range ps {
			t.Error(p)
		}
	}
	if read == 0 {
		t.Error("the library has no steps")
	}
}

func FuzzParseStep(f *testing.F) {
	for _, file := range []string{"testdata/everything.yaml", "testdata/inline.yaml", "testdata/eight.yaml", "testdata/foreign.yaml"} {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(base))
	f.Add([]byte("inputs: {a: {type: b, many: true}}\nimplementations: {x: {command: [$(inputs.a)]}}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, ps := steps.ParseStep("x.yaml", data)
		if (s == nil) != (len(ps) > 0) {
			t.Fatalf("step %v with %d problems", s, len(ps))
		}
		for i, p := range ps {
			if p.Pos.Line == 0 && p.Code != problem.TooLarge || p.Message == "" || p.Code == "" {
				t.Errorf("a problem lacks something: %#v", p)
			}
			if slices.Contains(ps[:i], p) {
				t.Errorf("a problem is listed twice: %s", p)
			}
		}
		if s != nil {
			s.InputSchema()
			for _, im := range s.Implementations {
				for _, a := range slices.Concat(im.Prepare, im.Command, im.Finish) {
					for _, text := range a.Templates {
						parsed, err := steps.ParseTemplate(text)
						if err != nil {
							t.Errorf("%q was accepted, but: %v", text, err)
						}
						if again, err := steps.ParseTemplate(parsed.String()); err != nil || !slices.Equal(parsed, again) {
							t.Errorf("%q reads otherwise when written again: %v, %v", text, parsed, again)
						}
					}
				}
			}
		}
	})
}
