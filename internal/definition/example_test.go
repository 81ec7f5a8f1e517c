package definition_test

import (
	"fmt"

	"github.com/ligase-bio/ligase/internal/definition"
)

func Example() {
	doc := definition.Parse("fold.yaml", []byte(`
name: fold
version: 1.0
gpus: two
implementation: {}
`))
	f := doc.Root().Fields()
	name := f.Need("name").Text()
	f.Need("version").Text()
	f.Get("gpus").Int(0, 64)
	f.Need("implementations").Entries()
	f.Done()

	fmt.Println(name)
	for _, p := range doc.Problems() {
		fmt.Println(p)
	}
	// Output:
	// fold
	// fold.yaml:3: version: This is the number 1.0 where text is wanted. Put it in quotes: "1.0".
	// fold.yaml:4: gpus: This is the text "two" where a whole number is wanted. Write a whole number.
	// fold.yaml:5: implementation: There is no field "implementation". Did you mean "implementations"?
}
