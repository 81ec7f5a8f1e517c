package pod

import "golang.org/x/sys/unix"

// hideEnvironment keeps other processes of the same user from reading this
// process's environment and memory, where the store's credentials are. A
// process of root that has CAP_SYS_PTRACE can all the same.
func hideEnvironment() error {
	return unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)
}
