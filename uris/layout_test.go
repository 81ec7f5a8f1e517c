package uris_test

import (
	"testing"

	"github.com/ligase-bio/ligase/uris"
)

func TestLayout(t *testing.T) {
	f := uris.Layout{Root: uris.MustParse("s3://lab-data/team")}.Run("run-7k2m9c4xq0wd")
	const at = "s3://lab-data/team/runs/run-7k2m9c4xq0wd/"
	tests := []struct {
		got  uris.URI
		want string
	}{
		{f.Meta(), "meta.json"},
		{f.Input("structure", -1, "pdb"), "input/structure.pdb"},
		{f.Input("structures", 12, "pdb"), "input/structures-12.pdb"},
		{f.Result("fold", ""), "outputs/fold/result.json"},
		{f.Result("refine.fold", "3.5"), "outputs/refine.fold/3.5/result.json"},
		{f.Object("fold", "", 1, "structure", -1, "pdb"), "outputs/fold/structure.pdb"},
		{f.Object("fold", "3", 1, "structure", -1, "pdb"), "outputs/fold/3/structure.pdb"},
		{f.Object("fold", "3", 2, "models", 7, "pdb"), "outputs/fold/3/attempt-2/models/7.pdb"},
		{f.Object("rank", "", 1, "result", -1, "json"), "outputs/rank/attempt-1/result.json"},
		{f.Object("rank", "", 1, "result", -1, "csv"), "outputs/rank/result.csv"},
		{f.Log("fold", "3", 2), "logs/fold/3/attempt-2.log"},
		{f.Failure("fold", "", 1), "logs/fold/attempt-1.json"},
		{f.Started("fold", "", 1), "logs/fold/attempt-1.started.json"},
		{f.Started("fold", "3.5", 12), "logs/fold/3.5/attempt-12.started.json"},
		{f.Call(), "call.json"},
		{f.Final(2), "final-2.json"},
	}
	for _, test := range tests {
		if test.got.String() != at+test.want {
			t.Errorf("%s, want %s", test.got, at+test.want)
		}
		if again, err := uris.Parse(test.got.String()); err != nil || again != test.got {
			t.Errorf("%s parses as %v, %v", test.got, again, err)
		}
	}
}

// Every object of every shape must have a name of its own that leads back to
// its task.
func TestLayoutObject(t *testing.T) {
	seen := map[uris.URI]uris.ObjectRef{}
	for _, root := range []string{"file:///data/store", "s3://lab-data", "file:///"} {
		l := uris.Layout{Root: uris.MustParse(root)}
		for _, node := range []string{"fold", "refine.fold", "runs", "outputs", "attempt", "a0.b1"} {
			for _, ix := range []uris.Index{"", "0", "3", "3.5", "0.0.10"} {
				for _, attempt := range []int{1, 2, 11} {
					for _, port := range []string{"structure", "result", "attempt", "runs", "x1"} {
						for _, item := range []int{-1, 0, 7, 100} {
							for _, ext := range []string{"pdb", "json", "fasta.gz", ""} {
								want := uris.ObjectRef{RunID: "run-1", Node: node, Index: ix, Attempt: attempt, Port: port, Item: item, Ext: ext}
								u := l.Run("run-1").Object(node, ix, attempt, port, item, ext)
								if other, ok := seen[u]; ok {
									t.Fatalf("%s is %+v and %+v", u, want, other)
								}
								seen[u] = want
								if got, ok := l.Object(u); !ok || got != want {
									t.Fatalf("%s is %+v, %v; want %+v", u, got, ok, want)
								}
							}
						}
					}
					if u := l.Run("run-1").Result(node, ix); seen[u] != (uris.ObjectRef{}) {
						t.Fatalf("%s is the commit record and %+v", u, seen[u])
					}
				}
			}
		}
	}
}

func TestLayoutObjectOfOthers(t *testing.T) {
	l := uris.Layout{Root: uris.MustParse("s3://lab-data/team")}
	for _, text := range []string{
		"s3://lab-data/team",
		"s3://lab-data/team/runs/run-1",
		"s3://lab-data/team/runs/run-1/meta.json",
		"s3://lab-data/team/runs/run-1/input/structure.pdb",
		"s3://lab-data/team/runs/run-1/outputs/fold",
		"s3://lab-data/team/runs/run-1/outputs/fold/result.json",
		"s3://lab-data/team/runs/run-1/outputs/fold/3/result.json",
		"s3://lab-data/team/runs/run-1/outputs/fold/3",
		"s3://lab-data/team/runs/run-1/outputs/fold/03/structure.pdb",
		"s3://lab-data/team/runs/run-1/outputs/fold/attempt-1/structure.pdb",
		"s3://lab-data/team/runs/run-1/outputs/fold/attempt-02/structure.pdb",
		"s3://lab-data/team/runs/run-1/outputs/fold/attempt--2/structure.pdb",
		"s3://lab-data/team/runs/run-1/outputs/fold/models/x.pdb",
		"s3://lab-data/team/runs/run-1/outputs/fold/models/+7.pdb",
		"s3://lab-data/team/runs/run-1/outputs/fold/models/7/8.pdb",
		"s3://lab-data/team/runs/run-1/logs/fold/attempt-1.log",
		"s3://lab-data/other/runs/run-1/outputs/fold/structure.pdb",
		"s3://lab-data-2/team/runs/run-1/outputs/fold/structure.pdb",
	} {
		if ref, ok := l.Object(uris.MustParse(text)); ok {
			t.Errorf("%s is taken for %+v", text, ref)
		}
	}
}

func TestIndex(t *testing.T) {
	for _, text := range []string{"", "0", "3", "3.5", "10.0.2", "1.2.3.4.5.6.7.8"} {
		if ix, err := uris.ParseIndex(text); err != nil || string(ix) != text {
			t.Errorf("ParseIndex(%q) = %q, %v", text, ix, err)
		}
	}
	for _, text := range []string{".", "3.", ".5", "03", "-1", "+1", "a", "3,5", " 3", "1.2.3.4.5.6.7.8.9", "2147483648", "３"} {
		if ix, err := uris.ParseIndex(text); err == nil {
			t.Errorf("ParseIndex(%q) = %q", text, ix)
		}
	}
	order := []uris.Index{"", "0", "0.0", "0.10", "2", "2.3", "2.3.0", "10", "10.1"}
	for i, a := range order {
		for j, b := range order {
			if got := a.Compare(b); (got < 0) != (i < j) || (got > 0) != (i > j) {
				t.Errorf("%q against %q: %d", a, b, got)
			}
		}
	}
	ix := uris.Index("").Child(3).Child(15).Child(0)
	if ix != "3.15.0" || ix.Depth() != 3 || ix.Last() != 0 || uris.Index("").Last() != -1 || uris.Index("").Depth() != 0 {
		t.Errorf("%q: depth %d, last %d", ix, ix.Depth(), ix.Last())
	}
	for depth, want := range []uris.Index{"", "3", "3.15", "3.15.0", "3.15.0"} {
		if got := ix.Prefix(depth); got != want {
			t.Errorf("%q.Prefix(%d) = %q", ix, depth, got)
		}
	}
}
