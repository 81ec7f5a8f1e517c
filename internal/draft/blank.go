package draft

// Blank is a small step of that name that runs as it is, with a remark on each
// field: to be written over. Its sample is any text.
func Blank(name string) *Draft {
	w := &Writer{}
	w.Line("# Begun by `ligase new step %s`. It runs as it is; write your own over it.", name)
	w.Line("# Every field there is: docs/writing-a-step.md")
	w.Line("name: %s", name)
	w.Line("version: 0.1.0  # of this definition: raise it with each change that others would notice")
	w.Line("title: %s%s", Quoted(Title(name)), w.Fill("what does it do, in a few words?"))
	w.Line("description: Gives the first lines of a text.%s", w.Fill("what is it good for, and what not?"))
	w.Line("duration: seconds  # or minutes, or hours")
	w.Line("inputs:")
	w.Port(Port{Name: "text", Type: Fallback, Guessed: true, Description: "The text to take lines of."})
	w.Line("    inline: true  # a call may bring the content itself, if it is small")
	w.Line("params:")
	w.Line("  lines: {type: integer, default: 10, minimum: 1, description: How many lines to give.}")
	w.Line("outputs:")
	w.Port(Port{Name: "beginning", Type: Fallback, Guessed: true, Description: "The first lines."})
	w.Line("metrics:")
	w.Line("  lines_given: {unit: lines, description: How many lines there are in it.}")
	w.Line("implementations:")
	w.Line("  local:")
	w.Line("    # A list of arguments, never a shell's text: what a call gives comes as $1, $2 …,")
	w.Line("    # and cannot become part of the script. $(work) is the folder that it runs in.")
	w.Line("    command:")
	w.Line("      - sh")
	w.Line("      - -c")
	w.Line("      - |")
	w.Line(`        head -n "$1" "$2" > beginning.txt`)
	w.Line(`        echo "{\"metrics\": {\"lines_given\": $$(wc -l < beginning.txt)}}" > metrics.json`)
	w.Line("      - %s", name)
	w.Line("      - $(params.lines)")
	w.Line("      - $(inputs.text)")
	w.Line("    collect: {beginning: beginning.txt}  # for each output, where it lies below $(work)")
	w.Line("    metrics: metrics.json")
	w.Line("    resources: {cpu: 1}%s", w.Fill("memory: 2Gi and the like, over which it is ended; gpu: 1"))
	w.Line("    timeout: 10m%s", w.Fill("when does it hang for sure?"))
	w.rest(false)
	return &Draft{Name: name, Text: []byte(w.String()), Open: w.Open()}
}
