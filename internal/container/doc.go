// Package container knows the programs that run images on one machine, podman
// and docker: which of them is here and what it can do, which commands belong
// into a container, and what to say to it.
//
// It is the pure part: words for a command line, and what comes back. Whoever
// runs a container (steps/worker) starts the program, watches it and ends it.
// The one thing that is done here is asking a program what it is ([Host.Program]).
package container
