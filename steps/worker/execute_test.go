package worker_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/sync/errgroup"

	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/steps/worker"
	"github.com/ligase-bio/ligase/uris"
)

func TestCommit(t *testing.T) {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	l := newLab(t, func(o *worker.Options) { o.Now = func() time.Time { return now } })
	task := l.task(`mkdir out; for i in 1 2 10; do echo "model $i" >out/m_$i.txt; done; printf 'a,b\n1,2\n' >t.csv
		echo '{"metrics":{"loss":0.5},"items":{"models":[{"score":1},{"score":2},{"score":10}]}}' >m.json; echo done`)
	task.Index = "3"
	task.Outputs = []steps.Port{notes("models", 1, 0), {Name: "table", Type: "scores", Formats: []string{"csv"}, Columns: []string{"b"}}, {Name: "extra", Type: "note", Formats: []string{"txt"}, Optional: true}}
	task.Outputs[0].Count = "n"
	task.Params = map[string]steps.Value{"n": value(t, 3)}
	task.Implementation.Collect = map[string]string{"models": "out/*.txt", "table": "t.csv", "extra": "extra.txt"}
	task.Implementation.Metrics = "m.json"
	r := l.must(task, nil)

	var order []string
	for i, o := range r.Outputs["models"] {
		order = append(order, strings.TrimSpace(l.read(o.URI)))
		if want := fmt.Sprintf("%s/outputs/node/3/models/%d.txt", l.run().URI, i); o.URI.String() != want {
			t.Errorf("model %d is at %s, want %s", i, o.URI, want)
		}
	}
	if want := []string{"model 1", "model 2", "model 10"}; !slices.Equal(order, want) {
		t.Errorf("order %q, want %q", order, want)
	}
	first := r.Outputs["models"][2]
	want := steps.Object{URI: first.URI, Size: 9, SHA256: first.SHA256, Type: "note", Format: "txt",
		Metrics: map[string]float64{"score": 10}, Preview: []string{"model 10"}}
	if d := cmp.Diff(want, first, cmpopts.EquateComparable(uris.URI{})); d != "" {
		t.Error(d)
	}
	if keys := slices.Sorted(maps.Keys(r.Outputs)); !slices.Equal(keys, []string{"models", "table"}) {
		t.Errorf("outputs of %q; an optional one that is not there should be absent", keys)
	}
	if r.Metrics["loss"] != 0.5 || !r.StartedAt.Equal(now) || r.FinishedAt.Before(now) || r.Worker != "test" {
		t.Errorf("record: %+v", r)
	}
	var stored steps.Result
	if err := json.Unmarshal([]byte(l.read(l.run().Result("node", "3"))), &stored); err != nil {
		t.Fatal(err)
	}
	a, _ := json.Marshal(stored)
	b, _ := json.Marshal(r)
	if string(a) != string(b) {
		t.Errorf("what is stored is not what was returned:\n%s\n%s", a, b)
	}
	if got := l.log(task); got != "done\n" {
		t.Errorf("log %q", got)
	}
}

// What was committed first stays, and a later attempt returns it.
func TestSecondAttemptFindsCommit(t *testing.T) {
	l := newLab(t, nil)
	task := l.task(`echo first >o.txt`)
	task.Outputs = []steps.Port{note("o")}
	task.Implementation.Collect = map[string]string{"o": "o.txt"}
	first := l.must(task, nil)

	for _, attempt := range []int{1, 2} {
		late := l.task(`echo second >o.txt; echo ran >>` + filepath.Join(l.dir, "ran"))
		late.Attempt, late.Outputs, late.Implementation.Collect = attempt, task.Outputs, task.Implementation.Collect
		if r := l.must(late, nil); r.Attempt != 1 || r.Outputs["o"][0].SHA256 != first.Outputs["o"][0].SHA256 {
			t.Errorf("attempt %d gave %+v", attempt, r)
		}
	}
	if got := l.read(first.Outputs["o"][0].URI); got != "first\n" {
		t.Errorf("the committed object now holds %q", got)
	}

	// One that commits while another runs wins.
	race := l.task(`echo $$ >o.txt; sleep 0.3`)
	race.Index, race.Outputs, race.Implementation.Collect = "1", task.Outputs, task.Implementation.Collect
	type end struct {
		r *steps.Result
		f *steps.Failure
	}
	ends := make(chan end, 2)
	for attempt := 2; attempt <= 3; attempt++ {
		twin := race
		twin.Attempt = attempt
		go func() {
			r, f := l.Execute(context.Background(), twin, nil)
			ends <- end{r, f}
		}()
	}
	x, y := <-ends, <-ends
	if x.f != nil || y.f != nil || x.r.Attempt != y.r.Attempt {
		t.Fatalf("two results: %+v %+v", x, y)
	}
	if s := x.r.Outputs["o"][0]; s.SHA256 != y.r.Outputs["o"][0].SHA256 {
		t.Error("two results")
	}
}

func TestOutputContract(t *testing.T) {
	for _, c := range []struct {
		name, script string
		port         steps.Port
		collect      string
		code         steps.FailureCode
		message      string
	}{
		{"nothing there", `true`, note("o"), "out/*.txt", steps.FailOutputContract,
			"The command ended with exit code 0, but `o` (out/*.txt) is not there."},
		{"folder instead", `mkdir o.txt`, note("o"), "o.txt", steps.FailOutputContract, "is a folder, not a file"},
		{"pipe instead", `mkfifo o.txt`, note("o"), "o.txt", steps.FailOutputContract, "is not a regular file"},
		{"two for one", `touch a.txt b.txt`, note("o"), "*.txt", steps.FailOutputContract, "`o` is one file and 2 match *.txt"},
		{"too few", `touch a.txt`, notes("o", 2, 0), "*.txt", steps.FailOutputContract, "has 1 file of at least 2"},
		{"too many", `touch a.txt b.txt c.txt`, notes("o", 1, 2), "*.txt", steps.FailOutputContract, "has 3 files of at most 2"},
		{"none of many", `true`, notes("o", 1, 0), "*.txt", steps.FailOutputContract, "no file of `o` (*.txt) is there"},
		{"hidden files do not count", `touch .a.txt`, note("o"), "*.txt", steps.FailOutputContract, "is not there"},
		{"not the promised count", `touch a.txt b.txt`, func() steps.Port { p := notes("o", 1, 0); p.Count = "n"; return p }(), "*.txt",
			steps.FailOutputContract, "has 2 files where n = 3 promises 3"},
		{"link out", `ln -s /etc/passwd o.txt`, note("o"), "o.txt", steps.FailOutputContract, "leads out of the work folder"},
		{"link out by a folder", `ln -s /etc d`, note("o"), "d/passwd", steps.FailOutputContract, "leads out of the work folder"},
		{"link to nothing", `ln -s nowhere o.txt`, note("o"), "o.*", steps.FailOutputContract, "link to something that is not there"},
		{"link in a circle", `ln -s o.txt o.txt`, note("o"), "o.*", steps.FailOutputContract, "could not be followed"},
		{"collect from above", `true`, note("o"), "../x", steps.FailOutputContract, "not a path below the work folder"},
		{"wrong content", `echo MKV >o.fasta`, steps.Port{Name: "o", Type: "sequence", Formats: []string{"fasta"}}, "o.fasta", steps.FailOutputContract,
			"It has no line that begins with '>'."},
		{"missing column", `printf 'a,b\n1,2\n' >o.csv`, steps.Port{Name: "o", Type: "scores", Formats: []string{"csv"}, Columns: []string{"c"}}, "o.csv",
			steps.FailOutputContract, "c"},
		{"half written, then failed", `echo half >o.txt; exit 3`, note("o"), "o.txt", steps.FailExit, "The command ended with exit code 3."},
		{"out of GPU memory, exit 0", `echo 'RuntimeError: CUDA out of memory. Tried to allocate'`, note("o"), "o.txt", steps.FailGPUOOM,
			`is not there. Its log says that GPU memory ran out: "RuntimeError: CUDA out of memory. Tried to allocate".`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, nil)
			task := l.task(c.script)
			task.Params = map[string]steps.Value{"n": value(t, 3)}
			task.Outputs = []steps.Port{c.port}
			task.Implementation.Collect = map[string]string{"o": c.collect}
			l.wants(task, c.code, c.message)
		})
	}
}

// A link that stays inside is an output like another.
func TestLinkInside(t *testing.T) {
	l := newLab(t, nil)
	for i, script := range []string{`echo x >a; ln -s a o.txt`, `echo x >a; ln -s "$PWD/a" o.txt`, `mkdir -p d/e; echo x >d/e/o.txt; ln -s d/e f; ln -s f/o.txt o.txt`} {
		task := l.task(script)
		task.Index = task.Index.Child(i)
		task.Outputs = []steps.Port{note("o")}
		task.Implementation.Collect = map[string]string{"o": "o.txt"}
		if r := l.must(task, nil); l.read(r.Outputs["o"][0].URI) != "x\n" {
			t.Error(script)
		}
	}
}

func TestMetrics(t *testing.T) {
	for _, c := range []struct{ name, json, message string }{
		{"NaN", `{"metrics":{"a":NaN}}`, "NaN and Infinity are none"},
		{"overflow", `{"metrics":{"a":1e999}}`, "do not count"},
		{"null", `{"metrics":{"a":null}}`, "is null, not a number"},
		{"text", `{"metrics":{"a":"1"}}`, "do not count"},
		{"unknown field", `{"metric":{"a":1}}`, "do not count"},
		{"two documents", `{} {}`, "something follows"},
		{"bad name", `{"metrics":{"A b":1}}`, "not the name of a metric"},
		{"other number of items", `{"items":{"o":[{"a":1}]}}`, "list 1 items of `o`, of which there are 2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLab(t, nil)
			task := l.task(`echo x | tee 1.txt >2.txt; printf '%s' "$1" >m.json`, c.json)
			task.Outputs = []steps.Port{notes("o", 1, 0)}
			task.Implementation.Collect = map[string]string{"o": "*.txt"}
			task.Implementation.Metrics = "m.json"
			l.wants(task, steps.FailOutputContract, c.message)
		})
	}
	t.Run("not there", func(t *testing.T) {
		l := newLab(t, nil)
		task := l.task(`true`)
		task.Implementation.Metrics = "m.json"
		l.must(task, nil)
		if !strings.Contains(l.notes.String(), "no metrics") {
			t.Error("nobody is told")
		}
	})
}

func TestStaging(t *testing.T) {
	l := newLab(t, nil)
	failed := &worker.ItemFailure{Node: "fold", Code: steps.FailGPUOOM, Message: "It failed."}
	one := l.put("one", ">a\nMKV\n")
	two, three := l.put("two", "2"), l.put("three", "3")
	two.Index, three.Index = "2", "10"
	two.Metrics = map[string]float64{"score": 1.5}
	task := l.task(`printf '%s|' "$@" >o.txt; cat "$1" >>o.txt; cat "$5" >m.txt; ls -l "$1" | cut -c1-10 >>o.txt; ls "$4" >>o.txt`,
		"$(inputs.seq)", "$(inputs.many)", "$(inputs.many.dir)", "$(inputs.many.manifest)", "x=$(params.p)")
	task.Inputs = []worker.Input{
		{Port: steps.Port{Name: "seq", Type: "sequence", Formats: []string{"fasta"}, MaxLength: 3}, Items: []worker.Item{one}},
		{Port: notes("many", 1, 0), Items: []worker.Item{two, {Index: "5", Failed: failed}, three}},
	}
	task.Params = map[string]steps.Value{"p": value(t, 1.5)}
	task.Outputs = []steps.Port{note("o"), note("m")}
	task.Implementation.Collect = map[string]string{"o": "o.txt", "m": "m.txt"}
	r := l.must(task, nil)
	folder := l.Folder(task.RunID, "node", "", 1)
	in := filepath.Join(folder, "in")
	want := strings.Join([]string{in + "/seq.fasta", in + "/many/2.txt", in + "/many/10.txt", in + "/many", in + "/many.manifest.json", "x=1.5"}, "|") +
		"|>a\nMKV\n-r--r--r--\n10.txt\n2.txt\n"
	if got := l.read(r.Outputs["o"][0].URI); got != want {
		t.Errorf("the command was given\n%s\nwant\n%s", got, want)
	}
	var m worker.Manifest
	if err := json.Unmarshal([]byte(l.read(r.Outputs["m"][0].URI)), &m); err != nil {
		t.Fatal(err)
	}
	wantManifest := worker.Manifest{Port: "many", Items: []worker.ManifestItem{
		{Index: "2", Path: in + "/many/2.txt", URI: two.URI.String(), Metrics: two.Metrics},
		{Index: "5", Failed: failed},
		{Index: "10", Path: in + "/many/10.txt", URI: three.URI.String()},
	}}
	if d := cmp.Diff(wantManifest, m); d != "" {
		t.Error(d)
	}
}

// A command that writes into its inputs does not touch what was committed.
func TestInputsAreCopies(t *testing.T) {
	l := newLab(t, nil)
	item := l.put("x", "precious")
	task := l.task(`chmod u+w "$1"; echo gone >"$1"`, "$(inputs.x)")
	task.Inputs = []worker.Input{{Port: note("x"), Items: []worker.Item{item}}}
	l.must(task, nil)
	if got := l.read(item.URI); got != "precious" {
		t.Errorf("the store now holds %q", got)
	}
}

func TestStagingFailures(t *testing.T) {
	l := newLab(t, nil)
	good := l.put("good", ">a\nMKVL\n")
	changed := l.put("changed", ">a\nAAAA\n")
	changed.SHA256 = good.SHA256
	truncated := l.put("truncated", ">a\nMKV")
	truncated.SHA256, truncated.Size = good.SHA256, good.Size
	wrong := l.put("wrong", "MKV\n")
	gone := good
	gone.URI = l.root.Join("given", "gone")
	outside := worker.Item{URI: uriOf(t, "file:///etc/passwd")}
	failed := worker.Item{Failed: &worker.ItemFailure{Node: "fold"}}
	sequence := steps.Port{Name: "x", Type: "sequence", Formats: []string{"fasta"}}
	short := sequence
	short.MaxLength = 3
	many := notes("x", 2, 3)
	for i, c := range []struct {
		name    string
		port    steps.Port
		items   []worker.Item
		code    steps.FailureCode
		message string
	}{
		{"changed", sequence, []worker.Item{changed}, steps.FailInput, "is not what it was"},
		{"truncated", sequence, []worker.Item{truncated}, steps.FailInput, "is not what it was"},
		{"gone", sequence, []worker.Item{gone}, steps.FailInput, "is not there any more"},
		{"not allowed", sequence, []worker.Item{outside}, steps.FailInput, "may not be read"},
		{"wrong content", sequence, []worker.Item{wrong}, steps.FailInput, "It has no line that begins with '>'."},
		{"too long", short, []worker.Item{good}, steps.FailInput, "has a length of 4; this step takes at most 3"},
		{"two for one", sequence, []worker.Item{good, good}, steps.FailInput, "takes one value, not 2"},
		{"failed upstream", sequence, []worker.Item{failed}, steps.FailUpstream, "1 failed before"},
		{"too many failed upstream", many, []worker.Item{good, failed}, steps.FailUpstream, "1 failed before"},
		{"too few", many, []worker.Item{good}, steps.FailInput, "needs at least 2"},
		{"too many", many, []worker.Item{good, good, good, good}, steps.FailInput, "takes at most 3"},
		{"no uri", sequence, []worker.Item{{}}, steps.FailInput, "has no URI"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := *l
			l.t = t
			task := l.task(`touch `+filepath.Join(l.dir, "ran"), "$(inputs.x)")
			task.Index = task.Index.Child(i)
			task.Inputs = []worker.Input{{Port: c.port, Items: c.items}}
			l.wants(task, c.code, c.message)
		})
	}
	if _, err := os.Stat(filepath.Join(l.dir, "ran")); err == nil {
		t.Error("the command ran on an input that was refused")
	}
}

// What a user gives arrives as it is, in one element, whatever it says.
func TestHostileValues(t *testing.T) {
	l := newLab(t, nil)
	hostile := []string{
		`'; id #`, "$(id)", "`id`", "{{workflow.name}} {{=1+1}}", "a\nb", `"}],"args":[`, "$(inputs.x)", "$$(work)", "--help", "-rf /", "", " ", "\\", "é\u202e\U0001F9EC", "*", "~", "$HOME", "%s%n", "\x01\x7f",
	}
	command := []steps.Arg{{Templates: []string{"sh"}}, {Templates: []string{"-c"}}, {Templates: []string{`for a; do printf '%s\036' "$a"; done >o.txt`}}, {Templates: []string{"sh"}}}
	task := l.task("")
	task.Params = map[string]steps.Value{}
	for i, s := range hostile {
		name := fmt.Sprintf("p%d", i)
		task.Params[name] = value(t, s)
		command = append(command, steps.Arg{Templates: []string{"$(params." + name + ")"}}, steps.Arg{Templates: []string{"--x=$(params." + name + ")"}})
	}
	// A group goes as a whole.
	command = append(command, steps.Arg{Group: true, Templates: []string{"--gone", "$(params.unset)"}}, steps.Arg{Group: true, Templates: []string{"--there", "$(params.p0)"}})
	task.Implementation.Command = command
	task.Outputs = []steps.Port{note("o")}
	task.Implementation.Collect = map[string]string{"o": "o.txt"}
	r := l.must(task, nil)
	var want strings.Builder
	for _, s := range hostile {
		want.WriteString(s + "\x1e--x=" + s + "\x1e")
	}
	want.WriteString("--there\x1e" + hostile[0] + "\x1e")
	if got := l.read(r.Outputs["o"][0].URI); got != want.String() {
		t.Errorf("got\n%q\nwant\n%q", got, want.String())
	}
}

func TestHostileTasks(t *testing.T) {
	l := newLab(t, nil)
	for _, change := range []func(*worker.Task){
		func(t *worker.Task) { t.RunID = "../../etc" },
		func(t *worker.Task) { t.RunID = "" },
		func(t *worker.Task) { t.Node = ".." },
		func(t *worker.Task) { t.Node = "a/b" },
		func(t *worker.Task) { t.Index = "../x" },
		func(t *worker.Task) { t.Attempt = 0 },
		func(t *worker.Task) { t.Outputs = []steps.Port{note("../o")} },
		func(t *worker.Task) { t.Inputs = []worker.Input{{Port: note("../o")}} },
		func(t *worker.Task) { t.Outputs = []steps.Port{note("o"), note("o")} },
	} {
		task := l.task(`touch ` + filepath.Join(l.dir, "ran"))
		change(&task)
		r, f := l.Execute(context.Background(), task, nil)
		if r != nil || f == nil || f.Code != steps.FailInput {
			t.Errorf("%+v: %+v %+v", task, r, f)
		}
	}
	if _, err := os.Stat(filepath.Join(l.dir, "ran")); err == nil {
		t.Error("a command ran")
	}
}

func TestEnvironment(t *testing.T) {
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	l := newLab(t, func(o *worker.Options) { o.Path = "/usr/bin:/bin" })
	task := l.task("")
	task.Implementation.Command = []steps.Arg{{Templates: []string{"env"}}}
	task.Implementation.Env = map[string]string{"OMP_NUM_THREADS": "2", "TZ": "Asia/Tokyo"}
	l.must(task, &worker.Hooks{Env: map[string]string{"CUDA_VISIBLE_DEVICES": "1"}})
	lines := strings.Split(strings.TrimSpace(l.log(task)), "\n")
	slices.Sort(lines)
	folder := l.Folder(task.RunID, "node", "", 1)
	want := []string{"CUDA_VISIBLE_DEVICES=1", "HOME=" + folder + "/tmp", "LANG=C.UTF-8", "LIGASE_ATTEMPT=" + folder, "OMP_NUM_THREADS=2",
		"PATH=/usr/bin:/bin", "TMPDIR=" + folder + "/tmp", "TZ=Asia/Tokyo"}
	if d := cmp.Diff(want, lines); d != "" {
		t.Error(d)
	}
}

// The command ligase is this program.
func TestSelf(t *testing.T) {
	l := newLab(t, nil)
	task := l.task("")
	task.Implementation.Command = []steps.Arg{{Templates: []string{"ligase"}}, {Templates: []string{"baseline"}}}
	l.must(task, nil)
	if got := l.log(task); got != "baseline\n" {
		t.Errorf("%q", got)
	}
}

// A private folder that was used again holds nothing of the attempt before.
func TestFoldersAreFresh(t *testing.T) {
	l := newLab(t, nil)
	for i, script := range []string{`true`, `echo x >$TMPDIR/x`, `ls -A . "$TMPDIR" ..`, `mkdir d; chmod 0 d; chmod 0 .`, `chmod 755 "$TMPDIR"`, `ln -s / ../tmp2`, `true`, `ls -lA .. | cut -c1-10`} {
		task := l.task(script)
		task.Index = task.Index.Child(i)
		l.must(task, nil)
		switch i {
		case 2:
			if got := l.log(task); strings.Contains(got, "x") && !strings.Contains(got, "attempt") || strings.Contains(got, "\nx\n") {
				t.Errorf("not fresh:\n%s", got)
			}
		case 7:
			if got := l.log(task); strings.Count(got, "drwx------") != 2 || strings.Contains(got, "lrwx") || strings.Contains(got, "drwxr") {
				t.Errorf("not fresh:\n%s", got)
			}
		}
	}
}

// Attempts of many runs at once share, keep and remove the folders above them.
func TestManyAtOnce(t *testing.T) {
	l := newLab(t, nil)
	var group errgroup.Group
	group.SetLimit(4)
	for i := range 200 {
		group.Go(func() error {
			task := l.task(`[ -z "$(ls -A .)$(ls -A "$TMPDIR")" ] || exit 9; if [ $1 = 0 ]; then echo x >"$TMPDIR/x"; elif [ $1 = 1 ]; then echo x >x; fi`, fmt.Sprint(i%3))
			task.RunID = fmt.Sprintf("run-%d", i%90)
			if i%2 == 0 {
				task.Index = task.Index.Child(i)
			} else {
				task.Node = fmt.Sprintf("node%d", i)
			}
			if i%5 == 0 {
				task = worker.Task{RunID: task.RunID, Node: task.Node, Index: task.Index, Attempt: 1, Root: task.Root,
					Implementation: steps.Implementation{Command: []steps.Arg{{Templates: []string{"true"}}}}}
			}
			if _, f := l.Execute(context.Background(), task, nil); f != nil {
				return f
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
	l.clean()
}
