package uris_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"

	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/uris"
)

func Example() {
	ctx := context.Background()
	root := uris.MustParse("mem://lab-data/team")
	store, err := uris.NewStore(uris.Options{Roots: []uris.Root{{URI: root, Write: true}}})
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()

	// A task puts what it made, and then commits: once, whoever else tries.
	run := uris.Layout{Root: root}.Run("run-7k2m9c4xq0wd")
	model := run.Object("refine.fold", "3", 1, "structure", -1, "pdb")
	put, err := store.Put(ctx, model, strings.NewReader("HEADER    MODEL\nEND\n"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(model)
	for range 2 {
		err := store.PutIfAbsent(ctx, run.Result("refine.fold", "3"), []byte("{}"))
		fmt.Println("committed:", err == nil, "already there:", errors.Is(err, problem.ErrExists))
	}

	// Another stages it, and knows that it is what was made.
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	staged, err := store.Stage(ctx, model, filepath.Join(dir, "model.pdb"), &uris.StageOptions{Size: put.Size, SHA256: put.SHA256})
	if err != nil {
		log.Fatal(err)
	}
	head, err := os.ReadFile(staged.Path)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%q\n", uris.Preview(head, 1, 80))

	// Nothing else is reachable.
	_, err = store.Open(ctx, uris.MustParse("file:///etc/passwd"))
	fmt.Println(err)
	// Output:
	// mem://lab-data/team/runs/run-7k2m9c4xq0wd/outputs/refine.fold/3/structure.pdb
	// committed: true already there: false
	// committed: false already there: true
	// ["HEADER    MODEL"]
	// file:///etc/passwd: refused: it is not below a folder that may be read (mem://lab-data/team); add its folder to the installation's configuration
}

func ExampleParse() {
	_, err := uris.Parse("s3://lab-data/%2e%2e/x")
	fmt.Println(err)
	// Output:
	// URI "s3://lab-data/%2e%2e/x" refused: it holds "%". URIs are not decoded: write the characters themselves. A file with a percent sign in its name must be renamed.
}

func ExampleLayout_Object() {
	layout := uris.Layout{Root: uris.MustParse("s3://lab-data/team")}
	u := uris.MustParse("s3://lab-data/team/runs/run-7k2m9c4xq0wd/outputs/refine.fold/3.5/models/7.pdb")
	if ref, ok := layout.Object(u); ok {
		fmt.Println(ref.Node, ref.Index, ref.Port, ref.Item)
		fmt.Println(layout.Run(ref.RunID).Result(ref.Node, ref.Index))
	}
	// Output:
	// refine.fold 3.5 models 7
	// s3://lab-data/team/runs/run-7k2m9c4xq0wd/outputs/refine.fold/3.5/result.json
}
