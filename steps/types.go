package steps

// Types is the lattice of semantic types.
type Types struct{}
