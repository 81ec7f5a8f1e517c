// Package gpu tests steps on a real GPU: what a worker sees and says of it,
// with a CUDA program that takes no CUDA toolkit (testdata/occupy.c).
//
// Its tests are behind the build tag gpu; `make test-gpu` runs them. Without
// the tag the program is only compiled, as that takes no GPU.
package gpu

import "os/exec"

// compile makes the CUDA program, from this package's folder.
func compile(program string) ([]byte, error) {
	return exec.Command("cc", "-O2", "-Wall", "-Wextra", "-Werror", "-o", program, "testdata/occupy.c", "-ldl").CombinedOutput()
}
